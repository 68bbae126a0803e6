"""Depth of 2D landmarks from heads' statistics, beside five other ways (the paper's figures 7 and 10)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

from facestudio.errors import UsageError
from facestudio.fitting.depth import estimate_depth
from facestudio.values import FloatArray, read_only

SEVEN = {
    "right brow": 19,
    "left brow": 24,
    "right eye": 36,
    "left eye": 45,
    "nose": 30,
    "right mouth": 48,
    "left mouth": 54,
}
"""The seven points of figure 10, by their numbers in ibug68."""

NOISE_MM = 1.0
_NEAREST = 10
_CENTRES = 25
_ATOMS, _SPARSITY, _ROUNDS = 60, 8, 12

Method = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class DepthReport:
    """Mean absolute errors of depth over test heads, mm.

    Attributes
    ----------
    train, test
        How many heads.
    error
        For each method its error over all 68 points.
    by_point
        For each method those of `SEVEN`.
    correlation
        For each method: of estimated and real depth, taken off the mean depth of each point.
    within
        Share of depths within the predicted standard deviation (of the statistics' own; 0.68 if it is honest).
    real, estimated
        (test, 68) mm, of the statistics.
    """

    train: int
    test: int
    error: dict[str, float]
    by_point: dict[str, dict[str, float]]
    correlation: dict[str, float]
    within: float
    real: FloatArray = field(repr=False)
    estimated: FloatArray = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "real", read_only(self.real, np.float64))
        object.__setattr__(self, "estimated", read_only(self.estimated, np.float64))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, without the single depths."""
        return {k: v for k, v in asdict(self).items() if k not in ("real", "estimated")}


def centred(points: FloatArray) -> FloatArray:
    """Return points (H, N, 3) mm moved so that the mean of each head's N points is the origin."""
    return points - points.mean(axis=1, keepdims=True)


def mean_depth(seen: FloatArray, xy: FloatArray, z: FloatArray) -> FloatArray:
    """Return the mean depth of the training heads for every head."""
    return np.tile(z.mean(axis=0), (len(seen), 1))


def nearest_neighbour(seen: FloatArray, xy: FloatArray, z: FloatArray) -> FloatArray:
    """Return the depth of the training head with the nearest points."""
    return z[cdist(seen, xy).argmin(axis=1)]


def linear_regression(seen: FloatArray, xy: FloatArray, z: FloatArray) -> FloatArray:
    """Return the depth by least squares."""
    centre = xy.mean(axis=0)
    weights = np.linalg.lstsq(xy - centre, z - z.mean(axis=0), rcond=None)[0]
    return z.mean(axis=0) + (seen - centre) @ weights


def rbf_network(seen: FloatArray, xy: FloatArray, z: FloatArray) -> FloatArray:
    """Return the depth by a network of radial basis functions: Gaussians around k-means, then least squares."""
    first = xy[np.random.default_rng(1).choice(len(xy), min(_CENTRES, len(xy)), replace=False)]
    centres = kmeans2(xy, first, minit="matrix")[0]
    width = float(np.median(cdist(centres, centres)[np.triu_indices(len(centres), 1)]))

    def hidden(points: FloatArray) -> FloatArray:
        near = np.exp(-0.5 * (cdist(points, centres) / width) ** 2)
        return np.column_stack([near, np.ones(len(points))])

    return hidden(seen) @ np.linalg.lstsq(hidden(xy), z, rcond=1e-6)[0]


def coupled_dictionary(seen: FloatArray, xy: FloatArray, z: FloatArray) -> FloatArray:
    """Return the depth by two dictionaries with common sparse codes (matching pursuit, optimal directions)."""
    off_xy, off_z = xy.mean(axis=0), z.mean(axis=0)
    joint = np.concatenate([xy - off_xy, z - off_z], axis=1)
    atoms: FloatArray = joint[
        np.random.default_rng(1).choice(len(joint), min(_ATOMS, len(joint)), replace=False)
    ]
    for _ in range(_ROUNDS):
        codes = _codes(joint, atoms)
        used = (codes != 0).any(axis=0)
        codes, atoms = codes[:, used], atoms[used]
        gram = codes.T @ codes + 1e-6 * np.eye(codes.shape[1])
        atoms = np.asarray(np.linalg.solve(gram, codes.T @ joint), dtype=np.float64)
    wide = xy.shape[1]
    return off_z + _codes(seen - off_xy, atoms[:, :wide]) @ atoms[:, wide:]


def _codes(signals: FloatArray, atoms: FloatArray) -> FloatArray:
    """Return sparse codes (n, A) by orthogonal matching pursuit."""
    length = np.maximum(np.linalg.norm(atoms, axis=1), 1e-9)
    codes = np.zeros((len(signals), len(atoms)))
    for row, signal in enumerate(signals):
        chosen: list[int] = []
        left = signal
        weights = np.zeros(0)
        for _ in range(min(_SPARSITY, len(atoms))):
            fit = np.abs(atoms @ left) / length
            fit[chosen] = -1
            chosen.append(int(fit.argmax()))
            weights = np.linalg.lstsq(atoms[chosen].T, signal, rcond=None)[0]
            left = signal - weights @ atoms[chosen]
        codes[row, chosen] = weights
    return codes


RIVALS: dict[str, Method] = {
    "mean depth": mean_depth,
    "nearest neighbour": nearest_neighbour,
    "linear regression": linear_regression,
    "RBF network": rbf_network,
    "coupled dictionary": coupled_dictionary,
}
OURS = "statistics"


def evaluate_depth(points: FloatArray, train: int = 200, test: int = 200, seed: int = 7) -> DepthReport:
    """Estimate the depth of heads' points from their frontal places, in six ways.

    Parameters
    ----------
    points
        (H, 68, 3) mm: the heads' ibug68 points in head space.
    train, test
        How many heads to learn from and to judge by; none is in both.
    seed
        Of the division and of the noise of 1 mm that the frontal places have.

    Raises
    ------
    UsageError
        If there are fewer heads than asked for.
    """
    if train + test > len(points):
        raise UsageError(f"There are {len(points)} heads: {train} and {test} are too many")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(points))
    known = centred(points[order[:train]])
    real = centred(points[order[train : train + test]])
    noisy = real[:, :, :2] + rng.normal(0, NOISE_MM, (test, points.shape[1], 2))
    seen = (noisy - noisy.mean(axis=1, keepdims=True)).reshape(test, -1)
    xy, z = known[:, :, :2].reshape(train, -1), known[:, :, 2]
    found = {name: method(seen, xy, z) for name, method in RIVALS.items()}
    found[OURS], sigma = _statistics(seen, known)
    usual = z.mean(axis=0)
    off = {name: np.abs(depth - real[:, :, 2]) for name, depth in found.items()}
    return DepthReport(
        train=train,
        test=test,
        error={name: float(e.mean()) for name, e in off.items()},
        by_point={name: {p: float(e[:, k].mean()) for p, k in SEVEN.items()} for name, e in off.items()},
        correlation={name: _correlation(d - usual, real[:, :, 2] - usual) for name, d in found.items()},
        within=float((off[OURS] < sigma).mean()),
        real=real[:, :, 2],
        estimated=found[OURS],
    )


def _statistics(seen: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return depths and their standard deviations by the heads' statistics, the similar ones counting more."""
    depth, sigma = list[FloatArray](), list[FloatArray]()
    away = cdist(seen, known[:, :, :2].reshape(len(known), -1))
    for row, own in zip(seen, away, strict=True):
        weights = np.ones(len(known)) / len(known)
        weights[np.argsort(own)[:_NEAREST]] += 0.5 / _NEAREST
        estimate = estimate_depth(row.reshape(-1, 2), known, weights, NOISE_MM)
        depth.append(estimate.depth)
        sigma.append(estimate.sigma)
    return np.stack(depth), np.stack(sigma)


def _correlation(a: FloatArray, b: FloatArray) -> float:
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / spread) if spread > 0 else 0.0
