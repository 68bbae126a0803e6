"""Preferences: a file that people read and edit, and the dialog that writes it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import Person
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDialogButtonBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from facestudio.app.dialogs.preferences_dialog import PreferencesDialog
from facestudio.app.preferences import Preferences, preferences_text, read_preferences, write_preferences
from facestudio.app.settings import Settings
from facestudio.errors import WriteError

OTHER = Preferences("dark", 1024, "mm", "bald", 'my "heads" \\ é', 0)


def test_the_file_says_the_same_when_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "preferences.toml"
    assert read_preferences(path) == (Preferences(), "")
    write_preferences(OTHER, path)
    assert read_preferences(path) == (OTHER, "")
    assert [p.name for p in path.parent.iterdir()] == ["preferences.toml"]
    # A line about each choice.
    text = preferences_text(OTHER)
    assert text.count("\n# ") == len(tomllib.loads(text))


@pytest.mark.parametrize(
    "line",
    [
        'theme = "pink"',
        "texture_size = 1000",
        "texture_size = true",
        "autosave_seconds = -1",
        "autosave_seconds = 1.5",
        'database = ""',
        'nonsense = "yes"',
        "units = 5",
    ],
)
def test_what_cannot_be_used_has_its_default_and_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "preferences.toml"
    path.write_text(f'scalp = "stubble"\n{line}\n', encoding="utf-8")
    found, problem = read_preferences(path)
    assert found == Preferences(scalp="stubble")
    assert line.split()[0] in problem


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"theme = ", b"[" * 50])
def test_a_damaged_file_is_no_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "preferences.toml"
    path.write_bytes(content)
    found, problem = read_preferences(path)
    assert found == Preferences()
    assert "cannot be read" in problem
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert read_preferences(folder)[0] == Preferences()
    with pytest.raises(WriteError):
        write_preferences(OTHER, folder)


def test_the_dialog_changes_what_holds_and_writes_it(person: Person, settings: Settings, runner: Any) -> None:
    window = person.window
    window.actions_["preferences"].trigger()
    dialog = window.findChild(PreferencesDialog)
    assert str(settings.preferences_file) == dialog.file.text()
    dialog.theme.setCurrentIndex(dialog.theme.findData("dark"))
    dialog.texture_size.setCurrentIndex(dialog.texture_size.findData(1024))
    dialog.autosave.setValue(0)
    assert settings.preferences == Preferences()  # not before OK
    dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    assert window.appearance.theme.name == "dark"
    assert window.actions_["dark"].isChecked()
    person.settle()
    assert runner.finished[-1].texture_size == 1024
    assert read_preferences(settings.preferences_file)[0] == settings.preferences
    # Nothing is kept then.
    document = window.document
    document.edit(document.landmarks.with_moved(30, (5.0, 5.0)), "Move")
    assert not window.projects._timer.isActive()
    person.settle()


def test_cancel_changes_nothing(person: Person, settings: Settings) -> None:
    person.window.actions_["preferences"].trigger()
    dialog = person.window.findChild(PreferencesDialog)
    dialog.buttons.button(QDialogButtonBox.StandardButton.RestoreDefaults).click()
    dialog.theme.setCurrentIndex(dialog.theme.findData("light"))
    dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel).click()
    assert settings.preferences == Preferences()
    assert not settings.preferences_file.exists()


def _unnamed(root: QWidget) -> list[str]:
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)
    found = []
    for child in root.findChildren(QWidget):
        inner = isinstance(child, QScrollBar) or child.objectName().startswith("qt_")
        if not isinstance(child, kinds) or inner or isinstance(child.parent(), QComboBox | QAbstractSpinBox):
            continue
        text = child.text() if isinstance(child, QAbstractButton) else ""
        if not (child.accessibleName() or text or child.toolTip()):
            found.append(f"{type(child).__name__} {child.objectName()!r} in {type(child.parent()).__name__}")
    return found


def test_every_control_has_a_name_for_those_who_cannot_see_it(person: Person) -> None:
    window = person.window
    assert _unnamed(window) == []
    for name in ("preferences", "export", "screenshot"):
        window.actions_[name].trigger()
    dialogs = [child for child in window.findChildren(QWidget) if child.isWindow() and child.isVisible()]
    assert len(dialogs) >= 3
    for dialog in dialogs:
        assert _unnamed(dialog) == []
        dialog.close()
