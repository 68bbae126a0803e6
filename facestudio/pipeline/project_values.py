"""How a project writes points, strokes and numbers, and reads them with care: anything odd is a ValueError."""

import math
from typing import Any

import numpy as np

from facestudio.template.pins import MOST_PINS, Pin, Pins
from facestudio.texture.strokes import Stroke
from facestudio.values import Landmarks

_POINTS = 68


def points_to_json(points: Landmarks | None) -> dict[str, Any] | None:
    """Return points as plain values."""
    if points is None:
        return None
    return {
        "scheme": points.scheme,
        "method": points.method,
        "points": points.points.tolist(),
        "covariance": points.covariance.tolist(),
        "moved": points.moved.tolist(),
    }


def points_from_json(value: Any) -> Landmarks | None:
    """Read points."""
    if value is None:
        return None
    points = np.asarray(value["points"], dtype=np.float64)
    covariance = np.asarray(value["covariance"], dtype=np.float64)
    moved = np.asarray(value["moved"])
    if points.shape != (_POINTS, 2) or covariance.shape != (_POINTS, 2, 2) or moved.shape != (_POINTS,):
        raise ValueError("landmarks")
    if value["scheme"] != "ibug68" or moved.dtype != np.bool_:
        raise ValueError("landmarks")
    if not (np.isfinite(points).all() and np.isfinite(covariance).all() and np.abs(points).max() < 1e6):
        raise ValueError("landmarks")
    if (np.linalg.eigvalsh((covariance + covariance.transpose(0, 2, 1)) / 2) < 0).any():
        raise ValueError("covariance")
    return Landmarks("ibug68", points, covariance, moved, text(value["method"]))


def stroke_from_json(value: Any) -> Stroke:
    """Read a stroke."""
    points = tuple((number(x, -1e6, 1e6), number(y, -1e6, 1e6)) for x, y in value["points"])
    if not points or not isinstance(value["erase"], bool):
        raise ValueError("stroke")
    return Stroke(points, number(value["radius"], 0.1, 1e5), value["erase"])


def pins_to_json(pins: Pins) -> list[list[float]]:
    """Return pins as plain values."""
    return [[pin.vertex, pin.x, pin.y, *([1] if pin.outline else [])] for pin in pins]


def pins_from_json(value: Any) -> Pins:
    """Read pins; whether the template has such vertices shows when the head is made."""
    pins: list[Pin] = []
    for vertex, x, y, *rest in value:
        if not isinstance(vertex, int) or isinstance(vertex, bool) or vertex < 0 or rest not in ([], [1]):
            raise ValueError("pin")
        pins.append(Pin(vertex, number(x, -1e6, 1e6), number(y, -1e6, 1e6), bool(rest)))
    if len(pins) > MOST_PINS or len({pin.vertex for pin in pins}) != len(pins):
        raise ValueError("pins")
    return tuple(pins)


def text(value: Any) -> str:
    """Read a short text."""
    if not isinstance(value, str) or len(value) > 4096 or "\0" in value:
        raise ValueError("text")
    return value


def number(value: Any, low: float, high: float) -> float:
    """Read a number of a range."""
    found = float(value)
    if isinstance(value, (bool, str)) or not math.isfinite(found) or not low <= found <= high:
        raise ValueError("number")
    return found


def optional(value: Any, low: float, high: float) -> float | None:
    """Read a number of a range, or none."""
    return None if value is None else number(value, low, high)


def strokes_to_json(strokes: tuple[Stroke, ...]) -> list[dict[str, Any]]:
    """Return strokes as plain values."""
    return [
        {"points": [list(p) for p in stroke.points], "radius": stroke.radius, "erase": stroke.erase}
        for stroke in strokes
    ]
