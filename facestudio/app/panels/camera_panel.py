"""The dock "Camera": the photo's lens, the light of the 3D view, and comparing the head with the photo."""

import math
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from facestudio.app.actions import Actions
from facestudio.app.document.document import Document
from facestudio.app.words import mark, tr
from facestudio.values import Head

SHORTEST_MM, LONGEST_MM = 14.0, 200.0
LIGHT_NAMES = {
    "": mark("As the mode has it"),
    "studio": mark("Studio"),
    "sculpture": mark("Sculpture"),
    "window": mark("Window at the side"),
    "sun": mark("Sun"),
    "rim": mark("From behind"),
    "even": mark("Even"),
}
FOCAL_SOURCES = {
    "exif": mark("from the file"),
    "default": mark("assumed"),
    "given": mark("chosen"),
    "estimated": mark("estimated"),
}
_STEPS = 400
_DIAGONAL_MM = math.hypot(36.0, 24.0)


def equivalent_mm(focal_px: float, size: tuple[int, int]) -> float:
    """Return the focal length on 35 mm film that sees as much as `focal_px` in a photo of this size."""
    return focal_px * _DIAGONAL_MM / math.hypot(*size)


def focal_pixels(mm: float, size: tuple[int, int]) -> float:
    """Return the inverse of `equivalent_mm`."""
    return mm * math.hypot(*size) / _DIAGONAL_MM


class CameraPanel(QWidget):
    """The lens is an undo step, and the head follows while it is dragged; `lighting_wanted` names a light."""

    lighting_wanted = Signal(str)

    def __init__(self, document: Document, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._head: Head | None = None
        self._setting = False
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(7)
        column.addWidget(_title(tr("Lens of the photo")))
        self.lens = QSlider(Qt.Orientation.Horizontal)
        self.lens.setRange(0, _STEPS)
        self.lens.setAccessibleName(tr("Focal length of the photo, as on 35 mm film"))
        self.lens.valueChanged.connect(lambda _: self._moved())
        self.lens.sliderReleased.connect(lambda: self._document.commit(tr("Focal length")))
        self.value = QLabel()
        self.value.setObjectName("value")
        self.source = QLabel(
            tr(
                "Seen from near, noses are large and ears small. Phones have 24 to 28 mm and are held near; portraits"
                " are taken with 70 to 100 mm from farther away."
            )
        )
        self.source.setObjectName("muted")
        self.source.setWordWrap(True)
        self.found = QPushButton(tr("As found"))
        self.found.clicked.connect(self._as_found)
        for widget in (self.value, self.lens, self.source, self.found):
            column.addWidget(widget)
        column.addSpacing(8)
        column.addWidget(_title(tr("Light")))
        self.light = QComboBox()
        self.light.setAccessibleName(tr("Light of the 3D view"))
        for key, text in LIGHT_NAMES.items():
            self.light.addItem(tr(text), key)
        self.light.currentIndexChanged.connect(lambda _: self.lighting_wanted.emit(self.light.currentData()))
        column.addWidget(self.light)
        column.addSpacing(8)
        column.addWidget(_title(tr("Compare")))
        for name in ("compare", "anaglyph"):
            box = QCheckBox(actions[name].text())
            box.setToolTip(actions[name].toolTip())
            box.toggled.connect(actions[name].setChecked)
            actions[name].toggled.connect(box.setChecked)
            box.setEnabled(actions[name].isEnabled())
            actions[name].enabledChanged.connect(box.setEnabled)
            column.addWidget(box)
        column.addStretch()
        document.choices_changed.connect(self._update)
        self.show_head(None)

    def show_head(self, head: Head | None) -> None:
        """Show the camera that was fitted."""
        self._head = head
        self._update()

    def _update(self) -> None:
        head, chosen = self._head, self._document.state.focal_px
        self.lens.setEnabled(head is not None)
        self.found.setEnabled(chosen is not None)
        if head is None:
            self.value.setText(tr("No head yet."))
            return
        camera = head.camera
        mm = equivalent_mm(chosen or camera.fx, camera.image_size)
        how = tr(FOCAL_SOURCES["given" if chosen else camera.focal_source])
        away = camera.translation_mm[2] / 10
        self.value.setText(tr("{mm:.0f} mm ({how}), {away:.0f} cm away", mm=mm, how=how, away=away))
        if not self.lens.isSliderDown():
            self._setting = True
            share = math.log(mm / SHORTEST_MM) / math.log(LONGEST_MM / SHORTEST_MM)
            self.lens.setValue(round(_STEPS * min(max(share, 0.0), 1.0)))
            self._setting = False

    def _moved(self) -> None:
        photo, document = self._document.photo, self._document
        if self._setting or photo is None:
            return
        mm = SHORTEST_MM * (LONGEST_MM / SHORTEST_MM) ** (self.lens.value() / _STEPS)
        document.preview_state(replace(document.state, focal_px=focal_pixels(mm, photo.size)))
        if not self.lens.isSliderDown():
            document.commit(tr("Focal length"))

    def _as_found(self) -> None:
        document = self._document
        if document.state.focal_px is not None:
            document.change(replace(document.state, focal_px=None), tr("Focal length as found"))


def _title(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("sectionTitle")
    return label
