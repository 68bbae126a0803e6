"""The UV layout on small meshes that need no data: no folds, no needless stretch, the seam opened."""

import numpy as np
import pytest

from facestudio.geometry.mesh import triangulate
from facestudio.geometry.raster import rasterise
from facestudio.training import template_uv
from facestudio.training.template_uv import border_loops, flatten, open_midline, stretch

CELLS = 8  # of the dome along each edge of its cube


def _grid(columns, rows, width, height):
    """Return a flat sheet of quads, counter-clockwise seen from +Z."""
    x, y = np.meshgrid(np.linspace(0, width, columns + 1), np.linspace(0, height, rows + 1))
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    first = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    quads = first[:, None] + np.array([0, 1, columns + 2, columns + 1])
    return points, quads.astype(np.int32)


def _dome(squash=1.0):
    """Return a ball without its bottom, symmetric about x = 0, its quads counter-clockwise seen from outside."""
    sheet, cells = _grid(CELLS, CELLS, 2.0, 2.0)
    sheet = sheet[:, :2] - 1
    sides = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            if (axis, sign) != (1, -1.0):
                face = np.empty((len(sheet), 3))
                face[:, axis] = sign
                face[:, (axis + 1) % 3], face[:, (axis + 2) % 3] = sheet[:, 0], sheet[:, 1] * sign
                sides.append(face)
    cube = np.concatenate(sides)
    quads = np.concatenate([cells + i * len(sheet) for i in range(len(sides))])
    _, first, number = np.unique(np.round(cube, 9), axis=0, return_index=True, return_inverse=True)
    cube, quads = cube[first], number.reshape(-1)[quads].astype(np.int32)
    points = 100 * cube / np.linalg.norm(cube, axis=1, keepdims=True)
    return points * [1, squash, 1], quads


def _back_of(points):
    """Return the top of a dome, and the vertices from there down the middle of its back."""
    midline = np.flatnonzero(np.abs(points[:, 0]) < 1e-9)
    top = int(midline[np.argmax(points[midline, 1])])
    back = midline[points[midline, 2] < -1e-9]
    return top, back[np.argsort(-points[back, 1] - 1e-3 * points[back, 2])].astype(np.int32)


def _signed_areas(points, corners):
    a, b, c = (points[triangulate(corners)[:, k]] for k in range(3))
    return 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


def _edge_lengths(points, quads):
    return np.linalg.norm(points[quads] - points[np.roll(quads, -1, axis=1)], axis=2)


@pytest.fixture(scope="module")
def dome():
    points, quads = _dome()
    top, seam = _back_of(points)
    corners, chart = flatten(points, quads, seam, top, np.ones(len(quads)))
    return points, quads, seam, corners, chart


def _turned(points):
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    return points @ (turn * np.sign(np.linalg.det(turn)))


@pytest.mark.parametrize("density", [1.0, 1.7])
def test_a_flat_patch_keeps_all_its_lengths(density):
    sheet, quads = _grid(9, 6, 45.0, 30.0)
    points = _turned(sheet)
    corners, chart = flatten(points, quads, np.zeros(0, np.int32), 0, np.full(len(quads), density))
    np.testing.assert_array_equal(corners, quads)
    assert (_signed_areas(chart, corners) > 0).all()
    np.testing.assert_allclose(
        _edge_lengths(chart, corners), density * _edge_lengths(points, quads), rtol=1e-3
    )
    np.testing.assert_allclose(stretch(points, quads, corners, chart), 1.0, atol=2e-3)


def test_texels_go_where_they_are_wanted():
    points, quads = _grid(10, 10, 100.0, 100.0)
    wanted = np.where(points[quads].mean(axis=1)[:, 0] < 50, 2.0, 1.0)
    corners, chart = flatten(points, quads, np.zeros(0, np.int32), 0, wanted)
    area = _signed_areas(chart, corners).reshape(-1, 2).sum(axis=1)
    assert (area > 0).all()
    assert area[wanted == 2.0].sum() > 2 * area[wanted == 1.0].sum()


def test_no_triangle_turns_over(dome):
    *_, corners, chart = dome
    assert (_signed_areas(chart, corners) > 0).all()


def test_no_two_places_share_a_texel(dome):
    *_, corners, chart = dome
    texels = (chart - chart.min(axis=0)) / np.ptp(chart, axis=0).max() * 500 + 5
    covered = rasterise(texels, np.zeros(len(texels)), triangulate(corners), (512, 512)).covered.sum()
    assert abs(_signed_areas(texels, corners).sum() - covered) < 0.005 * covered


def test_the_seam_is_opened_and_nothing_else(dome):
    points, quads, seam, corners, chart = dome
    assert len(chart) == len(points) + len(seam)
    opened, origin = open_midline(points, quads, seam)
    np.testing.assert_array_equal(opened, corners)
    np.testing.assert_array_equal(origin[corners], quads)  # each corner still stands for its vertex
    doubled, times = np.unique(origin, return_counts=True)
    assert set(doubled[times == 2]) == set(seam.tolist())
    (before,), (after,) = border_loops(quads), border_loops(corners)
    # The border now runs up one side of the seam, around its top, and down the other.
    assert len(after) == len(before) + 2 * len(seam)
    left = points[quads].mean(axis=1)[:, 0] < 0
    new = corners >= len(points)
    assert new.any()
    assert not new[~left].any()


def test_both_halves_of_a_symmetric_piece_are_laid_out_alike(dome):
    points, quads, _, corners, chart = dome
    area = _signed_areas(chart, corners).reshape(-1, 2).sum(axis=1)
    left = points[quads].mean(axis=1)[:, 0] < 0
    assert area[left].sum() == pytest.approx(area[~left].sum(), rel=0.01)
    top, _ = _back_of(points)
    assert chart[top, 1] > np.median(chart[:, 1])  # upright


def test_relaxing_takes_stretch_away(dome):
    points, quads, seam, corners, chart = dome
    top, _ = _back_of(points)
    _, start = flatten(points, quads, seam, top, np.ones(len(quads)), iterations=0)
    before, after = stretch(points, quads, corners, start), stretch(points, quads, corners, chart)
    assert np.median(after) < 0.8 * np.median(before)
    assert np.median(after) < 1.6


def test_holes_stay_holes_and_nothing_turns_over():
    points, quads = _dome(squash=1.2)
    middle = points[quads].mean(axis=1)
    eyes = (np.abs(np.abs(middle[:, 0]) - 35) < 20) & (np.abs(middle[:, 1] - 20) < 20) & (middle[:, 2] > 0)
    assert eyes.sum() >= 4
    top, seam = _back_of(points)
    quads = quads[~eyes]
    corners, chart = flatten(points, quads, seam, top, np.ones(len(quads)))
    assert (_signed_areas(chart, corners) > 0).all()
    outline, *holes = border_loops(corners)
    assert len(holes) == 2
    assert all(len(hole) < len(outline) for hole in holes)
    for hole in holes:  # still open: its middle is in no triangle, and as large as on the surface, about
        ring = chart[hole]
        area = 0.5 * (ring[:, 0] * np.roll(ring[:, 1], -1) - np.roll(ring[:, 0], -1) * ring[:, 1]).sum()
        assert -area > 300


def test_stretch_of_a_known_map_is_its_ratio():
    points, quads = _grid(4, 3, 8.0, 6.0)
    chart = points[:, :2] * [3.0, 1.5]
    np.testing.assert_allclose(stretch(_turned(points), quads, quads, chart), 2.0, rtol=1e-9)
    shear = points[:, :2] @ np.array([[1.0, 0.0], [0.5, 1.0]])
    singular = np.linalg.svd([[1.0, 0.0], [0.5, 1.0]], compute_uv=False)
    np.testing.assert_allclose(stretch(points, quads, quads, shear), singular[0] / singular[1], rtol=1e-9)


def test_the_energys_gradient_is_that_of_finite_differences():
    points, quads = _dome()
    triangles = template_uv._halves(quads[:20])
    used, triangles = np.unique(triangles, return_inverse=True)
    triangles = triangles.reshape(-1, 3)
    rng = np.random.default_rng(3)
    count = len(triangles)
    energy = template_uv._Energy(
        points[used], triangles, rng.uniform(0.5, 2, count), rng.uniform(0.5, 2, count)
    )
    flat = points[used] @ np.linalg.svd(points[used] - points[used].mean(axis=0))[2][:2].T
    if not np.isfinite(energy(flat)[0]):
        flat = flat * [-1, 1]
    _, gradient = energy(flat)
    assert np.abs(gradient).max() > 0
    for row, column in ((0, 0), (3, 1), (7, 0), (len(flat) - 1, 1)):
        moved = np.zeros_like(flat)
        moved[row, column] = 1e-4
        numeric = (energy(flat + moved)[0] - energy(flat - moved)[0]) / 2e-4
        assert gradient[row, column] == pytest.approx(numeric, rel=1e-4, abs=1e-9)


def test_a_folded_start_has_no_energy_to_speak_of():
    points, quads = _grid(2, 2, 2.0, 2.0)
    triangles = template_uv._halves(quads)
    energy = template_uv._Energy(points, triangles, np.ones(len(triangles)), np.ones(len(triangles)))
    value, gradient = energy(points[:, :2])
    # The identity: |J|^2 = 2 and det = 1 give 2 (1 + 1) for each unit of area, and it is a minimum.
    assert value == pytest.approx(4.0)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    assert energy(points[:, :2] * [-1, 1])[0] == np.inf
