"""The light and the dark theme: palette, style sheet and icons of one set of colours."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template as TextTemplate

from PySide6.QtCore import QObject, Qt, QTemporaryDir, Signal
from PySide6.QtGui import QAction, QColor, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QAbstractButton, QApplication
from shiboken6 import isValid

from facestudio.app.appearance.icons import blank_icon, coloured, make_icon
from facestudio.errors import ModelError
from facestudio.paths import resources

# Icons that the style sheet itself draws, and their colours.
_SHEET_ICONS = {
    "chevron-down": "muted",
    "chevron-up": "muted",
    "close": "muted",
    "float": "muted",
    "check": "on_accent",
}


@dataclass(frozen=True)
class Theme:
    """Colours by name (#rrggbb), and whether they are light or dark."""

    name: str
    colours: dict[str, str]

    def colour(self, name: str) -> QColor:
        """Return a colour of the theme."""
        return QColor(self.colours[name])

    def icon(self, name: str) -> QIcon:
        """Return an icon in the colours of the theme."""
        return make_icon(name, self.colours["text"], self.colours["disabled"], self.colours["accent"])

    def palette(self) -> QPalette:
        """Return Qt's palette in these colours."""
        palette = QPalette()
        role = QPalette.ColorRole
        for which, name in (
            (role.Window, "window"),
            (role.WindowText, "text"),
            (role.Base, "field"),
            (role.AlternateBase, "panel"),
            (role.Text, "text"),
            (role.Button, "raised"),
            (role.ButtonText, "text"),
            (role.BrightText, "warning"),
            (role.ToolTipBase, "raised"),
            (role.ToolTipText, "text"),
            (role.PlaceholderText, "muted"),
            (role.Highlight, "accent"),
            (role.HighlightedText, "on_accent"),
            (role.Link, "accent"),
            (role.Mid, "line"),
            (role.Dark, "line"),
        ):
            palette.setColor(which, self.colour(name))
        for which in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, which, self.colour("disabled"))
        return palette


@cache
def load_theme(name: str) -> Theme:
    """Return the theme "light" or "dark".

    Raises
    ------
    ModelError
        If its file is missing or damaged.
    """
    path = resources() / "themes" / f"{name}.toml"
    try:
        colours = tomllib.loads(path.read_text(encoding="utf-8"))["colours"]
        return Theme(name, {str(key): str(value) for key, value in colours.items()})
    except (OSError, KeyError, AttributeError, ValueError) as error:
        raise ModelError(f"The theme {path.name} is missing or damaged: {error}") from error


class Appearance(QObject):
    """Applies a theme to the whole application and keeps icons in its colours.

    `changed` is emitted after another theme was applied.
    """

    changed = Signal()

    def __init__(self, choice: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice = choice
        self._folder = QTemporaryDir()
        self._icons: list[tuple[QAction | QAbstractButton, str]] = []
        self._made: dict[tuple[str, str], QIcon] = {}
        self._late: list[tuple[QAction | QAbstractButton, str]] | None = []
        self._blank = blank_icon()
        self.theme = load_theme(self._wanted())
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._apply()

    @property
    def choice(self) -> str:
        """What the person chose: system, light or dark."""
        return self._choice

    def choose(self, choice: str) -> None:
        """Use a theme: system, light or dark."""
        self._choice = choice
        self._update()

    def icon(self, name: str) -> QIcon:
        """Return an icon in the colours of the theme; each is drawn once."""
        key = (self.theme.name, name)
        if key not in self._made:
            self._made[key] = self.theme.icon(name)
        return self._made[key]

    def watch(self, target: QAction | QAbstractButton, icon: str) -> None:
        """Give an action or a button an icon, now and whenever the theme changes."""
        self._icons.append((target, icon))
        if self._late is None:
            target.setIcon(self.icon(icon))
        else:
            target.setIcon(self._blank)  # it takes the room: buttons with a text in its place would be wide
            self._late.append((target, icon))

    def late_icons(self) -> Iterator[None]:
        """Draw, one in each step, the icons that were asked for before this was: the first page has none of them."""
        late, self._late = self._late or [], None
        for target, icon in late:
            if isValid(target):
                yield target.setIcon(self.icon(icon))

    def _wanted(self) -> str:
        if self._choice != "system":
            return self._choice
        dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return "dark" if dark else "light"

    def _system_changed(self) -> None:
        if self._choice == "system":
            self._update()

    def _update(self) -> None:
        theme = load_theme(self._wanted())
        if theme is self.theme:
            return
        self.theme = theme
        self._apply()
        self.changed.emit()

    def _apply(self) -> None:
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        app.setPalette(self.theme.palette())
        app.setStyleSheet(self._sheet())
        for target, icon in self._icons if self._late is None else ():
            target.setIcon(self.icon(icon))

    def _sheet(self) -> str:
        folder = Path(self._folder.path()) / self.theme.name
        folder.mkdir(exist_ok=True)
        for name, colour in _SHEET_ICONS.items():
            svg = coloured(name, self.theme.colours[colour])
            (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        text = (resources() / "themes" / "app.qss").read_text(encoding="utf-8")
        return TextTemplate(text).safe_substitute(self.theme.colours, icons=folder.as_posix())
