"""No seam of the atlas shows in any skin: across a seam colours step no more than within a chart."""

import cv2
import numpy as np
import pytest
from scipy.spatial import KDTree

from facestudio.database.albedo import load_albedo
from facestudio.database.model import load_database
from facestudio.database.skins import draw_skin
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology

_INSET_MM = 0.7  # from the edge into either side
_NEAR_MM = 12.0  # edges that a seam is compared with


def _edge_pairs():
    """Return for inner edges of the skin: uv of points beside them (E, 2, 2), whether they are seams, places."""
    template, surface = load_template(), topology(1)
    skin = np.flatnonzero(surface.quad_material == template.materials.index("skin"))
    quads, uvs = surface.quads[skin], surface.uvs[surface.quad_uvs[skin]]
    places = surface.apply(template.vertices)
    following = np.roll(np.arange(4), -1)
    ends = np.stack([quads, quads[:, following]], axis=2).reshape(-1, 2)
    edge_uvs = np.stack([uvs, uvs[:, following]], axis=2).reshape(-1, 2, 2)
    centre_uv = np.repeat(uvs.mean(axis=1), 4, axis=0)
    centre = np.repeat(places[quads].mean(axis=1), 4, axis=0)
    middle = places[ends].mean(axis=1)
    share = _INSET_MM / np.linalg.norm(centre - middle, axis=1)
    middle_uv = edge_uvs.mean(axis=1)
    near = middle_uv + np.minimum(share, 0.8)[:, None] * (centre_uv - middle_uv)
    order = np.sort(ends, axis=1)
    keys = order[:, 0].astype(np.int64) * len(places) + order[:, 1]
    by_key = np.argsort(keys, kind="stable")
    twice = np.flatnonzero(keys[by_key][1:] == keys[by_key][:-1])
    one, other = by_key[twice], by_key[twice + 1]
    # The same edge runs the other way in the other quad.
    seam = np.linalg.norm(edge_uvs[one] - edge_uvs[other][:, ::-1], axis=2).max(axis=1) > 1e-6
    return np.stack([near[one], near[other]], axis=1), seam, middle[one]


def _sample(atlas, uvs):
    size = len(atlas)
    x = (uvs[..., 0] * size - 0.5).astype(np.float32)
    y = ((1 - uvs[..., 1]) * size - 0.5).astype(np.float32)
    return cv2.remap(atlas, x, y, cv2.INTER_LINEAR).astype(np.float64)


@pytest.fixture(scope="module")
def edges():
    return _edge_pairs()


@pytest.mark.parametrize("seed", range(8))
def test_any_skin_steps_no_more_across_seams_than_within_charts(edges, seed):
    pairs, seam, middle = edges
    assert seam.sum() > 100
    rng = np.random.default_rng(seed)
    label = load_database().labels[int(rng.integers(200))]
    atlas = load_albedo().skin(draw_skin(label, rng), 1024)
    colours = _sample(atlas, pairs)
    step = np.abs(colours[:, 0] - colours[:, 1]).max(axis=1)
    there = ~seam & (KDTree(middle[seam]).query(middle)[0] < _NEAR_MM)
    assert step[seam].mean() <= step[there].mean()
    assert np.percentile(step[seam], 95) <= np.percentile(step[there], 95) + 1
    # And no side is on the whole lighter than the other.
    difference = (colours[seam, 0] - colours[seam, 1]).mean(axis=0)
    assert np.abs(difference).max() < 2.5


def test_a_step_across_seams_is_found(edges):
    """The measure itself: one chart made darker is seen at once."""
    pairs, seam, middle = edges
    atlas = load_albedo().skin(np.zeros(41), 1024)
    atlas[:, :512] = (atlas[:, :512] * 0.85).astype(np.uint8)
    colours = _sample(atlas, pairs)
    step = np.abs(colours[:, 0] - colours[:, 1]).max(axis=1)
    there = ~seam & (KDTree(middle[seam]).query(middle)[0] < _NEAR_MM)
    assert step[seam].mean() > 1.5 * step[there].mean()
