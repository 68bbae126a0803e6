"""Thin plate splines in space: the paper's eqs. 1-3, one solve for X, Y and Z together.

f(p) = a0 + a . p + sum_i w_i U(|p - p_i|), with sum w_i = 0 and sum w_i p_i = 0, from

    [[K + lambda Sigma, P], [P', 0]] [w; a] = [t; 0].

In space the biharmonic kernel is U(r) = r; it is used here as U(r) = -r, which makes K positive definite on
the weights that satisfy the side conditions, so that adding noise to its diagonal smooths (with +r it would
have to be subtracted). The planar r^2 log r stays selectable.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.spatial.distance import cdist

from facestudio.values import FloatArray, read_only

Kernel = Literal["r", "r2logr"]


def _kernel(places: FloatArray, points: FloatArray, kernel: Kernel) -> FloatArray:
    """Return U of the distance between each place (V, 3) and each point (N, 3), (V, N)."""
    distance = np.asarray(cdist(places, points), dtype=np.float64)
    if kernel == "r":
        return -distance
    return distance**2 * np.log(np.maximum(distance, 1e-12))


@dataclass(frozen=True, eq=False)
class TpsBasis:
    """The spline's response at fixed places to values at fixed points.

    Attributes
    ----------
    matrix
        (V, N) float64: values at the places = matrix @ values at the points.
    """

    matrix: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", read_only(self.matrix, np.float64))


def tps_basis(points: FloatArray, noise: FloatArray, places: FloatArray, *, kernel: Kernel = "r") -> TpsBasis:
    """Solve the spline once for all right-hand sides.

    Parameters
    ----------
    points
        (N, 3) rest points, mm.
    noise
        (N,) lambda times the variance of each point, mm (kernel r); 0 is met exactly.
    places
        (V, 3) mm where the spline is evaluated.
    kernel
        ``r``, the biharmonic kernel of space, or ``r2logr``, the planar one.

    Raises
    ------
    ValueError
        If fewer than four points are given or they lie in a plane.
    """
    n = len(points)
    system = np.zeros((n + 4, n + 4))
    system[:n, :n] = _kernel(points, points, kernel) + np.diag(noise)
    system[:n, n] = system[n, :n] = 1.0
    # Centred and scaled coordinates keep the system well conditioned.
    middle, scale = points.mean(axis=0), max(float(np.abs(points - points.mean(axis=0)).max()), 1e-9)
    system[:n, n + 1 :] = (points - middle) / scale
    system[n + 1 :, :n] = system[:n, n + 1 :].T
    if n < 4 or np.linalg.matrix_rank(system[:n, n:]) < 4:
        raise ValueError("thin plate splines in space need four points that do not lie in a plane")
    weights = lu_solve(lu_factor(system), np.eye(n + 4)[:, :n])
    affine = np.column_stack([np.ones(len(places)), (places - middle) / scale])
    return TpsBasis(np.column_stack([_kernel(places, points, kernel), affine]) @ weights)


def warp(vertices: FloatArray, basis: TpsBasis, points: FloatArray, targets: FloatArray) -> FloatArray:
    """Warp vertices (V, 3) so that points (N, 3) go to targets (N, 3); mm.

    The basis was solved on rest points and rest vertices of the template, so it serves every head: the spline
    carries displacements.
    """
    return vertices + basis.matrix @ (targets - points)
