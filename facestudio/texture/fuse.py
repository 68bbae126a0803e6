"""Makes the texture: the photo where it was seen, its mirror image or a database head's skin for the rest, fused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.database.model import HeadDatabase
from facestudio.database.skin_axes import skin_coefficients
from facestudio.errors import ModelError
from facestudio.geometry.camera import to_camera_space
from facestudio.template.model import load_template
from facestudio.texture.atlas import (
    PLACE_SIZE,
    chart_mask,
    nearest_inside,
    place_grid,
    spread,
    work_inside,
    work_size,
)
from facestudio.texture.beard import beard_amount
from facestudio.texture.compose import compose, cut_photo
from facestudio.texture.donor import Donor, choose_donor, face_tone
from facestudio.texture.eyes import (
    DEFAULT_IRIS,
    IRIS_DIAMETER_MM,
    iris_colour,
    iris_diameter,
    painted_eyes,
    white_brightness,
)
from facestudio.texture.glasses import GlassesWindow, find_glasses, glasses_texels
from facestudio.texture.hair import HAIR_SIZE, find_exemplar, plain_exemplar, scalp, strands
from facestudio.texture.hats import hats_told
from facestudio.texture.inner import paint_inner
from facestudio.texture.layers import Layers, make_layers
from facestudio.texture.layout import prepare_layouts
from facestudio.texture.lighting import Light, estimate_light, light_gain
from facestudio.texture.look import PhotoLook, look_at
from facestudio.texture.masks import Segments, around_the_head, core_texels, segment
from facestudio.texture.options import TextureOptions
from facestudio.texture.parts_masks import segment_by_parts
from facestudio.texture.regions import OPENINGS
from facestudio.texture.segmenter import PhotoParts, photo_parts
from facestudio.texture.shine import shine
from facestudio.texture.strokes import Stroke, covered, stroke_mask
from facestudio.values import (
    ByteArray,
    Camera,
    Coverage,
    Float32Array,
    FloatArray,
    IntArray,
    Photo,
    SimilarHead,
    Texture,
)

SEEN, MIRRORED, BORROWED = 1, 2, 3
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_PASTE_FACING = 0.1
_BEARD = 0.5  # the densest beard that is borrowed: its level is the photo's
_GUTTER = 0.006  # edge lengths of the atlas: twelve texels of 2048


@dataclass(frozen=True, eq=False)
class Sitting:
    """A photo and the head fitted to it.

    Attributes
    ----------
    photo, camera
        The photo and its fitted camera.
    vertices, neutral
        (V, 3) mm: the head as posed in the photo, and with neutral expression.
    mesh
        (478, 2) located mesh points, or None.
    unused
        What a person drew over the photo: it is taken there for what it does not show.
    """

    photo: Photo
    camera: Camera
    vertices: FloatArray
    neutral: FloatArray
    mesh: FloatArray | None
    unused: tuple[Stroke, ...] = ()


def make_texture(
    sitting: Sitting,
    database: HeadDatabase,
    heads: tuple[SimilarHead, ...],
    options: TextureOptions,
    check: Callable[[], None] = lambda: None,
) -> Texture:
    """Make the texture of a fitted head.

    Parameters
    ----------
    sitting
        The photo and the head.
    database, heads
        Where the borrowed skin comes from.
    options
        Size and looks.
    check
        Called between the steps: may raise to cancel.

    Returns
    -------
    Texture
        No empty texel: what lies outside the charts goes on from inside.
    """
    # What does not wait for the rest is done beside it.
    with ThreadPoolExecutor(max_workers=1) as beside:
        return _made(sitting, database, heads, options, beside, check)


def _made(
    sitting: Sitting,
    database: HeadDatabase,
    heads: tuple[SimilarHead, ...],
    options: TextureOptions,
    beside: ThreadPoolExecutor,
    check: Callable[[], None],
) -> Texture:
    size, work = options.size, work_size(options.size)
    prepare_layouts(work)
    check()
    photo, camera = sitting.photo, sitting.camera
    parts = None if options.method == "paste" else beside.submit(_parts, photo, camera)
    worn = None if parts is None else beside.submit(_glasses, sitting)
    eyes = beside.submit(_eyes, sitting, options.iris, size)
    look = look_at(photo, camera, sitting.vertices, sitting.mesh, work)
    if sitting.unused:
        hidden = covered(stroke_mask(sitting.unused, photo.size), look.projection.pixels)
        look = replace(look, projection=replace(look.projection, visible=look.projection.visible & ~hidden))
    check()
    light = photo_light(look)
    if parts is None or worn is None:
        layers, donor = _pasted(look, database, heads)
        hair = None
    else:
        found = _find(sitting, look, light, database, heads, options, parts.result(), worn.result())
        check()
        wanted = options.scalp == "photo" and found.segments.has_hair
        hair = beside.submit(_strands, sitting, look, found.segments, size) if wanted else None
        donor, layers = found.donor, found.layers(look, options, check)
    check()
    places = _places(look, layers, min(size, PLACE_SIZE))
    patch = cut_photo(photo, places, np.maximum(layers.seen, layers.mirrored[:, ::-1]), sitting.mesh, size)
    fine = donor.fine(size, work) if size > work else None
    strength = float(donor.gain @ _LUMINANCE)
    pixels = compose(layers, patch, places, fine, strength, hair and hair.result(), size, check)
    check()
    for where, colours in (_painted_inside(size), *eyes.result()):
        pixels.reshape(-1, 3)[where] = colours
    return Texture(
        pixels,
        _coverage(layers, size),
        poisson_residual=layers.residual,
        poisson_size=layers.solved_size,
        donor=donor.head_id,
    )


@lru_cache(maxsize=2)
def _average_skin(size: int) -> ByteArray:
    return load_albedo().skin(skin_coefficients({"beard": 0.0}), size)


def photo_light(look: PhotoLook) -> Light:
    """Estimate the light of a photo from its look at the work atlas."""
    layout = look.layout
    albedo = _average_skin(layout.size)[layout.rows, layout.columns].astype(np.float32)
    return estimate_light(look.colours, albedo, look.normals, core_texels(look))


def _parts(photo: Photo, camera: Camera) -> PhotoParts | None:
    """Ask the segmenter what a photo shows; None where there is none."""
    try:
        return hats_told(photo.pixels, photo_parts(photo.pixels, camera))
    except ModelError:
        return None


def _glasses(sitting: Sitting) -> GlassesWindow | None:
    """Ask where the photo shows glasses; None where there is no network for it."""
    try:
        return find_glasses(sitting.photo.pixels, sitting.camera, sitting.vertices)
    except ModelError:
        return None


@dataclass(frozen=True, eq=False)
class _Findings:
    """What the photo shows, and what is made of it: see `make_layers`."""

    segments: Segments
    gain: Float32Array
    shine: Float32Array | None
    beard: float
    donor: Donor

    def layers(self, look: PhotoLook, options: TextureOptions, check: Callable[[], None]) -> Layers:
        return make_layers(
            look,
            self.segments,
            self.gain,
            self.donor,
            options.scalp,
            beard=self.beard,
            shine=self.shine,
            even_sides=options.relight != "keep",
            check=check,
        )


def _find(
    sitting: Sitting,
    look: PhotoLook,
    light: Light,
    database: HeadDatabase,
    heads: tuple[SimilarHead, ...],
    options: TextureOptions,
    parts: PhotoParts | None,
    glasses: GlassesWindow | None,
) -> _Findings:
    core = core_texels(look)
    without_light = look.colours * light_gain(light, look.normals, core, "albedo")[:, None]
    segments = _segments(sitting, look, without_light, parts)
    bare = ~glasses_texels(look, glasses)
    segments = replace(segments, skin=segments.skin & bare, hair=segments.hair & bare)
    gain = light_gain(light, look.normals, core, options.relight)
    face = segments.skin & (look.inside_oval > 0.03) & ~look.opening
    grown = beard_amount(look, without_light, segments.skin)
    evened = look.colours * gain[:, None]
    tone = face_tone(evened, face)
    donor = choose_donor(database, heads, tone, options.scalp == "stubble", _BEARD * grown)
    dull = None if options.relight == "keep" else shine(look, evened, segments, face)
    factor, loss = dull or (np.ones_like(gain), None)
    return _Findings(segments, gain * factor, loss, grown, donor)


def _segments(sitting: Sitting, look: PhotoLook, colours: Float32Array, parts: PhotoParts | None) -> Segments:
    """Sort the texels by the segmenter, and by colours alone where there is none, or it cannot tell."""
    pixels, grown = sitting.photo.pixels, scalp(look.layout.size)
    found = parts and segment_by_parts(look, colours, grown, pixels, parts, sitting.camera)
    return found or segment(look, colours, grown, around_the_head(look, pixels), pixels, parts)


def _strands(sitting: Sitting, look: PhotoLook, segments: Segments, size: int) -> Float32Array:
    """Return the fine structure of the photo's hair over the scalp, (H, H, 3) float32."""
    camera = sitting.camera
    depth = float(to_camera_space(camera, np.zeros(3))[2])
    exemplar = find_exemplar(sitting.photo, look, segments.strands, camera.fx / max(depth, 1.0))
    return strands(exemplar or plain_exemplar(), min(size, HAIR_SIZE))


def _pasted(look: PhotoLook, database: HeadDatabase, heads: tuple[SimilarHead, ...]) -> tuple[Layers, Donor]:
    """Lay the photo over a similar head's skin as both are: no masks, no light, no fusion."""
    layout, work = look.layout, look.layout.size
    face = core_texels(look)
    donor = replace(choose_donor(database, heads, face_tone(look.colours, face)), gain=np.ones(3))
    seen = layout.grid(
        (look.projection.visible & (look.projection.facing > _PASTE_FACING)).astype(np.float32)
    )
    none = np.zeros((work, work), dtype=np.float32)
    layers = Layers(
        base=spread(donor.skin(work), work_inside(work)),
        seen=seen,
        mirrored=none,
        gain=none + 1,
        lift=np.zeros((work, work, 3), dtype=np.float32),
        offset=np.zeros((work, work, 3), dtype=np.float32),
        fine=none + 1,
        hair=none,
        confidence=seen,
        closed=layout.grid((~look.opening).astype(np.float32)),
        residual=0.0,
        solved_size=0,
    )
    return layers, donor


def _places(look: PhotoLook, layers: Layers, size: int) -> Float32Array:
    """Return where the atlas' texels that the photo gives lie in it, (size, size, 2) float32 pixels."""
    used = np.maximum(layers.seen, layers.mirrored[:, ::-1]) > 0
    near = cv2.dilate(used.astype(np.uint8), np.ones((5, 5), np.uint8))
    where = cv2.resize(near, (size, size), interpolation=cv2.INTER_NEAREST) > 0
    return place_grid(size).grid(look.places, where)


def _coverage(layers: Layers, size: int) -> Coverage:
    """Return the coverage at full size: the source that gives the most of each texel."""

    def full(picture: Float32Array) -> ByteArray:
        bytes_of = np.rint(255 * picture).astype(np.uint8)
        out = cv2.resize(bytes_of, (size, size), interpolation=cv2.INTER_LINEAR)
        return np.asarray(out, dtype=np.uint8)

    inside = chart_mask(size).view(np.uint8)
    labels = np.full((size, size), BORROWED, dtype=np.uint8)
    for layer, source in (
        (layers.mirrored * layers.closed[:, ::-1], MIRRORED),
        (layers.seen * layers.closed, SEEN),
    ):
        labels[full(layer) > 127] = source
    labels *= inside
    whole = max(cv2.countNonZero(inside), 1)
    seen, mirrored = (
        cv2.countNonZero((labels == source).view(np.uint8)) / whole for source in (SEEN, MIRRORED)
    )
    confidence = full(layers.confidence)
    confidence *= inside
    return Coverage(labels, seen, mirrored, 1.0 - seen - mirrored, confidence)


@lru_cache(maxsize=3)
def _painted_inside(size: int) -> tuple[IntArray, ByteArray]:
    """Return the texels (flat numbers) of mouth, teeth, tongue and their gutter, and their colours."""
    small = min(size, PLACE_SIZE)
    atlas = np.zeros((small, small, 3), dtype=np.uint8)
    paint_inner(atlas, load_template())
    painted = atlas.max(axis=2) > 0
    filled = atlas.reshape(-1, 3)[nearest_inside(painted)]
    away = cv2.distanceTransform((~painted).astype(np.uint8), cv2.DIST_L2, 5)
    skin = cv2.distanceTransform((~chart_mask(small)).astype(np.uint8), cv2.DIST_L2, 5)
    wanted = (away < np.minimum(skin, _GUTTER * small)).astype(np.uint8)
    full = np.asarray(cv2.resize(filled, (size, size), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    where = np.flatnonzero(cv2.resize(wanted, (size, size), interpolation=cv2.INTER_NEAREST)).astype(np.int32)
    return where, full.reshape(-1, 3)[where]


def _eyes(sitting: Sitting, iris: tuple[int, int, int] | None, size: int) -> list[tuple[IntArray, ByteArray]]:
    """Return the texels of the eyeballs and their colours, as the photo shows its eyes."""
    irises, white, diameter = np.array([DEFAULT_IRIS] * 2), 1.0, IRIS_DIAMETER_MM
    if sitting.mesh is not None:
        photo = sitting.photo.pixels
        irises = np.stack([iris_colour(photo, sitting.mesh, side) for side in (0, 1)])
        white = white_brightness(photo, sitting.mesh, OPENINGS)
        diameter = iris_diameter(sitting.mesh, _eye_scale(sitting))
    if iris is not None:
        irises = np.array([iris] * 2, dtype=np.float64)
    return painted_eyes(size, load_template(), sitting.neutral, irises, white, diameter)


def _eye_scale(sitting: Sitting) -> float:
    """Return the pixels in a millimetre at the eyes."""
    chart = load_template().eyes[0]
    depth = float(to_camera_space(sitting.camera, sitting.vertices[chart.start])[2])
    return sitting.camera.fx / max(depth, 1.0)
