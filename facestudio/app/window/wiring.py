"""What each action does, and when it can be done."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu

from facestudio.app.actions import MODE_NAMES, THEME_NAMES, VIEW_NAMES
from facestudio.app.editor.motion import part_of, parts
from facestudio.app.preferences import Preferences
from facestudio.app.words import lowered, tr
from facestudio.app.worker.report import ErrorReport
from facestudio.database.model import database_folders
from facestudio.errors import WriteError
from facestudio.pipeline.request import MOST_PHOTOS

if TYPE_CHECKING:
    from facestudio.app.viewer.viewer import Viewer
    from facestudio.app.window.main_window import MainWindow
    from facestudio.render.scene import Mode

_NEED_PHOTO = ("brush", "save", "save_as", "close_photo", "rebuild", "fit_photo", "zoom_in", "zoom_out")
_NEED_POINTS = (
    *("fit_face", "select_all", "points", "whole_part", "soft", "mirror"),
    *("reset_points", "reset_part", "reset_all", "select_part"),
)
_NEED_HEAD = ("pin", "mesh", "screenshot", "copy_view", "export", "posed", "marks", *MODE_NAMES, *VIEW_NAMES)
_NEED_VIEW = (*VIEW_NAMES, "compare", "anaglyph")


def connect_actions(window: "MainWindow") -> None:
    """Connect every action of the window."""
    a, document, session = window.actions_, window.document, window.session
    editor, viewer = window.editor, window.viewer
    for name, do in {
        "open": window.ask_for_photo,
        "paste": window.paste,
        "add_photo": window.person_photos.ask,
        "remove_photo": window.person_photos.remove_shown,
        "save": window.projects.save,
        "save_as": window.projects.save_as,
        "close_photo": window.close_photo,
        "export": window.outputs.open_export,
        "export_again": window.outputs.repeat,
        "screenshot": window.outputs.open_screenshot,
        "copy_view": window.outputs.copy_view,
        "quit": window.close,
        "undo": document.undo,
        "redo": document.redo,
        "select_all": lambda: _select_all(window),
        "select_part": lambda: document.select(_whole_parts(window)),
        "reset_points": lambda: _reset_points(window),
        "remove_pin": lambda: _remove_pin(window),
        "remove_pins": lambda: document.remove_pins(),
        "reset_part": lambda: document.reset(_whole_parts(window)),
        "reset_all": lambda: document.reset(),
        "rebuild": session.rebuild,
        "cancel": session.cancel,
        "fit_photo": lambda: editor.fit_photo(),
        "fit_face": lambda: editor.fit_face(),
        "zoom_in": lambda: editor.zoom(1.25),
        "zoom_out": lambda: editor.zoom(0.8),
        "preferences": lambda: _ask_preferences(window),
        "shortcuts": lambda: _help(window),
        "about": lambda: _about(window),
    }.items():
        a[name].triggered.connect(lambda checked=False, run=do: run())
    for name in ("whole_part", "soft", "mirror"):
        a[name].toggled.connect(lambda on, key=name: _set_option(window, key, on))
    a["brush"].toggled.connect(editor.set_brush)
    a["pin"].toggled.connect(editor.set_pinning)
    # One press cannot do both.
    a["brush"].toggled.connect(lambda on: on and a["pin"].setChecked(False))
    a["pin"].toggled.connect(lambda on: on and a["brush"].setChecked(False))
    a["brush_clear"].triggered.connect(
        lambda: document.change(replace(document.state, unused=()), tr("Use the whole photo"))
    )
    a["points"].toggled.connect(editor.set_show_points)
    a["mesh"].toggled.connect(editor.set_show_mesh)
    a["marks"].toggled.connect(viewer.set_show_marks)
    a["compare"].toggled.connect(lambda on: window.panels.compare(on))
    a["anaglyph"].toggled.connect(viewer.set_anaglyph)
    a["posed"].toggled.connect(session.set_posed)
    for shown in MODE_NAMES:
        a[shown].triggered.connect(partial(_show_mode, viewer, shown))
    a["uncertainty"].triggered.connect(lambda checked=False: viewer.set_mode("coverage", uncertain=True))
    for name in VIEW_NAMES:
        a[name].triggered.connect(lambda checked=False, view=name: _show_view(window, view))
    a[window.appearance.choice].setChecked(True)
    for name in THEME_NAMES:
        a[name].triggered.connect(lambda checked=False, choice=name: _choose_theme(window, choice))

    for signal in (
        document.undo_stack.indexChanged,
        document.landmarks_changed,
        document.selection_changed,
        document.photo_changed,
        document.choices_changed,
        window.outputs.changed,
    ):
        # A method of the window, not a function: Qt drops it when the window goes.
        signal.connect(window.refresh)


def update_actions(window: "MainWindow") -> None:
    """Enable what can be done now."""
    a, document, session = window.actions_, window.document, window.session
    landmarks, stack = document.landmarks, document.undo_stack
    quiet = not document.in_gesture
    a.enable(_NEED_PHOTO, document.photo is not None)
    # What is greyed for the length of a drag only flickers: photos that come meanwhile wait for its end.
    a["add_photo"].setEnabled(0 < len(document.photos) < MOST_PHOTOS)
    a["remove_photo"].setEnabled(document.state.place > 0)
    a.enable(_NEED_POINTS, landmarks is not None)
    a.enable(_NEED_HEAD, session.head is not None)
    a.enable(_NEED_VIEW, session.head is not None and window.viewer.view is not None)
    a["undo"].setEnabled(stack.canUndo() and quiet)
    a["redo"].setEnabled(stack.canRedo() and quiet)
    a["undo"].setText(tr("Undo {step}", step=lowered(stack.undoText())).strip())
    a["redo"].setText(tr("Redo {step}", step=lowered(stack.redoText())).strip())
    a["undo"].setIconText(tr("Undo"))
    a["redo"].setIconText(tr("Redo"))
    a["brush_clear"].setEnabled(bool(document.state.unused) and quiet)
    # Not every way to find a head tells how sure it is.
    a["uncertainty"].setVisible(session.figure is not None and session.figure.uncertainty is not None)
    a["export_again"].setEnabled(session.head is not None and window.outputs.can_repeat)
    displaced = document.displaced if quiet else frozenset[int]()
    chosen = document.selection
    a["reset_all"].setEnabled(bool(displaced))
    pin = document.chosen_pin if quiet else None
    a["reset_points"].setEnabled(bool(displaced & chosen) or pin is not None)
    a["remove_pin"].setEnabled(pin is not None)
    a["remove_pins"].setEnabled(bool(document.state.pins) and quiet)
    a["reset_part"].setEnabled(bool(displaced & _whole_parts(window)))
    a["select_part"].setEnabled(bool(chosen))
    a["cancel"].setEnabled(session.busy)
    window.drag_out.refresh()
    if document.photo is not None:
        window.setWindowTitle(f"{window.projects.name}[*] - facestudio")
    window.setWindowModified(window.projects.dirty)


def _remove_pin(window: "MainWindow") -> None:
    pin = window.document.chosen_pin
    if pin is not None:
        window.document.remove_pins(pin)


def _reset_points(window: "MainWindow") -> None:
    """Put selected points back; Delete takes a chosen pin away likewise."""
    if window.document.chosen_pin is not None:
        _remove_pin(window)
    else:
        window.document.reset(window.document.selection)


def _whole_parts(window: "MainWindow") -> frozenset[int]:
    chosen = window.document.selection
    return chosen.union(*(parts().get(part_of(point), frozenset()) for point in chosen))


def show_editor_menu(window: "MainWindow", point: int | None, at: QPoint) -> None:
    """Show what can be done with the point under the pointer, or with the photo."""
    if point is not None and point not in window.document.selection:
        window.document.select(frozenset({point}))
    menu = QMenu(window)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for name in (
        *("select_part", "reset_points", "reset_part", "reset_all", ""),
        *("remove_pin", "remove_pins", "", "fit_face", "fit_photo", "mesh"),
    ):
        if name:
            menu.addAction(window.actions_[name])
        else:
            menu.addSeparator()
    menu.popup(at)


def _select_all(window: "MainWindow") -> None:
    if window.document.landmarks is not None:
        window.document.select(frozenset(range(len(window.document.landmarks.points))))


def _set_option(window: "MainWindow", name: str, on: bool) -> None:
    options = window.editor.options
    window.editor.options = replace(
        options,
        whole_part=on if name == "whole_part" else options.whole_part,
        soft=on if name == "soft" else options.soft,
        mirror=on if name == "mirror" else options.mirror,
    )


def _choose_theme(window: "MainWindow", choice: str) -> None:
    prefer(window, replace(window.settings.preferences, theme=choice))


def prefer(window: "MainWindow", preferences: Preferences) -> None:
    """Take preferences: the theme and the texture at once, the rest from the next photo on."""
    try:
        window.settings.prefer(preferences)
    except WriteError as error:
        window.show_error(ErrorReport.of(error))
    window.appearance.choose(preferences.theme)
    window.actions_[preferences.theme].setChecked(True)
    if window.session.texture_size != preferences.texture_size:
        window.session.texture_size = preferences.texture_size
        if window.session.head is not None:
            window.session.rebuild()


def _help(window: "MainWindow") -> None:
    from facestudio.app.dialogs.help_dialog import HelpDialog

    HelpDialog(window).open()


def _about(window: "MainWindow") -> None:
    from facestudio.app.dialogs.help_dialog import AboutDialog

    AboutDialog(window).open()


def _ask_preferences(window: "MainWindow") -> None:
    from facestudio.app.dialogs.preferences_dialog import PreferencesDialog

    dialog = PreferencesDialog(window.settings, sorted(database_folders()), window)
    dialog.wanted.connect(lambda preferences: prefer(window, preferences))
    dialog.open()


def _show_view(window: "MainWindow", name: str) -> None:
    window.actions_["compare"].setChecked(False)
    window.viewer.show_view(name)


def _show_mode(viewer: "Viewer", mode: "Mode", checked: bool = False) -> None:
    viewer.set_mode(mode)
