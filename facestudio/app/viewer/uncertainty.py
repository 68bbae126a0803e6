"""How far each part of a head may be off, as a texture of colours. No Qt: it is made where heads are built."""

import numpy as np

from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.values import ByteArray, Float32Array, FloatArray, Head, read_only

SIZE = 512
STOPS: tuple[tuple[float, tuple[int, int, int]], ...] = (
    (1.5, (46, 160, 110)),
    (2.5, (150, 190, 80)),
    (3.5, (235, 190, 70)),
    (5.5, (230, 120, 60)),
    (8.0, (190, 50, 60)),
)
"""Colours (sRGB) at millimetres; between them they are mixed."""
LIMITS_MM = (3.0, 5.0)
"""The legend counts the skin that is surer than the first, between both, and beyond."""
_STEPS = 48


def uncertainty_of(head: Head) -> Float32Array | None:
    """Return how far each vertex may be off, (V,) float32 mm, or None if that is not known."""
    return getattr(head, "uncertainty_mm", None)


def colours_of(millimetres: FloatArray) -> ByteArray:
    """Return the colours (N, 3) uint8 of values (N,) mm."""
    at = [stop for stop, _ in STOPS]
    table = np.array([colour for _, colour in STOPS], dtype=np.float64)
    mixed = [np.interp(millimetres, at, table[:, channel]) for channel in range(3)]
    return np.round(np.stack(mixed, axis=-1)).astype(np.uint8)


def shares(millimetres: Float32Array) -> tuple[float, float, float]:
    """Return the parts 0..1 of the skin's vertices below, between and beyond LIMITS_MM."""
    template = load_template()
    skin = millimetres[template.material_vertices("skin")]
    low, high = (skin < LIMITS_MM[0]).mean(), (skin >= LIMITS_MM[1]).mean()
    return float(low), float(1.0 - low - high), float(high)


def uncertainty_picture(millimetres: Float32Array) -> ByteArray:
    """Return a texture of the head's uncertainty, (SIZE, SIZE, 3) uint8 sRGB, row 0 at v = 1.

    Parameters
    ----------
    millimetres
        (V,) of the template's vertices.
    """
    import cv2

    level = topology(1)
    fine = level.apply(np.asarray(millimetres, dtype=np.float64))
    of_quad = fine[level.quads].mean(axis=1)
    place = level.uvs[level.quad_uvs] * [SIZE, -SIZE] + [-0.5, SIZE - 0.5]
    corners = np.round(place).astype(np.int32)
    low, high = STOPS[0][0], STOPS[-1][0]
    # Quads of nearly one value are filled together.
    step = np.round(np.clip((of_quad - low) / (high - low), 0, 1) * _STEPS).astype(np.int32)
    colours = colours_of(np.linspace(low, high, _STEPS + 1))
    picture = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    for value in np.unique(step).tolist():
        colour = tuple(int(c) for c in colours[value])
        cv2.fillPoly(picture, list(corners[step == value]), colour)
    # Beyond the charts' borders, the colours go on: the renderer mixes neighbours.
    for _ in range(3):
        empty = ~picture.any(axis=2)
        picture[empty] = cv2.dilate(picture, np.ones((3, 3), np.uint8))[empty]
    return read_only(picture, np.uint8)
