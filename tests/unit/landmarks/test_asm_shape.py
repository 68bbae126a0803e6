"""The point distribution model."""

import numpy as np
import pytest

from facestudio.landmarks.asm.shape import align, invert, learn_shape_model, procrustes_mean, transform
from facestudio.landmarks.schemes import load_scheme
from facestudio.values import FloatArray


def similarity(scale: float, angle: float, shift: tuple[float, float]) -> FloatArray:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


def faces(count: int, modes: int = 3) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shapes with known modes, each somewhere else in its photo; base, modes, shapes."""
    rng = np.random.default_rng(4)
    base = rng.normal(size=(68, 2))
    base -= base.mean(axis=0)
    basis, _ = np.linalg.qr(rng.normal(size=(136, modes)))
    shapes = base + (rng.normal(size=(count, modes)) * 0.4 @ basis.T).reshape(count, 68, 2)
    placed = [
        transform(similarity(rng.uniform(20, 90), rng.normal(0, 0.2), (rng.uniform(0, 300), 50.0)), s)
        for s in shapes
    ]
    return base, basis, np.stack(placed)


def test_alignment_is_exact_where_it_can_be() -> None:
    points = np.random.default_rng(1).normal(size=(30, 2))
    matrix = similarity(3.0, 0.7, (5.0, -2.0))
    np.testing.assert_allclose(align(points, transform(matrix, points)), matrix, atol=1e-12)
    np.testing.assert_allclose(transform(invert(matrix), transform(matrix, points)), points, atol=1e-12)


def test_alignment_never_reflects() -> None:
    points = np.random.default_rng(1).normal(size=(30, 2))
    assert np.linalg.det(align(points, points * [-1, 1])[:, :2]) >= 0


def test_weights_decide_which_points_are_met() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(30, 2))
    target = points + 1.0
    target[0] += 50
    weights = np.ones(30)
    weights[0] = 0
    np.testing.assert_allclose(transform(align(points, target, weights), points)[1:], target[1:], atol=1e-9)


def test_the_mean_is_centred_and_of_unit_size() -> None:
    mean, aligned = procrustes_mean(faces(20)[2])
    np.testing.assert_allclose(mean.mean(axis=0), 0, atol=1e-9)
    assert (mean**2).sum(axis=1).mean() == pytest.approx(1)
    assert aligned.shape == (20, 68, 2)


def test_the_model_finds_modes_that_explain_the_shapes() -> None:
    model = learn_shape_model(faces(60)[2], explained=0.999)
    np.testing.assert_allclose(model.modes @ model.modes.T, np.eye(len(model.sigma)), atol=1e-9)
    assert (np.diff(model.sigma) <= 1e-12).all()
    assert len(model.sigma) <= 8  # three modes, and what aligning bends
    for shape in faces(60)[2][:5]:
        fitted, coefficients = model.fit(shape, np.full(68, 0.1), limit=10)
        size = np.ptp(shape, axis=0).max()
        assert np.linalg.norm(fitted - shape, axis=1).max() < 0.02 * size
        assert (np.abs(coefficients) <= 10 * model.sigma).all()


def test_a_point_far_off_does_not_pull_the_shape_along() -> None:
    shapes = faces(60)[2]
    model = learn_shape_model(shapes)
    off = shapes[0].copy()
    off[10] += 200
    sigma = np.full(68, 1.0)
    sigma[10] = 1000
    size = float(np.ptp(shapes[0], axis=0).max())
    assert np.linalg.norm(model.fit(off, sigma)[0] - shapes[0], axis=1).max() < 0.1 * size


def test_coefficients_stay_within_their_limits() -> None:
    model = learn_shape_model(faces(60)[2])
    wild = np.random.default_rng(0).normal(size=(68, 2)) * 100
    _, coefficients = model.fit(wild)
    assert (np.abs(coefficients) <= 3 * model.sigma + 1e-12).all()


def test_a_mirrored_model_has_a_symmetric_mean() -> None:
    mirror = load_scheme("ibug68").mirror
    model = learn_shape_model(faces(20)[2], mirror)
    np.testing.assert_allclose(model.mean, model.mean[mirror] * [-1, 1], atol=1e-12)
