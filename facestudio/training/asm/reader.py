"""Learns the face reader of the Active Shape Model: a ridge regression on all that the landmarker saw of a face."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from facestudio.landmarks.asm.reader import FaceReader
from facestudio.landmarks.mesh_features import see_region, spread_points
from facestudio.landmarks.refiner import RefinerStep
from facestudio.training.asm.samples import Sample
from facestudio.training.channels import learn_channels
from facestudio.values import FloatArray, IntArray

POINTS: Final = 150
"""Mesh points at which the layers are read."""

RIDGES: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Pulls towards 0 that are tried, of the mean square of what is seen."""

SHARE: Final = 0.4
"""How much the reader counts beside the experts. On people left out of both 0.3 to 0.5 are alike; learnt by the errors
within a training, of experts that know half of the people, the jaw's would be 0.5 to 0.8, and too much (ADR 0045)."""

_MOST: Final = 2500
"""Samples that a reader is learnt from; evenly taken from more."""

_RANK: Final = 40  # displacement fields


@dataclass(frozen=True, eq=False)
class SeenSamples:
    """What the landmarker saw of samples.

    Attributes
    ----------
    chosen
        (P,) int32: at which points of the mesh.
    seen
        (M, P, CHANNELS) float16.
    turns
        (M, 2, 2) float64: from vectors in crop pixels to vectors in pixels of the sample's picture.
    """

    chosen: IntArray
    seen: NDArray[np.float16]
    turns: FloatArray


@dataclass(frozen=True, eq=False)
class Read:
    """A reader, and what readers that never saw the people say of them.

    Attributes
    ----------
    reader
        Of all samples.
    shifts
        (M, N, 2) float64 crop pixels: from where the search begins.
    ridges
        The pull that was chosen for each part.
    """

    reader: FaceReader
    shifts: FloatArray
    ridges: tuple[float, ...]


def see_samples(samples: Sequence[Sample]) -> SeenSamples:
    """Look at samples as the landmarker does.

    Raises
    ------
    ModelError
        If the landmarker's model or ONNX Runtime is missing.
    """
    meshes = [(s.mesh - s.mesh.mean(axis=0)) / s.seen.region.side for s in samples]
    chosen = spread_points(np.mean(meshes, axis=0), POINTS)
    own = np.arange(478, dtype=np.int32)
    seen: list[NDArray[np.float16]] = []
    for sample in samples:
        face = see_region(sample.picture, sample.seen.region)
        seen.append(face.at(face.places(sample.mesh, own)[chosen]).astype(np.float16))
    turns = np.stack([s.seen.region.crop_to_image()[:, :2] for s in samples])
    return SeenSamples(chosen, np.stack(seen), turns)


def learn_reader(samples: SeenSamples, goal: FloatArray, folds: IntArray, parts: Sequence[IntArray]) -> Read:
    """Learn a reader.

    Parameters
    ----------
    samples
        What was seen.
    goal
        (M, N, 2) crop pixels: from where the search begins to where the points are.
    folds
        (M,): samples of one person share theirs.
    parts
        Points that share a ridge: it is chosen by what readers of the other folds make of one.
    """
    mean, channels = learn_channels(samples.seen.astype(np.float32))
    described = np.empty((len(samples.seen), mean.shape[0] * channels.shape[1]), dtype=np.float32)
    for row, seen in zip(described, samples.seen, strict=True):
        row[:] = ((seen.astype(np.float32) - mean) @ channels).ravel()
    few = np.linspace(0, len(goal) - 1, min(len(goal), _MOST)).astype(np.int64)
    gram = (described @ described[few].T).astype(np.float64)
    flat = goal.reshape(len(goal), -1)
    unseen = {ridge: np.empty_like(flat) for ridge in RIDGES}
    for fold in np.unique(folds):
        own, others = folds == fold, folds[few] != fold
        known = few[others]
        for ridge, (middle, along) in _solved(gram[np.ix_(known, others)], flat[known]).items():
            unseen[ridge][own] = middle + gram[np.ix_(own, others)] @ along
    shifts = np.empty_like(goal)
    dual, intercept = np.empty((len(few), flat.shape[1])), np.empty(flat.shape[1])
    solved = _solved(gram[few], flat[few])
    ridges: list[float] = []
    for part in parts:
        columns = (2 * np.asarray(part)[:, None] + [0, 1]).ravel()

        def miss(ridge: float, part: IntArray = part) -> float:
            off = unseen[ridge].reshape(goal.shape)[:, part] - goal[:, part]
            return float(np.linalg.norm(off, axis=2).mean())

        ridge = min(RIDGES, key=miss)
        ridges.append(ridge)
        shifts[:, part] = unseen[ridge].reshape(goal.shape)[:, part]
        dual[:, columns], intercept[columns] = solved[ridge][1][:, columns], solved[ridge][0][columns]
    said = gram @ dual
    size = flat.shape[1]
    fields = eigh(said.T @ said, subset_by_index=(max(size - _RANK, 0), size - 1))[1].T
    weights = described[few].T @ (dual @ fields.T).astype(np.float32)
    step = RefinerStep(mean, weights, fields.astype(np.float32), intercept)
    share = np.full(goal.shape[1], SHARE)
    return Read(FaceReader(samples.chosen, channels, step, share), shifts, tuple(ridges))


def _solved(gram: FloatArray, goal: FloatArray) -> dict[float, tuple[FloatArray, FloatArray]]:
    """Return the mean (Q,) and the dual weights (M, Q) of ridge regressions on a Gram matrix (M, M), for each ridge."""
    values, vectors = eigh(gram)
    middle = goal.mean(axis=0)
    along = vectors.T @ (goal - middle)
    unit = float(np.trace(gram)) / len(gram)
    return {r: (middle, vectors @ (along / (values + r * unit)[:, None])) for r in RIDGES}
