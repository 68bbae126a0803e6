"""Backgrounds out of focus: walls, rooms, windows, leaves, lights at night, patterns."""

import cv2
import numpy as np

from facestudio.synthesis.noise import smooth_noise
from facestudio.values import ByteArray, Float32Array

_COARSE = 128
_KINDS = (
    ("wall", 0.2),
    ("gradient", 0.13),
    ("room", 0.27),
    ("leaves", 0.15),
    ("bokeh", 0.1),
    ("street", 0.1),
    ("pattern", 0.03),
)


def _colour(rng: np.random.Generator, brightness: float | None = None) -> Float32Array:
    """Draw a colour as surroundings have it: mostly dull, sometimes strong, (3,) 0..255."""
    value = rng.uniform(15, 235) if brightness is None else brightness
    hue = rng.uniform(0, 2 * np.pi)
    strength = rng.beta(0.8, 6) * 0.8
    wave = np.array([np.cos(hue), np.cos(hue - 2.094), np.cos(hue + 2.094)])
    return np.clip(value * (1 + strength * wave), 0, 255).astype(np.float32)


def draw_background(rng: np.random.Generator, size: int) -> tuple[str, ByteArray]:
    """Draw a background; returns its kind and (size, size, 3) uint8."""
    names = [name for name, _ in _KINDS]
    shares = np.array([share for _, share in _KINDS])
    kind = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    picture = {
        "wall": _wall,
        "gradient": _gradient,
        "room": _room,
        "leaves": _leaves,
        "bokeh": _bokeh,
        "street": _street,
        "pattern": _pattern,
    }[kind](rng)
    blur = rng.uniform(0.4, 5.0) if kind not in ("wall", "gradient") else 1.0
    picture = np.clip(cv2.GaussianBlur(picture, (0, 0), blur), 0, 255).astype(np.uint8)
    return kind, np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _gradient(rng: np.random.Generator) -> Float32Array:
    a, b = _colour(rng), _colour(rng)
    if rng.random() < 0.6:
        b = np.clip(a * rng.uniform(0.4, 1.3), 0, 255)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : _COARSE * 1j, -1 : 1 : _COARSE * 1j]
    t = x * np.cos(angle) + y * np.sin(angle) if rng.random() < 0.5 else np.hypot(x - 0.3 * np.cos(angle), y)
    t = np.clip(0.5 + 0.5 * t, 0, 1)[..., None]
    return np.asarray(a + (b - a) * t, dtype=np.float32)


def _wall(rng: np.random.Generator) -> Float32Array:
    base = _gradient(rng) * 0.3 + _colour(rng, rng.uniform(60, 240)) * 0.7
    rough = 1 + rng.uniform(0.01, 0.07) * smooth_noise(rng, _COARSE, 5, 4)[..., None]
    return np.asarray(base * rough, dtype=np.float32)


def _room(rng: np.random.Generator) -> Float32Array:
    picture = _wall(rng)
    tone = picture.mean(axis=(0, 1))
    for _ in range(int(rng.integers(4, 14))):
        w, h = rng.uniform(6, 70), rng.uniform(6, 90)
        x, y = rng.uniform(-20, _COARSE), rng.uniform(-20, _COARSE)
        colour = 0.5 * tone * rng.uniform(0.3, 1.4) + 0.5 * _colour(rng)
        if rng.random() < 0.15:
            colour = np.full(3, rng.uniform(200, 255))  # window, lamp
        corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]) + rng.normal(0, 2, (4, 2))
        cv2.fillConvexPoly(picture, np.rint(corners * 16).astype(np.int32), colour.tolist(), cv2.LINE_AA, 4)
        if rng.random() < 0.3:  # shelves, panes
            for k in range(1, int(rng.integers(2, 6))):
                at = int(y + h * k / 5)
                cv2.line(picture, (int(x), at), (int(x + w), at), (colour * 0.6).tolist(), 2)
    return picture


def _leaves(rng: np.random.Generator) -> Float32Array:
    sky = _colour(rng, rng.uniform(150, 250))
    green = (
        np.array([0.75, 1.0, 0.5], np.float32)
        * np.float32(rng.uniform(40, 130))
        * rng.uniform(0.8, 1.15, 3).astype(np.float32)
    )
    field = smooth_noise(rng, _COARSE, int(rng.integers(5, 16)), 4)[..., None]
    holes = np.clip((smooth_noise(rng, _COARSE, 7, 3) - rng.uniform(0.3, 1.6)) * 1.5, 0, 1)[..., None]
    picture = green * np.clip(0.9 + 0.45 * field, 0.1, 2.2)
    return np.asarray(picture + (sky - picture) * holes, dtype=np.float32)


def _bokeh(rng: np.random.Generator) -> Float32Array:
    picture = _gradient(rng) * rng.uniform(0.1, 0.5)
    radius = rng.uniform(2, 9)
    for _ in range(int(rng.integers(15, 70))):
        x, y = rng.uniform(0, _COARSE, 2)
        reach = radius * rng.uniform(0.7, 1.3)
        x0, y0 = max(int(x - reach) - 2, 0), max(int(y - reach) - 2, 0)
        block = picture[y0 : int(y + reach) + 3, x0 : int(x + reach) + 3]
        layer = np.zeros(block.shape[:2], np.uint8)
        middle = (int((x - x0) * 16), int((y - y0) * 16))
        cv2.circle(layer, middle, int(reach * 16), 255, -1, cv2.LINE_AA, 4)
        colour = _colour(rng, rng.uniform(60, 220)) * rng.uniform(0.2, 0.8)
        block += layer[..., None] * (colour / 255).astype(np.float32)
    return picture


def _street(rng: np.random.Generator) -> Float32Array:
    picture = _gradient(rng)
    horizon = rng.uniform(0.3, 0.7) * _COARSE
    picture[: int(horizon)] = 0.4 * picture[: int(horizon)] + 0.6 * _colour(rng, rng.uniform(170, 250))
    x = -10.0
    while x < _COARSE:
        w = rng.uniform(8, 40)
        top = horizon * rng.uniform(-0.1, 0.9)
        colour = _colour(rng, rng.uniform(40, 190))
        cv2.rectangle(picture, (int(x), int(top)), (int(x + w), int(horizon + 6)), colour.tolist(), -1)
        for wy in np.arange(top + 4, horizon, rng.uniform(6, 12)):
            for wx in np.arange(x + 3, x + w - 3, rng.uniform(5, 10)):
                cv2.rectangle(
                    picture, (int(wx), int(wy)), (int(wx + 2), int(wy + 3)), (colour * 0.6).tolist(), -1
                )
        x += w
    rough = 1 + 0.05 * smooth_noise(rng, _COARSE, 20, 3)[..., None]
    return np.asarray(picture * rough, dtype=np.float32)


def _pattern(rng: np.random.Generator) -> Float32Array:
    a, b = _colour(rng), _colour(rng)
    angle, step = rng.uniform(0, np.pi), rng.uniform(5, 24)
    y, x = np.mgrid[:_COARSE, :_COARSE].astype(np.float32)
    u = np.cos(angle) * x + np.sin(angle) * y
    v = -np.sin(angle) * x + np.cos(angle) * y
    stripes = np.sin(2 * np.pi * u / step) > 0
    if rng.random() < 0.6:
        stripes = stripes ^ (np.sin(2 * np.pi * v / (step * rng.uniform(0.5, 2))) > 0)
    return np.where(stripes[..., None], a, b).astype(np.float32)
