"""The screenshot dialog: the view as it is, or a sheet of views."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.dialogs.form import FolderField, choice, pictures_folder
from facestudio.app.settings import Settings
from facestudio.app.words import mark, said, tr
from facestudio.app.worker.report import ErrorReport

_SHEETS: dict[str, tuple[str, ...]] = {
    mark("Front, 45°, side"): ("front", "45", "side"),
    mark("Front, both 45°, both sides"): ("left", "45-left", "front", "45-right", "right"),
    mark("All six"): ("front", "45-left", "left", "45-right", "right", "back"),
}
_VIEW_SIZES: list[tuple[str, int]] = [
    (mark("As on the screen"), 1),
    (mark("Twice as large"), 2),
    (mark("Four times as large"), 4),
]


@dataclass(frozen=True)
class ScreenshotOptions:
    """What to draw, and where to put it.

    Attributes
    ----------
    views
        Names for a sheet, or empty for the view as it is.
    times
        How much larger than on the screen the view is drawn.
    height
        Of one picture of the sheet, pixels.
    with_photo
        The sheet begins with the photo.
    file
        Where to save, or None for the clipboard.
    overwrite
        A file of this name may be replaced.
    turntable
        The head turning once, `height` pixels high, as an animated picture.
    """

    views: tuple[str, ...]
    times: int
    height: int
    with_photo: bool
    file: Path | None
    overwrite: bool
    turntable: bool = False


class ScreenshotDialog(QDialog):
    """Asks what to draw; stays open, so that several pictures can be made."""

    wanted = Signal(object)

    def __init__(self, settings: Settings, name: str, has_view: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("screenshotDialog")
        self.setWindowTitle(tr("Screenshot"))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        self._busy = False
        self.view = QRadioButton(tr("This view"))
        self.sheet = QRadioButton(tr("Sheet of views"))
        self.turntable = QRadioButton(tr("Turntable"))
        self.turntable.setToolTip(tr("The head turning once, as an animated WebP picture"))
        self.view.setChecked(has_view)
        self.view.setEnabled(has_view)
        self.sheet.setChecked(not has_view)
        self.times = choice(
            [(tr(text), times) for text, times in _VIEW_SIZES],
            settings.number("screenshot/times", 2),
            tr("Size"),
        )
        views: list[tuple[str, object]] = [(tr(text), text) for text in _SHEETS]
        self.views = choice(views, settings.text("screenshot/views", "Front, 45°, side"), tr("Views"))
        self.height_box = choice(
            [(tr("480 pixels"), 480), (tr("960 pixels"), 960), (tr("1440 pixels"), 1440)],
            settings.number("screenshot/height", 960),
            tr("Height of a picture"),
        )
        self.with_photo = QCheckBox(tr("Begin with the photo"))
        self.with_photo.setChecked(settings.flag("screenshot/with_photo", True))
        self.folder = FolderField(Path(settings.text("screenshot/folder", str(pictures_folder()))))
        self.name = QLineEdit(name)
        self.name.setAccessibleName(tr("Name"))
        self.overwrite = QCheckBox(tr("Replace a file of the same name"))
        what = QHBoxLayout()
        what.addWidget(self.view)
        what.addSpacing(18)
        what.addWidget(self.sheet)
        what.addSpacing(18)
        what.addWidget(self.turntable)
        what.addStretch()
        self._form = QFormLayout()
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignRight)
        self._form.setHorizontalSpacing(14)
        self._form.setVerticalSpacing(10)
        self._form.addRow(tr("Picture"), what)
        self._form.addRow(tr("Size"), self.times)
        self._form.addRow(tr("Views"), self.views)
        self._form.addRow(tr("Height"), self.height_box)
        self._form.addRow("", self.with_photo)
        self._form.addRow(tr("Folder"), self.folder)
        self._form.addRow(tr("Name"), self.name)
        self._form.addRow("", self.overwrite)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setMinimumHeight(2 * self.fontMetrics().height())
        self.copy, self.save = QPushButton(tr("Copy")), QPushButton(tr("Save"))
        self.copy.setAutoDefault(False)
        self.copy.clicked.connect(lambda: self._ask(to_file=False))
        self.save.setDefault(True)
        self.save.clicked.connect(lambda: self._ask(to_file=True))
        close = QPushButton(tr("Close"))
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy)
        buttons.addStretch()
        buttons.addWidget(close)
        buttons.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        column.addLayout(self._form)
        column.addWidget(self.message)
        column.addLayout(buttons)
        for button in (self.sheet, self.turntable):
            button.toggled.connect(self._update)
        self.name.textChanged.connect(self._update)
        self._update()

    def options(self, *, to_file: bool) -> ScreenshotOptions:
        """Return what is chosen."""
        name = self.name.text().strip()
        suffix = ".webp" if self.turntable.isChecked() else ".png"
        ending = "" if name.lower().endswith(suffix) else suffix
        return ScreenshotOptions(
            views=_SHEETS[str(self.views.currentData())] if self.sheet.isChecked() else (),
            times=int(self.times.currentData()),
            height=int(self.height_box.currentData()),
            with_photo=self.with_photo.isChecked(),
            file=self.folder.folder / f"{name}{ending}" if to_file else None,
            overwrite=self.overwrite.isChecked(),
            turntable=self.turntable.isChecked(),
        )

    def done_with(self, picture: Any, file: Path | None) -> None:
        """Tell that the picture is there; one for the clipboard goes there now."""
        self._set_busy(False)
        if file is None and isinstance(picture, QImage):
            QGuiApplication.clipboard().setImage(picture)
            self.message.setText(
                tr("Copied, {width} × {height} pixels", width=picture.width(), height=picture.height())
            )
        else:
            self.message.setText(tr("Saved as {file}", file=file))

    def refuse(self, report: ErrorReport) -> None:
        """Tell why it did not work."""
        self._set_busy(False)
        self.message.setText(" ".join(part for part in (said(report.message), said(report.hint)) if part))

    def _update(self) -> None:
        sheet, turning = self.sheet.isChecked(), self.turntable.isChecked()
        for widget, shown in (
            (self.times, not sheet and not turning),
            (self.views, sheet),
            (self.height_box, sheet or turning),
            (self.with_photo, sheet),
        ):
            self._form.setRowVisible(widget, shown)
        self.save.setEnabled(bool(self.name.text().strip()) and not self._busy)
        self.copy.setEnabled(not self._busy and not turning)

    def _set_busy(self, on: bool) -> None:
        self._busy = on
        self._update()

    def _ask(self, *, to_file: bool) -> None:
        options = self.options(to_file=to_file)
        for key, value in (
            ("times", options.times),
            ("views", str(self.views.currentData())),
            ("height", options.height),
            ("with_photo", options.with_photo),
            ("folder", str(self.folder.folder)),
        ):
            self._settings.set(f"screenshot/{key}", value)
        self.message.setText(tr("Drawing…"))
        self._set_busy(True)
        self.wanted.emit(options)
