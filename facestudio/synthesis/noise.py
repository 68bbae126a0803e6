"""Smooth noise pictures, and the grain of skin and cloth."""

from functools import cache

import cv2
import numpy as np

from facestudio.values import ByteArray, Float32Array


def smooth_noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 1) -> Float32Array:
    """Return noise about zero with spread about one, (size, size) float32.

    Parameters
    ----------
    rng
        Source of chance.
    size
        Edge, pixels.
    cells
        Bumps along the edge in the coarsest octave.
    octaves
        Each has twice the cells and half the height of the one before.
    """
    total = np.zeros((size, size), dtype=np.float32)
    for octave in range(octaves):
        n = min(cells * 2**octave, size) + 1
        field = rng.standard_normal((n, n), dtype=np.float32) * np.float32(0.5**octave)
        total += cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)
    return total


@cache
def grain(size: int = 256) -> ByteArray:
    """Return slopes of a tileable bumpy surface, (size, size, 2) uint8, 128 is flat."""
    rng = np.random.default_rng(5)
    height = np.zeros((size, size))
    for cells, share in ((24, 1.0), (48, 0.9), (96, 0.6)):
        field = np.tile(rng.standard_normal((cells, cells)), (3, 3))
        big = cv2.resize(field, (3 * size, 3 * size), interpolation=cv2.INTER_CUBIC)
        height += share / cells * big[size : 2 * size, size : 2 * size]
    slope_x = np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)
    slope_y = np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)
    slopes = np.stack([slope_x, slope_y], axis=2)
    return np.clip(128 + 40 * slopes / slopes.std(), 0, 255).astype(np.uint8)


@cache
def fine_noise(size: int) -> Float32Array:
    """Return noise of single texels with some clumps about zero, (size, size) float32; the same for every photo."""
    rng = np.random.default_rng(8)
    field = rng.standard_normal((size, size), dtype=np.float32)
    return np.asarray(0.5 * field + 1.2 * cv2.GaussianBlur(field, (0, 0), 1.2), dtype=np.float32)
