"""Variants: kept under a name, gone back to, deleted, undone, saved in the project."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Person
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QFileDialog

from facestudio.app.window.main_window import MainWindow
from facestudio.pipeline.project import load_project


def entries(person: Person) -> list[str]:
    menu = person.window.variants
    menu.fill()
    return [action.text() for action in menu.actions() if not action.isSeparator()]


def choose(person: Person, text: str) -> None:
    person.window.variants.fill()
    next(action for action in person.window.variants.actions() if action.text() == text).trigger()


def keep(person: Person, name: str) -> None:
    choose(person, "Keep as a variant…")
    question = person.window.variants.question
    question.setTextValue(name)
    question.accept()


def test_variants_are_kept_and_gone_back_to(person: Person) -> None:
    document, session = person.window.document, person.window.session
    assert entries(person) == ["Keep as a variant…"]
    plain = session.head.vertices
    keep(person, "As found")
    person.window.panels.adjust.sliders["noseTip"].setValue(60)
    person.drag(person.at(8), QPoint(0, 9))
    person.settle()
    keep(person, "Long & fine")
    person.settle()
    moved = session.head.vertices
    assert entries(person) == ["Keep as a variant…", "As found", "Long && fine", "Delete"]
    assert [a.isChecked() for a in person.window.variants.actions() if a.isCheckable()] == [False, True]
    choose(person, "As found")
    person.settle()
    assert np.array_equal(session.head.vertices, plain)
    assert document.state.adjustments == ()
    person.window.actions_["undo"].trigger()
    person.settle()
    assert np.array_equal(session.head.vertices, moved)
    document.delete_variant("As found")
    assert entries(person) == ["Keep as a variant…", "Long && fine", "Delete"]
    person.window.actions_["undo"].trigger()
    assert "As found" in entries(person)
    person.settle()


def test_the_name_can_be_given_up_or_taken_again(person: Person) -> None:
    keep(person, "  ")
    assert person.window.document.state.variants == ()
    choose(person, "Keep as a variant…")
    assert person.window.variants.question.textValue() == "Variant 1"
    person.window.variants.question.reject()
    assert person.window.document.state.variants == ()
    keep(person, "One")
    person.window.panels.expression.presets["Smile"].click()
    keep(person, "One")
    assert len(person.window.document.state.variants) == 1
    assert person.window.document.is_variant("One")
    person.settle()


def test_they_are_in_the_project(
    person: Person,
    tmp_path: Path,
    make_window: Callable[..., MainWindow],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "work.facestudio"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(path), ""))
    keep(person, "Before")
    person.window.panels.adjust.sliders["age"].setValue(-40)
    person.settle()
    person.window.actions_["save"].trigger()
    qtbot.waitUntil(lambda: not person.window.isWindowModified(), timeout=20_000)
    project = load_project(path)
    assert [name for name, _ in project.variants] == ["Before"]
    assert project.variants[0][1].adjustments == ()
    other = make_window(path)
    qtbot.waitUntil(lambda: other.session.complete, timeout=20_000)
    assert other.document.state.adjustments == (("age", -0.4),)
    other.document.use_variant("Before")
    qtbot.waitUntil(lambda: other.session.complete, timeout=20_000)
    assert other.document.state.adjustments == ()
    assert other.document.is_variant("Before")
