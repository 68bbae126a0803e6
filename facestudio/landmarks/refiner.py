"""The last stage of the Active Shape Model in drawn photos: what the landmarker's network sees moves the points again.

The local experts see grey edges. The network's layers know folds and outlines whatever light and skin are, at the
mesh's points and at the landmarks themselves; linear steps from them (a cascade: each looks where the last one led)
mend what the search left, most of all in turned faces. Faces are looked at as if they were turned to one side.

For real photos there is none: on real people left out of training such steps made the points worse, since the
landmarker errs otherwise on them (docs/adr/0040).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.errors import ModelError
from facestudio.landmarks.mesh_features import CHANNELS, see_face
from facestudio.landmarks.schemes import load_scheme
from facestudio.paths import models
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray, read_only

REFINER_FORMAT = 1
REFINER_FILE = "landmark-refiner.npz"
SCHEME = "ibug68"
_EYE_CORNERS = (33, 263)  # of the mesh, outer
_NOSE = 1  # its tip


def sideways(mesh: FloatArray) -> float:
    """Return how far a face seems to be turned: its nose from the middle of its eyes, in their distance."""
    right, left = mesh[list(_EYE_CORNERS)]
    along = left - right
    return float((mesh[_NOSE] - (right + left) / 2) @ along / (along @ along))


@dataclass(frozen=True, eq=False)
class RefinerStep:
    """A linear step: points += intercept + ((seen - mean) @ channels) @ weights @ fields, 1/256 of what is looked at.

    `mean` (P, CHANNELS), `weights` (P C, R) and `fields` (R, 2 N) float32; `intercept` (2 N,).
    """

    mean: Float32Array
    weights: Float32Array
    fields: Float32Array
    intercept: FloatArray

    def __post_init__(self) -> None:
        for name in ("mean", "weights", "fields"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        object.__setattr__(self, "intercept", read_only(self.intercept, np.float64))

    def fits(self, points: int, channels: Float32Array, count: int) -> bool:
        """Whether its tables go from what `channels` keep of so many points to the ways of `count` landmarks."""
        return (
            self.mean.shape == (points, CHANNELS)
            and channels.shape[0] == CHANNELS
            and self.weights.shape == (points * channels.shape[1], len(self.fields))
            and self.fields.shape[1:] == self.intercept.shape == (2 * count,)
        )

    def shift(self, seen: Float32Array, channels: Float32Array) -> FloatArray:
        """Return by how much points belong elsewhere, (N, 2), of what is seen (P, CHANNELS)."""
        described = ((seen - self.mean) @ channels).ravel()
        return (self.intercept + (described @ self.weights) @ self.fields).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class Refiner:
    """A trained refiner.

    Attributes
    ----------
    licence, source
        What it is and where it comes from.
    chosen
        (M,) int32: mesh points that are looked at besides the landmarks.
    mesh_mirror
        (478,) int32: which mesh point takes the place of each in the mirror image.
    channels
        (CHANNELS, C) float32: what is kept of the layers.
    steps
        One after the other.
    left
        (N,) 0..1: the share of the variance of each point's error that is left, on photos left out.
    """

    licence: str
    source: str
    chosen: IntArray
    mesh_mirror: IntArray
    channels: Float32Array
    steps: tuple[RefinerStep, ...]
    left: FloatArray

    def __post_init__(self) -> None:
        for name in ("chosen", "mesh_mirror"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int32))
        object.__setattr__(self, "channels", read_only(self.channels, np.float32))
        object.__setattr__(self, "left", read_only(self.left, np.float64))
        points = len(self.chosen) + len(self.left)
        fits = all(step.fits(points, self.channels, len(self.left)) for step in self.steps)
        if not fits or self.mesh_mirror.shape != (478,):
            raise ModelError("landmark refiner: its tables do not fit together")

    def refine(
        self, pixels: ByteArray, mesh: FloatArray, points: FloatArray, covariance: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Move the located landmarks of a face.

        Parameters
        ----------
        pixels
            (H, W, 3) uint8 RGB.
        mesh
            (478, 2) px, located.
        points, covariance
            (68, 2) px and (68, 2, 2) square px: as the search left them.

        Returns
        -------
        tuple
            Points and covariance of the same shapes.

        Raises
        ------
        ModelError
            If the landmarker's model or ONNX Runtime is missing.
        """
        mirror = np.asarray(load_scheme(SCHEME).mirror, dtype=np.int32)
        face = see_face(pixels, mesh, mirrored=sideways(mesh) < 0)
        places = face.places(points, mirror)
        fixed = face.at(face.places(mesh, self.mesh_mirror)[self.chosen])
        for step in self.steps:
            places = places + step.shift(np.concatenate([fixed, face.at(places)]), self.channels)
        return face.in_photo(places, mirror), covariance * self.left[:, None, None]


_TABLES = {"mean": np.float16, "weights": np.float16, "fields": np.float32, "intercept": np.float64}


def step_arrays(step: RefinerStep, prefix: str) -> dict[str, NDArray[Any]]:
    """Return a step as arrays of a file, their names behind a prefix."""
    return {f"{prefix}_{name}": getattr(step, name).astype(kind) for name, kind in _TABLES.items()}


def read_step(data: Mapping[str, NDArray[Any]], prefix: str) -> RefinerStep:
    """Return the step of a file whose names begin with a prefix; a KeyError if one is missing."""
    return RefinerStep(*(data[f"{prefix}_{name}"] for name in _TABLES))


def refiner_arrays(refiner: Refiner) -> dict[str, NDArray[Any]]:
    """Return what a refiner's file holds (docs/formats/landmark-refiner.md)."""
    meta = {
        "format": REFINER_FORMAT,
        "licence": refiner.licence,
        "source": refiner.source,
        "steps": len(refiner.steps),
    }
    arrays: dict[str, NDArray[Any]] = {
        "meta": np.array(json.dumps(meta, sort_keys=True)),
        "chosen": refiner.chosen,
        "mesh_mirror": refiner.mesh_mirror,
        "channels": refiner.channels,
        "left": refiner.left,
    }
    for i, step in enumerate(refiner.steps):
        arrays |= step_arrays(step, f"step{i}")
    return arrays


def load_refiner_file(path: Path) -> Refiner:
    """Read a refiner's file (docs/formats/landmark-refiner.md).

    Raises
    ------
    ModelError
        If it is missing, damaged, or of a format that this version does not read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] != REFINER_FORMAT:
                age = "a newer" if meta["format"] > REFINER_FORMAT else "an older"
                raise ModelError(f"{path} was written by {age} facestudio (format {meta['format']})")
            steps = tuple(read_step(data, f"step{i}") for i in range(int(meta["steps"])))
            return Refiner(
                meta["licence"],
                meta["source"],
                data["chosen"],
                data["mesh_mirror"],
                data["channels"],
                steps,
                data["left"],
            )
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not a usable model
        raise ModelError(f"The landmark refiner {path} is missing or damaged: {error}") from error


@cache
def load_refiner() -> Refiner:
    """Return the shipped refiner (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_refiner_file(models() / REFINER_FILE)
