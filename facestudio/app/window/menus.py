"""The menus and the toolbar."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QMainWindow, QMenu, QSizePolicy, QToolBar, QWidget

from facestudio.app.actions import SURFACE_NAMES, THEME_NAMES, VIEW_NAMES, Actions
from facestudio.app.words import tr

_FILE = (
    *(
        "open",
        "recent",
        "samples",
        "paste",
        "",
        "add_photo",
        "remove_photo",
        "",
        "save",
        "save_as",
        "",
        "export",
        "export_again",
        "screenshot",
        "copy_view",
        "",
        "close_photo",
        "quit",
    ),
)
_EDIT = (
    *("undo", "redo", "", "select_all", "select_part", ""),
    *("reset_points", "reset_part", "reset_all", "", "whole_part", "soft", "mirror", ""),
    *(
        "pin",
        "remove_pin",
        "remove_pins",
        "",
        "brush",
        "brush_clear",
        "",
        "variants",
        "",
        "rebuild",
        "cancel",
        "",
        "preferences",
    ),
)
_VIEW = (
    *("fit_face", "fit_photo", "zoom_in", "zoom_out", "", "points", "mesh", ""),
    *(*SURFACE_NAMES, "", "compare", "anaglyph", "marks", "posed", "", *VIEW_NAMES, "", "panels", "theme"),
)
_TOOLBAR = (
    "open",
    "save",
    "",
    "undo",
    "redo",
    "",
    "whole_part",
    "soft",
    "mirror",
    "reset_all",
    " ",
    "screenshot",
    "export",
)


class Menus:
    """Fills the window's menu bar and toolbar.

    Attributes
    ----------
    toolbar
        The one toolbar.
    panels
        The menu that lists the docks; the window fills it.
    """

    def __init__(
        self,
        window: QMainWindow,
        actions: Actions,
        recent: Callable[[], list[Path]],
        samples: Callable[[], list[Path]],
        open_path: Callable[[Path], None],
        clear_recent: Callable[[], None],
        variants: QMenu,
    ) -> None:
        self._actions, self._open = actions, open_path
        self._recent, self._clear = recent, clear_recent
        bar = window.menuBar()
        self._recent_menu = QMenu(tr("Open recent"), window)
        self._recent_menu.aboutToShow.connect(self._fill_recent)
        samples_menu = QMenu(tr("Open a sample"), window)
        for path in samples():
            samples_menu.addAction(path.stem.replace("-", " ").capitalize(), lambda p=path: open_path(p))
        samples_menu.setEnabled(not samples_menu.isEmpty())
        self.panels = QMenu(tr("Panels"), window)
        theme_menu = QMenu(tr("Theme"), window)
        theme_menu.addActions([actions[name] for name in THEME_NAMES])
        menus = {
            "recent": self._recent_menu,
            "samples": samples_menu,
            "panels": self.panels,
            "theme": theme_menu,
            "variants": variants,
        }
        for title, names in (
            (tr("&File"), _FILE),
            (tr("&Edit"), _EDIT),
            (tr("&View"), _VIEW),
            (tr("&Help"), ("shortcuts", "about")),
        ):
            menu = bar.addMenu(title)
            menu.setToolTipsVisible(True)
            for name in names:
                if not name:
                    menu.addSeparator()
                elif name in menus:
                    menu.addMenu(menus[name])
                else:
                    menu.addAction(actions[name])
        self.toolbar = self._make_toolbar(window)

    def _make_toolbar(self, window: QMainWindow) -> QToolBar:
        bar = QToolBar(tr("Tools"), window)
        bar.setObjectName("tools")
        bar.setIconSize(QSize(20, 20))
        bar.setMovable(False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        for name in _TOOLBAR:
            if name == " ":
                spring = QWidget()
                spring.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
                bar.addWidget(spring)
            elif not name:
                bar.addSeparator()
            else:
                bar.addAction(self._actions[name])
        short = {
            "open": tr("Open"),
            "add_photo": tr("Add photo"),
            "save": tr("Save"),
            "whole_part": tr("Parts"),
            "soft": tr("Soft"),
            "reset_all": tr("Reset"),
            "screenshot": tr("Screenshot"),
            "export": tr("Export"),
        }
        for name, text in short.items():
            self._actions[name].setIconText(text)
        window.addToolBar(Qt.ToolBarArea.TopToolBarArea, bar)
        bar.toggleViewAction().setEnabled(False)
        return bar

    def _fill_recent(self) -> None:
        menu = self._recent_menu
        menu.clear()
        for path in self._recent():
            menu.addAction(path.name, lambda p=path: self._open(p)).setToolTip(str(path))
        if menu.isEmpty():
            menu.addAction(tr("None yet")).setEnabled(False)
        else:
            menu.addSeparator()
            menu.addAction(tr("Forget them"), self._clear)
