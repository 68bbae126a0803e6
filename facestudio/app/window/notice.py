"""A line at the top of the window for what the person should know, with the command that mends it."""

from importlib.util import find_spec

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from facestudio.app.appearance.theme import Appearance
from facestudio.app.words import tr

RUNTIME_COMMAND = 'pip install "facestudio[cpu]"'


def missing_runtime() -> str:
    """Return the command that installs ONNX Runtime if there is none, or an empty text."""
    try:
        return "" if find_spec("onnxruntime") is not None else RUNTIME_COMMAND
    except (ImportError, ValueError):
        return RUNTIME_COMMAND


class Notice(QFrame):
    """A text, a command to copy, and a button that hides it."""

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.text, self.command = QLabel(), QLabel()
        self.command.setObjectName("command")
        self.command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = QPushButton(tr("Copy"))
        self.copy.clicked.connect(self._copy)
        hide = QToolButton()
        hide.setToolTip(tr("Hide"))
        appearance.watch(hide, "close")
        hide.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 8, 7)
        row.setSpacing(10)
        for widget in (self.text, self.command, self.copy):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(hide)
        self.hide()

    def tell(self, text: str, command: str) -> None:
        """Show it."""
        self.text.setText(text)
        self.command.setText(command)
        self.show()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.command.text())
        self.copy.setText(tr("Copied"))
