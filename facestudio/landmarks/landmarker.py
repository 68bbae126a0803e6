"""Runs MediaPipe's face landmarker on a part of a photo: its points, and the layers inside that led to them."""

import math
import weakref
from dataclasses import dataclass
from typing import Final

import numpy as np

from facestudio.landmarks.region import Region, cut_region
from facestudio.landmarks.sessions import open_shipped
from facestudio.values import ByteArray, Float32Array

LAYERS: Final = {"features_64": 32, "features_32": 64, "features_16": 128, "features_8": 128}
"""The layers and their numbers of channels, the finest first; the names say how many places a side they have."""


@dataclass(frozen=True, eq=False)
class Look:
    """What the landmarker saw.

    Attributes
    ----------
    region
        The part of the photo that it looked at.
    points
        (478, 3) float32: as the network gives them, crop pixels counted from their corners, and depth.
    presence
        0..1: how sure it is that there is a face.
    layers
        (C, S, S) float32 each, in the order of `LAYERS`.
    """

    region: Region
    points: Float32Array
    presence: float
    layers: tuple[Float32Array, ...]


# The last look: who locates a face asks for the layers behind its points next.
_last: tuple["weakref.ref[ByteArray]", Look] | None = None


def look_at(pixels: ByteArray, region: Region, *, mirrored: bool = False) -> Look:
    """Run the landmarker on a region of a photo, (H, W, 3) uint8 RGB, or on the mirror image of the crop.

    The last look at a photo that cannot be written to is kept.

    Raises
    ------
    ModelError
        If the model or ONNX Runtime is missing.
    """
    global _last
    kept = _last
    if not mirrored and kept is not None and kept[0]() is pixels and kept[1].region == region:
        return kept[1]
    crop = cut_region(pixels, region)
    if mirrored:
        crop = crop[:, ::-1]
    image = np.multiply(crop[None], np.float32(1 / 255), dtype=np.float32)
    output = open_shipped("face_landmarks").run({"image": image}, ("landmarks", "presence", *LAYERS))
    presence = 1 / (1 + math.exp(-float(output["presence"].reshape(-1)[0])))
    layers = tuple(output[name][0] for name in LAYERS)
    look = Look(region, output["landmarks"].reshape(478, 3), presence, layers)
    if not mirrored and not pixels.flags.writeable:
        _last = weakref.ref(pixels), look
    return look
