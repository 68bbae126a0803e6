"""The shape observer: what it says shows in the fit, is exact for what it was made from, and shrinks with novelty."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facestudio.database.archive import save_arrays
from facestudio.database.model import load_database
from facestudio.database.shape_model import load_shape_model
from facestudio.errors import ModelError
from facestudio.fitting.face_chip import CHIP_SIZE, chip_layout, cut_chip, describe_chip, frontal_places
from facestudio.fitting.fit_values import Prior
from facestudio.fitting.observed_prior import carried_over, with_observation
from facestudio.fitting.observer import Observation, load_observer, load_observer_file, observer_arrays
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.synthesis.studio import StudioPhoto, studio_photo
from facestudio.template.model import load_template
from facestudio.values import DetectedFace

TEMPLATE, MODEL = load_template(), load_shape_model()
PLACES = frontal_places(TEMPLATE.mesh478.points(MODEL.mean)[:468])


@pytest.fixture(scope="module")
def shot() -> StudioPhoto:
    database = load_database()
    return studio_photo(database.vertices(20), database.skins[20], np.random.default_rng(4), size=512)


@pytest.fixture(scope="module")
def face(shot: StudioPhoto) -> DetectedFace:
    return locate_faces(shot.photo, max_faces=1)[0]


def _photo(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (480, 640, 3) of smooth noise and mesh points (478, 2) in it."""
    rng = np.random.default_rng(seed)
    grey = cv2.GaussianBlur(rng.uniform(0, 255, (480, 640)).astype(np.float32), (0, 0), 9)
    grey = (grey - grey.min()) / np.ptp(grey) * 255
    mesh = np.zeros((478, 2))
    mesh[:468] = PLACES * 1.7 + [150, 90]
    mesh[468:] = mesh[:10]
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8), mesh


def test_the_chip_is_the_face_wherever_it_is_and_however_large():
    pixels, mesh = _photo()
    layout = chip_layout(PLACES)
    chip = cut_chip(pixels, mesh, layout).astype(float)
    turn = cv2.getRotationMatrix2D((320, 240), 25, 0.8)
    turned = cv2.warpAffine(pixels, turn, (640, 480))
    other = cut_chip(turned, mesh @ turn[:, :2].T + turn[:, 2], layout).astype(float)
    inside = np.zeros(CHIP_SIZE * CHIP_SIZE, dtype=bool)
    inside[layout.inside] = True
    assert inside.mean() > 0.5
    assert np.abs(chip - other).reshape(-1)[inside].mean() < 2.0
    assert (chip.reshape(-1)[~inside] == 0).all()


def test_a_face_partly_outside_the_picture_has_a_chip():
    pixels, mesh = _photo()
    chip = cut_chip(pixels, mesh - [280, 200], chip_layout(PLACES))
    assert chip.shape == (CHIP_SIZE, CHIP_SIZE)
    assert (chip > 0).any()
    assert (cut_chip(pixels, mesh + 5000, chip_layout(PLACES)) == 0).all()


def test_light_and_contrast_drop_out_of_the_description():
    pixels, mesh = _photo()
    chip = cut_chip(pixels, mesh, chip_layout(PLACES))
    # Inside the face alone: where the chip ends, the step to black does depend on brightness.
    chip = np.tile(chip[40:120, 40:120], (2, 2))
    one = describe_chip(chip)
    darker = describe_chip((chip * 0.5 + 20).astype(np.uint8))
    assert np.abs(one - darker).mean() < 0.1 * np.abs(one).mean()


def test_the_shipped_observer_belongs_to_the_shipped_shape_model():
    observer = load_observer()
    assert observer.shape_version == MODEL.version
    assert len(observer.intercept) == len(MODEL.basis)
    # Lips of the mean head may have been closed since: by less than a pixel of the chip.
    np.testing.assert_allclose(observer.places, PLACES, atol=1.0)
    assert np.linalg.eigvalsh(observer.covariance).min() > 0
    # It knows something: less variance is left than heads have.
    assert np.trace(observer.covariance[:10, :10]) < 0.9 * 10


def test_what_is_no_upright_face_is_stranger_and_counts_less(shot, face):
    observer = load_observer()
    own = observer.observe(shot.photo.pixels, face.mesh.points)
    assert own.trust > 0.8
    strange = observer.observe(np.ascontiguousarray(shot.photo.pixels[::-1]), face.mesh.points)
    assert strange.novelty > 2 * own.novelty
    assert strange.trust < 0.8 * own.trust


def test_full_trust_takes_the_priors_place_and_none_changes_nothing():
    rng = np.random.default_rng(3)
    k = 6
    root = rng.normal(size=(k, k))
    prior = Prior(rng.normal(size=k), np.eye(k) / 1.3, np.zeros(52), np.ones(52))
    seen = Observation(rng.normal(size=k), root @ root.T + 0.1 * np.eye(k), 1.0, 1.0)
    full = with_observation(prior, seen)
    np.testing.assert_allclose(full.identity, seen.identity, atol=1e-8)
    np.testing.assert_allclose(np.linalg.inv(full.precision), seen.covariance, atol=1e-8)
    none = with_observation(prior, replace(seen, trust=0.0))
    np.testing.assert_allclose(none.identity, prior.identity, atol=1e-12)
    np.testing.assert_allclose(none.precision, prior.precision, atol=1e-12)
    half = with_observation(prior, replace(seen, trust=0.5))
    between = np.linalg.norm(half.identity - prior.identity), np.linalg.norm(half.identity - seen.identity)
    assert max(between) < np.linalg.norm(seen.identity - prior.identity) * 1.5
    assert np.linalg.eigvalsh(half.precision).min() > 0


def test_an_observation_reaches_databases_with_a_basis_of_their_own():
    database = load_database("studio")
    z = np.random.default_rng(5).normal(size=len(MODEL.basis))
    seen = Observation(z, np.eye(len(z)), 1.0, 1.0)
    assert carried_over(seen, MODEL, database) is seen
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(len(z), len(z))))[0]
    other = replace(
        database,
        basis=np.tensordot(turn, database.basis.astype(np.float64), axes=1).astype(np.float32),
        coefficients=database.coefficients @ turn.T,
    )
    carried = carried_over(seen, MODEL, other)
    np.testing.assert_allclose(other.shape(carried.identity), MODEL.shape(z), atol=0.05)


def test_its_file_gives_the_same_again_and_a_damaged_one_says_so(tmp_path: Path):
    observer = load_observer()
    save_arrays(tmp_path / "a.npz", observer_arrays(observer))
    again = load_observer_file(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.weights, observer.weights)
    assert again.version == observer.version
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:5000])
    with pytest.raises(ModelError, match="damaged"):
        load_observer_file(tmp_path / "b.npz")
    with pytest.raises(ModelError, match="missing"):
        load_observer_file(tmp_path / "none.npz")
