"""The last step of the shape: thin plate splines take up what the MAP fit left at the landmarks."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facestudio.fitting.tps import TpsBasis, tps_basis
from facestudio.template.model import Template
from facestudio.values import BoolArray, FloatArray, read_only

NOISE_PER_MM2 = 200.0  # lambda, 1/mm: on drawn photos smaller values fit the landmarks' noise (docs/adr/0004)
# Upper and lower lip in ibug68, outer and inner line.
_LIPS = ((49, 59), (50, 58), (51, 57), (52, 56), (53, 55), (61, 67), (62, 66), (63, 65))
_FEW = 16
_ANCHORS = 48
_ANCHOR_GAP_MM = 45.0
_ANCHOR_NOISE_MM = 1.0


@lru_cache(maxsize=2)
def anchor_vertices(template: Template) -> tuple[int, ...]:
    """Return skin vertices over scalp, ears and neck, far from the landmarks: they hold the head still."""
    skin = template.material_vertices("skin")
    landmarks = template.ibug68.points(template.vertices)
    places = template.vertices[skin]
    gap = np.linalg.norm(places[:, None] - landmarks[None], axis=2).min(axis=1)
    free = np.flatnonzero(gap > _ANCHOR_GAP_MM)
    chosen = [int(free[np.argmax(gap[free])])]
    reach = np.linalg.norm(places[free] - places[chosen[0]], axis=1)
    while len(chosen) < _ANCHORS:
        following = int(np.argmax(reach))
        chosen.append(int(free[following]))
        reach = np.minimum(reach, np.linalg.norm(places[free] - places[free[following]], axis=1))
    return tuple(int(skin[i]) for i in chosen)


def without_parting(displacement: FloatArray, moved: BoolArray) -> FloatArray:
    """Let located lips move together: whether they part is expression, not shape.

    Parameters
    ----------
    displacement
        (68, 3) mm of the landmarks.
    moved
        (68,): landmarks set by hand keep their own displacement.
    """
    out = displacement.copy()
    for upper, lower in _LIPS:
        if not (moved[upper] or moved[lower]):
            out[[upper, lower]] = (displacement[upper] + displacement[lower]) / 2
    return out


@dataclass(frozen=True, eq=False)
class ResidualSpline:
    """A solved spline from displacements of the 68 landmarks to displacements of all vertices.

    Attributes
    ----------
    matrix
        (V, 68) float64; anchors do not move and have dropped out.
    """

    matrix: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", read_only(self.matrix, np.float64))


@lru_cache(maxsize=16)
def _spline(template: Template, noise: tuple[float, ...]) -> ResidualSpline:
    # Where the lips touch, no smooth field could move the upper one up and the lower one down.
    rest = template.open_mouthed()
    anchors = rest[list(anchor_vertices(template))]
    points = np.concatenate([template.ibug68.points(rest), anchors])
    levels = np.concatenate([noise, np.full(len(anchors), NOISE_PER_MM2 * _ANCHOR_NOISE_MM**2)])
    basis: TpsBasis = tps_basis(points, levels, rest)
    matrix = basis.matrix[:, :68]
    # Landmarks lie inside triangles, whose corners the spline bends a little differently: pinned ones are
    # brought exactly to their targets by solving for what their columns must carry.
    pinned = np.asarray(noise) == 0
    if pinned.any():
        at = template.ibug68.points(matrix.T.reshape(68, -1, 1))[:, :, 0].T
        own = np.linalg.solve(at[np.ix_(pinned, pinned)].T, matrix[:, pinned].T).T
        others = matrix[:, ~pinned] - own @ at[np.ix_(pinned, ~pinned)]
        matrix = matrix.copy()
        matrix[:, pinned], matrix[:, ~pinned] = own, others
    return ResidualSpline(matrix)


def residual_spline(template: Template, sigma_mm: FloatArray, pinned: BoolArray) -> ResidualSpline:
    """Return the spline for landmarks of noise (68,) mm; pinned ones are met exactly.

    Solved anew only for a set of noise levels not seen lately (they are rounded to 0.25 mm).
    """
    rounded = np.maximum(np.round(sigma_mm * 4) / 4, 0.25)
    level = np.where(pinned, 0.0, NOISE_PER_MM2 * rounded**2)
    return _spline(template, tuple(float(x) for x in level))


def apply_residual(
    template: Template, spline: ResidualSpline, vertices: FloatArray, displacement: FloatArray
) -> FloatArray:
    """Displace vertices (V, 3) by landmark displacements (68, 3), mm; eyeballs move as a whole."""
    carried = displacement.any(axis=1)
    # Of a landmark that was moved by hand or of the lips alone, a few columns are all there is.
    few = carried.sum() <= _FEW
    field = spline.matrix[:, carried] @ displacement[carried] if few else spline.matrix @ displacement
    for eye in template.eyes:
        # A ball that is bent no longer turns in its socket.
        field[eye.start : eye.stop] = field[eye.start : eye.stop].mean(axis=0)
    return vertices + field


def close_lips(template: Template, vertices: FloatArray, rest: FloatArray, moved: BoolArray) -> FloatArray:
    """Close the lips of a neutral head (V, 3) mm as far as those of another, `rest`, are closed.

    A neutral head's mouth is shut: lips that the photo shows apart are an expression. Pairs of points of which one
    was set by hand (`moved`, (68,)) stay.
    """
    points, other = template.ibug68.points(vertices), template.ibug68.points(rest)
    displacement = np.zeros((68, 3))
    for inner, outer in (((61, 67), (50, 58)), ((62, 66), (51, 57)), ((63, 65), (52, 56))):
        upper, lower = inner
        if moved[[*inner, *outer]].any():
            continue
        excess = (points[upper, 1] - points[lower, 1]) - (other[upper, 1] - other[lower, 1])
        for up, down in (inner, outer):
            displacement[up, 1] -= max(excess, 0.0) / 2
            displacement[down, 1] += max(excess, 0.0) / 2
    if not displacement.any():
        return vertices
    every = np.ones(68, dtype=np.bool_)
    return apply_residual(template, residual_spline(template, np.ones(68), every), vertices, displacement)
