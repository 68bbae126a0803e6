"""The dock "Points": how points move, which are selected, and putting them back."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.actions import Actions
from facestudio.app.document.document import Document
from facestudio.app.editor.motion import GROUPS, part_of, parts, point_label
from facestudio.app.editor.painting import MOVED, confidence_colour
from facestudio.app.editor.pins import pin_label
from facestudio.app.words import lowered, tr

LEAST_REACH, MOST_REACH = 10, 150  # per cent of the distance between the eye corners


class _Legend(QWidget):
    """What the colours of the points mean."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(4 * (self.fontMetrics().height() + 6))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw four dots and their words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.fontMetrics().height() + 6
        entries = (
            (confidence_colour(1.0), tr("sure to 1 % of the eye distance")),
            (confidence_colour(0.5), tr("fair")),
            (confidence_colour(0.0), tr("unsure by 5 % or more")),
            (MOVED, tr("moved by hand")),
        )
        for number, (colour, text) in enumerate(entries):
            y = number * line
            painter.setPen(QColor(10, 20, 24, 160))
            painter.setBrush(colour)
            painter.drawEllipse(2, y + line // 2 - 4, 9, 9)
            painter.setPen(self.palette().windowText().color())
            painter.drawText(20, y, self.width() - 20, line, Qt.AlignmentFlag.AlignVCenter, text)


class PointsPanel(QWidget):
    """Settings of moving, parts to select, and reset."""

    reach_changed = Signal(float)

    def __init__(self, document: Document, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(7)

        column.addWidget(self._title(tr("Moving")))
        for name in ("whole_part", "soft", "mirror"):
            box = QCheckBox(actions[name].text())
            box.setToolTip(actions[name].toolTip())
            box.setChecked(actions[name].isChecked())
            box.toggled.connect(actions[name].setChecked)
            actions[name].toggled.connect(box.setChecked)
            column.addWidget(box)
        row = QHBoxLayout()
        self.reach = QSlider(Qt.Orientation.Horizontal)
        self.reach.setRange(LEAST_REACH, MOST_REACH)
        self.reach.setValue(50)
        self.reach.setEnabled(actions["soft"].isChecked())
        self.reach.setToolTip(tr("How far the soft falloff reaches, in eye distances"))
        self.reach.setAccessibleName(tr("Reach of the soft falloff"))
        self._reach_text = QLabel()
        self._reach_text.setMinimumWidth(38)
        self._reach_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        label = QLabel(tr("Reach"))
        label.setObjectName("muted")
        row.addWidget(label)
        row.addWidget(self.reach, 1)
        row.addWidget(self._reach_text)
        column.addLayout(row)
        actions["soft"].toggled.connect(self.reach.setEnabled)
        self.reach.valueChanged.connect(self._reach_moved)
        self._reach_moved(self.reach.value())

        column.addSpacing(8)
        column.addWidget(self._title(tr("Select a part")))
        grid = QGridLayout()
        grid.setSpacing(5)
        self.part_buttons: dict[str, QPushButton] = {}
        for number, name in enumerate(GROUPS):
            button = QPushButton(tr(name))
            button.clicked.connect(lambda checked=False, n=name: self._select(n))
            wide = number == len(GROUPS) - 1
            grid.addWidget(button, number // 2, number % 2, 1, 2 if wide else 1)
            self.part_buttons[name] = button
        column.addLayout(grid)

        column.addSpacing(8)
        column.addWidget(self._title(tr("Selection")))
        self.selected = QLabel()
        self.selected.setWordWrap(True)
        self.selected.setObjectName("muted")
        column.addWidget(self.selected)
        row = QHBoxLayout()
        row.setSpacing(5)
        label = QLabel(tr("Reset"))
        label.setObjectName("muted")
        row.addWidget(label)
        for text, name in (
            (tr("Points"), "reset_points"),
            (tr("Part"), "reset_part"),
            (tr("All"), "reset_all"),
        ):
            row.addWidget(self._button(text, actions[name]), 1)
        column.addLayout(row)

        column.addSpacing(8)
        column.addWidget(self._title(tr("Pins")))
        self.pins = QLabel()
        self.pins.setWordWrap(True)
        self.pins.setObjectName("muted")
        column.addWidget(self.pins)
        row = QHBoxLayout()
        row.setSpacing(5)
        for text, name in ((tr("Remove"), "remove_pin"), (tr("Remove all"), "remove_pins")):
            row.addWidget(self._button(text, actions[name]))
        column.addLayout(row)

        column.addSpacing(8)
        column.addWidget(self._title(tr("Colours")))
        column.addWidget(_Legend())
        column.addStretch()
        document.selection_changed.connect(self._update)
        document.landmarks_changed.connect(self._update)
        document.gesture_changed.connect(self._update)
        self._update()

    @staticmethod
    def _button(text: str, action: QAction) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(action.toolTip())
        button.setEnabled(action.isEnabled())
        button.clicked.connect(action.trigger)
        action.enabledChanged.connect(button.setEnabled)
        return button

    @staticmethod
    def _title(text: str) -> QLabel:
        label = QLabel(text)
        label.setObjectName("sectionTitle")
        return label

    def _reach_moved(self, value: int) -> None:
        self._reach_text.setText(f"{value / 100:.2f}")
        self.reach_changed.emit(value / 100)

    def _select(self, name: str) -> None:
        if self._document.landmarks is not None:
            self._document.select(parts()[name])

    def _tell_pins(self) -> None:
        pins, chosen = self._document.state.pins, self._document.chosen_pin
        if not pins:
            text = tr("Shift and drag an ear, the hairline or the outline to where the photo shows it.")
        elif chosen is not None:
            text = pin_label(chosen)
        elif len(pins) == 1:
            text = tr("One pin: {place}", place=lowered(pin_label(pins[0].vertex)))
        else:
            text = tr("{count} pins", count=len(pins))
        self.pins.setText(text)

    def _update(self) -> None:
        if self._document.in_gesture:  # each repaint of the window takes time from the head that follows
            return
        landmarks, chosen = self._document.landmarks, sorted(self._document.selection)
        self._tell_pins()
        for button in self.part_buttons.values():
            button.setEnabled(landmarks is not None)
        if landmarks is None:
            self.selected.setText(tr("No points yet."))
        elif not chosen:
            moved = int(landmarks.moved.sum())
            parts = [tr("Nothing selected."), tr("{moved} of 68 points moved.", moved=moved) if moved else ""]
            self.selected.setText(" ".join(parts).strip())
        elif len(chosen) == 1:
            x, y = landmarks.points[chosen[0]]
            self.selected.setText(
                tr("{point} at {x:.1f}, {y:.1f} px", point=point_label(chosen[0]), x=x, y=y)
            )
        else:
            names = {part_of(point) for point in chosen}
            text = tr("{count} points", count=len(chosen))
            part = tr(names.pop()) if len(names) == 1 else ""
            self.selected.setText(f"{text} ({lowered(part)})" if part else text)
