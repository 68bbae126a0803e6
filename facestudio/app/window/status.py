"""The right end of the status bar: which stage runs, how far it is, and Cancel."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from facestudio.app.words import STAGE_NAMES, said, tr
from facestudio.pipeline.request import Event, Stage

_DELAY_MS = 150  # what is done sooner shows no bar


class BuildStatus(QWidget):
    """Stage names, a bar and Cancel; there only while something is built."""

    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stage = QLabel()
        self._stage.setMinimumWidth(170)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(180)
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.clicked.connect(self.cancel_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 3, 8, 3)
        row.setSpacing(10)
        for widget in (self._stage, self.bar, self.cancel):
            row.addWidget(widget)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY_MS)
        self._delay.timeout.connect(self._appear)
        # Qt paints a bar at once, and all that waits to be painted with it: in a turn of its own the window answers
        # before that.
        self._value = 0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(lambda: self.bar.setValue(self._value))
        self._parts = (self._stage, self.bar, self.cancel)
        self._set_visible(False)

    @property
    def active(self) -> bool:
        """Whether progress is shown or about to be."""
        return self._delay.isActive() or self.cancel.isVisibleTo(self)

    @property
    def text(self) -> str:
        """What it says."""
        return self._stage.text()

    def begin(self) -> None:
        """Show progress, after a moment."""
        if not self.active:
            self._stage.setText(tr("Starting"))
            self._value = 0
            self.bar.setValue(0)
            self._delay.start()

    def end(self) -> None:
        """Hide it."""
        self._delay.stop()
        self._later.stop()
        self._set_visible(False)

    def tell(self, event: Event) -> None:
        """Take in an event of the pipeline."""
        stages = list(Stage)
        place = stages.index(event.stage)
        name, count = tr(STAGE_NAMES[event.stage]), tr("{step} of {steps}", step=place + 1, steps=len(stages))
        self._stage.setText(f"{name}  ·  {count}")
        self._stage.setToolTip(said(event.message))
        self._value = round(1000 * (place + min(max(event.fraction, 0.0), 1.0)) / len(stages))
        self._later.start()

    def _appear(self) -> None:
        self._set_visible(True)

    def _set_visible(self, on: bool) -> None:
        for widget in self._parts:
            widget.setVisible(on)
