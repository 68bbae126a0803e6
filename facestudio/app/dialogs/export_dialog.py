"""The export dialog: formats, texture size, units, neutral or posed."""

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.dialogs.form import FolderField, choice, documents_folder
from facestudio.app.settings import Settings
from facestudio.app.words import mark, said, tr
from facestudio.app.worker.report import ErrorReport
from facestudio.pipeline.request import TEXTURE_SIZES

_FORMATS = {
    "obj": mark("OBJ with MTL and PNG"),
    "glb": mark("GLB (always in metres)"),
    "ply": "PLY",
    "stl": mark("STL (shape only)"),
}


# What each program reads best: formats, texture size, units, subdivision, expression.
PRESETS: dict[str, tuple[tuple[str, ...], int, str, int, str]] = {
    "Blender": (("glb",), 2048, "m", 0, "neutral"),
    "Maya": (("obj",), 4096, "cm", 0, "neutral"),
    "Unreal Engine": (("glb",), 4096, "cm", 1, "neutral"),
    "Unity": (("glb", "obj"), 2048, "m", 0, "neutral"),
    mark("3D print"): (("stl",), 1024, "mm", 2, "posed"),
}
_OWN = mark("Own choice")


@dataclass(frozen=True)
class ExportOptions:
    """What to write, and where."""

    folder: Path
    name: str
    formats: tuple[str, ...]
    texture_size: int
    units: str
    subdivision: int
    expression: str
    overwrite: bool


class ExportDialog(QDialog):
    """Asks what to write, shows how far it is, and then where it is."""

    wanted = Signal(object)
    cancel_wanted = Signal()

    def __init__(self, settings: Settings, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("exportDialog")
        self.setWindowTitle(tr("Export"))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        self.busy = False
        self.files: tuple[Path, ...] = ()
        self.folder = FolderField(Path(settings.text("export/folder", str(documents_folder()))))
        self.name = QLineEdit(name)
        self.name.setAccessibleName(tr("Name"))
        wanted = settings.text("export/formats", "obj,glb").split(",")
        self.formats: dict[str, QCheckBox] = {}
        boxes = QVBoxLayout()
        boxes.setSpacing(4)
        for key, text in _FORMATS.items():
            self.formats[key] = QCheckBox(tr(text))
            self.formats[key].setChecked(key in wanted)
            self.formats[key].toggled.connect(self._update)
            boxes.addWidget(self.formats[key])
        self.size_box = choice(
            [(f"{size} × {size}", size) for size in TEXTURE_SIZES],
            settings.number("export/texture_size", 2048),
            tr("Texture size"),
        )
        self.units = choice(
            [(tr("Centimetres"), "cm"), (tr("Metres"), "m"), (tr("Millimetres"), "mm")],
            settings.text("export/units", settings.preferences.units),
            tr("Units"),
        )
        self.subdivision = choice(
            [
                (tr("As built (5,400 quads)"), 0),
                (tr("Smooth (21,600 quads)"), 1),
                (tr("Very smooth (86,300 quads)"), 2),
            ],
            settings.number("export/subdivision", 0),
            tr("Mesh"),
        )
        self.neutral, self.posed = QRadioButton(tr("Neutral")), QRadioButton(tr("As in the photo"))
        self.neutral.setChecked(settings.text("export/expression", "neutral") == "neutral")
        self.posed.setChecked(not self.neutral.isChecked())
        faces = QHBoxLayout()
        faces.addWidget(self.neutral)
        faces.addSpacing(18)
        faces.addWidget(self.posed)
        faces.addStretch()
        self.preset = choice([(tr(name), name) for name in (_OWN, *PRESETS)], _OWN, tr("Made for"))
        self.preset.setToolTip(tr("Formats, texture, units and mesh as a program reads them best"))
        self.preset.activated.connect(lambda _: self._take_preset())
        for box in (self.size_box, self.units, self.subdivision):
            box.currentIndexChanged.connect(self._name_preset)
        for button in (*self.formats.values(), self.neutral):
            button.toggled.connect(self._name_preset)
        self.overwrite = QCheckBox(tr("Replace files of the same name"))
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight)
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(10)
        form.addRow(tr("Folder"), self.folder)
        form.addRow(tr("Name"), self.name)
        form.addRow(tr("Made for"), self.preset)
        form.addRow(tr("Formats"), boxes)
        form.addRow(tr("Texture"), self.size_box)
        form.addRow(tr("Units"), self.units)
        form.addRow(tr("Mesh"), self.subdivision)
        form.addRow(tr("Expression"), faces)
        form.addRow("", self.overwrite)
        self._form = QWidget()
        self._form.setLayout(form)
        form.setContentsMargins(0, 0, 0, 0)

        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setMinimumHeight(2 * self.fontMetrics().height())
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.show_folder = QPushButton(tr("Open folder"))
        self.show_folder.setAutoDefault(False)
        self.show_folder.hide()
        self.show_folder.clicked.connect(self._open_folder)
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self._cancel)
        self.export = QPushButton(tr("Export"))
        self.export.setDefault(True)
        self.export.clicked.connect(self._export)
        buttons = QHBoxLayout()
        buttons.addWidget(self.show_folder)
        buttons.addStretch()
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.export)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        for widget in (self._form, self.message, self.bar):
            column.addWidget(widget)
        column.addLayout(buttons)
        self.name.textChanged.connect(self._update)
        self._update()
        self._name_preset()

    def _take_preset(self) -> None:
        wanted = PRESETS.get(str(self.preset.currentData()))
        if wanted is None:
            return
        formats, size, units, subdivision, expression = wanted
        for key, box in self.formats.items():
            box.setChecked(key in formats)
        for field, value in ((self.size_box, size), (self.units, units), (self.subdivision, subdivision)):
            field.setCurrentIndex(field.findData(value))
        (self.neutral if expression == "neutral" else self.posed).setChecked(True)

    def _name_preset(self) -> None:
        """Show whose preset the choices are."""
        now = self.options()
        key = (set(now.formats), now.texture_size, now.units, now.subdivision, now.expression)
        names = [name for name, (formats, *rest) in PRESETS.items() if (set(formats), *rest) == key]
        self.preset.setCurrentIndex(self.preset.findData(names[0] if names else _OWN))

    def sizeHint(self) -> QSize:
        """Wide enough for a path."""
        return super().sizeHint().expandedTo(QSize(500, 0))

    def options(self) -> ExportOptions:
        """Return what is chosen."""
        return ExportOptions(
            folder=self.folder.folder,
            name=self.name.text().strip(),
            formats=tuple(key for key, box in self.formats.items() if box.isChecked()),
            texture_size=int(self.size_box.currentData()),
            units=str(self.units.currentData()),
            subdivision=int(self.subdivision.currentData()),
            expression="posed" if self.posed.isChecked() else "neutral",
            overwrite=self.overwrite.isChecked(),
        )

    def done_with(self, files: tuple[Path, ...]) -> None:
        """Tell that the files are written."""
        self._set_busy(False)
        self.files = files
        names = ", ".join(path.name for path in files)
        self.message.setText(tr("Written: {names}", names=names))
        self.show_folder.setVisible(bool(files))
        self.cancel.setText(tr("Close"))
        self.overwrite.setChecked(True)

    def refuse(self, report: ErrorReport) -> None:
        """Tell why it did not work; the person can change something and try again."""
        self._set_busy(False)
        self.message.setText(
            " ".join(part for part in (said(report.message).rstrip(".") + ".", said(report.hint)) if part)
        )

    def stopped(self) -> None:
        """Tell that it was cancelled."""
        self._set_busy(False)
        self.message.setText(tr("Cancelled; nothing was written."))

    def _update(self) -> None:
        self.export.setEnabled(bool(self.options().formats and self.name.text().strip()) and not self.busy)

    def _set_busy(self, on: bool) -> None:
        self.busy = on
        self._form.setEnabled(not on)
        self.bar.setVisible(on)
        self._update()

    def _export(self) -> None:
        options = self.options()
        for key, value in (
            ("folder", str(options.folder)),
            ("formats", ",".join(options.formats)),
            ("texture_size", options.texture_size),
            ("units", options.units),
            ("subdivision", options.subdivision),
            ("expression", options.expression),
        ):
            self._settings.set(f"export/{key}", value)
        self.show_folder.hide()
        self.message.setText(tr("Building and writing…"))
        self._set_busy(True)
        self.wanted.emit(options)

    def _cancel(self) -> None:
        if self.busy:
            self.cancel_wanted.emit()
        else:
            super().reject()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.options().folder)))

    def reject(self) -> None:
        """Escape cancels first, then closes."""
        self._cancel()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Cancel what is still being written."""
        if self.busy:
            self.cancel_wanted.emit()
        super().closeEvent(event)
