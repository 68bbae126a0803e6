"""An error as a dialog: what happened, what to do about it, and detail to copy."""

import re

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.appearance.icons import draw_icon
from facestudio.app.appearance.theme import Appearance
from facestudio.app.words import said, tr
from facestudio.app.worker.report import ErrorReport

_COMMAND = re.compile(r"(?:\w[\w .-]* )?pip install .+$")


class ErrorDialog(QDialog):
    """Tells an error; `show_report` may be called again while it is open."""

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("errorDialog")
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setMinimumWidth(460)
        self.report: ErrorReport | None = None
        self.title, self.message, self.hint = QLabel(), QLabel(), QLabel()
        self.title.setObjectName("emptyTitle")
        self.hint.setObjectName("muted")
        text = QVBoxLayout()
        text.setSpacing(8)
        for label in (self.title, self.message, self.hint):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.addWidget(label)
        self.command = QLabel()
        self.command.setObjectName("command")
        self.command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.addWidget(self.command)
        sign = QLabel()
        ratio = self.devicePixelRatioF()
        sign.setPixmap(draw_icon("warning", appearance.theme.colours["warning"], 36, ratio))
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(text, 1)
        self.detail = QPlainTextEdit()
        self.detail.setReadOnly(True)
        self.detail.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.detail.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.detail.setMinimumHeight(180)
        self.detail.hide()
        self.more = QPushButton(tr("Details"))
        self.more.setCheckable(True)
        self.more.setAutoDefault(False)
        self.more.toggled.connect(self._show_detail)
        self.copy = QPushButton(tr("Copy details"))
        self.copy.setAutoDefault(False)
        self.copy.clicked.connect(self._copy)
        self.close_button = QPushButton(tr("Close"))
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addWidget(self.more)
        buttons.addWidget(self.copy)
        buttons.addStretch()
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(16)
        column.addLayout(top)
        column.addWidget(self.detail, 1)
        column.addLayout(buttons)

    def show_report(self, report: ErrorReport) -> None:
        """Open with an error."""
        self.report = report
        self.setWindowTitle(tr(report.title))
        self.title.setText(tr(report.title))
        self.message.setText(said(report.message))
        told = said(report.hint)
        found = _COMMAND.search(told)
        hint = told[: found.start()].rstrip() if found else told
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self.command.setText(found.group() if found else "")
        self.command.setVisible(found is not None)
        self.detail.setPlainText(report.detail)
        self.copy.setText(tr("Copy details"))
        self.open()

    def _show_detail(self, on: bool) -> None:
        self.detail.setVisible(on)
        self.adjustSize()

    def _copy(self) -> None:
        if self.report is not None:
            parts = (tr(self.report.title), self.report.message, self.report.hint, "", self.report.detail)
            QGuiApplication.clipboard().setText("\n".join(parts))
            self.copy.setText(tr("Copied"))
