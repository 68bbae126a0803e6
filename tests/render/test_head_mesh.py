"""The template's heads as meshes to draw."""

import numpy as np
import pytest

from facestudio.geometry.mesh import normalised
from facestudio.render.occlusion import ambient_occlusion, mouth_is_open, template_occlusion
from facestudio.render.scene import mesh_of_head
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology


@pytest.mark.parametrize("level", [0, 1])
def test_head_mesh_follows_the_topology(level):
    template, topo = load_template(), topology(level)
    mesh = mesh_of_head(topo, template.vertices, template.materials)
    assert len(mesh.positions) == len(topo.render_vertices)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    # Vertices split at a seam keep one place and one normal: no crease shows.
    order = np.argsort(topo.render_vertices, kind="stable")
    twins = np.flatnonzero(np.diff(topo.render_vertices[order]) == 0)
    assert len(twins) > 50
    for field in (mesh.positions, mesh.normals, mesh.occlusion):
        np.testing.assert_array_equal(field[order[twins]], field[order[twins + 1]])
    np.testing.assert_allclose(mesh.positions, topo.apply(template.vertices)[topo.render_vertices], atol=1e-4)


def test_wireframe_has_each_side_of_the_quads_once_and_no_diagonal():
    template, topo = load_template(), topology(0)
    mesh = mesh_of_head(topo, template.vertices, template.materials)
    drawn = np.sort(topo.render_vertices[mesh.edges], axis=1)
    sides = np.stack([template.quads, np.roll(template.quads, -1, axis=1)], axis=2).reshape(-1, 2)
    expected = np.unique(np.sort(sides, axis=1), axis=0)
    assert len(drawn) == len(expected)
    np.testing.assert_array_equal(np.unique(drawn, axis=0), expected)


def test_eyes_are_wetter_than_skin():
    template, topo = load_template(), topology(0)
    mesh = mesh_of_head(topo, template.vertices, template.materials)

    def gloss(name):
        return mesh.gloss[np.isin(topo.render_vertices, template.material_vertices(name))]

    assert gloss("eyes").min() > gloss("mouth").max() > gloss("skin").min()


def test_nothing_hides_the_sky_over_a_convex_shape(ball):
    vertices, quads, _ = ball
    convex = normalised(vertices) * 100
    occlusion = ambient_occlusion(convex, quads)
    assert occlusion.min() > 0.97


def test_the_inside_of_a_shape_is_dark(ball):
    """A small ball inside a large one sees no sky, the large one all of it."""
    vertices, quads, _ = ball
    directions = normalised(vertices)
    both = np.concatenate([directions * 100, directions * 30])
    occlusion = ambient_occlusion(both, np.concatenate([quads, quads + len(vertices)]))
    assert occlusion[: len(vertices)].min() > 0.97
    assert occlusion[len(vertices) :].max() == 0


def test_mouth_is_dark_and_forehead_open():
    template = load_template()
    occlusion = template_occlusion()
    assert np.median(occlusion[template.material_vertices("mouth", "tongue")]) < 0.1
    top = template.vertices[:, 1] > np.percentile(template.vertices[:, 1], 98)
    assert occlusion[top].min() > 0.9


def test_teeth_and_tongue_are_lit_once_the_mouth_opens():
    template = load_template()
    shut, left = template_occlusion(), template_occlusion(open_mouth=True)
    for material, fore in (("teeth", 0.7), ("tongue", 0.5)):
        own = template.material_vertices(material)
        z = template.vertices[own, 2]
        assert left[own][np.argmax(z)] > fore
        assert left[own][np.argmin(z)] < 0.2
        assert shut[own].max() < 0  # darker than the deepest hollow
    skin = template.material_vertices("skin")
    np.testing.assert_array_equal(left[skin], shut[skin])
    jaw = template.expression_deltas[template.expression_names.index("jawOpen")]
    assert not mouth_is_open(template.vertices)
    assert mouth_is_open(template.vertices + 0.5 * jaw)
