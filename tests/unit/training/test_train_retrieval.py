"""Training the paper's network: its pictures, its schedule, and what it writes."""

import importlib.util
import json

import cv2
import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import UnreadableInputError, UsageError
from facestudio.retrieval.encoder import open_encoder
from facestudio.synthesis.recognition import CONDITIONS
from facestudio.training.retrieval.paper_cnn import Schedule, save_onnx, train_paper_cnn
from facestudio.training.retrieval.pictures import LabelledFaces, drawn_faces, folder_faces, split_faces

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None or importlib.util.find_spec("onnx") is None,
    reason='needs the extra "train" (torch, onnx)',
)


def _people(count, each, seed=0):
    """Return pictures that are easy to tell apart: a bright bar at another height for each person."""
    rng = np.random.default_rng(seed)
    faces = rng.integers(0, 60, (count * each, 224, 224, 3)).astype(np.uint8)
    labels = np.repeat(np.arange(count), each).astype(np.int32)
    for face, person in zip(faces, labels, strict=True):
        face[20 + 50 * person : 50 + 50 * person] += 150
    return LabelledFaces(faces, labels, tuple(f"p{i}" for i in range(count)))


def test_training_and_tests_share_no_light_no_turn_and_no_expression():
    train, test = CONDITIONS["train"], CONDITIONS["test"]
    assert not set(train.expressions) & set(test.expressions)
    for known, unknown in ((train.yaw, test.yaw), (train.light, test.light)):
        for low, high in known:
            assert all(high <= other_low or other_high <= low for other_low, other_high in unknown)
    assert all(low >= -15 and high <= 15 for low, high in test.yaw)


def test_drawn_faces_are_kept_and_the_same_again(tmp_path):
    database = load_database()
    few = database.without(*database.ids[3:])
    first = drawn_faces(few, 2, "test", 1, tmp_path)
    assert first.faces.shape == (6, 224, 224, 3)
    assert first.labels.tolist() == [0, 0, 1, 1, 2, 2]
    said = []
    again = drawn_faces(few, 2, "test", 1, tmp_path, said.append)
    np.testing.assert_array_equal(again.faces, first.faces)
    assert not said
    other = drawn_faces(few, 2, "test", 2, tmp_path)
    assert np.abs(other.faces.astype(int) - first.faces).mean() > 5


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder for each of two people, with a picture without a face and a broken one among them."""
    folder = tmp_path_factory.mktemp("people")
    database = load_database()
    drawn = drawn_faces(database.without(*database.ids[2:]), 3, "test", 4, folder / "drawn")
    for number, (face, label) in enumerate(zip(drawn.faces, drawn.labels, strict=True)):
        own = folder / "photos" / f"person{label}"
        own.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(own / f"{number}.png"), cv2.cvtColor(face, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(own / "none.png"), np.full((200, 200, 3), 90, dtype=np.uint8))
    (own / "broken.jpg").write_bytes(b"no picture")
    (own / "notes.txt").write_text("not a photo")
    return folder / "photos"


def test_a_folder_for_each_person(photos):
    said = []
    found = folder_faces(photos, said.append)
    assert found.people == ("person0", "person1")
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert any("broken.jpg" in line for line in said)
    assert any("none.png: no face" in line for line in said)


def test_a_list_of_path_and_label(photos, tmp_path):
    lines = [f"{p.resolve()} {p.parent.name[-1]}" for p in sorted(photos.glob("person*/[0-9].png"))]
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(lines) + "\n\n")
    assert folder_faces(listed).people == ("0", "1")
    listed.write_text("alone\n")
    with pytest.raises(UnreadableInputError, match="line 1"):
        folder_faces(listed)
    listed.write_bytes(b"\xff\xfe\x00\x9f")
    with pytest.raises(UnreadableInputError):
        folder_faces(listed)
    with pytest.raises(UnreadableInputError, match="two people"):
        folder_faces(tmp_path)


def test_of_each_person_something_is_left_out():
    train, test = split_faces(_people(3, 5))
    assert np.bincount(train.labels).tolist() == [4, 4, 4]
    assert np.bincount(test.labels).tolist() == [1, 1, 1]


@needs_torch
def test_the_network_learns_goes_on_where_it_was_stopped_and_is_the_same_in_onnx(tmp_path):
    import torch

    train, test = _people(3, 12), _people(3, 4, seed=1)
    _, log = train_paper_cnn(train, test, Schedule(epochs=4), tmp_path / "a")
    assert log[-1].test_rank1 > 0.9

    class StopError(Exception):
        pass

    def stop(line):
        if line.startswith("epoch 2"):
            raise StopError

    # The second epoch is done but not kept: it is done again.
    with pytest.raises(StopError):
        train_paper_cnn(train, test, Schedule(epochs=4), tmp_path / "b", stop)
    network, resumed = train_paper_cnn(train, test, Schedule(epochs=4), tmp_path / "b")
    assert [one.epoch for one in resumed] == [1, 2, 3, 4]
    assert resumed[-1].test_rank1 > 0.9
    lines = (tmp_path / "b" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]
    with pytest.raises(UsageError, match="another training"):
        train_paper_cnn(train, test, Schedule(epochs=5), tmp_path / "b")

    save_onnx(network, train.people, "bars", tmp_path / "bars.onnx")
    encoder = open_encoder(tmp_path / "bars.onnx")
    assert encoder.people == train.people
    with torch.no_grad():
        _, scores = network(torch.tensor(test.faces.transpose(0, 3, 1, 2).astype(np.float32)))
    np.testing.assert_allclose(encoder.scores(test.faces), scores.numpy(), rtol=1e-3, atol=1e-3)
