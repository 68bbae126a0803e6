"""Trains the shape observer on synthetic photos: ridge regression, errors on photos left out, novelty."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from facestudio.database.shape_model import ShapeModel
from facestudio.evaluation.surface_error import face_region
from facestudio.fitting.noise import PointNoise
from facestudio.fitting.observer import ShapeObserver
from facestudio.template.model import Template
from facestudio.training.face_description import (
    SOME,
    described,
    learn_description,
    learn_novelty,
    learn_strengths,
    with_products,
)
from facestudio.training.ridge import Regression, regression
from facestudio.training.shape_samples import POINTS, ShapeSamples, chosen_points, mirrored_points
from facestudio.values import FloatArray

FIELDS = 48  # displacement fields: they hold 98 % of what is said of the points
_FACTORS = 40
_LEAST_SIGMA_MM = 0.1
_GROUPS = 20


@dataclass(frozen=True)
class ObserverReport:
    """How many photos were used and left out, and what they came to.

    `explained` is the share of the variance of faces (places of the vertices after similarity alignment) that is
    explained on photos left out of training; `curve` has pairs of a number of photos and the share that so many
    explain; `by_novelty` groups of photos: their novelty, the share, and the factor that their predictions would best
    be multiplied by. `points_mm` has the error of located points before and after, root mean square, mm an axis.
    """

    photos: int
    left_out: int
    explained: float
    curve: tuple[tuple[int, float], ...]
    by_novelty: tuple[tuple[float, float, float], ...]
    points_mm: tuple[float, float]


def mirrored_identities(model: ShapeModel, template: Template) -> FloatArray:
    """Return (K, K): what takes the coefficients of a head to those of its mirror image."""
    flipped = model.basis[:, template.mirror].astype(np.float64) * np.array([-1.0, 1.0, 1.0])
    flat = model.flat_basis
    return np.linalg.solve(flat @ flat.T, flat @ flipped.reshape(len(flat), -1).T).T.astype(np.float64)


def face_metric(model: ShapeModel, template: Template) -> FloatArray:
    """Return (K, K) Q: d Q d is the mean squared distance, mm, of two faces whose coefficients differ by d.

    Faces are aligned by a similarity (to first order): what is left when shift, turn and size are taken out.
    """
    face = face_region(template)
    points = model.mean[face].astype(np.float64)
    points = points - points.mean(axis=0)
    basis = model.basis[:, face].astype(np.float64).reshape(len(model.basis), -1)
    axes = np.eye(3)
    moves = [np.tile(axis, len(points)) for axis in axes]
    moves += [np.cross(axis, points).ravel() for axis in axes] + [points.ravel()]
    free, _ = np.linalg.qr(np.stack(moves, axis=1))
    left = basis - (basis @ free) @ free.T
    return left @ left.T / len(points)


def learn_observer(
    samples: ShapeSamples,
    model: ShapeModel,
    template: Template,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[ShapeObserver, ObserverReport]:
    """Learn the observer; its errors are those on each photo by a regression that never saw it.

    Parameters
    ----------
    samples
        From `read_samples`.
    model, template
        What was drawn.
    say
        Called with a line of progress.
    """
    count, modes = samples.identities.shape
    mirror = mirrored_points(template.mesh478.points(model.mean))
    mirrored = mirrored_identities(model, template)
    metric = face_metric(model, template)
    some = np.linspace(0, count - 1, min(count, SOME)).astype(np.int32)
    description = learn_description(samples, some, chosen_points(model, template), mirror)
    rows = described(description, samples)
    few = rows(some)
    novelty = learn_novelty(description, few[0])
    blocks = np.array_split(np.arange(count, dtype=np.int32), -(-count // SOME))
    every = np.array([novelty.of(face, POINTS) for block in blocks for face in rows(block)[0]])
    shifts = np.stack([samples.shifts, samples.shifts[:, mirror] * [-1.0, 1.0]])
    identities = np.stack([samples.identities, samples.identities @ mirrored])
    targets = np.concatenate([identities, shifts.reshape(2, count, -1)], axis=2).reshape(2 * count, -1)

    def together(missed: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what both sides miss together: coefficients (n, K) and displacements (n, 478, 2)."""
        one, other = missed.reshape(2, -1, missed.shape[1])
        shift = other[:, modes:].reshape(-1, len(mirror), 2) * [-1.0, 1.0]
        back = np.empty_like(shift)
        back[:, mirror] = shift
        own = (one[:, :modes] + np.linalg.solve(mirrored.T, other[:, :modes].T).T) / 2
        return own, (one[:, modes:].reshape(back.shape) + back) / 2

    # In millimetres of the face, so that what counts in a face counts here.
    forms = identities[:, some] @ np.linalg.cholesky(metric + 1e-9 * np.trace(metric) * np.eye(modes))
    strengths = learn_strengths(few, forms.reshape(-1, modes), len(description.chosen))
    description = with_products(description, few, strengths)
    strengths = np.concatenate([strengths, np.ones(description.size - len(strengths), dtype=np.float32)])
    rows = described(description, samples, strengths)

    curve: list[tuple[int, float]] = []
    found = Regression(np.zeros((0, 0), dtype=np.float32), np.zeros(0), np.zeros((0, 0)))
    for part in (16, 8, 4, 1):  # half would take as long again
        learnt = np.arange(0, count, part, dtype=np.int32)
        found = regression(rows, learnt, targets[np.concatenate([learnt, count + learnt])])
        share = explained(together(found.missed)[0], samples.identities[learnt], metric)
        curve.append((len(learnt), share))
        say(f"{len(learnt)} photos explain {share:.1%}")
    missed, left = together(found.missed)
    weights = found.weights * strengths[:, None]  # of descriptions as they are
    said = found.intercept[modes:] + (rows(some) @ found.weights[:, modes:]).reshape(2 * len(some), -1)
    _, vectors = np.linalg.eigh((said.T @ said).astype(np.float64))
    fields = vectors[:, ::-1][:, :FIELDS].T
    near = _by_novelty(every, samples.identities, missed, metric)
    own_mm = left * samples.millimetres[:, None, None]
    before = (samples.shifts - samples.shifts.mean(axis=0)) * samples.millimetres[:, None, None]
    digest = hashlib.sha256(weights.astype(np.float16).tobytes()).hexdigest()[:8]
    observer = ShapeObserver(
        version=f"3-{digest}",
        licence="Apache-2.0",
        source=f"facestudio train shape on {count} photos of facestudio synthesize",
        shape_version=model.version,
        description=description,
        weights=weights[:, :modes],
        intercept=found.intercept[:modes],
        mirrored=mirrored,
        covariance=_covariance(missed, mirrored),
        shift_weights=(weights[:, modes:] @ fields.T).astype(np.float32),
        shift_fields=fields.astype(np.float32),
        shift_intercept=found.intercept[modes:],
        noise=_noise(np.concatenate([own_mm, own_mm[:, mirror] * [-1.0, 1.0]])),
        novelty=novelty,
        trust_at=np.array([1.0, 2.0]),
    )
    points = (float(np.sqrt((before**2).mean())), float(np.sqrt((own_mm**2).mean())))
    report = ObserverReport(count, samples.left_out, curve[-1][1], tuple(curve), near, points)
    return replace(observer, trust_at=_trust(near)), report


def explained(missed: FloatArray, identities: FloatArray, metric: FloatArray) -> float:
    """Return the share of the variance of faces that is left when their coefficients are missed by so much, from 1."""
    off = identities - identities.mean(axis=0)
    left = np.einsum("ni,ij,nj->", missed, metric, missed)
    return float(1 - left / np.einsum("ni,ij,nj->", off, metric, off))


def _covariance(missed: FloatArray, mirrored: FloatArray) -> FloatArray:
    both = np.concatenate([missed, missed @ mirrored])
    return both.T @ both / len(both)


def _noise(left: FloatArray) -> PointNoise:
    """Return the noise of points whose errors are left (n, N, 2) mm."""
    flat = left.reshape(len(left), -1)
    covariance = flat.T @ flat / len(flat)
    values, vectors = np.linalg.eigh(covariance)
    factor = vectors[:, ::-1][:, :_FACTORS] * np.sqrt(np.maximum(values[::-1][:_FACTORS], 0))
    own = np.diag(covariance) - (factor**2).sum(axis=1)
    sigma = np.sqrt(np.maximum(own, _LEAST_SIGMA_MM**2)).reshape(-1, 2)
    return PointNoise(np.zeros_like(sigma), factor, sigma)


def _by_novelty(
    novelty: FloatArray, identities: FloatArray, missed: FloatArray, metric: FloatArray
) -> tuple[tuple[float, float, float], ...]:
    """Return novelty, explained share and best factor for twenty groups of photos, the most usual first.

    The best factor is what predictions would have to be multiplied by: 1 if they say what they know, less if they say
    too much.
    """
    rows: list[tuple[float, float, float]] = []
    off = identities - identities.mean(axis=0)
    for own in np.array_split(np.argsort(novelty), _GROUPS):
        said = off[own] - missed[own]
        both = float(np.einsum("ni,ij,nj->", said, metric, off[own]))
        factor = both / max(float(np.einsum("ni,ij,nj->", said, metric, said)), 1e-9)
        rows.append((float(novelty[own].mean()), explained(missed[own], identities[own], metric), factor))
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
