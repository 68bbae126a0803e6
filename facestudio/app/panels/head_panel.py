"""The dock "Head": what was found, how, and from which heads."""

from collections.abc import Iterator
from html import escape

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from facestudio.app.panels.camera_panel import FOCAL_SOURCES
from facestudio.app.panels.expression_panel import readable
from facestudio.app.words import STAGE_NAMES, tr
from facestudio.values import ARKIT_NAMES, Head


class _Elided(QLabel):
    """A line that is cut with an ellipsis where it does not fit; the whole of it is the tool tip."""

    def minimumSizeHint(self) -> QSize:
        """May become as narrow as it must."""
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        area = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, area.width())
        if text == self.text():
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(area, self.alignment() | Qt.AlignmentFlag.AlignVCenter, text)


_SHOWN_HEADS = 6
_SHOWN_SHAPES = 5


def facts(head: Head) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what is worth knowing about a head: sections of names and values."""
    camera, points = head.camera, head.landmarks
    size = head.vertices.max(axis=0) - head.vertices.min(axis=0)
    sections = [
        (
            tr("Shape"),
            [
                (tr("Points"), head.landmark_method),
                (
                    tr("Moved by hand"),
                    tr("{moved} of {all}", moved=int(points.moved.sum()), all=len(points.points)),
                ),
                (tr("Shape"), head.shape_method),
                (tr("Similar heads"), head.retrieval_method),
                (tr("Database"), head.database),
                (tr("Size"), f"{size[0]:.0f} × {size[1]:.0f} × {size[2]:.0f} mm"),
            ],
        ),
        (
            tr("Camera"),
            [
                (tr("Focal length"), f"{camera.fx:.0f} px ({tr(FOCAL_SOURCES[camera.focal_source])})"),
                (tr("Distance"), f"{camera.translation_mm[2] / 10:.0f} cm"),
            ],
        ),
    ]
    if head.similar_heads:
        heads = sorted(head.similar_heads, key=lambda h: -h.weight)[:_SHOWN_HEADS]
        sections.append((tr("Similar heads"), [(h.id, f"{100 * h.weight:.0f} %") for h in heads]))
    strong = sorted(range(len(head.expression)), key=lambda i: -head.expression[i])[:_SHOWN_SHAPES]
    shapes = [
        (readable(ARKIT_NAMES[i]), f"{100 * head.expression[i]:.0f} %")
        for i in strong
        if head.expression[i] > 0.1
    ]
    if shapes:
        sections.append((tr("Expression"), shapes))
    if head.texture is not None:
        cover = head.texture.coverage
        sections.append(
            (
                tr("Texture"),
                [
                    (tr("Size"), f"{head.texture.size} × {head.texture.size}"),
                    (tr("Seen in the photo"), f"{100 * cover.seen:.0f} %"),
                    (tr("Mirrored"), f"{100 * cover.mirrored:.0f} %"),
                    (tr("Borrowed"), f"{100 * cover.borrowed:.0f} %"),
                ],
            )
        )
    if head.timings_ms:
        sections.append(
            (tr("Time"), [(tr(STAGE_NAMES[name]), f"{ms:.0f} ms") for name, ms in head.timings_ms.items()])
        )
    return sections


class HeadPanel(QWidget):
    """Facts about the head, and remarks of the pipeline."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 12, 12, 12)
        self._column.setSpacing(6)
        self._notes = QLabel()
        self._notes.setWordWrap(True)
        self._notes.setObjectName("muted")
        self._notes.setContentsMargins(0, 0, 0, 6)
        self._empty = QLabel(tr("No head yet."))
        self._empty.setObjectName("muted")
        self._body = QWidget()
        self._rows = QVBoxLayout(self._body)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(4)
        self._labels: list[QLabel] = []
        for widget in (self._notes, self._empty, self._body):
            self._column.addWidget(widget)
        self._column.addStretch()
        self.show_head(None, ())

    def show_head(self, head: Head | None, notes: tuple[str, ...]) -> None:
        """Show facts about a head, or that there is none."""
        for _ in self.showing(head, notes):
            pass

    def showing(self, head: Head | None, notes: tuple[str, ...]) -> Iterator[None]:
        """Do `show_head` in slices."""
        self._notes.setText("".join(f'<p style="margin: 0 0 8px 0">{escape(note)}</p>' for note in notes))
        self._notes.setVisible(bool(notes))
        self._empty.setVisible(head is None)
        self._body.setVisible(head is not None)
        rows: list[tuple[str, str, bool]] = []
        for title, pairs in [] if head is None else facts(head):
            rows.append((title, "", True))
            rows.extend((name, value, False) for name, value in pairs)
        # Labels are used again: a drag shows new facts many times a second.
        while len(self._labels) < 2 * len(rows):
            line = QHBoxLayout()
            line.setSpacing(12)
            for place in (0, 1):
                label = _Elided()
                label.setTextFormat(Qt.TextFormat.PlainText)
                if place:
                    label.setAlignment(Qt.AlignmentFlag.AlignRight)
                line.addWidget(label, place)
                self._labels.append(label)
            self._rows.addLayout(line)
            yield
        for number, label in enumerate(self._labels):
            row, place = divmod(number, 2)
            if row >= len(rows):
                label.hide()
                continue
            name, value, title = rows[row]
            text = (name, value)[place]
            if label.text() != text:
                label.setText(text)
                label.setToolTip(text)
            wanted = "sectionTitle" if title else "fact" if place == 0 else "value"
            if label.objectName() != wanted:
                label.setObjectName(wanted)
                label.setContentsMargins(0, 8 if title and row else 0, 0, 0)
                label.style().polish(label)
            label.show()
            if place:
                yield
