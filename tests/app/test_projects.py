"""Projects: saved, opened again, asked about, autosaved, recovered after a crash; hostile ones are refused."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Person
from fake_runner import FakeRunner
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QFileDialog, QMessageBox

from facestudio.app.window.main_window import MainWindow
from facestudio.app.window.projects import Projects
from facestudio.paths import user_autosaves
from facestudio.pipeline.project import load_project

Buttons = QMessageBox.StandardButton


@pytest.fixture(autouse=True)
def _no_copies() -> Iterator[None]:
    yield
    left = list(user_autosaves().glob("*")) if user_autosaves().is_dir() else []
    for path in left:
        path.unlink()
    assert left == [], "autosaved copies left"


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a person names when asked."""
    path = tmp_path / "work.facestudio"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(path.with_suffix("")), ""))
    return path


def edit(person: Person) -> None:
    person.drag(person.at(30), QPoint(12, 9))
    person.window.panels.expression.presets["Smile"].click()
    person.settle()


def answer(person: Person, button: Any) -> None:
    question = person.window.projects.question
    assert question is not None
    question.button(button).click()


def test_a_project_comes_back_as_it_was(
    person: Person, chosen: Path, runner: FakeRunner, make_window: Callable[..., MainWindow], qtbot: Any
) -> None:
    window = person.window
    edit(person)
    assert window.isWindowModified()
    points, expression = person.points, window.document.state.expression
    window.actions_["save"].trigger()
    qtbot.waitUntil(lambda: not window.isWindowModified(), timeout=20_000)
    assert chosen.is_file()
    assert window.windowTitle().startswith("work[*]")
    assert window.settings.recent[0] == chosen
    window.actions_["undo"].trigger()
    assert window.isWindowModified()
    window.actions_["redo"].trigger()
    assert not window.isWindowModified()
    runner.forget()
    other = make_window(chosen)
    qtbot.waitUntil(lambda: other.session.complete, timeout=20_000)
    state = other.document.state
    assert np.array_equal(state.landmarks.points, points)
    assert state.landmarks.moved[30]
    assert state.expression == expression
    assert not other.isWindowModified()
    assert np.array_equal(runner.requests[0].landmarks.points, points)
    other.actions_["reset_all"].trigger()
    assert other.isWindowModified()


def test_closing_asks_about_what_is_not_saved(person: Person, chosen: Path, qtbot: Any) -> None:
    window = person.window
    window.projects.prompts = True
    edit(person)
    assert not window.close()
    answer(person, Buttons.Cancel)
    assert window.isVisible()
    assert not window.close()
    answer(person, Buttons.Save)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert load_project(chosen).landmarks.moved[30]


def test_discarding_closes_without_a_file(person: Person, chosen: Path) -> None:
    window = person.window
    window.projects.prompts = True
    edit(person)
    window.projects.autosave()
    person.bot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
    assert not window.close()
    answer(person, Buttons.Discard)
    assert not window.isVisible()
    assert not chosen.exists()


def test_another_photo_asks_first(person: Person, photo_file: Path, chosen: Path, qtbot: Any) -> None:
    window = person.window
    window.projects.prompts = True
    edit(person)
    points = person.points
    window.open_path(photo_file)
    qtbot.waitUntil(lambda: window.projects.question is not None, timeout=20_000)
    answer(person, Buttons.Cancel)
    assert np.array_equal(person.points, points)
    window.close_photo()
    answer(person, Buttons.Discard)
    assert window.document.photo is None


def test_nothing_is_asked_where_nothing_was_done(person: Person) -> None:
    person.window.projects.prompts = True
    person.window.close_photo()
    assert person.window.projects.question is None
    assert person.window.close()


def test_a_file_that_cannot_be_written_is_told(person: Person, tmp_path: Path, qtbot: Any) -> None:
    edit(person)
    person.window.projects.write(tmp_path / "missing" / "a.facestudio")
    qtbot.waitUntil(lambda: person.window.error_dialog is not None, timeout=20_000)
    assert "cannot be written" in person.window.error_dialog.report.message
    assert person.window.isWindowModified()


def test_unsaved_work_is_found_after_a_crash(
    person: Person, make_window: Callable[..., MainWindow], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = person.window
    edit(person)
    points = person.points
    assert window.projects._timer.isActive()
    window.projects.autosave()
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
    assert Projects.left_behind() == []  # that window is still there
    # As a process leaves it that was killed: one of a number that no process has.
    copy = window.projects._copy
    copy.rename(copy.with_name("999999999-1.facestudio"))
    other = make_window()
    question = other.projects.question
    if question is None:  # asked when the window opened, before the tests' own setting
        other.projects.prompts = True
        other.projects.offer_recovery()
        question = other.projects.question
    question.button(Buttons.Open).click()
    qtbot.waitUntil(lambda: other.session.complete, timeout=20_000)
    assert np.array_equal(other.document.landmarks.points, points)
    assert other.isWindowModified()
    assert other.projects.file is None
    assert Projects.left_behind() == []
    assert all("autosave" not in str(path) for path in other.settings.recent)


_KILLED = """
import sys, time
sys.path[:0] = [{checkout!r}, {tests!r}]
from dataclasses import replace
from fake_runner import FakeRunner
from PySide6.QtCore import QSettings
from PySide6.QtTest import QTest
from facestudio.app.main import make_application, open_window
from facestudio.app.settings import Settings
app = make_application(["tests"])
settings = Settings(QSettings({ini!r}, QSettings.Format.IniFormat))
window = open_window({photo!r}, settings=settings, make_runner=FakeRunner)
while not window.session.complete:
    QTest.qWait(5)
window.document.edit(window.document.landmarks.with_moved(8, (111.0, 222.0)), "Move")
window.projects._timer.start(50)
while not (window.projects._copy and window.projects._copy.is_file() and not window.tasks.busy):
    QTest.qWait(5)
print("saved", flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_kill_9_loses_nothing(checkout: Path, photo_file: Path, tmp_path: Path) -> None:
    script = _KILLED.format(
        checkout=str(checkout),
        tests=str(checkout / "tests" / "app"),
        photo=str(photo_file),
        ini=str(tmp_path / "killed.ini"),
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["QT_QPA_PLATFORM"] = "offscreen"
    app = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    with app.stdout:
        assert app.stdout.readline() == "saved\n"
        app.send_signal(signal.SIGKILL)
        app.wait()
    for _ in range(100):
        if Projects.left_behind():
            break
        time.sleep(0.05)
    (copy,) = Projects.left_behind()
    assert load_project(copy).landmarks.points[8].tolist() == [111.0, 222.0]
    copy.unlink()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and nothing", b"no zip at all"])
def test_what_is_no_project_is_refused(
    make_window: Callable[..., MainWindow], tmp_path: Path, qtbot: Any, data: bytes
) -> None:
    path = tmp_path / "bad.facestudio"
    path.write_bytes(data)
    window = make_window(path)
    qtbot.waitUntil(lambda: window.error_dialog is not None, timeout=20_000)
    assert "not a facestudio project" in window.error_dialog.report.message
    assert window.document.photo is None
