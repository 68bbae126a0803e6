"""The brush: painting, erasing, its size, giving a stroke up, undo, and what is asked of the pipeline."""

from typing import Any

import pytest
from conftest import Person
from fake_runner import FakeRunner
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from facestudio.app.editor.picture import array_of

Alt, Shift = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def painter(person: Person) -> Person:
    person.window.actions_["brush"].setChecked(True)
    return person


def test_a_stroke_is_one_step_and_the_texture_is_made_anew(painter: Person, runner: FakeRunner) -> None:
    document, before = painter.window.document, painter.points
    runner.forget()
    start = painter.at(30)
    painter.drag(start, QPoint(30, 8), steps=6)
    painter.settle()
    (stroke,) = document.state.unused
    assert len(stroke.points) > 1
    assert stroke.points[0] == pytest.approx(painter.points[30].tolist(), abs=1.0)
    assert not stroke.erase
    assert runner.requests[-1].unused == (stroke,)
    assert runner.requests[-1].texture_size == 2048
    assert (painter.points == before).all()  # no point was moved
    assert document.undo_stack.count() == 1
    painter.window.actions_["undo"].trigger()
    painter.settle()
    assert document.state.unused == ()
    assert runner.requests[-1].unused == ()


def test_it_shows_what_was_painted_and_alt_erases(painter: Person) -> None:
    editor, window = painter.editor, painter.window
    at = painter.at(30)
    plain = array_of(editor.grab().toImage()).astype(int)
    painter.drag(at, QPoint(20, 0))
    painter.settle()
    painter.move(QPoint(3, 3), Qt.MouseButton.NoButton)
    painted = array_of(editor.grab().toImage()).astype(int)
    ratio = editor.devicePixelRatioF()
    x, y = round(at.x() * ratio), round((at.y() + 6) * ratio)
    assert painted[y, x, 0] - painted[y, x, 1] > plain[y, x, 0] - plain[y, x, 1] + 30  # redder
    painter.drag(at, QPoint(20, 0), Alt)
    assert [stroke.erase for stroke in window.document.state.unused] == [False, True]
    assert window.document.undo_stack.undoText() == "Use the photo here"
    window.actions_["brush_clear"].trigger()
    assert window.document.state.unused == ()
    assert not window.actions_["brush_clear"].isEnabled()
    painter.settle()


def test_shift_and_the_wheel_change_its_size(painter: Person) -> None:
    editor, zoom = painter.editor, painter.editor.transform
    small = editor.brush_radius
    at = QPointF(painter.at(30))
    for steps in (120, 120):
        event = QWheelEvent(
            at,
            QPointF(editor.mapToGlobal(at)),
            QPoint(),
            QPoint(0, steps),
            Qt.MouseButton.NoButton,
            Shift,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(editor, event)
    assert editor.brush_radius == pytest.approx(small * 1.44)
    assert editor.transform == zoom
    painter.click(painter.at(30))
    assert painter.window.document.state.unused[0].radius == pytest.approx(small * 1.44, abs=0.01)


def test_escape_gives_a_stroke_up_and_switching_off_moves_points_again(painter: Person, qtbot: Any) -> None:
    document = painter.window.document
    painter.press(painter.at(30))
    painter.move(painter.at(30) + QPoint(20, 0))
    painter.key(Qt.Key.Key_Escape)
    painter.release(painter.at(30) + QPoint(20, 0))
    assert document.state.unused == ()
    painter.window.actions_["brush"].setChecked(False)
    painter.drag(painter.at(30), QPoint(12, 0))
    assert document.landmarks.moved[30]
    painter.settle()
