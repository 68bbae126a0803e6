"""The classical Active Shape Model: profile search on a pyramid, held by the point distribution model.

T. Cootes and C. Taylor, "Statistical Models of Appearance for Computer Vision", 2004, sections 7 and 8: along
the normal of its contour each point looks for the place whose normalised grey-level derivative is nearest to
training's (Mahalanobis distance); then the shape model is fitted to the places found, its coefficients held
within three standard deviations; this is repeated on each level of the pyramid, coarse to fine.
"""

from functools import cache
from typing import Final

import cv2
import numpy as np

from facestudio.landmarks.asm.canvas import SIDE, cut_canvas
from facestudio.landmarks.asm.model import AsmModel
from facestudio.landmarks.asm.shape import LIMIT, align, invert, transform
from facestudio.landmarks.schemes import LandmarkScheme, load_scheme
from facestudio.values import ByteArray, FloatArray, IntArray

LEVELS: Final = 3
PROFILE: Final = 9
"""Numbers in a profile (2 K + 1)."""

SEARCH: Final = 3
"""How far along the normal the search goes at each step, pixels of the level."""

_MOST_STEPS: Final = 12
_ARRIVED: Final = 0.9  # share of the points that moved by at most one pixel


def pyramid(canvas: ByteArray) -> list[FloatArray]:
    """Return the levels of a canvas, finest first; each has half the pixels a side of the one before."""
    levels = [canvas.astype(np.float64)]
    for _ in range(LEVELS - 1):
        smooth = cv2.GaussianBlur(levels[-1], (0, 0), 0.9)
        levels.append(np.ascontiguousarray(smooth[::2, ::2], dtype=np.float64))
    return levels


@cache
def _contour_neighbours(name: str) -> IntArray:
    """For each point of a scheme the points before and after it on its contour, (N, 2); itself at an end."""
    scheme = load_scheme(name)
    found = np.stack([np.arange(scheme.count)] * 2, axis=1)
    seen: set[int] = set()
    for contour in scheme.contours:
        closed = contour[0] == contour[-1] and len(contour) > 2
        line = contour[:-1] if closed else contour
        for place, point in enumerate(line):
            if point in seen:
                continue
            seen.add(point)
            before = line[place - 1] if place or closed else point
            after = line[(place + 1) % len(line)] if place + 1 < len(line) or closed else point
            found[point] = before, after
    return found.astype(np.int32)


def contour_normals(scheme: LandmarkScheme, points: FloatArray) -> FloatArray:
    """Return the unit normals of the contours at points (N, 2), (N, 2); upright where there is no contour."""
    neighbours = _contour_neighbours(scheme.name)
    along = points[neighbours[:, 1]] - points[neighbours[:, 0]]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    along = np.where(length > 1e-6, along / np.maximum(length, 1e-6), np.array([1.0, 0.0]))
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def profiles_at(picture: FloatArray, points: FloatArray, normals: FloatArray, reach: int) -> FloatArray:
    """Return the normalised derivative profiles around points.

    Parameters
    ----------
    picture
        (H, W) grey.
    points, normals
        (N, 2) pixels of the picture; unit vectors.
    reach
        How many places to each side are wanted.

    Returns
    -------
    numpy.ndarray
        (N, 2 * reach + 1, PROFILE) float64; absolute values of each profile sum to 1.
    """
    half = PROFILE // 2
    along = np.arange(-half - reach - 1, half + reach + 2)
    places = points[:, None] + along[None, :, None] * normals[:, None]
    values = cv2.remap(
        picture.astype(np.float32),
        places[..., 0].astype(np.float32),
        places[..., 1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    slope = (values[:, 2:] - values[:, :-2]) / 2
    windows = np.lib.stride_tricks.sliding_window_view(slope, PROFILE, axis=1).astype(np.float64)
    return windows / np.maximum(np.abs(windows).sum(axis=2, keepdims=True), 1e-3)


def classic_search(model: AsmModel, pixels: ByteArray, begin: FloatArray) -> FloatArray:
    """Locate the points of a face by the classical search.

    Parameters
    ----------
    model
        Its shape model and profiles are used.
    pixels
        (H, W, 3) uint8 RGB.
    begin
        (N, 2) pixels: about where the points are. Only their place, size and direction count: the search starts
        from the mean shape.

    Returns
    -------
    numpy.ndarray
        (N, 2) float64 pixels.
    """
    scheme = load_scheme(model.scheme)
    canvas = cut_canvas(pixels, begin, model.shape.mean)
    levels = pyramid(canvas.pixels)
    points = transform(align(model.shape.mean, canvas.place(begin)), model.shape.mean)
    for level in range(LEVELS - 1, -1, -1):
        for _ in range(_MOST_STEPS):
            there = points / 2**level
            normals = contour_normals(scheme, there)
            profiles = profiles_at(levels[level], there, normals, SEARCH)
            off = profiles - model.profiles.means[level][:, None]
            cost = np.einsum("nki,nij,nkj->nk", off, model.profiles.inverses[level], off, optimize=True)
            best = np.argmin(cost, axis=1) - SEARCH
            proposed = (there + best[:, None] * normals) * 2**level
            points = _held(model, proposed)
            if (np.abs(best) <= 1).mean() >= _ARRIVED:
                break
    return canvas.back(np.clip(points, 0, SIDE - 1))


def _held(model: AsmModel, points: FloatArray) -> FloatArray:
    """Return the shape of the model nearest to the points, its coefficients within their limits."""
    coefficients = np.zeros(len(model.shape.sigma))
    matrix = align(model.shape.mean, points)
    for _ in range(3):
        local = transform(invert(matrix), points)
        coefficients = model.shape.coefficients(local)
        coefficients = np.clip(coefficients, -LIMIT * model.shape.sigma, LIMIT * model.shape.sigma)
        matrix = align(model.shape.shape(coefficients), points)
    return transform(matrix, model.shape.shape(coefficients))
