"""What a synthetic photo is drawn from: surfaces of several kinds, its light, and what comes out."""

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np

from facestudio.values import ByteArray, Camera, Float32Array, FloatArray, IntArray

MAX_PHOTO_LIGHTS = 4
_SOFT = 0.01  # penumbra as a share of the shadow map: wider than vertices are apart
_MAP_SIZES = (256, 384, 512, 768, 1024)


class Kind(IntEnum):
    """How a surface answers light; the numbers are those of photo.frag."""

    SKIN = 0
    EYE = 1
    HAIR = 2
    CLOTH = 3
    SHINY = 4
    LENS = 5
    WET = 6


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of one kind.

    Attributes
    ----------
    kind
        Which branch of the shader draws it.
    label
        0..255, written into the label picture.
    vertices
        (R, 12) float32: position mm in head space, normal (of hair: direction of the strand), uv (v down), linear
        RGB tint, share of the sky seen.
    triangles
        (M, 3) int32.
    texture
        (H, W, 3) or (H, W, 4) uint8 sRGB, or None for white; where alpha is below one half there is a hole.
    labels
        (S, S) uint8 or None: a label per texel in place of `label`.
    grain, grain_scale
        Strength and repetition of pores and threads.
    gloss
        0 matt to 1.
    opacity
        Of lenses.
    shadow
        (M', 3) int32: the triangles that throw a shadow, perhaps fewer; None: it throws none.
    closed
        Whether its far side can be left out.
    solid
        Whether it counts for depth and labels; lashes and lenses do not.
    """

    kind: Kind
    label: int
    vertices: Float32Array
    triangles: IntArray
    texture: ByteArray | None = None
    labels: ByteArray | None = None
    grain: float = 0.0
    grain_scale: float = 1.0
    gloss: float = 0.3
    opacity: float = 0.0
    shadow: IntArray | None = None
    closed: bool = False
    solid: bool = True


@dataclass(frozen=True, eq=False)
class PhotoLight:
    """All light of a synthetic photo, linear, head space.

    Attributes
    ----------
    harmonics
        (9, 3) float64: irradiance over pi as the polynomial 1, y, z, x, xy, yz, 3z²-1, xz, x²-y² of the normal.
    directions
        (L, 3) float64 towards the lamps, length one; the first one throws the shadow. 1 to MAX_PHOTO_LIGHTS.
    colours
        (L, 3) float64.
    up
        (3,) float64: away from the ground.
    softness
        Radius of the key light's penumbra, share of the shadow map, about 0.002 (sun) to 0.03 (window).
    exposure
        Factor before the tone curve.
    """

    harmonics: FloatArray
    directions: FloatArray
    colours: FloatArray
    up: FloatArray
    softness: float
    exposure: float


@dataclass(frozen=True, eq=False)
class PhotoLayers:
    """What was drawn.

    Attributes
    ----------
    colour
        (H, W, 4) uint8: sRGB multiplied by alpha, and alpha.
    labels
        (H, W) uint8: labels of the solid surfaces, 0 where there is none.
    depth
        (H, W) float32 mm: z in camera space of the solid surfaces at the pixels' centres, infinite where there
        is none.
    """

    colour: ByteArray
    labels: ByteArray
    depth: Float32Array


def pack_vertices(
    positions: FloatArray | Float32Array,
    normals: FloatArray | Float32Array,
    uvs: FloatArray | Float32Array | None = None,
    tint: FloatArray | Float32Array | tuple[float, float, float] = (1.0, 1.0, 1.0),
    sky: FloatArray | Float32Array | float = 1.0,
) -> Float32Array:
    """Return the vertices of a Surface, (R, 12) float32, from its columns as in Surface."""
    out = np.empty((len(positions), 12), dtype=np.float32)
    out[:, 0:3] = positions
    out[:, 3:6] = normals
    out[:, 6:8] = 0.0 if uvs is None else uvs
    out[:, 8:11] = tint
    out[:, 11] = sky
    return out


def light_matrix(direction: FloatArray, up: FloatArray, centre: FloatArray, radius_mm: float) -> Float32Array:
    """Return the (4, 4) clip matrix of a parallel light that sees a ball.

    Parameters
    ----------
    direction
        (3,) towards the light.
    up
        (3,) anything not parallel to it.
    centre, radius_mm
        The ball, head space.
    """
    z = direction / np.linalg.norm(direction)
    aid = up if abs(float(z @ up)) < 0.95 else np.roll(up, 1)
    x = np.cross(aid, z)
    x /= np.linalg.norm(x)
    frame = np.stack([x, np.cross(z, x), -z]) / radius_mm
    matrix = np.eye(4)
    matrix[:3, :3] = frame
    matrix[:3, 3] = -frame @ centre
    return matrix.astype(np.float32)


def scene_planes(vertices: Float32Array, camera: Camera) -> tuple[float, float]:
    """Return near and far planes (mm) for vertices as in Surface; near is at least a fiftieth of far."""
    depth = vertices[:, :3] @ camera.rotation[2].astype(np.float32) + np.float32(camera.translation_mm[2])
    far = max(float(depth.max()) * 1.01 + 1.0, 2.0)
    return max(float(depth.min()) * 0.98 - 1.0, far * 0.02), far


# From -1..1 to 0..1, as textures are addressed.
_TO_TEXTURE = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1]])
_ENCODED = 0.4  # as in photo.frag


def _tones() -> ByteArray:
    """Return the table from the shader's square root of light to sRGB with a soft shoulder, (256, 1, 4) uint8."""
    light = (np.arange(256) / 255.0) ** 2 / _ENCODED
    shoulder = 0.6
    over = np.maximum(light - shoulder, 0)
    light = np.minimum(light, shoulder) + (1 - shoulder) * (1 - np.exp(-over / (1 - shoulder)))
    srgb = np.where(
        light < 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    )
    colour = np.rint(255 * srgb)
    return np.stack([colour, colour, colour, np.arange(256.0)], axis=1).astype(np.uint8)[:, None]


TONES = _tones()


def _roots() -> ByteArray:
    """Return the table from sRGB to the square root of linear light, alpha as it is, (256, 1, 4) uint8."""
    srgb = np.arange(256) / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    root = np.rint(255 * np.sqrt(linear))
    return np.stack([root, root, root, np.arange(256.0)], axis=1).astype(np.uint8)[:, None]


_ROOTS = _roots()


def encoded_texture(pixels: ByteArray) -> ByteArray:
    """Return an sRGB texture (H, W, 3 or 4) uint8 as the square root of linear light: quicker to sample than sRGB."""
    return np.asarray(cv2.LUT(pixels, _ROOTS[..., : pixels.shape[2]]), dtype=np.uint8)


def has_holes(surface: Surface) -> bool:
    """Tell whether a surface's texture says where it is not."""
    return surface.texture is not None and surface.texture.shape[2] == 4


def shadow_lookup(matrix: Float32Array, bias_mm: float) -> FloatArray:
    """Return the matrix from head space to a shadow map's 0..1, moved towards the light by some millimetres."""
    # Row 2 of the matrix is depth per millimetre.
    biased = matrix.astype(np.float64)
    biased[2, 3] -= bias_mm * float(np.linalg.norm(biased[2, :3]))
    return _TO_TEXTURE @ biased


def is_soft(light: PhotoLight) -> bool:
    """Tell whether shadows are so soft that they can be gathered at the vertices."""
    return light.softness >= _SOFT


def map_sizes(camera: Camera, soft: bool) -> tuple[int, int]:
    """Return the edges of the key light's and the sky's shadow maps for a picture: the finer, the larger, texels."""
    fine = max(camera.image_size) * (0.7 if soft else 1.05)
    key = next((size for size in _MAP_SIZES if size >= fine), _MAP_SIZES[-1])
    return key, 192 if max(camera.image_size) > 500 else 128


def shader_flags(surface: Surface, soft: bool) -> str:
    """Return what a surface has, for the shaders' preprocessor; `soft`: shadows are gathered at its vertices."""
    flags = {
        "SOFT": soft and surface.kind != Kind.HAIR,
        "TEXTURED": surface.texture is not None,
        "HOLES": has_holes(surface),
        "LABELLED": surface.labels is not None,
        "GRAIN": surface.grain > 0,
    }
    return ",".join([f"KIND {int(surface.kind)}", *(name for name, has in flags.items() if has)])


def depth_mm(depth: Float32Array, near: float, far: float) -> Float32Array:
    """Return depth in mm, infinite where there is nothing, from a depth buffer's 0..1 and the planes in mm."""
    # The inverse of the projection's depth.
    z = np.maximum(depth * np.float32(near - far) + np.float32(far), np.float32(1e-6))
    np.divide(np.float32(near * far), z, out=z)
    z[depth >= 1.0] = np.inf
    return z
