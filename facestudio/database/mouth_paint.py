"""Paints the lining of the mouth, the teeth with their gums, and the tongue in their charts of the template's atlas."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.geometry.raster import interpolate, rasterise, uv_to_texel
from facestudio.template.model import Template, load_template
from facestudio.values import BoolArray, ByteArray, FloatArray, IntArray

_LINING, _THROAT = np.array([150.0, 74.0, 70.0]), np.array([48.0, 16.0, 16.0])
_TONGUE, _TONGUE_ROOT = np.array([184.0, 106.0, 100.0]), np.array([110.0, 48.0, 48.0])
_TOOTH, _YELLOW = np.array([226.0, 218.0, 204.0]), np.array([206.0, 186.0, 146.0])
_GUM, _DARK_GUM = np.array([178.0, 98.0, 92.0]), np.array([112.0, 66.0, 62.0])
# Widths of adult teeth from the middle outwards, mm: upper, lower (Wheeler's Dental Anatomy).
_WIDTHS = ((8.5, 6.5, 7.5, 7.0, 7.0, 10.0, 9.0), (5.0, 5.5, 7.0, 7.0, 7.0, 11.0, 10.5))


@dataclass(frozen=True, eq=False)
class _Inner:
    """What of the atlas is mouth, teeth and tongue: texels and their places on the rest head, mm."""

    inside: dict[str, BoolArray]
    places: dict[str, FloatArray]


def _corner_triangles(quad_uvs: IntArray) -> IntArray:
    return np.concatenate([quad_uvs[:, [0, 1, 2]], quad_uvs[:, [0, 2, 3]]])


def _mix(near: FloatArray, far: FloatArray, share: NDArray[np.floating[Any]]) -> FloatArray:
    """Return colours between two (3,), (N, 3), for shares of the second (N,), held between 0 and 1."""
    return near + (far - near) * np.clip(share, 0, 1)[:, None].astype(np.float64)


def _inner_of(template: Template, size: int) -> _Inner:
    texels = uv_to_texel(template.uvs, size)
    inside: dict[str, BoolArray] = {}
    places: dict[str, FloatArray] = {}
    for name in ("mouth", "teeth", "tongue"):
        members = np.flatnonzero(template.quad_material == template.materials.index(name))
        corners, quads = template.quad_uvs[members], template.quads[members]
        at = np.zeros((len(template.uvs), 3))
        at[corners] = template.vertices[quads]
        raster = rasterise(texels, np.zeros(len(texels)), _corner_triangles(corners), (size, size))
        inside[name] = raster.covered
        places[name] = interpolate(raster, at)[raster.covered].astype(np.float64)
    return _Inner(inside, places)


@lru_cache(maxsize=4)
def _shipped_inner(size: int) -> _Inner:
    return _inner_of(load_template(), size)


def _teeth(places: FloatArray, values: dict[str, float]) -> FloatArray:
    """Return the colour of teeth and gums at places (N, 3) mm, (N, 3) 0..255."""
    upper = places[:, 1] > np.median(places[:, 1])
    colour = np.empty_like(places)
    for row, half in ((0, upper), (1, ~upper)):
        at = places[half]
        # Along the dental arch, taken as half an ellipse.
        wide, front = np.abs(places[:, 0]).max(), places[:, 2].max()
        angle = np.arctan2(np.abs(at[:, 0]) / wide, (at[:, 2] - (front - 1.35 * wide)) / (1.35 * wide))
        along = angle / (np.pi / 2) * 1.9 * wide
        gaps = np.cumsum(_WIDTHS[row])
        gap = np.abs(along[:, None] - np.concatenate([[0.0], gaps])).min(axis=1)
        middle = float(np.median(at[:, 1]))
        away = (at[:, 1] - middle) * (1 if row == 0 else -1)  # towards the gum
        tooth = np.clip(np.abs(gap - 3.5) / 3.5, 0, 1)
        margin = 2.4 - 2.2 * tooth**2  # gums are scalloped
        shade = _TOOTH + (_YELLOW - _TOOTH) * values["teeth_yellow"]
        enamel = shade * (1 - 0.10 * np.clip((away + 1) / 4, 0, 1))[:, None]
        enamel = enamel * (1 - 0.45 * np.exp(-((gap / 0.35) ** 2)))[:, None]
        dark = float(np.clip((values["tone"] - 4) / 8, 0, 1))
        gum = _GUM + (_DARK_GUM - _GUM) * dark
        share = np.clip((away - margin) / 0.8 + 0.5, 0, 1)[:, None]
        colour[half] = enamel + (gum - enamel) * share
    return colour


def paint_mouth(atlas: ByteArray, values: dict[str, float], template: Template | None = None) -> None:
    """Paint mouth, teeth and tongue of a skin into an atlas (S, S, 3) uint8, which is changed here.

    Parameters
    ----------
    atlas
        The picture.
    values
        The skin's axes: teeth_yellow, tone.
    template
        The shipped one by default.
    """
    inner = _shipped_inner(len(atlas)) if template is None else _inner_of(template, len(atlas))
    for name, inside in inner.inside.items():
        places = inner.places[name]
        front = float(places[:, 2].max())
        back = (front - places[:, 2]).astype(np.float64)
        if name == "mouth":
            colour = _mix(_LINING, _THROAT, (back - 6.0) / 45.0)
        elif name == "tongue":
            colour = _mix(_TONGUE, _TONGUE_ROOT, back / 55.0)
            x, z = places[:, 0], places[:, 2]
            groove = np.exp(-((x / 1.6) ** 2)) * np.clip(back / 12, 0, 1)
            papillae = np.sin(2.9 * x + 1.3 * np.sin(1.7 * z)) * np.sin(3.1 * z + 1.1 * np.sin(1.9 * x))
            colour = colour * (1 - 0.16 * groove + 0.05 * papillae)[:, None]
        else:
            colour = _teeth(places, values)
        atlas[inside] = np.clip(colour, 0, 255).astype(np.uint8)
