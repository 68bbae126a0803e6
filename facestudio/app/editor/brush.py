"""The brush of the photo editor: strokes over what the texture may not use."""

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from facestudio.app.editor.transform import ViewTransform
from facestudio.texture.strokes import Stroke, stroke_mask

COLOUR = QColor(230, 60, 80)
SMALLEST, LARGEST = 0.02, 1.0  # of the brush, in distances of the outer eye corners
_ALPHA, _RESTING_ALPHA = 120, 70
_MASK_EDGE = 1024
_NEAR = 0.25  # of the radius: points nearer than this to the last one add nothing


class BrushStroke:
    """A stroke that is being drawn; radius in pixels of the photo."""

    def __init__(self, at: QPointF, radius: float, erase: bool) -> None:
        self.points = [(at.x(), at.y())]
        self.radius, self.erase = radius, erase

    def move(self, at: QPointF) -> None:
        """Go on to a place of the photo."""
        x, y = self.points[-1]
        if np.hypot(at.x() - x, at.y() - y) >= _NEAR * self.radius:
            self.points.append((at.x(), at.y()))

    def stroke(self) -> Stroke:
        """Return it as it was drawn."""
        rounded = tuple((round(x, 2), round(y, 2)) for x, y in self.points)
        return Stroke(rounded, round(self.radius, 2), self.erase)

    def paint(self, painter: QPainter, transform: ViewTransform) -> None:
        """Draw it over the photo."""
        path = QPainterPath(transform.to_widget(QPointF(*self.points[0])))
        for point in self.points:
            path.lineTo(transform.to_widget(QPointF(*point)))
        colour = (
            QColor(255, 255, 255, 90)
            if self.erase
            else QColor(COLOUR.red(), COLOUR.green(), COLOUR.blue(), _ALPHA)
        )
        width = 2 * self.radius * transform.scale
        round_cap, round_join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, round_cap, round_join))
        painter.drawPath(path)


def paint_circle(painter: QPainter, at: QPointF, radius: float) -> None:
    """Draw the brush's outline at a place of the widget, `radius` logical pixels."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((QColor(0, 0, 0, 130), 3.0), (QColor(255, 255, 255), 1.4)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(at, radius, radius)


class StrokesImage:
    """What strokes cover, as a picture to lay over the photo; drawn again only when they change."""

    def __init__(self) -> None:
        self._key: Any = None
        self._image = QImage()

    def paint(
        self,
        painter: QPainter,
        strokes: tuple[Stroke, ...],
        size: tuple[int, int],
        transform: ViewTransform,
        *,
        strong: bool,
    ) -> None:
        """Draw it over a photo of this size; `strong` while the brush is at hand."""
        key = (strokes, size, strong)
        if key != self._key:
            scale = min(1.0, _MASK_EDGE / max(size))
            small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
            mask = stroke_mask(strokes, small, scale)
            pixels = np.zeros((small[1], small[0], 4), dtype=np.uint8)
            pixels[mask] = (COLOUR.red(), COLOUR.green(), COLOUR.blue(), _ALPHA if strong else _RESTING_ALPHA)
            image = QImage(pixels.data, small[0], small[1], 4 * small[0], QImage.Format.Format_RGBA8888)
            self._key, self._image = key, image.copy()
        target = QRectF(
            transform.to_widget(QPointF(-0.5, -0.5)),
            transform.to_widget(QPointF(size[0] - 0.5, size[1] - 0.5)),
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, self._image)
