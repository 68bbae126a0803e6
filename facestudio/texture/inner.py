"""Paints what no photo shows well: the lining of the mouth, teeth and tongue, in their charts of the atlas."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.geometry.raster import interpolate, rasterise, uv_to_texel
from facestudio.template.model import Template
from facestudio.values import ByteArray, FloatArray, IntArray

_LINING, _THROAT = np.array([150.0, 74.0, 70.0]), np.array([58.0, 20.0, 20.0])
_TONGUE, _TONGUE_ROOT = np.array([176.0, 98.0, 94.0]), np.array([110.0, 48.0, 48.0])
_TOOTH, _GUM = np.array([222.0, 210.0, 192.0]), np.array([172.0, 92.0, 88.0])


def _corner_triangles(quad_uvs: IntArray) -> IntArray:
    return np.concatenate([quad_uvs[:, [0, 1, 2]], quad_uvs[:, [0, 2, 3]]])


def _mix(near: FloatArray, far: FloatArray, share: NDArray[np.floating[Any]]) -> FloatArray:
    """Return colours between two (3,), (N, 3), for shares of the second (N,), held between 0 and 1."""
    return near + (far - near) * np.clip(share, 0, 1)[:, None].astype(np.float64)


def paint_inner(atlas: ByteArray, template: Template) -> None:
    """Paint mouth, teeth and tongue into an atlas (S, S, 3) uint8 in place.

    Colours follow the rest head: darker towards the throat, gums at the roots of the teeth.
    """
    size = len(atlas)
    texels = uv_to_texel(template.uvs, size)
    for name in ("mouth", "teeth", "tongue"):
        members = np.flatnonzero(template.quad_material == template.materials.index(name))
        corners, quads = template.quad_uvs[members], template.quads[members]
        height = np.zeros(len(template.uvs))
        depth = np.zeros(len(template.uvs))
        height[corners] = template.vertices[quads, 1]
        depth[corners] = template.vertices[quads, 2]
        raster = rasterise(texels, np.zeros(len(texels)), _corner_triangles(corners), (size, size))
        inside = raster.covered
        value = interpolate(raster, np.column_stack([height, depth]))[inside]
        front = float(template.vertices[quads, 2].max())
        if name == "mouth":
            colour = _mix(_LINING, _THROAT, (front - 6.0 - value[:, 1]) / 45.0)
        elif name == "tongue":
            colour = _mix(_TONGUE, _TONGUE_ROOT, (front - value[:, 1]) / 55.0)
        else:
            middle = float(np.median(template.vertices[np.unique(quads), 1]))
            away = np.abs(value[:, 0] - middle)
            colour = _mix(_TOOTH, _GUM, (away - 9.0) / 3.0)
        atlas[inside] = colour.astype(np.uint8)
