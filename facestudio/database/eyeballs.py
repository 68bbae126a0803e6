"""Paints eyeballs into the eye charts of the template's atlas: white with its veins, limbal ring, iris, pupil."""

from functools import lru_cache

import cv2
import numpy as np

from facestudio.database.skin_axes import iris_colour_of
from facestudio.template.model import EyeChart, Template
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray

IRIS_DIAMETER_MM = 11.7  # adults: 11.7 +- 0.5 mm
_REACH = np.radians(156.0)
_FIBRES = 512  # steps of azimuth
_VEINS = 26


def eye_block(chart: EyeChart, size: int) -> tuple[slice, slice, FloatArray, FloatArray]:
    """Return the block of a size x size atlas that holds an eye: rows, columns, angle from the pupil, azimuth (rad)."""
    reach = np.pi / chart.radians_per_uv
    u, v = chart.centre
    columns = slice(max(0, int((u - reach) * size)), min(size, int((u + reach) * size) + 1))
    rows = slice(max(0, int((1 - v - reach) * size)), min(size, int((1 - v + reach) * size) + 1))
    x = (np.arange(columns.start, columns.stop) + 0.5) / size - u
    y = (1 - (np.arange(rows.start, rows.stop) + 0.5) / size) - v
    dx, dy = np.meshgrid(x, y)
    return rows, columns, np.hypot(dx, dy) * chart.radians_per_uv, np.arctan2(dy, dx)


def limbus_angle(template: Template, vertices: FloatArray, side: int) -> float:
    """Return the angle from the pupil's axis at which an iris of adult size ends on a head's eyeball, radians."""
    chart = template.eyes[side]
    ball = vertices[chart.start : chart.stop]
    radius = float(np.linalg.norm(ball[-1] - ball[0])) / 2
    return float(np.arcsin(np.clip(IRIS_DIAMETER_MM / 2 / radius, 0.2, 0.9)))


def _step(low: float, high: float, x: FloatArray) -> FloatArray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@lru_cache(maxsize=4)
def _vein_map(size: int, seed: int) -> Float32Array:
    """Return how much blood shows on an eyeball, (size, size); the pupil is in the middle."""
    rng = np.random.default_rng([seed, 3])
    picture = np.zeros((size, size), dtype=np.uint8)
    for _ in range(_VEINS):
        azimuth = rng.normal(0, 0.55) + np.pi * rng.integers(2)  # from the corners of the eye
        angle, points = rng.uniform(1.5, 1.75), [0.0, 0.0]
        points = []
        while angle > 0.62:
            points.append([angle * np.cos(azimuth), angle * np.sin(azimuth)])
            angle -= rng.uniform(0.02, 0.06)
            azimuth += rng.normal(0, 0.055)
        end = rng.integers(max(3, len(points) // 3), len(points) + 1)
        line = (np.array(points[:end]) / np.pi + 1) * size / 2
        cv2.polylines(
            picture,
            [np.rint(line * 16).astype(np.int32)],
            False,
            int(rng.integers(60, 200)),
            1,
            cv2.LINE_AA,
            4,
        )
    blurred = cv2.GaussianBlur(picture, (0, 0), size / 900)
    return np.asarray(blurred / 255, dtype=np.float32)


@lru_cache(maxsize=16)
def _fibre_rows(seed: int) -> Float32Array:
    """Return streaks of an iris by azimuth at eight radii, (8, _FIBRES) float32, mean zero, about -1..1."""
    rng = np.random.default_rng([seed, 4])
    azimuth = np.linspace(0, 2 * np.pi, _FIBRES, endpoint=False)
    rows = np.zeros((8, _FIBRES))
    for waves in (7, 13, 23, 37, 55, 81, 110):
        turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, 8))
        rows += np.sin(waves * azimuth[None, :] + turn[:, None]) * rng.uniform(0.6, 1.2, (8, 1))
    return np.asarray(rows / 3.2, dtype=np.float32)


def _fibres(azimuth: FloatArray, radius: FloatArray, seed: int) -> FloatArray:
    """Return the streaks at azimuths (rad) and radii (0 pupil's middle .. 1 limbus), any shape."""
    rows = _fibre_rows(seed)
    column = (azimuth / (2 * np.pi) * _FIBRES).astype(np.int64) % _FIBRES
    row = np.clip(radius, 0, 0.999) * (len(rows) - 1)
    low = row.astype(np.int64)
    share = row - low
    return np.asarray(rows[low, column] * (1 - share) + rows[low + 1, column] * share, dtype=np.float64)


def eyeball_colours(
    angle: FloatArray, azimuth: FloatArray, limbus: float, values: dict[str, float], seed: int
) -> FloatArray:
    """Return the colour of an eyeball.

    Parameters
    ----------
    angle, azimuth
        (...,) radians from and about the pupil's axis.
    limbus
        Angle of the iris' rim.
    values
        The skin's axes: tone, iris_dark, iris_hue, sclera_red, sclera_yellow.
    seed
        Of fibres and veins.

    Returns
    -------
    numpy.ndarray
        (..., 3) float64, 0..255.
    """
    r = angle / limbus
    red, yellow = values["sclera_red"], values["sclera_yellow"]
    # Whites of dark eyes hold some pigment.
    brown = float(np.clip((values["tone"] - 4) / 6, 0, 1))
    white = np.array([214.0, 208.0, 203.0]) * (1 - yellow * np.array([0.06, 0.10, 0.24]))
    white = white * (1 - brown * np.array([0.10, 0.14, 0.18]))
    flesh = np.array([190.0, 118.0, 108.0])
    share = (0.12 * red + 0.55 * _step(2.2, 4.6, r))[..., None]
    colour = white * (1 - share) + flesh * share
    map_size = 1024
    veins = _vein_map(map_size, seed)
    x = ((angle * np.cos(azimuth) / np.pi + 1) * map_size / 2).astype(np.int64).clip(0, map_size - 1)
    y = ((angle * np.sin(azimuth) / np.pi + 1) * map_size / 2).astype(np.int64).clip(0, map_size - 1)
    colour += (veins[y, x] * (0.15 + 0.75 * red))[..., None] * (np.array([182.0, 74.0, 70.0]) - colour)
    iris_rgb = iris_colour_of(values)
    streaks = _fibres(azimuth, r, seed)
    pupil = 0.34
    depth = 1.0 + 0.30 * streaks * (1 - 0.3 * values["iris_dark"])
    depth *= 0.82 + 0.42 * np.exp(-(((r - 0.62) / 0.24) ** 2))
    warm = np.exp(-(((r - pupil - 0.08) / 0.10) ** 2)) * (1 - values["iris_dark"])
    iris = iris_rgb * depth[..., None]
    iris += warm[..., None] * 0.55 * (np.array([150.0, 112.0, 62.0]) - iris)
    iris *= (1 - 0.72 * _step(0.80, 0.98, r))[..., None]
    colour = iris + (colour - iris) * _step(0.94, 1.10, r)[..., None]
    # A thin grey rim where the cornea meets the white.
    colour *= (1 - 0.16 * np.exp(-(((r - 1.10) / 0.10) ** 2)))[..., None]
    return np.clip(
        colour * _step(pupil * 0.9, pupil * 1.08, r)[..., None] + 6.0 * (r < pupil)[..., None], 0, 255
    )


@lru_cache(maxsize=8)
def _cached_block(chart: EyeChart, size: int) -> tuple[slice, slice, BoolArray, FloatArray, FloatArray]:
    rows, columns, angle, azimuth = eye_block(chart, size)
    keep = angle <= _REACH
    return rows, columns, keep, angle[keep], azimuth[keep]


def paint_eyeballs(
    atlas: ByteArray, template: Template, values: dict[str, float], vertices: FloatArray | None = None
) -> None:
    """Paint both eyeballs of a skin into an atlas (S, S, 3) uint8, which is changed here.

    Parameters
    ----------
    atlas
        The picture.
    template
        Where the eyes are.
    values
        The skin's axes.
    vertices
        (V, 3) mm: the head whose eyeballs they are; the template's rest head by default.
    """
    head = template.vertices if vertices is None else vertices
    for side, chart in enumerate(template.eyes):
        rows, columns, keep, angle, azimuth = _cached_block(chart, len(atlas))
        limbus = limbus_angle(template, head, side)
        turned = azimuth if side == 0 else np.pi - azimuth
        colours = eyeball_colours(angle, turned, limbus, values, int(values["seed"]))
        atlas[rows, columns][keep] = colours.astype(np.uint8)
