"""Pins in the photo editor: places of the head tied to places of the photo, to be set, dragged and taken away."""

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF

from facestudio.app.document.document import Document
from facestudio.app.editor.motion import side_axis
from facestudio.app.editor.painting import HALO, MOVED, SELECTED, paint_chip
from facestudio.app.editor.transform import ViewTransform
from facestudio.app.words import lowered, mark, tr
from facestudio.template.model import load_template
from facestudio.template.pins import Pin, pinned_place, with_pin
from facestudio.values import FloatArray, Head

_REACH = 11.0  # logical pixels around a pin in which it can be grabbed
_START_DISTANCE = 2.5
_SIZE = 5.5
_NEAR_MM = 8.0
# Of the sitter's right, left, and in the middle.
_LABELS = {
    "ear-top": (mark("Right ear, top"), mark("Left ear, top"), mark("Ear")),
    "ear": (mark("Right ear"), mark("Left ear"), mark("Ear")),
    "ear-lobe": (mark("Right ear lobe"), mark("Left ear lobe"), mark("Ear lobe")),
    "top": (mark("Top of the head, right"), mark("Top of the head, left"), mark("Top of the head")),
    "back": (mark("Back of the head, right"), mark("Back of the head, left"), mark("Back of the head")),
    "neck": (mark("Neck, right"), mark("Neck, left"), mark("Neck")),
    "hairline": (mark("Hairline, right"), mark("Hairline, left"), mark("Hairline")),
    "face": (mark("Right half of the face"), mark("Left half of the face"), mark("Middle of the face")),
}
_MIDDLE_MM = 6.0


def pin_label(vertex: int) -> str:
    """Return what a person calls a vertex of the head."""
    template = load_template()
    right, left, middle = _LABELS[pinned_place(template, vertex)]
    x = float(template.vertices[vertex, 0])
    return tr(middle if abs(x) < _MIDDLE_MM else left if x > 0 else right)


class PinDrag:
    """A pin follows the pointer; a new one is there at once, one that is there moves when the pointer left its place.

    Parameters
    ----------
    document
        Where the pins are.
    pin
        The pin as it begins.
    new
        Whether it is being set.
    at
        Where the pointer was pressed, logical widget pixels.
    twin
        The pin of the other half that goes along, as it begins.
    """

    def __init__(self, document: Document, pin: Pin, new: bool, at: QPointF, twin: Pin | None = None) -> None:
        self.pin, self.new, self._at, self._twin = pin, new, at, twin
        self._document, self._start = document, document.state.pins
        self._first = pin
        self.moving = False
        landmarks = document.landmarks
        self._axis = np.array([1.0, 0.0]) if landmarks is None else side_axis(landmarks.points)
        if new:
            self._show((0.0, 0.0))

    def _show(self, by: tuple[float, float]) -> None:
        self.pin = replace(self._first, x=self._first.x + by[0], y=self._first.y + by[1])
        pins = with_pin(self._start, self.pin)
        if self._twin is not None:
            way = np.array(by) - 2 * float(np.dot(by, self._axis)) * self._axis
            twin = replace(self._twin, x=self._twin.x + float(way[0]), y=self._twin.y + float(way[1]))
            pins = with_pin(pins, twin)
        self._document.preview_state(replace(self._document.state, pins=pins))

    def move(self, at: QPointF, transform: ViewTransform) -> None:
        """Follow the pointer, off the photo too: hair and shoulders may reach beyond it."""
        way = at - self._at
        if not self.moving and np.hypot(way.x(), way.y()) < _START_DISTANCE:
            return
        self.moving = True
        self._show((way.x() / transform.scale, way.y() / transform.scale))

    def end(self) -> None:
        """Make one undo step of it."""
        if self.new or self.moving:
            name = lowered(pin_label(self.pin.vertex))
            text = tr("Pin {place}", place=name) if self.new else tr("Move pin: {place}", place=name)
            self._document.commit(text)

    def give_up(self) -> None:
        """Put everything back."""
        if self.new or self.moving:
            self._document.revert()


def _diamond(centre: QPointF, size: float) -> QPolygonF:
    steps = ((0, -size), (size, 0), (0, size), (-size, 0))
    return QPolygonF([centre + QPointF(x, y) for x, y in steps])


def paint_pins(
    painter: QPainter, document: Document, transform: ViewTransform, stands_out: int | None
) -> None:
    """Draw the pins: diamonds, the chosen one with a white rim."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for pin in document.state.pins:
        centre = transform.to_widget(QPointF(pin.x, pin.y))
        chosen = pin.vertex in (document.chosen_pin, stands_out)
        if chosen:
            for colour, width in ((HALO, 5.0), (SELECTED, 2.2)):
                painter.setPen(QPen(colour, width))
                painter.setBrush(MOVED)
                painter.drawPolygon(_diamond(centre, _SIZE + 2.5))
        painter.setPen(QPen(QColor(8, 18, 22, 220), 1.2))
        painter.setBrush(MOVED)
        painter.drawPolygon(_diamond(centre, _SIZE))
        painter.setBrush(SELECTED)
        painter.drawEllipse(centre, 1.3, 1.3)


def paint_candidate(painter: QPainter, place: QPointF) -> None:
    """Draw where a press would set a pin."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(0, 0, 0, 0))
    for colour, width in ((HALO, 4.0), (SELECTED, 1.6)):
        painter.setPen(QPen(colour, width))
        painter.drawPolygon(_diamond(place, _SIZE + 1))


class PinTool:
    """Sets pins, takes hold of them, and shows them.

    Attributes
    ----------
    on
        Whether every press sets a pin.
    hovered
        The vertex of the pin under the pointer.
    """

    def __init__(self, document: Document) -> None:
        self.on = False
        self.hovered: int | None = None
        self._candidate: int | None = None  # the vertex that a press would pin
        self._document = document
        self._head: Head | None = None
        self._posed: FloatArray | None = None

    def set_head(self, head: Head | None) -> None:
        """Take the newest head: what is pinned is what it shows."""
        self._head, self._posed = head, None
        if head is None:
            self.forget()

    def set_on(self, on: bool) -> None:
        """Set a pin with every press."""
        self.on, self._candidate = on, None

    def forget(self) -> None:
        """Nothing is under the pointer."""
        self.hovered = self._candidate = None

    @property
    def named(self) -> str:
        """What is under the pointer, in words."""
        vertex = self._candidate if self.hovered is None else self.hovered
        return "" if vertex is None else pin_label(vertex)

    def at(self, at: QPointF, transform: ViewTransform) -> int | None:
        """Return the vertex of the pin that a press at a place of the widget would grab."""
        pins = self._document.state.pins
        if not pins:
            return None
        places = np.array([(pin.x, pin.y) for pin in pins]) * transform.scale + (transform.x, transform.y)
        away = np.hypot(places[:, 0] - at.x(), places[:, 1] - at.y())
        nearest = int(away.argmin())
        return pins[nearest].vertex if away[nearest] <= _REACH else None

    def hover(self, at: QPointF, transform: ViewTransform, *, active: bool) -> bool:
        """Look what is under the pointer; returns whether it is something else than before."""
        pin = self.at(at, transform) if active else None
        candidate = None
        if active and pin is None and self.on and self._head is not None:
            candidate = self._vertex_at(transform.to_image(at))
        if (pin, candidate) == (self.hovered, self._candidate):
            return False
        self.hovered, self._candidate = pin, candidate
        return True

    def press(self, at: QPointF, transform: ViewTransform, *, shift: bool, mirror: bool) -> PinDrag | None:
        """Take hold of the pin at a place of the widget, or set one there; None if it does neither."""
        document, pins = self._document, self._document.state.pins
        vertex, place = self.at(at, transform), transform.to_image(at)
        if vertex is None:
            if not (shift or self.on) or self._head is None:
                return None
            vertex = self._vertex_at(place)
        pin = next((one for one in pins if one.vertex == vertex), None)
        new = pin is None
        if pin is None:
            x, y = self._place_of(vertex)
            # On the head the pin holds what is there; off it, the outline comes to the pointer.
            if np.hypot(x - place.x(), y - place.y()) > self._near():
                x, y = place.x(), place.y()
            pin = Pin(vertex, x, y, self._on_outline(vertex))
        self._candidate = None
        document.choose_pin(vertex)
        twin = self._twin(pin) if mirror and self._head is not None else None
        return PinDrag(document, pin, new, at, twin)

    def paint(
        self, painter: QPainter, transform: ViewTransform, bounds: QRectF, font: QFont, *, resting: bool
    ) -> None:
        """Draw the pins, and in pin mode where a press would set one."""
        paint_pins(painter, self._document, transform, self.hovered)
        if not resting:
            return
        if self._candidate is not None and self._head is not None:
            place = transform.to_widget(QPointF(*self._place_of(self._candidate)))
            paint_candidate(painter, place)
            paint_chip(painter, pin_label(self._candidate), place, bounds, font)
        pin = next((one for one in self._document.state.pins if one.vertex == self.hovered), None)
        if pin is not None:
            text = f"{pin_label(pin.vertex)}  ·  {tr('pinned')}"
            paint_chip(painter, text, transform.to_widget(QPointF(pin.x, pin.y)), bounds, font)

    def _placed(self, head: Head) -> FloatArray:
        if self._posed is None:
            self._posed = head.posed_vertices()
        return self._posed

    def _vertex_at(self, place: QPointF) -> int:
        from facestudio.fitting.pins import vertex_at

        assert self._head is not None
        posed = self._placed(self._head)
        return vertex_at(load_template(), self._head.camera, posed, (place.x(), place.y()))

    def _on_outline(self, vertex: int) -> bool:
        from facestudio.fitting.outline import on_outline

        assert self._head is not None
        return on_outline(load_template(), self._head.camera, self._placed(self._head), vertex)

    def _place_of(self, vertex: int) -> tuple[float, float]:
        from facestudio.geometry.camera import project

        assert self._head is not None
        x, y = project(self._head.camera, self._placed(self._head)[vertex][None])[0][0]
        return float(x), float(y)

    def _near(self) -> float:
        assert self._head is not None
        return _NEAR_MM * self._head.camera.fx / float(self._head.camera.translation_mm[2])

    def _twin(self, pin: Pin) -> Pin | None:
        """Return the pin of the other half of the face that goes along; None in the middle."""
        other = int(load_template().mirror[pin.vertex])
        if other == pin.vertex:
            return None
        known = next((one for one in self._document.state.pins if one.vertex == other), None)
        return known or Pin(other, *self._place_of(other), self._on_outline(other))
