from itertools import pairwise

import numpy as np
import pytest

from facestudio.landmarks.overlay import draw_landmarks
from facestudio.landmarks.schemes import load_scheme, to_ibug68
from facestudio.values import DetectedFace, Landmarks, Photo


@pytest.mark.parametrize("scheme", ["ibug68", "mesh478"])
def test_points_are_drawn_where_they_are_and_nothing_elsewhere(
    collins: Photo, collins_face: DetectedFace, scheme: str
) -> None:
    landmarks = collins_face.mesh if scheme == "mesh478" else to_ibug68(collins_face.mesh)
    before = collins.pixels.copy()
    drawn = draw_landmarks(collins, [landmarks])
    assert np.array_equal(collins.pixels, before)
    changed = np.any(drawn != before, axis=2)
    x, y = np.round(landmarks.points).astype(int).T
    assert changed[y, x].mean() > 0.97
    low, high = landmarks.points.min(axis=0) - 6, landmarks.points.max(axis=0) + 6
    changed[round(low[1]) : round(high[1]), round(low[0]) : round(high[0])] = False
    assert not changed.any()


def test_contours_are_closed_lines() -> None:
    photo = Photo(np.zeros((400, 400, 3), np.uint8))
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = 200 + 150 * np.column_stack([np.cos(angle), np.sin(angle)])
    drawn = draw_landmarks(photo, [Landmarks.of("ibug68", points, sigma=1, method="file")])
    for contour in load_scheme("ibug68").contours:
        for a, b in pairwise(contour):
            x, y = np.round((points[a] + points[b]) / 2).astype(int)
            assert drawn[y, x].any()


def test_points_moved_by_hand_stand_out(collins: Photo, collins_face: DetectedFace) -> None:
    landmarks = to_ibug68(collins_face.mesh)
    moved = landmarks.with_moved(8, landmarks.points[8])
    difference = np.any(draw_landmarks(collins, [moved]) != draw_landmarks(collins, [landmarks]), axis=2)
    y, x = np.nonzero(difference)
    assert len(x) > 3
    assert np.hypot(x - landmarks.points[8, 0], y - landmarks.points[8, 1]).max() < 4


def test_no_face_draws_nothing(collins: Photo) -> None:
    assert np.array_equal(draw_landmarks(collins, []), collins.pixels)
