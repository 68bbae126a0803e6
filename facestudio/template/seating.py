"""Eyeballs in their sockets and the cap under the neck: parts of a head that follow from its skin."""

import numpy as np

from facestudio.template.model import Template
from facestudio.template.parts import Lids, template_parts
from facestudio.values import FloatArray

_SCALE_SIGMA = 0.02  # how far an eyeball's size departs from the lids' size
_CENTRE_SIGMA_MM = 1.2
_MARGIN_SIGMA_MM = 0.25
_STEPS = 6
_CAP_RINGS = (0.78, 0.5, 0.24)


def eyeball_of(template: Template, vertices: FloatArray, side: int) -> tuple[FloatArray, float]:
    """Return centre (3,) and radius of an eyeball (0 the sitter's left), unit and frame of vertices (V, 3)."""
    eye = template.eyes[side]
    ball = vertices[eye.start : eye.stop]
    back = ball[-1 - 24 * 3 :]
    system = np.column_stack([2 * back, np.ones(len(back))])
    solution = np.linalg.lstsq(system, (back**2).sum(axis=1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def _seat(template: Template, vertices: FloatArray, side: int, lids: Lids) -> tuple[float, FloatArray]:
    """Return the scale and the centre that seat the rest head's eyeball behind the lids of a head."""
    centre, _ = eyeball_of(template, template.vertices, side)
    rest, here = template.vertices[lids.margin], vertices[lids.margin]
    away = np.linalg.norm(rest - centre, axis=1)
    size = float(np.sqrt(((here - here.mean(axis=0)) ** 2).sum() / ((rest - rest.mean(axis=0)) ** 2).sum()))
    guess = here.mean(axis=0) + size * (centre - rest.mean(axis=0))
    state = np.append(guess, size)
    prior = state.copy()
    sigma = np.array([_CENTRE_SIGMA_MM] * 3 + [_SCALE_SIGMA])
    for _ in range(_STEPS):
        ray = state[:3] - here
        length = np.linalg.norm(ray, axis=1)
        jacobian = np.vstack(
            [np.column_stack([ray / length[:, None], -away]) / _MARGIN_SIGMA_MM, np.diag(1 / sigma)]
        )
        residual = np.concatenate([(length - state[3] * away) / _MARGIN_SIGMA_MM, (state - prior) / sigma])
        state = state - np.linalg.lstsq(jacobian, residual, rcond=None)[0]
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
        origin, _ = eyeball_of(template, template.vertices, side)
        ball = slice(lids.eye.start, lids.eye.stop)
        out[ball] = centre + scale * (template.vertices[ball] - origin)
    return out


def close_neck(template: Template, vertices: FloatArray) -> FloatArray:
    """Return a head (V, 3) whose cap follows its collar, as in the rest head."""
    parts = template_parts(template)
    out = np.array(vertices, dtype=np.float64)
    loop = out[parts.collar]
    centre = loop.mean(axis=0)
    rings = [centre + (loop - centre) * scale for scale in _CAP_RINGS]
    out[parts.cap] = np.concatenate([*rings, centre[None]])
    return out
