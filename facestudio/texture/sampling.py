"""Samples a picture at any number of places."""

import cv2
import numpy as np

from facestudio.values import ByteArray, Float32Array

_FAR = -10.0  # pixels: no place


def sample_at(
    picture: ByteArray | Float32Array,
    places: Float32Array,
    method: int = cv2.INTER_LINEAR,
    outside: float | None = None,
) -> Float32Array:
    """Return a picture's values at places.

    Parameters
    ----------
    picture
        (H, W) or (H, W, C) uint8 or float32.
    places
        (N, 2) pixels.
    method
        OpenCV's interpolation.
    outside
        The value outside of the picture; None: that of its border.

    Returns
    -------
    numpy.ndarray
        (N,) or (N, C) float32.
    """
    # remap takes at most 32,767 columns: the places are laid out as a near-square picture.
    side = max(1, int(np.ceil(np.sqrt(len(places)))))
    laid_out = np.full((side * side, 2), _FAR, dtype=np.float32)
    laid_out[: len(places)] = places
    maps = laid_out.reshape(side, side, 2)
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    found = cv2.remap(
        picture, maps[..., 0], maps[..., 1], method, borderMode=border, borderValue=outside or 0.0
    )
    return np.asarray(found.reshape(-1, *picture.shape[2:])[: len(places)], dtype=np.float32)
