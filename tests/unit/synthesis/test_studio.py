"""Studio photos: what is drawn lies where the truth says, and everything comes from the random generator."""

import cv2
import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.database.skin_axes import AXES
from facestudio.geometry.camera import head_angles, project, view_camera
from facestudio.synthesis.studio import (
    draw_camera,
    draw_expression,
    draw_head,
    head_atlas,
    studio_photo,
)
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.inner import paint_inner
from facestudio.values import ARKIT_NAMES

BACKGROUND = 118
SIZE = 900
PAIRED = [name[:-4] for name in ARKIT_NAMES if name.endswith("Left") and name[:-4] + "Right" in ARKIT_NAMES]


@pytest.fixture(scope="module")
def template():
    return load_template()


@pytest.fixture(scope="module")
def shot():
    database = load_database()
    return studio_photo(database.vertices(3), database.skins[4], np.random.default_rng(7), size=400)


def _camera(yaw=0.0):
    return view_camera((SIZE, SIZE), focal_px=2500, distance_mm=900, yaw=np.radians(yaw), target=(0, -18, 0))


def _blob_at(dark, place):
    """Return the middle of the piece of a mask that holds a place (x, y)."""
    _, label, _, middles = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    x, y = np.rint(place).astype(int)
    assert label[y, x] > 0, "nothing is drawn there"
    return middles[label[y, x]]


def test_the_same_generator_gives_the_same_photo(shot):
    database = load_database()
    head, skin = database.vertices(3), database.skins[4]
    again = studio_photo(head, skin, np.random.default_rng(7), size=400)
    np.testing.assert_array_equal(again.photo.pixels, shot.photo.pixels)
    np.testing.assert_array_equal(again.expression, shot.expression)
    np.testing.assert_array_equal(again.camera.rotation, shot.camera.rotation)
    other = studio_photo(head, skin, np.random.default_rng(8), size=400)
    assert np.abs(other.photo.pixels.astype(int) - shot.photo.pixels).mean() > 5
    np.testing.assert_array_equal(other.head, shot.head)


@pytest.mark.parametrize("yaw", [-20.0, 0.0, 15.0])
def test_pupils_are_drawn_where_the_points_say(template, yaw):
    camera = _camera(yaw)
    atlas = head_atlas(
        template, template.vertices, np.zeros(len(AXES)), np.array([150.0, 140.0, 130.0]), 1024
    )
    picture = draw_head(topology(1), template.vertices, atlas, camera)
    places, _ = project(camera, template.mesh478.points(template.vertices))
    for pupil in (468, 473):
        middle = _blob_at(picture.max(axis=2) < 40, places[pupil])
        assert np.linalg.norm(middle - places[pupil]) < 1.0


@pytest.mark.parametrize("point", [6, 8, 10, 19, 24, 27, 30, 33, 51, 57])  # jaw, chin, brows, nose, lips
def test_a_dot_on_the_skin_is_drawn_at_its_landmark(template, point):
    size = 1024
    skin = template.quad_material == template.materials.index("skin")
    uv_of = np.zeros((len(template.vertices), 2))
    uv_of[template.quads[skin]] = template.uvs[template.quad_uvs[skin]]
    u, v = template.ibug68.weights[point] @ uv_of[template.ibug68.vertex_ids[point]]
    atlas = np.full((size, size, 3), 255, np.uint8)
    texels = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=2) + 0.5
    atlas[np.linalg.norm(texels - [u * size, (1 - v) * size], axis=2) < 4] = 0
    camera = _camera()
    picture = draw_head(topology(0), template.vertices, atlas, camera, ambient=1.0)
    places, _ = project(camera, template.ibug68.points(template.vertices))
    assert np.linalg.norm(_blob_at(picture[..., 0] < 100, places[point]) - places[point]) < 1.0


def test_where_no_head_is_the_background_is_plain_grey(shot):
    pixels, _ = project(shot.camera, topology(1).apply(shot.posed()))
    outline = cv2.convexHull(np.rint(pixels).astype(np.int32))
    near = np.zeros(shot.photo.pixels.shape[:2], np.uint8)
    cv2.fillConvexPoly(near, outline, 1)
    outside = cv2.dilate(near, np.ones((5, 5), np.uint8)) == 0
    assert outside.mean() > 0.2
    assert (shot.photo.pixels[outside] == BACKGROUND).all()
    assert (shot.photo.pixels[near > 0] != BACKGROUND).any(axis=1).mean() > 0.8


@pytest.mark.parametrize(("tilt", "brighter"), [(1.0, "right"), (-1.0, "left")])
def test_light_comes_from_the_side_asked_for(template, tilt, brighter):
    white = np.full((64, 64, 3), 200, np.uint8)
    picture = draw_head(topology(0), template.vertices, white, _camera(), tilt=tilt, ambient=0.3)
    drawn = np.where(picture[..., 0] == BACKGROUND, 0, picture[..., 0]).astype(float)
    halves = {"left": drawn[:, : SIZE // 2].sum(), "right": drawn[:, SIZE // 2 :].sum()}
    assert halves[brighter] == max(halves.values())
    assert min(halves.values()) < 0.8 * max(halves.values())


def test_expressions_are_mild_and_nearly_symmetric():
    drawn = np.stack([draw_expression(np.random.default_rng(i)) for i in range(300)])
    assert drawn.shape == (300, 52)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    moved = (drawn > 0).sum(axis=1)
    assert moved.max() <= 5  # two pairs and one on the midline
    assert 0.25 < (moved == 0).mean() < 0.45
    of = {name: drawn[:, i] for i, name in enumerate(ARKIT_NAMES)}
    assert of["eyeBlinkLeft"].max() < 0.5  # a photo is not taken of closed eyes
    assert of["jawOpen"].max() < 0.5
    assert of["jawOpen"].max() > 0.2
    for name in PAIRED:
        left, right = of[name + "Left"], of[name + "Right"]
        assert ((left > 0) == (right > 0)).all()
        assert (np.abs(left - right) <= 0.5 * np.maximum(left, right) + 1e-12).all()


def test_cameras_hold_the_face_and_turn_no_further_than_asked(template):
    face = template.ibug68.points(template.vertices)
    for i in range(200):
        camera = draw_camera(np.random.default_rng(i), 640)
        pixels, depth = project(camera, face)
        assert (depth > 0).all()
        assert pixels.min() > 0
        assert pixels.max() < 639
        assert abs(np.degrees(head_angles(camera.rotation)[0])) <= 30


def test_the_atlas_has_skin_mouth_and_eyes(template):
    atlas = head_atlas(template, template.vertices, np.zeros(len(AXES)), np.array([40.0, 90.0, 200.0]), 512)
    u, v = template.eyes[0].centre
    pupil = atlas[int((1 - v) * 512), int(u * 512)]
    assert pupil.max() < 40
    ring = atlas[int((1 - v) * 512), int((u + np.radians(18) / template.eyes[0].radians_per_uv) * 512)]
    assert ring[2] > ring[0]  # a blue iris
    inner = np.zeros((512, 512, 3), np.uint8)
    paint_inner(inner, template)
    painted = inner.any(axis=2)
    np.testing.assert_array_equal(atlas[painted], inner[painted])


def test_the_posed_head_is_the_neutral_one_with_its_expression(shot, template):
    expected = shot.head.copy()
    for weight, delta in zip(shot.expression, template.expression_deltas, strict=True):
        expected += weight * delta
    np.testing.assert_allclose(shot.posed(), expected, atol=1e-6)
