"""What real and drawn photos tell each other, and the networks learnt of many."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.cli.main import main
from facestudio.database.archive import save_arrays
from facestudio.database.model import load_database
from facestudio.errors import UnreadableInputError
from facestudio.geometry.camera import project
from facestudio.landmarks.asm.model import AsmModel, asm_arrays, load_asm_file
from facestudio.landmarks.asm.stages import NetworkStage, forward
from facestudio.landmarks.asm.view import MeshView, PoseShift, pose_terms
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import LandmarkMap
from facestudio.synthesis.studio import studio_photo
from facestudio.template.model import load_template
from facestudio.training.asm import learn, network
from facestudio.training.asm.annotated import AnnotatedPhoto, read_annotated_folder
from facestudio.training.asm.kinds import in_real_convention, learn_kind, learn_shift, learn_view
from facestudio.training.asm.options import AsmOptions
from facestudio.training.asm.train import train_asm

PHOTOS = 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[AnnotatedPhoto]:
    """Drawn photos; of half of them the points are given as if set by hand, of half with what else is known."""
    folder = tmp_path_factory.mktemp("kinds")
    database, template = load_database(), load_template()
    for i in range(2 * PHOTOS):
        shot = studio_photo(
            database.vertices(i % 8), database.skins[i % 8], np.random.default_rng([5, i]), size=256
        )
        points, _ = project(shot.camera, template.ibug68.points(shot.posed()))
        Image.fromarray(shot.photo.pixels).save(folder / f"p{i:02}.png")
        if i < PHOTOS:
            rows = "\n".join(f"{x + 1} {y + 1}" for x, y in points)
            (folder / f"p{i:02}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
        else:
            meta = json.dumps({"yaw": float(i - 18), "pitch": 0.0})
            save_arrays(folder / f"p{i:02}.npz", {"ibug68": points, "meta": np.array(meta)})
    return read_annotated_folder(folder)[0]


@pytest.fixture(scope="module")
def both(photos: list[AnnotatedPhoto]) -> AsmModel:
    """A model of both kinds, the drawn ones being called many."""
    patch = pytest.MonkeyPatch()
    patch.setattr(learn, "MANY", 10)
    patch.setattr(network, "EPOCHS", 2)
    try:
        return train_asm(photos, AsmOptions(copies=0, synthetic_copies=0))[0]
    finally:
        patch.undo()


def test_both_kinds_have_a_model_of_their_own(both: AsmModel, photos: list[AnnotatedPhoto]) -> None:
    assert (both.provenance["photos"], both.provenance["synthetic"]) == (2 * PHOTOS, PHOTOS)
    assert both.drawn is not None
    assert isinstance(both.drawn.stages[0], NetworkStage)
    picture = photos[0].load()
    (face,) = locate_faces(picture)
    for method in ("combined", "asm"):
        found = locate_landmarks(picture, face, method, model=both)
        eyes = np.linalg.norm(photos[0].points[45] - photos[0].points[36])
        assert np.linalg.norm(found.points - photos[0].points, axis=1).mean() < 0.1 * eyes
        assert (np.linalg.eigvalsh(found.covariance) > 0).all()


def test_a_model_of_both_kinds_survives_its_file(both: AsmModel, tmp_path: Path) -> None:
    save_arrays(tmp_path / "asm.npz", asm_arrays(both))
    read = load_asm_file(tmp_path / "asm.npz")
    assert read.drawn is not None
    assert both.drawn is not None
    assert read.kind is not None
    assert both.kind is not None
    np.testing.assert_allclose(read.kind.weights, both.kind.weights)
    stage, written = read.drawn.stages[1], both.drawn.stages[1]
    assert isinstance(stage, NetworkStage)
    assert isinstance(written, NetworkStage)
    for a, b in zip(stage.layers, written.layers, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4)
    mesh = np.random.default_rng(0).normal(size=(478, 2))
    np.testing.assert_allclose(read.begin(mesh), both.begin(mesh), rtol=1e-4, atol=1e-4)


def test_the_part_for_drawn_photos_can_be_taken_from_another_model(
    both: AsmModel, photos: list[AnnotatedPhoto], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_arrays(tmp_path / "asm.npz", asm_arrays(both))
    folder = str(photos[0].path.parent)
    how = ["--copies", "0", "--synthetic-copies", "0", "--quiet"]
    command = ["train", "asm", "--data", folder, "--output", str(tmp_path / "other.npz"), *how]
    assert main([*command, "--drawn", str(tmp_path / "asm.npz")]) == 0
    with np.load(tmp_path / "asm.npz") as before, np.load(tmp_path / "other.npz") as after:
        kept = [name for name in before.files if name.startswith(("drawn_", "view_"))]
        assert kept
        for name in kept:
            np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    # A model of real photos alone has none; without both kinds of photos there is nothing to learn.
    only = [photo for photo in photos if not photo.synthetic]
    save_arrays(tmp_path / "real.npz", asm_arrays(train_asm(only, AsmOptions(copies=0))[0]))
    assert main([*command, "--overwrite", "--drawn", str(tmp_path / "real.npz")]) == 5
    assert "real.npz was not trained on drawn photos" in capsys.readouterr().err
    with pytest.raises(UnreadableInputError, match="real and synthetic photos are needed"):
        train_asm(only, AsmOptions(copies=0), known=both.drawn)


def test_few_drawn_photos_get_local_experts(photos: list[AnnotatedPhoto]) -> None:
    model, report = train_asm(photos, AsmOptions(copies=0, synthetic_copies=0))
    assert model.drawn is not None
    assert not isinstance(model.drawn.stages[0], NetworkStage)
    assert model.shift is None
    assert report.synthetic == PHOTOS


def test_the_derivatives_of_the_network_are_those_of_its_loss() -> None:
    rng = np.random.default_rng(0)
    sizes = (5, 7, 6, 4)
    layers = [
        part.astype(np.float32)
        for a, b in pairwise(sizes)
        for part in (rng.normal(size=(a, b)), rng.normal(size=b))
    ]
    x, y = rng.normal(size=(3, 5)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)
    each = np.array([1, 2, 0.5], np.float32)

    class Keep:
        """Drops nothing."""

        def random(self, shape: tuple[int, ...], dtype: type = float) -> np.ndarray:
            return np.ones(shape, dtype)

    def loss() -> float:
        off = (forward(tuple(layers), x) - y).reshape(3, 2, 2).astype(np.float64)
        length = np.sqrt((off**2).sum(axis=2) + network._BLUNT**2)
        return float((each[:, None] * length).sum() / 6)

    dropped = network._DROPPED
    network._DROPPED = (0.0, 0.0, 0.0)  # type: ignore[misc]
    try:
        slopes = network._slopes(layers, x, y, each, Keep())  # type: ignore[arg-type]
    finally:
        network._DROPPED = dropped  # type: ignore[misc]
    for layer, slope in zip(layers, slopes, strict=True):
        at = tuple(int(rng.integers(n)) for n in layer.shape)
        before = layer[at]
        layer[at] = before + np.float32(0.01)
        above = loss()
        layer[at] = before - np.float32(0.01)
        below = loss()
        layer[at] = before
        assert slope[at] == pytest.approx((above - below) / 0.02, abs=5e-3)


def test_a_network_learns_what_a_line_cannot() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4000, 6)).astype(np.float32)
    goal = np.stack([np.abs(x[:, :2]), x[:, 2:4]], axis=1).astype(np.float64)
    layers = network.train_layers(x[:3000], goal[:3000], np.ones(3000), 1, epochs=15)
    off = forward(layers, x[3000:]).reshape(-1, 2, 2) - goal[3000:]
    constant = np.abs(np.abs(x[3000:, :2]) - np.abs(x[3000:, :2]).mean()).mean()
    assert np.abs(off[:, 0]).mean() < 0.7 * constant
    again = network.train_layers(x[:3000], goal[:3000], np.ones(3000), 1, epochs=15)
    assert all(np.array_equal(a, b) for a, b in zip(layers, again, strict=True))


def test_the_pose_is_read_and_moves_nothing_seen_from_the_front() -> None:
    """Meshes that turn: the shift that turning causes is found, whatever the constant between points and mesh."""
    rng = np.random.default_rng(2)
    base = rng.normal(size=(478, 3)) * (1.0, 1.2, 0.4)
    yaw = rng.uniform(-0.9, 0.9, 600)
    c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    meshes = np.stack([base[:, 0] * c + base[:, 2] * s, np.tile(base[:, 1], (600, 1))], axis=2)
    start = LandmarkMap(np.arange(68)[:, None], np.ones((68, 1)), np.zeros((68, 2, 2)))
    truth = meshes[:, :68] + np.array([0.3, 0.1]) + np.sin(yaw)[:, None, None] * np.array([0.2, 0.0])
    view = learn_view(meshes.astype(np.float32), yaw, np.zeros(600))
    shift = learn_shift(view, meshes.astype(np.float32), truth, start)
    for i in (3, 4, 5):
        terms = view.terms(view.coefficients(meshes[i]))
        assert terms[0] == pytest.approx(np.sin(yaw[i]), abs=0.03)
        expected = np.tile([0.2 * np.sin(yaw[i]), 0], (68, 1))
        np.testing.assert_allclose(shift.apply(meshes[i]), expected, atol=0.04)
    front = PoseShift(MeshView(view.mean, view.basis, np.zeros_like(view.pose)), shift.shifts)
    np.testing.assert_allclose(front.apply(meshes[0]), 0)
    assert (pose_terms(np.array(0.0), np.array(0.0)) == 0).all()


def test_the_kind_is_told_and_conventions_are_brought_together() -> None:
    rng = np.random.default_rng(3)
    real, drawn = rng.normal(size=(100, 68, 8)), rng.normal(size=(300, 68, 8))
    drawn[:, :, 0] += 1.0
    kind = learn_kind(real[:50].astype(np.float32), drawn[:150].astype(np.float32))
    assert np.mean([kind.drawn(one) < 0.5 for one in real[50:].astype(np.float32)]) > 0.9
    assert np.mean([kind.drawn(one) > 0.5 for one in drawn[150:].astype(np.float32)]) > 0.7
    start = rng.normal(size=(40, 68, 2))
    truth = in_real_convention((start, start + 1), (start, start + 3), np.linspace(-40, 40, 40))
    np.testing.assert_allclose(truth, start + 1)
