"""Thin plate splines: exact at the points, affine where the data are, smoothing with noise."""

import numpy as np
import pytest

from facestudio.fitting.residual import (
    anchor_vertices,
    apply_residual,
    close_lips,
    residual_spline,
    without_parting,
)
from facestudio.fitting.tps import tps_basis, warp
from facestudio.template.model import load_template


@pytest.fixture
def points():
    return np.random.default_rng(1).uniform(-80, 80, (30, 3))


@pytest.mark.parametrize("kernel", ["r", "r2logr"])
def test_points_without_noise_are_met_exactly(points, kernel):
    targets = points + np.random.default_rng(2).normal(0, 5, points.shape)
    basis = tps_basis(points, np.zeros(30), points, kernel=kernel)
    np.testing.assert_allclose(warp(points, basis, points, targets), targets, atol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 50.0])
def test_affine_maps_are_reproduced_everywhere(points, noise):
    matrix, shift = np.array([[1.1, 0.1, 0], [0, 0.9, 0.05], [0.02, 0, 1]]), np.array([3.0, -2, 1])
    places = np.random.default_rng(3).uniform(-200, 200, (50, 3))
    basis = tps_basis(points, np.full(30, noise), places)
    out = warp(places, basis, points, points @ matrix.T + shift)
    np.testing.assert_allclose(out, places @ matrix.T + shift, atol=1e-6)


def test_noise_smooths(points):
    rng = np.random.default_rng(4)
    noisy = rng.normal(0, 3, points.shape)
    exact = tps_basis(points, np.zeros(30), points).matrix @ noisy
    smooth = tps_basis(points, np.full(30, 100.0), points).matrix @ noisy
    smoother = tps_basis(points, np.full(30, 1000.0), points).matrix @ noisy
    assert np.linalg.norm(smooth) < 0.8 * np.linalg.norm(exact)
    assert np.linalg.norm(smoother) < np.linalg.norm(smooth)


def test_one_point_without_noise_among_noisy_ones_is_exact(points):
    noise = np.full(30, 200.0)
    noise[7] = 0.0
    move = np.zeros_like(points)
    move[7] = [4.0, -1.0, 2.0]
    out = tps_basis(points, noise, points).matrix @ move
    np.testing.assert_allclose(out[7], move[7], atol=1e-8)


def test_it_solves_the_papers_system(points):
    """Weights times kernel plus affine part: the side conditions hold (eqs. 1-3)."""
    from scipy.spatial.distance import cdist

    values = np.random.default_rng(5).normal(size=30)
    places = np.random.default_rng(6).uniform(-80, 80, (40, 3))
    mine = tps_basis(points, np.zeros(30), places).matrix @ values
    polynomial = np.column_stack([np.ones(30), points])
    system = np.block([[cdist(points, points), polynomial], [polynomial.T, np.zeros((4, 4))]])
    solution = np.linalg.solve(system, np.concatenate([values, np.zeros(4)]))
    direct = np.column_stack([cdist(places, points), np.ones(40), places]) @ solution
    np.testing.assert_allclose(mine, direct, atol=1e-8)


def test_points_in_a_plane_are_refused(points):
    flat = points * [1, 1, 0]
    with pytest.raises(ValueError, match="plane"):
        tps_basis(flat, np.zeros(30), points)


def test_a_pinned_landmark_moves_the_face_and_leaves_the_back_of_the_head():
    template = load_template()
    pinned = np.zeros(68, dtype=bool)
    pinned[30] = True
    spline = residual_spline(template, np.full(68, 2.0), pinned)
    displacement = np.zeros((68, 3))
    displacement[30] = [0, 0, 8.0]
    out = apply_residual(template, spline, template.vertices, displacement)
    moved = out - template.vertices
    np.testing.assert_allclose(template.ibug68.points(moved)[30], [0, 0, 8.0], atol=1e-3)
    back = template.vertices[:, 2] < -60
    assert np.abs(moved[back]).max() < 0.4
    for eye in template.eyes:  # eyeballs stay balls
        assert np.ptp(moved[eye.start : eye.stop], axis=0).max() < 1e-12


def test_anchors_stay_away_from_the_face():
    template = load_template()
    anchors = template.vertices[list(anchor_vertices(template))]
    landmarks = template.ibug68.points(template.vertices)
    assert np.linalg.norm(anchors[:, None] - landmarks[None], axis=2).min() > 40


def test_lips_can_be_pinned_apart():
    """All twenty points of the mouth moved by hand, upper lip up and lower lip down: no triangle turns over."""
    template = load_template()
    pinned = np.zeros(68, dtype=bool)
    pinned[48:68] = True
    displacement = np.zeros((68, 3))
    displacement[[49, 50, 51, 52, 53, 61, 62, 63], 1] = 3.0
    displacement[[55, 56, 57, 58, 59, 65, 66, 67], 1] = -3.0
    spline = residual_spline(template, np.full(68, 2.0), pinned)
    out = apply_residual(template, spline, template.vertices, displacement)
    met = template.ibug68.points(out - template.vertices)
    np.testing.assert_allclose(met[48:68], displacement[48:68], atol=1e-6)
    assert np.abs(out - template.vertices).max() < 8.0


def test_located_lips_move_together_and_those_set_by_hand_part():
    rng = np.random.default_rng(8)
    displacement = rng.normal(size=(68, 3))
    none = np.zeros(68, dtype=bool)
    together = without_parting(displacement, none)
    np.testing.assert_allclose(together[62], together[66])
    np.testing.assert_allclose(together[51], together[57])
    np.testing.assert_array_equal(together[:48], displacement[:48])
    hand = none.copy()
    hand[66] = True
    np.testing.assert_array_equal(without_parting(displacement, hand)[[62, 66]], displacement[[62, 66]])


def test_lips_of_a_neutral_head_close_and_nothing_else_moves():
    template = load_template()
    rest = template.vertices
    opened = rest.copy()
    opened = opened + template.expression_deltas[template.expression_names.index("jawOpen")] * 0.15
    closed = close_lips(template, opened, rest, np.zeros(68, dtype=bool))
    before, after, wanted = (template.ibug68.points(v) for v in (opened, closed, rest))
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        assert before[upper, 1] - before[lower, 1] > wanted[upper, 1] - wanted[lower, 1] + 0.5
        assert after[upper, 1] - after[lower, 1] == pytest.approx(
            wanted[upper, 1] - wanted[lower, 1], abs=1e-3
        )
    np.testing.assert_allclose(after[:48], before[:48], atol=1e-3)
    assert close_lips(template, rest, rest, np.zeros(68, dtype=bool)) is rest
    by_hand = np.zeros(68, dtype=bool)
    by_hand[[61, 62, 63]] = True
    assert close_lips(template, opened, rest, by_hand) is opened
