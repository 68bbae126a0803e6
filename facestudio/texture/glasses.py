"""Where the photo shows glasses: their frames must not come into the texture.

Frames are two or three millimetres thin: the segmenter's pixels are too coarse for them. A small network looks at a
window around the eyes, upright, with pixels of 0.875 mm. What lies behind clear lenses is the person and stays.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from facestudio.errors import ModelError
from facestudio.landmarks.sessions import OnnxModel, open_shipped
from facestudio.template.model import load_template
from facestudio.texture.look import PhotoLook
from facestudio.texture.sampling import sample_at
from facestudio.texture.segmenter import cut_square, upright_window
from facestudio.values import BoolArray, ByteArray, Camera, Float32Array, FloatArray

MODEL = "glasses"
WINDOW = (256, 96)
"""Width and height of the window, pixels."""
WINDOW_MM = 0.875

_SURE = 0.5
_COVERED = 0.3  # where glasses are worn, what may be a frame is left out
_LEAST_MM2 = 250.0  # less is none: a wrinkle, lashes, a strand of hair
_RIM_MM = 1.3  # a frame throws a narrow shadow and shines at its edges
_NEAR_MM = 60.0  # above and below the middle of the head
_BEFORE_MM = 14.0  # from the middle of the eyeballs to where glasses sit, about


@dataclass(frozen=True, eq=False)
class GlassesWindow:
    """What the network says.

    Attributes
    ----------
    shares
        (96, 256) float32 0..1: probability that a pixel of the window shows a frame, or a dark lens.
    to_photo
        (2, 3): place in the window (x right, y down, pixels) to place in the photo.
    """

    shares: Float32Array
    to_photo: FloatArray

    @property
    def worn(self) -> bool:
        """Whether there are glasses."""
        return float((self.shares > _SURE).sum()) * WINDOW_MM**2 >= _LEAST_MM2


@cache
def load_glasses() -> OnnxModel:
    """Open the shipped network, the first time.

    Raises
    ------
    ModelError
        If it is missing, damaged or another network.
    """
    model = open_shipped(MODEL)
    wanted = (1, 3, WINDOW[1], WINDOW[0])
    if model.input_shapes != {"image": wanted} or model.output_names != ("shares",):
        raise ModelError(
            f"{model.name} does not tell glasses: it must take an image {wanted} and give shares"
        )
    return model


def window_around(camera: Camera, vertices: FloatArray) -> FloatArray:
    """Return where the window around the eyes of a head (V, 3) mm, as posed, lies in the photo, (2, 3)."""
    balls = [vertices[eye.start : eye.stop].mean(axis=0) for eye in load_template().eyes]
    middle = np.mean(balls, axis=0) + np.array([0.0, 0.0, _BEFORE_MM])
    return upright_window(camera, middle, WINDOW, WINDOW_MM)


def find_glasses(pixels: ByteArray, camera: Camera, vertices: FloatArray) -> GlassesWindow:
    """Look for glasses in a photo.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    camera
        The photo's.
    vertices
        (V, 3) mm: the head as posed.

    Raises
    ------
    ModelError
        If the network is missing or damaged.
    """
    to_photo = window_around(camera, vertices)
    window = cut_square(pixels, to_photo, WINDOW).astype(np.float32) / np.float32(255)
    image = np.ascontiguousarray(window.transpose(2, 0, 1)[None])
    return GlassesWindow(load_glasses().run({"image": image})["shares"][0, 0], to_photo)


def glasses_texels(look: PhotoLook, found: GlassesWindow | None) -> BoolArray:
    """Return which texels of a look show glasses, (N,) bool, and a narrow rim around them; none where none are worn."""
    layout = look.layout
    if found is None or not found.worn:
        return np.zeros(len(layout), dtype=np.bool_)
    inverse = cv2.invertAffineTransform(found.to_photo)
    at = (look.projection.pixels @ inverse[:, :2].T + inverse[:, 2]).astype(np.float32)
    radius = _RIM_MM / WINDOW_MM
    frame = (found.shares > _COVERED).astype(np.float32)
    share = np.maximum(2.0 * cv2.GaussianBlur(frame, (0, 0), radius), frame)
    covered = sample_at(share.astype(np.float32), at, outside=0.0) > 0.5
    # What is only in line with glasses, as the scalp behind the temples, is none.
    near = layout.main & (np.abs(look.rest[:, 1]) < _NEAR_MM)
    return covered & look.projection.visible & near
