"""The aligned face: what the encoder sees of a photo, eyes and mouth where the frontal projections have them."""

import cv2
import numpy as np

from facestudio.database.projections import EYES_AT, INPUT_SIZE, MOUTH_AT, alignment_points
from facestudio.values import ByteArray, FloatArray

_REPLICATE = cv2.BORDER_REPLICATE


def align_face(pixels: ByteArray, landmarks: FloatArray, size: int = INPUT_SIZE) -> ByteArray:
    """Cut a face out of a photo, upright and of one size.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    landmarks
        (68, 2) px: ibug68.
    size
        Edge length of the result.

    Returns
    -------
    numpy.ndarray
        (size, size, 3) uint8 RGB: the middle between the eyes and the middle of the mouth lie where EYES_AT and
        MOUTH_AT say, as in `facestudio.database.projections`. What lies beyond the photo repeats its edge.
    """
    eyes, mouth = alignment_points(landmarks)
    down = mouth - eyes
    length = float(np.hypot(down[0], down[1]))
    scale = (MOUTH_AT[1] - EYES_AT[1]) * size / max(length, 1e-6)
    cos, sin = scale * down[1] / max(length, 1e-6), scale * down[0] / max(length, 1e-6)
    turn = np.array([[cos, -sin], [sin, cos]])
    at = np.array([EYES_AT[0] * size - 0.5, EYES_AT[1] * size - 0.5])
    matrix = np.column_stack([turn, at - turn @ eyes])
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) - matrix[:, 2]
    corners = corners @ np.linalg.inv(turn).T
    margin = 2 + 2 / scale  # what the blur reaches
    height, width = pixels.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(axis=0) - margin), 0, [width - 1, height - 1]).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(axis=0) + margin), 1, [width, height]).astype(int).tolist()
    source = pixels[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    matrix[:, 2] += turn @ [x0, y0]
    if scale < 1:
        # What is finer than the result must not flicker in it.
        source = cv2.GaussianBlur(source, (0, 0), 0.4 / scale)
    return np.asarray(
        cv2.warpAffine(source, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=_REPLICATE),
        dtype=np.uint8,
    )
