"""Learns what two kinds of photos have to tell each other: the pose from drawn ones, and which kind a photo is of.

People and the template's map do not put points at quite the same places. What a head's turn does to the points is
the same for both, though, and real photos with points are rarely turned. So the *shift* by the pose is learnt on
drawn photos against what they show from the front, whatever that is; and each kind has experts of its own. For real
photos only the jaw shifts: how the landmarker errs on turned drawn faces is in part peculiar to these.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import minimize

from facestudio.landmarks.asm.model import KindModel
from facestudio.landmarks.asm.shape import procrustes_mean, transform
from facestudio.landmarks.asm.view import POSE_TERMS, MeshView, PoseShift
from facestudio.landmarks.schemes import LandmarkMap
from facestudio.values import Float32Array, FloatArray

SHAPES: Final = 60
"""Principal components of the mesh's shape."""

_MEAN_FROM: Final = 2000  # meshes
_POSE_RIDGE: Final = 1e-2
_SHIFT_RIDGE: Final = 1e-4
_LEADING: Final = 8  # components of each point that tell the kind
_KIND_PULL: Final = 1e-3
_DOUBTED: Final = 0.07  # share of the drawn photos that may be taken for real
_DECIDED: Final = 2.0  # a mean of two conventions is nobody's: the odds are sharpened by this power


def learn_view(meshes: Float32Array, yaw: FloatArray, pitch: FloatArray) -> MeshView:
    """Learn the shapes of the mesh and how the pose follows from them.

    Parameters
    ----------
    meshes
        (M, 478, 2), any frame, upright.
    yaw, pitch
        (M,) radians.
    """
    mean, _ = procrustes_mean(meshes[:_MEAN_FROM].astype(np.float64))
    raw = MeshView(mean, np.eye(1, mean.size), np.zeros((2, 2)))
    flat = np.stack([(transform(raw.frame(m), m) - mean).ravel() for m in meshes.astype(np.float64)])
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    values, vectors = values[::-1][:SHAPES], vectors[:, ::-1][:, :SHAPES]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    basis = (vectors / np.sqrt(np.maximum(values, 1e-12))).T
    full = np.column_stack([np.ones(len(flat)), flat @ basis.T])
    pull = _POSE_RIDGE * len(full) * np.diag([0.0, *np.ones(len(basis))])
    goal = np.column_stack([np.sin(yaw), np.sin(pitch)])
    pose = np.asarray(np.linalg.solve(full.T @ full + pull, full.T @ goal), dtype=np.float64)
    return MeshView(mean, basis, pose)


def learn_shift(
    view: MeshView,
    meshes: Float32Array,
    truth: FloatArray,
    start: LandmarkMap,
    points: Sequence[int] | None = None,
) -> PoseShift:
    """Learn how points move against those of the mesh as the face turns.

    The largest tenth of the errors at each point is left out. The mean of faces seen from the front is left to
    the start: it is the convention of whoever set the points.

    Parameters
    ----------
    view
        Reads the pose.
    meshes, truth
        (M, 478, 2) and (M, N, 2) in one frame for each face.
    start
        The points of the mesh.
    points
        Those that move; by default all.
    """
    terms = np.zeros((len(meshes), POSE_TERMS))
    off = np.zeros(truth.shape)
    for i, mesh in enumerate(meshes.astype(np.float64)):
        matrix = view.frame(mesh)
        off[i] = (truth[i] - start.apply(mesh)) @ matrix[:, :2].T
        terms[i] = view.terms(view.coefficients(mesh))
    full = np.column_stack([np.ones(len(terms)), terms])
    pull = _SHIFT_RIDGE * len(full) * np.diag([0.0, *np.ones(POSE_TERMS)])
    shifts = np.zeros((POSE_TERMS, *truth.shape[1:]))
    for point in range(truth.shape[1]) if points is None else points:
        kept = np.ones(len(full), dtype=np.bool_)
        for _ in range(2):
            some = full[kept]
            share = len(some) / len(full)
            solved = np.linalg.solve(some.T @ some + share * pull, some.T @ off[kept, point])
            left = np.linalg.norm(off[:, point] - full @ solved, axis=1)
            kept = left <= np.quantile(left, 0.9)
        shifts[:, point] = solved[1:]  # pyright: ignore[reportPossiblyUnboundVariable]
    return PoseShift(view, shifts)


def learn_kind(real: Float32Array, drawn: Float32Array) -> KindModel:
    """Learn to tell drawn photos from real ones, by logistic regression in which both kinds weigh the same.

    The world's photos are of more kinds than those with points, so the bias is then set to doubt: photos are drawn
    only if they look as drawn as nearly all drawn ones that were left out.

    Parameters
    ----------
    real, drawn
        (M, N, P): components of the descriptors where the search begins.
    """
    asked = np.arange(len(drawn)) % 4 == 0
    drawn, left_out = drawn[~asked], drawn[asked]
    x = np.concatenate([real, drawn])[:, :, :_LEADING].astype(np.float64)
    scale = float(x.std())
    shape = x.shape[1:]
    x = x.reshape(len(x), -1) / scale
    sign = np.concatenate([-np.ones(len(real)), np.ones(len(drawn))])
    weights = np.concatenate([np.full(len(real), 0.5 / len(real)), np.full(len(drawn), 0.5 / len(drawn))])

    def loss(value: FloatArray) -> tuple[float, FloatArray]:
        margin = sign * (x @ value[1:] + value[0])
        cost = float(weights @ np.logaddexp(0, -margin)) + _KIND_PULL / 2 * float(value[1:] @ value[1:])
        slope = -sign * weights / (1 + np.exp(np.clip(margin, -50, 50)))
        return cost, np.concatenate([[slope.sum()], x.T @ slope + _KIND_PULL * value[1:]])

    solved = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    found = _DECIDED * (solved[1:] / scale).reshape(shape)
    odds = np.einsum("mnp,np->m", left_out[:, :, :_LEADING].astype(np.float64), found)
    return KindModel(found, -float(np.quantile(odds, _DOUBTED)))


def in_real_convention(
    real: tuple[FloatArray, FloatArray], drawn: tuple[FloatArray, FloatArray], yaw: FloatArray
) -> FloatArray:
    """Move the points of drawn photos to where people put them, (M, N, 2).

    The difference is estimated from where the search begins, which sees both kinds alike: the median of true points
    minus start over drawn faces seen from the front, minus that over real ones; a constant for each point.

    Parameters
    ----------
    real, drawn
        Start and truth, (M, N, 2) canvas pixels each.
    yaw
        (M,) degrees, of the drawn ones.
    """
    frontal = np.abs(np.asarray(yaw)) < _FRONTAL
    if not frontal.any():
        frontal = ~frontal
    constant = np.median((drawn[1] - drawn[0])[frontal], axis=0) - np.median(real[1] - real[0], axis=0)
    return drawn[1] - constant


_FRONTAL: Final = 15.0  # degrees
