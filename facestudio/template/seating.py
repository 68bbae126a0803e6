"""Eyeballs in their sockets and the cap under the neck: parts of a head that follow from its skin."""

from functools import lru_cache

import numpy as np

from facestudio.template.model import Template
from facestudio.template.parts import Lids, template_parts
from facestudio.values import FloatArray, IntArray

_SCALE_SIGMA = 0.02  # how far an eyeball's size departs from the lids' size
_CENTRE_SIGMA_MM = (0.3, 0.3, 1.5)  # along the opening the eyeball's place is sure, in depth the lids tell it
_MARGIN_SIGMA_MM = 0.25
_STEPS = 6
_CORNER = 6  # so many vertices from a corner the lids' edge begins to leave the eyeball
_CAP_RINGS = (0.78, 0.5, 0.24)


def eyeball_of(template: Template, vertices: FloatArray, side: int) -> tuple[FloatArray, float]:
    """Return centre (3,) and radius of an eyeball (0 the sitter's left), unit and frame of vertices (V, 3)."""
    eye = template.eyes[side]
    ball = vertices[eye.start : eye.stop]
    back = ball[-1 - 24 * 3 :]
    system = np.column_stack([2 * back, np.ones(len(back))])
    solution = np.linalg.lstsq(system, (back**2).sum(axis=1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


@lru_cache(maxsize=4)
def _at_rest(template: Template, side: int, lids: Lids) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the rest head's eyeball centre, its distances to the lids' edge, and which of these each rim is beside."""
    centre, _ = eyeball_of(template, template.vertices, side)
    away = np.linalg.norm(template.vertices[lids.margin] - centre, axis=1)
    return centre, away, _nearest(template.vertices[lids.rings[0]], template.vertices[lids.margin])


def _seat(template: Template, vertices: FloatArray, side: int, lids: Lids) -> tuple[float, FloatArray]:
    """Return the scale and the centre that seat the rest head's eyeball behind the lids of a head."""
    centre, away, _ = _at_rest(template, side, lids)
    rest, here = template.vertices[lids.margin], vertices[lids.margin]
    size = float(np.sqrt(((here - here.mean(axis=0)) ** 2).sum() / ((rest - rest.mean(axis=0)) ** 2).sum()))
    guess = here.mean(axis=0) + size * (centre - rest.mean(axis=0))
    state = np.append(guess, size)
    prior = state.copy()
    # Times the margin's variance, so that its rows need no weights.
    precision = (_MARGIN_SIGMA_MM / np.array([*_CENTRE_SIGMA_MM, _SCALE_SIGMA])) ** 2
    jacobian = np.empty((len(here), 4))
    jacobian[:, 3] = -away
    for _ in range(_STEPS):
        ray = state[:3] - here
        length = np.sqrt(np.einsum("nc,nc->n", ray, ray))
        jacobian[:, :3] = ray / length[:, None]
        right = jacobian.T @ (length - state[3] * away) + precision * (state - prior)
        # Four unknowns, the prior holds each: the normal equations are well conditioned.
        state = state - np.linalg.solve(jacobian.T @ jacobian + np.diag(precision), right)
    return float(state[3]), state[:3]


def seat_eyeballs(template: Template, vertices: FloatArray) -> FloatArray:
    """Put both eyeballs behind the lids: moved and scaled, so that the lids touch them as on the rest head.

    Parameters
    ----------
    template
        The template.
    vertices
        (V, 3) mm: a head whose skin is in place.

    Returns
    -------
    numpy.ndarray
        (V, 3) mm: the same with its eyeballs seated; they look straight ahead.
    """
    out = np.array(vertices, dtype=np.float64)
    for side, lids in enumerate(template_parts(template).lids):
        scale, centre = _seat(template, out, side, lids)
        origin, away, nearest = _at_rest(template, side, lids)
        ball = slice(lids.eye.start, lids.eye.stop)
        out[ball] = centre + scale * (template.vertices[ball] - origin)
        # What the eyeball's place leaves open between it and the lids' inner edge, the edge makes up for.
        ray = out[lids.margin] - centre
        length = np.linalg.norm(ray, axis=1)
        # Towards the corners the lids leave the eyeball.
        along = np.arange(len(ray))
        corner = np.minimum(np.minimum(along, len(ray) - along), np.abs(along - lids.outer[1]))
        shift = ray * ((scale * away / length - 1.0) * np.minimum(corner / _CORNER, 1.0))[:, None]
        out[lids.margin] += shift
        out[lids.rings[0]] += shift[nearest]
        lining = np.append(lids.socket, lids.rings[0])
        limit = scale * np.linalg.norm(template.vertices[lining] - origin, axis=1)
        out[lining] = held_inside(out[lining], centre, limit)
    return out


def held_inside(points: FloatArray, centre: FloatArray, limit: FloatArray) -> FloatArray:
    """Return points (N, 3) no farther from a centre (3,) than their limits (N,)."""
    ray = points - centre
    length = np.linalg.norm(ray, axis=1)
    return centre + ray * np.minimum(1.0, limit / np.maximum(length, 1e-12))[:, None]


def _nearest(points: FloatArray, others: FloatArray) -> IntArray:
    return np.argmin(np.linalg.norm(points[:, None] - others[None], axis=2), axis=1).astype(np.int32)


def _ellipse(loop: FloatArray) -> FloatArray:
    """Return the mean and the first harmonic of a closed loop (N, 3): an ellipse."""
    spectrum = np.fft.rfft(loop, axis=0)
    spectrum[2:] = 0
    return np.fft.irfft(spectrum, n=len(loop), axis=0)


def close_neck(template: Template, vertices: FloatArray) -> FloatArray:
    """Return a head (V, 3) whose cap follows its collar, as in the rest head."""
    parts = template_parts(template)
    out = np.array(vertices, dtype=np.float64)
    rest, loop = template.vertices[parts.collar], out[parts.collar]
    centre = loop.mean(axis=0)
    size = float(np.sqrt(loop.var(axis=0).sum() / rest.var(axis=0).sum()))
    # Inner rings take a head's width and tilt but the rest head's form: a dent in the collar must not fold them.
    even = _ellipse(loop) + size * (rest - _ellipse(rest))
    shapes = (loop, even, even)
    rings = [centre + (shape - centre) * scale for shape, scale in zip(shapes, _CAP_RINGS, strict=True)]
    out[parts.cap] = np.concatenate([*rings, centre[None]])
    return out
