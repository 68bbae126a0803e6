"""How far each vertex may be off: the fit's covariance carried to the head."""

from functools import lru_cache

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.fitting.fit_values import Fit
from facestudio.template.model import Template
from facestudio.values import BoolArray, Float32Array, FloatArray

# Of three directions, those that the photo shows: a point set by hand leaves its depth open.
_IN_PICTURE = 2 / 3
# What measured errors are to predicted ones, by the distance from the nose's tip, mm: a covariance does not know all
# that the points have in common, and laying the face on the true one leaves the back of the head to swing.
_REACH = (85.0, 135.0)
_TIMES = (0.65, 1.25)
_NOSE_TIP = 30


def vertex_uncertainty(database: HeadDatabase, local: FloatArray, fit: Fit) -> Float32Array:
    """Return how far the vertices of a fitted neutral head may be off.

    Parameters
    ----------
    database
        In whose coefficients the identity is.
    local
        (L, V) local deformation modes, mm per standard deviation.
    fit
        The fit.

    Returns
    -------
    numpy.ndarray
        (V,) float32 mm: the root of the expected squared distance from the true place (the trace of the vertex's
        covariance).
    """
    basis = database.basis.reshape(len(database.basis), database.mean.size).astype(np.float32, copy=False)
    root = np.linalg.cholesky(fit.identity_covariance + 1e-9 * np.eye(len(fit.identity))).astype(np.float32)
    moved = root.T @ basis
    variance = np.einsum("kv,kv->v", moved, moved).reshape(-1, 3).sum(axis=1)
    # Local modes that the points do not see keep their prior variance, one along each axis.
    seen = (fit.local_seen.T @ local).astype(np.float32)
    variance += 3 * ((local**2).sum(axis=0) - (seen**2).sum(axis=0)).clip(0).astype(np.float32)
    by_axis = fit.local_covariance.reshape(len(seen), 3, len(seen), 3)
    together = np.einsum("iaja->ij", by_axis).astype(np.float32)
    variance += np.einsum("iv,iv->v", seen, together @ seen)
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)


@lru_cache(maxsize=2)
def _times(template: Template) -> Float32Array:
    tip = template.ibug68.points(template.vertices)[_NOSE_TIP]
    away = np.linalg.norm(template.vertices - tip, axis=1)
    return np.interp(away, _REACH, _TIMES).astype(np.float32)


def calibrated(uncertainty: Float32Array, template: Template) -> Float32Array:
    """Return uncertainty (V,) mm brought to what was measured on photos left out (docs/shape.md)."""
    return (uncertainty * _times(template)).astype(np.float32)


@lru_cache(maxsize=4)
def population_uncertainty(database: HeadDatabase) -> Float32Array:
    """Return how far the vertices of the database's heads lie from their mean, (V,) float32 mm (root mean square)."""
    variance = database.coefficients.var(axis=0).astype(np.float32)
    basis = database.basis.astype(np.float32)
    return np.sqrt(np.einsum("k,kvc->v", variance, basis**2)).astype(np.float32)


def after_pinning(uncertainty: Float32Array, spline: FloatArray, pinned: BoolArray) -> Float32Array:
    """Return the uncertainty where points were set by hand: around them what the picture shows is sure.

    Parameters
    ----------
    uncertainty
        (V,) mm.
    spline
        (V, 68): how far each landmark carries each vertex along.
    pinned
        (68,) bool.
    """
    if not pinned.any():
        return uncertainty
    return surer(uncertainty, np.clip(spline[:, pinned].sum(axis=1), 0, 1))


def surer(uncertainty: Float32Array, held: FloatArray) -> Float32Array:
    """Return the uncertainty (V,) mm of vertices that are held so firmly in the picture, (V,) 0..1."""
    left = 1 - _IN_PICTURE * (1 - (1 - held) ** 2)
    return (uncertainty * np.sqrt(left)).astype(np.float32)
