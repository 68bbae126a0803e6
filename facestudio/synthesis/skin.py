"""Paints the skin: colour and blemishes, lips, brows, shaved hair and the labels that go with them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.synthesis.labels import Label
from facestudio.synthesis.noise import fine_noise, smooth_noise
from facestudio.synthesis.person import Person, to_srgb
from facestudio.synthesis.skinmaps import (
    BROW_LOWER,
    BROW_UPPER,
    LID_LOWER,
    LID_UPPER,
    LIPS_INNER,
    LIPS_OUTER,
    SkinMaps,
    fill,
    skin_maps,
    smooth_line,
    stroke,
)
from facestudio.values import ByteArray, Float32Array, FloatArray

_FIELD = 128  # resolution of the slowly varying changes


@dataclass(frozen=True, eq=False)
class PaintedSkin:
    """A skin ready to draw: `pixels` (S, S, 3) uint8 sRGB and `labels` (S, S) uint8, skin, lips and brows."""

    pixels: ByteArray
    labels: ByteArray


@lru_cache(maxsize=16)
def _spot(centre: tuple[float, float], reach: float) -> Float32Array:
    """Return a soft spot on both sides of the rest head at (|x|, y) mm in front, (_FIELD, _FIELD)."""
    place = skin_maps(_FIELD).place
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
    near = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / reach**2
    return np.asarray(np.exp(-near) * (z > 20), dtype=np.float32)


@lru_cache(maxsize=1)
def _bearded() -> Float32Array:
    """Return where a beard grows, (_FIELD, _FIELD) 0..1."""
    return beard_region(skin_maps(_FIELD).place)


def beard_region(place: NDArray[np.floating[Any]], cheek: float = 0.0) -> Float32Array:
    """Tell where a beard grows, 0..1, for places (..., 3) mm on the rest head (the lips are not left out).

    Parameters
    ----------
    place
        Rest head, mm.
    cheek
        How much higher it grows on the cheeks, mm.
    """
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
    # From the sideburn down to the corner of the mouth and over the upper lip.
    line = np.interp(x, [0, 8, 20, 30, 45, 58, 66, 72], [-33, -32.5, -35, -42, -36, -14, 8, 14]) + cheek * (
        x > 30
    )
    under = np.interp(z, [-20, 40, 70], [-50, -96, -118])
    soft = (
        np.clip((line - y) / 5, 0, 1)
        * np.clip((y - under) / 10, 0, 1)
        * np.clip((z - 12 - 0.2 * y) / 12, 0, 1)
    )
    bare = np.exp(-(((x - 10) / 7) ** 2) - ((y + 73) / 5) ** 2)  # beside the middle below the lip
    return np.asarray(soft * (1 - 0.7 * bare), dtype=np.float32)


@lru_cache(maxsize=3)
def _skin_mask(size: int) -> ByteArray:
    return skin_maps(size).skin.astype(np.uint8)


def paint_skin(
    rng: np.random.Generator, skin: ByteArray, person: Person, *, stubble: float, hair: Float32Array | None
) -> PaintedSkin:
    """Paint a person's skin.

    Parameters
    ----------
    rng
        Source of chance.
    skin
        (S, S, 3) uint8 from `draw_skin`: without hair.
    person
        Colours, age, make-up.
    stubble
        0..1: how dark a shaved beard shows.
    hair
        (F, F) float32 0..1 over the atlas: where the scalp is covered or shaved; None for a bald head.
    """
    size = len(skin)
    maps = skin_maps(size)
    base: Any = skin.astype(np.float32)  # cv2's stubs do not know what it returns
    darkness = 1 - float(np.mean(cv2.mean(skin, _skin_mask(size))[:3])) / 255
    gain = np.exp(rng.normal(0, 0.08)) * np.exp(rng.normal(0, 0.025, 3))
    change = np.ones((_FIELD, _FIELD, 3), np.float32) * gain.astype(np.float32)
    blotch = smooth_noise(rng, _FIELD, 14, 3)[..., None]
    change *= 1 + blotch * (rng.uniform(0.008, 0.03) * np.array([0.6, 1.0, 1.0], np.float32))
    red = rng.uniform(0, 0.16) * (1 - 0.6 * darkness)
    flush = _spot((38, -22), 22) + 0.9 * _spot((0, -18), 14) + 0.5 * _spot((74, 0), 18)
    flush = flush * (1 + 0.35 * smooth_noise(rng, _FIELD, 20, 2)) + person.made_up * 0.5 * _spot(
        (44, -14), 18
    )
    change *= 1 - red * np.clip(flush, 0, 1.4)[..., None] * np.array([0.15, 0.9, 0.75], np.float32)
    rings = rng.uniform(0, 0.2) * (0.4 + person.age)
    change *= 1 - rings * _spot((30, 4), 10)[..., None] * np.array([0.8, 1.0, 0.8], np.float32)
    if person.made_up > 0.35:
        shadow = rng.uniform(0, 0.35) * person.made_up * _spot((32, 22), 9)[..., None]
        change *= 1 - shadow * rng.uniform(0.3, 1.0, 3).astype(np.float32)
    if stubble > 0:
        grown = _bearded() * np.clip(1 + 0.25 * smooth_noise(rng, _FIELD, 24, 2), 0.3, 1.5)
        change *= 1 - stubble * grown[..., None] * np.array([0.42, 0.36, 0.26], np.float32)
    base = cv2.multiply(base, cv2.resize(change, (size, size), interpolation=cv2.INTER_LINEAR))
    if hair is not None:
        colour = (to_srgb(person.hair_colour * 0.45)).astype(np.float32)
        cover = cv2.resize(hair, (size, size), interpolation=cv2.INTER_LINEAR)
        share = np.clip(cover * _hair_noise(size), 0, 0.96)
        left = 1 - share
        base = cv2.multiply(base, cv2.merge([left, left, left]))
        base = cv2.add(base, cv2.merge([share * c for c in colour]))
    _spots(rng, base, maps, darkness)
    _lips(rng, base, maps, person)
    _lid_lines(base, maps, person)
    brows = _brows(rng, base, maps, person)
    labels = np.full((size, size), Label.SKIN, np.uint8)
    labels[brows] = Label.BROWS
    labels[maps.lips > 127] = Label.LIPS
    # Rounded down, as astype() does, and held to 255 by cv2.
    return PaintedSkin(np.asarray(cv2.convertScaleAbs(base, alpha=1.0, beta=-0.5)), labels)


@lru_cache(maxsize=3)
def _hair_noise(size: int) -> Float32Array:
    return np.asarray(0.92 + 0.22 * fine_noise(size), dtype=np.float32)


def _spots(rng: np.random.Generator, base: Float32Array, maps: SkinMaps, darkness: float) -> None:
    """Add freckles, moles and pimples in place."""
    size = maps.size
    low, high = maps.points.min(axis=0), maps.points.max(axis=0)
    layer = np.zeros((size, size), np.uint8)
    if rng.random() < 0.18 * (1 - darkness):
        count = int(rng.integers(60, 500))
        x, y = rng.uniform(low, high, (count, 2)).T
        middle = (low + high) / 2
        near = np.exp(-(((y - middle[1]) / (0.22 * size)) ** 2)) > rng.random(count)
        for cx, cy in zip(x[near], y[near], strict=True):
            cv2.circle(
                layer,
                (int(cx * 16), int(cy * 16)),
                int(rng.uniform(8, 20) * size / 768),
                int(rng.integers(25, 95)),
                -1,
                cv2.LINE_AA,
                4,
            )
    for _ in range(int(rng.poisson(2.0))):
        cx, cy = rng.uniform(low, high)
        radius = rng.uniform(12, 34) * size / 768
        cv2.circle(
            layer, (int(cx * 16), int(cy * 16)), int(radius), int(rng.integers(90, 200)), -1, cv2.LINE_AA, 4
        )
    if layer.any():
        layer = cv2.GaussianBlur(layer, (0, 0), 0.7 * size / 768)
        spotted = np.flatnonzero(layer)
        share = layer.ravel()[spotted].astype(np.float32)[:, None] / 255
        base.reshape(-1, 3)[spotted] *= 1 - share * np.array([0.45, 0.62, 0.7], np.float32)


def _lips(rng: np.random.Generator, base: Float32Array, maps: SkinMaps, person: Person) -> None:
    """Colour the lips in place, exactly to their outline."""
    outline = maps.points[list(LIPS_OUTER)]
    x0, y0 = np.floor(outline.min(axis=0)).astype(int) - 6
    x1, y1 = np.ceil(outline.max(axis=0)).astype(int) + 7
    block, mask = base[y0:y1, x0:x1], maps.lips[y0:y1, x0:x1].astype(np.float32)[..., None] / 255
    skin = np.concatenate([block[:3].reshape(-1, 3), block[-3:].reshape(-1, 3)]).mean(axis=0)
    natural = skin * np.array([rng.uniform(0.82, 1.02), rng.uniform(0.62, 0.82), rng.uniform(0.65, 0.86)])
    share = rng.uniform(0.45, 0.8)
    if person.made_up > 0.3 and rng.random() < 0.7:
        natural = np.array([rng.uniform(110, 210), rng.uniform(25, 110), rng.uniform(40, 120)]) * rng.uniform(
            0.6, 1
        )
        share = rng.uniform(0.5, 0.9)
    grey = block.mean(axis=2, keepdims=True)
    detail = np.clip(grey / np.maximum(cv2.GaussianBlur(grey, (0, 0), 5)[..., None], 1), 0.6, 1.4)
    lines = 1 + 0.05 * np.sin(np.arange(x1 - x0) * 768 / maps.size * 1.3 + rng.uniform(0, 6))[None, :, None]
    block += (natural * detail * lines - block) * (mask * share)
    # The line where the lips meet is dark.
    seam = np.zeros(mask.shape[:2], np.uint8)
    inner = maps.points[list(LIPS_INNER)] - (x0, y0)
    stroke(seam, [np.concatenate([inner, inner[:1]])], 255, max(1, maps.size // 512))
    block *= 1 - 0.45 * cv2.GaussianBlur(seam, (0, 0), 1.0).astype(np.float32)[..., None] / 255


def _lid_lines(base: Float32Array, maps: SkinMaps, person: Person) -> None:
    """Darken the edges of the lids in place, where lashes grow and make-up is drawn."""
    for lines, strength in (
        (LID_UPPER, 0.55 + 0.4 * person.made_up),
        (LID_LOWER, 0.2 + 0.35 * person.made_up),
    ):
        layer = np.zeros((maps.size, maps.size), np.uint8)
        stroke(
            layer, [smooth_line(maps.points[list(line)], 24) for line in lines], 255, max(1, maps.size // 384)
        )
        points = maps.points[list(lines[0] + lines[1])]
        x0, y0 = np.floor(points.min(axis=0)).astype(int) - 8
        x1, y1 = np.ceil(points.max(axis=0)).astype(int) + 9
        soft = cv2.GaussianBlur(layer[y0:y1, x0:x1], (0, 0), 0.9 * maps.size / 768)
        base[y0:y1, x0:x1] *= 1 - strength * soft.astype(np.float32)[..., None] / 255


def _brows(rng: np.random.Generator, base: Float32Array, maps: SkinMaps, person: Person) -> NDArray[np.bool_]:
    """Draw the brows hair by hair in place, between their upper and lower line; returns their texels, (S, S)."""
    size = maps.size
    scale = size / 768
    density = rng.uniform(0.35, 1.0)
    width = rng.uniform(0.75, 1.15)
    hairs = np.zeros((size, size), np.uint8)
    area = np.zeros((size, size), np.uint8)
    taper = rng.uniform(0.25, 0.6)
    messy = rng.uniform(0.1, 0.5)
    for upper, lower in zip(BROW_UPPER, BROW_LOWER, strict=True):
        top = smooth_line(maps.points[list(upper)], 40)[::-1]  # from the nose outwards
        foot = smooth_line(maps.points[list(lower)], 40)[::-1]
        middle, half = (top + foot) / 2, (top - foot) / 2
        along = np.linspace(0, 1, 40)[:, None]
        half = (
            half
            * width
            * np.minimum(
                np.minimum(1.0, 0.55 + along * 4), 1 - (1 - taper) * np.maximum(along - 0.6, 0) / 0.4
            )
        )
        fill(area, np.concatenate([middle + half, (middle - half)[::-1]]), 255)
        count = int(300 * density)
        t = rng.beta(1.05, 1.25, count)
        across = np.clip(rng.normal(0, 0.5, count), -1, 1)
        at = np.minimum((t * 39).astype(int), 38)
        root = middle[at] + half[at] * across[:, None]
        tangent = middle[at + 1] - middle[at]
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
        rise = half[at] / (np.linalg.norm(half[at], axis=1, keepdims=True) + 1e-9)
        # Near the nose hairs stand up, farther out they lie along the brow and meet in its middle.
        lean = (0.95 - 1.1 * np.minimum(t * 1.6, 1)) - 0.45 * across + rng.normal(0, messy, count)
        length = rng.uniform(7, 13, count) * scale * (1 - 0.35 * t)
        tip = root + (tangent + rise * lean[:, None]) * length[:, None] / np.sqrt(1 + lean[:, None] ** 2)
        bent = (root + tip) / 2 + tangent * (0.12 * length[:, None])
        lines = np.stack([root, bent, tip], axis=1)
        for group, value in enumerate((90, 140, 190)):
            stroke(hairs, lines[group::3], value)
    x, y, w, h = cv2.boundingRect(area)
    pad = round(14 * scale)
    rows, columns = slice(max(y - pad, 0), y + h + pad), slice(max(x - pad, 0), x + w + pad)
    soft = cv2.GaussianBlur(area[rows, columns], (0, 0), 2.2 * scale).astype(np.float32) / 255
    drawn = cv2.GaussianBlur(hairs[rows, columns], (0, 0), 0.5).astype(np.float32) / 255
    cover = np.clip(drawn * rng.uniform(0.7, 1.0) + soft * density * 0.3, 0, 0.93)[..., None]
    colour = to_srgb(person.brow_colour).astype(np.float32)
    base[rows, columns] += (colour - base[rows, columns]) * cover
    return area > 127


def mean_face_colour(skin: ByteArray) -> FloatArray:
    """Return the mean colour of the face in a skin's atlas, (3,) sRGB 0..255."""
    maps = skin_maps(len(skin))
    x, y = maps.points.mean(axis=0).astype(int)
    reach = len(skin) // 10
    return skin[y - reach : y + reach, x - reach : x + reach].reshape(-1, 3).mean(axis=0).astype(np.float64)


@lru_cache(maxsize=3)
def _neck(size: int) -> NDArray[np.bool_]:
    maps = skin_maps(size)
    return maps.skin & (maps.place[..., 1] < -100) & (maps.place[..., 2] > -40)


def neck_colour(skin: ByteArray) -> FloatArray:
    """Return the mean colour of the neck in a skin's atlas, (3,) sRGB 0..255."""
    return skin[_neck(len(skin))].mean(axis=0).astype(np.float64)
