"""The head keeps up with the points: live, newest wins, never stale, cancelled at each stage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Person
from fake_runner import FakeRunner
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from facestudio.app.window.main_window import MainWindow
from facestudio.errors import ModelError, NoFaceError
from facestudio.pipeline.request import Stage

NOSE_TIP, CHIN = 30, 8


def test_opening_shows_geometry_first_and_the_texture_after_it(
    make_window: Callable[..., MainWindow], photo_file: Path, runner: FakeRunner, qtbot: Any
) -> None:
    runner.stage_seconds[Stage.TEXTURE] = 0.3
    window = make_window()
    seen: list[bool] = []
    window.session.figure_changed.connect(lambda f: seen.append(f is not None and f.texture is not None))
    window.open_path(photo_file)
    qtbot.waitUntil(lambda: window.session.head is not None, timeout=20_000)
    assert window.session.head.texture is None
    assert window.session.busy
    qtbot.waitUntil(lambda: window.session.complete, timeout=20_000)
    assert seen == [False, False, True]  # no head, its geometry, its texture
    assert [r.texture_size for r in runner.requests] == [0, 2048]
    assert all(r.landmarks is None for r in runner.requests)


def test_the_head_follows_while_a_point_is_dragged(person: Person, runner: FakeRunner, qtbot: Any) -> None:
    runner.requests.clear()
    session = person.window.session
    start = person.at(NOSE_TIP)
    person.press(start)
    person.move(start + QPoint(0, 30))
    wanted = person.points[NOSE_TIP]
    qtbot.waitUntil(lambda: session.head.landmarks.points[NOSE_TIP] == pytest.approx(wanted), timeout=20_000)
    # Still in the drag: geometry alone was asked for, and the last texture moves along.
    assert {r.texture_size for r in runner.requests} == {0}
    assert session.figure.texture is not None
    assert person.window.document.undo_stack.count() == 0
    person.release(start + QPoint(0, 30))
    person.settle()
    assert [r.texture_size for r in runner.requests][-2:] == [0, 2048]
    assert session.head.texture is not None
    assert session.head.landmarks.points[NOSE_TIP] == pytest.approx(wanted)


def test_a_fast_drag_skips_positions_but_never_shows_an_older_one(
    person: Person, runner: FakeRunner, qtbot: Any
) -> None:
    runner.stage_seconds[Stage.SHAPE] = 0.03
    runner.requests.clear()
    shown: list[float] = []
    person.window.session.figure_changed.connect(lambda f: shown.append(f.head.landmarks.points[NOSE_TIP][1]))
    start = person.at(NOSE_TIP)
    person.press(start)
    for step in range(1, 41):
        person.move(start + QPoint(0, step))
        QTest.qWait(4)
    person.release(start + QPoint(0, 40))
    person.settle()
    assert shown == sorted(shown)
    assert shown[-1] == pytest.approx(person.points[NOSE_TIP][1])
    live = [r for r in runner.requests if r.texture_size == 0]
    assert 2 <= len(live) < 40


def test_a_drag_stops_the_texture_of_the_drag_before(person: Person, runner: FakeRunner, qtbot: Any) -> None:
    # The first build of the photo must not be taken for the one this drag asks for.
    runner.forget()
    runner.stage_seconds[Stage.TEXTURE] = 30.0
    person.drag(person.at(CHIN), QPoint(0, 10))
    qtbot.waitUntil(
        lambda: any(r.texture_size for r in runner.requests) and runner.stage is Stage.TEXTURE, timeout=20_000
    )
    runner.stage_seconds[Stage.TEXTURE] = 0.0
    person.drag(person.at(NOSE_TIP), QPoint(0, 10))
    person.settle()
    assert Stage.TEXTURE in runner.cancelled_in
    assert person.window.session.head.landmarks.points == pytest.approx(person.points)


def test_undo_during_a_build_gives_that_build_up(person: Person, runner: FakeRunner) -> None:
    before = person.points
    runner.stage_seconds[Stage.SHAPE] = 0.2
    person.drag(person.at(CHIN), QPoint(0, 25))
    assert person.window.session.busy
    person.window.actions_["undo"].trigger()
    person.settle()
    assert person.window.session.head.landmarks.points == pytest.approx(before)
    assert np.array_equal(person.points, before)


def test_another_photo_replaces_the_one_that_is_being_built(
    make_window: Callable[..., MainWindow], photo_file: Path, tmp_path: Path, runner: FakeRunner, qtbot: Any
) -> None:
    from PIL import Image

    other = tmp_path / "other.png"
    Image.new("RGB", (320, 500), (90, 80, 70)).save(other)
    runner.stage_seconds[Stage.RETRIEVAL] = 30.0
    window = make_window(photo_file)
    qtbot.waitUntil(lambda: len(runner.requests) == 1, timeout=20_000)
    runner.stage_seconds[Stage.RETRIEVAL] = 0.0
    window.open_path(other)
    qtbot.waitUntil(lambda: window.session.complete, timeout=20_000)
    assert window.session.head.camera.image_size == (320, 500)
    assert window.document.photo.name == "other"
    assert runner.cancelled_in == [Stage.RETRIEVAL]


@pytest.mark.parametrize("stage", list(Stage))
def test_cancel_works_in_each_stage(
    make_window: Callable[..., MainWindow], photo_file: Path, runner: FakeRunner, qtbot: Any, stage: Stage
) -> None:
    runner.stage_seconds[stage] = 60.0
    window = make_window(photo_file)
    button = window.build_status.cancel
    qtbot.waitUntil(
        lambda: button.isVisible() and window.build_status.text.startswith(stage_name(stage)), timeout=20_000
    )
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: runner.cancelled_in == [stage], timeout=20_000)
    qtbot.waitUntil(lambda: not window.session.busy)
    assert not button.isVisible()
    assert (window.session.head is not None) == (stage is Stage.TEXTURE)
    assert window.error_dialog is None
    runner.stage_seconds.clear()
    window.actions_["rebuild"].trigger()
    qtbot.waitUntil(lambda: window.session.complete, timeout=20_000)


def stage_name(stage: Stage) -> str:
    from facestudio.app.words import STAGE_NAMES

    return STAGE_NAMES[stage]


def test_the_window_answers_while_the_pipeline_works(
    make_window: Callable[..., MainWindow], photo_file: Path, runner: FakeRunner, qtbot: Any
) -> None:
    window = make_window(photo_file)
    person = Person(window, qtbot)
    qtbot.waitUntil(lambda: window.document.landmarks is not None, timeout=20_000)
    runner.stage_seconds[Stage.SHAPE] = 60.0
    person.settle() if window.session.complete else None
    person.drag(person.at(CHIN), QPoint(0, 12))
    assert window.session.busy
    # Nothing waits for the build: points move, views of the photo change, steps are taken back.
    person.drag(person.at(NOSE_TIP), QPoint(9, 0))
    window.actions_["undo"].trigger()
    window.actions_["undo"].trigger()
    assert not window.document.state.edited
    assert window.session.busy
    runner.stage_seconds.clear()


@pytest.mark.parametrize("stage", list(Stage))
def test_closing_during_work_leaves_nothing(
    make_window: Callable[..., MainWindow], photo_file: Path, runner: FakeRunner, qtbot: Any, stage: Stage
) -> None:
    runner.stage_seconds[stage] = 60.0
    window = make_window(photo_file)
    qtbot.waitUntil(lambda: window.build_status.text.startswith(stage_name(stage)), timeout=20_000)
    window.close()
    assert window.session.builder._thread.isFinished()
    assert runner.cancelled_in == [stage]


def test_closing_in_the_middle_of_a_drag(person: Person, runner: FakeRunner) -> None:
    runner.stage_seconds[Stage.SHAPE] = 60.0
    person.press(person.at(CHIN))
    person.move(person.at(CHIN) + QPoint(0, 30))
    person.window.close()
    assert person.window.session.builder._thread.isFinished()


def test_no_face_is_told_in_a_dialog_with_detail_to_copy(
    make_window: Callable[..., MainWindow], photo_file: Path, runner: FakeRunner, qtbot: Any
) -> None:
    runner.error = NoFaceError("No face was found in someone", hint="Try another photo")
    window = make_window(photo_file)
    qtbot.waitUntil(
        lambda: window.error_dialog is not None and window.error_dialog.isVisible(), timeout=20_000
    )
    dialog = window.error_dialog
    assert dialog.title.text() == "No face was found"
    assert dialog.hint.text() == "Try another photo"
    assert not dialog.command.isVisible()
    QTest.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert "No face was found in someone" in copied
    assert "Traceback" in copied
    dialog.close()
    assert window.document.landmarks is None


def test_a_missing_model_shows_the_one_command_that_helps(
    make_window: Callable[..., MainWindow], photo_file: Path, runner: FakeRunner, qtbot: Any
) -> None:
    runner.error = ModelError("No ONNX Runtime", hint='Install it with: pip install "facestudio[cpu]"')
    window = make_window(photo_file)
    qtbot.waitUntil(
        lambda: window.error_dialog is not None and window.error_dialog.isVisible(), timeout=20_000
    )
    assert window.error_dialog.command.text() == 'pip install "facestudio[cpu]"'
    window.error_dialog.close()


def test_a_defect_of_the_pipeline_is_told_and_the_next_build_works(
    person: Person, runner: FakeRunner, qtbot: Any
) -> None:
    runner.error = ZeroDivisionError("something odd")
    person.drag(person.at(CHIN), QPoint(0, 12))
    window = person.window
    qtbot.waitUntil(
        lambda: window.error_dialog is not None and window.error_dialog.isVisible(), timeout=20_000
    )
    assert window.error_dialog.title.text() == "An internal error"
    window.error_dialog.close()
    runner.error = None
    window.actions_["rebuild"].trigger()
    person.settle()
    assert window.session.head.landmarks.points == pytest.approx(person.points)


def test_errors_in_the_middle_of_a_drag_wait_for_its_end(
    person: Person, runner: FakeRunner, qtbot: Any
) -> None:
    runner.error = NoFaceError("Too far")
    start = person.at(CHIN)
    person.press(start)
    person.move(start + QPoint(0, 30))
    qtbot.waitUntil(lambda: not person.window.session.busy, timeout=20_000)
    assert person.window.error_dialog is None
    person.release(start + QPoint(0, 30))
    qtbot.waitUntil(lambda: person.window.error_dialog is not None, timeout=20_000)
    person.window.error_dialog.close()


def test_clicking_another_face_builds_that_one_and_undo_goes_back(
    make_window: Callable[..., MainWindow], photo_file: Path, runner: FakeRunner, qtbot: Any
) -> None:
    runner.faces = 2
    window = make_window(photo_file)
    person = Person(window, qtbot)
    qtbot.waitUntil(lambda: len(window.document.faces) == 2, timeout=20_000)
    person.settle()
    first = person.points
    window.editor.fit_photo(animated=False)
    window.editor._glide.stop()
    box = window.document.faces[1].box
    from PySide6.QtCore import QPointF

    # A corner of the other face's box, away from the points of the first.
    at = window.editor.transform.to_widget(QPointF(box.x1 - 4, box.y0 + 4)).toPoint()
    person.click(at)
    assert window.document.state.face == 2
    person.settle()
    assert runner.requests[-1].face == 2
    assert person.points[:, 0].mean() > first[:, 0].mean() + 50
    window.actions_["undo"].trigger()
    person.settle()
    assert window.document.state.face == 1
    assert person.points == pytest.approx(first)


def test_the_signals_of_this_qt_keep_their_references(qapp: Any) -> None:
    """PySide 6.12.0 loses a reference to True with every signal, and Python 3.11 then dies."""
    import sys

    from PySide6.QtCore import QObject, Signal

    class Sender(QObject):
        sent = Signal()

    sender = Sender()
    before = sys.getrefcount(True)
    for _ in range(100):
        sender.sent.emit()
    assert abs(sys.getrefcount(True) - before) < 50
