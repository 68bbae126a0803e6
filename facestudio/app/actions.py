"""Everything the person can do, as actions: menus, toolbar, buttons and keys share them."""

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QWidget

from facestudio.app.appearance.theme import Appearance
from facestudio.app.words import tr


@dataclass(frozen=True)
class Spec:
    """An action: text, keys, icon, a line of help, and whether it is switched on and off."""

    text: str
    keys: str = ""
    icon: str = ""
    tip: str = ""
    checkable: bool = False


SPECS: dict[str, Spec] = {
    "open": Spec("Open…", "Ctrl+O", "open", "Open a photo or a project"),
    "save": Spec("Save project", "Ctrl+S", "save", "Save the photo with all that was decided about it"),
    "save_as": Spec("Save project as…", "Ctrl+Alt+S", "save", "Save the project as another file"),
    "paste": Spec("Paste photo", "Ctrl+V", "paste", "Open the picture or the file in the clipboard"),
    "add_photo": Spec(
        "Add photos of this person…", "Ctrl+Shift+O", "plus", "One head of two to five photos of one person"
    ),
    "remove_photo": Spec("Remove this photo", "", "", "Make the head without the photo that is shown"),
    "close_photo": Spec("Close photo", "Ctrl+W", "close", "Back to the welcome page"),
    "export": Spec("Export…", "Ctrl+E", "export", "Write the head as OBJ or GLB"),
    "export_again": Spec(
        "Export again",
        "Ctrl+Shift+E",
        "export",
        "Replace the files of the last export with the head as it is now",
    ),
    "screenshot": Spec(
        "Screenshot…", "Ctrl+Shift+S", "camera", "Save a picture of the view, or a sheet of views"
    ),
    "copy_view": Spec(
        "Copy screenshot", "Ctrl+Shift+C", "copy", "Put a picture of the view into the clipboard"
    ),
    "quit": Spec("Quit", "Ctrl+Q"),
    "undo": Spec("Undo", "Ctrl+Z", "undo"),
    "redo": Spec("Redo", "Ctrl+Shift+Z", "redo"),
    "select_all": Spec("Select all points", "Ctrl+A"),
    "select_part": Spec("Select the part", "Ctrl+Shift+A", "", "Extend the selection to whole parts"),
    "reset_points": Spec(
        "Reset selected points",
        "Delete",
        "reset",
        "Put the selected points back, or take the chosen pin away",
    ),
    "reset_part": Spec("Reset the part", "Shift+Delete", "", "Put the parts of the selected points back"),
    "reset_all": Spec(
        "Reset all points", "Ctrl+Delete", "reset", "Put all points back where they were located"
    ),
    "rebuild": Spec("Build again", "F5", "rebuild", "Build the head again"),
    "cancel": Spec("Cancel", "Ctrl+.", "cancel", "Stop what is being built"),
    "whole_part": Spec(
        "Move whole parts", "P", "part", "A point takes its eye, brow, nose, mouth or jaw along", True
    ),
    "soft": Spec("Soft falloff", "S", "soft", "Neighbours follow, the less the farther they are", True),
    "mirror": Spec("Mirror", "M", "mirror", "The other half of the face moves likewise", True),
    "brush": Spec(
        "Do not use the photo here",
        "D",
        "brush",
        "Paint over what the texture may not take from the photo",
        True,
    ),
    "pin": Spec(
        "Pin",
        "H",
        "pin",
        "Tie the head to the photo where the points do not reach: ears, hairline, outline; also Shift and drag",
        True,
    ),
    "remove_pin": Spec("Remove pin", "", "", "Take the chosen pin away"),
    "remove_pins": Spec("Remove all pins", "", "", "Take all pins of this photo away"),
    "brush_clear": Spec("Use the whole photo", "", "", "Take all strokes of the brush away"),
    "fit_photo": Spec("Show whole photo", "Home", "image", "Show the whole photo"),
    "fit_face": Spec("Show face", "F", "fit", "Show the face"),
    "zoom_in": Spec("Zoom in", "Ctrl++", "zoom-in"),
    "zoom_out": Spec("Zoom out", "Ctrl+-", "zoom-out"),
    "points": Spec("Points", "L", "landmarks", "Show the points on the photo", True),
    "mesh": Spec("Fitted mesh", "G", "mesh", "Show the fitted mesh over the photo", True),
    "textured": Spec("Textured", "T", "textured", "The head with its texture", True),
    "clay": Spec("Clay", "C", "clay", "The shape alone", True),
    "wireframe": Spec("Wireframe", "W", "wireframe", "The shape with its quads", True),
    "unlit": Spec("Colour only", "U", "unlit", "The texture's own colours, without the view's light", True),
    "normals": Spec("Normals", "N", "normals", "Which way the surface faces, as colours", True),
    "coverage": Spec(
        "Coverage", "V", "coverage", "Where the texture comes from: seen, mirrored or borrowed", True
    ),
    "uncertainty": Spec("Uncertainty", "I", "uncertainty", "How far each part of the head may be off", True),
    "compare": Spec(
        "Beside the photo", "B", "compare", "See the head from the photo's camera, the photo beside it", True
    ),
    "anaglyph": Spec("Stereoscopic view", "A", "anaglyph", "For red and cyan glasses", True),
    "marks": Spec("Landmarks on the head", "K", "landmarks", "Show the landmarks on the head", True),
    "posed": Spec(
        "Expression of the photo", "X", "expression", "The photo's expression, or the neutral head", True
    ),
    "front": Spec("Front", "1", "view-front"),
    "45-left": Spec("45° left", "2", "view-left-45"),
    "left": Spec("Left", "3", "view-left"),
    "45-right": Spec("45° right", "4", "view-right-45"),
    "right": Spec("Right", "5", "view-right"),
    "back": Spec("Back", "6", "view-back"),
    "preferences": Spec("Preferences…", "Ctrl+,", "preferences", "Theme, texture size, database and more"),
    "shortcuts": Spec("Keys and gestures", "F1", "info"),
    "about": Spec("About facestudio"),
    "system": Spec("As the system", checkable=True),
    "light": Spec("Light", checkable=True),
    "dark": Spec("Dark", checkable=True),
}
VIEW_NAMES = ("front", "45-left", "left", "45-right", "right", "back")
MODE_NAMES: tuple[Literal["textured", "clay", "wireframe", "unlit", "normals", "coverage"], ...] = (
    *("textured", "clay", "wireframe"),
    *("unlit", "normals", "coverage"),
)
# What the surface shows: one of these at a time.
SURFACE_NAMES = (*MODE_NAMES, "uncertainty")
THEME_NAMES = ("system", "light", "dark")


class Actions(QObject):
    """The actions by name; they are added to the window so that their keys work everywhere in it."""

    def __init__(self, window: QWidget, appearance: Appearance) -> None:
        super().__init__(window)
        self._all: dict[str, QAction] = {}
        for name, spec in SPECS.items():
            action = QAction(tr(spec.text), window)
            action.setObjectName(name)
            action.setCheckable(spec.checkable)
            keys = QKeySequence(spec.keys)
            if not keys.isEmpty():
                action.setShortcut(keys)
            tip = tr(spec.tip or spec.text).rstrip("…")
            action.setToolTip(
                tip if keys.isEmpty() else f"{tip}  ({keys.toString(QKeySequence.SequenceFormat.NativeText)})"
            )
            action.setStatusTip(tr(spec.tip) if spec.tip else "")
            if spec.icon:
                appearance.watch(action, spec.icon)
            window.addAction(action)
            self._all[name] = action
        for names in (SURFACE_NAMES, THEME_NAMES):
            group = QActionGroup(self)
            for name in names:
                group.addAction(self._all[name])
        self["textured"].setChecked(True)
        self["points"].setChecked(True)
        self["posed"].setChecked(True)
        self["redo"].setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
        self["zoom_in"].setShortcuts([QKeySequence("Ctrl++"), QKeySequence("Ctrl+=")])

    def __getitem__(self, name: str) -> QAction:
        return self._all[name]

    def enable(self, names: tuple[str, ...], on: bool) -> None:
        """Enable or disable several."""
        for name in names:
            self._all[name].setEnabled(on)
