import numpy as np
import pytest

from facestudio.geometry import camera as cameras
from facestudio.values import Camera


@pytest.fixture
def tilted():
    return Camera(
        fx=900.0,
        fy=880.0,
        cx=310.0,
        cy=255.0,
        rotation=cameras.head_rotation(0.4, -0.2, 0.1),
        translation_mm=np.array([12.0, -30.0, 640.0]),
        image_size=(640, 480),
    )


def test_projection_and_back_projection_are_inverse(tilted):
    points = np.random.default_rng(0).normal(0, 60, (500, 3))
    pixels, depth = cameras.project(tilted, points)
    np.testing.assert_allclose(cameras.back_project(tilted, pixels, depth), points, atol=1e-9)


def test_camera_space_and_head_space_are_inverse(tilted):
    points = np.random.default_rng(0).normal(0, 60, (50, 3))
    np.testing.assert_allclose(
        cameras.to_head_space(tilted, cameras.to_camera_space(tilted, points)), points, atol=1e-10
    )


def test_lens_is_the_origin_of_camera_space(tilted):
    lens = cameras.camera_position(tilted)
    np.testing.assert_allclose(cameras.to_camera_space(tilted, lens), 0, atol=1e-10)


def test_points_at_and_behind_the_lens_have_no_pixel(tilted):
    behind = cameras.to_head_space(tilted, [[0.0, 0.0, 0.0], [5.0, 5.0, -10.0], [0.0, 0.0, 10.0]])
    pixels, depth = cameras.project(tilted, behind)
    assert np.isnan(pixels[1]).all()
    assert depth[1] == pytest.approx(-10)
    np.testing.assert_allclose(pixels[2], (310, 255), atol=1e-9)


def test_frontal_view_is_upright_and_not_mirrored():
    camera = cameras.view_camera((200, 100), focal_px=500, distance_mm=600)
    (centre, up, left), depth = cameras.project(camera, [[0, 0, 0], [0, 10, 0], [10, 0, 0]])
    np.testing.assert_allclose(centre, (99.5, 49.5))
    np.testing.assert_allclose(up - centre, (0, -500 * 10 / 600))
    np.testing.assert_allclose(left - centre, (500 * 10 / 600, 0))  # the person's left is the viewer's right
    assert depth[0] == pytest.approx(600)


@pytest.mark.parametrize(
    ("angles", "direction"),
    [((0.5, 0, 0), (1, 0)), ((0, 0.5, 0), (0, 1)), ((-0.5, 0, 0), (-1, 0)), ((0, -0.5, 0), (0, -1))],
)
def test_yaw_turns_the_nose_right_and_pitch_down(angles, direction):
    nose = cameras.head_rotation(*angles) @ (0, 0, 1)
    np.testing.assert_allclose(nose[:2], np.sin(0.5) * np.array(direction), atol=1e-12)


def test_roll_tilts_clockwise_in_the_picture():
    crown = cameras.head_rotation(0, 0, 0.3) @ (0, 1, 0)
    np.testing.assert_allclose(crown, (np.sin(0.3), -np.cos(0.3), 0), atol=1e-12)


def test_angles_round_trip():
    rng = np.random.default_rng(3)
    for angles in rng.uniform(-1.4, 1.4, (30, 3)):
        rotation = cameras.head_rotation(*angles)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        np.testing.assert_allclose(cameras.head_angles(rotation), angles, atol=1e-9)


def test_rotation_vectors_round_trip():
    for vector in np.random.default_rng(4).normal(0, 0.8, (20, 3)):
        np.testing.assert_allclose(
            cameras.rotation_vector(cameras.rotation_matrix(vector)), vector, atol=1e-9
        )


def test_scaled_camera_keeps_picture_edges_together(tilted):
    points = np.random.default_rng(0).normal(0, 60, (50, 3))
    pixels, _ = cameras.project(tilted, points)
    scaled, _ = cameras.project(cameras.scale_camera(tilted, 0.5), points)
    np.testing.assert_allclose(scaled + 0.5, (pixels + 0.5) * 0.5, atol=1e-9)
