"""What the colours of the mode "coverage" mean, in a corner of the 3D view."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from facestudio.values import Coverage

_MARGIN, _PAD = 12, 10
_WORDS = {"seen": "seen in the photo", "mirrored": "mirrored", "borrowed": "borrowed from similar heads"}


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

        self._lines = [
            (QColor(*COLOURS[name]), f"{100 * getattr(coverage, name):.0f} %  {words}")
            for name, words in _WORDS.items()
        ]
        metrics = self.fontMetrics()
        width = max(metrics.horizontalAdvance(text) for _, text in self._lines)
        self.resize(width + 2 * _PAD + 20, 3 * (metrics.height() + 5) + 2 * _PAD - 5)
        self.setAccessibleName("Coverage: " + ", ".join(text for _, text in self._lines))
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
