"""The learnt Active Shape Model: local experts on a canvas, the shape model, and how sure each point is.

A stage looks at each point and its neighbours with descriptors of two sizes, reduced to their principal
components, and a ridge regression per point (its *local expert*) says where the point really is. The stages
follow one another from coarse to fine; the shape model then holds what they say to a face.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from facestudio.errors import ModelError
from facestudio.landmarks.asm.canvas import LENGTH, describe
from facestudio.landmarks.asm.shape import PointDistributionModel
from facestudio.landmarks.schemes import LandmarkMap, load_scheme
from facestudio.paths import models
from facestudio.values import Float32Array, FloatArray, IntArray, read_only

ASM_FORMAT: Final = 1
"""Format number of an ASM file (docs/formats/asm.md)."""

ASM_FILE: Final = "asm.npz"


@dataclass(frozen=True, eq=False)
class ExpertStage:
    """One stage of the local search; lengths are canvas pixels.

    Attributes
    ----------
    cells
        (C,) float64: sizes of the descriptors' cells.
    centre
        (N, D) float32: mean of the descriptors, D = C * LENGTH.
    basis
        (N, D, P) float32: their principal components.
    spread
        (N,) float64: root mean square of what the components leave of a descriptor, over training.
    neighbours
        (N, Q) int32: whose components each expert reads, its own first.
    weights
        (N, Q * P, 2) float32.
    bias
        (N, 2) float32.
    """

    cells: FloatArray
    centre: Float32Array
    basis: Float32Array
    spread: FloatArray
    neighbours: IntArray
    weights: Float32Array
    bias: Float32Array

    def __post_init__(self) -> None:
        for name in ("centre", "basis", "weights", "bias"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        object.__setattr__(self, "cells", read_only(self.cells, np.float64))
        object.__setattr__(self, "spread", read_only(self.spread, np.float64))
        object.__setattr__(self, "neighbours", read_only(self.neighbours, np.int32))

    def components(self, maps: Float32Array, points: FloatArray) -> tuple[Float32Array, FloatArray]:
        """Return the components (N, P) of the points' descriptors, and how unlike training each is, (N,)."""
        return reduce_descriptors(
            describe_sizes(maps, points, self.cells), self.centre, self.basis, self.spread
        )

    def step(self, components: Float32Array) -> FloatArray:
        """Return the displacement (N, 2) that the experts propose."""
        read = components[self.neighbours].reshape(len(self.neighbours), 1, -1)
        return (read @ self.weights)[:, 0].astype(np.float64) + self.bias


def describe_sizes(maps: Float32Array, points: FloatArray, cells: FloatArray) -> Float32Array:
    """Return the descriptors of points in several sizes, side by side, (N, C * LENGTH) float32."""
    return np.concatenate([describe(maps, points, cell) for cell in cells.tolist()], axis=1)


def reduce_descriptors(
    descriptors: Float32Array, centre: Float32Array, basis: Float32Array, spread: FloatArray
) -> tuple[Float32Array, FloatArray]:
    """Return the components (N, P) of descriptors (N, D), and their novelty (N,).

    The novelty is the length of what the components leave of a descriptor, relative to training's: 1 is usual.
    """
    off = descriptors - centre
    components = np.asarray((off[:, None] @ basis)[:, 0], dtype=np.float32)
    left = np.maximum((off**2).sum(axis=1) - (components**2).sum(axis=1), 0)
    return components, np.sqrt(left.astype(np.float64)) / spread


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """How far the mesh's points and the ASM's are off, and how both errors hang together; canvas pixels.

    A point's covariance in a photo is its usual one times exp(weights @ [1, cues]), cues being what
    `AsmSearch` sees of the photo.

    Attributes
    ----------
    covariance
        (N, 4, 4) float64: of (mesh x, mesh y, ASM x, ASM y) errors.
    weights
        (2, 1 + K) float64: logarithm of the factor on the mesh's and on the ASM's variance.
    """

    covariance: FloatArray
    weights: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", read_only(self.covariance, np.float64))
        object.__setattr__(self, "weights", read_only(self.weights, np.float64))


@dataclass(frozen=True, eq=False)
class ProfileModel:
    """Grey-level profiles of the classical search (asm-classic), by level of the pyramid, finest first.

    Attributes
    ----------
    means
        (L, N, 2 K + 1) float64: normalised derivative along the normal of the contour.
    inverses
        (L, N, 2 K + 1, 2 K + 1) float64: inverse covariance.
    """

    means: FloatArray
    inverses: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "means", read_only(self.means, np.float64))
        object.__setattr__(self, "inverses", read_only(self.inverses, np.float64))


@dataclass(frozen=True, eq=False)
class AsmModel:
    """A trained Active Shape Model.

    Attributes
    ----------
    scheme
        Its points: ibug68 or xm2vts68.
    shape
        The point distribution model.
    start
        How the points follow from the 478-point mesh: where the search begins.
    stages
        Of the local search, coarse to fine.
    expert_sigma
        (N,) float64 canvas pixels: how far the experts are off, before the shape model holds them.
    errors
        See `ErrorModel`.
    profiles
        Of the classical search.
    provenance
        What it was trained from: version, photos, seed, licence, source, command.
    """

    scheme: str
    shape: PointDistributionModel
    start: LandmarkMap
    stages: tuple[ExpertStage, ...]
    expert_sigma: FloatArray
    errors: ErrorModel
    profiles: ProfileModel
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "expert_sigma", read_only(self.expert_sigma, np.float64))


def asm_arrays(model: AsmModel) -> dict[str, Any]:
    """Return a model as the arrays of its file."""
    meta = {**model.provenance, "format": ASM_FORMAT, "scheme": model.scheme, "stages": len(model.stages)}
    arrays: dict[str, Any] = {
        "meta": np.array(json.dumps(meta, sort_keys=True)),
        "shape_mean": model.shape.mean,
        "shape_modes": model.shape.modes.astype(np.float32),
        "shape_sigma": model.shape.sigma,
        "shape_rest": np.array(model.shape.rest),
        "start_points": model.start.points,
        "start_weights": model.start.weights,
        "start_covariance": model.start.covariance,
        "expert_sigma": model.expert_sigma,
        "error_covariance": model.errors.covariance,
        "error_weights": model.errors.weights,
        "profile_means": model.profiles.means.astype(np.float32),
        "profile_inverses": model.profiles.inverses.astype(np.float32),
    }
    for i, stage in enumerate(model.stages):
        arrays[f"stage{i}_cells"] = stage.cells
        arrays[f"stage{i}_centre"] = stage.centre.astype(np.float16)
        arrays[f"stage{i}_basis"] = stage.basis.astype(np.float16)
        arrays[f"stage{i}_spread"] = stage.spread
        arrays[f"stage{i}_neighbours"] = stage.neighbours
        arrays[f"stage{i}_weights"] = stage.weights.astype(np.float32)
        arrays[f"stage{i}_bias"] = stage.bias
    return arrays


def load_asm_file(path: Path) -> AsmModel:
    """Read an ASM file.

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if int(meta["format"]) > ASM_FORMAT:
                raise ModelError(f"{path.name} was written by a newer facestudio (format {meta['format']})")
            model = AsmModel(
                str(meta["scheme"]),
                PointDistributionModel(
                    data["shape_mean"], data["shape_modes"], data["shape_sigma"], float(data["shape_rest"])
                ),
                LandmarkMap(data["start_points"], data["start_weights"], data["start_covariance"]),
                tuple(_stage(data, i) for i in range(int(meta["stages"]))),
                data["expert_sigma"],
                ErrorModel(data["error_covariance"], data["error_weights"]),
                ProfileModel(data["profile_means"], data["profile_inverses"]),
                meta,
            )
        _check(model)
        return model
    except ModelError:
        raise
    except Exception as error:  # zip, json, key and shape errors all mean: not a usable file
        raise ModelError(f"The Active Shape Model {path.name} is missing or damaged: {error}") from error


def _stage(data: Mapping[str, Any], i: int) -> ExpertStage:
    names = ("cells", "centre", "basis", "spread", "neighbours", "weights", "bias")
    return ExpertStage(*(data[f"stage{i}_{name}"] for name in names))


def _check(model: AsmModel) -> None:
    count = load_scheme(model.scheme).count
    size = 2 * count
    shapes = [
        (model.shape.mean.shape, (count, 2)),
        (model.shape.modes.shape, (len(model.shape.sigma), size)),
        (model.start.weights.shape, model.start.points.shape),
        ((len(model.start.points),), (count,)),
        (model.expert_sigma.shape, (count,)),
        (model.errors.covariance.shape, (count, 4, 4)),
    ]
    for stage in model.stages:
        parts = stage.basis.shape[2]
        length = len(stage.cells) * LENGTH
        shapes += [
            (stage.basis.shape, (count, length, parts)),
            (stage.centre.shape, (count, length)),
            (stage.weights.shape, (count, stage.neighbours.shape[1] * parts, 2)),
        ]
        if stage.neighbours.min() < 0 or stage.neighbours.max() >= count:
            raise ValueError("a neighbour is out of range")
    for found, expected in shapes:
        if found != expected:
            raise ValueError(f"an array has shape {found}, expected {expected}")
    if model.start.points.min() < 0 or model.start.points.max() >= 478:
        raise ValueError("a mesh point is out of range")


@cache
def load_asm() -> AsmModel:
    """Return the shipped model (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_asm_file(models() / ASM_FILE)
