"""Mends a shape model so that the heads drawn from it have closed lips and no folded quads."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from facestudio.database.appearance import draw_appearance, draw_head
from facestudio.database.shape_model import ShapeModel
from facestudio.fitting.residual import residual_spline
from facestudio.geometry.folds import folded_quads
from facestudio.geometry.mesh import edge_lengths, unique_edges
from facestudio.template.model import Template
from facestudio.values import BoolArray, FloatArray, IntArray

# Pairs of the inner line of ibug68, upper and lower, each with the pair of the outer line above and below it.
_LIPS = (((61, 67), (50, 58)), ((62, 66), (51, 57)), ((63, 65), (52, 56)))
_LIP_GAP_MM = 0.3  # lips that touch: the points lie a little outside the line where they do
_ROUNDS = 10
_STIFFNESS = 4.0  # of the smoothing of modes where quads fold, beside the modes' own values
_BESIDE = 0.4  # share of it on the vertices next to those
_STEPS, _STEP = 4, 0.15  # of the mean's vertices towards the middle of their neighbours, in each round


def with_closed_lips(template: Template, fields: FloatArray, gap_mm: float = 0.0) -> FloatArray:
    """Take the parting of the lips out of heads or displacement fields (N, V, 3) mm.

    Neutral heads' lips touch; how far scans' were apart is how they were held. `gap_mm` is the height that is left
    between the inner lines of ibug68, 0 for displacements.
    """
    points = np.stack([template.ibug68.points(field) for field in fields])
    pull = np.zeros_like(points)
    for inner, outer in _LIPS:
        parting = points[:, inner[0], 1] - points[:, inner[1], 1] - gap_mm
        for up, down in (inner, outer):
            pull[:, up, 1] -= parting / 2
            pull[:, down, 1] += parting / 2
    spline = residual_spline(template, np.ones(68), np.ones(68, dtype=np.bool_))
    closed = fields + np.einsum("vp,npc->nvc", spline.matrix, pull)
    for eye in template.eyes:
        closed[:, eye.start : eye.stop] = fields[:, eye.start : eye.stop]
    return closed


def mended(
    model: ShapeModel, template: Template, say: Callable[[str], None] = lambda line: None
) -> ShapeModel:
    """Return the model with closed lips and without folds; coefficients keep their meaning."""
    closed = replace(
        model,
        mean=with_closed_lips(template, model.mean[None], _LIP_GAP_MM)[0],
        basis=with_closed_lips(template, model.basis.astype(np.float64)).astype(np.float32),
    )
    return fold_free(closed, template, say=say)


def fold_free(
    model: ShapeModel,
    template: Template,
    heads: int = 500,
    seed: int = 77,
    say: Callable[[str], None] = lambda line: None,
) -> ShapeModel:
    """Smooth mean and modes where quads of drawn heads fold; coefficients keep their meaning.

    Quads fold where they are small or slender already: at the corners of the mouth and lids, the edge of the
    nostrils, and in the cap below the neck. There the mean's vertices go towards the middle of their neighbours, and
    the modes are smoothed.

    Parameters
    ----------
    model, template
        The model, and the topology it is on.
    heads, seed
        How many heads are drawn to look at, and of which draw.
    say
        Called with a line of progress.
    """
    coefficients = np.stack([_draw(model, seed, i) for i in range(heads)])
    mean = model.mean.copy()
    basis = model.basis.reshape(len(model.basis), -1).astype(np.float64)
    smoothing = _Smoothing(mean, template.quads)
    best = (mean, basis)
    fewest = np.inf
    for _ in range(_ROUNDS):
        hot, count = _folding(mean, basis, coefficients, template.quads)
        hot |= hot[template.mirror]
        if count < fewest:
            best, fewest = (mean, basis), count
        if count == 0:
            break
        mean = smoothing.mean(mean, hot)
        basis = smoothing.modes(basis, hot)
    say(f"{int(fewest)} folded quads in {heads} drawn heads")
    return replace(model, mean=best[0], basis=best[1].reshape(model.basis.shape).astype(np.float32))


class _Smoothing:
    def __init__(self, mean: FloatArray, quads: IntArray) -> None:
        count = len(mean)
        edges = unique_edges(quads)
        both = np.concatenate([edges, edges[:, ::-1]])
        close = 1 / np.maximum(edge_lengths(mean, both), 0.1) ** 2
        self._next = sparse.csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count))
        weights = sparse.csr_matrix((close, (both[:, 0], both[:, 1])), shape=(count, count))
        self._average = sparse.diags(1 / np.asarray(weights.sum(axis=1)).ravel()) @ weights

    def mean(self, mean: FloatArray, hot: BoolArray) -> FloatArray:
        degree = np.asarray(self._next.sum(axis=1)).ravel()[:, None]
        for _ in range(_STEPS):
            mean = mean + _STEP * hot[:, None] * ((self._next @ mean) / degree - mean)
        return mean

    def modes(self, basis: FloatArray, hot: BoolArray) -> FloatArray:
        beside = (self._next @ hot.astype(np.float64)) > 0
        share = sparse.diags(_STIFFNESS * np.where(hot, 1.0, np.where(beside, _BESIDE, 0.0)))
        one = sparse.eye(len(hot))
        solve = splu((one + share @ (one - self._average)).tocsc())
        fields = basis.reshape(len(basis), -1, 3).transpose(1, 0, 2).reshape(len(hot), -1)
        return solve.solve(fields).reshape(len(hot), -1, 3).transpose(1, 0, 2).reshape(len(basis), -1)


def _folding(
    mean: FloatArray, basis: FloatArray, coefficients: FloatArray, quads: IntArray
) -> tuple[BoolArray, int]:
    """Return which vertices, (V,), have a quad that folds in one of the heads, and how many quads fold in all."""
    hot = np.zeros(len(mean), dtype=np.bool_)
    count = 0
    for one in coefficients:
        folded = folded_quads(mean + (one @ basis).reshape(-1, 3), quads)
        hot[quads[folded]] = True
        count += int(folded.sum())
    return hot, count


def _draw(model: ShapeModel, seed: int, i: int) -> FloatArray:
    rng = np.random.default_rng([seed, i])
    return draw_head(model, draw_appearance("female" if i % 2 == 0 else "male", rng), rng)
