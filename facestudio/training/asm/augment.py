"""Changes training photos as the world does: place, size, turn, blur, noise, light, covered parts."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from facestudio.landmarks.asm.shape import transform
from facestudio.values import ByteArray, FloatArray

_FACE: Final = 0.5  # extent of the points in the drawn picture, as a share of its side, at least


@dataclass(frozen=True)
class Augmentation:
    """How strongly photos are changed; the defaults are for photos that must stand for all the world's.

    Attributes
    ----------
    face_pixels
        Smallest and largest extent of the points, pixels.
    turn_degrees
        Standard deviation of the turn in the picture.
    squeeze
        Standard deviation of the logarithm of width over height.
    blur
        Largest standard deviation of the blur, as a share of the points' extent.
    noise
        Largest standard deviation of the noise, grey levels.
    light
        How strongly brightness, contrast, colour and a slope of light may change, 0..1.
    covered
        Probability that something covers a part.
    """

    face_pixels: tuple[float, float] = (70.0, 300.0)
    turn_degrees: float = 12.0
    squeeze: float = 0.05
    blur: float = 0.012
    noise: float = 14.0
    light: float = 1.0
    covered: float = 0.35


def place(
    pixels: ByteArray, points: FloatArray, rng: np.random.Generator, how: Augmentation
) -> tuple[ByteArray, FloatArray]:
    """Cut the face out, turned, stretched and scaled at random.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    points
        (N, 2) pixels.
    rng, how
        Of the draw.

    Returns
    -------
    tuple
        A square picture with the face somewhere in it; the points there.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    wanted = math.exp(rng.uniform(*np.log(how.face_pixels)))
    side = round(wanted * rng.uniform(1.5, 2.0))
    angle = math.radians(rng.normal(0, how.turn_degrees))
    stretch = math.exp(rng.normal(0, how.squeeze) / 2)
    c, s = math.cos(angle), math.sin(angle)
    linear = np.array([[c, -s], [s, c]]) @ np.diag([stretch, 1 / stretch]) * wanted / extent
    goal = side / 2 + rng.normal(0, 0.04, 2) * wanted
    matrix = np.column_stack([linear, goal - linear @ ((low + high) / 2)])
    scale = wanted / extent
    source = pixels
    if scale < 0.6:  # blur first what the smaller picture cannot show
        source = cv2.GaussianBlur(pixels, (0, 0), 0.45 / scale)
    drawn = cv2.warpAffine(
        source, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(drawn, dtype=np.uint8), transform(matrix, points)


def _light(picture: FloatArray, rng: np.random.Generator, amount: float) -> FloatArray:
    side = picture.shape[0]
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    if rng.random() < 0.6:  # a slope of light, sometimes as hard as the edge of a shadow
        direction = rng.uniform(0, 2 * math.pi)
        hardness = math.exp(rng.uniform(0, 2.5))
        slope = np.tanh(hardness * (x * math.cos(direction) + y * math.sin(direction) + rng.normal(0, 0.3)))
        picture = picture * np.exp(amount * rng.uniform(0, 0.7) * slope)[..., None]
    gamma = math.exp(amount * rng.normal(0, 0.3))
    picture = 255 * np.clip(picture / 255, 0, 1) ** gamma
    picture = picture * np.exp(amount * rng.normal(0, 0.08, 3)) * math.exp(amount * rng.normal(0, 0.2))
    middle = picture.mean()
    return middle + (picture - middle) * math.exp(amount * rng.normal(0, 0.2))


def _cover(picture: FloatArray, points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Lay one or two plain or grained patches over the face: hands, hair, cups, sunglasses."""
    side = picture.shape[0]
    extent = float(np.ptp(points, axis=0).max())
    for _ in range(int(rng.integers(1, 3))):
        mask = np.zeros((side, side), np.uint8)
        centre = points[int(rng.integers(len(points)))] + rng.normal(0, 0.15, 2) * extent
        axes = extent * np.exp(rng.uniform(np.log(0.06), np.log(0.35), 2))
        where = (round(float(centre[0])), round(float(centre[1])))
        size = (max(1, round(float(axes[0]))), max(1, round(float(axes[1]))))
        if rng.random() < 0.5:
            cv2.ellipse(mask, where, size, float(rng.uniform(0, 180)), 0, 360, 255, cv2.FILLED)
        else:
            box = cv2.boxPoints(
                (
                    (float(centre[0]), float(centre[1])),
                    (2.0 * size[0], 2.0 * size[1]),
                    float(rng.uniform(0, 180)),
                )
            )
            cv2.fillPoly(mask, [np.round(box).astype(np.int32)], 255)
        soft = (
            cv2.GaussianBlur(mask, (0, 0), 0.4 + extent * 0.01 * rng.random()).astype(np.float64)[..., None]
            / 255
        )
        if rng.random() < 0.4:  # something from elsewhere in the same picture
            shift = rng.integers(side // 4, 3 * side // 4, 2)
            paint = np.roll(picture, shift.tolist(), axis=(0, 1))
        else:
            grain = cv2.resize(rng.normal(0, 1, (24, 24)), (side, side), interpolation=cv2.INTER_LINEAR)
            paint = rng.uniform(0, 255, 3) + rng.uniform(0, 40) * grain[..., None]
        picture = picture * (1 - soft) + paint * soft
    return picture


def spoil(picture: ByteArray, points: FloatArray, rng: np.random.Generator, how: Augmentation) -> ByteArray:
    """Change light and quality of a square picture (S, S, 3) whose points are (N, 2) pixels."""
    value = picture.astype(np.float64)
    extent = float(np.ptp(points, axis=0).max())
    if rng.random() < how.covered:
        value = _cover(value, points, rng)
    if rng.random() < 0.75:
        value = _light(value, rng, how.light)
    if rng.random() < 0.15:
        value = np.repeat(value.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < 0.5:
        value = cv2.GaussianBlur(value, (0, 0), max(0.2, extent * how.blur * rng.random() ** 2))
    if rng.random() < 0.6:
        value = value + rng.normal(0, how.noise * rng.random() ** 2 + 0.1, value.shape)
    drawn = np.clip(value, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        coded = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])[1]
        drawn = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return drawn
