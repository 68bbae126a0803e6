"""The learnt Active Shape Model: where the search begins, its stages, the shape model, and how sure each point is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from facestudio.errors import ModelError
from facestudio.landmarks.asm.canvas import LENGTH
from facestudio.landmarks.asm.reader import FaceReader
from facestudio.landmarks.asm.shape import PointDistributionModel
from facestudio.landmarks.asm.stages import ExpertStage, NetworkStage, Stage
from facestudio.landmarks.asm.view import POSE_TERMS, MeshView, PoseShift
from facestudio.landmarks.refiner import read_step, step_arrays
from facestudio.landmarks.schemes import LandmarkMap, load_scheme
from facestudio.paths import models
from facestudio.values import Float32Array, FloatArray, read_only

ASM_FORMAT: Final = 2
"""Format number of an ASM file (docs/formats/asm.md)."""

ASM_FILE: Final = "asm.npz"


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
class KindModel:
    """Tells drawn photos from real ones: a logistic regression on the descriptors of all points.

    Attributes
    ----------
    weights
        (N, P') float64 of the leading components of each point, where the search begins.
    bias
        Of the logarithm of the odds.
    """

    weights: FloatArray
    bias: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", read_only(self.weights, np.float64))

    def drawn(self, components: Float32Array) -> float:
        """Return the probability 0..1 that the photo of these components (N, P) is drawn."""
        odds = float((components[:, : self.weights.shape[1]] * self.weights).sum()) + self.bias
        return float(1 / (1 + np.exp(-np.clip(odds, -50, 50))))


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
    shift
        How the start moves with the pose; None if it was trained without turned faces.
    drawn
        The model for drawn photos, if it learnt from both kinds; this one is then for real ones.
    kind
        Tells which of both a photo is for.
    reader
        What the landmarker's network saw, read at once for all points; None if it was not learnt.
    """

    scheme: str
    shape: PointDistributionModel
    start: LandmarkMap
    stages: tuple[Stage, ...]
    expert_sigma: FloatArray
    errors: ErrorModel
    profiles: ProfileModel
    provenance: Mapping[str, Any]
    shift: PoseShift | None = None
    drawn: "AsmModel | None" = None
    kind: KindModel | None = None
    reader: FaceReader | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "expert_sigma", read_only(self.expert_sigma, np.float64))

    def begin(self, mesh: FloatArray) -> FloatArray:
        """Return where the search begins on a mesh (478, 2), (N, 2) in its frame."""
        points = self.start.apply(mesh)
        return points if self.shift is None else points + self.shift.apply(mesh)

    def view(self, mesh: FloatArray) -> FloatArray:
        """Return the shape (K,) of the mesh that the stages read; empty if they read none."""
        return np.zeros(0) if self.shift is None else self.shift.view.coefficients(mesh)


_DRAWN: Final = "drawn_"


def asm_arrays(model: AsmModel) -> dict[str, Any]:
    """Return a model as the arrays of its file."""
    meta = {**model.provenance, "format": ASM_FORMAT, "scheme": model.scheme, "stages": len(model.stages)}
    if model.drawn is not None:
        meta["drawn_stages"] = len(model.drawn.stages)
    arrays: dict[str, Any] = {"meta": np.array(json.dumps(meta, sort_keys=True))}
    if model.shift is not None:
        arrays["view_mean"] = model.shift.view.mean
        arrays["view_basis"] = model.shift.view.basis.astype(np.float32)
        arrays["view_pose"] = model.shift.view.pose
    arrays |= _own_arrays(model, "")
    arrays["profile_means"] = model.profiles.means.astype(np.float32)
    arrays["profile_inverses"] = model.profiles.inverses.astype(np.float32)
    if model.drawn is not None and model.kind is not None:
        arrays |= _own_arrays(model.drawn, _DRAWN)
        arrays["kind_weights"] = model.kind.weights
        arrays["kind_bias"] = np.array(model.kind.bias)
    if model.reader is not None:
        arrays["reader_chosen"] = model.reader.chosen
        arrays["reader_channels"] = model.reader.channels.astype(np.float16)
        arrays["reader_share"] = model.reader.share
        arrays |= step_arrays(model.reader.step, "reader")
    return arrays


def _own_arrays(model: AsmModel, prefix: str) -> dict[str, Any]:
    arrays: dict[str, Any] = {
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
    }
    if model.shift is not None:
        arrays["shifts"] = model.shift.shifts
    for i, stage in enumerate(model.stages):
        arrays[f"stage{i}_cells"] = stage.cells
        arrays[f"stage{i}_centre"] = stage.centre.astype(np.float16)
        arrays[f"stage{i}_basis"] = stage.basis.astype(np.float16)
        arrays[f"stage{i}_spread"] = stage.spread
        if isinstance(stage, NetworkStage):
            for k, layer in enumerate(stage.layers):
                arrays[f"stage{i}_layer{k}"] = layer.astype(np.float16)
        else:
            arrays[f"stage{i}_neighbours"] = stage.neighbours
            arrays[f"stage{i}_weights"] = stage.weights.astype(np.float32)
            arrays[f"stage{i}_bias"] = stage.bias
    return {prefix + name: array for name, array in arrays.items()}


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
            view = None
            if "view_mean" in data.files:
                view = MeshView(data["view_mean"], data["view_basis"], data["view_pose"])
            model = _read_own(data, "", meta, view)
            if "drawn_stages" in meta:
                kind = KindModel(data["kind_weights"], float(data["kind_bias"]))
                model = replace(model, drawn=_read_own(data, _DRAWN, meta, view), kind=kind)
            if "reader_chosen" in data.files:
                chosen, channels, share = (data[f"reader_{n}"] for n in ("chosen", "channels", "share"))
                step = read_step(data, "reader")
                model = replace(model, reader=FaceReader(chosen, channels, step, share))
        _check(model)
        if model.drawn is not None:
            _check(model.drawn)
        return model
    except ModelError:
        raise
    except Exception as error:  # zip, json, key and shape errors all mean: not a usable file
        raise ModelError(f"The Active Shape Model {path.name} is missing or damaged: {error}") from error


def load_drawn_part(path: Path) -> AsmModel:
    """Read what an ASM file holds for drawn photos.

    Raises
    ------
    ModelError
        If it is missing or damaged, or was not trained on drawn photos of many people.
    """
    whole = load_asm_file(path)
    part = whole if whole.drawn is None else whole.drawn
    if part.shift is None:
        raise ModelError(f"{path.name} was not trained on drawn photos of many people")
    return part


def _read_own(data: Any, prefix: str, meta: Mapping[str, Any], view: MeshView | None) -> AsmModel:
    def get(name: str) -> Any:
        return data[prefix + name]

    return AsmModel(
        str(meta["scheme"]),
        PointDistributionModel(
            get("shape_mean"), get("shape_modes"), get("shape_sigma"), float(get("shape_rest"))
        ),
        LandmarkMap(get("start_points"), get("start_weights"), get("start_covariance")),
        tuple(_stage(data, f"{prefix}stage{i}_") for i in range(int(meta[f"{prefix}stages"]))),
        get("expert_sigma"),
        ErrorModel(get("error_covariance"), get("error_weights")),
        ProfileModel(data["profile_means"], data["profile_inverses"]),
        meta,
        None if view is None else PoseShift(view, get("shifts")),
    )


def _stage(data: Any, prefix: str) -> Stage:
    cells, centre, basis, spread = (data[prefix + name] for name in ("cells", "centre", "basis", "spread"))
    if f"{prefix}layer0" in data.files:
        return NetworkStage(cells, centre, basis, spread, tuple(data[f"{prefix}layer{k}"] for k in range(6)))
    own = (data[prefix + name] for name in ("neighbours", "weights", "bias"))
    return ExpertStage(cells, centre, basis, spread, *own)


def _check(model: AsmModel) -> None:
    count = load_scheme(model.scheme).count
    size = 2 * count
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        (model.shape.mean.shape, (count, 2)),
        (model.shape.modes.shape, (len(model.shape.sigma), size)),
        (model.start.weights.shape, model.start.points.shape),
        ((len(model.start.points),), (count,)),
        (model.expert_sigma.shape, (count,)),
        (model.errors.covariance.shape, (count, 4, 4)),
    ]
    seen = 0
    if model.shift is not None:
        seen = len(model.shift.view.basis)
        shapes += [
            (model.shift.view.mean.shape, (478, 2)),
            (model.shift.view.basis.shape, (seen, 956)),
            (model.shift.view.pose.shape, (1 + seen, 2)),
            (model.shift.shifts.shape, (POSE_TERMS, count, 2)),
        ]
    if model.kind is not None:
        shapes.append((model.kind.weights.shape[:1], (count,)))
    for stage in model.stages:
        parts = stage.basis.shape[2]
        length = len(stage.cells) * LENGTH
        shapes += [(stage.basis.shape, (count, length, parts)), (stage.centre.shape, (count, length))]
        if isinstance(stage, NetworkStage):
            widths = [count * parts + seen, *(len(bias) for bias in stage.layers[1::2])]
            shapes += [(w.shape, pair) for w, pair in zip(stage.layers[::2], pairwise(widths), strict=True)]
            shapes.append((stage.layers[-1].shape, (size,)))
            continue
        shapes.append((stage.weights.shape, (count, stage.neighbours.shape[1] * parts, 2)))
        if stage.neighbours.min() < 0 or stage.neighbours.max() >= count:
            raise ValueError("a neighbour is out of range")
    if model.reader is not None and not (model.reader.fits and len(model.reader.share) == count):
        raise ValueError("the reader's tables do not fit together")
    for found, expected in shapes:
        if found != expected:
            raise ValueError(f"an array has shape {found}, expected {expected}")
    read = [] if model.reader is None else [model.reader.chosen]
    if any(points.min() < 0 or points.max() >= 478 for points in (model.start.points, *read)):
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
