"""The preferences dialog: what holds for all photos; it shows where the file is that holds it."""

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.dialogs.form import choice
from facestudio.app.preferences import AUTOSAVE_SECONDS, Preferences
from facestudio.app.settings import Settings
from facestudio.app.words import tr
from facestudio.pipeline.request import TEXTURE_SIZES


class PreferencesDialog(QDialog):
    """Changes nothing until OK; `wanted` is emitted with the Preferences then."""

    wanted = Signal(object)

    def __init__(self, settings: Settings, databases: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("preferencesDialog")
        self.setWindowTitle(tr("Preferences"))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        now = settings.preferences
        self.theme = choice(
            [(tr("As the system"), "system"), (tr("Light"), "light"), (tr("Dark"), "dark")],
            *(now.theme, tr("Theme")),
        )
        self.texture_size = choice(
            [(f"{size} × {size}", size) for size in TEXTURE_SIZES], now.texture_size, tr("Texture size")
        )
        self.units = choice(
            [(tr("Centimetres"), "cm"), (tr("Metres"), "m"), (tr("Millimetres"), "mm")],
            *(now.units, tr("Units of exports")),
        )
        self.scalp = choice(
            [
                (tr("Hair as in the photo"), "photo"),
                (tr("Stubble in its colour"), "stubble"),
                (tr("Bald"), "bald"),
            ],
            *(now.scalp, tr("Scalp")),
        )
        names = databases if now.database in databases else [now.database, *databases]
        self.database = choice([(name, name) for name in names], now.database, tr("Head database"))
        self.autosave = QSpinBox()
        self.autosave.setAccessibleName(tr("Keep a copy every"))
        self.autosave.lineEdit().setTextMargins(5, 0, 0, 0)
        self.autosave.setRange(0, AUTOSAVE_SECONDS[1])
        self.autosave.setSuffix(tr(" s"))
        self.autosave.setSpecialValueText(tr("Never"))
        self.autosave.setValue(now.autosave_seconds)
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(9)
        for text, field in (
            (tr("Theme"), self.theme),
            (tr("Texture size"), self.texture_size),
            (tr("Scalp"), self.scalp),
            (tr("Head database"), self.database),
            (tr("Units of exports"), self.units),
            (tr("Keep a copy every"), self.autosave),
        ):
            form.addRow(text, field)
        note = QLabel(tr("Scalp and database are those that a new photo begins with."))
        note.setObjectName("muted")
        note.setWordWrap(True)
        self.file = QLabel(str(settings.preferences_file))
        self.file.setObjectName("muted")
        self.file.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.file.setWordWrap(True)
        self.problem = QLabel(settings.preferences_problem)
        self.problem.setObjectName("warning")
        self.problem.setWordWrap(True)
        self.problem.setVisible(bool(settings.preferences_problem))
        folder = QPushButton(tr("Open folder"))
        folder.setAutoDefault(False)
        folder.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(settings.preferences_file.parent)))
        )
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel | buttons.RestoreDefaults)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.buttons.button(buttons.RestoreDefaults).clicked.connect(lambda: self._show(Preferences()))
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 18, 18, 14)
        column.setSpacing(12)
        column.addLayout(form)
        where = QHBoxLayout()
        where.setSpacing(12)
        where.addWidget(self.file, 1)
        where.addWidget(folder)
        column.addWidget(note)
        column.addWidget(self.problem)
        column.addLayout(where)
        column.addSpacing(6)
        column.addWidget(self.buttons)
        self.setMinimumWidth(430)

    def _show(self, preferences: Preferences) -> None:
        for box, value in (
            (self.theme, preferences.theme),
            (self.texture_size, preferences.texture_size),
            (self.units, preferences.units),
            (self.scalp, preferences.scalp),
            (self.database, preferences.database),
        ):
            box.setCurrentIndex(box.findData(value))
        self.autosave.setValue(preferences.autosave_seconds)

    def chosen(self) -> Preferences:
        """Return what the fields say."""
        return Preferences(
            theme=self.theme.currentData(),
            texture_size=self.texture_size.currentData(),
            units=self.units.currentData(),
            scalp=self.scalp.currentData(),
            database=self.database.currentData(),
            autosave_seconds=self.autosave.value(),
        )

    def accept(self) -> None:
        """Hand the choices on."""
        self.wanted.emit(self.chosen())
        super().accept()
