"""Makes the texture: the photo where it was seen, Poisson fusion of a database head's skin for the rest."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.template.model import Template, load_template
from facestudio.texture.donor import borrowed_skin, hair_colour, photo_tone, tint_scalp
from facestudio.texture.eyes import DEFAULT_IRIS, iris_colour, paint_eyes, white_brightness
from facestudio.texture.inner import paint_inner
from facestudio.texture.layout import TexelLayout, prepare_layouts
from facestudio.texture.look import look_at
from facestudio.texture.masks import trusted_texels
from facestudio.texture.poisson import solve_correction
from facestudio.texture.regions import OPENINGS
from facestudio.values import (
    BoolArray,
    ByteArray,
    Camera,
    Coverage,
    FloatArray,
    IntArray,
    Photo,
    SimilarHead,
    Texture,
)

SEEN, MIRRORED, BORROWED = 1, 2, 3
_MASK_SIZE = 512  # masks are found at this size: hair and background need no finer border
_LEAST_FACING = 0.12


def make_texture(
    photo: Photo,
    camera: Camera,
    vertices: FloatArray,
    neutral: FloatArray,
    mesh: FloatArray | None,
    database: HeadDatabase,
    heads: tuple[SimilarHead, ...],
    size: int,
    check: Callable[[], None] = lambda: None,
) -> Texture:
    """Make the texture of a fitted head.

    Parameters
    ----------
    photo, camera
        The photo and its fitted camera.
    vertices, neutral
        (V, 3) mm: the head as posed in the photo, and with neutral expression.
    mesh
        (478, 2) located mesh points for the colour of the irises, or None.
    database, heads
        Where the borrowed skin comes from.
    size
        Edge length in texels.
    check
        Called between the steps: may raise to cancel.

    Returns
    -------
    Texture
        No empty texel: texels outside the charts repeat the nearest one inside.
    """
    prepare_layouts(size)
    check()
    coarse = look_at(photo, camera, vertices, mesh, min(size, _MASK_SIZE))
    trusted = trusted_texels(coarse)
    check()
    tone, hair = photo_tone(coarse, trusted), hair_colour(coarse, trusted)
    full = coarse if size <= _MASK_SIZE else look_at(photo, camera, vertices, mesh, size)
    layout, projection = full.layout, full.projection
    seen = trusted if full is coarse else _carried(coarse.layout, trusted, layout)
    seen = seen & projection.visible & ~full.opening & (projection.facing > _LEAST_FACING)
    check()
    donor = tint_scalp(borrowed_skin(database, heads, tone, layout), hair, layout)
    check()
    correction = solve_correction(layout, seen, full.colours - donor, check)
    colours = donor + correction.values
    colours[seen] = full.colours[seen]
    pixels = np.zeros((size, size, 3), dtype=np.uint8)
    pixels[layout.rows, layout.columns] = np.clip(np.rint(colours), 0, 255).astype(np.uint8)
    _paint_the_rest(pixels, load_template(), neutral, photo, mesh)
    labels = np.where(seen, SEEN, BORROWED).astype(np.uint8)
    share = float(seen.mean())
    coverage = Coverage(layout.grid(labels), seen=share, mirrored=0.0, borrowed=1.0 - share)
    return Texture(pixels, coverage, poisson_residual=correction.residual)


def _carried(coarse: TexelLayout, chosen: BoolArray, layout: TexelLayout) -> BoolArray:
    """Carry a choice of texels over to a finer layout, with a smooth border."""
    soft = cv2.GaussianBlur(coarse.grid(chosen.astype(np.float32)), (0, 0), 0.8)
    fine = cv2.resize(soft, (layout.size, layout.size), interpolation=cv2.INTER_LINEAR)
    return fine[layout.rows, layout.columns] > 0.5


@lru_cache(maxsize=4)
def _painted_inside(size: int) -> tuple[IntArray, ByteArray]:
    """Return the flat texel numbers of mouth, teeth and tongue and their colours, the same for every head."""
    atlas = np.zeros((size, size, 3), dtype=np.uint8)
    paint_inner(atlas, load_template())
    where = np.flatnonzero(atlas.any(axis=2)).astype(np.int32)
    return where, atlas.reshape(-1, 3)[where]


@lru_cache(maxsize=4)
def _nearest_inside(size: int, painted: bytes) -> tuple[IntArray, IntArray]:
    """Return the flat numbers of all texels outside the charts, and of the texel inside nearest to each."""
    inside = np.unpackbits(np.frombuffer(painted, np.uint8), count=size * size).reshape(size, size)
    _, found = cv2.distanceTransformWithLabels(1 - inside, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    label = np.asarray(found, dtype=np.int32).reshape(-1)
    source = np.zeros(int(label.max()) + 1, dtype=np.int32)
    flat = np.flatnonzero(inside)
    source[label[flat]] = flat
    outside = np.flatnonzero(inside == 0).astype(np.int32)
    return outside, source[label[outside]]


def _paint_the_rest(
    pixels: ByteArray, template: Template, neutral: FloatArray, photo: Photo, mesh: FloatArray | None
) -> None:
    """Paint mouth, teeth, tongue and eyes, and let every texel outside the charts repeat the nearest inside."""
    size = len(pixels)
    flat = pixels.reshape(-1, 3)
    where, colours = _painted_inside(size)
    flat[where] = colours
    irises, white = np.array([DEFAULT_IRIS] * 2), 1.0
    if mesh is not None:
        irises = np.stack([iris_colour(photo.pixels, mesh, side) for side in (0, 1)])
        white = white_brightness(photo.pixels, mesh, OPENINGS)
    paint_eyes(pixels, template, neutral, irises, white)
    inside = pixels.max(axis=2) > 0
    outside, nearest = _nearest_inside(size, np.packbits(inside).tobytes())
    flat[outside] = flat[nearest]
