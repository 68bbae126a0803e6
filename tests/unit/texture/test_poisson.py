"""Poisson fusion: the discrete equation holds, known texels stay, seams are crossed."""

import numpy as np
import pytest

from facestudio.errors import CancelledError
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.layout import SURFACE_LEVEL, texel_layout
from facestudio.texture.poisson import FADE, TOLERANCE, solve_correction

SIZE = 256


@pytest.fixture(scope="module")
def layout():
    return texel_layout(SIZE)


@pytest.fixture(scope="module")
def places(layout):
    return layout.on_surface(topology(SURFACE_LEVEL).apply(load_template().vertices))


@pytest.fixture(scope="module")
def problem(layout, places):
    known = (places[:, 2] > 40) & (places[:, 1] > -90)
    rng = np.random.default_rng(0)
    values = 0.3 * places + rng.normal(0, 3, places.shape)
    return known, values, solve_correction(layout, known, values)


def test_known_texels_stay_exactly(layout, problem):
    known, values, correction = problem
    chosen = known & layout.main
    np.testing.assert_array_equal(correction.values[chosen], values[chosen].astype(np.float32))


def test_the_residual_is_small_and_true(layout, problem):
    """The equation is checked texel by texel, away from the solver's own code."""
    known, _, correction = problem
    assert correction.residual <= TOLERANCE
    grid = layout.grid(correction.values)
    there = layout.inside.copy()
    for r, c, r2, c2 in layout.ghosts.tolist():
        grid[r, c], there[r, c] = grid[r2, c2], True
    right = 0.0
    left = 0.0
    screening = (1 / (FADE * SIZE)) ** 2
    unknown = np.flatnonzero(~known & layout.main)
    for texel in unknown[:: max(1, len(unknown) // 3000)].tolist():
        r, c = int(layout.rows[texel]), int(layout.columns[texel])
        near = [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)]
        near = [(y, x) for y, x in near if 0 <= y < SIZE and 0 <= x < SIZE and there[y, x]]
        total = sum(grid[y, x].astype(np.float64) for y, x in near)
        away = (len(near) + screening) * grid[r, c].astype(np.float64) - total
        left += float((away**2).sum())
        right += float((total**2).sum())
    assert np.sqrt(left / right) < 1e-4


def test_maximum_principle(problem, layout):
    known, values, correction = problem
    border = values[known & layout.main]
    assert correction.values.max() <= max(border.max(), 0) + 1e-2
    assert correction.values.min() >= min(border.min(), 0) - 1e-2


def test_correction_goes_on_across_the_seam(layout, places):
    """Only one side of the back is known: the other side of the seam takes it up."""
    known = (places[:, 2] < -40) & (places[:, 0] > 4) & (places[:, 1] > -40)
    correction = solve_correction(layout, known, np.full((len(layout), 3), 50.0))
    across = (
        (places[:, 0] < 0)
        & (places[:, 0] > -6)
        & (places[:, 2] < -50)
        & (places[:, 1] > -20)
        & (places[:, 1] < 60)
    )
    assert across.sum() > 50
    assert correction.values[across].min() > 25


def test_far_away_the_donor_keeps_its_own_tone(problem, layout, places):
    known, _, _ = problem
    correction = solve_correction(layout, known, np.full((len(layout), 3), -60.0))
    back = (places[:, 2] < -60) & layout.main
    assert np.abs(correction.values[back]).max() < 20


def test_nothing_known_changes_nothing(layout):
    correction = solve_correction(layout, np.zeros(len(layout), bool), np.ones((len(layout), 3)))
    assert (correction.values == 0).all()


def test_all_known_is_returned(layout):
    values = np.random.default_rng(1).normal(size=(len(layout), 3))
    correction = solve_correction(layout, np.ones(len(layout), bool), values)
    np.testing.assert_array_equal(correction.values[layout.main], values[layout.main].astype(np.float32))


def test_can_be_cancelled(layout, places):
    def stop():
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        solve_correction(layout, places[:, 2] > 40, 0.3 * places + 1, stop)
