"""Draws what lies over the photo: contours, points, names, faces, the magnifier."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from facestudio.app.editor.motion import eye_distance, point_label, sureness
from facestudio.app.editor.picture import Picture
from facestudio.app.editor.transform import ViewTransform
from facestudio.app.words import tr
from facestudio.landmarks.schemes import load_scheme
from facestudio.values import DetectedFace, FloatArray, Landmarks

# Colours on the photo do not follow the theme: they must stand out on skin.
SURE, MIDDLING, UNSURE = QColor("#3ee0b0"), QColor("#ffd24a"), QColor("#ff7a4d")
MOVED = QColor("#5aa9ff")
LINE = QColor(235, 250, 245, 190)
HALO = QColor(8, 18, 22, 150)
CHIP = QColor(16, 20, 26, 225)
ON_CHIP = QColor("#f2f5f8")
SELECTED = QColor("#ffffff")

MAGNIFIER_SIZE = 168.0
_MAGNIFIER_GAP = 14.0


def confidence_colour(value: float) -> QColor:
    """Return the colour of a confidence 0..1: orange, yellow, green."""
    low, high, t = (UNSURE, MIDDLING, 2 * value) if value < 0.5 else (MIDDLING, SURE, 2 * value - 1)
    mixed = [round(a + (b - a) * t) for a, b in zip(low.getRgb()[:3], high.getRgb()[:3], strict=True)]  # type: ignore[index]
    return QColor(*mixed)


@dataclass(frozen=True)
class Emphasis:
    """Which points stand out."""

    hovered: int | None = None
    selected: frozenset[int] = frozenset()
    grabbed: frozenset[int] = frozenset()


def place_points(landmarks: Landmarks, transform: ViewTransform) -> FloatArray:
    """Return where the points are shown, (N, 2) logical widget pixels."""
    return landmarks.points * transform.scale + (transform.x, transform.y)


def point_radius(landmarks: Landmarks, transform: ViewTransform) -> float:
    """Return the radius of a point's mark: smaller where the face is small on the screen."""
    return min(4.2, max(1.8, 0.022 * eye_distance(landmarks.points) * transform.scale))


_MARGIN = 12  # logical pixels around a point: what is drawn of it, and of the lines to its neighbours


@cache
def _neighbours() -> tuple[frozenset[int], ...]:
    """Return the points that contours join to each of the 68, itself included."""
    joined = [{i} for i in range(68)]
    for contour in load_scheme("ibug68").contours:
        for a, b in pairwise(contour):
            joined[a].add(b)
            joined[b].add(a)
    return tuple(frozenset(each) for each in joined)


def touched_area(before: Landmarks, after: Landmarks, transform: ViewTransform) -> QRect:
    """Return the part of the widget that looks different when points have moved."""
    at, to = place_points(before, transform), place_points(after, transform)
    different = (at != to).any(axis=1) | (before.moved != after.moved) | (sureness(before) != sureness(after))
    if point_radius(before, transform) != point_radius(after, transform):
        different[:] = True
    changed = np.flatnonzero(different)
    if not len(changed):
        return QRect()
    around = sorted(frozenset[int]().union(*(_neighbours()[i] for i in changed)))
    both = np.concatenate([at[around], to[around]])
    (x0, y0), (x1, y1) = np.floor(both.min(axis=0)), np.ceil(both.max(axis=0))
    area = QRectF(float(x0), float(y0), float(x1 - x0), float(y1 - y0))
    return area.adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN).toAlignedRect()


def paint_landmarks(
    painter: QPainter,
    landmarks: Landmarks,
    transform: ViewTransform,
    emphasis: Emphasis,
    areas: list[QRectF] | None = None,
) -> None:
    """Draw contours and points; with areas, only what shows in one of them needs to be drawn."""
    at = place_points(landmarks, transform)
    radius = point_radius(landmarks, transform)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_contours(painter, at, 1.0 if radius < 3 else 1.4)
    sure = sureness(landmarks)
    order = sorted(range(len(at)), key=lambda i: (i in emphasis.selected, i == emphasis.hovered))
    for i in order:
        colour = MOVED if landmarks.moved[i] else confidence_colour(float(sure[i]))
        chosen = i in emphasis.selected or i in emphasis.grabbed
        r = radius * (1.45 if i == emphasis.hovered else 1.2 if chosen else 1.0)
        centre = QPointF(float(at[i, 0]), float(at[i, 1]))
        if areas is not None and not any(area.contains(centre) for area in areas):
            continue
        if chosen or i == emphasis.hovered:
            painter.setPen(QPen(HALO, 4.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(centre, r + 1.6, r + 1.6)
            painter.setPen(QPen(SELECTED, 1.8))
            painter.drawEllipse(centre, r + 1.6, r + 1.6)
        painter.setPen(QPen(QColor(8, 18, 22, 210), 1.0))
        painter.setBrush(colour)
        painter.drawEllipse(centre, r, r)


def paint_contours(painter: QPainter, at: FloatArray, width: float) -> None:
    """Draw the contours of the 68 points through (68, 2) widget pixels."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    lines = [
        QPolygonF([QPointF(float(at[i, 0]), float(at[i, 1])) for i in contour])
        for contour in load_scheme("ibug68").contours
    ]
    for colour, extra in ((HALO, 2.0), (LINE, 0.0)):
        pen = QPen(colour, width + extra)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        for line in lines:
            painter.drawPolyline(line)


def paint_chip(painter: QPainter, text: str, near: QPointF, bounds: QRectF, font: QFont) -> QRectF:
    """Draw a line of text on a dark plate beside a place, inside bounds; returns the plate."""
    metrics = QFontMetricsF(font)
    size = QSizeF(metrics.horizontalAdvance(text) + 16, metrics.height() + 8)
    x = near.x() + 14 if near.x() + 14 + size.width() < bounds.right() else near.x() - 14 - size.width()
    y = near.y() - size.height() - 8
    if y < bounds.top() + 2:
        y = near.y() + 14
    plate = QRectF(QPointF(max(x, bounds.left() + 2), y), size)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(CHIP)
    painter.drawRoundedRect(plate, 5, 5)
    painter.setPen(ON_CHIP)
    painter.setFont(font)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
    return plate


def hover_text(landmarks: Landmarks, point: int) -> str:
    """Return what is said about a point: its name and how far it may be off."""
    if landmarks.moved[point]:
        return f"{point_label(point)}  ·  {tr('moved by hand')}"
    sigma = float(np.sqrt(np.trace(landmarks.covariance[point]) / 2))
    return f"{point_label(point)}  ·  ±{sigma:.1f} px"


def paint_faces(
    painter: QPainter,
    faces: tuple[DetectedFace, ...],
    chosen: int,
    hovered: int | None,
    transform: ViewTransform,
    accent: QColor,
    font: QFont,
    bounds: QRectF,
) -> None:
    """Draw the boxes of several faces; numbers start at 1."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for number, face in enumerate(faces, start=1):
        box = face_rect(face, transform)
        mine = number == chosen
        colour = accent if mine or number == hovered else QColor(255, 255, 255, 215)
        painter.setBrush(QColor(accent.red(), accent.green(), accent.blue(), 45 if number == hovered else 0))
        for tone, width in ((HALO, 4.0), (colour, 1.8)):
            pen = QPen(tone, width)
            if not mine:
                pen.setDashPattern([5 * 1.8 / width, 3 * 1.8 / width])
            painter.setPen(pen)
            painter.drawRoundedRect(box, 6, 6)
        if not mine:
            text = (
                tr("Face {number}: click to use it", number=number)
                if number == hovered
                else tr("Face {number}", number=number)
            )
            paint_chip(painter, text, box.topLeft() - QPointF(14, -2), bounds, font)


def face_rect(face: DetectedFace, transform: ViewTransform) -> QRectF:
    """Return where a face's box is shown."""
    b = face.box
    return QRectF(transform.to_widget(QPointF(b.x0, b.y0)), transform.to_widget(QPointF(b.x1, b.y1)))


def magnifier_area(place: QPointF, transform: ViewTransform, bounds: QRectF) -> QRectF:
    """Return where the magnifier of a place of the photo is: in the corner farthest from it."""
    shown = transform.to_widget(place)
    gap, size = _MAGNIFIER_GAP, MAGNIFIER_SIZE
    left = shown.x() > bounds.center().x()
    top = shown.y() > bounds.top() + size + 4 * gap or left != (shown.x() < bounds.left() + size + 4 * gap)
    x = bounds.left() + gap if left else bounds.right() - gap - size
    y = bounds.top() + gap if top else bounds.bottom() - gap - size
    return QRectF(x, y, size, size)


def paint_magnifier(
    painter: QPainter,
    picture: Picture,
    landmarks: Landmarks,
    place: QPointF,
    transform: ViewTransform,
    bounds: QRectF,
    ratio: float,
) -> QRectF:
    """Draw a round magnifier of a place of the photo in the corner farthest from it; returns where."""
    lens = magnifier_area(place, transform, bounds)
    # Three times the editor's scale, but not so near that the photo dissolves into pixels.
    scale = max(2.0, min(3.0 * transform.scale, max(12.0, 1.5 * transform.scale)))
    centre = lens.center()
    inner = ViewTransform(scale, centre.x() - place.x() * scale, centre.y() - place.y() * scale)

    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QPainterPath()
    outline.addEllipse(lens)
    painter.setClipPath(outline)
    painter.fillPath(outline, QColor("#101317"))
    picture.paint(painter, inner, ratio, lens)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_contours(painter, place_points(landmarks, inner), 1.2)
    painter.setClipping(False)
    for colour, width in ((HALO, 3.0), (QColor(255, 255, 255, 235), 1.2)):
        painter.setPen(QPen(colour, width))
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            painter.drawLine(centre + QPointF(5 * dx, 5 * dy), centre + QPointF(17 * dx, 17 * dy))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(MOVED)
    painter.drawEllipse(centre, 2.2, 2.2)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((HALO, 5.0), (QColor(255, 255, 255, 235), 2.0)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(lens)
    painter.restore()
    return lens


def paint_band(painter: QPainter, band: QRectF, accent: QColor) -> None:
    """Draw a selection rectangle."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(accent, 1.0))
    painter.setBrush(QColor(accent.red(), accent.green(), accent.blue(), 50))
    painter.drawRect(band)
