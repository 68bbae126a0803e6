"""One half of the window: a strip with a title and buttons, and what it is about."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QToolButton, QVBoxLayout, QWidget


def menu_button(menu: QMenu) -> QToolButton:
    """Return a button that opens a menu."""
    button = QToolButton()
    button.setMenu(menu)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setAutoRaise(True)
    button.setText(menu.title())
    button.setToolTip(menu.title())
    button.setAccessibleName(menu.title())
    return button


def action_button(action: QAction, *, text: bool = False) -> QToolButton:
    """Return a button for an action."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(QSize(18, 18))
    button.setAutoRaise(True)
    style = Qt.ToolButtonStyle
    button.setToolButtonStyle(style.ToolButtonTextBesideIcon if text else style.ToolButtonIconOnly)
    button.setAccessibleName(action.text())
    return button


class Pane(QWidget):
    """A strip above a widget.

    Parameters
    ----------
    title
        At the left of the strip.
    left, right
        Actions at both ends; None is a thin line, a menu a button that opens it.
    content
        Below the strip.
    note
        A label at the right, such as the zoom.
    above, below
        More strips, over and under it.
    """

    def __init__(
        self,
        title: str,
        left: list[QAction | QMenu | None],
        right: list[QAction | QMenu | None],
        content: QWidget,
        note: QLabel | None = None,
        *,
        above: QWidget | None = None,
        below: QWidget | None = None,
    ) -> None:
        super().__init__()
        strip = QWidget()
        strip.setObjectName("strip")
        strip.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(strip)
        row.setContentsMargins(10, 3, 6, 3)
        row.setSpacing(2)
        name = QLabel(title)
        name.setObjectName("stripTitle")
        row.addWidget(name)
        row.addSpacing(8)
        self._add(row, left)
        row.addStretch()
        if note is not None:
            note.setObjectName("muted")
            row.addWidget(note)
            row.addSpacing(6)
        self._add(row, right)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(strip)
        if above is not None:
            column.addWidget(above)
        column.addWidget(content, 1)
        if below is not None:
            column.addWidget(below)

    @staticmethod
    def _add(row: QHBoxLayout, actions: list[QAction | QMenu | None]) -> None:
        for action in actions:
            if action is None:
                line = QFrame()
                line.setObjectName("line")
                line.setFixedWidth(1)
                line.setFixedHeight(18)
                row.addSpacing(4)
                row.addWidget(line)
                row.addSpacing(4)
            elif isinstance(action, QMenu):
                row.addWidget(menu_button(action))
            else:
                row.addWidget(action_button(action))
