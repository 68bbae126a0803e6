"""The landmarker's noise: a known bias and covariance come back from errors drawn with them."""

import numpy as np
import pytest

from facestudio.errors import UnreadableInputError
from facestudio.fitting.noise import CONDITIONS, PointNoise, conditions, load_noise_file
from facestudio.geometry.camera import project, view_camera
from facestudio.template.model import load_template
from facestudio.training.mesh_noise import (
    learn_conditional_noise,
    learn_noise,
    point_errors,
    save_noise,
    train_mesh_noise,
)
from facestudio.values import ARKIT_NAMES

POINTS, RANK = 24, 3


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    bias = rng.uniform(-2, 2, (POINTS, 2))
    factor = rng.normal(0, 0.6, (2 * POINTS, RANK))
    return bias, factor, rng.uniform(0.4, 0.9, (POINTS, 2))


def _errors(truth, count, seed=1):
    bias, factor, sigma = truth
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(count, RANK)) @ factor.T
    return bias + common.reshape(count, POINTS, 2) + rng.normal(size=(count, POINTS, 2)) * sigma


def _covariance(factor, sigma):
    return factor @ factor.T + np.diag(sigma.reshape(-1) ** 2)


def test_bias_and_covariance_come_back(truth):
    bias, factor, sigma = truth
    learnt = learn_noise(_errors(truth, 20_000), rank=RANK)
    np.testing.assert_allclose(learnt.bias, bias, atol=0.06)
    assert learnt.factor.shape == (2 * POINTS, RANK)
    true, found = _covariance(factor, sigma), _covariance(learnt.factor, learnt.sigma)
    assert np.linalg.norm(found - true) < 0.1 * np.linalg.norm(true)
    np.testing.assert_allclose(np.diag(found), np.diag(true), rtol=0.08)


def test_what_points_have_in_common_is_told_from_what_is_their_own(truth):
    _, factor, _ = truth
    learnt = learn_noise(_errors(truth, 20_000), rank=RANK)
    # The same three directions: all principal angles between the spaces are small.
    a, b = np.linalg.qr(factor)[0], np.linalg.qr(learnt.factor)[0]
    assert np.linalg.svd(a.T @ b, compute_uv=False).min() > 0.97


def test_blunders_hardly_count(truth):
    errors = _errors(truth, 4000)
    clean = learn_noise(errors, rank=RANK)
    errors[::200, 5] = [300.0, -400.0]
    learnt = learn_noise(errors, rank=RANK)
    np.testing.assert_allclose(learnt.bias, clean.bias, atol=0.03)
    assert np.sqrt(np.diag(_covariance(learnt.factor, learnt.sigma))).max() < 2.5


def test_no_point_is_ever_taken_to_be_certain(truth):
    bias, *_ = truth
    learnt = learn_noise(np.repeat(bias[None], 50, axis=0), rank=RANK)
    np.testing.assert_allclose(learnt.bias, bias)
    np.testing.assert_allclose(learnt.sigma, 0.25)
    np.testing.assert_allclose(learnt.factor, 0, atol=1e-12)


def test_a_few_photos_give_no_more_modes_than_there_are(truth):
    assert learn_noise(_errors(truth, 7)).factor.shape == (2 * POINTS, 7)


@pytest.mark.parametrize("roll", [0.0, 0.4, -1.0])
def test_errors_are_millimetres_along_the_axes_of_the_face(roll):
    template = load_template()
    camera = view_camera((600, 600), focal_px=1500, distance_mm=800, yaw=0.1, roll=roll)
    points = template.mesh478.points(template.vertices)
    pixels, depth = project(camera, points)
    # Two millimetres towards the sitter's left and one towards the chin; the picture is turned clockwise by `roll`.
    right, down = np.array([np.cos(roll), np.sin(roll)]), np.array([-np.sin(roll), np.cos(roll)])
    off = (2 * right + down) * (camera.fx / depth)[:, None]
    np.testing.assert_allclose(
        point_errors(camera, points, pixels + off), np.tile([2.0, 1.0], (478, 1)), atol=1e-9
    )


def _turned_errors(count: int = 1500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of 478 points whose bias follows the conditions, as far as mirrored faces have mirrored errors."""
    from facestudio.landmarks.schemes import load_scheme

    rng = np.random.default_rng(3)
    mirror = load_scheme("mesh478").mirror
    terms = rng.normal(size=(len(CONDITIONS), 478, 2))
    sign = np.where(np.array(CONDITIONS) == "yaw", -1.0, 1.0)[:, None, None]
    terms = (terms + sign * terms[:, mirror] * [-1, 1]) / 2
    values = rng.uniform(0, 0.8, (count, len(CONDITIONS)))
    values[:, 0] = rng.uniform(-0.8, 0.8, count)
    values[:, 1] = np.abs(values[:, 0])
    own = rng.normal(size=(count, 478, 2)) * 0.5 * np.exp(values[:, 1])[:, None, None]
    return np.tensordot(values, terms, axes=1) + own, values, terms


def test_a_bias_by_pose_and_expression_comes_back():
    errors, values, terms = _turned_errors()
    learnt = learn_conditional_noise(errors, values)
    np.testing.assert_allclose(learnt.terms, terms, atol=0.4)
    assert np.abs(learnt.terms - terms).mean() < 0.08
    assert learnt.widening == pytest.approx(1.0, abs=0.15)
    there = learnt.under(values[0])
    np.testing.assert_allclose(there.bias, np.tensordot(values[0], terms, axes=1), atol=0.3)
    assert (there.sigma > learnt.under(np.zeros(len(CONDITIONS))).sigma).all()


def test_conditions_survive_the_file(tmp_path):
    errors, values, _ = _turned_errors(200)
    learnt = learn_conditional_noise(errors, values)
    save_noise(tmp_path / "noise.npz", learnt, 200, "a test")
    read = load_noise_file(tmp_path / "noise.npz")
    np.testing.assert_allclose(read.bias, learnt.bias, rtol=1e-6)
    np.testing.assert_allclose(read.sigma, learnt.sigma, rtol=1e-6)
    np.testing.assert_allclose(read.factor, learnt.factor, rtol=2e-3, atol=1e-4)  # half precision
    first = (tmp_path / "noise.npz").read_bytes()
    save_noise(tmp_path / "noise.npz", learnt, 200, "a test")
    assert (tmp_path / "noise.npz").read_bytes() == first
    np.testing.assert_allclose(read.terms, learnt.terms, atol=0.01)
    assert read.widening == pytest.approx(learnt.widening, abs=1e-5)


def test_noise_without_conditions_is_the_same_everywhere():
    plain = PointNoise(np.ones((4, 2)), np.zeros((8, 0)), np.ones((4, 2)))
    assert plain.under(np.ones(len(CONDITIONS))) is plain


def test_conditions_read_pose_and_both_sides_of_an_expression():
    weights = np.zeros(len(ARKIT_NAMES))
    weights[ARKIT_NAMES.index("mouthSmileLeft")] = 0.6
    weights[ARKIT_NAMES.index("jawOpen")] = 0.5
    values = dict(zip(CONDITIONS, conditions(-0.5, 0.2, weights).tolist(), strict=True))
    assert values["yaw"] == pytest.approx(-np.sin(0.5))
    assert values["turned"] == pytest.approx(np.sin(0.5))
    assert (values["mouthSmile"], values["jawOpen"]) == pytest.approx((0.3, 0.5))


def test_a_folder_without_truth_is_told(tmp_path):
    with pytest.raises(UnreadableInputError, match="50 are needed"):
        train_mesh_noise([tmp_path], tmp_path / "noise.npz")
    np.savez(tmp_path / "other.npz", other=np.zeros(3))
    with pytest.raises(UnreadableInputError, match=r"other\.npz"):
        train_mesh_noise([tmp_path], tmp_path / "noise.npz")
