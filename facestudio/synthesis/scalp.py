"""The scalp: where hair may grow, hairlines, and a map of how far out the head reaches."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.template.model import load_template
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray

CENTRE: Final = np.array([0.0, 20.0, 0.0])  # angles on the head are seen from here, mm
_AZIMUTHS, _HEIGHTS = 96, 48
_ROOTS = 26000


@dataclass(frozen=True, eq=False)
class RootSites:
    """Places on the rest head's skin, evenly spread, on which hair can be rooted.

    Attributes
    ----------
    vertices, weights
        (N, 3) int32 and float64: barycentric on the template.
    places
        (N, 3) float64 mm: on the rest head.
    """

    vertices: IntArray
    weights: FloatArray
    places: FloatArray

    def on(self, vertices: FloatArray, chosen: NDArray[np.intp]) -> FloatArray:
        """Return chosen sites on a head (V, 3) mm, (K, 3)."""
        return np.einsum("nkc,nk->nc", vertices[self.vertices[chosen]], self.weights[chosen])


@cache
def root_sites() -> RootSites:
    """Return the sites of the shipped template; ears are left out."""
    template = load_template()
    quads = template.quads[template.quad_material == template.materials.index("skin")]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    corners = template.vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    rng = np.random.default_rng(3)
    chosen = rng.choice(len(triangles), _ROOTS, p=area / area.sum())
    a, b = rng.random((2, _ROOTS))
    flip = a + b > 1
    a, b = np.where(flip, 1 - a, a), np.where(flip, 1 - b, b)
    weights = np.stack([1 - a - b, a, b], axis=1)
    places = np.einsum("nkc,nk->nc", corners[chosen], weights)
    x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
    ear = (x > 71) & (y > -32) & (y < 44) & (z < 30)
    inner = (places[:, 2] < 88) & (x < 50) & (np.abs(y) < 70) & (z > 40)
    keep = ~ear & ~inner & (y > -120)
    return RootSites(triangles[chosen][keep].astype(np.int32), weights[keep], places[keep])


@dataclass(frozen=True, eq=False)
class Hairline:
    """A hairline around the head: lowest height (radians, seen from CENTRE) on which hair grows, over azimuth.

    Attributes
    ----------
    azimuths
        (K,) radians 0 (front) .. pi (back).
    heights
        (2, K) radians: on the sitter's right and left.
    softness
        Radians over which hair thins out.
    crown
        Thinning at the crown, 0 none .. 1 bald.
    """

    azimuths: FloatArray
    heights: FloatArray
    softness: float
    crown: float


def draw_hairline(rng: np.random.Generator, receding: float) -> Hairline:
    """Draw a hairline; `receding` 0 .. 1 is how far it has gone back at front and temples."""
    front = rng.normal(30, 4.5) + 14 * receding
    temple = rng.uniform(0, 7) + 20 * receding * rng.uniform(0.6, 1.2)
    sideburn = rng.uniform(-8, 16)
    nape = rng.normal(-38, 6)
    azimuth = np.array([0, 18, 34, 48, 60, 66, 70, 75, 79, 88, 100, 108, 118, 145, 180.0])
    height = np.array([0, 1, 2, -4, -14, -20, 0, 0, 0, 0, 0, 0, 0, 0, 0]) + front
    height[2:5] += temple * np.array([1, 1, 0.6])
    height[6:] = [-2 - sideburn, -6 - sideburn, 18, 21, 17, 2, -20, nape + 4, nape]
    if rng.random() < 0.15:  # a widow's peak
        height[0] -= rng.uniform(3, 8)
    wobble = rng.normal(0, 1.6, (2, len(azimuth)))
    wobble[1, [0, -1]] = wobble[0, [0, -1]]
    return Hairline(
        np.radians(azimuth),
        np.radians(height + wobble),
        float(np.radians(rng.uniform(1.5, 5))),
        float(max(0.0, rng.normal(0.1, 0.3)) * receding),
    )


def angles_of(places: NDArray[np.floating[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return azimuth (-pi..pi, positive to the head's left, 0 front) and height (rad) of places (..., 3) mm."""
    x, y, z = (places[..., k] - CENTRE[k] for k in range(3))
    return np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))


@dataclass(frozen=True, eq=False)
class Scalp:
    """Places on the rest head as a hairline sees them, all (...,) float32.

    Attributes
    ----------
    away, height
        Radians: from the front, on either side, and up.
    left
        bool: on the sitter's left.
    ragged
        How far the hairline is moved here, -1..1.
    crown
        How near to the crown, 0..1.
    """

    away: Float32Array
    height: Float32Array
    left: BoolArray
    ragged: Float32Array
    crown: Float32Array


def scalp_of(places: NDArray[np.floating[Any]]) -> Scalp:
    """Return places (..., 3) mm of the rest head as hairlines see them."""
    azimuth, height = angles_of(places)
    ragged = 0.5 * np.sin(31 * azimuth) + 0.5 * np.sin(53 * azimuth + 1.3)
    top = np.exp(-(((places[..., 0]) / 45) ** 2 + ((places[..., 2] + 25) / 55) ** 2)) * (places[..., 1] > 60)
    away, height, ragged, top = (
        np.asarray(a, dtype=np.float32) for a in (np.abs(azimuth), height, ragged, top)
    )
    return Scalp(away, height, azimuth >= 0, ragged, top)


@cache
def root_scalp() -> Scalp:
    """Return the root sites as hairlines see them."""
    return scalp_of(root_sites().places)


def hair_cover(scalp: Scalp, line: Hairline) -> Float32Array:
    """Return how densely hair grows, 0..1, at places of the rest head."""
    right = np.interp(scalp.away, line.azimuths, line.heights[0])
    left = np.interp(scalp.away, line.azimuths, line.heights[1])
    border = np.where(scalp.left, left, right).astype(np.float32)
    raised = scalp.height - border + np.float32(0.4 * line.softness) * scalp.ragged
    cover = np.clip(raised / np.float32(line.softness) + np.float32(0.5), 0, 1)
    if line.crown > 0:
        cover *= 1 - np.clip(np.float32(1.4 * line.crown) * scalp.crown, 0, 1)
    return np.asarray(cover, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class HeadReach:
    """How far out a head reaches in each direction from CENTRE, ears left out.

    Attributes
    ----------
    radius
        (_HEIGHTS, _AZIMUTHS) float32 mm, rows from below to above, columns from behind over the right to behind.
    """

    radius: Float32Array

    def outside(self, points: FloatArray, clearance: FloatArray | float) -> FloatArray:
        """Return points (..., 3) mm moved out along their ray where they come nearer than `clearance` to the skin."""
        away = points - CENTRE
        azimuth, height = angles_of(points)
        column = ((azimuth / np.pi + 1) * 0.5 * _AZIMUTHS).astype(np.intp) % _AZIMUTHS
        row = np.clip((height / np.pi + 0.5) * _HEIGHTS, 0, _HEIGHTS - 1).astype(np.intp)
        wanted = self.radius[row, column] + clearance
        distance = np.linalg.norm(away, axis=-1)
        return CENTRE + away * np.maximum(1.0, wanted / np.maximum(distance, 1e-6))[..., None]

    def hides(self, eye: FloatArray, points: FloatArray) -> BoolArray:
        """Tell which points (..., 3) mm a lens at `eye` (3,) mm cannot see for the head: all a ball within hides."""
        quarter = np.pi / 2
        sides = self.at(np.array([-quarter, quarter, 0, 0, np.pi]), np.array([0, 0, quarter, 0.5, 0]))
        ball = 0.85 * np.array([sides[:2].min(), sides[2], sides[3:].min()])
        lens, far = (eye - CENTRE) / ball, (points - eye) / ball
        share = np.clip(-(far @ lens) / np.maximum((far * far).sum(axis=-1), 1e-9), 0, 1)
        nearest = lens + share[..., None] * far
        return (nearest * nearest).sum(axis=-1) < 1.0

    def at(self, azimuth: FloatArray, height: FloatArray) -> FloatArray:
        """Return the radius (mm) in directions given in radians."""
        column = np.rint((azimuth / np.pi + 1) * 0.5 * _AZIMUTHS - 0.5).astype(np.intp) % _AZIMUTHS
        row = np.clip(np.rint((height / np.pi + 0.5) * _HEIGHTS - 0.5), 0, _HEIGHTS - 1).astype(np.intp)
        return self.radius[row, column].astype(np.float64)


@cache
def _outer_skin() -> BoolArray:
    template = load_template()
    skin = np.zeros(len(template.vertices), dtype=np.bool_)
    skin[template.material_vertices("skin")] = True
    x, y, z = template.vertices.T
    ear = (np.abs(x) > 71) & (y > -32) & (y < 44) & (z < 30)
    return skin & ~ear


def head_reach(vertices: FloatArray) -> HeadReach:
    """Measure a head (V, 3) mm."""
    points = vertices[_outer_skin()]
    azimuth, height = angles_of(points)
    column = ((azimuth / np.pi + 1) * 0.5 * _AZIMUTHS).astype(np.intp) % _AZIMUTHS
    row = np.clip((height / np.pi + 0.5) * _HEIGHTS, 0, _HEIGHTS - 1).astype(np.intp)
    radius = np.linalg.norm(points - CENTRE, axis=1)
    total = np.zeros((_HEIGHTS, _AZIMUTHS), np.float32)
    np.maximum.at(total, (row, column), radius.astype(np.float32))
    known = (total > 0).astype(np.float32)
    wide = [np.concatenate([field, field, field], axis=1) for field in (total, known)]
    filled = np.zeros_like(wide[0])
    weight = np.full_like(filled, 1e-12)
    for sigma, trust in ((0.7, 1.0), (2.0, 1e-2), (8.0, 1e-5)):
        filled += trust * cv2.GaussianBlur(wide[0], (0, 0), sigma)
        weight += trust * cv2.GaussianBlur(wide[1], (0, 0), sigma)
    return HeadReach((filled / weight)[:, _AZIMUTHS : 2 * _AZIMUTHS])
