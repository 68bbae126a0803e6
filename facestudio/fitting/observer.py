"""The shape observer: what a face's gradients say of its identity, beyond the places of the points.

A linear (ridge) regression, learnt on synthetic photos, from the face chip to the shape model's coefficients. What it
says enters the fit as an observation with a covariance of its own. The stranger the photo, the less it counts.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.errors import ModelError
from facestudio.fitting.face_chip import FEATURES, chip_layout, cut_chip, describe_chip
from facestudio.paths import models
from facestudio.values import ByteArray, Float32Array, FloatArray, read_only

OBSERVER_FORMAT = 1
OBSERVER_FILE = "shape-observer.npz"


@dataclass(frozen=True, eq=False)
class Observation:
    """What was observed of identity.

    Attributes
    ----------
    identity
        (K,) coefficients of the shape model: their conditional mean.
    covariance
        (K, K) their conditional covariance, for a photo like those learnt from.
    trust
        0..1: 1 for a photo like those learnt from, less for a stranger one.
    novelty
        How strange the photo is: about 1 for those learnt from.
    """

    identity: FloatArray
    covariance: FloatArray
    trust: float
    novelty: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", read_only(self.identity, np.float64))
        object.__setattr__(self, "covariance", read_only(self.covariance, np.float64))


@dataclass(frozen=True, eq=False)
class ShapeObserver:
    """A trained observer.

    Attributes
    ----------
    version, licence, source
        What it is and where it comes from.
    shape_version
        Of the shape model whose coefficients it gives.
    places
        (M, 2) float64: where mesh points lie in the chip.
    mean
        (F,) float32: the average description.
    weights, intercept
        (F, K) float32 and (K,) float64.
    covariance
        (K, K) float64 of what it misses, on photos left out of training.
    directions, spread
        (R, F) float32 and (R,) float64: principal directions of descriptions and their standard deviations.
    beyond
        Mean square of what the directions leave of a description.
    trust_at
        (2,) float64: up to the first novelty an observation counts fully, at the second by 1 / e.
    """

    version: str
    licence: str
    source: str
    shape_version: str
    places: FloatArray
    mean: Float32Array
    weights: Float32Array
    intercept: FloatArray
    covariance: FloatArray
    directions: Float32Array
    spread: FloatArray
    beyond: float
    trust_at: FloatArray

    def __post_init__(self) -> None:
        for name in ("places", "intercept", "covariance", "spread", "trust_at"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
        for name in ("mean", "weights", "directions"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        count = len(self.intercept)
        if (
            self.mean.shape != (FEATURES,)
            or self.weights.shape != (FEATURES, count)
            or self.covariance.shape != (count, count)
            or self.directions.shape != (len(self.spread), FEATURES)
        ):
            raise ModelError("shape observer: its tables do not fit together")

    def describe(self, pixels: ByteArray, mesh: FloatArray) -> Float32Array:
        """Return the description (F,) float32 of the face with mesh points (478, 2) px in a photo (H, W, 3) uint8."""
        return describe_chip(cut_chip(pixels, mesh, chip_layout(self.places)))

    def novelty(self, description: Float32Array) -> float:
        """Return how far a description (F,) lies from those learnt from, about 1 for them."""
        off = description - self.mean
        along = self.directions @ off
        left = float(off @ off - along @ along) / self.beyond
        within = float(((along / self.spread) ** 2).mean())
        return (within + left) / 2

    def observe(self, pixels: ByteArray, mesh: FloatArray) -> Observation:
        """Observe the identity of a face.

        Parameters
        ----------
        pixels
            (H, W, 3) uint8 RGB.
        mesh
            (478, 2) located mesh points, image frame.
        """
        description = self.describe(pixels, mesh)
        identity = self.intercept + (description - self.mean).astype(np.float64) @ self.weights
        novelty = self.novelty(description)
        first, second = self.trust_at
        trust = float(np.exp(-max(0.0, novelty - first) / (second - first)))
        return Observation(identity, self.covariance, trust, novelty)


def observer_arrays(observer: ShapeObserver) -> dict[str, NDArray[Any]]:
    """Return what the observer's file holds (docs/formats/shape-observer.md)."""
    meta = {
        "format": OBSERVER_FORMAT,
        "version": observer.version,
        "licence": observer.licence,
        "source": observer.source,
        "shape_version": observer.shape_version,
        "beyond": float(observer.beyond),
    }
    return {
        "meta": np.array(json.dumps(meta, sort_keys=True)),
        "places": observer.places,
        "mean": observer.mean,
        "weights": observer.weights.astype(np.float16),
        "intercept": observer.intercept,
        "covariance": observer.covariance,
        "directions": observer.directions.astype(np.float16),
        "spread": observer.spread,
        "trust_at": observer.trust_at,
    }


def load_observer_file(path: Path) -> ShapeObserver:
    """Read an observer's file (docs/formats/shape-observer.md).

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > OBSERVER_FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            return ShapeObserver(
                version=meta["version"],
                licence=meta["licence"],
                source=meta["source"],
                shape_version=meta["shape_version"],
                places=data["places"],
                mean=data["mean"],
                weights=data["weights"].astype(np.float32),
                intercept=data["intercept"],
                covariance=data["covariance"],
                directions=data["directions"].astype(np.float32),
                spread=data["spread"],
                beyond=float(meta["beyond"]),
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
