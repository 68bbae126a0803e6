"""The point refiner: moves located mesh points by what the face's gradients say of how far they missed.

Regressions in stages, as in X. Xiong, F. De la Torre, "Supervised Descent Method and its Applications to Face
Alignment", 2013: each looks at the face chip as the points so far cut it, a margin around the face with it, where the
outline lies.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from facestudio.errors import ModelError
from facestudio.fitting.face_chip import CELL, DIRECTIONS, ChipLayout, chip_layout, cut_chip, describe_chip
from facestudio.fitting.noise import PointNoise
from facestudio.paths import models
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray, read_only

REFINER_FORMAT = 1
REFINER_FILE = "point-refiner.npz"
WIDE_SIZE = 176
WIDE_FEATURES = (WIDE_SIZE // CELL) ** 2 * DIRECTIONS
_RING = 0.17  # of the face's radius: how far the chip reaches beyond the points
_EDGE = 3.0  # pixels


@dataclass(frozen=True, eq=False)
class WideLayout:
    """How a face with a margin around it lies in a chip.

    Attributes
    ----------
    flat
        (M, 2) float64 mm, x right, y down: mesh points of the mean head, seen straight from the front, their box's
        centre at 0.
    """

    flat: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "flat", read_only(self.flat, np.float64))

    @cached_property
    def _hull(self) -> IntArray:
        return np.sort(ConvexHull(self.flat).vertices).astype(np.int32)

    @cached_property
    def _affine(self) -> FloatArray:
        whole = np.column_stack([self.flat, np.ones(len(self.flat))])
        return np.asarray(np.linalg.pinv(whole), dtype=np.float64)

    @cached_property
    def chip(self) -> ChipLayout:
        """The chip's triangles."""
        outer = self.flat[self._hull] * (1 + _RING)
        every = np.concatenate([self.flat, outer])
        scale = (WIDE_SIZE / 2 - _EDGE) / np.abs(outer).max()
        return chip_layout(every * scale + (WIDE_SIZE - 1) / 2, WIDE_SIZE)

    def cut(self, pixels: ByteArray, mesh: FloatArray) -> ByteArray:
        """Cut the wide chip, (WIDE_SIZE, WIDE_SIZE) uint8, of a face with mesh points (M or more, 2) px."""
        own = mesh[: len(self.flat)]
        # Outward as the whole face lies in the picture: a turned face's margin is turned, too.
        outward = _RING * self.flat[self._hull] @ (self._affine @ own)[:2]
        return cut_chip(pixels, np.concatenate([own, own[self._hull] + outward]), self.chip)

    def to_picture(self, mesh: FloatArray) -> FloatArray:
        """Return the matrix (2, 2) from mm of an upright face to pixels: the similarity that fits mesh points best."""
        own = mesh[: len(self.flat)] - mesh[: len(self.flat)].mean(axis=0)
        flat = self.flat - self.flat.mean(axis=0)
        a, b = flat[:, 0] + 1j * flat[:, 1], own[:, 0] + 1j * own[:, 1]
        turn = np.vdot(a, b) / np.vdot(a, a).real
        return np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])


@dataclass(frozen=True, eq=False)
class RefinerStage:
    """One regression: displacement = intercept + ((description - mean) @ weights) @ fields.

    `mean` (F,) float32, `weights` (F, R) float32, `fields` (R, 2 N) float32 and `intercept` (2 N,) float64, mm of an
    upright face.
    """

    mean: Float32Array
    weights: Float32Array
    fields: Float32Array
    intercept: FloatArray

    def __post_init__(self) -> None:
        for name in ("mean", "weights", "fields"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        object.__setattr__(self, "intercept", read_only(self.intercept, np.float64))
        rank, two = self.fields.shape
        if self.weights.shape != (WIDE_FEATURES, rank) or self.mean.shape != (WIDE_FEATURES,):
            raise ModelError("point refiner: its tables do not fit together")
        if self.intercept.shape != (two,):
            raise ModelError("point refiner: its tables do not fit together")

    def displacement(self, description: Float32Array) -> FloatArray:
        """Return what a description (F,) says, (N, 2) mm."""
        said = ((description - self.mean) @ self.weights) @ self.fields
        return (self.intercept + said).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class PointRefiner:
    """A trained refiner.

    Attributes
    ----------
    version, licence, source
        What it is and where it comes from.
    layout
        Of the chip it looks at.
    stages
        One after another.
    noise
        Of the refined points, on photos left out of training.
    """

    version: str
    licence: str
    source: str
    layout: WideLayout
    stages: tuple[RefinerStage, ...]
    noise: PointNoise

    def refine(self, pixels: ByteArray, mesh: FloatArray) -> FloatArray:
        """Return mesh points nearer to their true places.

        Parameters
        ----------
        pixels
            (H, W, 3) uint8 RGB.
        mesh
            (478, 2) located mesh points, image frame.
        """
        to_picture = self.layout.to_picture(mesh)
        out = mesh
        for stage in self.stages:
            out = out + stage.displacement(describe_chip(self.layout.cut(pixels, out))) @ to_picture.T
        return out


def refiner_arrays(refiner: PointRefiner) -> dict[str, NDArray[Any]]:
    """Return what the refiner's file holds (docs/formats/point-refiner.md)."""
    meta = {
        "format": REFINER_FORMAT,
        "version": refiner.version,
        "licence": refiner.licence,
        "source": refiner.source,
        "stages": len(refiner.stages),
    }
    arrays: dict[str, NDArray[Any]] = {
        "meta": np.array(json.dumps(meta, sort_keys=True)),
        "flat": refiner.layout.flat,
        "noise_factor": refiner.noise.factor.astype(np.float32),
        "noise_sigma": refiner.noise.sigma.astype(np.float32),
    }
    for number, stage in enumerate(refiner.stages):
        arrays[f"mean{number}"] = stage.mean
        arrays[f"weights{number}"] = stage.weights.astype(np.float16)
        arrays[f"fields{number}"] = stage.fields.astype(np.float16)
        arrays[f"intercept{number}"] = stage.intercept
    return arrays


def load_refiner_file(path: Path) -> PointRefiner:
    """Read a refiner's file (docs/formats/point-refiner.md).

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > REFINER_FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            stages = tuple(
                RefinerStage(
                    data[f"mean{k}"],
                    data[f"weights{k}"].astype(np.float32),
                    data[f"fields{k}"].astype(np.float32),
                    data[f"intercept{k}"],
                )
                for k in range(int(meta["stages"]))
            )
            sigma = data["noise_sigma"].astype(np.float64)
            noise = PointNoise(np.zeros_like(sigma), data["noise_factor"], sigma)
            return PointRefiner(
                meta["version"], meta["licence"], meta["source"], WideLayout(data["flat"]), stages, noise
            )
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not a usable model
        raise ModelError(f"The point refiner {path} is missing or damaged: {error}") from error


@cache
def load_refiner() -> PointRefiner:
    """Return the shipped point refiner (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_refiner_file(models() / REFINER_FILE)
