"""The point distribution model of an Active Shape Model: Procrustes mean and principal modes.

T. Cootes, C. Taylor, D. Cooper, J. Graham, "Active Shape Models - Their Training and Application", Computer
Vision and Image Understanding 61(1), 1995.

The frame of the model: centre at (0, 0), root mean square distance of the points from it 1, x towards the
sitter's left, y towards the chin, upright on average.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from facestudio.values import FloatArray, IntArray, read_only

LIMIT: Final = 3.0
"""Largest coefficient of a mode, in its standard deviations (section 4.4 of the paper)."""

_ROUNDS: Final = 8
_VARIANCE_FLOOR: Final = 1e-12


def align(source: FloatArray, target: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the similarity that brings points nearest to their partners in the plane, without reflection.

    Parameters
    ----------
    source, target
        (N, 2), any unit.
    weights
        (N,) of the squared distances; all 1 by default.

    Returns
    -------
    numpy.ndarray
        (2, 3) float64: target is about source @ m[:, :2].T + m[:, 2].
    """
    w = np.full(len(source), 1 / len(source)) if weights is None else weights / weights.sum()
    centre, goal = w @ source, w @ target
    a, b = source - centre, target - goal
    size = max(float(w @ (a**2).sum(axis=1)), 1e-12)
    c = float(w @ (a * b).sum(axis=1)) / size
    s = float(w @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) / size
    turn = np.array([[c, -s], [s, c]])
    return np.column_stack([turn, goal - turn @ centre])


def transform(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Apply a (2, 3) affine map to points (..., 2)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def invert(matrix: FloatArray) -> FloatArray:
    """Return the inverse of a (2, 3) affine map."""
    inverse = np.linalg.inv(matrix[:, :2])
    return np.column_stack([inverse, -inverse @ matrix[:, 2]]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class PointDistributionModel:
    """Mean and modes of the shapes of a set of points, in the model's frame.

    Attributes
    ----------
    mean
        (N, 2) float64.
    modes
        (K, 2 N) float64, orthonormal rows.
    sigma
        (K,) float64: standard deviation along each mode.
    rest
        Standard deviation of one coordinate that the modes leave unexplained.
    """

    mean: FloatArray
    modes: FloatArray
    sigma: FloatArray
    rest: float

    def __post_init__(self) -> None:
        for name in ("mean", "modes", "sigma"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    def shape(self, coefficients: FloatArray) -> FloatArray:
        """Return the shape (N, 2) of mode coefficients (K,)."""
        return self.mean + (coefficients @ self.modes).reshape(-1, 2)

    def coefficients(self, shape: FloatArray) -> FloatArray:
        """Return the mode coefficients (K,) nearest to a shape (N, 2) in the model's frame."""
        return self.modes @ (shape - self.mean).ravel()

    def fit(
        self, points: FloatArray, sigma: FloatArray | None = None, *, limit: float = LIMIT, rounds: int = 4
    ) -> tuple[FloatArray, FloatArray]:
        """Return the most probable shape behind points that may be off.

        Pose (a similarity) and coefficients take turns; given the pose the coefficients are the maximum a
        posteriori under the modes' variances and the points' own, then each is held within `limit` standard
        deviations.

        Parameters
        ----------
        points
            (N, 2) pixels.
        sigma
            (N,) pixels: how far each point may be off; by default the model's own rest.
        limit
            See `LIMIT`.
        rounds
            Of taking turns.

        Returns
        -------
        tuple
            Points (N, 2) pixels; coefficients (K,).
        """
        coefficients: FloatArray = np.zeros(len(self.sigma))
        weights = None if sigma is None else 1 / np.maximum(sigma, 1e-9) ** 2
        variance = np.maximum(self.sigma**2, _VARIANCE_FLOOR)
        matrix = align(self.mean, points, weights)
        for _ in range(rounds):
            back = invert(matrix)
            local = transform(back, points)
            scale = float(np.sqrt(abs(np.linalg.det(back[:, :2]))))
            own = np.full(len(points), self.rest) if sigma is None else np.hypot(sigma * scale, self.rest)
            precision = np.repeat(1 / np.maximum(own, 1e-9) ** 2, 2)
            weighted = self.modes * precision
            normal = weighted @ self.modes.T + np.diag(1 / variance)
            solved = np.linalg.solve(normal, weighted @ (local - self.mean).ravel())
            coefficients = np.clip(solved, -limit * self.sigma, limit * self.sigma).astype(np.float64)
            matrix = align(self.shape(coefficients), points, weights)
        return transform(matrix, self.shape(coefficients)), coefficients


def procrustes_mean(shapes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Align shapes to their mean, generalised Procrustes analysis (J. Gower, 1975).

    Parameters
    ----------
    shapes
        (M, N, 2), any unit.

    Returns
    -------
    tuple
        Mean (N, 2) in the model's frame, turned as the shapes are on average; aligned shapes (M, N, 2).
    """
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    aligned = centred / np.sqrt((centred**2).sum(axis=2).mean(axis=1))[:, None, None]
    mean = aligned.mean(axis=0)
    for _ in range(_ROUNDS):
        mean = mean / np.sqrt((mean**2).sum(axis=1).mean())
        aligned = np.stack([transform(align(shape, mean), shape) for shape in centred])
        mean = aligned.mean(axis=0) - aligned.mean(axis=(0, 1))
    return mean / np.sqrt((mean**2).sum(axis=1).mean()), aligned


def learn_shape_model(
    shapes: FloatArray, mirror: Sequence[int] | IntArray | None = None, *, explained: float = 0.98
) -> PointDistributionModel:
    """Learn mean and modes.

    Parameters
    ----------
    shapes
        (M, N, 2) pixels of upright photos, M >= 2.
    mirror
        (N,) the point that takes the place of each in the flipped picture: every shape then counts twice, the
        second time mirrored.
    explained
        Share of the variance that the modes kept explain.
    """
    both = shapes
    if mirror is not None:
        flipped = shapes[:, np.asarray(mirror, dtype=np.intp)] * np.array([-1.0, 1.0])
        both = np.concatenate([shapes, flipped])
    mean, aligned = procrustes_mean(both)
    if mirror is not None:
        mean = (mean + mean[np.asarray(mirror, dtype=np.intp)] * np.array([-1.0, 1.0])) / 2
    flat = (aligned - mean).reshape(len(aligned), -1)
    _, s, vt = np.linalg.svd(flat, full_matrices=False)
    variance = s**2 / len(flat)
    shares = np.cumsum(variance) / max(float(variance.sum()), 1e-300)
    count = min(int(np.searchsorted(shares, explained)) + 1, len(variance))
    rest = float(np.sqrt(max(float(variance[count:].sum()), _VARIANCE_FLOOR) / flat.shape[1]))
    return PointDistributionModel(mean, vt[:count], np.sqrt(variance[:count]), rest)
