"""The canvas of a face: a small upright grey picture in which the local search looks, and its descriptors.

The descriptor of a place is that of D. Lowe's SIFT in spirit ("Distinctive Image Features from Scale-Invariant
Keypoints", 2004): histograms of the gradient's direction in 4 x 4 cells around it, without a detector and with
a fixed size and direction, computed for all places at once from blurred maps (E. Tola, V. Lepetit, P. Fua,
"DAISY", 2010).
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np

from facestudio.landmarks.asm.shape import align, invert, transform
from facestudio.values import ByteArray, Float32Array, FloatArray

SIDE: Final = 192
"""Pixels of the canvas's side."""

RADIUS: Final = 46.0
"""Root mean square distance of the shape's points from their centre, canvas pixels."""

DIRECTIONS: Final = 8
CELLS: Final = 4
LENGTH: Final = CELLS * CELLS * DIRECTIONS
"""Numbers in a descriptor."""

_CLIP: Final = 0.25
_ANGLES: Final = 4096  # steps of a turn: finer than grey levels tell


@dataclass(frozen=True, eq=False)
class Canvas:
    """A face brought upright and to size.

    Attributes
    ----------
    pixels
        (SIDE, SIDE) uint8 grey.
    to_canvas
        (2, 3) float64: from pixels of the photo to pixels of the canvas.
    """

    pixels: ByteArray
    to_canvas: FloatArray

    @property
    def scale(self) -> float:
        """Canvas pixels per pixel of the photo."""
        return float(np.sqrt(abs(np.linalg.det(self.to_canvas[:, :2]))))

    def place(self, points: FloatArray) -> FloatArray:
        """Return where points (..., 2) of the photo are on the canvas."""
        return transform(self.to_canvas, points)

    def back(self, points: FloatArray) -> FloatArray:
        """Return where points (..., 2) of the canvas are in the photo."""
        return transform(invert(self.to_canvas), points)


def canvas_frame(mean: FloatArray) -> FloatArray:
    """Return the mean shape (N, 2) of a model in canvas pixels."""
    return mean * RADIUS + (SIDE - 1) / 2


def cut_canvas(pixels: ByteArray, start: FloatArray, mean: FloatArray) -> Canvas:
    """Cut the canvas of a face out of a photo.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    start
        (N, 2) pixels: about where the points are.
    mean
        (N, 2): the model's mean shape.
    """
    matrix = align(start, canvas_frame(mean))
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    corners = transform(invert(matrix), np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]], np.float64))
    height, width = pixels.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(axis=0)) - 2, 0, [width - 1, height - 1]).astype(int)
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)) + 3, 1, [width, height]).astype(int)
    part = pixels[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    inner = matrix.copy()
    inner[:, 2] += matrix[:, :2] @ np.array([x0, y0], dtype=np.float64)
    if scale < 0.7:  # halve by area first, or fine texture turns into noise
        times = min(8, max(2, math.floor(1 / scale + 0.3)))
        # Whole multiples: OpenCV averages them fifteen times faster than other ratios.
        part = pixels[y0 : _multiple(y0, y1, times, height), x0 : _multiple(x0, x1, times, width)]
        h, w = (max(1, n // times) for n in part.shape[:2])
        ratio = np.array([part.shape[1] / w, part.shape[0] / h])
        grey = cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), (w, h), interpolation=cv2.INTER_AREA)
        # Centres of pixels: x_part = (x_small + 0.5) * ratio - 0.5.
        inner[:, 2] += inner[:, :2] @ (0.5 * ratio - 0.5)
        inner[:, :2] = inner[:, :2] * ratio
    else:
        grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    drawn = cv2.warpAffine(grey, inner, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Canvas(np.asarray(drawn, dtype=np.uint8), matrix)


def _multiple(start: int, end: int, times: int, size: int) -> int:
    """Return the end of a range that holds a whole number of `times` pixels, if the picture's size allows it."""
    count = max(1, min(-(-(end - start) // times), (size - start) // times))
    return min(start + count * times, size)


def direction_maps(pixels: ByteArray) -> Float32Array:
    """Return how strong the gradient is in each of eight directions at each pixel.

    Parameters
    ----------
    pixels
        (H, W) uint8 grey.

    Returns
    -------
    numpy.ndarray
        (H, W, DIRECTIONS) float32; a gradient counts for the two directions next to its own.
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), 0.8).astype(np.float32)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1)
    strength, angle = cv2.cartToPolar(dx, dy)
    step = np.asarray(angle * np.float32(_ANGLES / (2 * math.pi)), dtype=np.int32)
    maps = np.take(_shares(), step, axis=0)
    maps *= strength[..., None]
    return maps


@cache
def _shares() -> Float32Array:
    """How much each direction gets of a gradient, (_ANGLES + 1, DIRECTIONS), by its angle in steps of a turn."""
    place = (np.arange(_ANGLES + 1) + 0.5) * (DIRECTIONS / _ANGLES)
    apart = np.abs((place[:, None] - np.arange(DIRECTIONS) + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2)
    return np.maximum(1 - apart, 0).astype(np.float32)


def describe(maps: Float32Array, points: FloatArray, cell: float) -> Float32Array:
    """Return the descriptors of points.

    Parameters
    ----------
    maps
        See `direction_maps`.
    points
        (N, 2) pixels of the maps; places outside count as the border.
    cell
        Side of a cell, pixels.

    Returns
    -------
    numpy.ndarray
        (N, LENGTH) float32, each of length 1 with no number above a quarter (then made 1 again).
    """
    # Large cells need no fine maps: halved as often as four pixels a cell allow.
    halvings = max(0, int(math.log2(cell / 3.0)))
    small, times = maps, 1 << halvings
    if halvings:
        size = (maps.shape[1] // times, maps.shape[0] // times)
        small = cv2.resize(maps, size, interpolation=cv2.INTER_AREA)
    # Averaging over a square has a variance of its own, (times^2 - 1) / 12.
    sigma = math.sqrt(max((cell / 2) ** 2 - (times**2 - 1) / 12, 0.01)) / times
    blurred = cv2.GaussianBlur(small, (0, 0), sigma)
    offsets = (np.arange(CELLS) - (CELLS - 1) / 2) * cell
    there = points.astype(np.float32)
    offset = offsets.astype(np.float32)
    x = np.broadcast_to(there[:, 0, None, None] + offset[None, None, :], (len(points), CELLS, CELLS))
    y = np.broadcast_to(there[:, 1, None, None] + offset[None, :, None], (len(points), CELLS, CELLS))
    shape = (len(points) * CELLS, CELLS)
    x, y = (((v.reshape(shape) + np.float32(0.5)) / np.float32(times) - np.float32(0.5)) for v in (x, y))
    parts = cv2.remap(blurred, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    flat = np.asarray(parts, dtype=np.float32).reshape(len(points), LENGTH)
    for _ in range(2):
        flat = flat / (np.linalg.norm(flat, axis=1, keepdims=True) + np.float32(1e-2))
        flat = np.minimum(flat, np.float32(_CLIP))
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.float32(1e-3))
