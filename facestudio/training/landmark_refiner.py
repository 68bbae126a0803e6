"""Trains the landmark refiner on synthetic photos that the Active Shape Model has never seen."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from facestudio.database.archive import save_arrays
from facestudio.database.shape_model import ShapeModel
from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.landmarks.asm.model import AsmModel
from facestudio.landmarks.asm.search import search
from facestudio.landmarks.landmarker import LAYERS
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.mesh_features import SeenFace, see_face
from facestudio.landmarks.refiner import SCHEME, Refiner, RefinerStep, sideways
from facestudio.landmarks.region import Region
from facestudio.landmarks.schemes import load_scheme
from facestudio.photo import load_photo
from facestudio.synthesis.truth import read_truth
from facestudio.template.model import Template
from facestudio.training.channels import learn_channels
from facestudio.training.shape_samples import chosen_points, mirrored_points
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray, Photo

STEPS = 2
RIDGE = 0.3  # of the mean square of what is seen
FOLDS = 4
RANK = 40  # displacement fields of a step
TURNED = 20.0
"""Photos turned so many degrees are all used, of the others each third: they are many and alike."""

_OTHERS = 3
_BOTH_SIDES = 0.06  # a face turned less (`sideways`) is learnt from its mirror image, too
_FARTHEST = 0.25  # of the eyes' distance: a mesh so far from the truth lies on something else
_FEWEST = 60
_SHARD = 250
_USUAL_EYES = 60.0  # 1/256 of the region
_LIMITS = (0.3, 6.0)  # of the weight of a photo
_SOME = 1000  # photos enough to learn channels
_EYES = (36, 45)
_FRONTAL = 30.0
_REGION = Region(127.5, 127.5, 256.0, 0.0)  # what was looked at is the picture


@dataclass(frozen=True, eq=False)
class RefinerSamples:
    """Faces as the landmarker's network sees them, turned to one side; lengths are 1/256 of what is looked at.

    Attributes
    ----------
    layers
        (n, C, S, S) float16 each, in the order of `LAYERS`.
    mesh
        (n, M, 2) float32: places of the chosen mesh points.
    found, truth
        (n, 68, 2) float64: as the search left them, and true.
    photo
        (n,) int32: which photo each is of; a face seen from the front is there twice, mirrored.
    yaw
        (n,) degrees.
    left_out
        How many photos had no located face, or could not be read.
    """

    layers: tuple[NDArray[np.float16], ...]
    mesh: Float32Array
    found: FloatArray
    truth: FloatArray
    photo: IntArray
    yaw: FloatArray
    left_out: int


@dataclass(frozen=True)
class RefinerReport:
    """Samples, photos left out, and pairs of median error, % of the outer eye distance, before and after.

    Errors are those on a quarter of the photos, by steps learnt from the others.
    """

    samples: int
    left_out: int
    frontal: tuple[float, float]
    turned: tuple[float, float]


def read_refiner_samples(
    folders: Sequence[Path],
    asm: AsmModel,
    model: ShapeModel,
    template: Template,
    work: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> RefinerSamples:
    """Locate the faces of synthetic photos, and see them.

    Parameters
    ----------
    folders
        Of `facestudio synthesize`.
    asm
        Of drawn photos; it must not have learnt from these.
    model, template
        What was drawn.
    work
        A folder in which what was read is kept: what was stopped goes on there.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If there are fewer than 60 usable photos.
    """
    chosen = chosen_points(model, template)
    mirror = mirrored_points(template.mesh478.points(model.mean))
    files = [file for folder in folders for file in sorted(folder.rglob("*.npz"))]
    parts: list[dict[str, NDArray[Any]]] = []
    for first in range(0, len(files), _SHARD):
        some = files[first : first + _SHARD]
        kept = None if work is None else work / f"{_fingerprint(some, asm)}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as data:
                parts.append({name: data[name] for name in data.files})
        else:
            parts.append(_read(some, first, asm, chosen, mirror))
            if kept is not None:
                save_arrays(kept, parts[-1])
        say(f"{first + len(some)} of {len(files)} photos")
    if sum(len(part["yaw"]) for part in parts) < _FEWEST:
        raise UnreadableInputError(f"There are fewer than {_FEWEST} usable synthetic photos")
    parts_with = [part for part in parts if len(part["yaw"])]
    joined = {name: np.concatenate([part.pop(name) for part in parts_with]) for name in list(parts_with[0])}
    return RefinerSamples(
        tuple(joined[name] for name in LAYERS),
        joined["mesh"],
        joined["found"],
        joined["truth"],
        joined["photo"],
        joined["yaw"],
        int(joined["left_out"].sum()),
    )


def _fingerprint(files: Sequence[Path], asm: AsmModel) -> str:
    digest = hashlib.sha256(f"{asm.provenance['seed']} {asm.provenance['photos']}".encode())
    for file in files:
        state = file.stat()
        digest.update(f"{file.resolve()} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _read(
    files: Sequence[Path], first: int, asm: AsmModel, chosen: IntArray, mesh_mirror: IntArray
) -> dict[str, NDArray[Any]]:
    """Return the arrays of `RefinerSamples` for some photos, of which the first has the number `first`."""
    mirror = np.asarray(load_scheme(SCHEME).mirror, dtype=np.int32)
    rows: dict[str, list[Any]] = {name: [] for name in (*LAYERS, "mesh", "found", "truth", "photo", "yaw")}
    left_out = 0
    for number, file in enumerate(files, start=first):
        truth = read_truth(file)
        yaw = float(truth.notes["yaw"])
        if abs(yaw) < TURNED and number % _OTHERS:
            continue
        try:
            photo = load_photo(file.with_suffix(".jpg"))
        except FacestudioError:
            left_out += 1
            continue
        mesh = _located(photo, truth.mesh478)
        if mesh is None:
            left_out += 1
            continue
        found = search(asm, photo.pixels, mesh)
        points = found.canvas.back(found.found)
        turned = sideways(mesh)
        for mirrored in (False, True) if abs(turned) < _BOTH_SIDES else (turned < 0,):
            face = see_face(photo.pixels, mesh, mirrored=mirrored)
            for name, layer in zip(LAYERS, face.layers, strict=True):
                rows[name].append(layer.astype(np.float16))
            rows["mesh"].append(face.places(mesh, mesh_mirror)[chosen].astype(np.float32))
            rows["found"].append(face.places(points, mirror))
            rows["truth"].append(face.places(truth.ibug68, mirror))
            rows["photo"].append(number)
            rows["yaw"].append(yaw)
    arrays = {name: np.array(values) for name, values in rows.items()}
    arrays["photo"] = arrays["photo"].astype(np.int32)
    return {**arrays, "left_out": np.array([left_out])}


def _located(photo: Photo, truth: FloatArray) -> FloatArray | None:
    faces = locate_faces(photo, max_faces=1)
    if not faces:
        return None
    mesh = faces[0].mesh.points
    eyes = float(np.linalg.norm(truth[33] - truth[263]))
    return mesh if np.linalg.norm(mesh - truth, axis=1).mean() < _FARTHEST * eyes else None


def learn_refiner(
    samples: RefinerSamples,
    model: ShapeModel,
    template: Template,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Refiner, RefinerReport]:
    """Learn the steps one after the other, each where steps that never saw the photo lead it.

    Parameters
    ----------
    samples
        From `read_refiner_samples`.
    model, template
        What was drawn.
    say
        Called with a line of progress.
    """
    fold = np.unique(samples.photo, return_inverse=True)[1] % FOLDS
    eyes = np.linalg.norm(samples.truth[:, _EYES[0]] - samples.truth[:, _EYES[1]], axis=1)
    weight = np.clip((_USUAL_EYES / np.maximum(eyes, 1.0)) ** 2, *_LIMITS)
    # Each step starts where steps that never saw the photo led; what they miss is measured.
    unseen = samples.found.copy()
    some = np.linspace(0, len(unseen) - 1, min(len(unseen), _SOME)).astype(np.int64)
    _, channels = learn_channels(_seen(samples, unseen, some))
    steps: list[RefinerStep] = []
    for number in range(STEPS):
        mean = _seen(samples, unseen, some).mean(axis=0)
        described = np.empty((len(unseen), mean.shape[0] * channels.shape[1]), dtype=np.float32)
        for first in range(0, len(unseen), 100):
            rows = np.arange(first, min(first + 100, len(unseen)))
            seen = (_seen(samples, unseen, rows) - mean) @ channels
            described[rows] = seen.reshape(len(rows), -1)
        goal = (samples.truth - unseen).reshape(len(unseen), -1)
        moved = np.empty_like(goal)
        for own in (fold == k for k in range(FOLDS)):
            weights, intercept = _ridge(described[~own], goal[~own], weight[~own])
            moved[own] = intercept + described[own] @ weights
        weights, intercept = _ridge(described, goal, weight)
        said = described @ weights
        _, vectors = np.linalg.eigh((said.T @ said).astype(np.float64))
        fields = vectors[:, ::-1][:, :RANK].T.astype(np.float32)
        steps.append(RefinerStep(mean, weights @ fields.T, fields, intercept))
        unseen = unseen + moved.reshape(unseen.shape)
        say(
            f"step {number + 1}: {_median(samples.found, samples.truth):.2f} to {_median(unseen, samples.truth):.2f} %"
        )
    before, after = (((points - samples.truth) ** 2).sum(axis=2) for points in (samples.found, unseen))
    left = (weight @ after) / (weight @ before)
    refiner = Refiner(
        "Apache-2.0",
        f"facestudio train refiner on {len(np.unique(samples.photo))} photos of facestudio synthesize",
        chosen_points(model, template),
        mirrored_points(template.mesh478.points(model.mean)),
        channels,
        tuple(steps),
        np.clip(left, 0.05, 1.0),
    )
    front = np.abs(samples.yaw) < _FRONTAL

    def gain(own: BoolArray) -> tuple[float, float]:
        truth = samples.truth[own]
        return _median(samples.found[own], truth), _median(unseen[own], truth)

    return refiner, RefinerReport(len(unseen), samples.left_out, gain(front), gain(~front))


def _seen(samples: RefinerSamples, points: FloatArray, rows: NDArray[np.int64]) -> Float32Array:
    """Return what a step looks at in some samples, (len(rows), P, CHANNELS)."""
    found: list[Float32Array] = []
    for row in rows.tolist():
        face = SeenFace(tuple(layer[row].astype(np.float32) for layer in samples.layers), _REGION)
        found.append(face.at(np.concatenate([samples.mesh[row].astype(np.float64), points[row]])))
    return np.stack(found)


def _ridge(x: Float32Array, y: FloatArray, weight: FloatArray) -> tuple[Float32Array, FloatArray]:
    """Return weights (F, Q) and intercept (Q,) of a weighted ridge regression, solved by its Gram matrix."""
    centre, middle = np.average(x, axis=0, weights=weight), np.average(y, axis=0, weights=weight)
    root = np.sqrt(weight).astype(np.float32)[:, None]
    off = (x - centre.astype(np.float32)) * root
    strength = np.float32((off.astype(np.float64) ** 2).sum() / weight.sum())
    gram = off @ off.T
    gram[np.diag_indices_from(gram)] += np.float32(RIDGE) * strength
    along = cho_solve(
        cho_factor(gram, overwrite_a=True, check_finite=False), ((y - middle) * root).astype(np.float32)
    )
    weights = np.asarray(off.T @ along, dtype=np.float32)
    return weights, middle - centre @ weights


def _median(points: FloatArray, truth: FloatArray) -> float:
    """Return the median over faces of the mean error, % of the outer eye distance."""
    if not len(points):
        return float("nan")
    eyes = np.linalg.norm(truth[:, _EYES[0]] - truth[:, _EYES[1]], axis=1)
    return float(np.median(100 * np.linalg.norm(points - truth, axis=2).mean(axis=1) / eyes))
