"""A quiet strip above the photo: what about it limits the head, and what would help."""

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QToolTip, QWidget

from facestudio.app.appearance.theme import Appearance
from facestudio.app.words import said, tr
from facestudio.values import Advice


class AdviceStrip(QFrame):
    """A few words for each piece of advice; the whole of it shows under the pointer or at a click."""

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("adviceStrip")
        self.setAccessibleName(tr("Advice about the photo"))
        self.advice: tuple[Advice, ...] = ()
        self.buttons: list[QToolButton] = []
        self._hidden: tuple[Advice, ...] = ()
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        self.hide_button = QToolButton()
        self.hide_button.setAutoRaise(True)
        self.hide_button.setToolTip(tr("Hide the advice"))
        self.hide_button.setAccessibleName(tr("Hide the advice"))
        appearance.watch(self.hide_button, "close")
        self.hide_button.clicked.connect(self._hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 6, 2)
        row.addLayout(self._row)
        row.addStretch()
        row.addWidget(self.hide_button)
        self.hide()

    def tell(self, advice: tuple[Advice, ...]) -> None:
        """Show advice; none, or what was hidden by hand, hides the strip."""
        if advice == self.advice:
            return
        self.advice = advice
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self.buttons = [self._button(one) for one in advice]
        self.setVisible(bool(advice) and advice != self._hidden)

    def _button(self, advice: Advice) -> QToolButton:
        button = QToolButton()
        button.setObjectName("advice")
        button.setText(said(advice.title))
        button.setAutoRaise(True)
        text = f"{said(advice.text)}.\n{said(advice.help)}"
        button.setToolTip(text)
        button.setAccessibleName(said(advice.title))
        button.setAccessibleDescription(text)
        below = QPoint(0, 4)
        button.clicked.connect(
            lambda: QToolTip.showText(button.mapToGlobal(button.rect().bottomLeft() + below), text, button)
        )
        self._row.addWidget(button)
        return button

    def _hide(self) -> None:
        self._hidden = self.advice
        self.hide()
