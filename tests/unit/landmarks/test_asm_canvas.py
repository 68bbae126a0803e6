"""The canvas and its descriptors."""

import cv2
import numpy as np
import pytest

from facestudio.landmarks.asm.canvas import LENGTH, SIDE, canvas_frame, cut_canvas, describe, direction_maps
from facestudio.landmarks.schemes import to_ibug68
from facestudio.values import DetectedFace, Photo

PLACES = np.array([[60.0, 70.0], [96.0, 96.0], [130.5, 101.25]])


@pytest.fixture
def picture() -> np.ndarray:
    rng = np.random.default_rng(2)
    coarse = rng.integers(40, 200, (24, 24)).astype(np.uint8)
    return np.kron(coarse, np.ones((8, 8), np.uint8))


def test_the_canvas_shows_the_points_where_it_says(collins: Photo, collins_face: DetectedFace) -> None:
    points = to_ibug68(collins_face.mesh).points
    mean = (points - points.mean(axis=0)) / np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    canvas = cut_canvas(collins.pixels, points, mean)
    assert canvas.pixels.shape == (SIDE, SIDE)
    np.testing.assert_allclose(canvas.place(points), canvas_frame(mean), atol=1e-9)
    np.testing.assert_allclose(canvas.back(canvas.place(points)), points, atol=1e-9)
    # Each of its pixels is as bright as the photo where it comes from.
    y, x = np.mgrid[20 : SIDE - 20, 20 : SIDE - 20].reshape(2, -1)
    there = canvas.back(np.stack([x, y], axis=1).astype(np.float64)).astype(np.float32)
    grey = cv2.GaussianBlur(cv2.cvtColor(collins.pixels, cv2.COLOR_RGB2GRAY), (0, 0), 0.5 / canvas.scale)
    expected = cv2.remap(grey, there[:, :1], there[:, 1:], cv2.INTER_LINEAR)[:, 0].astype(float)
    apart = np.abs(canvas.pixels[y, x] - expected).mean()
    assert apart < 2.5
    assert apart < 0.6 * np.abs(canvas.pixels[y, x + 2] - expected).mean()


def test_large_photos_and_small_ones_give_the_same_canvas(collins: Photo, collins_face: DetectedFace) -> None:
    points = to_ibug68(collins_face.mesh).points
    mean = (points - points.mean(axis=0)) / np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    large = np.kron(collins.pixels, np.ones((5, 5, 1), np.uint8))
    one = cut_canvas(collins.pixels, points, mean).pixels.astype(float)
    other = cut_canvas(large, points * 5 + 2, mean).pixels.astype(float)
    assert np.abs(one - other)[20:-20, 20:-20].mean() < 4


def test_a_face_at_the_border_of_the_photo_is_no_error(collins: Photo, collins_face: DetectedFace) -> None:
    points = to_ibug68(collins_face.mesh).points
    mean = (points - points.mean(axis=0)) / 100
    for shift in (-2000.0, 300.0, 5000.0):
        assert cut_canvas(collins.pixels, points + shift, mean).pixels.shape == (SIDE, SIDE)


def test_descriptors_have_unit_length(picture: np.ndarray) -> None:
    found = describe(direction_maps(picture), PLACES, 6.0)
    assert found.shape == (3, LENGTH)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_brightness_and_contrast_do_not_matter(picture: np.ndarray) -> None:
    brighter = (picture * 0.6 + 50).astype(np.uint8)
    one, other = (describe(direction_maps(p), PLACES, 6.0) for p in (picture, brighter))
    assert (one * other).sum(axis=1).min() > 0.99


def test_the_mirror_image_has_the_mirrored_descriptor(picture: np.ndarray) -> None:
    flipped = np.ascontiguousarray(picture[:, ::-1])
    places = np.column_stack([SIDE - 1 - PLACES[:, 0], PLACES[:, 1]])
    for cell in (3.5, 6.0, 12.0):
        one = describe(direction_maps(picture), PLACES, cell).reshape(3, 4, 4, 8)
        other = describe(direction_maps(flipped), places, cell).reshape(3, 4, 4, 8)
        # Columns of cells change sides, direction k becomes 4 - k.
        mirrored = other[:, :, ::-1][..., (4 - np.arange(8)) % 8]
        np.testing.assert_allclose(one, mirrored, atol=0.02)


def test_a_plain_picture_has_empty_descriptors() -> None:
    found = describe(direction_maps(np.full((SIDE, SIDE), 90, np.uint8)), PLACES, 6.0)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 1e-3
