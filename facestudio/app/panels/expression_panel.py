"""The dock "Expression": 52 sliders, presets, and a moving preview."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.document.document import Document
from facestudio.app.words import mark, tr
from facestudio.values import ARKIT_NAMES, FloatArray, Head

_TICK_MS = 16
_GROUPS = (
    (mark("Eyes"), "eye"),
    (mark("Brows"), "brow"),
    (mark("Nose and cheeks"), "nose|cheek"),
    (mark("Mouth"), "mouth|jaw|tongue"),
)

PRESETS: dict[str, dict[str, float]] = {
    mark("Neutral"): {},
    mark("Smile"): {
        **{"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5},
        **{"eyeSquintLeft": 0.25, "eyeSquintRight": 0.25},
    },
    mark("Blink"): {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    mark("Surprise"): {
        **{"browInnerUp": 0.9, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8, "jawOpen": 0.5},
        **{"eyeWideLeft": 0.7, "eyeWideRight": 0.7},
    },
    mark("Anger"): {
        **{"browDownLeft": 0.9, "browDownRight": 0.9, "noseSneerLeft": 0.4, "noseSneerRight": 0.4},
        **{"mouthPressLeft": 0.5, "mouthPressRight": 0.5, "eyeSquintLeft": 0.4, "eyeSquintRight": 0.4},
    },
    mark("Sadness"): {
        **{"browInnerUp": 0.8, "mouthFrownLeft": 0.7, "mouthFrownRight": 0.7, "mouthShrugLower": 0.3},
    },
    mark("Disgust"): {
        **{"noseSneerLeft": 0.9, "noseSneerRight": 0.9, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5},
        **{"browDownLeft": 0.4, "browDownRight": 0.4},
    },
    mark("Kiss"): {"mouthPucker": 0.9, "mouthFunnel": 0.2},
}


def readable(name: str) -> str:
    """Return an ARKit name as words: eyeBlinkLeft is "Eye blink left"."""
    return tr(in_words(name))


def in_words(name: str) -> str:
    """Return the same in English."""
    return re.sub(r"(?<!^)([A-Z])", lambda m: f" {m.group(1).lower()}", name).capitalize()


def weights_of(preset: Mapping[str, float]) -> tuple[float, ...]:
    """Return the 52 weights of a preset."""
    return tuple(float(preset.get(name, 0.0)) for name in ARKIT_NAMES)


def moving(milliseconds: float) -> FloatArray:
    """Return the 52 weights of the moving preview: a smile that comes and goes in four seconds, and a blink."""
    t = (milliseconds / 4000.0) % 1.0
    smile = 0.5 - 0.5 * math.cos(2 * math.pi * t)
    blink = max(0.0, 1.0 - abs(t - 0.75) / 0.04)
    weights = smile * np.array(weights_of(PRESETS["Smile"]))
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        weights[ARKIT_NAMES.index(name)] = blink
    return weights


class ExpressionPanel(QWidget):
    """Sliders for the 52 expression shapes; each move is one undo step.

    `moving` is emitted with 52 weights while the preview moves, and with None when it ends.
    """

    moving = Signal(object)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._found: tuple[float, ...] = weights_of({})
        self._setting = False
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(7)
        column.addWidget(_title(tr("Presets")))
        grid = QGridLayout()
        grid.setSpacing(5)
        self.found_button = QPushButton(tr("As in the photo"))
        self.found_button.clicked.connect(lambda: self._choose(None, tr("Expression of the photo")))
        grid.addWidget(self.found_button, 0, 0, 1, 2)
        self.presets: dict[str, QPushButton] = {}
        for number, name in enumerate(PRESETS, start=2):
            button = QPushButton(tr(name))
            button.clicked.connect(lambda checked=False, n=name: self._choose(weights_of(PRESETS[n]), tr(n)))
            grid.addWidget(button, number // 2, number % 2)
            self.presets[name] = button
        column.addLayout(grid)
        self.play = QPushButton(tr("Play blink and smile"))
        self.play.setCheckable(True)
        self.play.toggled.connect(self._play)
        column.addWidget(self.play)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Find a shape"))
        self.search.setAccessibleName(tr("Find a shape"))
        self.search.setClearButtonEnabled(True)
        for clear in self.search.findChildren(QToolButton):
            clear.setAccessibleName(tr("Clear the search"))
        self.search.textChanged.connect(self._filter)
        column.addSpacing(6)
        column.addWidget(self.search)
        self.sliders: dict[str, QSlider] = {}
        self._rows: dict[str, tuple[QLabel, QLabel]] = {}
        self._titles: dict[str, QLabel] = {}
        rows = QGridLayout()
        rows.setHorizontalSpacing(8)
        rows.setVerticalSpacing(3)
        rows.setColumnStretch(1, 1)
        line = 0
        for title, begins in _GROUPS:
            heading = _title(tr(title))
            heading.setContentsMargins(0, 8, 0, 0)
            rows.addWidget(heading, line, 0, 1, 3)
            self._titles[title] = heading
            line += 1
            for name in (n for n in ARKIT_NAMES if re.match(begins, n)):
                self._add_row(rows, line, name)
                line += 1
        column.addLayout(rows)
        column.addStretch()
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(lambda: self.moving.emit(moving(self._clock.elapsed())))
        document.expression_changed.connect(self._show_weights)
        self.show_head(None)

    def _add_row(self, rows: QGridLayout, line: int, name: str) -> None:
        label, value, slider = QLabel(readable(name)), QLabel("0"), QSlider(Qt.Orientation.Horizontal)
        label.setToolTip(name)
        slider.setRange(0, 100)
        slider.setMinimumSize(60, 18)
        slider.setAccessibleName(readable(name))
        value.setMinimumWidth(24)
        value.setObjectName("muted")
        value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        slider.valueChanged.connect(lambda _, n=name: self._moved(n))
        slider.sliderReleased.connect(lambda n=name: self._document.commit(readable(n)))
        for place, widget in enumerate((label, slider, value)):
            rows.addWidget(widget, line, place)
        self.sliders[name], self._rows[name] = slider, (label, value)

    @property
    def playing(self) -> bool:
        """Whether the preview moves."""
        return self._timer.isActive()

    def show_head(self, head: Head | None) -> None:
        """Take in what was found in the photo."""
        self._found = weights_of({}) if head is None else tuple(map(float, head.expression))
        for widget in (*self.sliders.values(), *self.presets.values(), self.found_button, self.play):
            widget.setEnabled(head is not None)
        if head is None:
            self.play.setChecked(False)
        self._show_weights()

    def _show_weights(self) -> None:
        weights = self._document.state.expression or self._found
        self._setting = True
        for name, weight in zip(ARKIT_NAMES, weights, strict=True):
            self.sliders[name].setValue(round(100 * weight))
            self._rows[name][1].setText(str(round(100 * weight)))
        self._setting = False

    def _moved(self, name: str) -> None:
        if self._setting:
            return
        weights = list(self._document.state.expression or self._found)
        weights[ARKIT_NAMES.index(name)] = self.sliders[name].value() / 100
        state = replace(self._document.state, expression=tuple(weights))
        self._document.preview_state(state)
        if not self.sliders[name].isSliderDown():  # keys and clicks beside the handle are steps of their own
            self._document.commit(readable(name))

    def _choose(self, weights: tuple[float, ...] | None, text: str) -> None:
        self.play.setChecked(False)
        if self._document.state.expression != weights and not self._document.in_gesture:
            self._document.change(replace(self._document.state, expression=weights), text)

    @staticmethod
    def _search_names(name: str) -> tuple[str, str]:
        return name.lower(), readable(name).lower().replace(" ", "")

    def _filter(self, text: str) -> None:
        wanted = text.lower().replace(" ", "")
        for name, (label, value) in self._rows.items():
            for widget in (label, value, self.sliders[name]):
                widget.setVisible(any(wanted in n for n in self._search_names(name)))
        for title, begins in _GROUPS:
            self._titles[title].setVisible(
                any(wanted in s for n in ARKIT_NAMES if re.match(begins, n) for s in self._search_names(n))
            )

    def _play(self, on: bool) -> None:
        self.play.setText(tr("Stop") if on else tr("Play blink and smile"))
        if on:
            self._clock.start()
            self._timer.start()
        else:
            self._timer.stop()
            self.moving.emit(None)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing moves that is not seen."""
        self.play.setChecked(False)


def _title(text: str) -> QLabel:
    label: Any = QLabel(text)
    label.setObjectName("sectionTitle")
    return label
