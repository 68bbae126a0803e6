"""What the colours of the modes "coverage" and "uncertainty" mean, in a corner of the 3D view."""

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from facestudio.app.viewer.uncertainty import LIMITS_MM, colours_of, shares
from facestudio.app.words import mark, tr
from facestudio.values import Coverage, Float32Array

_MARGIN, _PAD = 12, 10
_WORDS = {
    "seen": mark("seen in the photo"),
    "mirrored": mark("mirrored"),
    "borrowed": mark("borrowed from similar heads"),
}


class CoverageLegend(QWidget):
    """Three colours, their words, and how much of the skin each has."""

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._lines: list[tuple[QColor, str]] = []
        self.hide()

    def tell(self, coverage: Coverage | None) -> None:
        """Show the shares of a coverage, or nothing."""
        if coverage is None:
            self.hide()
            return
        from facestudio.texture.coverage import COLOURS

        self._show(
            tr("Coverage"),
            [
                (QColor(*COLOURS[name]), f"{100 * getattr(coverage, name):.0f} %  {tr(words)}")
                for name, words in _WORDS.items()
            ],
        )

    def tell_uncertainty(self, millimetres: Float32Array | None) -> None:
        """Show how much of the skin is how sure, (V,) mm, or nothing."""
        if millimetres is None:
            self.hide()
            return
        low, high = LIMITS_MM
        words = (
            tr("off by less than {low:.0f} mm", low=low),
            tr("by {low:.0f} to {high:.0f} mm", low=low, high=high),
            tr("by {high:.0f} mm or more", high=high),
        )
        colours = colours_of(np.array([0.7 * low, (low + high) / 2, 1.5 * high]))
        self._show(
            tr("Uncertainty"),
            [
                (QColor(*map(int, colour)), f"{100 * share:.0f} %  {text}")
                for colour, share, text in zip(colours, shares(millimetres), words, strict=True)
            ],
        )

    def _show(self, title: str, lines: list[tuple[QColor, str]]) -> None:
        self._lines = lines
        metrics = self.fontMetrics()
        width = max(metrics.horizontalAdvance(text) for _, text in self._lines)
        self.resize(width + 2 * _PAD + 20, 3 * (metrics.height() + 5) + 2 * _PAD - 5)
        self.setAccessibleName(f"{title}: " + ", ".join(text for _, text in self._lines))
        self.place()
        self.show()
        self.raise_()
        self.update()

    def place(self) -> None:
        """Go to the lower left corner."""
        view = self.parentWidget()
        if view is not None:
            self.move(_MARGIN, view.height() - self.height() - _MARGIN)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw dots and words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(20, 22, 26, 190))
        painter.drawRoundedRect(QRectF(self.rect()), 7, 7)
        line = self.fontMetrics().height() + 5
        for number, (colour, text) in enumerate(self._lines):
            y = _PAD + number * line
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(QRectF(_PAD, y + line / 2 - 7, 10, 10))
            painter.setPen(QColor(240, 242, 245))
            place = QRectF(_PAD + 20, y - 2, self.width(), line)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
