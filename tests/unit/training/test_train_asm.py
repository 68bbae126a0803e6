"""Training an Active Shape Model end to end: on photos drawn here, and on the shared ones where they are."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.cli.main import main
from facestudio.database.archive import save_arrays
from facestudio.database.model import load_database
from facestudio.errors import ModelError, UnreadableInputError
from facestudio.geometry.camera import project
from facestudio.landmarks.asm.canvas import SIDE
from facestudio.landmarks.asm.model import AsmModel, asm_arrays, load_asm_file
from facestudio.landmarks.combine import LANDMARK_METHODS, combine_errors, locate_landmarks
from facestudio.landmarks.files import save_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.synthesis.studio import studio_photo
from facestudio.template.model import load_template
from facestudio.training.asm.annotated import AnnotatedPhoto, read_annotated_folder
from facestudio.training.asm.augment import Augmentation, place, spoil
from facestudio.training.asm.options import AsmOptions, person_folds
from facestudio.training.asm.starts import nearest_map
from facestudio.training.asm.train import train_asm
from facestudio.values import Landmarks

PHOTOS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos with the true points beside them, as .pts files."""
    folder = tmp_path_factory.mktemp("photos")
    database, template = load_database(), load_template()
    for i in range(PHOTOS):
        rng = np.random.default_rng([5, i])
        shot = studio_photo(database.vertices(i), database.skins[i], rng, size=320)
        points, _ = project(shot.camera, template.ibug68.points(shot.posed()))
        Image.fromarray(shot.photo.pixels).save(folder / f"p{i}.png")
        save_landmarks(folder / f"p{i}.pts", Landmarks.of("ibug68", points, sigma=1, method="file"))
    return folder


@pytest.fixture(scope="module")
def photos(folder: Path) -> list[AnnotatedPhoto]:
    return read_annotated_folder(folder)[0]


@pytest.fixture(scope="module")
def trained(photos: list[AnnotatedPhoto]) -> AsmModel:
    return train_asm(photos, AsmOptions(copies=1))[0]


def test_a_model_comes_out_whose_every_method_finds_the_points(
    trained: AsmModel, photos: list[AnnotatedPhoto]
) -> None:
    assert trained.provenance["photos"] == PHOTOS
    for photo in photos[:3]:
        picture = photo.load()
        (face,) = locate_faces(picture)
        eyes = np.linalg.norm(photo.points[45] - photo.points[36])
        for method in LANDMARK_METHODS:
            found = locate_landmarks(picture, face, method, model=trained)
            assert (found.scheme, found.method) == ("ibug68", method)
            assert np.linalg.norm(found.points - photo.points, axis=1).mean() < 0.1 * eyes
            assert (np.linalg.eigvalsh(found.covariance) > 0).all()


def test_the_same_seed_gives_the_same_bytes(
    photos: list[AnnotatedPhoto], trained: AsmModel, tmp_path: Path
) -> None:
    again, _ = train_asm(photos, AsmOptions(copies=1))
    for name, model in (("a.npz", trained), ("b.npz", again)):
        save_arrays(tmp_path / name, asm_arrays(model))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_model_survives_its_file(trained: AsmModel, tmp_path: Path) -> None:
    save_arrays(tmp_path / "asm.npz", asm_arrays(trained))
    read = load_asm_file(tmp_path / "asm.npz")
    np.testing.assert_allclose(read.shape.mean, trained.shape.mean)
    np.testing.assert_allclose(read.stages[0].weights, trained.stages[0].weights)
    assert read.provenance["seed"] == 1
    assert read.reader is not None
    assert trained.reader is not None
    np.testing.assert_allclose(read.reader.share, trained.reader.share)
    weights = trained.reader.step.weights
    np.testing.assert_allclose(read.reader.step.weights, weights, atol=1e-3 * np.abs(weights).max())


def test_the_more_unusual_a_photo_the_less_the_asm_counts(trained: AsmModel) -> None:
    usual, unusual = (np.full((68, 4), value) for value in (0.0, 3.0))
    weight, covariance = combine_errors(trained, usual)
    wary, wide = combine_errors(trained, unusual)
    assert ((weight >= 0) & (weight <= 1)).all()
    assert np.trace(wide, axis1=1, axis2=2).mean() > np.trace(covariance, axis1=1, axis2=2).mean()
    assert ((wary >= 0) & (wary <= 1)).all()
    # However sure of itself, the combination is no less sure than the better of the two.
    joint = trained.errors.covariance
    best = np.minimum(*(np.trace(joint[:, b, b], axis1=1, axis2=2) for b in (slice(0, 2), slice(2, 4))))
    factor = np.exp(trained.errors.weights[:, 0]).max()
    assert (np.trace(covariance, axis1=1, axis2=2) <= factor * best + 0.1).all()


@pytest.mark.parametrize("damage", ["text", "missing", "truncated", "newer", "shape", "reader"])
def test_a_damaged_model_is_named(trained: AsmModel, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "asm.npz"
    arrays = asm_arrays(trained)
    if damage == "newer":
        arrays["meta"] = np.array(json.dumps({**json.loads(str(arrays["meta"])), "format": 99}))
    if damage == "shape":
        arrays["stage0_weights"] = arrays["stage0_weights"][:5]
    if damage == "reader":
        arrays["reader_chosen"] = arrays["reader_chosen"][:5]
    if damage != "missing":
        save_arrays(path, arrays)
    if damage == "text":
        path.write_text("no model")
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ModelError, match=r"asm\.npz"):
        load_asm_file(path)


def test_the_command_trains_and_lists_what_it_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    (data / "p0.pts").write_text("1 2\n3 4\n")
    (data / "p1.png").unlink()
    shutil.copy(data / "p2.png", data / "q2.png")
    shutil.copy(data / "p2.pts", data / "q2.pts")
    output = tmp_path / "mine.npz"
    command = ["train", "asm", "--data", str(data), "--copies", "0", "--output", str(output)]
    assert main([*command, "--licence", "CC0-1.0", "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["photos"] == PHOTOS - 1
    assert {Path(one["file"]).name for one in document["left_out"]} == {"p0.pts", "p1.pts"}
    assert "p0.pts" in err
    assert "p1.pts" in err
    assert load_asm_file(output).provenance["licence"] == "CC0-1.0"
    assert main([*command, "--quiet"]) == 6  # it is there already
    points = tmp_path / "points.json"
    landmarks = ["landmarks", str(data / "p3.png"), "--output", str(points), "--model", str(output)]
    assert main([*landmarks, "--quiet"]) == 0
    assert len(json.loads(points.read_text())["faces"][0]["landmarks_2d"]) == 68


def test_too_few_photos_are_an_error(photos: list[AnnotatedPhoto]) -> None:
    with pytest.raises(UnreadableInputError, match="at least"):
        train_asm(photos[:5], AsmOptions(copies=0))


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert main(["train", "asm", "--data", str(tmp_path / "no"), "--output", str(tmp_path / "a.npz")]) == 4


def test_changed_copies_keep_their_points() -> None:
    """A dot drawn at a point is where the point goes."""
    picture = np.full((400, 400, 3), 30, np.uint8)
    points = np.random.default_rng(0).uniform(120, 280, (68, 2))
    points[0] = 200, 210
    picture[207:214, 197:204] = 255
    for seed in range(8):
        rng = np.random.default_rng(seed)
        drawn, there = place(picture, points, rng, Augmentation(face_pixels=(150.0, 300.0)))
        grey = drawn.mean(axis=2)
        y, x = np.argwhere(grey > 0.7 * grey.max()).mean(axis=0)
        np.testing.assert_allclose((x, y), there[0], atol=1.0)
        spoilt = spoil(drawn, there, rng, Augmentation())
        assert (spoilt.shape, spoilt.dtype) == (drawn.shape, np.uint8)


def test_people_are_never_split_over_folds() -> None:
    people = [f"{i % 9}" for i in range(40)]
    folds = person_folds(people, 4, 1)
    assert all(
        len({int(f) for f, p in zip(folds, people, strict=True) if p == name}) == 1 for name in set(people)
    )
    assert set(folds.tolist()) == {0, 1, 2, 3}


def test_the_canvas_is_large_enough_for_the_mean_shape(trained: AsmModel) -> None:
    from facestudio.landmarks.asm.canvas import canvas_frame

    frame = canvas_frame(trained.shape.mean)
    assert frame.min() > 10
    assert frame.max() < SIDE - 10


def test_any_68_points_can_start_from_the_mesh() -> None:
    from facestudio.training.landmark_map import AnnotatedFace

    rng = np.random.default_rng(3)
    mesh = rng.normal(size=(478, 3))
    faces = [AnnotatedFace("", mesh, mesh[100:168, :2], 1.0)]
    prior = nearest_map(faces)
    assert (prior.points[:, 0] == np.arange(100, 168)).all()
    np.testing.assert_allclose(prior.weights.sum(axis=1), 1)


@pytest.mark.slow
def test_twenty_shared_photos_train_in_seconds(tmp_path: Path) -> None:
    source = os.environ.get("FACESTUDIO_WEBMORPH")
    if not source:
        pytest.skip("FACESTUDIO_WEBMORPH does not name a folder of annotated photos")
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(Path(source) / "tem189_to_ibug68.json", data)
    for path in sorted(Path(source).rglob("*.tem"))[:20]:
        for file in (path, path.with_suffix(".jpg")):
            shutil.copy(file, data)
    output = tmp_path / "asm.npz"
    assert (
        main(["train", "asm", "--data", str(data), "--copies", "1", "--output", str(output), "--quiet"]) == 0
    )
    assert load_asm_file(output).provenance["photos"] == 20
