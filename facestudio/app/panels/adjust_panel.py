"""The dock "Adjust": sliders that shape the fitted head further, such as nose, jaw, cheeks, ears, age and weight."""

from dataclasses import replace
from typing import NamedTuple

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QColorDialog,
    QFormLayout,
    QGridLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.dialogs.form import choice
from facestudio.app.document.document import Document
from facestudio.app.words import lowered, mark, tr
from facestudio.values import Head


class Row(NamedTuple):
    """A slider, its words, and what its ends are."""

    slider: str
    text: str
    low: str
    high: str


GROUPS: dict[str, tuple[Row, ...]] = {
    mark("Whole head"): (
        Row("age", "Age", "younger", "older"),
        Row("weight", "Weight", "lean", "heavy"),
        Row("headWidth", "Width", "narrow", "wide"),
        Row("headHeight", "Height", "low", "high"),
        Row("foreheadSlope", "Forehead", "back", "forward"),
        Row("neckWidth", "Neck", "narrow", "wide"),
    ),
    mark("Nose"): (
        Row("noseWidth", "Width", "narrow", "wide"),
        Row("noseLength", "Length", "short", "long"),
        Row("noseDepth", "Depth", "flat", "prominent"),
        Row("noseHump", "Hump", "hollow", "humped"),
        Row("noseTip", "Tip", "down", "up"),
        Row("noseBridge", "Bridge", "thin", "broad"),
        Row("nostrils", "Nostrils", "narrow", "flared"),
    ),
    mark("Eyes and cheeks"): (
        Row("eyeSize", "Eye size", "small", "large"),
        Row("eyeDistance", "Eye distance", "near", "far apart"),
        Row("cheekbones", "Cheekbones", "flat", "high"),
        Row("cheekFullness", "Cheeks", "hollow", "full"),
    ),
    mark("Mouth, jaw and chin"): (
        Row("mouthWidth", "Mouth width", "narrow", "wide"),
        Row("upperLip", "Upper lip", "thin", "full"),
        Row("lowerLip", "Lower lip", "thin", "full"),
        Row("jawWidth", "Jaw width", "narrow", "wide"),
        Row("jawDrop", "Jaw length", "short", "long"),
        Row("chinWidth", "Chin width", "pointed", "broad"),
        Row("chinHeight", "Chin height", "low", "high"),
        Row("chinForward", "Chin", "receding", "prominent"),
    ),
    mark("Ears"): (
        Row("earSize", "Size", "small", "large"),
        Row("earsStandOut", "Stand out", "flat", "standing out"),
        Row("earLobes", "Lobes", "attached", "hanging"),
    ),
}
SCALPS: list[tuple[str, object]] = [
    (mark("Hair as in the photo"), "photo"),
    (mark("Stubble in its colour"), "stubble"),
    (mark("Bald"), "bald"),
]
IRISES: tuple[tuple[str, tuple[int, int, int] | None], ...] = (
    (mark("As in the photo"), None),
    (mark("Dark brown"), (58, 38, 26)),
    (mark("Brown"), (92, 64, 40)),
    (mark("Hazel"), (112, 96, 58)),
    (mark("Green"), (84, 104, 84)),
    (mark("Blue"), (92, 112, 128)),
    (mark("Grey"), (118, 124, 128)),
)
_RANGE = 100


class AdjustPanel(QWidget):
    """Sliders from -100 to 100; each move is one undo step, and the head follows while one is dragged."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._setting = False
        self.sliders: dict[str, QSlider] = {}
        self._values: dict[str, QLabel] = {}
        self._words: dict[str, str] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(7)
        intro = QLabel(tr("Shape the head beyond what the photo shows. The texture moves along."))
        intro.setWordWrap(True)
        intro.setObjectName("muted")
        intro.setContentsMargins(0, 0, 0, 6)
        column.addWidget(intro)
        rows = QGridLayout()
        rows.setHorizontalSpacing(8)
        rows.setVerticalSpacing(3)
        rows.setColumnStretch(1, 1)
        for title, sliders in GROUPS.items():
            heading = QLabel(tr(title))
            heading.setObjectName("sectionTitle")
            heading.setContentsMargins(0, 8, 0, 0)
            rows.addWidget(heading, rows.rowCount(), 0, 1, 3)
            for name, text, low, high in sliders:
                self._add_row(
                    rows,
                    name,
                    tr(title),
                    tr(text),
                    tr("{low} to {high}; a double click puts it back", low=tr(low), high=tr(high)),
                )
        self.scalp = choice([(tr(text), mode) for text, mode in SCALPS], "photo", tr("Scalp"))
        self.eyes = choice(
            [*((tr(text), iris) for text, iris in IRISES), (tr("Other…"), "other")], None, tr("Eye colour")
        )
        heading = QLabel(tr("Hair and eyes"))
        heading.setObjectName("sectionTitle")
        column.addWidget(heading)
        looks = QFormLayout()
        looks.setHorizontalSpacing(14)
        looks.addRow(tr("Scalp"), self.scalp)
        looks.addRow(tr("Eyes"), self.eyes)
        column.addLayout(looks)
        self.scalp.activated.connect(self._choose_scalp)
        self.eyes.activated.connect(self._choose_eyes)
        column.addLayout(rows)
        self.reset = QPushButton(tr("As in the photo"))
        self.reset.setToolTip(tr("Put all sliders back"))
        self.reset.clicked.connect(self._reset)
        column.addWidget(self.reset)
        column.addStretch()
        document.choices_changed.connect(self._update)
        self.show_head(None)

    def _add_row(self, rows: QGridLayout, name: str, title: str, text: str, tip: str) -> None:
        line = rows.rowCount()
        label, slider, value = QLabel(text), QSlider(Qt.Orientation.Horizontal), QLabel("0")
        slider.setRange(-_RANGE, _RANGE)
        slider.setPageStep(10)
        slider.setProperty("twoSided", True)
        slider.setMinimumSize(60, 18)
        whole = text if title in ("Eyes and cheeks", "Mouth, jaw and chin") else f"{title}: {text.lower()}"
        slider.setAccessibleName(whole)
        slider.installEventFilter(self)
        slider.setObjectName(name)
        value.setMinimumWidth(30)
        value.setObjectName("muted")
        value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for widget in (label, slider):
            widget.setToolTip(tip[:1].upper() + tip[1:])
        slider.valueChanged.connect(lambda _: self._moved(name))
        slider.sliderReleased.connect(lambda: self._document.commit(whole))
        for place, widget in enumerate((label, slider, value)):
            rows.addWidget(widget, line, place)
        self.sliders[name], self._values[name], self._words[name] = slider, value, whole

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Put a slider back on a double click."""
        if event.type() == QEvent.Type.MouseButtonDblClick and watched.objectName() in self.sliders:
            self.put_back(watched.objectName())
            return True
        return super().eventFilter(watched, event)

    def show_head(self, head: Head | None) -> None:
        """Sliders can be moved when there is a head."""
        for slider in self.sliders.values():
            slider.setEnabled(head is not None)
        self.scalp.setEnabled(head is not None)
        self.eyes.setEnabled(head is not None)
        self._update()

    def put_back(self, name: str) -> None:
        """Put one slider back to the middle."""
        document = self._document
        left = tuple(pair for pair in document.state.adjustments if pair[0] != name)
        if left != document.state.adjustments:
            document.change(
                replace(document.state, adjustments=left),
                tr("{words} as in the photo", words=self._words[name]),
            )

    def _update(self) -> None:
        chosen = dict(self._document.state.adjustments)
        self._setting = True
        for name, slider in self.sliders.items():
            value = round(_RANGE * chosen.get(name, 0.0))
            if not slider.isSliderDown():
                slider.setValue(value)
            self._values[name].setText(f"{value:+d}" if value else "0")
        self._setting = False
        state = self._document.state
        self.scalp.setCurrentIndex(self.scalp.findData(state.scalp))
        self._show_eyes(state.iris)
        self.reset.setEnabled(bool(chosen))

    def _show_eyes(self, iris: tuple[int, int, int] | None) -> None:
        known = next((i for i, (_, value) in enumerate(IRISES) if value == iris), len(IRISES))
        self.eyes.setCurrentIndex(known)

    def _choose_scalp(self) -> None:
        document, mode = self._document, self.scalp.currentData()
        if mode != document.state.scalp:
            document.change(
                replace(document.state, scalp=mode),
                tr("Scalp: {choice}", choice=lowered(self.scalp.currentText())),
            )

    def _choose_eyes(self) -> None:
        document, index = self._document, self.eyes.currentIndex()
        if index < len(IRISES):
            text, iris = IRISES[index]
        else:
            before = QColor(*(document.state.iris or (90, 70, 50)))
            colour = QColorDialog.getColor(before, self, tr("Eye colour"))
            if not colour.isValid():
                self._show_eyes(document.state.iris)
                return
            text, iris = colour.name(), (colour.red(), colour.green(), colour.blue())
        if iris != document.state.iris:
            document.change(
                replace(document.state, iris=iris), tr("Eyes: {colour}", colour=lowered(tr(text)))
            )

    def _moved(self, name: str) -> None:
        if self._setting:
            return
        document, slider = self._document, self.sliders[name]
        chosen = {**dict(document.state.adjustments), name: slider.value() / _RANGE}
        kept = tuple(sorted((key, value) for key, value in chosen.items() if value))
        document.preview_state(replace(document.state, adjustments=kept))
        if not slider.isSliderDown():  # keys and clicks beside the handle are steps of their own
            document.commit(self._words[name])

    def _reset(self) -> None:
        document = self._document
        document.change(replace(document.state, adjustments=()), tr("Head as in the photo"))
