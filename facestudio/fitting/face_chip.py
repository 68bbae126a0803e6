"""The face chip: a photo's face brought to one frontal layout by the mesh points, and described by its gradients.

What is left in the chip when the points lie on their places is what the points do not say: shading that tells of
form, and by how much the points missed.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy.spatial import Delaunay

from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray

CHIP_SIZE = 160
CELL = 8
DIRECTIONS = 8
FEATURES = (CHIP_SIZE // CELL) ** 2 * DIRECTIONS
_MARGIN = 6
_CLIP = 0.4  # no direction counts more in its neighbourhood: a hard shadow's edge is one edge
_QUIET = 1e-5


@dataclass(frozen=True, eq=False)
class ChipLayout:
    """Where each pixel of the chip lies among the mesh points.

    Attributes
    ----------
    inside
        (P,) int32: the chip's pixels that lie on the face, row by row.
    corners
        (P, 3) int32: between which mesh points.
    weights
        (P, 3) float64: barycentric.
    size
        Pixels a side.
    """

    inside: IntArray
    corners: IntArray
    weights: FloatArray
    size: int = CHIP_SIZE


def frontal_places(points: FloatArray) -> FloatArray:
    """Return where mesh points (M, 3) mm of a head lie in the chip, (M, 2) pixels: seen straight from the front."""
    flat = points[:, :2] * [1.0, -1.0]
    flat = flat - (flat.min(axis=0) + flat.max(axis=0)) / 2
    return flat / np.abs(flat).max() * (CHIP_SIZE / 2 - _MARGIN) + (CHIP_SIZE - 1) / 2


def chip_layout(places: FloatArray, size: int = CHIP_SIZE) -> ChipLayout:
    """Divide the chip into triangles between mesh points.

    Parameters
    ----------
    places
        (M, 2) pixels of the chip.
    size
        Pixels a side.
    """
    return _layout(places.tobytes(), size)


@lru_cache(maxsize=4)
def _layout(places: bytes, size: int) -> ChipLayout:
    triangles = Delaunay(np.frombuffer(places, dtype=np.float64).reshape(-1, 2))
    y, x = np.mgrid[0:size, 0:size]
    pixels = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
    found = triangles.find_simplex(pixels)
    inside = np.flatnonzero(found >= 0)
    affine = triangles.transform[found[inside]]
    two = np.einsum("pij,pj->pi", affine[:, :2], pixels[inside] - affine[:, 2])
    weights = np.concatenate([two, 1 - two.sum(axis=1, keepdims=True)], axis=1)
    corners = triangles.simplices[found[inside]].astype(np.int32)
    return ChipLayout(inside.astype(np.int32), corners, weights, size)


def cut_chip(pixels: ByteArray, mesh: FloatArray, layout: ChipLayout) -> ByteArray:
    """Cut the face chip out of a photo.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    mesh
        (M or more, 2) located mesh points, image frame.
    layout
        Of the chip.

    Returns
    -------
    numpy.ndarray
        (S, S) uint8, S the layout's size: brightness; 0 beside the face.
    """
    size = layout.size
    height, width = pixels.shape[:2]
    used = mesh[: int(layout.corners.max()) + 1]
    low = np.clip(np.floor(used.min(axis=0)).astype(int) - 4, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(used.max(axis=0)).astype(int) + 5, low + 1, [width, height])
    block = cv2.cvtColor(np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    # Pixels of the photo to one of the chip: what is finer than the chip must not flicker in it.
    ratio = float(np.ptp(used, axis=0).max()) / (size - 2 * _MARGIN)
    if ratio > 1:
        block = cv2.GaussianBlur(block, (0, 0), 0.45 * ratio)
    places = np.full((size * size, 2), -1e4, dtype=np.float32)
    places[layout.inside] = ((used - low)[layout.corners] * layout.weights[:, :, None]).sum(axis=1)
    x, y = np.ascontiguousarray(places.T).reshape(2, size, size)
    chip = cv2.remap(block, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0,))
    return np.asarray(chip, dtype=np.uint8)


def describe_chip(chip: ByteArray) -> Float32Array:
    """Describe a chip by histograms of gradient directions in its cells.

    Each cell's histogram is divided by the strength of what surrounds it, so that light and contrast drop out
    (N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection", 2005).

    Parameters
    ----------
    chip
        (S, S) uint8; S is a multiple of CELL.

    Returns
    -------
    numpy.ndarray
        (F,) float32 0..0.4: DIRECTIONS for each cell; FEATURES for a chip of CHIP_SIZE.
    """
    grey = chip.astype(np.float32) / 255
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1)
    strength = np.sqrt(across**2 + down**2)
    turn = np.mod(np.arctan2(down, across), np.pi) * (DIRECTIONS / np.pi)
    lower = np.floor(turn)
    share = turn - lower
    first = lower.astype(np.int32) % DIRECTIONS
    count = len(chip) // CELL
    cells = np.empty((count, count, DIRECTIONS), dtype=np.float32)
    for k in range(DIRECTIONS):
        own = strength * ((first == k) * (1 - share) + ((first + 1) % DIRECTIONS == k) * share)
        soft = cv2.GaussianBlur(own.astype(np.float32), (0, 0), 0.4 * CELL)
        cells[:, :, k] = soft.reshape(count, CELL, count, CELL).mean(axis=(1, 3))
    around = cv2.GaussianBlur((cells**2).sum(axis=2), (0, 0), 1.0)
    cells /= np.sqrt(around + _QUIET)[:, :, None]
    return np.minimum(cells, _CLIP).reshape(-1)
