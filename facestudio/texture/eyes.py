"""Paints eyeballs: white, limbus, iris, pupil, in the eye charts of the template's atlas."""

from functools import lru_cache

import cv2
import numpy as np

from facestudio.template.model import EyeChart, Template
from facestudio.values import ByteArray, FloatArray, IntArray, read_only

IRIS_DIAMETER_MM = 11.7  # adults: 11.7 +- 0.5 mm
_IRIS_SPREAD_MM = 1.0  # two standard deviations
DEFAULT_IRIS = (92.0, 66.0, 44.0)
_WHITE = np.array([226.0, 219.0, 214.0])
_PINK = np.array([205.0, 150.0, 138.0])


def eye_texels(chart: EyeChart, size: int) -> tuple[slice, slice, FloatArray, FloatArray]:
    """Return the block of a size x size atlas that holds an eye: rows, columns, angle from the pupil, azimuth (rad)."""
    reach = np.pi / chart.radians_per_uv
    u, v = chart.centre
    columns = slice(max(0, int((u - reach) * size)), min(size, int((u + reach) * size) + 1))
    rows = slice(max(0, int((1 - v - reach) * size)), min(size, int((1 - v + reach) * size) + 1))
    x = (np.arange(columns.start, columns.stop) + 0.5) / size - u
    y = (1 - (np.arange(rows.start, rows.stop) + 0.5) / size) - v
    dx, dy = np.meshgrid(x, y)
    return rows, columns, np.hypot(dx, dy) * chart.radians_per_uv, np.arctan2(dy, dx)


def _step(edge0: float, edge1: float, x: FloatArray) -> FloatArray:
    t = np.clip((x - edge0) / (edge1 - edge0), 0, 1)
    return t * t * (3 - 2 * t)


def iris_fibres(azimuth: FloatArray, angle: FloatArray) -> FloatArray:
    """Radial streaks of an iris, mean zero, about -1..1; the same for every eye."""
    rng = np.random.default_rng(7)
    total = np.zeros_like(azimuth)
    for k in (9, 17, 29, 43, 61, 88):
        a, b, c = rng.uniform(0, 2 * np.pi, 3)
        total += np.sin(k * azimuth + a + 1.5 * np.sin(angle * 25 + b)) * (0.7 + 0.3 * np.sin(angle * 40 + c))
    return total / 6


def paint_eye(
    angle: FloatArray,
    azimuth: FloatArray,
    iris_rgb: FloatArray,
    iris_angle: float,
    pupil: float = 0.36,
    fibres: FloatArray | None = None,
) -> FloatArray:
    """Colour of an eyeball at points given by angle from the pupil's axis and azimuth.

    Parameters
    ----------
    angle, azimuth
        (...,) radians.
    iris_rgb
        (3,) mean colour of the iris, 0..255.
    iris_angle
        Angle of the limbus from the axis, radians.
    pupil
        Radius of the pupil as a fraction of the iris'.
    fibres
        (...,) from `iris_fibres`, where it was made before.

    Returns
    -------
    numpy.ndarray
        (..., 3) float64, 0..255.
    """
    t = angle / iris_angle
    pink = _step(1.3, 5.5, t)[..., None] * 0.75
    white = _WHITE * (1 - pink) + _PINK * pink
    collarette = 1.22 - 0.34 * _step(0.42, 0.95, t)
    shade = collarette
    inner = t < 1.1  # the white has no fibres
    shade[inner] += 0.22 * (iris_fibres(azimuth[inner], angle[inner]) if fibres is None else fibres[inner])
    limbus = 1 - 0.62 * _step(0.80, 1.0, t)
    iris = np.asarray(iris_rgb) * (shade * limbus)[..., None]
    colour = iris + (white - iris) * _step(0.95, 1.08, t)[..., None]
    return (
        colour * _step(pupil * 0.88, pupil * 1.06, t)[..., None]
        + 12.0 * (1 - _step(pupil * 0.88, pupil * 1.06, t))[..., None]
    )


def iris_angle(
    template: Template, vertices: FloatArray, side: int, diameter_mm: float = IRIS_DIAMETER_MM
) -> float:
    """Return the angle of the limbus for an iris of a size (an adult's) on a head's eyeball, radians."""
    chart = template.eyes[side]
    ball = vertices[chart.start : chart.stop]
    radius = float(np.linalg.norm(ball[-1] - ball[0])) / 2
    return float(np.arcsin(np.clip(diameter_mm / 2 / radius, 0.2, 0.9)))


def iris_diameter(mesh: FloatArray, px_per_mm: float) -> float:
    """Measure the irises' diameter in the photo, mm, held within what adults have.

    Parameters
    ----------
    mesh
        (478, 2) mesh478 points, pixels.
    px_per_mm
        Pixels in a millimetre at the eyes.
    """
    # A turned head narrows an iris, lids cut its height: the widest of the two eyes' diameters is the truest.
    spans = [
        max(float(np.linalg.norm(mesh[first + a] - mesh[first + b])) for a, b in ((1, 3), (2, 4)))
        for first in (468, 473)
    ]
    found = max(spans) / max(px_per_mm, 1e-6)
    return float(np.clip(found, IRIS_DIAMETER_MM - _IRIS_SPREAD_MM, IRIS_DIAMETER_MM + _IRIS_SPREAD_MM))


def painted_eyes(
    size: int,
    template: Template,
    vertices: FloatArray,
    iris_rgb: FloatArray,
    white: float = 1.0,
    diameter_mm: float = IRIS_DIAMETER_MM,
) -> list[tuple[IntArray, ByteArray]]:
    """Paint both eyeballs: for each the texels (flat numbers) of an atlas (size, size) and their colours (N, 3).

    Parameters
    ----------
    size
        Edge length of the atlas.
    template, vertices
        The head, (V, 3) mm.
    iris_rgb
        (2, 3): left, right, 0..255.
    white
        Brightness of the whites, 1 is that of a bright studio.
    diameter_mm
        Of the irises.
    """
    painted: list[tuple[IntArray, ByteArray]] = []
    for side, chart in enumerate(template.eyes):
        flat, angle, azimuth, fibres = _painted(chart, size)
        limbus = iris_angle(template, vertices, side, diameter_mm)
        colour = paint_eye(angle, azimuth, np.asarray(iris_rgb)[side], limbus, fibres=fibres)
        of_white = _step(0.95, 1.08, angle / limbus)[..., None]
        colour *= 1 - (1 - white) * of_white
        painted.append((flat, np.clip(colour, 0, 255).astype(np.uint8)))
    return painted


def paint_eyes(
    atlas: ByteArray,
    template: Template,
    vertices: FloatArray,
    iris_rgb: FloatArray,
    white: float = 1.0,
    diameter_mm: float = IRIS_DIAMETER_MM,
) -> None:
    """Paint both eyeballs into an atlas (S, S, 3) uint8 in place; see `painted_eyes`."""
    for flat, colours in painted_eyes(len(atlas), template, vertices, iris_rgb, white, diameter_mm):
        atlas.reshape(-1, 3)[flat] = colours


@lru_cache(maxsize=6)
def _painted(chart: EyeChart, size: int) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Return an eyeball's texels (N,), flat numbers of the atlas, and there: angle, azimuth, fibres."""
    rows, columns, angle, azimuth = eye_texels(chart, size)
    keep = angle <= np.radians(156.0)
    flat = np.arange(size * size, dtype=np.int32).reshape(size, size)[rows, columns][keep]
    angle, azimuth = read_only(angle[keep], np.float64), read_only(azimuth[keep], np.float64)
    return read_only(flat, np.int32), angle, azimuth, read_only(iris_fibres(azimuth, angle), np.float64)


def iris_colour(pixels: ByteArray, mesh: FloatArray, side: int) -> FloatArray:
    """Measure the colour of an iris in the photo.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    mesh
        (478, 2) mesh478 points, pixels.
    side
        0 the sitter's left eye, 1 the right one.

    Returns
    -------
    numpy.ndarray
        (3,) float64 0..255; a brown if too little of the iris is seen.
    """
    first = 473 if side == 0 else 468
    upper, lower = ((386, 374), (159, 145))[side]
    centre, rim = mesh[first], mesh[first + 1 : first + 5]
    radius = float(np.linalg.norm(rim - centre, axis=1).mean())
    reach = int(np.ceil(radius)) + 1
    x0, y0 = (int(v) for v in np.rint(centre))
    h, w = pixels.shape[:2]
    if radius < 1.5 or not (reach <= x0 < w - reach and reach <= y0 < h - reach):
        return np.array(DEFAULT_IRIS)
    block = pixels[y0 - reach : y0 + reach + 1, x0 - reach : x0 + reach + 1].astype(np.float64)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    r = np.hypot(x + x0 - centre[0], y + y0 - centre[1]) / radius
    between_lids = (y + y0 > mesh[upper, 1] + 0.15 * radius) & (y + y0 < mesh[lower, 1] - 0.1 * radius)
    ring = (r > 0.42) & (r < 0.85) & between_lids
    if ring.sum() < 6:
        return np.array(DEFAULT_IRIS)
    colours = block[ring]
    brightness = colours.sum(axis=1)
    low, high = np.percentile(brightness, [20, 75])  # without pupil, lashes and the light's reflection
    return colours[(brightness >= low) & (brightness <= high)].mean(axis=0)


def white_brightness(pixels: ByteArray, mesh: FloatArray, openings: tuple[tuple[int, ...], ...]) -> float:
    """Measure how bright the whites of the eyes are in the photo, 0.5..1 of a bright studio's.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    mesh
        (478, 2) mesh478 points, pixels.
    openings
        The mesh points around the right and the left eye.
    """
    found: list[float] = []
    for opening, first in zip(openings[:2], (468, 473), strict=True):
        outline = mesh[list(opening)]
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, (pixels.shape[1], pixels.shape[0]))
        if (high - low < 3).any():
            continue
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillPoly(mask, [np.rint(outline - low).astype(np.int32)], 1)
        y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
        radius = float(np.linalg.norm(mesh[first + 1 : first + 5] - mesh[first], axis=1).mean())
        outside = np.hypot(x - mesh[first, 0], y - mesh[first, 1]) > 1.15 * radius
        values = pixels[low[1] : high[1], low[0] : high[0]].mean(axis=2)[(mask > 0) & outside]
        if len(values) >= 6:
            found.append(float(np.percentile(values, 70)))
    if not found:
        return 1.0
    # The atlas holds what the photo shows lit; lids shade the whites a little.
    return float(np.clip(1.2 * np.mean(found) / _WHITE.mean(), 0.5, 1.0))
