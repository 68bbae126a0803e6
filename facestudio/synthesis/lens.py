"""What lens, sensor and file do to a picture: focus, motion, colour, vignetting, noise, resolution, JPEG."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from facestudio.values import ByteArray, Float32Array


@dataclass(frozen=True)
class Finish:
    """How a picture was taken and kept.

    Attributes
    ----------
    focus_px, motion_px, motion_angle
        Spread of the blur out of focus, length and direction (radians) of the blur of motion.
    detail
        Resolution the picture once had, as a share of its size.
    noise
        Spread of the sensor's noise, 0..255.
    quality
        Of JPEG, 1..100.
    grey
        Black and white.
    """

    focus_px: float
    motion_px: float
    motion_angle: float
    detail: float
    noise: float
    quality: int
    grey: bool


def draw_finish(rng: np.random.Generator, size: int) -> Finish:
    """Draw how a photo of this size (pixels) was taken."""
    unit = size / 512
    kind = rng.random()
    focus = (
        0.0 if kind < 0.6 else abs(rng.normal(0, 1.0)) * unit if kind < 0.93 else rng.uniform(1, 3.5) * unit
    )
    motion = rng.uniform(2, 11) * unit if rng.random() < 0.07 else 0.0
    return Finish(
        focus_px=float(focus),
        motion_px=float(motion),
        motion_angle=float(rng.uniform(0, np.pi)),
        detail=float(rng.uniform(0.25, 0.7)) if rng.random() < 0.15 else 1.0,
        noise=float(rng.gamma(1.3, 2.2)),
        quality=int(np.clip(rng.normal(86, 9), 35, 97)),
        grey=bool(rng.random() < 0.04),
    )


def apply_finish(rng: np.random.Generator, drawn: Float32Array, finish: Finish) -> ByteArray:
    """Return what was drawn, (H, W, 3) float32 0..255, as it was taken, uint8, before JPEG."""
    size = len(drawn)
    picture: Any = drawn  # cv2's stubs do not know what it returns
    if finish.focus_px > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), finish.focus_px)
    if finish.motion_px > 1.5:
        n = round(finish.motion_px) | 1
        kernel = np.zeros((n, n), np.float32)
        dx, dy = np.cos(finish.motion_angle) * n / 2, np.sin(finish.motion_angle) * n / 2
        middle = (n - 1) / 2
        cv2.line(
            kernel,
            (round((middle - dx) * 16), round((middle - dy) * 16)),
            (round((middle + dx) * 16), round((middle + dy) * 16)),
            1.0,
            1,
            cv2.LINE_8,
            4,
        )
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    # White balance, contrast and saturation, in one matrix.
    balance = np.exp(rng.normal(0, [0.05, 0.015, 0.06]))
    saturation = float(np.clip(rng.normal(1.0, 0.16), 0.4, 1.5))
    if finish.grey:
        saturation = 0.0
    weights = np.array([0.3, 0.59, 0.11])
    matrix = (saturation * np.eye(3) + (1 - saturation) * weights) * balance
    contrast = rng.normal(1.0, 0.1)
    matrix = matrix * contrast
    offset = 118 * (1 - contrast) + rng.normal(0, 5)
    picture = cv2.transform(picture, np.column_stack([matrix, np.full(3, offset)]).astype(np.float32))
    if rng.random() < 0.4:
        t = np.linspace(-1, 1, size, dtype=np.float32)
        dark = 1 - rng.uniform(0.05, 0.35) * 0.5 * (t[:, None] ** 2 + t[None] ** 2)
        picture = cv2.multiply(picture, cv2.merge([dark, dark, dark]))
    if finish.detail < 1:
        small = max(32, round(size * finish.detail))
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
    if finish.noise > 0.5:
        grains = rng.standard_normal((size, size), dtype=np.float32) * np.float32(finish.noise)
        picture = cv2.add(picture, cv2.merge([grains, grains, grains]))
        if finish.noise > 3:
            half = rng.standard_normal((size // 2, size // 2, 3), dtype=np.float32) * np.float32(
                finish.noise * 0.8
            )
            picture += cv2.resize(half, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:  # sharpened in the camera
        picture += rng.uniform(0.2, 0.8) * (picture - cv2.GaussianBlur(picture, (0, 0), 1.0))
    return np.clip(picture, 0, 255).astype(np.uint8)
