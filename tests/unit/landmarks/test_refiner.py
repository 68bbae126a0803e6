"""The last stage in drawn photos: it sees a face and its mirror image alike, and helps turned ones."""

from pathlib import Path

import numpy as np
import pytest

from facestudio.errors import ModelError
from facestudio.landmarks.asm.model import load_asm
from facestudio.landmarks.asm.search import search
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.mesh_features import see_face
from facestudio.landmarks.refiner import (
    load_refiner,
    load_refiner_file,
    refiner_arrays,
    sideways,
)
from facestudio.landmarks.schemes import load_scheme
from facestudio.paths import resources
from facestudio.photo import load_photo
from facestudio.values import FloatArray, Photo

MIRROR = np.asarray(load_scheme("ibug68").mirror, dtype=np.int32)


@pytest.fixture(scope="module")
def drawn() -> tuple[Photo, FloatArray]:
    photo = load_photo(resources() / "samples" / "studio.jpg")
    return photo, locate_faces(photo, max_faces=1)[0].mesh.points


def test_places_lead_there_and_back(drawn: tuple[Photo, FloatArray]) -> None:
    photo, mesh = drawn
    points = np.random.default_rng(1).uniform(0, 400, size=(68, 2))
    for mirrored in (False, True):
        face = see_face(photo.pixels, mesh, mirrored=mirrored)
        np.testing.assert_allclose(face.in_photo(face.places(points, MIRROR), MIRROR), points, atol=1e-9)


def test_a_mirrored_photo_has_mirrored_points(drawn: tuple[Photo, FloatArray]) -> None:
    photo, mesh = drawn
    width = photo.pixels.shape[1]
    refiner = load_refiner()
    start = search(_drawn_asm(), photo.pixels, mesh)
    points = start.canvas.back(start.found)
    covariance = np.tile(np.eye(2), (68, 1, 1))
    own, _ = refiner.refine(photo.pixels, mesh, points, covariance)
    flip = np.array([-1.0, 1.0])
    edge = np.array([width - 1.0, 0.0])
    other_mesh = (mesh * flip + edge)[refiner.mesh_mirror]
    assert sideways(other_mesh) * sideways(mesh) < 0
    flipped = np.ascontiguousarray(photo.pixels[:, ::-1])
    other, _ = refiner.refine(flipped, other_mesh, (points * flip + edge)[MIRROR], covariance)
    # The landmarker's crops of a photo and its mirror image lie a pixel of 256 apart.
    eyes = float(np.linalg.norm(own[45] - own[36]))
    away = np.linalg.norm((other * flip + edge)[MIRROR] - own, axis=1) / eyes
    assert away.mean() < 0.006
    assert away.max() < 0.02
    assert np.linalg.norm(own - points, axis=1).max() / eyes > 0.02


def test_points_are_surer_afterwards(drawn: tuple[Photo, FloatArray]) -> None:
    photo, mesh = drawn
    refiner = load_refiner()
    wide = np.tile(np.diag([4.0, 9.0]), (68, 1, 1))
    _, covariance = refiner.refine(photo.pixels, mesh, mesh[:68], wide)
    np.testing.assert_allclose(covariance, wide * refiner.left[:, None, None])
    assert refiner.left.min() > 0
    assert refiner.left.max() <= 1


def test_it_is_part_of_the_shipped_model_alone(drawn: tuple[Photo, FloatArray]) -> None:
    photo, _ = drawn
    face = locate_faces(photo, max_faces=1)[0]
    shipped = locate_landmarks(photo, face, "asm")
    named = locate_landmarks(photo, face, "asm", model=load_asm())
    np.testing.assert_array_equal(shipped.points, named.points)
    own = locate_landmarks(photo, face, "asm", model=_drawn_asm())
    assert np.linalg.norm(own.points - shipped.points, axis=1).max() > 0.3


@pytest.mark.parametrize("damage", ["missing", "bytes", "format", "shape"])
def test_a_bad_file_is_said(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "refiner.npz"
    arrays = dict(refiner_arrays(load_refiner()))
    if damage == "bytes":
        path.write_bytes(b"no model")
    elif damage == "format":
        np.savez(path, **{**arrays, "meta": np.array('{"format": 99}')})
    elif damage == "shape":
        np.savez(path, **{**arrays, "channels": arrays["channels"][:, :-1]})
    with pytest.raises(ModelError, match="refiner"):
        load_refiner_file(path)


def _drawn_asm():
    drawn = load_asm().drawn
    assert drawn is not None
    return drawn
