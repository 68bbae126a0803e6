"""Draws landmarks on the photo."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from facestudio.landmarks.schemes import load_scheme
from facestudio.values import ByteArray, Landmarks, Photo

_LINE: Final = (70, 220, 160)
_POINT: Final = (255, 255, 255)
_MOVED: Final = (255, 170, 40)
_EDGE: Final = (20, 40, 35)
_SHIFT: Final = 4  # OpenCV draws at 1/16 pixel


def draw_landmarks(photo: Photo, faces: Sequence[Landmarks]) -> ByteArray:
    """Return the photo with the points of its faces, joined by the contours of their scheme.

    Parameters
    ----------
    photo
        The photo.
    faces
        Landmarks of any scheme, image frame. Points moved by hand are orange.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8 RGB.
    """
    canvas = photo.pixels.copy()
    for landmarks in faces:
        scheme = load_scheme(landmarks.scheme)
        extent = float(np.ptp(landmarks.points, axis=0).max())
        # Thin enough that a dense mesh or a small face stays visible below, thick enough on a large photo.
        sparse = scheme.count < 100
        width = max(1, round(extent / (260 if sparse else 700)))
        radius = max(1.2 if sparse else 0.6, extent / (130 if sparse else 400))
        fixed = np.round(landmarks.points * (1 << _SHIFT)).astype(np.int32)
        outlined = extent > (250 if sparse else 800)
        for colour, thickness in ((_EDGE, width + 2), (_LINE, width))[0 if outlined else 1 :]:
            for contour in scheme.contours:
                line = fixed[list(contour)][:, None]
                cv2.polylines(canvas, [line], False, colour, thickness, cv2.LINE_AA, _SHIFT)
        for place, moved in zip(fixed.tolist(), landmarks.moved.tolist(), strict=True):
            disc = (_MOVED if moved else _POINT, radius)
            for colour, size in ((_EDGE, radius + 1), disc)[0 if outlined else 1 :]:
                at = (int(place[0]), int(place[1]))
                cv2.circle(canvas, at, round(size * (1 << _SHIFT)), colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    return canvas
