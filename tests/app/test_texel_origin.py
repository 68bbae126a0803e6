"""A click on the head says where the texture there comes from."""

from dataclasses import replace

import numpy as np
import pytest
from fake_runner import FakeRunner

from facestudio.app.viewer.figure import make_figure
from facestudio.app.viewer.orbit import Pose
from facestudio.app.viewer.picking import origin_text, picked_uv
from facestudio.app.viewer.shot import Shot
from facestudio.geometry.camera import project
from facestudio.pipeline.request import CancelToken, Request
from facestudio.render.scene import VIEWS, frame_mesh
from facestudio.template.model import load_template
from facestudio.values import ARKIT_NAMES, Coverage, Photo, PhotoFit

SIZE = (400, 300)


@pytest.fixture(scope="module")
def shot():
    photo = Photo(np.full((300, 400, 3), 120, np.uint8), "someone")
    head = FakeRunner().run(Request(photo, texture_size=512), lambda event: None, CancelToken()).head
    figure = make_figure(head, posed=False)
    return Shot(1, figure, Pose().towards(VIEWS["front"]), frame_mesh(figure.positions, SIZE))


def _uv_of_landmark(number):
    template = load_template()
    vertex = template.ibug68.nearest_vertices()[number]
    skin = template.quad_material == template.materials.index("skin")
    at = np.argwhere(template.quads[skin] == vertex)[0]
    return template.uvs[template.quad_uvs[skin][tuple(at)]]


@pytest.mark.parametrize("number", [30, 48, 8, 33])
def test_what_is_clicked_is_what_is_seen_there(shot, number):
    template = load_template()
    vertex = template.ibug68.nearest_vertices()[number]
    place = project(shot.camera(SIZE), template.vertices[vertex][None])[0][0]
    uv = picked_uv(shot, tuple(place), SIZE)
    assert uv is not None
    np.testing.assert_allclose(uv, _uv_of_landmark(number), atol=0.02)
    assert picked_uv(shot, (2.0, 2.0), SIZE) is None


def test_a_moved_expression_is_clicked_where_it_is_seen(shot):
    weights = np.zeros(52)
    weights[ARKIT_NAMES.index("jawOpen")] = 1.0
    opened = replace(shot, weights=weights)
    template = load_template()
    # The lower lip: an open chin turns under and is hidden from the front.
    lip = template.ibug68.nearest_vertices()[57]
    moved = template.vertices[lip] + shot.figure.head.expression_deltas[ARKIT_NAMES.index("jawOpen")][lip]
    place = project(shot.camera(SIZE), moved[None])[0][0]
    np.testing.assert_allclose(picked_uv(opened, tuple(place), SIZE), _uv_of_landmark(57), atol=0.02)
    assert np.abs(picked_uv(shot, tuple(place), SIZE) - _uv_of_landmark(57)).max() > 0.02


def test_each_source_is_told_with_its_reason(shot):
    head = shot.figure.head
    labels = np.repeat(np.arange(4, dtype=np.uint8), 4).reshape(4, 4)
    confidence = np.full((4, 4), 204, np.uint8)
    photos = np.full((4, 4), 1, np.uint8)
    fits = tuple(PhotoFit(name, head.camera, head.expression, head.landmarks) for name in ("front", "side"))
    donor = head.similar_heads[0].id
    coverage = Coverage(labels, 0.3, 0.3, 0.4, confidence, photos)
    texture = replace(head.texture, coverage=coverage, donor=donor)
    several = replace(head, texture=texture, photos=fits)
    told = [origin_text(several, np.array([0.5, 1 - (row + 0.5) / 4])) for row in range(4)]
    assert told[0].startswith("Made")
    assert told[1].startswith("Seen in the photo side")
    assert "80 %" in told[1]
    assert told[2].startswith("Mirrored")
    assert donor in told[3]
    assert f"{100 * head.similar_heads[0].weight:.0f} %" in told[3]
    assert "still being made" in origin_text(replace(head, texture=None), np.array([0.5, 0.5]))
