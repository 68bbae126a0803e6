"""Differences of colours as people see them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.values import FloatArray


def to_lab(pixels: NDArray[np.generic]) -> FloatArray:
    """Return CIE L*a*b* (D65) of sRGB pixels (..., 3) 0..255, float64."""
    shape = pixels.shape
    rgb = (np.asarray(pixels, dtype=np.float32).reshape(1, -1, 3) / 255).astype(np.float32)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).reshape(shape).astype(np.float64)


def delta_e_2000(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the CIEDE2000 difference of L*a*b* colours (..., 3).

    Source: G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary
    test data, and mathematical observations", 2005.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(one, dtype=np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(other, dtype=np.float64), -1, 0)
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    grow = 1.5 - 0.5 * np.sqrt(mean7 / (mean7 + 25.0**7))
    c1, c2 = np.hypot(grow * a1, b1), np.hypot(grow * a2, b2)
    h1, h2 = np.arctan2(b1, grow * a1) % (2 * np.pi), np.arctan2(b2, grow * a2) % (2 * np.pi)
    coloured = c1 * c2 > 0
    turn = h2 - h1
    turn = np.where(turn > np.pi, turn - 2 * np.pi, np.where(turn < -np.pi, turn + 2 * np.pi, turn))
    turn = np.where(coloured, turn, 0.0)
    d_light, d_chroma = l2 - l1, c2 - c1
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    total = h1 + h2
    far = np.abs(h1 - h2) > np.pi
    hue = np.where(far, np.where(total < 2 * np.pi, total + 2 * np.pi, total - 2 * np.pi), total) / 2
    hue = np.where(coloured, hue, total)
    t = (
        1
        - 0.17 * np.cos(hue - np.pi / 6)
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.pi / 30)
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )
    s_light = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    spin = np.radians(30) * np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))
    mixed = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(2 * spin)
    x, y, z = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    return np.sqrt(np.maximum(x * x + y * y + z * z + mixed * y * z, 0))
