"""Every gesture of the photo editor, made as a person makes it."""

from typing import Any

import numpy as np
import pytest
from conftest import Person, send_move
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from facestudio.app.editor.motion import parts
from facestudio.app.editor.picture import array_of

Keys = Qt.KeyboardModifier
NOSE_TIP, CHIN, EYE_OUTER, EYE_OTHER = 30, 8, 36, 45


def wheel(person: Person, at: QPoint, steps: int) -> None:
    event = QWheelEvent(
        *(QPointF(at), QPointF(person.editor.mapToGlobal(at)), QPoint(), QPoint(0, 120 * steps)),
        *(Qt.MouseButton.NoButton, Keys.NoModifier, Qt.ScrollPhase.NoScrollPhase, False),
    )
    QApplication.sendEvent(person.editor, event)


def pixels_of(widget: Any) -> np.ndarray:
    return array_of(widget.grab().toImage())


def test_dragging_a_point_moves_it_alone_and_by_what_the_pointer_moved(person: Person) -> None:
    before = person.points
    person.drag(person.at(NOSE_TIP), QPoint(24, -16))
    moved = person.points - before
    scale = person.editor.transform.scale
    assert moved[NOSE_TIP] == pytest.approx([24 / scale, -16 / scale], abs=1e-6)
    moved[NOSE_TIP] = 0
    assert not moved.any()
    assert np.flatnonzero(person.window.document.landmarks.moved).tolist() == [NOSE_TIP]


def test_a_trembling_click_selects_and_moves_nothing(person: Person) -> None:
    before = person.points
    person.drag(person.at(NOSE_TIP), QPoint(1, 1), steps=1)
    assert np.array_equal(person.points, before)
    assert person.window.document.selection == {NOSE_TIP}
    assert person.window.document.undo_stack.count() == 0


@pytest.mark.parametrize(
    ("point", "keys"),
    [(NOSE_TIP, Keys.NoModifier), (NOSE_TIP, Keys.AltModifier), (EYE_OUTER, Keys.NoModifier)],
)
def test_what_is_not_painted_anew_while_points_are_dragged_looks_as_before(
    person: Person, point: int, keys: Qt.KeyboardModifier
) -> None:
    editor, start = person.editor, person.at(point)
    person.press(start, keys)
    person.move(start + QPoint(6, 4))
    sizes = []
    for step in (
        QPoint(14, -9),
        QPoint(-30, 22),
        QPoint(260, 160),
    ):  # at last the magnifier changes its corner
        before, seen = person.window.document.landmarks, pixels_of(editor)
        person.move(start + step)
        area = editor.changed_area(before, person.window.document.landmarks)
        elsewhere = np.ones(seen.shape[:2], dtype=bool)
        for rect in area:
            elsewhere[max(rect.top(), 0) : rect.bottom() + 1, max(rect.left(), 0) : rect.right() + 1] = False
        now = pixels_of(editor)
        assert np.array_equal(now[elsewhere], seen[elsewhere])
        assert not np.array_equal(now, seen)
        sizes.append(elsewhere.mean())
    assert sizes[0] > (0.75 if point == NOSE_TIP else 0.3)  # the eyes' distance is all points' measure
    person.release(start + step, keys)


def test_a_point_cannot_leave_the_photo(person: Person) -> None:
    person.drag(person.at(CHIN), QPoint(0, 5000))
    height = person.window.document.photo.size[1]
    assert person.points[CHIN][1] == height - 1
    person.drag(person.at(NOSE_TIP), QPoint(-9000, 0))
    assert person.points[NOSE_TIP][0] == 0


def test_dragging_a_selected_point_takes_the_selection_along(person: Person) -> None:
    before = person.points
    person.click(person.at(CHIN))
    person.click(person.at(NOSE_TIP), Keys.ControlModifier)
    assert person.window.document.selection == {CHIN, NOSE_TIP}
    person.drag(person.at(NOSE_TIP), QPoint(10, 6))
    moved = person.points - before
    assert moved[CHIN] == pytest.approx(moved[NOSE_TIP])
    assert np.flatnonzero(moved.any(axis=1)).tolist() == [CHIN, NOSE_TIP]


def test_control_click_takes_a_point_out_again(person: Person) -> None:
    person.click(person.at(CHIN))
    person.click(person.at(NOSE_TIP), Keys.ControlModifier)
    person.click(person.at(CHIN), Keys.ControlModifier)
    assert person.window.document.selection == {NOSE_TIP}


@pytest.mark.parametrize("way", ["button", "alt"])
def test_a_whole_part_moves_as_one(person: Person, way: str) -> None:
    before = person.points
    if way == "button":
        person.window.actions_["whole_part"].trigger()
        person.drag(person.at(EYE_OUTER), QPoint(0, 12))
    else:
        person.drag(person.at(EYE_OUTER), QPoint(0, 12), Keys.AltModifier)
    moved = person.points - before
    eye = sorted(parts()["Right eye"])
    assert np.flatnonzero(moved.any(axis=1)).tolist() == eye
    assert np.allclose(moved[eye], moved[EYE_OUTER])


@pytest.mark.parametrize("part", list(parts()))
def test_a_double_click_selects_the_part(person: Person, part: str) -> None:
    person.editor.fit_face(animated=False)
    members = parts()[part]
    # A point that no other part's point lies close to.
    places = np.array([[person.editor.place_of(i).x(), person.editor.place_of(i).y()] for i in range(68)])
    others = [i for i in range(68) if i not in members]
    apart = {i: np.linalg.norm(places[others] - places[i], axis=1).min() for i in members}
    QTest.mouseDClick(
        person.editor,
        Qt.MouseButton.LeftButton,
        Keys.NoModifier,
        person.at(max(apart, key=apart.__getitem__)),
    )
    assert person.window.document.selection == members


def test_soft_falloff_takes_neighbours_along_a_little(person: Person) -> None:
    before = person.points
    person.window.actions_["soft"].trigger()
    person.window.panels.points.reach.setValue(40)
    person.drag(person.at(NOSE_TIP), QPoint(0, 20))
    moved = (person.points - before)[:, 1]
    assert 0 < moved[33] < moved[NOSE_TIP]
    assert moved[CHIN] == 0
    assert not (person.points - before)[:, 0].any()


def test_mirror_moves_the_other_half_likewise(person: Person) -> None:
    before = person.points
    person.window.actions_["mirror"].trigger()
    person.drag(person.at(EYE_OUTER), QPoint(-12, 8))
    moved = person.points - before
    assert moved[EYE_OTHER] == pytest.approx(moved[EYE_OUTER] * (-1, 1), abs=0.05)


@pytest.mark.parametrize(
    ("key", "way"),
    [
        (Qt.Key.Key_Left, (-1, 0)),
        (Qt.Key.Key_Right, (1, 0)),
        (Qt.Key.Key_Up, (0, -1)),
        (Qt.Key.Key_Down, (0, 1)),
    ],
)
def test_arrows_nudge_by_one_pixel_and_with_shift_by_ten(
    person: Person, key: Qt.Key, way: tuple[int, int]
) -> None:
    person.click(person.at(NOSE_TIP))
    before = person.points
    person.key(key)
    assert person.points[NOSE_TIP] - before[NOSE_TIP] == pytest.approx(way)
    person.key(key, Keys.ShiftModifier)
    assert person.points[NOSE_TIP] - before[NOSE_TIP] == pytest.approx(np.array(way) * 11)
    assert person.window.document.undo_stack.count() == 2


def test_arrows_without_a_selection_move_nothing(person: Person) -> None:
    before = person.points
    person.key(Qt.Key.Key_Left)
    assert np.array_equal(person.points, before)


def test_a_held_arrow_is_one_undo_step(person: Person) -> None:
    person.click(person.at(NOSE_TIP))
    before = person.points
    for repeat in (False, True, True, True):
        press = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Right, Keys.NoModifier, "", repeat)
        QApplication.sendEvent(person.editor, press)
    assert person.points[NOSE_TIP][0] - before[NOSE_TIP][0] == pytest.approx(4)
    assert person.window.document.undo_stack.count() == 1
    person.window.actions_["undo"].trigger()
    assert np.array_equal(person.points, before)


def test_one_undo_step_a_gesture_and_redo_brings_it_back(person: Person) -> None:
    states = [person.points]
    for point, way in ((NOSE_TIP, QPoint(10, 0)), (CHIN, QPoint(0, 14)), (EYE_OUTER, QPoint(-9, 4))):
        person.drag(person.at(point), way, steps=7)
        states.append(person.points)
    stack = person.window.document.undo_stack
    assert stack.count() == 3
    for state in reversed(states[:-1]):
        person.window.actions_["undo"].trigger()
        assert np.array_equal(person.points, state)
    assert not person.window.actions_["undo"].isEnabled()
    assert not person.window.document.state.edited
    for state in states[1:]:
        person.window.actions_["redo"].trigger()
        assert np.array_equal(person.points, state)


def test_undo_keys_do_nothing_in_the_middle_of_a_drag(person: Person) -> None:
    person.drag(person.at(CHIN), QPoint(0, 10))
    after = person.points
    start = person.at(NOSE_TIP)
    person.press(start)
    person.move(start + QPoint(15, 0))
    assert not person.window.actions_["undo"].isEnabled()
    person.window.document.undo()
    person.release(start + QPoint(15, 0))
    assert person.window.document.undo_stack.count() == 2
    assert person.points[CHIN] == pytest.approx(after[CHIN])


def test_escape_gives_a_drag_up(person: Person) -> None:
    before = person.points
    start = person.at(NOSE_TIP)
    person.press(start)
    person.move(start + QPoint(30, 30))
    assert not np.array_equal(person.points, before)
    person.key(Qt.Key.Key_Escape)
    person.release(start + QPoint(30, 30))
    assert np.array_equal(person.points, before)
    assert person.window.document.undo_stack.count() == 0
    person.settle()
    assert person.window.session.head.landmarks.points == pytest.approx(before)


def test_a_rectangle_selects_what_is_in_it_and_control_keeps_the_rest(person: Person) -> None:
    eye = sorted(parts()["Left eye"])
    places = [person.editor.place_of(i) for i in eye]
    # From below the eye's outer corner: no other point is near enough there to be taken hold of.
    low = QPoint(int(max(p.x() for p in places)) + 5, int(max(p.y() for p in places)) + 12)
    high = QPoint(int(min(p.x() for p in places)) - 5, int(min(p.y() for p in places)) - 5)
    person.drag(low, high - low)
    assert person.window.document.selection == set(eye)
    person.click(person.at(CHIN))
    person.drag(low, high - low, Keys.ControlModifier)
    assert person.window.document.selection == {*eye, CHIN}
    person.click(person.nowhere())
    assert person.window.document.selection == frozenset()


def test_brackets_go_from_point_to_point(person: Person) -> None:
    person.key(Qt.Key.Key_BracketRight)
    person.key(Qt.Key.Key_BracketRight)
    assert person.window.document.selection == {1}
    person.key(Qt.Key.Key_BracketLeft)
    person.key(Qt.Key.Key_BracketLeft)
    assert person.window.document.selection == {67}


def test_select_all_and_escape(person: Person) -> None:
    person.window.actions_["select_all"].trigger()
    assert len(person.window.document.selection) == 68
    person.key(Qt.Key.Key_Escape)
    assert not person.window.document.selection


def test_hovering_names_the_point(person: Person) -> None:
    send_move(person.editor, person.at(NOSE_TIP), Qt.MouseButton.NoButton)
    assert person.editor.hovered == NOSE_TIP
    assert person.window.message.text().startswith("Nose tip")
    send_move(person.editor, person.nowhere(), Qt.MouseButton.NoButton)
    assert person.editor.hovered is None
    assert person.window.message.text() == "Ready"


def test_the_wheel_zooms_to_the_pointer(person: Person) -> None:
    at = QPoint(77, 140)
    under = person.editor.transform.to_image(QPointF(at))
    scale = person.editor.transform.scale
    wheel(person, at, 3)
    assert person.editor.transform.scale == pytest.approx(scale * 1.2**3)
    after = person.editor.transform.to_image(QPointF(at))
    assert (after.x(), after.y()) == pytest.approx((under.x(), under.y()))
    wheel(person, at, -3)
    assert person.editor.transform.scale == pytest.approx(scale)


@pytest.mark.parametrize("way", ["middle", "space"])
def test_panning_moves_the_photo_and_no_point(person: Person, way: str) -> None:
    before, points = person.editor.transform, person.points
    button = Qt.MouseButton.MiddleButton if way == "middle" else Qt.MouseButton.LeftButton
    if way == "space":
        QTest.keyPress(person.editor, Qt.Key.Key_Space)
    start = person.at(NOSE_TIP)
    QTest.mousePress(person.editor, button, Keys.NoModifier, start)
    send_move(person.editor, start + QPoint(31, -17), button)
    QTest.mouseRelease(person.editor, button, Keys.NoModifier, start + QPoint(31, -17))
    if way == "space":
        QTest.keyRelease(person.editor, Qt.Key.Key_Space)
    after = person.editor.transform
    assert (after.x - before.x, after.y - before.y, after.scale) == pytest.approx((31, -17, before.scale))
    assert np.array_equal(person.points, points)


def test_fit_shows_the_whole_photo_or_the_face(person: Person, qtbot: Any) -> None:
    person.window.actions_["fit_photo"].trigger()
    size = person.editor.size()

    def whole() -> bool:
        t = person.editor.transform
        corner, end = t.to_widget(QPointF(0, 0)), t.to_widget(QPointF(399, 299))
        inside = corner.x() >= 0 and corner.y() >= 0 and end.x() <= size.width() and end.y() <= size.height()
        return inside and (399 * t.scale > size.width() * 0.8 or 299 * t.scale > size.height() * 0.8)

    qtbot.waitUntil(whole)
    small = person.editor.transform.scale
    person.window.actions_["fit_face"].trigger()
    qtbot.waitUntil(lambda: person.editor.transform.scale > 1.2 * small)


def test_the_magnifier_is_there_while_dragging_and_gone_after(person: Person) -> None:
    quiet = person.editor.grab().toImage()
    start = person.at(CHIN)
    person.press(start)
    person.move(start + QPoint(4, 0))
    person.move(start)  # back where it was: only the magnifier differs
    magnified = person.editor.grab().toImage()
    person.release(start)
    size = person.editor.size()
    changed = np.array(
        [
            (x, y)
            for x in range(0, size.width(), 6)
            for y in range(0, size.height(), 6)
            if quiet.pixelColor(x, y) != magnified.pixelColor(x, y)
            and abs(x - start.x()) + abs(y - start.y()) > 40  # the point itself looks different too
        ]
    )
    low, high = changed.min(axis=0), changed.max(axis=0)
    assert (high - low <= 180).all()
    assert len(changed) * 36 > 0.7 * np.pi * 84**2
    assert not ((low <= (start.x(), start.y())) & ((start.x(), start.y()) <= high)).all()
    QTest.mouseMove(person.editor, person.nowhere())
    after = person.editor.grab().toImage()
    x, y = map(int, (low + high) // 2)
    assert after.pixelColor(x, y) == quiet.pixelColor(x, y)


def test_resetting_one_point_a_part_and_all(person: Person) -> None:
    before = person.points
    a = person.window.actions_
    assert not a["reset_all"].isEnabled()
    for point in (NOSE_TIP, EYE_OUTER, 37, CHIN):
        person.drag(person.at(point), QPoint(8, 9))
    person.click(person.at(NOSE_TIP))
    a["reset_points"].trigger()
    assert person.points[NOSE_TIP] == pytest.approx(before[NOSE_TIP])
    assert not a["reset_points"].isEnabled()
    person.click(person.at(EYE_OUTER))
    a["reset_part"].trigger()
    assert person.points[[EYE_OUTER, 37]] == pytest.approx(before[[EYE_OUTER, 37]])
    assert person.points[CHIN] != pytest.approx(before[CHIN])
    a["reset_all"].trigger()
    assert np.array_equal(person.points, before)
    assert not person.window.document.landmarks.moved.any()
    assert person.window.document.undo_stack.count() == 7
    a["undo"].trigger()
    assert person.points[CHIN] != pytest.approx(before[CHIN])


def test_reset_takes_soft_neighbours_back_too(person: Person) -> None:
    before = person.points
    person.window.actions_["soft"].trigger()
    person.drag(person.at(NOSE_TIP), QPoint(0, 20))
    assert person.window.document.displaced > {NOSE_TIP}
    person.window.actions_["reset_all"].trigger()
    assert np.array_equal(person.points, before)
    assert person.window.document.displaced == frozenset()


def test_the_context_menu_is_about_the_point_under_it(person: Person, qtbot: Any) -> None:
    from PySide6.QtGui import QContextMenuEvent

    at = person.at(NOSE_TIP)
    QApplication.sendEvent(
        person.editor,
        QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, person.editor.mapToGlobal(at)),
    )
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert person.window.document.selection == {NOSE_TIP}
    assert person.window.actions_["reset_points"] in menu.actions()
    menu.close()


def test_hidden_points_cannot_be_moved(person: Person) -> None:
    before, start = person.points, person.at(NOSE_TIP)
    person.window.actions_["points"].trigger()
    person.drag(start, QPoint(30, 0))
    assert np.array_equal(person.points, before)


def test_the_fitted_mesh_is_drawn_over_the_face(person: Person) -> None:
    plain = person.editor.grab().toImage()
    person.window.actions_["mesh"].trigger()
    meshed = person.editor.grab().toImage()
    inside = person.at(33) + QPoint(0, 8)
    area = [(inside.x() + dx, inside.y() + dy) for dx in range(-20, 21, 2) for dy in range(-8, 9, 2)]
    assert sum(plain.pixelColor(*p) != meshed.pixelColor(*p) for p in area) > 20
    assert plain.pixelColor(3, 3) == meshed.pixelColor(3, 3)


def test_part_buttons_of_the_panel_select(person: Person) -> None:
    for name, button in person.window.panels.points.part_buttons.items():
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert person.window.document.selection == parts()[name]
