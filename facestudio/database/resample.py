"""Brings a scan's colours to the template's UVs, and finds the skin of the AlbedoModel that is like them."""

import cv2
import numpy as np

from facestudio.database.albedo import AlbedoModel
from facestudio.database.registration.register import Registration
from facestudio.database.skin_axes import skin_coefficients, tone_colour
from facestudio.database.sources.scans import ScanColours
from facestudio.geometry.raster import rasterise, uv_to_texel
from facestudio.template.model import Template, load_template
from facestudio.template.subdivision import topology
from facestudio.values import ByteArray, Float32Array, FloatArray

TEXTURE_SIZE = 1024
_REACH_MM = 2.5
_FEATHER = 9  # texels
_GUTTER = 8  # texels beside the charts
_LEVEL = 1
_LEAST_SEEN = 0.05
_FACE_POINTS = (1, 50, 280, 151, 205, 425)  # of mesh478: nose, cheeks, forehead


def _texel_places(template: Template, vertices: FloatArray, size: int) -> tuple[ByteArray, FloatArray]:
    """Return which texels show skin, (S, S) uint8 0 or 1, and their places (N, 3) mm, row by row."""
    surface = topology(_LEVEL)
    skin = np.repeat(surface.quad_material == template.materials.index("skin"), 2)
    triangles = surface.triangles[skin]
    texels = uv_to_texel(surface.render_uvs, size)
    raster = rasterise(texels, np.zeros(len(texels)), triangles, (size, size))
    covered = raster.covered
    corners = surface.render_vertices[triangles[raster.triangle[covered]]]
    places = np.einsum("nk,nkc->nc", raster.barycentric[covered], surface.apply(vertices)[corners])
    return covered.astype(np.uint8), places.astype(np.float64)


def resample_texture(
    template: Template,
    registration: Registration,
    colours: ScanColours,
    albedo: AlbedoModel,
    rng: np.random.Generator,
    size: int = TEXTURE_SIZE,
) -> tuple[ByteArray, FloatArray] | None:
    """Resample a scan's colours to the template's atlas.

    Parameters
    ----------
    template, registration
        The head, and how the scan's frame relates to head space.
    colours
        The scan's.
    albedo
        Completes what the scan does not show, in the scan's tone.
    rng
        Of what the completed skin leaves open.
    size
        Edge length of the atlas.

    Returns
    -------
    texture
        (S, S, 3) uint8: whole atlas.
    coefficients
        (J,) float64: the skin of the AlbedoModel in its tone.
    None
        If the scan shows next to nothing of the skin.
    """
    inside, places = _texel_places(template, registration.vertices, size)
    in_scan = (places - registration.shift) @ registration.rotation / registration.scale
    found, distance = colours.at(in_scan, _REACH_MM / registration.scale)
    near = np.isfinite(distance)
    if near.mean() < _LEAST_SEEN:
        return None
    face = template.mesh478.points(registration.vertices)[list(_FACE_POINTS)]
    around = (np.linalg.norm(places[:, None] - face[None], axis=2).min(axis=1) < 14) & near
    sample = found[around] if around.sum() > 50 else found[near]
    tone = np.median(sample, axis=0).astype(np.float64)
    coefficients = skin_like(tone, rng)
    whole = albedo.texture(coefficients, size, registration.vertices)
    skin = whole[inside > 0].astype(np.float32)
    own = np.median(skin[around] if around.sum() > 50 else skin, axis=0)
    skin *= (tone / np.maximum(own, 1)).astype(np.float32)
    share = np.zeros((size, size), dtype=np.float32)
    share[inside > 0] = near
    # Towards the rim of what was seen the two melt into each other.
    charts = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), _FEATHER / 2)
    share = cv2.GaussianBlur(share, (0, 0), _FEATHER / 2) / np.maximum(charts, 1e-3)
    share = np.clip(2 * share - 1, 0, 1)
    mix = share[inside > 0][:, None]
    mix = np.where(near[:, None], mix, np.float32(0))
    whole[inside > 0] = np.clip(skin + (found - skin) * mix, 0, 255).astype(np.uint8)
    _fill_beside(whole, inside)
    return whole, coefficients


def _fill_beside(atlas: ByteArray, inside: ByteArray) -> None:
    """Give the texels beside the skin's charts its colour, so that no seam shows from afar; changes the atlas."""
    ring = (cv2.dilate(inside, np.ones((2 * _GUTTER + 1, 2 * _GUTTER + 1), np.uint8)) > 0) & (inside == 0)
    used = np.zeros_like(inside)
    template = load_template()
    others = np.isin(template.quad_material, [template.materials.index("skin")], invert=True)
    for corners in uv_to_texel(template.uvs, len(atlas))[template.quad_uvs[others]]:
        cv2.fillConvexPoly(used, np.rint(corners).astype(np.int32), 1)
    _, found = cv2.distanceTransformWithLabels(1 - inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(found, dtype=np.int32)
    lookup = np.zeros((labels.max() + 1, 3), dtype=np.uint8)
    lookup[labels[inside > 0]] = atlas[inside > 0]
    place = ring & (used == 0)
    atlas[place] = lookup[labels[place]]


def skin_like(colour: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return coefficients (J,) of a skin whose face has about the colour (3,) 0..255."""
    grid = np.linspace(0.5, 10.5, 101)
    table: Float32Array = np.array([tone_colour(t) for t in grid], dtype=np.float32)
    brightness = np.log(np.maximum(table.mean(axis=1), 1))
    tone = float(grid[np.argmin(np.abs(brightness - np.log(max(float(np.mean(colour)), 1.0))))])
    warm = np.log(max(float(colour[1]), 1.0) / max(float(colour[2]), 1.0))
    usual = tone_colour(tone)
    undertone = float(np.clip((warm - np.log(usual[1] / usual[2])) / 0.067, -2, 2))
    seed = float(rng.integers(2**20))
    # What a scan does not tell goes with the tone: dark skin has dark eyes and hair.
    eyes, hair = (
        np.interp(tone, [1, 4, 7, 10], [0.55, 0.68, 0.85, 0.95]),
        np.interp(tone, [2, 6], [0.6, 0.95]),
    )
    return skin_coefficients(
        {"tone": tone, "undertone": undertone, "iris_dark": eyes, "hair_dark": hair, "seed": seed}
    )
