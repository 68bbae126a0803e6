"""Depth of 2D landmarks from the statistics of database heads (the paper's third step, its figure 7)."""

from dataclasses import dataclass

import numpy as np

from facestudio.values import FloatArray


@dataclass(frozen=True, eq=False)
class DepthEstimate:
    """Depth of each point along +Z of head space, (N,) mm, and its standard deviation (N,) mm."""

    depth: FloatArray
    sigma: FloatArray


def estimate_depth(
    frontal: FloatArray, heads: FloatArray, weights: FloatArray, noise_mm: float = 1.0, shrinkage: float = 0.1
) -> DepthEstimate:
    """Estimate depth from frontal positions: the conditional Gaussian of z given x and y over the heads.

    Parameters
    ----------
    frontal
        (N, 2) mm: x, y of the points in head space.
    heads
        (H, N, 3) mm: the points of the database heads.
    weights
        (H,) weight of each head in the statistics; they need not sum to one.
    noise_mm
        Standard deviation of x and y.
    shrinkage
        0..1: how much of the covariance is replaced by its diagonal (few heads, many points).

    Returns
    -------
    DepthEstimate
    """
    return depth_regression(heads, weights, noise_mm, shrinkage).depth_of(frontal)


@dataclass(frozen=True, eq=False)
class DepthRegression:
    """Depth as a linear function of frontal positions.

    Attributes
    ----------
    mean_xy, mean_z
        (2 N,) and (N,) mm.
    gain
        (2 N, N): depth per frontal displacement.
    sigma
        (N,) mm: what it leaves open.
    """

    mean_xy: FloatArray
    mean_z: FloatArray
    gain: FloatArray
    sigma: FloatArray

    def depth_of(self, frontal: FloatArray) -> DepthEstimate:
        """Return the depth of points (N, 2) mm."""
        return DepthEstimate(self.mean_z + (frontal.reshape(-1) - self.mean_xy) @ self.gain, self.sigma)


def depth_regression(
    heads: FloatArray, weights: FloatArray, noise_mm: float = 1.0, shrinkage: float = 0.1
) -> DepthRegression:
    """Return the regression of `estimate_depth`, for several estimates from the same heads."""
    share = weights / weights.sum()
    n = heads.shape[1]
    flat_xy, z = heads[:, :, :2].reshape(len(heads), -1), heads[:, :, 2]
    mean_xy, mean_z = share @ flat_xy, share @ z
    a = (flat_xy - mean_xy) * np.sqrt(share)[:, None]
    b = (z - mean_z) * np.sqrt(share)[:, None]
    xx, xz = a.T @ a, (1 - shrinkage) * (a.T @ b)
    diagonal = np.diag(xx).copy()
    xx = (1 - shrinkage) * xx
    xx[np.diag_indices_from(xx)] = diagonal + noise_mm**2
    gain = np.linalg.solve(xx, xz)
    variance = (b**2).sum(axis=0) - np.einsum("ij,ij->j", xz, gain)
    return DepthRegression(mean_xy, mean_z, gain, np.sqrt(np.maximum(variance, 0.0).reshape(n)))
