"""Colour models of skin and hair in one photo, and fine structure, at the texels."""

from dataclasses import dataclass

import cv2
import numpy as np

from facestudio.texture.layout import TexelLayout
from facestudio.values import BoolArray, Float32Array, FloatArray

_LEAST_SAMPLE = 50
_SKIN_FLOOR = np.diag([36.0, 6.0, 6.0])
_HAIR_FLOOR = np.diag([90.0, 9.0, 9.0])
FAR = 9.0
"""Distances beyond this say no more: they are cut there."""


def lab(colours: Float32Array) -> Float32Array:
    """Return CIE L*a*b* of sRGB colours (N, 3) 0..255."""
    return cv2.cvtColor((np.clip(colours, 0, 255)[None] / 255.0).astype(np.float32), cv2.COLOR_RGB2LAB)[0]


@dataclass(frozen=True, eq=False)
class ColourModel:
    """Robust mean (3,) and inverse covariance (3, 3) of colours in L*a*b*."""

    middle: FloatArray
    precision: FloatArray

    def distance(self, values: Float32Array, darker: float = 1.0, brighter: float = 1.0) -> Float32Array:
        """Return the Mahalanobis distance of L*a*b* values (N, 3), (N,) float32, at most FAR.

        Parameters
        ----------
        values
            The colours.
        darker, brighter
            Weights of a difference in brightness, down and up: small where light, not stuff, makes it.
        """
        offset = values - self.middle.astype(np.float32)
        offset[:, 0] *= np.where(offset[:, 0] > 0, np.float32(brighter), np.float32(darker))
        square = np.einsum("ni,ij,nj->n", offset, self.precision.astype(np.float32), offset, optimize=True)
        return np.minimum(np.sqrt(np.maximum(square, 0)), FAR).astype(np.float32)


def _model(sample: Float32Array, floor: FloatArray, kept: float) -> ColourModel:
    middle = np.median(sample, axis=0)
    away = np.abs(sample - middle).sum(axis=1)
    keep = away <= np.percentile(away, kept)
    precision = np.linalg.inv(np.cov(sample[keep].T) + floor)
    return ColourModel(middle.astype(np.float64), precision.astype(np.float64))


def skin_model(values: Float32Array, core: BoolArray) -> ColourModel | None:
    """Learn the face's skin from texels that are skin for sure; None if there are too few.

    Parameters
    ----------
    values
        (N, 3) L*a*b*.
    core
        (N,) bool. Brows, nostrils and highlights among them are outliers and count little.
    """
    sample = values[core]
    return None if len(sample) < _LEAST_SAMPLE else _model(sample, _SKIN_FLOOR, 80.0)


def hair_model(values: Float32Array, crown: BoolArray) -> ColourModel | None:
    """Learn what covers the scalp, from texels high up on it; None if the photo shows too few. See `skin_model`."""
    sample = values[crown]
    return None if len(sample) < _LEAST_SAMPLE else _model(sample, _HAIR_FLOOR, 85.0)


def smoothed(layout: TexelLayout, values: Float32Array, sigma: float, where: BoolArray) -> Float32Array:
    """Average texel values (N,) or (N, C) over their surroundings, only among the texels chosen; float32.

    Parameters
    ----------
    layout
        The texels.
    values
        What to average.
    sigma
        Of the Gaussian, edge lengths of the atlas.
    where
        (N,) bool: texels whose values count.
    """
    weight = where.astype(np.float32)
    stack = layout.grid(np.column_stack([(values.T * weight).T, weight]))
    stack = cv2.GaussianBlur(stack, (0, 0), sigma * layout.size)
    found = stack[layout.rows, layout.columns]
    means = found[:, :-1] / np.maximum(found[:, -1:], 1e-3)
    return np.asarray(means.reshape(values.shape), dtype=np.float32)


def roughness(layout: TexelLayout, colours: Float32Array, core: BoolArray) -> Float32Array:
    """Return how much stronger the fine structure around each texel is than on the face's skin, (N,).

    Strands of hair have several times the skin's.
    """
    grey = layout.grid(colours @ np.full(3, 1 / 3, dtype=np.float32))
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 0.004 * layout.size)
    energy = cv2.GaussianBlur(fine * fine, (0, 0), 0.012 * layout.size)
    found = np.sqrt(energy[layout.rows, layout.columns])
    usual = float(np.median(found[core])) if core.any() else 1.0
    return np.asarray(found / max(usual, 0.5), dtype=np.float32)
