"""Pins as a person sets them: Shift and drag, pin mode, mirror, undo, Delete, arrows, and in projects."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from facestudio.app.editor.pins import pin_label
from facestudio.pipeline.project import load_project
from facestudio.template.model import load_template

SHIFT = Qt.KeyboardModifier.ShiftModifier


def on_screen(person, vertex):
    """Return where the editor shows a vertex of the head."""
    head = person.window.session.head
    from facestudio.geometry.camera import project

    x, y = project(head.camera, head.posed_vertices()[vertex][None])[0][0]
    return person.editor.transform.to_widget(QPointF(x, y)).toPoint()


def ear(side=1):
    return int(np.argmax(side * load_template().vertices[:, 0]))


def pins(person):
    return person.window.document.state.pins


@pytest.fixture
def whole(person):
    """A person who sees the whole photo."""
    person.editor.fit_photo(animated=False)
    return person


def test_shift_and_drag_ties_the_head_to_the_photo(whole, runner):
    person, window = whole, whole.window
    start, way = on_screen(person, ear()), QPoint(9, -6)
    runner.forget()
    person.press(start, SHIFT)
    (pin,) = pins(person)
    assert "ear" in pin_label(pin.vertex).lower()
    person.move(start + way / 2)
    person.move(start + way)
    assert window.document.in_gesture
    person.release(start + way, SHIFT)
    (moved,) = pins(person)
    scale = person.editor.transform.scale
    np.testing.assert_allclose((moved.x - pin.x, moved.y - pin.y), (9 / scale, -6 / scale), atol=1e-6)
    assert window.document.undo_stack.count() == 1
    person.settle()
    assert runner.finished[-1].pins == (moved,)
    assert runner.finished[-1].landmarks is None  # no point was moved
    assert any(request.texture_size == 0 and request.pins for request in runner.requests)  # live
    window.actions_["undo"].trigger()
    assert pins(person) == ()
    window.actions_["redo"].trigger()
    assert pins(person) == (moved,)


def test_off_the_head_the_outline_comes_to_the_pointer(whole):
    person = whole
    head = person.window.session.head
    top = int(np.argmax(load_template().vertices[:, 1]))
    at = on_screen(person, top) - QPoint(0, 40)
    person.click(at, SHIFT)
    (pin,) = pins(person)
    place = person.editor.transform.to_image(QPointF(at))
    np.testing.assert_allclose((pin.x, pin.y), (place.x(), place.y()), atol=1e-6)
    assert pin_label(pin.vertex).startswith("Top of the head")
    assert head is not None


def test_a_pin_is_dragged_nudged_and_deleted_as_a_point_is(whole):
    person, window = whole, whole.window
    at = on_screen(person, ear())
    person.click(at, SHIFT)
    (pin,) = pins(person)
    there = person.editor.transform.to_widget(QPointF(pin.x, pin.y)).toPoint()
    person.drag(there, QPoint(8, 4))  # without a key: it is there
    assert pins(person)[0].x > pin.x
    assert window.document.chosen_pin == pin.vertex
    before = pins(person)[0]
    person.key(Qt.Key.Key_Left)
    person.key(Qt.Key.Key_Down, SHIFT)
    assert (pins(person)[0].x, pins(person)[0].y) == (before.x - 1, before.y + 10)
    assert pin_label(pin.vertex) in window.panels.points.pins.text()
    there = person.editor.transform.to_widget(QPointF(pins(person)[0].x, pins(person)[0].y)).toPoint()
    person.press(there)
    person.move(there + QPoint(20, 0))
    person.key(Qt.Key.Key_Escape)
    assert pins(person)[0].x == before.x - 1
    person.release(there)
    window.actions_["reset_points"].trigger()  # the Delete key
    assert pins(person) == ()
    assert not window.actions_["remove_pins"].isEnabled()


def test_pin_mode_with_mirror_holds_both_ears(whole):
    person, window = whole, whole.window
    window.actions_["pin"].setChecked(True)
    window.actions_["mirror"].setChecked(True)
    at = on_screen(person, ear())
    QTest.mouseMove(person.editor, at)
    person.drag(at, QPoint(7, 0))
    one, two = pins(person)
    assert two.vertex == load_template().mirror[one.vertex]
    head = window.session.head
    from facestudio.geometry.camera import project

    shown = project(head.camera, head.posed_vertices()[[one.vertex, two.vertex]])[0]
    by = 7 / person.editor.transform.scale
    np.testing.assert_allclose(two.x - shown[1, 0], -by, atol=0.05 * by)
    window.actions_["brush"].setChecked(True)
    assert not window.actions_["pin"].isChecked()
    window.actions_["remove_pins"].trigger()
    assert pins(person) == ()


def test_pins_are_in_the_project(whole, qtbot, tmp_path):
    person, window = whole, whole.window
    person.click(on_screen(person, ear(-1)), SHIFT)
    person.settle()
    file = tmp_path / "pinned.facestudio"
    window.projects.write(file)
    qtbot.waitUntil(lambda: not window.tasks.busy and file.exists())
    assert load_project(file).pins == pins(person)
    assert load_project(file).request().pins == pins(person)
    kept = pins(person)
    window.open_path(file)
    qtbot.waitUntil(lambda: window.projects.file == file and not window.tasks.busy)
    person.settle()
    assert pins(person) == kept
