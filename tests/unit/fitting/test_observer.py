"""The shape observer: what it says shows in the fit, is exact for what it was made from, and shrinks with novelty."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facestudio.database.archive import save_arrays
from facestudio.database.model import load_database
from facestudio.database.shape_model import load_shape_model
from facestudio.errors import ModelError
from facestudio.fitting.fit_values import Prior
from facestudio.fitting.observed_prior import SHRINKAGE, carried_over, centre_among, with_observation
from facestudio.fitting.observer import Observation, load_observer, load_observer_file, observer_arrays
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.synthesis.studio import StudioPhoto, studio_photo
from facestudio.template.model import load_template
from facestudio.values import DetectedFace

TEMPLATE, MODEL = load_template(), load_shape_model()


@pytest.fixture(scope="module")
def shot() -> StudioPhoto:
    database = load_database()
    return studio_photo(database.vertices(20), database.skins[20], np.random.default_rng(4), size=512)


@pytest.fixture(scope="module")
def face(shot: StudioPhoto) -> DetectedFace:
    return locate_faces(shot.photo, max_faces=1)[0]


def test_the_shipped_observer_belongs_to_the_shipped_shape_model():
    observer = load_observer()
    assert observer.shape_version == MODEL.version
    assert len(observer.intercept) == len(MODEL.basis)
    assert np.linalg.eigvalsh(observer.covariance).min() > 0
    # It knows something: less variance is left than heads have.
    assert np.trace(observer.covariance[:10, :10]) < 0.7 * 10


def test_a_mirrored_photo_shows_the_mirrored_head(shot: StudioPhoto, face: DetectedFace) -> None:
    observer = load_observer()
    mirror = observer.description.mirror
    own = observer.observe(shot.photo.pixels, face.mesh.points)
    flipped = np.ascontiguousarray(shot.photo.pixels[:, ::-1])
    width = flipped.shape[1]
    points = face.mesh.points[mirror] * [-1.0, 1.0] + [width - 1.0, 0.0]
    other = observer.observe(flipped, points)
    head, back = MODEL.shape(own.identity), MODEL.shape(other.identity)[TEMPLATE.mirror] * [-1.0, 1.0, 1.0]
    off = np.linalg.norm(back - head, axis=1)
    assert np.median(off) < 0.35 * np.median(np.linalg.norm(head - MODEL.mean, axis=1))
    np.testing.assert_allclose(
        other.mesh[mirror] * [-1.0, 1.0] + [width - 1.0, 0.0],
        own.mesh,
        atol=0.02 * (face.box.x1 - face.box.x0),
    )


def test_the_points_come_nearer_to_where_they_belong(shot: StudioPhoto, face: DetectedFace) -> None:
    from facestudio.geometry.camera import project

    true = project(shot.camera, TEMPLATE.mesh478.points(shot.posed()))[0]
    seen = load_observer().observe(shot.photo.pixels, face.mesh.points).mesh
    before, after = (np.linalg.norm(mesh - true, axis=1).mean() for mesh in (face.mesh.points, seen))
    assert after < 0.8 * before


def test_the_same_face_is_described_the_same_wherever_it_is(shot: StudioPhoto, face: DetectedFace) -> None:
    observer = load_observer()
    own = observer.observe(shot.photo.pixels, face.mesh.points)
    padded = np.pad(shot.photo.pixels, ((40, 0), (70, 0), (0, 0)), mode="edge")
    moved = observer.observe(padded, face.mesh.points + np.array([70.0, 40.0]))
    np.testing.assert_allclose(moved.identity, own.identity, atol=0.15)
    np.testing.assert_allclose(moved.mesh - [70.0, 40.0], own.mesh, atol=0.5)


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
    seen = Observation(rng.normal(size=k), root @ root.T + 0.1 * np.eye(k), np.zeros((478, 2)), 1.0, 1.0)
    full = with_observation(prior, seen)
    np.testing.assert_allclose(full.identity, seen.identity, atol=1e-8)
    np.testing.assert_allclose(np.linalg.inv(full.precision), seen.covariance, atol=1e-8)
    none = with_observation(prior, replace(seen, trust=0.0))
    np.testing.assert_allclose(none.identity, prior.identity, atol=1e-12)
    np.testing.assert_allclose(none.precision, prior.precision, atol=1e-12)
    held = with_observation(prior, seen, lead=9.0)
    np.testing.assert_allclose(held.identity, full.identity, atol=1e-12)
    np.testing.assert_allclose(held.precision, 9 * full.precision)
    assert np.array_equal(
        with_observation(prior, replace(seen, trust=0.0), lead=9.0).precision, none.precision
    )
    half = with_observation(prior, replace(seen, trust=0.5))
    between = np.linalg.norm(half.identity - prior.identity), np.linalg.norm(half.identity - seen.identity)
    assert max(between) < np.linalg.norm(seen.identity - prior.identity) * 1.5
    assert np.linalg.eigvalsh(half.precision).min() > 0


def test_an_observation_learnt_about_one_mean_holds_about_another():
    """What is observed of a person among all heads, carried over by Bayes' rule to heads about another mean."""
    rng = np.random.default_rng(4)
    k, m = 6, 4
    spread = np.diag(rng.uniform(0.5, 2.0, k))
    usual, other = rng.normal(size=k), rng.normal(size=k)
    seeing, noise, y = rng.normal(size=(m, k)), np.diag(rng.uniform(0.2, 1.0, m)), rng.normal(size=m)

    def posterior(mean):
        gain = spread @ seeing.T @ np.linalg.inv(seeing @ spread @ seeing.T + noise)
        return mean + gain @ (y - seeing @ mean), spread - gain @ seeing @ spread

    about_usual, covariance = posterior(usual)
    about_other, _ = posterior(other)
    seen = Observation(about_usual, covariance, np.zeros((478, 2)), 1.0, 1.0)
    prior = Prior(other, np.linalg.inv(spread), np.zeros(52), np.ones(52))
    found = with_observation(prior, seen, lead=4.0, usual=usual)
    np.testing.assert_allclose(found.identity, about_other, atol=1e-8)
    np.testing.assert_allclose(np.linalg.inv(found.precision), covariance / 4, atol=1e-8)
    same = with_observation(replace(prior, identity=usual), seen, usual=usual)
    np.testing.assert_allclose(same.identity, about_usual, atol=1e-8)
    none = with_observation(prior, replace(seen, trust=0.0), usual=usual)
    np.testing.assert_allclose(none.identity, other, atol=1e-12)


def test_similar_heads_draw_the_prior_less_where_an_observation_is_trusted():
    usual, statistical = np.zeros(3), np.array([1.0, -2.0, 0.5])
    for trust, share in ((0.0, SHRINKAGE[0]), (1.0, SHRINKAGE[1]), (0.5, sum(SHRINKAGE) / 2)):
        np.testing.assert_allclose(centre_among(usual, statistical, trust), share * statistical)
    assert 0 < SHRINKAGE[1] < SHRINKAGE[0] < 1
    np.testing.assert_array_equal(centre_among(statistical, statistical, 0.3), statistical)


def test_an_observation_reaches_databases_with_a_basis_of_their_own():
    database = load_database("studio")
    z = np.random.default_rng(5).normal(size=len(MODEL.basis))
    seen = Observation(z, np.eye(len(z)), np.zeros((478, 2)), 1.0, 1.0)
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
