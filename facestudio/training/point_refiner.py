"""Trains the point refiner on synthetic photos: ridge regressions in stages."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from facestudio.database.shape_model import ShapeModel
from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.fitting.face_chip import describe_chip
from facestudio.fitting.noise import PointNoise
from facestudio.fitting.refiner import WIDE_FEATURES, PointRefiner, RefinerStage, WideLayout
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.photo import load_photo
from facestudio.synthesis.truth import read_truth
from facestudio.template.model import Template
from facestudio.training.shape_observer import LARGEST_YAW, MESH_POINTS
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray, IntArray

STAGES = 2
FOLDS = 3
RIDGE = 1.5
RANK = 64  # of displacement fields: they hold 98 % of what a stage says
_FACTORS = 40
_FARTHEST = 0.2  # of the eyes' distance: a mesh so far from the truth lies on something else
_USUAL_MM = 6.0  # faces missed by more (root mean square) are not learnt from
_FEWEST = 100
_LEAST_SIGMA_MM = 0.15
_EYE_CORNERS = (33, 263)


@dataclass(frozen=True, eq=False)
class RefinerSamples:
    """Photos' files, located and true mesh points (N, 478, 2) px."""

    files: tuple[Path, ...]
    located: FloatArray
    true: FloatArray


@dataclass(frozen=True)
class RefinerReport:
    """How many photos; root mean square error before and after each stage, mm an axis, on photos left out."""

    photos: int
    rms_mm: tuple[float, ...]


def read_located(folders: Sequence[Path], say: Callable[[str], None] = lambda line: None) -> RefinerSamples:
    """Locate the faces of synthetic photos.

    Raises
    ------
    UnreadableInputError
        If there are fewer than 100 usable photos.
    """
    files: list[Path] = []
    located: list[FloatArray] = []
    true: list[FloatArray] = []
    found = [file for folder in folders for file in sorted(folder.rglob("*.npz"))]
    for number, file in enumerate(found):
        if (number + 1) % 200 == 0:
            say(f"{number + 1} of {len(found)} photos")
        truth = read_truth(file)
        if abs(truth.notes["yaw"]) > LARGEST_YAW:
            continue
        try:
            faces = locate_faces(load_photo(file.with_suffix(".jpg")), max_faces=1)
        except FacestudioError:
            continue
        eyes = float(np.linalg.norm(np.subtract(*truth.mesh478[list(_EYE_CORNERS)])))
        if faces and np.linalg.norm(faces[0].mesh.points - truth.mesh478, axis=1).mean() < _FARTHEST * eyes:
            files.append(file.with_suffix(".jpg"))
            located.append(faces[0].mesh.points)
            true.append(truth.mesh478)
    if len(files) < _FEWEST:
        raise UnreadableInputError(f"There are {len(files)} usable synthetic photos: {_FEWEST} are needed")
    return RefinerSamples(tuple(files), np.stack(located), np.stack(true))


def mirrored_points(points: FloatArray) -> IntArray:
    """Return which point takes the place of each of (N, 3) mm of a head in its mirror image, (N,) int32."""
    away = ((points[:, None] * [-1.0, 1.0, 1.0] - points[None]) ** 2).sum(axis=2)
    return linear_sum_assignment(away + away.T)[1].astype(np.int32)


def learn_refiner(
    samples: RefinerSamples,
    model: ShapeModel,
    template: Template,
    seed: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[PointRefiner, RefinerReport]:
    """Learn the refiner; every stage is learnt from points that the stages before it refined without having seen them.

    Parameters
    ----------
    samples
        From `read_located`.
    model, template
        What was drawn.
    seed
        Of the folds.
    say
        Called with a line of progress.
    """
    rest = template.mesh478.points(model.mean)
    mirror = mirrored_points(rest)
    flat = rest[:MESH_POINTS, :2] * [1.0, -1.0]
    layout = WideLayout(flat - (flat.min(axis=0) + flat.max(axis=0)) / 2)
    count = len(samples.files)
    fold = (np.random.default_rng(seed).permutation(count) % FOLDS).astype(np.int32)
    to_picture = np.stack([layout.to_picture(mesh) for mesh in samples.located])
    points, stages = samples.located, list[RefinerStage]()
    left = _upright(samples.true - points, to_picture)
    usual = np.sqrt(((left - left.mean(axis=0)) ** 2).mean(axis=(1, 2))) < _USUAL_MM
    rms = [_rms(left[usual] - left[usual].mean(axis=0))]
    for number in range(STAGES):
        descriptions = _descriptions(samples.files, points, layout)
        both = np.concatenate([left, left[:, mirror] * [-1.0, 1.0]]).reshape(2 * count, -1)
        said = np.empty((count, both.shape[1]))
        for k in range(FOLDS):
            stage = _stage(descriptions, both, np.tile(usual & (fold != k), 2))
            own = np.flatnonzero(fold == k)
            said[own] = np.stack([stage.displacement(row).reshape(-1) for row in descriptions[own]])
        stages.append(_stage(descriptions, both, np.tile(usual, 2)))
        moved = said.reshape(count, -1, 2)
        points = points + np.einsum("nij,npj->npi", to_picture, moved)
        left = left - moved
        rms.append(_rms(left[usual]))
        say(f"stage {number + 1}: {rms[-2]:.2f} -> {rms[-1]:.2f} mm")
    noise = _noise(np.concatenate([left[usual], left[usual][:, mirror] * [-1.0, 1.0]]))
    digest = hashlib.sha256(stages[-1].weights.astype(np.float16).tobytes()).hexdigest()[:8]
    refiner = PointRefiner(
        version=f"1-{digest}",
        licence="CC0-1.0",
        source=f"facestudio train points on {count} photos of facestudio synthesize",
        layout=layout,
        stages=tuple(stages),
        noise=noise,
    )
    return refiner, RefinerReport(count, tuple(rms))


def _rms(values: FloatArray) -> float:
    return float(np.sqrt((values**2).mean()))


def _upright(displacement: FloatArray, to_picture: FloatArray) -> FloatArray:
    """Return displacements (N, P, 2) px in millimetres of the upright faces."""
    return np.einsum("nij,npj->npi", np.linalg.inv(to_picture), displacement)


def _descriptions(files: tuple[Path, ...], meshes: FloatArray, layout: WideLayout) -> Float32Array:
    """Describe faces, then their mirror images, (2 N, F)."""
    out = np.empty((2 * len(files), WIDE_FEATURES), dtype=np.float32)
    assert layout.chip.size  # made once, before the threads

    def one(number: int) -> None:
        chip = layout.cut(load_photo(files[number]).pixels, meshes[number])
        out[number] = describe_chip(chip)
        out[len(files) + number] = describe_chip(_flipped(chip))

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(one, range(len(files))):
            pass
    return out


def _flipped(chip: ByteArray) -> ByteArray:
    return np.asarray(cv2.flip(chip, 1), dtype=np.uint8)


def _stage(descriptions: Float32Array, targets: FloatArray, used: BoolArray) -> RefinerStage:
    """Return the ridge regression of targets (n, 2 N) mm on descriptions (n, F), of limited rank."""
    x, y = descriptions[used], targets[used]
    mean, intercept = x.mean(axis=0), y.mean(axis=0)
    x -= mean
    ridge = RIDGE * float((x.astype(np.float64) ** 2).sum()) / len(x)
    off = (y - intercept).astype(np.float32)
    # The same weights either way; the smaller system is quicker.
    few = len(x) < x.shape[1]
    gram = (x @ x.T if few else x.T @ x).astype(np.float64)
    gram[np.diag_indices_from(gram)] += ridge
    weights = (
        x.T @ np.linalg.solve(gram, off) if few else np.linalg.solve(gram, (x.T @ off).astype(np.float64))
    )
    said = x @ weights.astype(np.float32)
    _, vectors = np.linalg.eigh((said.T @ said).astype(np.float64))
    fields = vectors[:, ::-1][:, :RANK].T
    return RefinerStage(
        mean,
        (weights @ fields.T).astype(np.float32),
        np.ascontiguousarray(fields, dtype=np.float32),
        intercept,
    )


def _noise(left: FloatArray) -> PointNoise:
    """Return the noise of points whose errors are left (n, N, 2) mm."""
    flat = left.reshape(len(left), -1)
    covariance = flat.T @ flat / len(flat)
    values, vectors = np.linalg.eigh(covariance)
    factor = vectors[:, ::-1][:, :_FACTORS] * np.sqrt(np.maximum(values[::-1][:_FACTORS], 0))
    own = np.diag(covariance) - (factor**2).sum(axis=1)
    sigma = np.sqrt(np.maximum(own, _LEAST_SIGMA_MM**2)).reshape(-1, 2)
    return PointNoise(np.zeros_like(sigma), factor, sigma)
