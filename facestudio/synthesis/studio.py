"""Studio photos: a textured head under one soft light before a plain background, drawn on the CPU."""

from dataclasses import dataclass

import cv2
import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.geometry.camera import head_rotation, project
from facestudio.geometry.mesh import vertex_normals
from facestudio.geometry.raster import interpolate, rasterise
from facestudio.template.expressions import expression_deltas_for
from facestudio.template.model import Template, load_template
from facestudio.template.subdivision import Topology, topology
from facestudio.texture.eyes import paint_eyes
from facestudio.texture.inner import paint_inner
from facestudio.values import ARKIT_NAMES, ByteArray, Camera, FloatArray, Photo

_PAIRS = (
    "mouthSmile",
    "eyeBlink",
    "browDown",
    "browOuterUp",
    "eyeSquint",
    "mouthFrown",
    "mouthUpperUp",
    "mouthPress",
)
_SINGLES = ("jawOpen", "browInnerUp", "mouthPucker", "mouthFunnel", "mouthRollLower", "mouthShrugUpper")
_STRONGEST = {"eyeBlink": 0.5, "jawOpen": 0.5}


@dataclass(frozen=True, eq=False)
class StudioPhoto:
    """A drawn photo with its truth.

    Attributes
    ----------
    photo
        The picture.
    camera
        The camera it was drawn with.
    head
        (V, 3) mm, neutral.
    expression
        (52,) ARKit weights.
    atlas
        (S, S, 3) uint8: the texture it was drawn with.
    """

    photo: Photo
    camera: Camera
    head: FloatArray
    expression: FloatArray
    atlas: ByteArray

    def posed(self) -> FloatArray:
        """Return the head as it stands in the photo, (V, 3) mm, head space."""
        deltas = expression_deltas_for(load_template(), self.head)
        return self.head + np.tensordot(self.expression, deltas.astype(np.float64), axes=1)


def draw_head(
    surface: Topology,
    vertices: FloatArray,
    atlas: ByteArray,
    camera: Camera,
    *,
    tilt: float = 0.3,
    ambient: float = 0.6,
) -> ByteArray:
    """Draw a textured head under one soft light, (H, W, 3) uint8 RGB.

    Parameters
    ----------
    surface
        Render topology of the vertices' template.
    vertices
        (V, 3) mm, level 0.
    atlas
        (S, S, 3) uint8.
    camera
        From where.
    tilt
        Where the light comes from: -1 the sitter's right, 0 the front, 1 the left.
    ambient
        Share of light that reaches every place.
    """
    dense = surface.apply(vertices)
    normals = vertex_normals(dense, surface.quads)
    pixels, depth = project(camera, dense[surface.render_vertices])
    raster = rasterise(pixels, depth, surface.triangles, camera.image_size)
    values = interpolate(raster, np.column_stack([surface.render_uvs, normals[surface.render_vertices]]))
    size = len(atlas)
    x = (values[..., 0] * size - 0.5).astype(np.float32)
    y = ((1 - values[..., 1]) * size - 0.5).astype(np.float32)
    colour = cv2.remap(atlas, x, y, cv2.INTER_LINEAR).astype(np.float32)
    light = np.array([tilt, 0.4, 0.9]) / np.linalg.norm([tilt, 0.4, 0.9])
    lit = ambient + (1 - ambient) * 1.1 * np.clip(values[..., 2:5] @ light, 0, 1)
    return np.where(raster.covered[..., None], np.clip(colour * lit[..., None], 0, 255), 118).astype(np.uint8)


def draw_expression(rng: np.random.Generator) -> FloatArray:
    """Draw a mild, nearly symmetric expression (or none), (52,)."""
    weights = dict.fromkeys(ARKIT_NAMES, 0.0)
    if rng.random() < 0.35:
        return np.zeros(len(ARKIT_NAMES))
    for name in rng.choice(_PAIRS, 2, replace=False).tolist():
        value = rng.uniform(0, 0.8) * _STRONGEST.get(name, 1.0)
        weights[name + "Left"] = float(np.clip(value * rng.uniform(0.8, 1.2), 0, 1))
        weights[name + "Right"] = float(np.clip(value * rng.uniform(0.8, 1.2), 0, 1))
    name = str(rng.choice(_SINGLES))
    weights[name] = rng.uniform(0, 0.7) * _STRONGEST.get(name, 1.0)
    return np.array([weights[name] for name in ARKIT_NAMES])


def draw_camera(rng: np.random.Generator, size: int, largest_yaw: float = 30.0) -> Camera:
    """Draw a portrait camera: lens, distance and a pose up to `largest_yaw` degrees."""
    yaw = rng.uniform(-largest_yaw, largest_yaw) if rng.random() < 0.7 else rng.normal(0, 5)
    rotation = head_rotation(*np.radians([yaw, rng.normal(0, 6), rng.normal(0, 5)]))
    focal = rng.uniform(1.1, 2.6) * size
    distance = focal * 235.0 / (size * rng.uniform(0.5, 0.75))
    centre = (size - 1) / 2
    shift = np.array([rng.uniform(-20, 20), rng.uniform(-15, 15), distance])
    shift = shift - rotation @ np.array([0.0, -18.0, 0.0])
    return Camera(focal, focal, centre, centre, rotation, shift, (size, size), "given")


def head_atlas(
    template: Template, head: FloatArray, skin: FloatArray, iris: FloatArray, size: int
) -> ByteArray:
    """Return the whole atlas of a head: skin of the AlbedoModel, eyes, mouth; (size, size, 3) uint8."""
    atlas = load_albedo().skin(skin, size)
    paint_inner(atlas, template)
    paint_eyes(atlas, template, head, np.stack([iris, iris]))
    return atlas


def studio_photo(
    head: FloatArray,
    skin: FloatArray,
    rng: np.random.Generator,
    *,
    size: int = 640,
    largest_yaw: float = 30.0,
) -> StudioPhoto:
    """Draw one photo of a head (V, 3) mm with skin coefficients (J,); everything else comes from `rng`."""
    template = load_template()
    iris = rng.uniform([50, 38, 25], [130, 120, 115])
    atlas = head_atlas(template, head, skin, iris, 768)
    expression = draw_expression(rng)
    camera = draw_camera(rng, size, largest_yaw)
    deltas = expression_deltas_for(template, head)
    posed = head + np.tensordot(expression, deltas.astype(np.float64), axes=1)
    pixels = draw_head(topology(1), posed, atlas, camera, tilt=float(rng.uniform(-1, 1)))
    return StudioPhoto(Photo(pixels, name="studio"), camera, head, expression, atlas)
