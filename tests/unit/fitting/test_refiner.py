"""The point refiner: exact where gradients say all, the same in turned pictures, and kept without loss."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facestudio.database.archive import save_arrays
from facestudio.errors import ModelError
from facestudio.fitting.evidence import mixed
from facestudio.fitting.fit_values import Evidence
from facestudio.fitting.refiner import (
    WIDE_FEATURES,
    RefinerStage,
    WideLayout,
    load_refiner,
    load_refiner_file,
    refiner_arrays,
)
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.photo import load_photo


def _still(shift: tuple[float, float]) -> RefinerStage:
    """Return a stage that says the same of every face."""
    return RefinerStage(
        np.zeros(WIDE_FEATURES), np.zeros((WIDE_FEATURES, 2)), np.zeros((2, 956)), np.tile(shift, 478)
    )


def test_displacements_are_millimetres_of_the_upright_face() -> None:
    refiner = replace(load_refiner(), stages=(_still((2.0, 0.0)),))
    flat = np.concatenate([refiner.layout.flat, np.zeros((10, 2))])
    turn = 3.0 * np.array([[0.0, -1.0], [1.0, 0.0]])
    mesh = flat @ turn.T + 300
    moved = refiner.refine(np.zeros((640, 640, 3), np.uint8), mesh) - mesh
    np.testing.assert_allclose(moved, np.tile([0.0, 6.0], (478, 1)), atol=1e-9)


def test_the_wide_chip_shows_what_lies_beside_the_points() -> None:
    layout = load_refiner().layout
    mesh = layout.flat * 2 + 320
    radius = np.abs(layout.flat).max() * 2
    y, x = np.mgrid[0:640, 0:640]
    picture = np.repeat((np.hypot(x - 320, y - 320) > radius * 1.02)[:, :, None] * np.uint8(200), 3, axis=2)
    chip = layout.cut(picture, mesh)
    assert chip.shape == (176, 176)
    assert chip[88, 88] == 0
    assert (chip > 150).sum() > 100


def test_the_shipped_refiner_brings_points_nearer(sample_photo: Path) -> None:
    photo = load_photo(sample_photo)
    mesh = locate_faces(photo, max_faces=1)[0].mesh.points
    refiner = load_refiner()
    refined = refiner.refine(photo.pixels, mesh)
    size = float(np.linalg.norm(mesh[33] - mesh[263]))
    moved = np.linalg.norm(refined - mesh, axis=1)
    assert np.isfinite(refined).all()
    assert 0 < moved.mean() < 0.06 * size
    assert moved.max() < 0.3 * size


def test_a_layout_is_that_of_its_points() -> None:
    layout = WideLayout(load_refiner().layout.flat)
    np.testing.assert_allclose(layout.to_picture(layout.flat * 4 + 7), 4 * np.eye(2), atol=1e-9)


def test_mixed_evidence_is_no_surer_than_either() -> None:
    a = Evidence(np.zeros((2, 2)), np.full((2, 2), 3.0), np.full((4, 1), 2.0))
    b = Evidence(np.ones((2, 2)), np.full((2, 2), 1.0), np.full((4, 1), 1.0))
    half = mixed(a, b, 0.5)
    np.testing.assert_allclose(half.pixels, 0.5)
    np.testing.assert_allclose((half.factor**2).sum(axis=1), 2.5)
    np.testing.assert_allclose(half.sigma**2, 5.0)
    assert mixed(a, b, 1.0) is b


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    refiner = load_refiner()
    save_arrays(tmp_path / "a.npz", refiner_arrays(refiner))
    again = load_refiner_file(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.stages[1].weights, refiner.stages[1].weights)
    np.testing.assert_allclose(again.noise.sigma, refiner.noise.sigma)
    (tmp_path / "b.npz").write_bytes(b"PK not a zip")
    newer = refiner_arrays(refiner) | {"meta": np.array(json.dumps({"format": 99}))}
    save_arrays(tmp_path / "c.npz", newer)
    torn = {name: value for name, value in refiner_arrays(refiner).items() if name != "fields1"}
    save_arrays(tmp_path / "d.npz", torn)
    for name in ("b.npz", "c.npz", "d.npz", "none.npz"):
        with pytest.raises(ModelError):
            load_refiner_file(tmp_path / name)
