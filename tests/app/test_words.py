"""Every text that people see can be translated: none is written into a widget as it is."""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, QTranslator
from PySide6.QtWidgets import QAbstractButton, QComboBox, QDockWidget, QGroupBox, QLabel, QLineEdit, QMenu

import facestudio.app.words as words
from facestudio.app.dialogs.export_dialog import ExportDialog
from facestudio.app.dialogs.help_dialog import AboutDialog, HelpDialog
from facestudio.app.dialogs.preferences_dialog import PreferencesDialog
from facestudio.app.dialogs.screenshot_dialog import ScreenshotDialog

ROOT = Path(__file__).parents[2]
# What takes a text, and in which place.
SINKS = {
    **dict.fromkeys(
        ("QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QMenu", "QAction", "QToolBar"), 0
    ),
    **dict.fromkeys(("setText", "setToolTip", "setStatusTip", "setWindowTitle", "setAccessibleName"), 0),
    **dict.fromkeys(("setPlaceholderText", "setInformativeText", "setLabelText", "setTitle"), 0),
    **dict.fromkeys(("addRow", "addAction", "addMenu", "commit", "setSuffix", "setPrefix"), 0),
    **dict.fromkeys(("change", "edit", "_push"), 1),
}


def test_no_widget_has_a_text_of_its_own():
    bare = []
    for path in sorted((ROOT / "facestudio" / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            place = SINKS.get(name)
            if place is None or place >= len(node.args):
                continue
            bare += [
                f"{path.name}:{node.lineno}: {part!r}"
                for part in _literals(node.args[place])
                if re.search(r"[A-Za-z]{3}", part.replace("facestudio", "").replace("GLB", ""))
            ]
    assert bare == []


def _literals(node):
    """Yield literal texts of an expression, but not of calls in it (they may translate)."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.sub(r"<[^>]*>|&\w+;", "", node.value)
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _literals(value)
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    elif isinstance(node, ast.BinOp):
        yield from _literals(node.left)
        yield from _literals(node.right)


class Bracketing(QTranslator):
    """Puts every text of the app in brackets, and remembers which it was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = set()

    def isEmpty(self):  # noqa: N802
        return False

    def translate(self, context, text, disambiguation=None, n=-1):
        if context != words.CONTEXT:
            return None  # Qt's own texts are Qt's
        self.asked.add(text)
        return f"⟦{text}⟧"


@pytest.fixture
def bracketing(qapp):
    translator = Bracketing()
    qapp.installTranslator(translator)
    yield translator
    qapp.removeTranslator(translator)


def left_bare(text):
    """Return what of a text is not in brackets."""
    text = re.sub(r"<[^>]*>|&\w+;", " ", text)
    while True:
        shorter = re.sub(r"⟦[^⟦⟧]*⟧", "", text)
        if shorter == text:
            return " ".join(re.findall(r"[^\W\d_]{3,}", text))
        text = shorter


def shown_texts(widget):
    for label in widget.findChildren(QLabel):
        yield label.text()
    for button in widget.findChildren(QAbstractButton):
        yield from (button.text(), button.toolTip())
    for box in widget.findChildren(QComboBox):
        yield from (box.itemText(i) for i in range(box.count()))
    for kind in (QDockWidget, QMenu, QGroupBox):
        for one in widget.findChildren(kind):
            yield one.windowTitle() if kind is QDockWidget else one.title()
    for line in widget.findChildren(QLineEdit):
        yield line.placeholderText()
    for action in widget.findChildren(words_action()):
        yield from (action.text(), action.statusTip())
    for one in (widget, *widget.findChildren(object)):
        name = getattr(one, "accessibleName", None)
        if name is not None:
            yield name()


def words_action():
    from PySide6.QtGui import QAction

    return QAction


# Names of files, heads, programs and keys are the same in every language; Qt translates its own buttons.
NAMES = {"facestudio", "someone", "studio", "mesh", "default", "fake", "collins", "Collins", "Studio"}
NAMES |= {"GLB", "Ctrl", "Shift", "Alt", "Del", "Home", "PLY", "Blender", "Maya", "Unreal", "Engine", "Unity"}
PRODUCTS = {
    "PySide6 (Qt)",
    "NumPy, SciPy",
    "OpenCV",
    "ONNX Runtime",
    "Pillow",
    "PyOpenGL",
    "trimesh, pygltflib",
}
PRODUCTS |= {"PLY", "Blender", "Maya", "Unreal Engine", "Unity"}
QT_OWN = {"Cancel", "Restore Defaults", "Close", "Float", "Scroll Left", "Scroll Right"}


def test_nothing_is_left_in_english_where_there_is_a_translation(bracketing, person, qtbot):
    window = person.window
    window.message.setText(words.tr("Ready"))
    dialogs = [
        ExportDialog(window.settings, "someone", window),
        ScreenshotDialog(window.settings, "someone", True, window),
        PreferencesDialog(window.settings, ["studio"], window),
        HelpDialog(window),
    ]
    bare = {
        text: left
        for text in shown_texts(window)
        if text not in QT_OWN and not Path(text).is_absolute() and (left := left_bare(text))
    }
    assert {text for text, left in bare.items() if not set(left.split()) <= NAMES} == set()
    about = AboutDialog(window)
    assert all("⟦" in label.text() for label in about.findChildren(QLabel) if label.text().strip())
    for dialog in (*dialogs, about):
        dialog.close()
    assert bracketing.asked - set(_translations().texts()) <= PRODUCTS


def _translations():
    spec = importlib.util.spec_from_file_location("translations", ROOT / "packaging" / "translations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_that_the_core_says_can_be_translated(bracketing):
    """Whatever the sources say in an error, a hint, advice or a stage is found again in the finished text."""
    texts = _translations().core_texts()
    assert json.loads((ROOT / "resources" / "translations" / words.CORE_TEXTS).read_text()) == texts
    assert len(texts) > 200
    assert set(texts) <= set(_translations().texts())
    values = [f"Va{i}lue{i}" for i in range(9)]
    for text in texts:
        told = words.said(text.format(*values))
        assert told == f"⟦{text.format(*values)}⟧".replace("{{", "{"), text
    told = words.said("anna.jpg: No face was found in anna.jpg")  # of one of several photos
    assert told == "anna.jpg: ⟦No face was found in anna.jpg⟧"
    assert words.said("something of the system's") == "something of the system's"


def test_errors_of_the_core_are_told_by_their_own_words():
    """An error whose text comes from elsewhere could not be translated: each is written where it is raised."""
    module, bare = _translations(), []
    for path in sorted((ROOT / "facestudio").rglob("*.py")):
        if path.relative_to(ROOT / "facestudio").parts[0] in module.OTHERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                bare += [
                    f"{path.name}: {ast.unparse(argument)}"
                    for argument in list(module._said_by(node.exc))[:1]
                    if not list(module._templates(argument))
                ]
    assert bare == []


def test_an_error_of_the_core_is_shown_in_the_persons_language(bracketing, make_window, tmp_path, qtbot):
    nothing = tmp_path / "empty.jpg"
    nothing.write_bytes(b"no picture")
    window = make_window(nothing)
    qtbot.waitUntil(lambda: window.error_dialog is not None, timeout=20_000)
    assert left_bare(window.error_dialog.message.text()) == ""
    window.error_dialog.close()


def test_a_translation_beside_the_app_is_used(qapp, tmp_path, monkeypatch):
    beside = Path(sys.executable).with_name("pyside6-lrelease")
    lrelease = str(beside) if beside.exists() else shutil.which("pyside6-lrelease")
    if lrelease is None:
        pytest.skip("pyside6-lrelease is not here")
    module = _translations()
    folder = tmp_path / "translations"
    folder.mkdir()
    ts = folder / "facestudio_de.ts"
    module._write_anew(ts, ["Cancel", "Opening {name}…"])
    empty = '<translation type="unfinished"></translation>'
    text = ts.read_text(encoding="utf-8")
    for german in ("Abbrechen", "{name} wird geöffnet …"):
        text = text.replace(empty, f"<translation>{german}</translation>", 1)
    ts.write_text(text, encoding="utf-8")
    subprocess.run([lrelease, str(ts), "-qm", str(ts.with_suffix(".qm"))], check=True, capture_output=True)
    monkeypatch.setattr(words, "resources", lambda: tmp_path)
    found = words.install_translators(qapp, QLocale("de_AT"))
    try:
        assert words.tr("Cancel") == "Abbrechen"
        assert words.tr("Opening {name}…", name="Anna.jpg") == "Anna.jpg wird geöffnet …"
        assert words.tr("Export") == "Export"
    finally:
        for translator in found:
            qapp.removeTranslator(translator)
    assert words.install_translators(qapp, QLocale("fr_FR")) == []
    assert words.tr("Cancel") == "Cancel"
