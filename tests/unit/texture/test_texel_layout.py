"""Texels of the atlas: places on the surface, and neighbours across the seam."""

import numpy as np
import pytest

from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.layout import SURFACE_LEVEL, texel_layout


@pytest.fixture(scope="module")
def layout():
    return texel_layout(512)


@pytest.fixture(scope="module")
def places(layout):
    return layout.on_surface(topology(SURFACE_LEVEL).apply(load_template().vertices))


def test_each_texel_lies_on_its_triangle(layout):
    np.testing.assert_allclose(layout.weights.sum(axis=1), 1, atol=1e-5)
    flat = layout.rows.astype(np.int64) * layout.size + layout.columns
    assert len(np.unique(flat)) == len(flat)


def test_neighbouring_texels_are_neighbours_on_the_head(layout, places):
    grid = layout.grid(places, np.nan)
    step = np.linalg.norm(np.diff(grid, axis=1), axis=2)
    assert np.nanpercentile(step, 99) < 3.0  # millimetres at 512
    assert np.nanmedian(step) < 1.0


def test_ghosts_bridge_the_seam_at_the_back(layout, places):
    number = layout.grid(np.arange(len(layout)), -1)
    ghosts = layout.ghosts
    assert len(ghosts) > 400
    assert not layout.inside[ghosts[:, 0], ghosts[:, 1]].any()
    partners = places[number[ghosts[:, 2], ghosts[:, 3]]]
    beside = []
    for row, column in ghosts[:, :2]:
        around = number[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        beside.append(places[around[around >= 0]].mean(axis=0))
    gap = np.linalg.norm(np.array(beside) - partners, axis=1)
    assert np.median(gap) < 3.0
    assert gap.max() < 12.0
    # They lead from one side of the atlas to the other.
    assert np.abs(ghosts[:, 1] - ghosts[:, 3]).mean() > 200


def test_small_charts_hang_on_the_main_one(layout, places):
    assert layout.main.mean() > 0.95
    assert layout.main[layout.anchors].all()
    away = np.linalg.norm(places - places[layout.anchors], axis=1)
    assert away[layout.main].max() == 0
    assert away.max() < 70
