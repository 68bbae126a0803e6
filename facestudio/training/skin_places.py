"""Where things are on the skin: fields over the surface's texels, all from places in space, so they cross seams."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import KDTree

from facestudio.template.model import Template
from facestudio.template.subdivision import Topology
from facestudio.texture.layout import TexelLayout, build_layout
from facestudio.values import Float32Array, FloatArray

# Points of mesh478 along the brows, from the nose outwards: (upper edge, lower edge), left then right.
_BROWS = (
    ((336, 296, 334, 293, 300), (285, 295, 282, 283, 276)),
    ((107, 66, 105, 63, 70), (55, 65, 52, 53, 46)),
)
# Points of mesh478 around the lips.
_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
# The line above which no beard grows: |x| mm and y mm on the rest head, from the philtrum to the ear.
_BEARD_LINE = np.array(
    [[0, -33], [10, -35], [19, -41], [28, -54], [42, -50], [56, -30], [66, -8], [72, 12], [90, 12]],
    dtype=float,
)


@dataclass(frozen=True, eq=False)
class SkinPlaces:
    """The skin's texels at one size, in space.

    Attributes
    ----------
    layout
        The texels.
    places
        (N, 3) float64 mm, head space, on the rest head.
    points
        (478, 3) float64 mm: the points of mesh478 on the rest head.
    """

    layout: TexelLayout
    places: FloatArray
    points: FloatArray

    def near(self, spots: dict[int, float], strength: float = 1.0) -> FloatArray:
        """Return soft discs around points of mesh478, (N,) 0..1: {point: standard deviation, mm}."""
        total = np.zeros(len(self.places))
        for point, spread in spots.items():
            square = ((self.places - self.points[point]) ** 2).sum(axis=1)
            total = np.maximum(total, strength * np.exp(-square / (2 * spread**2)))
        return np.clip(total, 0, 1)


def skin_places(template: Template, surface: Topology, size: int) -> SkinPlaces:
    """Place the skin's texels of a size x size atlas on the rest head."""
    layout = build_layout(template, surface, size)
    places = layout.on_surface(surface.apply(template.vertices)).astype(np.float64)
    return SkinPlaces(layout, places, template.mesh478.points(template.vertices))


def noise(places: FloatArray, wavelength: float, seed: int, waves: int = 48) -> FloatArray:
    """Return a smooth random field in space at places (N, 3) mm, (N,) of unit variance.

    A sum of plane waves of random direction with wavelengths around the one given, mm: smooth everywhere, so no
    seam of the atlas shows in it.
    """
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal((waves, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    vectors = direction * (2 * np.pi / wavelength) * rng.uniform(0.6, 1.5, (waves, 1))
    phase = rng.uniform(0, 2 * np.pi, waves)
    total = np.zeros(len(places), dtype=np.float32)
    points = places.astype(np.float32)
    for vector, start in zip(vectors.astype(np.float32), phase, strict=True):
        total += np.cos(points @ vector + np.float32(start))
    return total.astype(np.float64) * np.sqrt(2 / waves)


def smooth_step(low: float, high: float, x: FloatArray) -> FloatArray:
    """Return 0 below `low`, 1 above `high` and a smooth rise between them."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def brow_line(points: FloatArray, side: int) -> FloatArray:
    """Return the middle line of a brow on the rest head, from the nose outwards, (65, 3) mm.

    Parameters
    ----------
    points
        (478, 3) mm.
    side
        0 the sitter's left, 1 the right.
    """
    upper, lower = (points[list(row)] for row in _BROWS[side])
    middle = (upper + lower) / 2
    middle = np.concatenate([middle[:1] + 0.25 * (middle[:1] - middle[1:2]), middle])
    # A quadratic through few points: smooth, and it does not swing.
    t = np.linspace(0, 1, len(middle))
    fit = np.polynomial.polynomial.polyfit(t, middle, 3)
    return np.asarray(np.polynomial.polynomial.polyval(np.linspace(0, 1.06, 65), fit).T, dtype=np.float64)


def brow_coordinates(where: SkinPlaces, side: int) -> tuple[FloatArray, FloatArray]:
    """Return where texels lie along (0 at the nose .. 1 at the tail) and above (mm) a brow, (N,) each; NaN far away."""
    line = brow_line(where.points, side)
    distance, found = (np.asarray(a) for a in KDTree(line).query(where.places, distance_upper_bound=14.0))
    near = np.isfinite(distance)
    along, above = np.full(len(distance), np.nan), np.full(len(distance), np.nan)
    step = np.gradient(line, axis=0)
    k = found[near]
    off = where.places[near] - line[k]
    forward = np.einsum("nk,nk->n", off, step[k]) / (step[k] ** 2).sum(axis=1)
    along[near] = (k + np.clip(forward, -8, 8)) / (len(line) - 1)
    across = off - forward[:, None] * step[k]
    above[near] = np.sign(across[:, 1]) * np.linalg.norm(across, axis=1)
    return along, above


def beard_field(where: SkinPlaces) -> FloatArray:
    """Return how much beard a texel may bear, (N,) 0..1: chin, jaw, upper lip, in front of the ears, upper neck."""
    x, y, z = np.abs(where.places[:, 0]), where.places[:, 1], where.places[:, 2]
    line = np.interp(x, _BEARD_LINE[:, 0], _BEARD_LINE[:, 1])
    below = smooth_step(-2, 7, line - y)
    front = smooth_step(6, 20, z)
    neck = 1 - smooth_step(80, 106, -y - 0.25 * z)
    wobble = 1 + 0.12 * noise(where.places, 22, 31)
    # The sides of the chin below the corners of the mouth bear less, and so does the middle below the lip.
    bare = where.near({57: 5.0, 287: 5.0}, 0.35) + where.near({18: 5.0}, 0.2)
    return np.clip(0.85 * below * front * neck * wobble * (1 - bare), 0, 1)


def region_fields(where: SkinPlaces) -> dict[str, FloatArray]:
    """Return the smooth regions of the face by name, (N,) 0..1 each."""
    x, y, z = where.places.T
    ears = smooth_step(73, 79, np.abs(x)) * smooth_step(-34, -27, y) * (1 - smooth_step(28, 34, y))
    ears *= smooth_step(-32, -24, z) * (1 - smooth_step(20, 28, z))
    sun = smooth_step(-0.2, 1.0, z / 110) * smooth_step(-100, -70, y)
    return {
        "cheeks": np.clip(where.near({50: 15.0, 280: 15.0}) + 0.6 * where.near({205: 11.0, 425: 11.0}), 0, 1),
        "nose": np.clip(
            where.near({4: 9.0, 1: 8.0}) + 0.8 * where.near({129: 6.5, 358: 6.5, 195: 7.0}), 0, 1
        ),
        "ears": ears,
        "chin": np.clip(where.near({152: 12.0, 199: 9.0}), 0, 1),
        "forehead": np.clip(where.near({151: 24.0, 69: 20.0, 299: 20.0}), 0, 1),
        "under_eyes": np.clip(
            where.near({119: 5.5, 348: 5.5}) + 0.9 * where.near({120: 5.0, 349: 5.0, 128: 4.5, 357: 4.5}),
            0,
            1,
        ),
        "lids": np.clip(where.near({159: 6.0, 386: 6.0, 27: 5.0, 257: 5.0, 56: 4.5, 286: 4.5}), 0, 1),
        "beard": beard_field(where),
        "moustache": where.near({164: 8.0, 165: 6.0, 391: 6.0, 92: 6.0, 322: 6.0}) * beard_field(where),
        "sun": np.clip(sun, 0, 1),
    }


def lip_mask(where: SkinPlaces) -> Float32Array:
    """Return what is lip, (S, S) float32 0..1 with a soft edge."""
    _, found = KDTree(where.places).query(where.points[list(_LIPS)])
    corners = np.stack([where.layout.columns[found], where.layout.rows[found]], axis=1).astype(np.float64)
    # Through the points, evenly and smoothly.
    spectrum = np.fft.rfft(corners, axis=0)
    outline = np.fft.irfft(spectrum, 160, axis=0) * (160 / len(corners))
    size = where.layout.size
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), size / 380) / 255, dtype=np.float32)


def as_grid(where: SkinPlaces, values: FloatArray) -> Float32Array:
    """Spread values (N, ...) over the atlas; places outside the charts are NaN, (S, S, ...) float32."""
    return where.layout.grid(values.astype(np.float32), np.nan)
