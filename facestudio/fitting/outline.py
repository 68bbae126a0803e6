"""Pins on the head's outline: as the head turns, other places of it become the outline, and the pins slide there."""

from dataclasses import replace

import cv2
import numpy as np

from facestudio.geometry.camera import project
from facestudio.template.model import Template
from facestudio.template.pins import Pins, pinned_place
from facestudio.values import Camera, FloatArray, IntArray

RIM_MM = 2.0
"""Vertices that the picture shows so near the head's edge are its outline."""

_SLACK_MM = 4.0
_MARGIN = 3


def outline_vertices(template: Template, camera: Camera, posed: FloatArray) -> IntArray:
    """Return the skin's vertices on the outline of a head, (N,) int32: where the picture shows it end.

    Parameters
    ----------
    template
        The template.
    camera
        Of the photo.
    posed
        (V, 3) mm: the head as it stands in the photo.
    """
    quads = template.quads[template.quad_material == template.materials.index("skin")]
    pixels, depth = project(camera, posed)
    corners = pixels[quads]
    d1, d2 = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    shown = quads[d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0] < 0]
    facing = np.unique(shown)
    # One cell a millimetre, at the head's own depth.
    cells = pixels * float(np.median(depth[facing])) / camera.fx
    low = cells[facing].min(axis=0) - _MARGIN
    width, height = np.ceil(np.ptp(cells[facing], axis=0)).astype(int) + 2 * _MARGIN
    mask = np.zeros((height, width), dtype=np.uint8)
    fixed = np.rint((cells - low) * 16).astype(np.int32)
    for quad in fixed[shown]:
        cv2.fillConvexPoly(mask, quad, 255, cv2.LINE_8, 4)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    at = np.clip(np.rint(cells[facing] - low).astype(int), 0, (width - 1, height - 1))
    return np.asarray(facing[inside[at[:, 1], at[:, 0]] <= RIM_MM], dtype=np.int32)


def on_outline(template: Template, camera: Camera, posed: FloatArray, vertex: int) -> bool:
    """Tell whether a pin of a vertex is one of the outline, and slides: ears are ears from every side."""
    if pinned_place(template, vertex).startswith("ear"):
        return False
    return bool(np.isin(vertex, outline_vertices(template, camera, posed)))


def slid(template: Template, camera: Camera, posed: FloatArray, pins: Pins) -> Pins:
    """Return pins with those of the outline on the vertex that is the outline now, nearest to the pin.

    One that is on the outline still, nearly as near as any, stays: so a head that is dragged does not flicker.

    Parameters
    ----------
    template, camera, posed
        As in `outline_vertices`.
    pins
        Of the photo.
    """
    if not any(pin.outline for pin in pins):
        return pins
    rim = outline_vertices(template, camera, posed)
    pixels, depth = project(camera, posed)
    slack = _SLACK_MM * camera.fx / float(np.median(depth[rim]))
    taken = {pin.vertex for pin in pins if not pin.outline}
    out = list(pins)
    for place, pin in enumerate(pins):
        if not pin.outline:
            continue
        away = np.linalg.norm(pixels[rim] - (pin.x, pin.y), axis=1)
        away[np.isin(rim, sorted(taken))] = np.inf
        best = int(np.argmin(away))
        own = away[rim == pin.vertex]
        if not len(own) or own[0] > away[best] + slack:
            out[place] = replace(pin, vertex=int(rim[best]))
        taken.add(out[place].vertex)
    return tuple(out)
