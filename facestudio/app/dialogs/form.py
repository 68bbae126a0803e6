"""Pieces that the dialogs share."""

from pathlib import Path

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from facestudio.app.words import tr


def pictures_folder() -> Path:
    """Return the person's folder for pictures, or their home."""
    where = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    return Path(where) if where and Path(where).is_dir() else Path.home()


def documents_folder() -> Path:
    """Return the person's folder for documents, or their home."""
    where = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(where) if where and Path(where).is_dir() else Path.home()


def choice(options: list[tuple[str, object]], current: object, name: str) -> QComboBox:
    """Return a list to choose from; options are (text, value)."""
    box = QComboBox()
    box.setAccessibleName(name)
    for text, value in options:
        box.addItem(text, value)
    box.setCurrentIndex(max(0, box.findData(current)))
    return box


class FolderField(QWidget):
    """A line with the path of a folder, and a button that asks for one."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.line = QLineEdit(str(folder))
        self.line.setMinimumWidth(300)
        self.line.setAccessibleName(tr("Folder"))
        browse = QPushButton(tr("Browse…"))
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(browse)

    @property
    def folder(self) -> Path:
        """The folder as it is written there."""
        return Path(self.line.text().strip()).expanduser()

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Folder"), self.line.text())
        if chosen:
            self.line.setText(chosen)
