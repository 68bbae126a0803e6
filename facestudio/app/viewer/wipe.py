"""Over the 3D view, seen from the photo's camera: the photo up to a line that can be dragged."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from facestudio.app.editor.picture import Picture
from facestudio.app.editor.transform import ViewTransform
from facestudio.app.words import tr


class PhotoWipe(QWidget):
    """The photo on the left of a line, the head on its right; drag the line, or move it with the arrow keys."""

    moved = Signal(float)

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self.setAccessibleName(tr("Photo beside the head"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.share = 0.5
        self._picture: Picture | None = None
        self._area = (0.0, 0.0, 1.0, 1.0)
        self.hide()

    def lay(self, picture: Picture, area: tuple[float, float, float, float]) -> None:
        """Show the photo so that `area` (x0, y0, x1, y1 pixels) fills the widget as `Shot.photo_area` does."""
        x0, y0, x1, y1 = (float(edge) for edge in area)  # Qt takes no numbers of numpy's
        self._picture, self._area = picture, (x0, y0, x1, y1)
        self.show()
        self.raise_()
        self.update()

    def transform(self) -> ViewTransform:
        """Return where the photo lies in the widget."""
        x0, y0, x1, y1 = self._area
        scale = min(self.width() / max(x1 - x0, 1e-6), self.height() / max(y1 - y0, 1e-6))
        return ViewTransform(
            scale, self.width() / 2 - (x0 + x1) / 2 * scale, self.height() / 2 - (y0 + y1) / 2 * scale
        )

    def set_share(self, share: float) -> None:
        """Put the line at a part 0..1 of the width."""
        self.share = min(max(share, 0.0), 1.0)
        self.moved.emit(self.share)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the line along."""
        self.set_share(event.position().x() / max(1, self.width()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Take the line along."""
        self.set_share(event.position().x() / max(1, self.width()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the line."""
        step = {Qt.Key.Key_Left: -0.02, Qt.Key.Key_Right: 0.02}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.set_share(self.share + step)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the photo's part and the line."""
        if self._picture is None:
            return
        painter = QPainter(self)
        at = self.share * self.width()
        clip = QRectF(0, 0, at, self.height())
        painter.setClipRect(clip)
        painter.fillRect(clip, QColor(24, 26, 29))
        self._picture.paint(painter, self.transform(), self.devicePixelRatioF(), clip)
        painter.setClipping(False)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((QColor(0, 0, 0, 120), 4.0), (QColor(255, 255, 255), 1.6)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(at, 0), QPointF(at, self.height()))
        painter.setBrush(QColor(255, 255, 255))
        painter.setPen(QPen(QColor(0, 0, 0, 120), 1.0))
        painter.drawEllipse(QPointF(at, self.height() / 2), 9, 9)
        painter.setPen(QPen(QColor(40, 44, 50), 1.8))
        for way in (-1, 1):
            tip = QPointF(at + way * 6, self.height() / 2)
            painter.drawLine(tip, tip + QPointF(-way * 3, -3))
            painter.drawLine(tip, tip + QPointF(-way * 3, 3))
