"""How far the located points lie from the true ones: learnt bias and covariance of the 478 mesh points."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from facestudio.errors import ModelError
from facestudio.paths import resources
from facestudio.values import ARKIT_NAMES, FloatArray, read_only

NOISE_FORMAT = 2

_EXPRESSIONS = ("jawOpen", "mouthSmile", "eyeBlink", "mouthPucker", "browInnerUp", "browDown", "eyeSquint")
CONDITIONS = ("yaw", "turned", "pitch", *_EXPRESSIONS)
"""What the bias depends on: sines of yaw and pitch, the size of the former, and weights of expression shapes
(the mean of left and right)."""


def conditions(yaw: float, pitch: float, expression: FloatArray) -> FloatArray:
    """Return the values of `CONDITIONS`.

    Parameters
    ----------
    yaw, pitch
        Of the head, radians.
    expression
        (52,) as the landmarker sees it, in the order of ARKIT_NAMES.

    Returns
    -------
    numpy.ndarray
        (C,) float64.
    """
    weights = dict(zip(ARKIT_NAMES, expression.tolist(), strict=True))
    seen = [
        weights[name] if name in weights else (weights[name + "Left"] + weights[name + "Right"]) / 2
        for name in _EXPRESSIONS
    ]
    return np.array([np.sin(yaw), abs(np.sin(yaw)), np.sin(pitch), *seen])


@dataclass(frozen=True, eq=False)
class PointNoise:
    """Error of located points in millimetres at the point's depth, image axes of an upright face.

    The covariance of all 2 N coordinates is factor @ factor.T + diag(sigma**2), for a face seen from the front without
    expression; `under` returns the noise of another.

    Attributes
    ----------
    bias
        (N, 2) float64 mm, x right, y down: located minus true.
    factor
        (2 N, R) float64 mm: what points have in common.
    sigma
        (N, 2) float64 mm: what each has of its own.
    terms
        (C, N, 2) float64 mm: what each of the `CONDITIONS` adds to the bias; C may be 0.
    widening
        How much the errors grow with the sine of the yaw: their logarithm per unit.
    """

    bias: FloatArray
    factor: FloatArray
    sigma: FloatArray
    terms: FloatArray | None = None
    widening: float = 0.0

    def __post_init__(self) -> None:
        for name in ("bias", "factor", "sigma"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
        if self.terms is not None:
            object.__setattr__(self, "terms", read_only(self.terms, np.float64))

    def scaled(self, times: float) -> "PointNoise":
        """Return noise of the same bias, so many times as wide."""
        return replace(self, factor=self.factor * times, sigma=self.sigma * times)

    def under(self, values: FloatArray) -> "PointNoise":
        """Return the noise under conditions (C,), see `conditions`: its own bias, wider if the head is turned."""
        if self.terms is None:
            return self
        wider = float(np.exp(self.widening * values[CONDITIONS.index("turned")]))
        bias = self.bias + np.tensordot(values, self.terms, axes=1)
        return PointNoise(bias, self.factor * wider, self.sigma * wider)

    def rotated(self, roll: float) -> "PointNoise":
        """Return the noise for a face whose picture is turned clockwise by `roll` radians."""
        turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        n = len(self.bias)
        factor = np.einsum("ij,njr->nir", turn, self.factor.reshape(n, 2, -1)).reshape(2 * n, -1)
        sigma = np.sqrt((turn**2 @ (self.sigma**2)[:, :, None])[:, :, 0])
        return PointNoise(self.bias @ turn.T, factor, sigma)


def independent_noise(count: int, sigma_mm: float) -> PointNoise:
    """Return equal, independent noise without bias for `count` points."""
    return PointNoise(np.zeros((count, 2)), np.zeros((2 * count, 0)), np.full((count, 2), sigma_mm))


def load_noise_file(path: Path) -> PointNoise:
    """Read a noise file (docs/formats/landmark-noise.md).

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > NOISE_FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            terms = data["terms"] if "terms" in data.files else None
            if terms is not None and terms.shape != (len(CONDITIONS), *data["bias"].shape):
                raise ValueError(f"terms of shape {terms.shape}")
            widening = float(meta.get("widening", 0.0))
            return PointNoise(data["bias"], data["factor"], data["sigma"], terms, widening)
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not a usable file
        raise ModelError(f"The landmark noise {path} is missing or damaged: {error}") from error


@cache
def mesh_noise() -> PointNoise:
    """Return the shipped noise of the mesh points (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_noise_file(resources() / "template" / "mesh478-noise.npz")
