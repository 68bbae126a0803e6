"""Where the photo lies in the widget: one scale and one offset."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QTransform

MIN_SCALE, MAX_SCALE = 0.02, 64.0


@dataclass(frozen=True)
class ViewTransform:
    """widget = image * scale + (x, y); image coordinates are pixels, the first pixel's centre at (0, 0).

    Attributes
    ----------
    scale
        Logical widget pixels per photo pixel.
    x, y
        Where the centre of the photo's first pixel lies in the widget.
    """

    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    @classmethod
    def fitting(cls, area: QRectF, size: QSizeF, margin: float = 16.0) -> "ViewTransform":
        """Show an area of the image frame as large as fits, in the middle of a widget of this size."""
        free_w, free_h = max(size.width() - 2 * margin, 8.0), max(size.height() - 2 * margin, 8.0)
        scale = min(free_w / max(area.width(), 1e-6), free_h / max(area.height(), 1e-6))
        scale = min(max(scale, MIN_SCALE), MAX_SCALE)
        centre = area.center()
        return cls(scale, size.width() / 2 - centre.x() * scale, size.height() / 2 - centre.y() * scale)

    def to_widget(self, point: QPointF) -> QPointF:
        """Return where a point of the image frame is shown."""
        return QPointF(point.x() * self.scale + self.x, point.y() * self.scale + self.y)

    def to_image(self, point: QPointF) -> QPointF:
        """Return which point of the image frame is shown at a place of the widget."""
        return QPointF((point.x() - self.x) / self.scale, (point.y() - self.y) / self.scale)

    def zoomed(self, factor: float, at: QPointF) -> "ViewTransform":
        """Scale about a place of the widget: what is shown there stays there."""
        scale = min(max(self.scale * factor, MIN_SCALE), MAX_SCALE)
        k = scale / self.scale
        return ViewTransform(scale, at.x() - (at.x() - self.x) * k, at.y() - (at.y() - self.y) * k)

    def panned(self, by: QPointF) -> "ViewTransform":
        """Move by logical widget pixels."""
        return ViewTransform(self.scale, self.x + by.x(), self.y + by.y())

    def between(self, other: "ViewTransform", t: float) -> "ViewTransform":
        """Return the transform a part 0..1 of the way to another."""
        mix = [a + (b - a) * t for a, b in ((self.x, other.x), (self.y, other.y))]
        return ViewTransform(self.scale + (other.scale - self.scale) * t, *mix)

    def matrix(self) -> QTransform:
        """Return the transform for a painter."""
        return QTransform(self.scale, 0, 0, self.scale, self.x, self.y)
