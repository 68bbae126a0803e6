"""Learns how far the mesh's and the ASM's points are off, and how a photo's novelty tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import nnls

from facestudio.landmarks.asm.model import ErrorModel
from facestudio.landmarks.asm.search import cues, hold
from facestudio.landmarks.asm.shape import PointDistributionModel
from facestudio.values import FloatArray

_LARGEST: Final = 12.0  # canvas pixels: an error beyond counts as this much
_TRIMMED: Final = 0.1  # share of the samples that usual errors are learnt without
_PRIOR_SAMPLES: Final = 20.0
_ROUNDS: Final = 30


@dataclass(frozen=True, eq=False)
class Unseen:
    """What experts did on samples they were not learnt from; canvas pixels.

    Attributes
    ----------
    start, found, truth
        (M, N, 2).
    novelty
        (M, N).
    weights
        (M,).
    """

    start: FloatArray
    found: FloatArray
    truth: FloatArray
    novelty: FloatArray
    weights: FloatArray


def expert_sigma(part: Unseen) -> FloatArray:
    """Return how far the experts are off, one coordinate, (N,) canvas pixels; the worst tenth left out."""
    squared = ((part.found - part.truth) ** 2).sum(axis=2) / 2
    kept = squared <= np.quantile(squared, 1 - _TRIMMED, axis=0)
    weights = part.weights[:, None] * kept
    return np.sqrt((weights * squared).sum(axis=0) / weights.sum(axis=0))


def held(part: Unseen, shape: PointDistributionModel, sigma: FloatArray) -> Unseen:
    """Return the same with what the experts found held to the shape of a face, as the search does it."""
    found = [hold(shape, sigma, f, n) for f, n in zip(part.found, part.novelty, strict=True)]
    return replace(part, found=np.stack(found))


def joint_covariance(
    start: FloatArray, found: FloatArray, truth: FloatArray, weights: FloatArray
) -> FloatArray:
    """Return the usual covariance (N, 4, 4) of both estimates' errors; all (M, N, 2) canvas pixels.

    The worst tenth of the samples is left out; few samples lean on the mean over all points.
    """
    both = np.clip(np.concatenate([start - truth, found - truth], axis=2), -_LARGEST, _LARGEST)
    worst = np.linalg.norm(both, axis=2).mean(axis=1)
    kept = worst <= np.quantile(worst, 1 - _TRIMMED)
    w = weights[kept] / weights[kept].sum()
    errors = both[kept]
    own = np.einsum("m,mni,mnj->nij", w, errors, errors)
    amount = 1 / float((w**2).sum())
    return (amount * own + _PRIOR_SAMPLES * own.mean(axis=0)) / (amount + _PRIOR_SAMPLES)


def learn_factors(
    errors: FloatArray, covariance: FloatArray, seen: FloatArray, weights: FloatArray
) -> FloatArray:
    """Fit the logarithm of how much an estimate's variance exceeds the usual one, (1 + K,).

    Gamma regression with a logarithmic link by reweighted non-negative least squares: what looks unusual can
    only make an estimate less sure.

    Parameters
    ----------
    errors
        (M, N, 2) canvas pixels.
    covariance
        (N, 2, 2): the usual one.
    seen
        (M, N, K) cues.
    weights
        (M,).
    """
    clipped = np.clip(errors, -_LARGEST, _LARGEST)
    ratio = np.einsum("mni,nij,mnj->mn", clipped, np.linalg.inv(covariance), clipped) / 2
    y = ratio.ravel()
    x = seen.reshape(-1, seen.shape[-1])
    w = np.repeat(weights, ratio.shape[1])
    beta = np.zeros(x.shape[1])
    base = 0.0
    root = np.sqrt(w)[:, None]
    for _ in range(_ROUNDS):
        level = np.exp(np.clip(base + x @ beta, -3, 6))
        working = np.clip(base + x @ beta + (y - level) / level, -6, 8)
        system = np.column_stack([np.ones(len(x)), -np.ones(len(x)), x]) * root
        lower = np.linalg.cholesky(system.T @ system + 1e-9 * np.eye(system.shape[1]) * len(x))
        solved, _ = nnls(lower.T, np.linalg.solve(lower, system.T @ (working * root[:, 0])))
        step_base, step = solved[0] - solved[1], solved[2:]
        base, beta = 0.5 * (base + step_base), 0.5 * (beta + step)
    return np.concatenate([[base], beta])


def learn_errors(parts: Sequence[Unseen]) -> ErrorModel:
    """Learn the error model.

    Parameters
    ----------
    parts
        First of people the experts have not seen, then (if there is any) of a kind of photo they have not seen.
    """
    first = parts[0]
    covariance = joint_covariance(first.start, first.found, first.truth, first.weights)
    seen = np.concatenate(
        [
            np.stack([cues(covariance, s, f, n) for s, f, n in zip(p.start, p.found, p.novelty, strict=True)])
            for p in parts
        ]
    )
    weights = np.concatenate([part.weights for part in parts])
    rows: list[FloatArray] = []
    for block, errors in (
        (slice(0, 2), [part.start - part.truth for part in parts]),
        (slice(2, 4), [part.found - part.truth for part in parts]),
    ):
        rows.append(learn_factors(np.concatenate(errors), covariance[:, block, block], seen, weights))
    return ErrorModel(covariance, np.stack(rows))
