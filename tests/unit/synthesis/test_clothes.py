"""Shoulders and clothes of synthetic photos."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.geometry.camera import head_rotation
from facestudio.geometry.mesh import closest_points
from facestudio.render.photo_scene import Kind
from facestudio.synthesis.clothes import torso_surfaces
from facestudio.synthesis.labels import Label
from facestudio.template.model import load_template
from facestudio.template.parts import template_parts


@pytest.mark.parametrize("seed", range(6))
def test_shoulders_carry_on_the_neck(seed):
    """However the head is turned, its neck ends under the skin of the shoulders, close to it: there is no edge."""
    rng = np.random.default_rng(seed)
    head = load_database().vertices(20 * seed)
    collar = head[template_parts().collar]
    turn = head_rotation(0.0, 0.0, 0.0).T @ head_rotation(*rng.uniform(-0.35, 0.35, 3))
    _, surfaces = torso_surfaces(rng, head, collar.mean(axis=0), turn, np.array([190.0, 150.0, 130.0]))
    body = surfaces[0]
    assert body.label == Label.SKIN
    points = body.vertices[:, :3].astype(np.float64)
    found = closest_points(collar, points, body.triangles)
    assert found.distances.max() < 8.0
    assert np.median(found.distances) < 3.5
    normals = body.vertices[body.triangles[found.triangles], 3:6].mean(axis=1)
    outside = ((points[body.triangles[found.triangles]].mean(axis=1) - collar) * normals).sum(axis=1)
    assert (outside > -1.0).mean() > 0.95


def test_skin_reaches_below_the_hem_and_is_left_out_under_the_cloth():
    head = load_template().vertices
    pivot = head[template_parts().collar].mean(axis=0)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        _, surfaces = torso_surfaces(rng, head, pivot, np.eye(3), np.full(3, 150.0))
        body, cloth = surfaces[0], surfaces[1]
        assert cloth.kind == Kind.CLOTH
        assert cloth.texture is not None
        shown = body.vertices[np.unique(body.triangles), 6:8]
        size = len(cloth.texture)
        column = np.clip(np.rint(shown[:, 0] * size), 0, size - 1).astype(int)
        hem = np.argmax(cloth.texture[..., 3] > 127, axis=0) / size
        assert len(body.triangles) < 0.8 * len(cloth.triangles)
        for turn in range(0, size, 16):  # all around the neck
            near = np.abs(column - turn) <= size // 40
            assert shown[near, 1].max() > hem[turn]
