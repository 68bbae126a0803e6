"""The template's own UV layout: the head opened along the back of the skull, with little stretch.

The chart starts as a Tutte embedding, which cannot fold (W. T. Tutte, "How to draw a graph", 1963), and is
relaxed by the symmetric Dirichlet energy (J. Smith, S. Schaefer, "Bijective parameterization with free
boundaries", 2015) in Laplacian-preconditioned L-BFGS steps that never flip a triangle. The face asks for more
texels than the back.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from facestudio.values import FloatArray, IntArray

_Memory: TypeAlias = deque[tuple[FloatArray, FloatArray]]
"""The last steps of L-BFGS and the changes of the gradient they made."""

_FAN_WEIGHT = 0.1  # of the triangles over holes


def open_midline(vertices: FloatArray, quads: IntArray, seam: IntArray) -> tuple[IntArray, IntArray]:
    """Open a mesh along a path of midline vertices.

    Parameters
    ----------
    vertices
        (V, 3) mm, symmetric about x = 0.
    quads
        (F, 4) int32.
    seam
        Vertices of the path that are to be doubled (the end that stays whole is not among them).

    Returns
    -------
    corners
        (F, 4) int32 into chart points; on the x < 0 side the seam's corners are points of their own.
    origin
        (P,) int32: the vertex of each chart point.
    """
    used, corners = np.unique(quads, return_inverse=True)
    corners = corners.reshape(-1, 4).astype(np.int32)
    other_side = vertices[quads].mean(axis=1)[:, 0] < 0
    for count, vertex in enumerate(seam.tolist()):
        here = corners == int(np.searchsorted(used, vertex))
        corners[here & other_side[:, None]] = len(used) + count
    return corners, np.concatenate([used, seam]).astype(np.int32)


def border_loops(corners: IntArray) -> list[IntArray]:
    """Return the border loops of an oriented quad mesh, longest first, each along its quads' direction."""
    sides = np.stack([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 2)
    directed = set(map(tuple, sides.tolist()))
    following = {a: b for a, b in directed if (b, a) not in directed}
    loops: list[IntArray] = []
    while following:
        start, here = following.popitem()
        loop = [start]
        while here != start:
            loop.append(here)
            here = following.pop(here)
        loops.append(np.array(loop, dtype=np.int32))
    return sorted(loops, key=len, reverse=True)


def _laplacian(pairs: NDArray[np.integer], count: int, shift: float = 0.0) -> sparse.csr_array:
    """Return the graph Laplacian of edges (E, 2), of unit weight however often they are named, plus `shift`."""
    shape = (count, count)
    graph = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=shape).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    return sparse.csr_array(sparse.diags_array(degree + shift) - graph)


def _tutte(
    corners: IntArray, outline: IntArray, holes: Sequence[IntArray], lengths: FloatArray, start: int
) -> FloatArray:
    """Embed in the unit disc; each hole is closed by a point. Returns (P + number of holes, 2)."""
    count = int(corners.max()) + 1
    sides = [corners[:, [i, (i + 1) % 4]] for i in range(4)]
    diagonals = corners[:, [0, 2]], corners[:, [1, 3]]
    spokes = [np.column_stack([hole, np.full(len(hole), count + i)]) for i, hole in enumerate(holes)]
    total = count + len(holes)
    laplacian = _laplacian(np.concatenate([*sides, *diagonals, *spokes]), total)
    fixed = np.zeros(total, dtype=bool)
    fixed[outline] = True
    travelled = np.concatenate([[0.0], np.cumsum(lengths)])
    angle = 2 * np.pi * (travelled[:-1] - travelled[start]) / travelled[-1] + np.pi / 2
    position = np.zeros((total, 2))
    position[outline] = np.column_stack([np.cos(angle), np.sin(angle)])
    free = ~fixed
    rows = laplacian[free]
    factor = splu(sparse.csc_matrix(rows[:, free]))
    position[free] = factor.solve(-(rows[:, fixed] @ position[fixed]))
    return position


def _flattened(
    corners: tuple[FloatArray, FloatArray, FloatArray], least: float = 0.0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lay triangles in the plane, their first side along x.

    Parameters
    ----------
    corners
        (T, 3) each.
    least
        What lengths are raised to, so that triangles without area do no harm.

    Returns
    -------
    x
        (T,) length of the first side: corners 0 and 1 lie at (0, 0) and (x, 0).
    along, height
        (T,): corner 2 lies at (along, height).
    """
    first, second = corners[1] - corners[0], corners[2] - corners[0]
    x = np.maximum(np.linalg.norm(first, axis=1), least)
    direction = first / x[:, None]
    along = np.einsum("ij,ij->i", second, direction)
    height = np.maximum(np.linalg.norm(second - along[:, None] * direction, axis=1), least)
    return x, along, height


def _inverse_edges(x: FloatArray, along: FloatArray, height: FloatArray) -> FloatArray:
    """Return the inverses of [[x, along], [0, height]], (T, 2, 2)."""
    inverse = np.zeros((len(x), 2, 2))
    inverse[:, 0, 0] = 1 / x
    inverse[:, 0, 1] = -along / (x * height)
    inverse[:, 1, 1] = 1 / height
    return inverse


def _edge_matrices(points: FloatArray, triangles: IntArray) -> FloatArray:
    """Return the two sides from each triangle's first corner as columns, (T, 2, 2)."""
    corner = points[triangles]
    return np.stack([corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]], axis=2)


class _Energy:
    """Symmetric Dirichlet energy of triangles against their flattened rest shapes, with its gradient."""

    def __init__(self, rest: FloatArray, triangles: IntArray, scale: FloatArray, weight: FloatArray) -> None:
        a, b, c = (rest[triangles[:, i]] for i in range(3))
        x, along, height = _flattened((a, b, c))
        self.inverse = _inverse_edges(x, along, height) / scale[:, None, None]
        self.area = weight * x * height / 2
        self.area /= self.area.sum()
        self.triangles = triangles

    def __call__(self, points: FloatArray) -> tuple[float, FloatArray]:
        jacobian = _edge_matrices(points, self.triangles) @ self.inverse
        det = np.linalg.det(jacobian)
        if (det <= 0).any():
            return np.inf, points
        cofactor = np.empty_like(jacobian)
        cofactor[:, 0, 0], cofactor[:, 1, 1] = jacobian[:, 1, 1], jacobian[:, 0, 0]
        cofactor[:, 0, 1], cofactor[:, 1, 0] = -jacobian[:, 1, 0], -jacobian[:, 0, 1]
        square = (jacobian**2).sum(axis=(1, 2))
        energy = float((self.area * square * (1 + 1 / det**2)).sum())
        by_jacobian = (
            2 * jacobian * (1 + 1 / det**2)[:, None, None] - (2 * square / det**3)[:, None, None] * cofactor
        )
        by_edges = self.area[:, None, None] * (by_jacobian @ self.inverse.transpose(0, 2, 1))
        gradient = np.zeros_like(points)
        np.add.at(gradient, self.triangles[:, 1], by_edges[:, :, 0])
        np.add.at(gradient, self.triangles[:, 2], by_edges[:, :, 1])
        np.add.at(gradient, self.triangles[:, 0], -by_edges.sum(axis=2))
        return energy, gradient


def _largest_step(points: FloatArray, step: FloatArray, triangles: IntArray) -> float:
    """Return the largest t for which no triangle of points + t step has turned over."""
    p, d = points[triangles], step[triangles]
    p1, p2 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    d1, d2 = d[:, 1] - d[:, 0], d[:, 2] - d[:, 0]
    a = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    b = p1[:, 0] * d2[:, 1] - p1[:, 1] * d2[:, 0] + d1[:, 0] * p2[:, 1] - d1[:, 1] * p2[:, 0]
    c = p1[:, 0] * p2[:, 1] - p1[:, 1] * p2[:, 0]
    root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0))
    real = b**2 - 4 * a * c >= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = np.stack([(-b - root) / (2 * a), (-b + root) / (2 * a), -c / b])
    roots[:, ~real] = np.inf
    roots[2, np.abs(a) > 1e-14] = np.inf
    roots = np.where(np.isfinite(roots) & (roots > 0), roots, np.inf)
    return float(roots.min())


def relax(energy: _Energy, points: FloatArray, iterations: int) -> FloatArray:
    """Minimise a flattening's energy without turning a triangle over; returns (P, 2)."""
    triangles = energy.triangles
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    # The shift makes the Laplacian invertible.
    factor = splu(sparse.csc_matrix(_laplacian(pairs, len(points), shift=1e-4)))

    def precondition(right: FloatArray) -> FloatArray:
        return np.asarray(factor.solve(right), dtype=np.float64)

    value, gradient = energy(points)
    memory: _Memory = deque(maxlen=12)
    for _ in range(iterations):
        step = -_two_loop(gradient, memory, precondition)
        if (step * gradient).sum() > 0:
            memory.clear()
            step = -precondition(gradient)
        length = min(1.0, 0.9 * _largest_step(points, step, triangles))
        slope = float((step * gradient).sum())
        for _ in range(40):
            new_value, new_gradient = energy(points + length * step)
            if new_value <= value + 1e-4 * length * slope:
                break
            length *= 0.6
        else:
            break
        memory.append((length * step, new_gradient - gradient))
        points = points + length * step
        if value - new_value < 1e-9 * value:
            break
        value, gradient = new_value, new_gradient
    return points


def _two_loop(
    gradient: FloatArray, memory: _Memory, precondition: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """Return the inverse Hessian as L-BFGS knows it times the gradient (J. Nocedal, 1980; s, y, a, b as there)."""
    q = gradient.copy()
    saved: list[float] = []
    for s, y in reversed(memory):
        a = float((s * q).sum() / (s * y).sum())
        saved.append(a)
        q -= a * y
    r = precondition(q)
    if memory:
        s, y = memory[-1]
        r *= float((s * y).sum() / (y * precondition(y)).sum())
    for (s, y), a in zip(memory, reversed(saved), strict=True):
        b = float((y * r).sum() / (s * y).sum())
        r += (a - b) * s
    return r


def flatten(
    vertices: FloatArray,
    quads: IntArray,
    seam: IntArray,
    top: int,
    wanted: FloatArray,
    iterations: int = 1500,
) -> tuple[IntArray, FloatArray]:
    """Flatten an open-able piece of the head.

    Parameters
    ----------
    vertices
        (V, 3) mm.
    quads
        (F, 4) int32 of the piece.
    seam
        Midline vertices to double (may be empty).
    top
        Vertex whose chart point on the outline is placed at the top.
    wanted
        (F,) relative texel density of each quad.

    Returns
    -------
    corners
        (F, 4) int32 into points.
    points
        (P, 2) float64: no overlaps from folding, upright; unit: mm times wanted density.
    """
    corners, origin = open_midline(vertices, quads, seam)
    outline, *holes = border_loops(corners)
    rest = vertices[origin]
    lengths = np.linalg.norm(rest[np.roll(outline, -1)] - rest[outline], axis=1)
    start = int(np.flatnonzero(origin[outline] == top)[0])
    points = _tutte(corners, outline, holes, lengths, start)
    # Fans over the holes, of little weight, keep the eyes and the mouth from growing over their surroundings:
    # a disc without holes whose triangles do not turn over cannot overlap inside.
    fans = [
        np.column_stack([np.roll(hole, -1), hole, np.full(len(hole), len(origin) + i, dtype=np.int32)])
        for i, hole in enumerate(holes)
    ]
    filled = np.concatenate([rest, *(rest[hole].mean(axis=0, keepdims=True) for hole in holes)])
    triangles = np.concatenate([_halves(corners), *fans])
    extra = sum(len(fan) for fan in fans)
    scale = np.concatenate([wanted, wanted, np.full(extra, float(wanted.max()))])
    weight = np.concatenate([scale[: 2 * len(wanted)] ** 2, np.full(extra, _FAN_WEIGHT)])
    energy = _Energy(filled, triangles, scale, weight)
    points = points * (_mean_side(filled, triangles) / _mean_side(points, triangles))
    return corners, relax(energy, points, iterations)[: len(origin)]


def _halves(quads: IntArray) -> IntArray:
    """Return the triangles of quads (F, 4), (2F, 3): all first halves, then all second ones."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _mean_side(points: FloatArray, triangles: IntArray) -> float:
    return float(np.linalg.norm(points[triangles[:, 1]] - points[triangles[:, 0]], axis=1).mean())


def stretch(vertices: FloatArray, quads: IntArray, corners: IntArray, points: FloatArray) -> FloatArray:
    """Return each triangle's anisotropy: larger over smaller singular value of the map (1 is conformal).

    Parameters
    ----------
    vertices, quads
        (V, 3) mm and (F, 4) int32: the surface.
    corners, points
        (F, 4) int32 and (P, 2): the chart.

    Returns
    -------
    numpy.ndarray
        (2F,) float64, at least 1: the first halves of all quads, then the second ones.
    """
    halves = _halves(quads)
    a, b, c = (vertices[halves[:, i]] for i in range(3))
    inverse = _inverse_edges(*_flattened((a, b, c), least=1e-9))
    singular = np.linalg.svd(_edge_matrices(points, _halves(corners)) @ inverse, compute_uv=False)
    return singular[:, 0] / np.maximum(singular[:, 1], 1e-12)
