"""Catmull-Clark: against its definition, and the render topology."""

import numpy as np
import pytest

from facestudio.geometry.mesh import is_watertight
from facestudio.template.model import load_template
from facestudio.template.subdivision import build_topology, catmull_clark, topology

CUBE = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
CUBE_QUADS = np.array(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], dtype=np.int32
)


def test_cube_has_the_textbook_points():
    matrix, quads = catmull_clark(CUBE_QUADS, 8)
    points = matrix @ CUBE
    assert len(quads) == 24
    assert len(points) == 8 + 12 + 6
    # Corner of valence 3: (F + 2 R + 0 P) / 3 with F = (1/3, 1/3, 1/3), R = (2/3, 2/3, 2/3).
    np.testing.assert_allclose(np.abs(points[:8]), 5 / 9)
    np.testing.assert_allclose(np.sort(np.abs(points[8:20]), axis=1), np.tile([0, 0.75, 0.75], (12, 1)))
    np.testing.assert_allclose(np.sort(np.abs(points[20:]), axis=1), np.tile([0, 0, 1.0], (6, 1)))
    assert is_watertight(quads)


def test_open_grid_keeps_its_border_curve():
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4]], dtype=np.int32)
    points = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0]], float)
    matrix, _ = catmull_clark(quads, 6)
    out = matrix @ points
    np.testing.assert_allclose(out[1], [1, 0, 0])  # along a straight border a point stays
    assert (out[:, 2] == 0).all()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_levels_reproduce_constants_and_moves(level):
    template, top = load_template(), topology(level)
    np.testing.assert_allclose(np.asarray(top.matrix.sum(axis=1)).ravel(), 1, atol=1e-12)
    assert len(top.quads) == len(template.quads) * 4**level
    shift = np.array([1.0, 2.0, 3.0])
    moved = top.apply(template.vertices + shift)
    np.testing.assert_allclose(moved, top.apply(template.vertices) + shift, atol=1e-9)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_render_topology_splits_vertices_only_at_seams(level):
    top = topology(level)
    assert len(top.triangles) == 2 * len(top.quads)
    np.testing.assert_array_equal(top.render_vertices[top.triangles[::2]], top.quads[:, [0, 1, 2]])
    np.testing.assert_allclose(top.render_uvs[top.triangles[1::2]], top.uvs[top.quad_uvs[:, [0, 2, 3]]])
    pairs = np.column_stack([top.render_vertices, top.render_uvs])
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_other_levels_are_refused():
    with pytest.raises(ValueError, match="0, 1 or 2"):
        build_topology(load_template(), 3)
