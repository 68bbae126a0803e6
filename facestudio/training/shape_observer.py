"""Trains the shape observer on synthetic photos: ridge regression, errors of people left out, novelty."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from facestudio.database.shape_model import ShapeModel
from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.fitting.face_chip import chip_layout, cut_chip, describe_chip, frontal_places
from facestudio.fitting.observer import ShapeObserver
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.photo import load_photo
from facestudio.synthesis.truth import read_truth
from facestudio.template.model import Template
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray

MESH_POINTS = 468  # without the irises: where they look says nothing of shape
LARGEST_YAW = 50.0
FOLDS = 5
RIDGES = (0.3, 1.0, 3.0, 10.0)
DIRECTIONS_KEPT = 64
_FARTHEST = 0.2  # of the eyes' distance: a mesh so far from the truth lies on something else
_FEWEST = 100
_FIRST = 10
_GROUPS = 20
_NOVELTIES = 8000  # samples enough to learn how novelty tells of errors
_EYE_CORNERS = (33, 263)


@dataclass(frozen=True, eq=False)
class ShapeSamples:
    """Descriptions (N, F) float32, also of the mirrored photos, identities (N, K), which photo (N,) each is of.

    `left_out` photos had no located face, or could not be read.
    """

    descriptions: Float32Array
    identities: FloatArray
    photos: IntArray
    left_out: int


@dataclass(frozen=True)
class ObserverReport:
    """How many photos were used and left out, the ridge, and what share of identity's variance is explained.

    `explained` is the share of the first ten modes on photos left out of training; `curve` has pairs of a number of
    photos and the share that so many explain; `by_novelty` groups of photos: their novelty, the share, and the factor
    that their predictions would best be multiplied by.
    """

    photos: int
    left_out: int
    ridge: float
    explained: float
    curve: tuple[tuple[int, float], ...]
    by_novelty: tuple[tuple[float, float, float], ...]


def mirrored_identities(model: ShapeModel, template: Template) -> FloatArray:
    """Return (K, K): what takes the coefficients of a head to those of its mirror image."""
    flipped = model.basis[:, template.mirror].astype(np.float64) * np.array([-1.0, 1.0, 1.0])
    flat = model.flat_basis
    return np.linalg.solve(flat @ flat.T, flat @ flipped.reshape(len(flat), -1).T).T.astype(np.float64)


def read_samples(
    folders: Sequence[Path],
    model: ShapeModel,
    template: Template,
    say: Callable[[str], None] = lambda line: None,
) -> ShapeSamples:
    """Read synthetic photos, locate their faces and describe them.

    Raises
    ------
    UnreadableInputError
        If there are fewer than 100 usable photos, or one was drawn of another shape model.
    """
    layout = chip_layout(frontal_places(template.mesh478.points(model.mean)[:MESH_POINTS]))
    mirror = mirrored_identities(model, template)
    files = [file for folder in folders for file in sorted(folder.rglob("*.npz"))]
    descriptions: list[Float32Array] = []
    identities: list[FloatArray] = []
    numbers: list[int] = []
    left_out = 0
    for number, file in enumerate(files):
        if (number + 1) % 200 == 0:
            say(f"{number + 1} of {len(files)} photos")
        truth = read_truth(file)
        if len(truth.identity) != len(model.basis):
            raise UnreadableInputError(f"{file} was drawn of another shape model")
        if abs(truth.notes["yaw"]) > LARGEST_YAW:
            continue
        try:
            photo = load_photo(file.with_suffix(".jpg"))
        except FacestudioError:
            left_out += 1
            continue
        faces = locate_faces(photo, max_faces=1)
        eyes = float(np.linalg.norm(np.subtract(*truth.mesh478[list(_EYE_CORNERS)])))
        if (
            not faces
            or np.linalg.norm(faces[0].mesh.points - truth.mesh478, axis=1).mean() > _FARTHEST * eyes
        ):
            left_out += 1
            continue
        chip = cut_chip(photo.pixels, faces[0].mesh.points, layout)
        descriptions += [describe_chip(chip), describe_chip(np.asarray(cv2.flip(chip, 1), dtype=np.uint8))]
        identities += [truth.identity, truth.identity @ mirror]
        numbers += [number, number]
    if len(numbers) < 2 * _FEWEST:
        raise UnreadableInputError(
            f"There are {len(numbers) // 2} usable synthetic photos: {_FEWEST} are needed"
        )
    return ShapeSamples(
        np.stack(descriptions), np.stack(identities), np.array(numbers, dtype=np.int32), left_out
    )


@dataclass(frozen=True, eq=False)
class _Sums:
    """The sums a regression needs: of ones, descriptions x, identities z, x x' and x z'."""

    count: int
    x: FloatArray
    z: FloatArray
    xx: FloatArray
    xz: FloatArray

    @staticmethod
    def of(descriptions: Float32Array, identities: FloatArray) -> "_Sums":
        narrow = identities.astype(np.float32)
        return _Sums(
            len(descriptions),
            descriptions.sum(axis=0, dtype=np.float64),
            identities.sum(axis=0),
            (descriptions.T @ descriptions).astype(np.float64),
            (descriptions.T @ narrow).astype(np.float64),
        )

    def centred(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return the means of x and z, and the covariances x x' and x z'."""
        x, z = self.x / self.count, self.z / self.count
        return x, z, self.xx / self.count - np.outer(x, x), self.xz / self.count - np.outer(x, z)


def _joined(parts: Sequence[_Sums]) -> _Sums:
    return _Sums(
        sum(part.count for part in parts),
        np.sum([part.x for part in parts], axis=0),
        np.sum([part.z for part in parts], axis=0),
        np.sum([part.xx for part in parts], axis=0),
        np.sum([part.xz for part in parts], axis=0),
    )


def _regression(sums: _Sums, ridge: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean description (F,), the weights (F, K) and the intercept (K,).

    The ridge is relative to the variance of descriptions; the more samples, the less it counts.
    """
    x, z, xx, xz = sums.centred()
    own = ridge * float(np.trace(xx)) / sums.count
    return x, np.linalg.solve(xx + own * np.eye(len(xx)), xz).astype(np.float64), z


def learn_observer(
    samples: ShapeSamples,
    model: ShapeModel,
    template: Template,
    seed: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[ShapeObserver, ObserverReport]:
    """Learn the observer; its errors are those on photos left out of training, in five folds.

    Parameters
    ----------
    samples
        From `read_samples`.
    model, template
        What was drawn.
    seed
        Of the folds.
    say
        Called with a line of progress.
    """
    photos, which = np.unique(samples.photos, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(photos))[which] % FOLDS).astype(np.int32)
    parts = [_Sums.of(samples.descriptions[fold == k], samples.identities[fold == k]) for k in range(FOLDS)]
    variance = samples.identities.var(axis=0)
    tried: list[tuple[float, float, FloatArray]] = []
    for ridge in RIDGES:
        missed = np.empty_like(samples.identities)
        for k in range(FOLDS):
            found = _regression(_joined(parts[:k] + parts[k + 1 :]), ridge)
            missed[fold == k] = _missed(found, samples, fold == k)
        tried.append((_explained(missed, variance), ridge, missed))
        say(f"ridge {ridge:g}: {tried[-1][0]:.1%} of the first {_FIRST} modes explained")
    explained, ridge, missed = max(tried, key=lambda one: one[0])
    whole = _joined(parts)
    mean, weights, intercept = _regression(whole, ridge)
    values, vectors = np.linalg.eigh(whole.centred()[2])
    digest = hashlib.sha256(weights.astype(np.float16).tobytes()).hexdigest()[:8]
    observer = ShapeObserver(
        version=f"1-{digest}",
        licence="CC0-1.0",
        source=f"facestudio train shape on {len(photos)} photos of facestudio synthesize",
        shape_version=model.version,
        places=frontal_places(template.mesh478.points(model.mean)[:MESH_POINTS]),
        mean=mean.astype(np.float32),
        weights=weights.astype(np.float32),
        intercept=intercept,
        covariance=missed.T @ missed / len(missed),
        directions=vectors[:, ::-1][:, :DIRECTIONS_KEPT].T.astype(np.float32),
        spread=np.sqrt(np.maximum(values[::-1][:DIRECTIONS_KEPT], 1e-12)),
        beyond=float(np.maximum(values[::-1][DIRECTIONS_KEPT:], 0).sum()),
        trust_at=np.array([1.0, 2.0]),
    )
    some = slice(None, None, max(1, len(which) // _NOVELTIES))
    novelty = np.array([observer.novelty(row) for row in samples.descriptions[some]])
    near = _by_novelty(novelty, samples.identities[some], missed[some], variance)
    observer = replace(observer, trust_at=_trust(near))
    curve = _learning_curve(samples, fold, ridge, variance, say)
    return observer, ObserverReport(len(photos), samples.left_out, ridge, explained, curve, near)


def _explained(missed: FloatArray, variance: FloatArray) -> float:
    return float(1 - (missed[:, :_FIRST] ** 2).mean(axis=0).sum() / variance[:_FIRST].sum())


def _missed(
    found: tuple[FloatArray, FloatArray, FloatArray], samples: ShapeSamples, own: BoolArray
) -> FloatArray:
    """Return the errors (n, K) of a regression on some samples."""
    mean, weights, intercept = found
    return samples.identities[own] - intercept - (samples.descriptions[own] - mean) @ weights


def _by_novelty(
    novelty: FloatArray, identities: FloatArray, missed: FloatArray, variance: FloatArray
) -> tuple[tuple[float, float, float], ...]:
    """Return novelty, explained share and best factor for twenty groups of photos, the most usual first.

    The best factor is what predictions would have to be multiplied by: 1 if they say what they know, less if they say
    too much.
    """
    groups = np.array_split(np.argsort(novelty), _GROUPS)
    rows: list[tuple[float, float, float]] = []
    for own in groups:
        said = (identities[own] - missed[own])[:, :_FIRST]
        factor = float((said * identities[own][:, :_FIRST]).sum() / max((said**2).sum(), 1e-9))
        rows.append((float(novelty[own].mean()), _explained(missed[own], variance), factor))
    return tuple(rows)


def _trust(near: tuple[tuple[float, float, float], ...]) -> FloatArray:
    """Return the two novelties of ShapeObserver.trust_at that follow the best factors closest."""
    novelty, _, factor = np.array(near).T
    best = (np.inf, 1.0, 2.0)
    for first in np.linspace(0.3, 2.5, 45):
        for reach in np.linspace(0.2, 6.0, 59):
            off = np.exp(-np.maximum(0, novelty - first) / reach) - factor
            best = min(best, (float(off @ off), float(first), float(first + reach)))
    return np.array(best[1:])


def _learning_curve(
    samples: ShapeSamples, fold: IntArray, ridge: float, variance: FloatArray, say: Callable[[str], None]
) -> tuple[tuple[int, float], ...]:
    """Return what growing numbers of photos explain of the first fold."""
    rest = np.flatnonzero(fold != 0)
    photos = np.unique(samples.photos[rest])
    curve: list[tuple[int, float]] = []
    for part in (16, 8, 4, 2, 1):
        few = rest[np.isin(samples.photos[rest], photos[: len(photos) // part])]
        found = _regression(_Sums.of(samples.descriptions[few], samples.identities[few]), ridge)
        curve.append((len(photos) // part, _explained(_missed(found, samples, fold == 0), variance)))
        say(f"{curve[-1][0]} photos explain {curve[-1][1]:.1%}")
    return tuple(curve)
