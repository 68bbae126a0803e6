"""Pins: places of a photo that vertices of the template are tied to by hand (ears, hairline, outline)."""

import math
from dataclasses import dataclass

from facestudio.errors import UsageError
from facestudio.template.model import Template

MOST_PINS = 200
"""Of one photo."""

_EAR_X_MM, _EAR_Y_MM, _EAR_Z_MM = 65.0, (-31.0, 22.0), (-9.0, 28.0)  # of the rest head
_TOP_SHARE, _BACK_MM = 0.82, -30.0


@dataclass(frozen=True)
class Pin:
    """A vertex of the template and where the photo shows it.

    Attributes
    ----------
    vertex
        Of the template.
    x, y
        Pixels, image frame.
    outline
        Whether it holds the outline of the head and not this vertex: from another side, the outline is elsewhere.
    """

    vertex: int
    x: float
    y: float
    outline: bool = False


Pins = tuple[Pin, ...]
"""Each vertex at most once; in the order they were set."""


def with_pin(pins: Pins, pin: Pin) -> Pins:
    """Return pins with one more; one of the same vertex gives way in its place."""
    if any(one.vertex == pin.vertex for one in pins):
        return tuple(pin if one.vertex == pin.vertex else one for one in pins)
    return (*pins, pin)


def without_pin(pins: Pins, vertex: int) -> Pins:
    """Return pins without that of a vertex."""
    return tuple(one for one in pins if one.vertex != vertex)


def check_pins(pins: Pins, count: int) -> None:
    """Check pins of one photo against a template of `count` vertices.

    Raises
    ------
    UsageError
        If a pin names no vertex, two name the same, a place is no number, or there are too many.
    """
    if len(pins) > MOST_PINS:
        raise UsageError(f"{len(pins)} pins in one photo: at most {MOST_PINS} can be met")
    if len({pin.vertex for pin in pins}) != len(pins):
        raise UsageError("Two pins of one photo hold the same place of the head")
    for pin in pins:
        if not 0 <= pin.vertex < count:
            raise UsageError(f"A pin names vertex {pin.vertex}: the head has {count}")
        if not (math.isfinite(pin.x) and math.isfinite(pin.y)):
            raise UsageError("The place of a pin is not a number")


def pinned_place(template: Template, vertex: int) -> str:
    """Return a key for where on the head a vertex is: for people to read, by side.

    One of ``ear-top``, ``ear``, ``ear-lobe``, ``top``, ``back``, ``neck``, ``hairline``, ``face``.
    """
    x, y, z = (float(value) for value in template.vertices[vertex])
    low, high = _EAR_Y_MM
    if abs(x) > _EAR_X_MM and low < y < high and _EAR_Z_MM[0] < z < _EAR_Z_MM[1]:
        share = (y - low) / (high - low)
        return "ear-lobe" if share < 0.3 else "ear-top" if share > 0.72 else "ear"
    rest = template.ibug68.points(template.vertices)
    brow, chin = float(rest[17:27, 1].max()), float(rest[8, 1])
    if y > _TOP_SHARE * float(template.vertices[:, 1].max()):
        return "top"
    if y < chin or (z < 0 and y < float(rest[3, 1])):
        return "neck"
    if z < _BACK_MM:
        return "back"
    return "hairline" if y > brow + 0.5 * (brow - float(rest[33, 1])) else "face"
