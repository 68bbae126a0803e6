"""What each pixel of the photo shows around the head.

Two networks trained on real people look at an upright square around the fitted head: MediaPipe's segmentation of
persons at the whole square, its landmarker at the square's middle. A small network trained on synthetic photos reads
their layers and says what is skin, hair, beard, a cover or background; so it sees real photos with eyes that have seen
real people.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import cv2
import numpy as np

from facestudio.errors import ModelError
from facestudio.geometry.camera import project, to_camera_space
from facestudio.landmarks.landmarker import LAYERS as FACE_LAYERS
from facestudio.landmarks.sessions import OnnxModel, open_shipped
from facestudio.texture.sampling import sample_at
from facestudio.values import ByteArray, Camera, Float32Array, FloatArray

SEGMENTER = "photo-segmenter"
SQUARE_SIZE = 256
SQUARE_MM = 1.75
"""Width of a pixel of the square at the head; the landmarker's has half of it."""

PERSON_LAYERS = {"person_128": 16, "person_64": 16, "person_32": 24, "person_16": 32}
"""Layers and their channels; the numbers in the names are their places a side."""

_MIDDLE = np.array([0.0, 0.0, 50.0])  # head space, mm: where the middle of the square lies
_UP_MM = 60.0
_SPECK_MM2 = 600.0
_AMID = 0.9


class Part(IntEnum):
    """What a pixel shows. Skin has brows, lips, eyes and mouth; a cover is clothes, a hat, glasses, a hand, a mask."""

    BACKGROUND = 0
    SKIN = 1
    HAIR = 2
    BEARD = 3
    COVER = 4


@dataclass(frozen=True, eq=False)
class PhotoParts:
    """What the photo shows around the head.

    Attributes
    ----------
    shares
        (S, S, 5) float32 0..1: probability of each `Part`, on the upright square.
    to_photo
        (2, 3): place in the square (x right, y down, pixels) to place in the photo.
    square
        (S, S, 3) uint8: the square itself, where it was cut out already.
    """

    shares: Float32Array
    to_photo: FloatArray
    square: ByteArray | None = None

    def cut(self, pixels: ByteArray) -> ByteArray:
        """Return the square of the photo (H, W, 3) uint8."""
        return cut_square(pixels, self.to_photo) if self.square is None else self.square

    def at(self, pixels: Float32Array) -> Float32Array:
        """Return the shares at places in the photo (N, 2), (N, 5) float32; outside the square all background."""
        inverse = cv2.invertAffineTransform(self.to_photo)
        at = (pixels @ inverse[:, :2].T + inverse[:, 2]).astype(np.float32)
        found = np.empty((len(at), len(Part)), dtype=np.float32)
        for part in Part:
            outside = 1.0 if part == Part.BACKGROUND else 0.0
            plane = np.ascontiguousarray(self.shares[..., part])
            found[:, part] = sample_at(plane, at, outside=outside)
        return found


def square_around(camera: Camera) -> FloatArray:
    """Return where the upright square around a head lies in the photo, (2, 3): place in the square to the photo."""
    return upright_window(camera, _MIDDLE, (SQUARE_SIZE, SQUARE_SIZE), SQUARE_MM)


def upright_window(camera: Camera, point: FloatArray, size: tuple[int, int], pixel_mm: float) -> FloatArray:
    """Return where a window around a point (3,) mm of the head lies in the photo, (2, 3), upright as the head is.

    Parameters
    ----------
    camera
        The photo's.
    point
        What is in its middle, head space.
    size
        (width, height) pixels.
    pixel_mm
        Width of a pixel at the point.
    """
    depth = float(to_camera_space(camera, point)[2])
    step = pixel_mm * camera.fx / max(depth, 1.0)
    (middle, above), _ = project(camera, np.stack([point, point + np.array([0.0, _UP_MM, 0.0])]))
    up = above - middle
    length = float(np.linalg.norm(up))
    # Seen from straight above or below a head has no upright direction in the photo.
    down = -up / length if length > 1e-3 * step else np.array([0.0, 1.0])
    right = np.array([down[1], -down[0]])
    axes = np.stack([right, down], axis=1) * step
    return np.column_stack([axes, middle - axes @ ((np.array(size) - 1) / 2)])


def inner_square(to_photo: FloatArray) -> FloatArray:
    """Return where the square's middle half, of as many pixels, lies in the photo, (2, 3)."""
    axes = to_photo[:, :2] / 2
    middle = to_photo[:, :2] @ np.full(2, (SQUARE_SIZE - 1) / 2) + to_photo[:, 2]
    return np.column_stack([axes, middle - axes @ np.full(2, (SQUARE_SIZE - 1) / 2)])


def cut_square(
    pixels: ByteArray, to_photo: FloatArray, size: tuple[int, int] = (SQUARE_SIZE, SQUARE_SIZE)
) -> ByteArray:
    """Return an upright part of a photo (H, W, 3), of size (width, height), uint8; without aliasing."""
    step = float(np.sqrt(abs(np.linalg.det(to_photo[:, :2]))))
    matrix = to_photo.copy()
    if step > 1.5:
        height, width = pixels.shape[:2]
        whole = (max(8, round(width / step)), max(8, round(height / step)))
        scale = np.array(whole) / [width, height]
        pixels = np.asarray(cv2.resize(pixels, whole, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        matrix[:, 2] += 0.5
        matrix *= scale[:, None]
        matrix[:, 2] -= 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(pixels, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, dtype=np.uint8)


def seen_layers(square: ByteArray, inner: ByteArray) -> dict[str, Float32Array]:
    """Return what the two networks see in a square and its middle, (S, S, 3) uint8 each: each layer (1, C, P, P).

    Raises
    ------
    ModelError
        If a model is missing or damaged.
    """
    whole, middle = (picture[None].astype(np.float32) / np.float32(255) for picture in (square, inner))
    layers = open_shipped("person").run({"image": whole}, tuple(PERSON_LAYERS))
    layers.update(open_shipped("face_landmarks").run({"image": middle}, tuple(FACE_LAYERS)))
    layers["image"] = np.ascontiguousarray(whole.transpose(0, 3, 1, 2))
    return layers


@cache
def load_segmenter() -> OnnxModel:
    """Open the shipped segmenter, the first time.

    Raises
    ------
    ModelError
        If it is missing, damaged or no segmenter.
    """
    model = open_shipped(SEGMENTER)
    wanted = {"image", *PERSON_LAYERS, *FACE_LAYERS}
    if set(model.input_shapes) != wanted or "shares" not in model.output_names:
        raise ModelError(
            f"{model.name} is no segmenter: it must take the layers of the networks and give shares"
        )
    return model


def photo_parts(pixels: ByteArray, camera: Camera) -> PhotoParts:
    """Tell what a photo (H, W, 3) uint8 RGB shows around a head.

    Raises
    ------
    ModelError
        If a model is missing or damaged.
    """
    return parts_of_square(pixels, square_around(camera))


def parts_of_square(pixels: ByteArray, to_photo: FloatArray) -> PhotoParts:
    """Tell what an upright square of a photo (H, W, 3) uint8 RGB shows; it lies at `to_photo` (2, 3).

    Raises
    ------
    ModelError
        If a model is missing or damaged.
    """
    square, inner = cut_square(pixels, to_photo), cut_square(pixels, inner_square(to_photo))
    found = load_segmenter().run(seen_layers(square, inner))["shares"][0]
    return PhotoParts(without_specks(np.ascontiguousarray(found.transpose(1, 2, 0))), to_photo, square)


def without_specks(shares: Float32Array) -> Float32Array:
    """Return shares (S, S, 5) in which small spots amid hair are hair: they are its shine.

    A spot has less than `_SPECK_MM2` and nearly nothing but hair around it.
    """
    label = shares.argmax(axis=2)
    hair = (label == Part.HAIR).astype(np.uint8)
    count, spot, stats, _ = cv2.connectedComponentsWithStats(1 - hair, connectivity=8)
    out = shares.copy()
    for number in range(1, count):
        if stats[number, cv2.CC_STAT_AREA] * SQUARE_MM**2 > _SPECK_MM2:
            continue
        own = (spot == number).astype(np.uint8)
        near = cv2.dilate(own, np.ones((5, 5), np.uint8)) > 0
        around = near & (own == 0)
        if hair[around].mean() < _AMID:
            continue
        kept = np.where(near, np.float32(0), np.float32(1))[..., None]
        spared = out.sum(axis=2) * near
        out *= kept
        out[..., Part.HAIR] += spared
    return out
