"""The shape observer: what the landmarker's network sees at its points tells a face's shape and the points' places.

A linear (ridge) regression, learnt on synthetic photos, from `facestudio.landmarks.mesh_features` to the shape model's
coefficients and to how far each located point missed. Both enter the fit as observations with covariances of their own.
The stranger the photo, the less they count.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.errors import ModelError
from facestudio.fitting.noise import PointNoise
from facestudio.landmarks.mesh_features import CHANNELS, mesh_features
from facestudio.paths import models
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray, read_only

OBSERVER_FORMAT = 3
OBSERVER_FILE = "shape-observer.npz"
_MESH_POINTS = 478


@dataclass(frozen=True, eq=False)
class Observation:
    """What was observed of a face.

    Attributes
    ----------
    identity
        (K,) coefficients of the shape model: their conditional mean.
    covariance
        (K, K) their conditional covariance, for a photo like those learnt from.
    mesh
        (478, 2) float64 image pixels: where the mesh points belong.
    trust
        0..1: 1 for a photo like those learnt from, less for a stranger one.
    novelty
        How strange the photo is: about 1 for those learnt from.
    """

    identity: FloatArray
    covariance: FloatArray
    mesh: FloatArray
    trust: float
    novelty: float

    def __post_init__(self) -> None:
        for name in ("identity", "covariance", "mesh"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


@dataclass(frozen=True, eq=False)
class Description:
    """How faces are described: channels of the landmarker's layers at chosen points, fewer of them, and products.

    What a point shows means one thing in a face seen from the front and another in one turned aside: products of the
    strongest numbers at each point with numbers that tell how the whole face lies let a linear regression know.

    Attributes
    ----------
    chosen
        (N,) int32: mesh points.
    mirror
        (478,) int32: which mesh point takes the place of each in the mirror image.
    mean
        (N, CHANNELS) float32: the average at each point.
    channels
        (CHANNELS, C) float32: what is kept of them.
    overall
        (N C, S) float32: numbers that tell how the whole face lies.
    strongest
        (N, C, D) float32: the strongest numbers at each point.
    """

    chosen: IntArray
    mirror: IntArray
    mean: Float32Array
    channels: Float32Array
    overall: Float32Array = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    strongest: Float32Array = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.float32))

    def __post_init__(self) -> None:
        for name in ("chosen", "mirror"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int32))
        for name in ("mean", "channels", "overall", "strongest"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        points, kept = len(self.chosen), self.channels.shape[1]
        fits = self.mean.shape == (points, CHANNELS) and len(self.channels) == CHANNELS
        if self.overall.size or self.strongest.size:
            fits = fits and len(self.overall) == points * kept and self.strongest.shape[:2] == (points, kept)
        if not fits:
            raise ModelError("shape observer: its description does not fit together")

    @property
    def size(self) -> int:
        """How many numbers describe a face, with the products."""
        return self.plain + len(self.chosen) * self.strongest.shape[2] * self.overall.shape[1]

    @property
    def plain(self) -> int:
        """How many of them, the first ones, are no products."""
        return len(self.chosen) * self.channels.shape[1]

    def of(self, features: Float32Array) -> Float32Array:
        """Return descriptions (n, size) float32 of features (n, N, CHANNELS)."""
        kept = np.asarray((features - self.mean) @ self.channels, dtype=np.float32)
        plain = kept.reshape(len(features), -1)
        if not self.overall.size:
            return plain
        strong = (kept.transpose(1, 0, 2) @ self.strongest).transpose(1, 0, 2).reshape(len(features), -1, 1)
        products = np.asarray(strong * (plain @ self.overall)[:, None, :], dtype=np.float32)
        return np.concatenate([plain, products.reshape(len(features), -1)], axis=1)


@dataclass(frozen=True, eq=False)
class Novelty:
    """How strange a face is, by some of the points.

    `points` (P,) int32 of the chosen ones; `mean` (F,), principal `directions` (R, F) float32 of their part of the
    description with standard deviations `spread` (R,), and `beyond`, the mean square of what the directions leave.
    """

    points: IntArray
    mean: Float32Array
    directions: Float32Array
    spread: FloatArray
    beyond: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", read_only(self.points, np.int32))
        object.__setattr__(self, "spread", read_only(self.spread, np.float64))
        for name in ("mean", "directions"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        if self.directions.shape != (len(self.spread), len(self.mean)):
            raise ModelError("shape observer: its novelty does not fit together")

    def of(self, description: Float32Array, points: int) -> float:
        """Return how far a description (plain,) of so many points lies from those learnt from, about 1 for them."""
        off = description.reshape(points, -1)[self.points].ravel() - self.mean
        along = self.directions @ off
        left = float(off @ off - along @ along) / self.beyond
        within = float(((along / self.spread) ** 2).mean())
        return (within + left) / 2


@dataclass(frozen=True, eq=False)
class ShapeObserver:
    """A trained observer.

    Attributes
    ----------
    version, licence, source
        What it is and where it comes from.
    shape_version
        Of the shape model whose coefficients it gives.
    description
        How a face is described, F numbers.
    weights, intercept
        (F, K) float32 and (K,) float64: coefficients are intercept + description @ weights.
    mirrored
        (K, K) float64: coefficients of a head @ mirrored are those of its mirror image.
    covariance
        (K, K) float64 of what it misses, on photos left out of training.
    shift_weights, shift_fields, shift_intercept
        (F, R) float32, (R, 956) float32 and (956,) float64: by how much located points missed, 1/256 of the region
        looked at, x right, y down.
    noise
        Of the points after it, mm, on photos left out of training.
    novelty
        How strange a face is.
    trust_at
        (2,) float64: up to the first novelty an observation counts fully, at the second by 1 / e.
    """

    version: str
    licence: str
    source: str
    shape_version: str
    description: Description
    weights: Float32Array
    intercept: FloatArray
    mirrored: FloatArray
    covariance: FloatArray
    shift_weights: Float32Array
    shift_fields: Float32Array
    shift_intercept: FloatArray
    noise: PointNoise
    novelty: Novelty
    trust_at: FloatArray

    def __post_init__(self) -> None:
        for name in ("intercept", "mirrored", "covariance", "shift_intercept", "trust_at"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
        for name in ("weights", "shift_weights", "shift_fields"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        size, count = self.description.size, len(self.intercept)
        if (
            self.weights.shape != (size, count)
            or self.covariance.shape != (count, count)
            or self.mirrored.shape != (count, count)
            or self.shift_weights.shape != (size, len(self.shift_fields))
            or self.shift_fields.shape[1:] != (2 * _MESH_POINTS,)
            or self.shift_intercept.shape != (2 * _MESH_POINTS,)
        ):
            raise ModelError("shape observer: its tables do not fit together")

    def said(self, descriptions: Float32Array) -> tuple[FloatArray, FloatArray]:
        """Return what descriptions (2, F) of a face and its mirror image say together: the mean of both.

        Returns
        -------
        tuple
            Coefficients (K,), and displacements (478, 2) in 1/256 of the region looked at.
        """
        identity = self.intercept + descriptions @ self.weights
        one, other = identity[0], np.linalg.solve(self.mirrored.T, identity[1])
        shift = self.shift_intercept + (descriptions @ self.shift_weights) @ self.shift_fields
        first, second = shift.reshape(2, _MESH_POINTS, 2)
        back = np.empty_like(second)
        back[self.description.mirror] = second * [-1.0, 1.0]
        return (one + other) / 2, (first + back) / 2

    def observe(self, pixels: ByteArray, mesh: FloatArray) -> Observation:
        """Observe a face.

        Parameters
        ----------
        pixels
            (H, W, 3) uint8 RGB.
        mesh
            (478, 2) located mesh points, image frame.

        Raises
        ------
        ModelError
            If the landmarker's model or ONNX Runtime is missing.
        """
        how = self.description
        features, region = mesh_features(pixels, mesh, how.chosen, how.mirror)
        descriptions = how.of(features)
        identity, shift = self.said(descriptions)
        novelty = self.novelty.of(descriptions[0, : how.plain], len(how.chosen))
        first, second = self.trust_at
        trust = float(np.exp(-max(0.0, novelty - first) / (second - first)))
        moved = mesh + shift @ region.crop_to_image()[:, :2].T
        return Observation(identity, self.covariance, moved, trust, novelty)


def observer_arrays(observer: ShapeObserver) -> dict[str, NDArray[Any]]:
    """Return what the observer's file holds (docs/formats/shape-observer.md)."""
    meta = {
        "format": OBSERVER_FORMAT,
        "version": observer.version,
        "licence": observer.licence,
        "source": observer.source,
        "shape_version": observer.shape_version,
        "beyond": float(observer.novelty.beyond),
    }
    return {
        "meta": np.array(json.dumps(meta, sort_keys=True)),
        "chosen": observer.description.chosen,
        "mirror": observer.description.mirror,
        "mean": observer.description.mean.astype(np.float16),
        "channels": observer.description.channels,
        "overall": observer.description.overall.astype(np.float32),
        "strongest": observer.description.strongest.astype(np.float16),
        "weights": observer.weights.astype(np.float16),
        "intercept": observer.intercept,
        "mirrored": observer.mirrored,
        "covariance": observer.covariance,
        "shift_weights": observer.shift_weights.astype(np.float16),
        "shift_fields": observer.shift_fields,
        "shift_intercept": observer.shift_intercept,
        "noise_factor": observer.noise.factor.astype(np.float32),
        "noise_sigma": observer.noise.sigma.astype(np.float32),
        "novelty_points": observer.novelty.points,
        "novelty_mean": observer.novelty.mean,
        "directions": observer.novelty.directions.astype(np.float16),
        "spread": observer.novelty.spread,
        "trust_at": observer.trust_at,
    }


def load_observer_file(path: Path) -> ShapeObserver:
    """Read an observer's file (docs/formats/shape-observer.md).

    Raises
    ------
    ModelError
        If it is missing, damaged, or of a format that this version does not read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] != OBSERVER_FORMAT:
                age = "a newer" if meta["format"] > OBSERVER_FORMAT else "an older"
                raise ModelError(f"{path} was written by {age} facestudio (format {meta['format']})")
            sigma = data["noise_sigma"].astype(np.float64)
            return ShapeObserver(
                version=meta["version"],
                licence=meta["licence"],
                source=meta["source"],
                shape_version=meta["shape_version"],
                description=Description(
                    data["chosen"],
                    data["mirror"],
                    data["mean"].astype(np.float32),
                    data["channels"],
                    data["overall"],
                    data["strongest"].astype(np.float32),
                ),
                weights=data["weights"].astype(np.float32),
                intercept=data["intercept"],
                mirrored=data["mirrored"],
                covariance=data["covariance"],
                shift_weights=data["shift_weights"].astype(np.float32),
                shift_fields=data["shift_fields"],
                shift_intercept=data["shift_intercept"],
                noise=PointNoise(np.zeros_like(sigma), data["noise_factor"].astype(np.float64), sigma),
                novelty=Novelty(
                    data["novelty_points"],
                    data["novelty_mean"],
                    data["directions"].astype(np.float32),
                    data["spread"],
                    float(meta["beyond"]),
                ),
                trust_at=data["trust_at"],
            )
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not a usable model
        raise ModelError(f"The shape observer {path} is missing or damaged: {error}") from error


@cache
def load_observer() -> ShapeObserver:
    """Return the shipped shape observer (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_observer_file(models() / OBSERVER_FILE)
