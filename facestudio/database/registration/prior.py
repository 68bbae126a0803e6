"""Registration in the space of known heads: the likeliest head that lies on a scan, before the template bends freely."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facestudio.database.registration.nonrigid import Anchors, kept, outer_quads
from facestudio.database.registration.surface import TargetSurface
from facestudio.geometry.camera import rotation_matrix
from facestudio.geometry.mesh import vertex_normals
from facestudio.template.model import Template
from facestudio.values import FloatArray, read_only

_STEPS = 14
_REACH_MM = (25.0, 6.0)
_AGREEMENT = (0.4, 0.6)
_SURFACE_SIGMA_MM = (6.0, 1.0)
_SLIDING = 0.05
# Neighbouring vertices err together: so many of them count as one measurement.
_CORRELATED = 8.0


@dataclass(frozen=True, eq=False)
class ShapePrior:
    """How heads vary.

    Attributes
    ----------
    mean
        (V, 3) float64 mm, head space.
    modes
        (K, V, 3) float64 mm per standard deviation; coefficients are independent.
    """

    mean: FloatArray
    modes: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", read_only(self.mean, np.float64))
        object.__setattr__(self, "modes", read_only(self.modes, np.float64))


def fit_prior(
    template: Template,
    prior: ShapePrior,
    target: TargetSurface,
    *,
    weights: FloatArray,
    anchors: Sequence[Anchors],
    check: Callable[[], None] | None = None,
) -> FloatArray:
    """Fit coefficients and a rigid motion to a scan (maximum a posteriori, closest points found anew each step).

    Parameters
    ----------
    template
        The topology.
    prior
        Heads in head space.
    target
        The scan in mm, upright, near head space.
    weights, anchors
        As in `bend_onto`.
    check
        Called between steps; may raise.

    Returns
    -------
    numpy.ndarray
        (V, 3) mm, in the target's frame.
    """
    count = len(prior.modes)
    drawn = np.flatnonzero(weights > 0)
    skin = outer_quads(template)
    current = prior.mean.copy()
    modes = prior.modes
    rotation, shift, coefficients = np.eye(3), np.zeros(3), np.zeros(count)
    for step in range(_STEPS):
        if check is not None:
            check()
        t = step / (_STEPS - 1)
        reach, agreement, sigma = (a * (b / a) ** t for a, b in (_REACH_MM, _AGREEMENT, _SURFACE_SIGMA_MM))
        found = target.match(current[drawn], vertex_normals(current, skin)[drawn])
        good = kept(found, reach, agreement)
        ids = drawn[good]
        # Along the normal a match is sure, across it hardly: rows are whitened accordingly.
        n = found.normals[good]
        root = np.sqrt(weights[ids] / _CORRELATED) / sigma
        white = root[:, None, None] * (
            np.sqrt(_SLIDING) * np.eye(3) + (1 - np.sqrt(_SLIDING)) * n[:, :, None] * n[:, None, :]
        )
        rows = [_rows(white, current[ids], modes[:, ids] @ rotation.T)]
        wanted = [np.einsum("nab,nb->na", white, found.points[good] - current[ids]).ravel()]
        for anchor in anchors:
            place = anchor.where.points(current)
            unit = np.eye(3) / np.maximum(anchor.sigma, 0.3)[:, None, None]
            rows.append(_rows(unit, place, anchor.where.points(modes) @ rotation.T))
            wanted.append(np.einsum("nab,nb->na", unit, anchor.points - place).ravel())
        design, right = np.vstack(rows), np.concatenate(wanted)
        system = design.T @ design
        system[np.arange(count), np.arange(count)] += 1.0
        system[np.diag_indices(count + 6)] += 1e-9
        gradient = design.T @ right
        gradient[:count] -= coefficients
        solved = np.linalg.solve(system, gradient)
        coefficients = coefficients + solved[:count]
        turn = rotation_matrix(solved[count : count + 3] / 100.0)
        rotation, shift = turn @ rotation, turn @ shift + solved[count + 3 :]
        current = (prior.mean + np.tensordot(coefficients, modes, axes=1)) @ rotation.T + shift
    return current


def _rows(white: FloatArray, places: FloatArray, modes: FloatArray) -> FloatArray:
    """Return the design (3 N, K + 6) of coefficients, a small turn (radians / 100) and a shift."""
    along = np.einsum("nab,knb->nak", white, modes)
    turn = np.stack([np.cross(axis, places) for axis in np.eye(3)], axis=2) / 100.0
    return np.concatenate([along, white @ turn, white], axis=2).reshape(3 * len(places), -1)
