"""Pictures of database heads in their own skins, for recognition.

Training has other light, other turns of the head and other expressions than tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.database.model import HeadDatabase
from facestudio.database.store import head_texture
from facestudio.geometry.camera import head_rotation
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import to_ibug68
from facestudio.render.lighting import Light, Lighting, Style
from facestudio.render.offscreen import OffscreenRenderer
from facestudio.render.scene import mesh_of_head
from facestudio.retrieval.aligned_face import align_face
from facestudio.template.expressions import expression_deltas_for
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.values import ARKIT_NAMES, ByteArray, Camera, FloatArray, Photo

Part = Literal["train", "test"]


@dataclass(frozen=True)
class Conditions:
    """What pictures of one part may look like; the parts share nothing but the heads.

    Attributes
    ----------
    yaw, light
        Ranges of the head's turn and of where the main light stands, degrees; one of them is drawn.
    expressions
        ARKit shapes (without Left and Right) that may be set.
    """

    yaw: tuple[tuple[float, float], ...]
    light: tuple[tuple[float, float], ...]
    expressions: tuple[str, ...]


CONDITIONS: dict[Part, Conditions] = {
    "train": Conditions(
        ((-20.0, -12.0), (-6.0, 0.0), (6.0, 12.0), (15.0, 20.0)),
        ((-80.0, -25.0), (-5.0, 20.0), (45.0, 80.0)),
        ("mouthSmile", "jawOpen", "browInnerUp", "eyeWide", "mouthDimple", "cheekSquint", "mouthUpperUp"),
    ),
    "test": Conditions(
        ((-12.0, -6.0), (0.0, 6.0), (12.0, 15.0)),
        ((-25.0, -5.0), (20.0, 45.0)),
        ("mouthFrown", "mouthPucker", "browDown", "eyeSquint", "mouthPress", "noseSneer", "mouthStretch"),
    ),
}
_SIZE = 320
_SKIN_SIZE = 1024
_LEVEL = 1
_CALM = 0.3  # share of pictures without expression
_STRONGEST = 0.7


@dataclass(frozen=True, eq=False)
class RecognitionFace:
    """A picture of a head: its `row`, the `photo` (S, S, 3) and the `face` cut out of it (224, 224, 3), uint8 RGB."""

    row: int
    photo: ByteArray
    face: ByteArray


def recognition_faces(
    database: HeadDatabase, rows: list[int], count: int, part: Part, seed: int
) -> Iterator[RecognitionFace]:
    """Draw heads and cut their faces out as is done with any photo: located, aligned.

    Parameters
    ----------
    database
        Where the heads are.
    rows
        Which of them.
    count
        Pictures of each; those in which no face is found are left out.
    part
        Under whose conditions.
    seed
        Of everything else.

    Yields
    ------
    RecognitionFace
        Head by head.
    """
    template, albedo, surface = load_template(), load_albedo(), topology(_LEVEL)
    with OffscreenRenderer() as renderer:
        for row in rows:
            head = database.vertices(row)
            deltas = expression_deltas_for(template, head).astype(np.float64)
            renderer.set_texture(head_texture(database, row, _SKIN_SIZE, albedo))
            for number in range(count):
                rng = np.random.default_rng([seed, row, number, part == "test"])
                posed = head + np.tensordot(_expression(rng, CONDITIONS[part]), deltas, axes=1)
                renderer.set_mesh(mesh_of_head(surface, posed, template.materials))
                camera = _camera(rng, CONDITIONS[part])
                # The lens softens the picture afterwards anyway.
                style = Style(lighting=_light(rng, CONDITIONS[part]), supersample=1)
                photo = _photographed(renderer.picture(camera, style, _backdrop(rng)), rng)
                face = _located(photo)
                if face is not None:
                    yield RecognitionFace(row, photo, face)


def _located(pixels: ByteArray) -> ByteArray | None:
    faces = locate_faces(Photo(pixels, "drawn"), max_faces=1)
    return align_face(pixels, to_ibug68(faces[0].mesh).points) if faces else None


def _within(rng: np.random.Generator, ranges: tuple[tuple[float, float], ...]) -> float:
    widths = np.array([high - low for low, high in ranges])
    low, high = ranges[int(rng.choice(len(ranges), p=widths / widths.sum()))]
    return float(rng.uniform(low, high))


def _expression(rng: np.random.Generator, conditions: Conditions) -> FloatArray:
    weights = np.zeros(len(ARKIT_NAMES))
    if rng.random() < _CALM:
        return weights
    for name in rng.choice(conditions.expressions, 2, replace=False).tolist():
        strength = rng.uniform(0.1, _STRONGEST)
        for i, own in enumerate(ARKIT_NAMES):
            if own in (name, f"{name}Left", f"{name}Right"):
                weights[i] = np.clip(strength * rng.uniform(0.85, 1.15), 0, 1)
    return weights


def _camera(rng: np.random.Generator, conditions: Conditions) -> Camera:
    turned = (_within(rng, conditions.yaw), rng.normal(0, 4), rng.normal(0, 4))
    rotation = head_rotation(*np.radians(turned))
    focal = rng.uniform(1.4, 3.0) * _SIZE
    distance = focal * 235.0 / (_SIZE * rng.uniform(0.62, 0.75))
    shift = np.array([rng.uniform(-12, 12), rng.uniform(-10, 10), distance])
    shift = shift - rotation @ np.array([0.0, -18.0, 0.0])
    centre = (_SIZE - 1) / 2
    return Camera(focal, focal, centre, centre, rotation, shift, (_SIZE, _SIZE), "given")


def _light(rng: np.random.Generator, conditions: Conditions) -> Lighting:
    azimuth, height = np.radians(_within(rng, conditions.light)), np.radians(rng.uniform(0, 45))
    ambient, strength = rng.uniform(0.25, 0.6), rng.uniform(0.35, 0.8)
    tint = np.array([1.0, 1.0, 1.0]) + rng.normal(0, 0.04, 3)
    lamp = (
        float(np.sin(azimuth) * np.cos(height)),
        float(np.sin(height)),
        float(np.cos(azimuth) * np.cos(height)),
    )

    def colour(level: float) -> tuple[float, float, float]:
        red, green, blue = (level * tint).tolist()
        return red, green, blue

    return Lighting(
        sky=colour(ambient),
        ground=colour(0.75 * ambient),
        lights=(Light(lamp, colour(strength)), Light((-lamp[0], 0.2, 0.8), colour(0.15 * strength))),
    )


def _backdrop(rng: np.random.Generator) -> tuple[int, int, int]:
    grey, tint = rng.integers(20, 235), rng.integers(-20, 21, 3)
    red, green, blue = np.clip(grey + tint, 0, 255).tolist()
    return red, green, blue


def _photographed(picture: ByteArray, rng: np.random.Generator) -> ByteArray:
    """Return a picture as a camera would give it: exposure, softness, grain, JPEG."""
    values = picture.astype(np.float32) * rng.uniform(0.85, 1.12)
    values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.3, 1.0)) + rng.normal(
        0, rng.uniform(1, 5), picture.shape
    )
    bgr = cv2.cvtColor(np.clip(values, 0, 255).astype(np.uint8), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
