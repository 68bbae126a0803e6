"""Poisson fusion on the texels of the atlas (the paper's eqs. 4 and 5).

For every texel p of the region Omega: |N_p| f_p - sum of f_q over its neighbours q = sum over q of v_pq with
v_pq = g_p - g_q from the donor g, and f = f* where the photo was seen. With c = f - g that is Laplace's equation for
the correction c, with c = f* - g on the border. A small screening term epsilon c lets the correction fade
with distance, so that one dark border does not tint the back of the head (docs/adr/0005).

It is solved by geometric multigrid: weighted Jacobi smoothing on the atlas, halved down to 64 texels, where it is
solved directly. Neighbours cross chart seams (the layout's ghosts).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from facestudio.texture.layout import TexelLayout
from facestudio.texture.pyramid import CROSS, Grid, grid_pyramid
from facestudio.values import BoolArray, Float32Array, FloatArray

TOLERANCE = 8e-5
FADE = 0.06
"""Distance over which a correction fades to 1/e, in edge lengths of the atlas."""

_RELAXATION = 0.8
_MAX_CYCLES = 40
_DIRECTIONS = 3
_START_CYCLES = 1


@dataclass(frozen=True, eq=False)
class Correction:
    """The correction (N, 3) float32 of every texel, the relative residual of the solved grid, and the cycles."""

    values: Float32Array
    residual: float
    cycles: int


class _Level:
    """One grid: which texels are unknown, how many neighbours each has, and the operator on (S, S, C) arrays.

    Coefficients are kept with all channels, because OpenCV's element-wise functions are fastest on equal shapes.
    """

    def __init__(self, grid: Grid, unknown: BoolArray, channels: int, screening: float) -> None:
        self.grid = grid
        self.unknown = unknown
        self._ghosts = grid.ghosts
        degree = np.where(unknown, np.maximum(grid.degree, 1) + screening, 1).astype(np.float32)
        self.degree = _with_channels(degree, channels)
        self.mask = _with_channels(unknown.astype(np.float32), channels)
        self._step = np.ascontiguousarray(_RELAXATION * self.mask / self.degree)
        self._keep = np.ascontiguousarray(1 - _RELAXATION * self.mask)

    def neighbour_sum(self, u: Float32Array) -> Float32Array:
        g = self._ghosts
        u[g[:, 0], g[:, 1]] = u[g[:, 2], g[:, 3]]
        total = cv2.filter2D(u, -1, CROSS, borderType=cv2.BORDER_CONSTANT)
        u[g[:, 0], g[:, 1]] = 0
        return np.asarray(total, dtype=np.float32)

    def residual(self, u: Float32Array, right: Float32Array | None) -> Float32Array:
        out = self.neighbour_sum(u)
        if right is not None:
            cv2.add(out, right, dst=out)
        cv2.subtract(out, cv2.multiply(self.degree, u), dst=out)
        cv2.multiply(out, self.mask, dst=out)
        return out

    def smooth(self, u: Float32Array, right: Float32Array | None, times: int) -> None:
        for _ in range(times):
            change = self.neighbour_sum(u)
            if right is not None:
                cv2.add(change, right, dst=change)
            cv2.multiply(change, self._step, dst=change)
            cv2.multiply(u, self._keep, dst=u)
            cv2.add(u, change, dst=u)

    def solver(self) -> Callable[[FloatArray], FloatArray]:
        """Factor the operator; returns what solves it for a right-hand side (coarsest grid only)."""
        rows, columns = np.nonzero(self.unknown)
        number = np.pad(np.full(self.unknown.shape, -1, dtype=np.int64), 1, constant_values=-1)
        number[rows + 1, columns + 1] = np.arange(len(rows))
        for r, c, r2, c2 in self._ghosts.tolist():
            number[r + 1, c + 1] = number[r2 + 1, c2 + 1]
        matrix = sparse.diags_array(self.degree[rows, columns, 0].astype(np.float64), format="csr")
        for dr, dc in ((0, -1), (0, 1), (-1, 0), (1, 0)):
            near = number[rows + 1 + dr, columns + 1 + dc]
            ok = near >= 0
            matrix = matrix - sparse.csr_array(
                (np.ones(int(ok.sum())), (np.flatnonzero(ok), near[ok])), shape=(len(rows),) * 2
            )
        # A part of the charts that touches no known texel on this coarse grid has no solution: it is held at zero
        # here, and the finer grids bring it in.
        tied = np.asarray(matrix.sum(axis=1)).ravel() > 0.5
        _, part = connected_components(matrix, directed=False)
        anchored = np.bincount(part, weights=tied)[part] > 0
        held = sparse.csc_matrix(matrix + sparse.diags_array(np.where(anchored, 0.0, 1e6)))
        # But for the seams the operator is symmetric and its diagonal dominates: it needs no pivoting.
        return splu(held, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve


def _with_channels(plane: Float32Array, channels: int) -> Float32Array:
    return np.ascontiguousarray(np.repeat(plane[..., None], channels, axis=2))


def _halved(fine: Float32Array) -> Float32Array:
    """Return the mean of 2 x 2 blocks, (H/2, W/2, C)."""
    height, width, channels = fine.shape
    mean = cv2.resize(fine, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(mean, dtype=np.float32).reshape(height // 2, width // 2, channels)


def _prolong(coarse: Float32Array, level: _Level, below: _Level) -> Float32Array:
    # Cells outside the coarse chart take part with their neighbours' mean, else borders would be pulled to zero.
    inside = below.grid.inside.astype(np.float32)[..., None]
    grown = cv2.blur(coarse * inside, (3, 3)).reshape(coarse.shape)
    share = cv2.blur(inside, (3, 3)).reshape(inside.shape)
    filled = np.where(inside > 0, coarse, grown / np.maximum(share, 1e-6)).astype(np.float32)
    out = cv2.resize(filled, level.grid.size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(out, level.mask, dst=out), dtype=np.float32)


class _Multigrid:
    def __init__(self, grids: tuple[Grid, ...], known: BoolArray, channels: int) -> None:
        screening = (1.0 / (FADE * grids[0].size[0])) ** 2
        self.levels = [_Level(grids[0], grids[0].inside & ~known, channels, screening)]
        for grid in grids[1:]:
            screening *= 4
            width, height = grid.size
            # A coarse cell is unknown if no texel under it is known (cells outside the chart do not count).
            above = self.levels[-1]
            blocked = (above.grid.inside & ~above.unknown).reshape(height, 2, width, 2).any(axis=(1, 3))
            self.levels.append(_Level(grid, grid.inside & ~blocked, channels, screening))
        self._bottom = self.levels[-1].solver() if self.levels[-1].unknown.any() else None

    def cycle(self, u: Float32Array, right: Float32Array | None, depth: int = 0) -> None:
        """One V-cycle on `u` in place."""
        level = self.levels[depth]
        if depth == len(self.levels) - 1:
            if self._bottom is not None:
                wanted = self.levels[-1].residual(u, right)[level.unknown].astype(np.float64)
                u[level.unknown] += self._bottom(wanted).astype(np.float32)
            return
        level.smooth(u, right, 2)
        below = self.levels[depth + 1]
        # The stencil without its h^2 is four times larger on the coarser grid.
        rest = np.ascontiguousarray(4 * _halved(level.residual(u, right)) * below.mask)
        correction = np.zeros_like(rest)
        self.cycle(correction, rest, depth + 1)
        u += _prolong(correction, level, below)
        level.smooth(u, right, 2)


def solve_correction(
    layout: TexelLayout,
    known: BoolArray,
    values: NDArray[np.floating[Any]],
    check: Callable[[], None] = lambda: None,
) -> Correction:
    """Spread known corrections harmonically over the other texels.

    Parameters
    ----------
    layout
        The texels.
    known
        (N,) bool: where the correction is given (at least one).
    values
        (N, 3) its value there; ignored elsewhere.
    check
        Called every cycle: may raise to cancel.

    Returns
    -------
    Correction
        Known texels of the main chart keep their value exactly, small charts take that of their anchors; the
        residual is relative to the right-hand side.
    """
    given = np.where(known[:, None], values, 0).astype(np.float32)
    known = known & layout.main
    if not known.any():
        return Correction(given, 0.0, 0)
    grids, first = grid_pyramid(layout.size)
    place = layout.rows[layout.main] - first, layout.columns[layout.main]
    fixed = np.zeros((*grids[0].inside.shape, values.shape[1]), dtype=np.float32)
    fixed[place] = given[layout.main] * known[layout.main, None]
    is_known = np.zeros(grids[0].inside.shape, dtype=np.bool_)
    is_known[place] = known[layout.main]
    grid = _Multigrid(grids, is_known, values.shape[1])
    norm = max(float(np.linalg.norm(grid.levels[0].residual(fixed, None))), 1e-12)
    _start_coarse_to_fine(grid, is_known, fixed)
    residual, cycles = _iterate(grid, fixed, norm, check)
    out = given
    out[layout.main] = fixed[place]
    out = out[layout.anchors]
    return Correction(out, residual, cycles)


def _iterate(grid: _Multigrid, u: Float32Array, norm: float, check: Callable[[], None]) -> tuple[float, int]:
    """Improve `u` in place until the residual is small; returns it and the cycles taken.

    Generalised conjugate residuals with a V-cycle as preconditioner: seams make the operator slightly
    unsymmetric, which conjugate gradients do not forgive.
    """
    top = grid.levels[0]
    r = top.residual(u, None)
    directions: deque[tuple[Float32Array, Float32Array]] = deque(maxlen=_DIRECTIONS)
    residual = float(np.linalg.norm(r)) / norm
    cycles = 0
    while residual > TOLERANCE and cycles < _MAX_CYCLES:
        check()
        cycles += 1
        p = np.zeros_like(r)
        grid.cycle(p, r)
        q = top.residual(p, None)
        for older, image in directions:
            share = -float(np.vdot(q, image))
            cv2.scaleAdd(older, share, p, dst=p)
            cv2.scaleAdd(image, share, q, dst=q)
        size = max(float(np.linalg.norm(q)), 1e-30)
        p /= size
        q /= size
        # The image of u + t p is r + t q (the residual is right minus operator, and right is zero).
        step = -float(np.vdot(r, q))
        cv2.scaleAdd(p, step, u, dst=u)
        cv2.scaleAdd(q, step, r, dst=r)
        directions.append((p, q))
        residual = float(np.linalg.norm(r)) / norm
    return residual, cycles


def _start_coarse_to_fine(grid: _Multigrid, known: BoolArray, out: Float32Array) -> None:
    """Put a good start into `out`: its known values averaged down, solved at the bottom, and carried up."""
    stack = [(out.copy(), known.astype(np.float32)[..., None])]
    for _ in grid.levels[1:]:
        values, weight = stack[-1]
        mass, share = _halved(values * weight), _halved(weight)
        stack.append((np.where(share > 0, mass / np.maximum(share, 1e-6), 0), (share > 0).astype(np.float32)))
    u: Float32Array | None = None
    for depth in range(len(grid.levels) - 1, -1, -1):
        level = grid.levels[depth]
        values = (stack[depth][0] * (1 - level.mask) * level.grid.inside[..., None]).astype(np.float32)
        u = values if u is None else values + _prolong(u, level, grid.levels[depth + 1])
        u = np.ascontiguousarray(u, dtype=np.float32)
        for _ in range(_START_CYCLES if depth else 0):
            grid.cycle(u, None, depth)
    if u is not None:
        out[:] = u
