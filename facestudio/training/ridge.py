"""Ridge regression on more descriptions than memory holds, and what it misses of photos left out.

The descriptions are asked for a block of photos at a time, as often as they are needed: describing a face anew is
cheaper than keeping what describes it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, get_lapack_funcs

from facestudio.values import Float32Array, FloatArray, IntArray

RIDGE = 0.3  # of the mean square of a description
_BLOCK = 1000  # photos at a time
_PART = 2000  # numbers of a description at a time
_MOST = 24_000  # samples whose Gram matrix is inverted

Rows = Callable[[IntArray], Float32Array]
"""Gives the descriptions of some photos and of their mirror images, (2, n, F)."""


@dataclass(frozen=True, eq=False)
class Regression:
    """A regression: `weights` (F, Q), `intercept` (Q,), and what it misses of left out samples, `missed` (2 N, Q)."""

    weights: Float32Array
    intercept: FloatArray
    missed: FloatArray


def regression(rows: Rows, photos: IntArray, y: FloatArray) -> Regression:
    """Return the ridge regression of targets on what describes photos and their mirror images.

    What it misses of a photo is exact for a regression without that photo and its mirror image (a block form of
    R. D. Cook, S. Weisberg, "Residuals and Influence in Regression", 1982).

    Parameters
    ----------
    rows
        Describes photos, F numbers each.
    photos
        (N,) those to learn from.
    y
        (2 N, Q) targets of the N photos, then of their mirror images.
    """
    centre, strength = _spread(rows, photos)
    scale, middle = np.float32(1 / np.sqrt(strength)), y.mean(axis=0)

    def centred(part: IntArray) -> Float32Array:
        """Return the descriptions (2 n, F) of the photos at some places, off the mean, their mean square 1."""
        return ((rows(photos[part]) - centre) * scale).reshape(2 * len(part), -1)

    solved = _by_photos if 2 * len(photos) <= min(len(centre), _MOST) else _by_numbers
    weights, missed = solved(centred, len(photos), (y - middle).astype(np.float32))
    weights = weights * scale
    return Regression(weights, middle - centre.astype(np.float64) @ weights, missed)


def _blocks(count: int) -> Iterator[IntArray]:
    for first in range(0, count, _BLOCK):
        yield np.arange(first, min(first + _BLOCK, count), dtype=np.int32)


def _spread(rows: Rows, photos: IntArray) -> tuple[Float32Array, float]:
    """Return the mean (F,) of the descriptions, and the mean square of what is off it."""
    total, square = np.zeros(rows(photos[:1]).shape[2]), 0.0
    for block in _blocks(len(photos)):
        own = rows(photos[block])
        total += own.sum(axis=(0, 1), dtype=np.float64)
        square += float(np.square(own).sum(dtype=np.float64))
    centre = total / (2 * len(photos))
    return centre.astype(np.float32), square / (2 * len(photos)) - float(centre @ centre)


def _by_photos(centred: Rows, count: int, y: Float32Array) -> tuple[Float32Array, FloatArray]:
    """Return weights (F, Q) and what is missed (2 N, Q), by the Gram matrix of the samples: for few of them.

    With C the inverse of the regularised Gram matrix and A = C y, a block b of samples left out is missed by
    C[b, b]^-1 A[b].
    """
    off = centred(np.arange(count, dtype=np.int32))
    gram = off @ off.T
    gram[np.diag_indices_from(gram)] += np.float32(RIDGE)
    # In place, of one triangle. LAPACK's order is Fortran's, hence the transpose.
    potrf, potri = get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = potrf(gram.T, lower=1, overwrite_a=1)
    inverse, failed_too = potri(factor, lower=1, overwrite_c=1)
    assert not failed
    assert not failed_too
    for first in range(0, len(inverse), _BLOCK):
        part = slice(first, first + _BLOCK)
        corner = np.tril(inverse[part, part])
        inverse[part, part] = corner + np.tril(corner, -1).T
        inverse[part, first + _BLOCK :] = inverse[first + _BLOCK :, part].T
    along = inverse @ y
    first, second = np.arange(count), np.arange(count, 2 * count)
    own = _pairs(inverse[first, first], inverse[second, second], inverse[first, second])
    return off.T @ along, _of_pairs(own, along)


def _by_numbers(centred: Rows, count: int, y: Float32Array) -> tuple[Float32Array, FloatArray]:
    """Return the same by the covariance of the F numbers: for more samples than these.

    With H the matrix that takes y to what is fitted, a block b left out is missed by (1 - H[b, b])^-1 (y - H y)[b].
    """
    size = centred(np.zeros(1, dtype=np.int32)).shape[1]
    covariance = np.zeros((size, size), dtype=np.float32)  # of it, the lower triangle
    along = np.zeros((y.shape[1], size), dtype=np.float32)
    for block in _blocks(count):
        off = centred(block)
        along += y[np.concatenate([block, count + block])].T @ off
        for part in _parts(size):
            covariance[part, : part.stop] += off[:, part].T @ off[:, : part.stop]
    covariance[np.diag_indices_from(covariance)] += np.float32(RIDGE)
    factor = _cholesky(covariance)
    weights = np.ascontiguousarray(_backward(factor, _forward(factor, along)).T)
    left, hats = np.empty_like(y), np.empty((3, count), dtype=np.float32)
    for block in _blocks(count):
        off, own = centred(block), np.concatenate([block, count + block])
        left[own] = y[own] - off @ weights
        one, other = _forward(factor, off).reshape(2, len(block), size)
        hats[:, block] = [np.einsum("nf,nf->n", a, b) for a, b in ((one, one), (other, other), (one, other))]
    return weights, _of_pairs(_pairs(1 - hats[0], 1 - hats[1], -hats[2]), left)


# By parts, of products alone: from about 32,000 rows on, OpenBLAS's own ways for symmetric matrices crash.


def _parts(size: int) -> list[slice]:
    return [slice(first, min(first + _PART, size)) for first in range(0, size, _PART)]


def _cholesky(matrix: Float32Array) -> Float32Array:
    """Return the lower triangular factor of a symmetric matrix (F, F), in its place; above it is what was there."""
    for part in _parts(len(matrix)):
        below = matrix[part.start :, part]
        below -= matrix[part.start :, : part.start] @ matrix[part, : part.start].T
        corner = cholesky(below[: part.stop - part.start], lower=True)
        below[: len(corner)] = corner
        below[len(corner) :] = _corner(corner, below[len(corner) :], 0)
    return matrix


def _corner(corner: Float32Array, rows: Float32Array | FloatArray, transposed: int) -> Float32Array:
    """Solve a triangular matrix (P, P), or its transpose, for rows (n, P)."""
    (trtrs,) = get_lapack_funcs(("trtrs",), (corner,))
    solved, failed = trtrs(corner, rows.T, lower=1, trans=transposed)
    assert not failed
    return np.asarray(solved.T, dtype=np.float32)


def _forward(factor: Float32Array, rows: Float32Array) -> Float32Array:
    """Return rows (n, F), each solved for by the factor; in their place."""
    for part in _parts(len(factor)):
        own = rows[:, part] - rows[:, : part.start] @ factor[part, : part.start].T
        rows[:, part] = _corner(factor[part, part], own, 0)
    return rows


def _backward(factor: Float32Array, rows: Float32Array) -> Float32Array:
    """Return rows (n, F), each solved for by the transposed factor; in their place."""
    for part in reversed(_parts(len(factor))):
        own = rows[:, part] - rows[:, part.stop :] @ factor[part.stop :, part]
        rows[:, part] = _corner(factor[part, part], own, 1)
    return rows


def _pairs(first: Float32Array, second: Float32Array, both: Float32Array) -> FloatArray:
    """Return symmetric matrices (N, 2, 2) of their diagonals and what lies beside."""
    own = np.empty((len(first), 2, 2))
    own[:, 0, 0], own[:, 1, 1] = first, second
    own[:, 0, 1] = own[:, 1, 0] = both
    return own


def _of_pairs(own: FloatArray, values: Float32Array) -> FloatArray:
    """Solve matrices (N, 2, 2) for the values (2 N, Q) of photos, then their mirror images."""
    pairs = values.astype(np.float64).reshape(2, len(own), -1).transpose(1, 0, 2)
    solved = np.linalg.solve(own, pairs).transpose(1, 0, 2).reshape(values.shape)
    return np.asarray(solved, dtype=np.float64)
