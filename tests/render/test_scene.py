import numpy as np
import pytest

from facestudio.errors import UsageError
from facestudio.geometry.camera import head_rotation, project
from facestudio.render.lighting import (
    FLAT,
    MAX_LIGHTS,
    Light,
    Lighting,
    bytes_to_linear,
    linear_to_srgb,
    srgb_to_linear,
)
from facestudio.render.scene import (
    VIEWS,
    clip_planes,
    mesh_of_faces,
    parse_view,
    parse_views,
    projection_matrix,
    view_matrix,
)
from facestudio.render.sheet import compose_sheet
from facestudio.values import Camera


def test_matrices_agree_with_the_pinhole_camera():
    camera = Camera(
        fx=700.0,
        fy=650.0,
        cx=200.0,
        cy=90.0,
        rotation=head_rotation(0.7, -0.3, 0.2),
        translation_mm=np.array([5.0, 20.0, 800.0]),
        image_size=(500, 300),
    )
    points = np.random.default_rng(0).normal(0, 60, (100, 3))
    near, far = clip_planes(camera, points)
    eye = view_matrix(camera).astype(float) @ np.c_[points, np.ones(100)].T
    clip = projection_matrix(camera, near, far).astype(float) @ eye
    ndc = (clip[:3] / clip[3]).T
    window = (ndc[:, :2] * (1, -1) + 1) / 2 * (500, 300) - 0.5  # centres of pixels at whole numbers
    pixels, depth = project(camera, points)
    np.testing.assert_allclose(window, pixels, atol=1e-3)
    assert np.abs(ndc[:, 2]).max() <= 1
    assert (np.argsort(ndc[:, 2]) == np.argsort(depth)).all()


@pytest.mark.parametrize(
    ("text", "yaw", "pitch"),
    [
        ("front", 0, 0),
        (" Side ", 90, 0),
        ("right", 90, 0),
        ("left", -90, 0),
        ("45", 45, 0),
        ("45-left", -45, 0),
        ("back", 180, 0),
        ("top", 0, 90),
        ("-30", -30, 0),
        ("20.5/-10", 20.5, -10),
    ],
)
def test_views_by_name_and_angle(text, yaw, pitch):
    view = parse_view(text)
    assert np.degrees((view.yaw, view.pitch)) == pytest.approx((yaw, pitch))
    assert "/" not in view.name


def test_list_of_views_keeps_order_and_drops_doubles():
    assert [v.name for v in parse_views("side, front,45,front")] == ["side", "front", "45"]


@pytest.mark.parametrize("text", ["", " , ", "front,profile", "45°", "1/2/3", "front;side", "../x", "nan"])
def test_unknown_views_are_usage_errors_that_name_the_known(text):
    with pytest.raises(UsageError) as caught:
        parse_views(text)
    assert all(name in caught.value.hint for name in VIEWS)


def test_srgb_curve_round_trips_and_fits_the_table():
    steps = np.arange(256, dtype=np.uint8)
    linear = bytes_to_linear(steps)
    np.testing.assert_array_equal(np.rint(linear_to_srgb(linear) * 255), steps)
    assert linear[0] == 0
    assert linear[255] == 1
    assert srgb_to_linear(np.float32(0.5)) == pytest.approx(0.21404, abs=1e-5)


def test_too_many_lamps_are_refused():
    with pytest.raises(ValueError, match="lamps"):
        Lighting((0, 0, 0), (0, 0, 0), (Light((0, 0, 1), (1, 1, 1)),) * (MAX_LIGHTS + 1))
    assert FLAT.lights == ()


def test_mesh_arrays_are_checked_and_read_only():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=float)
    mesh = mesh_of_faces(square, np.array([[0, 1, 2, 3]], dtype=np.int32))
    np.testing.assert_array_equal(mesh.normals, [[0, 0, 1]] * 4)
    assert not mesh.positions.flags.writeable
    with pytest.raises(ValueError, match="uvs"):
        mesh_of_faces(square, np.array([[0, 1, 2, 3]], dtype=np.int32), uvs=np.zeros((3, 2)))


def test_sheet_holds_every_picture_and_writes_below_it():
    red, blue = (np.full((100, w, 3), c, dtype=np.uint8) for w, c in ((80, (200, 0, 0)), (50, (0, 0, 200))))
    sheet = compose_sheet([("photo", red), ("a label far too long for its picture", blue)], height=200)
    assert (sheet == (200, 0, 0)).all(axis=2).sum() == 160 * 200
    assert (sheet == (0, 0, 200)).all(axis=2).sum() == 100 * 200
    bright = (sheet.min(axis=2) > 150).any(axis=1)
    assert bright[210:].any()
    assert not bright[:200].any()
    two_rows = compose_sheet([("a", red), ("b", blue)], height=200, columns=1, title="t", footnote="f")
    assert two_rows.shape[0] > 2 * 200
    assert two_rows.shape[1] < sheet.shape[1]
    with pytest.raises(ValueError, match="picture"):
        compose_sheet([])
