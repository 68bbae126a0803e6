"""Non-rigid registration: the template is bent onto a surface, coarsely in space and then vertex by vertex.

Closest points with agreeing normals pull on the template; they are found anew in every step. First a spline of
space with few centres follows them (it carries along what the scan lacks: eyeballs, teeth, an open back), then
each vertex moves by itself as far as a bending energy on the mesh (squared Laplacian of the displacement) lets it.
The stiffness falls from step to step, as in B. Amberg et al., "Optimal Step Nonrigid ICP" (2007).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from facestudio.database.registration.surface import Matches, TargetSurface
from facestudio.database.registration.warp import WarpBasis
from facestudio.errors import CancelledError
from facestudio.geometry.mesh import spread_points, vertex_normals
from facestudio.template.completion import bending_energy
from facestudio.template.model import PointMap, Template
from facestudio.template.parts import template_parts
from facestudio.values import BoolArray, FloatArray, IntArray, read_only

_FEWEST = 50
_ANCHOR_LIFT = 25.0
_CG_STEPS = 60

Progress = Callable[[float], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Anchors:
    """Points of the template with known places on the scan.

    Attributes
    ----------
    where
        N places on the template.
    points
        (N, 3) float64 mm.
    sigma
        (N,) float64 mm: how far each may be off.
    """

    where: PointMap
    points: FloatArray
    sigma: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", read_only(self.points, np.float64))
        object.__setattr__(
            self, "sigma", read_only(np.broadcast_to(self.sigma, len(self.points)), np.float64)
        )


@dataclass(frozen=True)
class Schedule:
    """How stiff the template is, step by step.

    Attributes
    ----------
    coarse
        Stiffness of the spline of space for each coarse step.
    centres
        Its number of centres.
    fine
        Stiffness of the mesh for each fine step.
    sliding
        How much a match counts along the surface, against one across it.
    reach_mm
        Matches farther away are ignored: in the first and in the last step.
    agreement
        So are matches whose normals agree less than this cosine: in the first and in the last step.
    """

    coarse: tuple[float, ...] = tuple(np.geomspace(1.0, 1e-4, 14).tolist())
    centres: int = 240
    fine: tuple[float, ...] = tuple(np.geomspace(60.0, 0.05, 16).tolist())
    sliding: float = 0.05
    reach_mm: tuple[float, float] = (25.0, 4.0)
    agreement: tuple[float, float] = (0.4, 0.6)


def kept(matches: Matches, reach: float, agreement: float) -> BoolArray:
    """Tell which matches are to be believed, (N,)."""
    return (matches.distances < reach) & (matches.agreement > agreement) & ~matches.on_border


def bend_onto(
    template: Template,
    start: FloatArray,
    target: TargetSurface,
    *,
    weights: FloatArray,
    anchors: Sequence[Anchors] = (),
    schedule: Schedule | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> FloatArray:
    """Bend the template onto a surface.

    Parameters
    ----------
    template
        The topology.
    start
        (V, 3) mm: the template roughly aligned with the target.
    target
        The scan.
    weights
        (V,) float64, 0..1: how much each vertex is drawn to the surface. Zero for what scans do not show (sockets,
        mouth, teeth, eyeballs): it is carried along.
    anchors
        Known points.
    schedule
        How the stiffness falls.
    progress
        Called with 0..1.
    cancelled
        Asked between steps.

    Returns
    -------
    numpy.ndarray
        (V, 3) float64 mm.

    Raises
    ------
    CancelledError
        If `cancelled` says so.
    """
    plan = schedule or Schedule()
    steps = len(plan.coarse) + len(plan.fine)

    def tell(step: int) -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The registration was cancelled")
        if progress is not None:
            progress(step / steps)

    def ramp(pair: tuple[float, float], step: int) -> float:
        return float(pair[0] * (pair[1] / pair[0]) ** (step / max(steps - 1, 1)))

    drawn = np.flatnonzero(weights > 0)
    skin = outer_quads(template)
    basis = WarpBasis(start[drawn[spread_points(start[drawn], plan.centres)]])
    rows_all = basis.rows(start)
    anchored = [(a, _rows_of(a, rows_all)) for a in anchors]
    current = np.array(start, dtype=np.float64)
    for step, stiffness in enumerate(plan.coarse):
        tell(step)
        found = target.match(current[drawn], vertex_normals(current, skin)[drawn])
        good = kept(found, ramp(plan.reach_mm, step), ramp(plan.agreement, step))
        if good.sum() < _FEWEST and not anchored:
            break
        ids = drawn[good]
        rows = [rows_all[ids]] + [r for _, r in anchored]
        shift = [found.points[good] - start[ids]] + [a.points - a.where.points(start) for a, _ in anchored]
        # The surface's matches are many and agree with each other, anchors are few: their weights are raised.
        lift = _ANCHOR_LIFT * max(len(ids), 1) / len(drawn)
        weight = [_across(found.normals[good], weights[ids], plan.sliding)]
        weight += [np.eye(3) * (lift / np.maximum(a.sigma, 0.3) ** 2)[:, None, None] for a, _ in anchored]
        solved = basis.fit(np.vstack(rows), np.vstack(shift), np.concatenate(weight), stiffness)
        current = start + rows_all @ solved

    energy = bending_energy(template)
    rest = current
    moved = np.zeros_like(rest)
    count = len(template.vertices)
    pull = csc_array((count, count))
    pulled = np.zeros_like(rest)
    for anchor in anchors:
        selector = _selector(anchor.where, count)
        weight = diags_array(1.0 / np.maximum(anchor.sigma, 0.1) ** 2)
        pull = csc_array(pull + selector.T @ weight @ selector)
        pulled += selector.T @ (weight @ (anchor.points - selector @ rest))
    for step, stiffness in enumerate(plan.fine, start=len(plan.coarse)):
        tell(step)
        found = target.match((rest + moved)[drawn], vertex_normals(rest + moved, skin)[drawn])
        good = kept(found, ramp(plan.reach_mm, step), ramp(plan.agreement, step))
        ids = drawn[good]
        blocks = np.tile(1e-6 * np.eye(3), (count, 1, 1))
        blocks[ids] += _across(found.normals[good], weights[ids], plan.sliding)
        wanted = pulled.copy()
        wanted[ids] += np.einsum("nab,nb->na", blocks[ids], found.points[good] - rest[ids])
        moved = _solve(csc_array(stiffness * energy + pull), blocks, wanted, moved)
    tell(steps)
    return rest + moved


def outer_quads(template: Template) -> IntArray:
    """Return the quads of the outer skin without the cap, (K, 4): the normals that scans can agree with."""
    return template.quads[template_parts(template).outer[template.quads].all(axis=1)]


def _across(normals: FloatArray, weights: FloatArray, sliding: float) -> FloatArray:
    """Return information matrices (N, 3, 3): full weight along the surface's normal, less across it.

    The nearest place is not the right place: along the surface a match says little (Y. Chen, G. Medioni, 1992).
    """
    outer = normals[:, :, None] * normals[:, None, :]
    return weights[:, None, None] * (sliding * np.eye(3) + (1 - sliding) * outer)


def _solve(stiff: csc_array, blocks: FloatArray, wanted: FloatArray, start: FloatArray) -> FloatArray:
    """Solve (stiff x I3 + blocks) x = wanted by conjugate gradients, each axis preconditioned by its own system.

    Parameters
    ----------
    stiff
        (V, V), the same for all axes.
    blocks
        (V, 3, 3) that couple the axes at each vertex.
    wanted, start
        (V, 3).
    """
    factors = [splu(csc_array(stiff + diags_array(blocks[:, k, k].copy()))) for k in range(3)]

    def apply(x: FloatArray) -> FloatArray:
        return stiff @ x + np.einsum("nab,nb->na", blocks, x)

    def precondition(x: FloatArray) -> FloatArray:
        return np.column_stack([factor.solve(x[:, k]) for k, factor in enumerate(factors)])

    x = start.copy()
    residual = wanted - apply(x)
    z = precondition(residual)
    direction, rz = z, float((residual * z).sum())
    goal = 1e-8 * max(float((wanted * precondition(wanted)).sum()), 1e-300)
    for _ in range(_CG_STEPS):
        if rz <= goal:
            break
        image = apply(direction)
        alpha = rz / float((direction * image).sum())
        x = x + alpha * direction
        residual = residual - alpha * image
        z = precondition(residual)
        rz, before = float((residual * z).sum()), rz
        direction = z + (rz / before) * direction
    return x


def _selector(where: PointMap, count: int) -> csr_array:
    rows = np.repeat(np.arange(len(where)), 3)
    return csr_array(
        coo_array((where.weights.ravel(), (rows, where.vertex_ids.ravel())), shape=(len(where), count))
    )


def _rows_of(anchor: Anchors, rows: FloatArray) -> FloatArray:
    return np.einsum("nkc,nk->nc", rows[anchor.where.vertex_ids], anchor.where.weights)
