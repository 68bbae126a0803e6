"""Several photos of one person: what each says of the same unknowns, put together.

Each photo's fit gives a Gaussian posterior; all of them hold the same prior. What a photo adds is its posterior with
the prior divided out; the person's posterior is the prior times what every photo adds (a precision-weighted product).
Photos do not err independently of each other: what the observer misses of a face it misses in every photo of it. So
what they add is tempered: n photos count as n / (1 + (n - 1) r).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facestudio.values import FloatArray, read_only

SHARED = 0.7
"""r: the share of what a photo's fit misses that another photo's misses too.

Chosen, not fitted: which value measures best differs with the observer and the photos (docs/shape.md).
"""


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A normal distribution: `mean` (K,) and `covariance` (K, K)."""

    mean: FloatArray
    covariance: FloatArray

    def __post_init__(self) -> None:
        for name in ("mean", "covariance"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


def _added(posterior: Gaussian, mean: FloatArray, root: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what a posterior adds to the prior, in the prior's own units: precision (K, K) and pull (K,).

    Directions of which the posterior is no surer than the prior add nothing.
    """
    precision = root.T @ np.linalg.solve(posterior.covariance, root)
    gained, axes = np.linalg.eigh((precision + precision.T) / 2)
    off = np.linalg.solve(root, posterior.mean - mean)
    pull = np.where(gained > 1, gained * (axes.T @ off), 0.0)
    return (axes * np.maximum(gained - 1, 0)) @ axes.T, axes @ pull


def joint_posterior(
    posteriors: Sequence[Gaussian],
    prior: Gaussian,
    *,
    centre: FloatArray | None = None,
    shared: float = SHARED,
) -> Gaussian:
    """Combine posteriors of the same unknowns that were found under the same prior.

    Parameters
    ----------
    posteriors
        Of each photo.
    prior
        That each of them holds.
    centre
        (K,) another mean for the prior in the result; its own if not given.
    shared
        0..1: how far the photos' errors are the same. At 1, many photos are worth one (their mean).

    Returns
    -------
    Gaussian
        With one posterior and no other centre, that one.
    """
    root = np.linalg.cholesky(prior.covariance).astype(np.float64)
    count = len(posteriors)
    precision, pull = np.eye(len(prior.mean)), np.zeros(len(prior.mean))
    if centre is not None:
        pull = np.linalg.solve(root, centre - prior.mean)
    for posterior in posteriors:
        more, towards = _added(posterior, prior.mean, root)
        precision = precision + more / (1 + (count - 1) * shared)
        pull = pull + towards / (1 + (count - 1) * shared)
    covariance = np.linalg.inv(precision)
    return Gaussian(prior.mean + root @ (covariance @ pull), root @ covariance @ root.T)


def joint_points(
    places: FloatArray,
    sight: FloatArray,
    sigma: FloatArray,
    depth_sigma: FloatArray,
    anchor: FloatArray | None = None,
    anchored: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return where points lie that several photos see from different sides.

    Parameters
    ----------
    places
        (N, P, 3) mm: where each of N photos puts each of P points.
    sight
        (N, P, 3) unit vectors: along its line of sight.
    sigma
        (N, P) mm: how sure it is across that line.
    depth_sigma
        (P,) mm: how sure it is along it.
    anchor, anchored
        (P, 3) mm, (P,) 1/mm^2: where points are held, and how firmly; nowhere if not given.

    Returns
    -------
    tuple
        Places (P, 3) mm, and how sure they are, (P,) mm: the most that one photo is across its line.
    """
    along = sight[..., :, None] * sight[..., None, :]
    across = np.eye(3) - along
    precision = across / sigma[..., None, None] ** 2 + along / depth_sigma[:, None, None] ** 2
    total = precision.sum(axis=0)
    pull = (precision @ places[..., None]).sum(axis=0)
    if anchor is not None and anchored is not None:
        total = total + anchored[:, None, None] * np.eye(3)
        pull = pull + (anchored[:, None] * anchor)[..., None]
    mean = np.linalg.solve(total, pull)[..., 0]
    return mean, 1 / np.sqrt((1 / sigma**2).sum(axis=0))
