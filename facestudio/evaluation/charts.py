"""Plain charts as pictures: bars in groups, and points about a line."""

import cv2
import numpy as np

from facestudio.values import ByteArray, FloatArray

_COLOURS = ((148, 163, 184), (100, 116, 139), (217, 119, 6), (13, 148, 136), (147, 51, 234), (220, 38, 38))
_INK = (30, 41, 59)
_GRID = (226, 232, 240)


def _write(picture: ByteArray, text: str, at: tuple[int, int], size: float = 0.5) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)


def _sheet(width: int, height: int, title: str) -> ByteArray:
    sheet = np.full((height, width, 3), 255, dtype=np.uint8)
    _write(sheet, title, (60, 30), 0.6)
    return sheet


def bars(title: str, unit: str, values: dict[str, dict[str, float]]) -> ByteArray:
    """Draw bars: `values` has for each series the height of each group; returns (H, W, 3) uint8 RGB."""
    groups = list(next(iter(values.values())))
    top = max(v for own in values.values() for v in own.values()) * 1.1 or 1.0
    left, bottom, height = 60, 400, 330
    step = 22 * len(values) + 30
    sheet = _sheet(left + step * len(groups) + 220, 450, title)
    for k in range(6):
        y = bottom - height * k // 5
        cv2.line(sheet, (left, y), (left + step * len(groups), y), _GRID, 1)
        _write(sheet, f"{top * k / 5:.1f}", (12, y + 4), 0.45)
    _write(sheet, unit, (12, 52), 0.45)
    for i, (name, own) in enumerate(values.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        for j, group in enumerate(groups):
            x = left + j * step + 12 + i * 22
            y = bottom - round(height * own[group] / top)
            cv2.rectangle(sheet, (x, y), (x + 17, bottom), colour, -1, cv2.LINE_AA)
        y = 70 + 24 * i
        x = left + step * len(groups) + 16
        cv2.rectangle(sheet, (x, y - 11), (x + 14, y + 3), colour, -1)
        _write(sheet, name, (x + 22, y + 1), 0.48)
    for j, group in enumerate(groups):
        _write(sheet, group, (left + j * step + 12, bottom + 22), 0.48)
    return sheet


def against(
    title: str, across: str, up: str, x: FloatArray, y: FloatArray, *, line: bool = False
) -> ByteArray:
    """Draw values y (n,) against x (n,) with the line on which they are equal; returns (H, W, 3) uint8 RGB.

    `line` joins them in their order; otherwise each is a dot.
    """
    side, left, head = 480, 80, 76
    sheet = _sheet(left + side + 40, head + side + 60, title)
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    reach = (high - low) * 1.04 or 1.0

    def at(a: float, b: float) -> tuple[int, int]:
        return left + round(side * (a - low) / reach), head + side - round(side * (b - low) / reach)

    for k in range(6):
        value = low + reach * k / 5
        cv2.line(sheet, at(value, low), at(value, low + reach), _GRID, 1)
        cv2.line(sheet, at(low, value), at(low + reach, value), _GRID, 1)
        _write(sheet, f"{value:.1f}", (at(value, low)[0] - 14, head + side + 20), 0.45)
        _write(sheet, f"{value:.1f}", (28, at(low, value)[1] + 4), 0.45)
    cv2.line(sheet, at(low, low), at(high, high), _INK, 1, cv2.LINE_AA)
    places = [at(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    if line:
        cv2.polylines(sheet, [np.array(places, dtype=np.int32)], False, _COLOURS[3], 2, cv2.LINE_AA)
    for place in places:
        cv2.circle(sheet, place, 5 if line else 2, _COLOURS[3], -1, cv2.LINE_AA)
    _write(sheet, across, (left, head + side + 46), 0.5)
    _write(sheet, up, (8, head - 18), 0.45)
    return sheet
