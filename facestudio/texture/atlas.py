"""The whole atlas at one size: where its texels lie on the surface, its charts, and smooth filling of pictures.

A texture is worked out on a small atlas (`WORK_SIZE`), where masks, light and fusion live, and composed at full size.
What both need of the template is here, found once for each size.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from facestudio.geometry.raster import rasterise, uv_to_texel
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.layout import SURFACE_LEVEL, texel_layout
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray, read_only

WORK_SIZE = 512
"""Masks, light and fusion are found at this size at most: a texel is about a millimetre."""

_SMALL, _SMALL_WORK_SIZE = 1024, 256  # textures up to the first are worked out at the second

PLACE_SIZE = 1024
"""The texels' places are found at this size at most, and between them linearly."""

_REACH = 6  # texels beyond a chart's edge that have a place, so that what is interpolated there is right


def work_size(size: int) -> int:
    """Return the size of the atlas that a texture of `size` texels a side is worked out on."""
    return min(size, _SMALL_WORK_SIZE if size <= _SMALL else WORK_SIZE)


@dataclass(frozen=True, eq=False)
class PlaceGrid:
    """Where the texels of the skin's charts, and a few beyond their edges, lie on the surface.

    Attributes
    ----------
    size
        Edge length S.
    flat
        (N,) int32: row * S + column.
    corners, weights
        (N, 3) vertices (at SURFACE_LEVEL) and barycentric weights, int32 and float32.
    """

    size: int
    flat: IntArray
    corners: IntArray
    weights: Float32Array

    def grid(self, values: FloatArray | Float32Array, where: BoolArray | None = None) -> Float32Array:
        """Interpolate values (V_1, C) over the atlas, (S, S, C) float32; zero away from the charts.

        With `where` (S, S) bool it is zero elsewhere too.
        """
        table = np.asarray(values, dtype=np.float32)
        flat, corners, weights = self.flat, self.corners, self.weights
        if where is not None:
            chosen = np.flatnonzero(where.reshape(-1)[flat])
            flat, corners, weights = flat[chosen], corners[chosen], weights[chosen]
        found = np.take(table, corners[:, 0], axis=0) * weights[:, :1]
        found += np.take(table, corners[:, 1], axis=0) * weights[:, 1:2]
        found += np.take(table, corners[:, 2], axis=0) * weights[:, 2:]
        out = np.zeros((self.size * self.size, table.shape[1]), dtype=np.float32)
        out[flat] = found
        return out.reshape(self.size, self.size, -1)


@lru_cache(maxsize=3)
def place_grid(size: int) -> PlaceGrid:
    """Return the shipped template's places for an atlas of a size (computed once)."""
    template, surface = load_template(), topology(SURFACE_LEVEL)
    skin = np.repeat(surface.quad_material == template.materials.index("skin"), 2)
    triangles = surface.triangles[skin]
    points = uv_to_texel(surface.render_uvs, size)
    raster = rasterise(points, np.zeros(len(points)), triangles, (size, size))
    covered = raster.covered
    wide = cv2.dilate(covered.astype(np.uint8), np.ones((2 * _REACH + 1,) * 2, np.uint8)) > 0
    nearest = nearest_inside(covered)[wide]
    corners = surface.render_vertices[triangles[raster.triangle.ravel()[nearest]]]
    return PlaceGrid(
        size,
        read_only(np.flatnonzero(wide), np.int32),
        read_only(corners, np.int32),
        read_only(raster.barycentric.reshape(-1, 3)[nearest], np.float32),
    )


def nearest_inside(inside: BoolArray) -> IntArray:
    """Return for every texel the flat number of the nearest one inside, (S, S) int32."""
    _, found = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label = np.asarray(found, dtype=np.int32)
    source = np.zeros(int(label.max()) + 1, dtype=np.int32)
    flat = np.flatnonzero(inside)
    source[label.reshape(-1)[flat]] = flat
    return source[label]


@lru_cache(maxsize=3)
def chart_mask(size: int) -> BoolArray:
    """Return which texels lie in the skin's charts or are touched by their outline, (size, size) bool, read-only."""
    template = load_template()
    skin = template.quad_material == template.materials.index("skin")
    # Sides that two quads share are crossed twice and cancel out: what is filled is their union.
    points = uv_to_texel(template.uvs, size)[template.quad_uvs[skin]]
    corners = list(np.rint(points * 16).astype(np.int32))
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, corners, 1, shift=4)
    cv2.polylines(mask, corners, True, 1, shift=4)
    inside = mask > 0
    if size <= WORK_SIZE:
        inside |= work_inside(size) > 0  # a texel whose centre lies on the outline
    return read_only(inside, np.bool_)


def threefold(weight: Float32Array) -> Float32Array:
    """Return a weight (H, W) for each of three channels, (H, W, 3): far quicker to multiply by than (H, W, 1)."""
    return np.asarray(cv2.merge([weight, weight, weight]), dtype=np.float32)


def _of_each(weight: Float32Array, channels: int) -> Float32Array:
    return threefold(weight) if channels == 3 else weight[..., None]


def spread(values: Float32Array, weight: Float32Array) -> Float32Array:
    """Fill a picture smoothly from where it is known: by means over ever larger blocks, as little as is needed.

    Parameters
    ----------
    values
        (S, S, C) float32, S a power of two.
    weight
        (S, S) 0..1: how far each value is known.

    Returns
    -------
    numpy.ndarray
        (S, S, C) float32: the values where the weight is one.
    """
    channels = values.shape[2]
    levels = [(values * _of_each(weight, channels), weight)]
    while len(levels[-1][1]) > 1:
        mass, share = levels[-1]
        half = (len(share) // 2,) * 2
        mass = cv2.resize(mass, half, interpolation=cv2.INTER_AREA).reshape(*half, channels)
        share = cv2.resize(share, half, interpolation=cv2.INTER_AREA).reshape(half)
        # What is known at all is known well enough for a block that knows nothing.
        grow = (np.minimum(4.0 * share, 1.0) / np.maximum(share, 1e-9)).astype(np.float32)
        levels.append((mass * _of_each(grow, channels), share * grow))
    mass, share = levels[-1]
    out = mass / np.maximum(share, 1e-9)[..., None]
    for mass, share in reversed(levels[:-1]):
        side = (len(share),) * 2
        out = cv2.resize(out, side, interpolation=cv2.INTER_LINEAR).reshape(*side, channels)
        out = mass + out * _of_each(1 - share, channels)
    return np.asarray(out, dtype=np.float32)


@lru_cache(maxsize=3)
def work_inside(size: int) -> Float32Array:
    """Return 1 on the texels of the skin's charts and 0 elsewhere, (size, size) float32, read-only."""
    layout = texel_layout(size)
    return read_only(layout.grid(np.ones(len(layout), np.float32)), np.float32)
