"""Trains the shape observer on synthetic photos: ridge regression, errors on photos left out, novelty."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs

from facestudio.database.shape_model import ShapeModel
from facestudio.evaluation.surface_error import face_region
from facestudio.fitting.noise import PointNoise
from facestudio.fitting.observer import Description, Novelty, ShapeObserver
from facestudio.landmarks.mesh_features import CHANNELS
from facestudio.template.model import Template
from facestudio.training.channels import learn_channels
from facestudio.training.shape_samples import ShapeSamples, chosen_points, mirrored_points
from facestudio.values import Float32Array, FloatArray, IntArray

RIDGE = 0.3  # of the mean square of a description
FIELDS = 48  # displacement fields: they hold 98 % of what is said of the points
DIRECTIONS = 64
_FACTORS = 40
_LEAST_SIGMA_MM = 0.1
_GROUPS = 20
_SOME = 3000  # photos enough to learn channels and novelty
_ROWS = 1000  # of a large matrix, at a time
_EACH = 3  # every third point tells novelty


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


@dataclass(frozen=True, eq=False)
class _Found:
    """A regression: `weights` (F, Q), `intercept` (Q,), and what it misses of left out samples, `missed` (n, Q)."""

    weights: Float32Array
    intercept: FloatArray
    missed: FloatArray


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
    some = np.linspace(0, count - 1, min(count, _SOME)).astype(np.int32)
    description = _learn_description(samples, some, chosen_points(model, template), mirror)
    novelty = _learn_novelty(description, samples, some)
    descriptions = np.concatenate(
        [described(description, samples, side, np.arange(count, dtype=np.int32)) for side in (0, 1)]
    )
    every = np.array([novelty.of(row, len(description.chosen)) for row in descriptions[:count]])
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
    strengths = _strengths(descriptions, forms.reshape(-1, modes), some, len(description.chosen))
    descriptions *= strengths

    curve: list[tuple[int, float]] = []
    found = _Found(np.zeros((0, 0), dtype=np.float32), np.zeros(0), np.zeros((0, 0)))
    for part in (16, 8, 4, 2, 1):
        few = np.arange(0, count, part)
        rows = np.concatenate([few, count + few])
        found = regression(descriptions[rows] if part > 1 else descriptions, targets[rows])
        share = explained(together(found.missed)[0], samples.identities[few], metric)
        curve.append((len(few), share))
        say(f"{len(few)} photos explain {share:.1%}")
    missed, left = together(found.missed)
    said = found.intercept[modes:] + descriptions @ found.weights[:, modes:]
    found = replace(found, weights=found.weights * strengths[:, None])  # of descriptions as they are
    _, vectors = np.linalg.eigh((said.T @ said).astype(np.float64))
    fields = vectors[:, ::-1][:, :FIELDS].T
    near = _by_novelty(every, samples.identities, missed, metric)
    own_mm = left * samples.millimetres[:, None, None]
    before = (samples.shifts - samples.shifts.mean(axis=0)) * samples.millimetres[:, None, None]
    digest = hashlib.sha256(found.weights.astype(np.float16).tobytes()).hexdigest()[:8]
    observer = ShapeObserver(
        version=f"2-{digest}",
        licence="Apache-2.0",
        source=f"facestudio train shape on {count} photos of facestudio synthesize",
        shape_version=model.version,
        description=description,
        weights=found.weights[:, :modes],
        intercept=found.intercept[:modes],
        mirrored=mirrored,
        covariance=_covariance(missed, mirrored),
        shift_weights=(found.weights[:, modes:] @ fields.T).astype(np.float32),
        shift_fields=fields.astype(np.float32),
        shift_intercept=found.intercept[modes:],
        noise=_noise(np.concatenate([own_mm, own_mm[:, mirror] * [-1.0, 1.0]])),
        novelty=novelty,
        trust_at=np.array([1.0, 2.0]),
    )
    points = (float(np.sqrt((before**2).mean())), float(np.sqrt((own_mm**2).mean())))
    report = ObserverReport(count, samples.left_out, curve[-1][1], tuple(curve), near, points)
    return replace(observer, trust_at=_trust(near)), report


def _learn_description(
    samples: ShapeSamples, some: IntArray, chosen: IntArray, mirror: IntArray
) -> Description:
    features = samples.features[some[:: max(1, len(some) // 1000)]].astype(np.float32)
    return Description(chosen, mirror, *learn_channels(features.reshape(-1, len(chosen), CHANNELS)))


def described(description: Description, samples: ShapeSamples, side: int, rows: IntArray) -> Float32Array:
    """Return the descriptions of some photos (side 0) or of their mirror images (1), (len(rows), F)."""
    out = np.empty((len(rows), description.size), dtype=np.float32)
    for first in range(0, len(rows), 100):
        part = rows[first : first + 100]
        out[first : first + 100] = description.of(samples.features[part, side].astype(np.float32))
    return out


def _strengths(descriptions: Float32Array, forms: FloatArray, some: IntArray, points: int) -> Float32Array:
    """Return how strongly each number of descriptions (2 N, F) counts in the regression, (F,).

    Channels are brought half way to one spread; points count by the square of what a first regression, on some of the
    photos `some` whose faces and their mirror images have the `forms` (2 n, Q), takes from them. Measured in
    docs/shape.md.
    """
    few = descriptions[some].reshape(len(some), points, -1)
    spread = np.sqrt(np.square(few - few.mean(axis=0)).mean(axis=(0, 1)))
    channels = np.tile(np.sqrt(spread.mean() / np.maximum(spread, 1e-6 * spread.mean())), points)
    both = np.concatenate([some, len(descriptions) // 2 + some])
    found = regression(descriptions[both] * channels, forms)
    taken = np.square(found.weights).reshape(points, -1).sum(axis=1)
    return np.asarray(channels * np.repeat(taken / taken.mean(), len(channels) // points), dtype=np.float32)


def regression(x: Float32Array, y: FloatArray) -> _Found:
    """Return the ridge regression of targets (2 N, Q) on descriptions (2 N, F) of N photos, then their mirror images.

    What it misses of a photo is exact for a regression without that photo and its mirror image (a block form of
    R. D. Cook, S. Weisberg, "Residuals and Influence in Regression", 1982).
    """
    centre, middle = x.mean(axis=0), y.mean(axis=0)
    off = x - centre
    parts = (off[first : first + _ROWS] for first in range(0, len(off), _ROWS))
    strength = sum(float(np.square(part, dtype=np.float64).sum()) for part in parts) / len(off)
    off /= np.float32(np.sqrt(strength))
    fitted = _by_photos if len(off) <= off.shape[1] else _by_numbers
    weights, missed = fitted(off, (y - middle).astype(np.float32))
    weights = weights / np.float32(np.sqrt(strength))
    return _Found(weights, middle - centre.astype(np.float64) @ weights, missed)


def _by_photos(off: Float32Array, y: Float32Array) -> tuple[Float32Array, FloatArray]:
    """Return weights (F, Q) and what is missed (2 N, Q), by the Gram matrix of the samples: for few of them.

    With C the inverse of the regularised Gram matrix and A = C y, a block b of samples left out is missed by
    C[b, b]^-1 A[b].
    """
    count = len(off) // 2
    gram = off @ off.T
    gram[np.diag_indices_from(gram)] += np.float32(RIDGE)
    # In place, of one triangle. LAPACK's order is Fortran's, hence the transpose.
    potrf, potri = get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = potrf(gram.T, lower=1, overwrite_a=1)
    inverse, failed_too = potri(factor, lower=1, overwrite_c=1)
    assert not failed
    assert not failed_too
    for first in range(0, len(inverse), _ROWS):
        part = slice(first, first + _ROWS)
        corner = np.tril(inverse[part, part])
        inverse[part, part] = corner + np.tril(corner, -1).T
        inverse[part, first + _ROWS :] = inverse[first + _ROWS :, part].T
    along = inverse @ y
    first, second = np.arange(count), np.arange(count, 2 * count)
    own = _pairs(inverse[first, first], inverse[second, second], inverse[first, second])
    return off.T @ along, _of_pairs(own, along)


def _by_numbers(off: Float32Array, y: Float32Array) -> tuple[Float32Array, FloatArray]:
    """Return the same by the covariance of the F numbers: for more samples than these. `off` is overwritten.

    With H the matrix that takes y to what is fitted, a block b left out is missed by (1 - H[b, b])^-1 (y - H y)[b].
    """
    count, size = len(off) // 2, off.shape[1]
    covariance = np.zeros((size, size), dtype=np.float32)
    for first in range(0, len(off), 4 * _ROWS):
        part = off[first : first + 4 * _ROWS]
        covariance += part.T @ part
    covariance[np.diag_indices_from(covariance)] += np.float32(RIDGE)
    (potrf,) = get_lapack_funcs(("potrf",), (covariance,))
    (trsm,) = get_blas_funcs(("trsm",), (covariance,))
    factor, failed = potrf(covariance.T, lower=1, overwrite_a=1)
    assert not failed
    for first in range(0, len(off), 4 * _ROWS):
        part = slice(first, first + 4 * _ROWS)
        off[part] = trsm(1.0, factor, off[part].T, lower=1).T
    seen = off.T @ y
    left = y - off @ seen
    one, other = off[:count], off[count:]
    own = _pairs(
        1 - np.einsum("nf,nf->n", one, one),
        1 - np.einsum("nf,nf->n", other, other),
        -np.einsum("nf,nf->n", one, other),
    )
    return trsm(1.0, factor, seen, lower=1, trans_a=1), _of_pairs(own, left)


def _pairs(first: Float32Array, second: Float32Array, both: Float32Array) -> FloatArray:
    """Return symmetric matrices (N, 2, 2) of their diagonals and what lies beside."""
    own = np.empty((len(first), 2, 2))
    own[:, 0, 0], own[:, 1, 1] = first, second
    own[:, 0, 1] = own[:, 1, 0] = both
    return own


def _of_pairs(own: FloatArray, values: Float32Array | FloatArray) -> FloatArray:
    """Solve matrices (N, 2, 2) for the values (2 N, Q) of photos, then their mirror images."""
    pairs = values.astype(np.float64).reshape(2, len(own), -1).transpose(1, 0, 2)
    solved = np.linalg.solve(own, pairs).transpose(1, 0, 2).reshape(values.shape)
    return np.asarray(solved, dtype=np.float64)


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


def _learn_novelty(description: Description, samples: ShapeSamples, some: IntArray) -> Novelty:
    points = np.arange(0, len(description.chosen), _EACH)
    x = described(description, samples, 0, some).reshape(len(some), len(description.chosen), -1)[:, points]
    x = x.reshape(len(some), -1)
    mean = x.mean(axis=0)
    x = x - mean
    values, vectors = np.linalg.eigh((x @ x.T).astype(np.float64))
    kept = min(DIRECTIONS, len(some) // 4)
    strong, along = np.maximum(values[::-1][:kept], 1e-12), vectors[:, ::-1][:, :kept]
    directions = (x.T @ along) / np.sqrt(strong)
    beyond = float(np.maximum(values[::-1][kept:], 0).sum()) / len(some)
    return Novelty(
        points.astype(np.int32), mean, directions.T, np.sqrt(strong / len(some)), max(beyond, 1e-12)
    )


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
