"""The 3D view, on OpenGL: what is drawn, and the gestures that turn it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Person, send_move
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from facestudio.app.actions import VIEW_NAMES
from facestudio.app.editor.picture import array_of
from facestudio.app.viewer.head_view import HeadView
from facestudio.app.viewer.orbit import Pose, camera_of, panned, zoomed_at
from facestudio.app.window.main_window import MainWindow
from facestudio.geometry.camera import project
from facestudio.render.scene import VIEWS, Framing

pytestmark = [pytest.mark.gl, pytest.mark.usefixtures("opengl")]


def shot(view: HeadView) -> np.ndarray:
    return array_of(view.grabFramebuffer())[..., :3].astype(int)


@pytest.fixture
def view(person: Person, qtbot: Any) -> HeadView:
    view = person.window.viewer.view
    assert view is not None
    qtbot.waitUntil(lambda: view._renderer is not None and view.frame_ms > 0)
    return view


def gone_to(view: HeadView) -> Callable[[], bool]:
    return lambda: view._glide.state() == view._glide.State.Stopped


def test_the_head_is_drawn_in_the_middle_before_the_background(view: HeadView) -> None:
    pixels = shot(view)
    height, width = pixels.shape[:2]
    middle, corner = pixels[height // 2, width // 2], pixels[8, 8]
    assert np.abs(middle - corner).sum() > 60
    assert middle[0] > middle[2] + 20  # the skin colour of the texture


def test_modes_look_different(person: Person, view: HeadView) -> None:
    pictures = {}
    for name in ("textured", "clay", "wireframe"):
        person.window.actions_[name].trigger()
        assert view.mode == name
        pictures[name] = shot(view)
    assert np.abs(pictures["textured"] - pictures["clay"]).mean() > 3
    # The lines of the quads make many small steps.
    steps = {name: np.abs(np.diff(p.sum(axis=2), axis=1)).mean() for name, p in pictures.items()}
    assert steps["wireframe"] > 2 * steps["clay"]


def test_landmarks_are_shown_and_hidden(
    person: Person, view: HeadView, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Software OpenGL draws finer or coarser as time allows: all pictures of this test are to be alike.
    monkeypatch.setattr(view, "_software", False)
    pictures = []
    for _ in range(3):
        pictures.append(shot(view))
        person.window.actions_["marks"].trigger()
    plain, marked, again = pictures
    assert (np.abs(marked - plain).sum(axis=2) > 40).sum() > 500
    assert np.array_equal(again, plain)


@pytest.mark.parametrize(("key", "name"), list(zip("123456", VIEW_NAMES, strict=True)))
def test_number_keys_glide_to_the_views(
    person: Person, view: HeadView, qtbot: Any, key: str, name: str
) -> None:
    view.pose = Pose(0.7, 0.4)
    person.window.activateWindow()
    qtbot.waitUntil(person.window.isActiveWindow)
    QTest.keyClick(person.window, key)
    assert view._glide.state() == view._glide.State.Running
    qtbot.waitUntil(gone_to(view))
    turn = (view.pose.yaw - VIEWS[name].yaw + np.pi) % (2 * np.pi) - np.pi
    assert turn == pytest.approx(0, abs=1e-9)
    assert view.pose.pitch == pytest.approx(VIEWS[name].pitch)


def test_a_glide_goes_the_short_way_through_poses_in_between(view: HeadView, qtbot: Any) -> None:
    view.pose = Pose(np.radians(170))
    seen: list[float] = []
    view.pose_changed.connect(lambda: seen.append(view.pose.yaw))
    view.show_view("right")
    view._glide.pause()  # the times are ours, not the machine's
    for time_ms in (60, 120, 180, 240):
        view._glide.setCurrentTime(time_ms)
    view._glide.resume()
    qtbot.waitUntil(gone_to(view))
    assert len(seen) > 4
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == pytest.approx(np.radians(90))


def test_left_and_right_show_the_sides_they_name(person: Person, view: HeadView) -> None:
    """In the left view the nose points to the left of the picture."""
    for name, side in (("left", -1), ("right", 1)):
        view.show_view(name, animated=False)
        camera = view.camera((400, 400))
        nose, back = project(camera, np.array([[0.0, 0.0, 120.0], [0.0, 0.0, -80.0]]))[0]
        assert (nose[0] - back[0]) * side > 50


def test_dragging_turns_the_head(view: HeadView) -> None:
    middle = QPoint(view.width() // 2, view.height() // 2)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    send_move(view, middle + QPoint(60, 30), Qt.MouseButton.LeftButton)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    assert view.pose.yaw == pytest.approx(60 * np.pi / view.height())
    assert view.pose.pitch == pytest.approx(30 * np.pi / view.height())
    before = shot(view)
    view.show_view("front", animated=False)
    assert np.abs(shot(view) - before).mean() > 2


def test_the_head_follows_a_pan_and_the_pointer_of_a_zoom() -> None:
    framing, size = Framing(np.array([0.0, 5.0, 10.0]), 900.0), (640, 480)
    pose = Pose(0.5, -0.3)
    point = (framing.target + pose.offset)[None]
    before = project(camera_of(pose, framing, size), point)[0][0]
    moved = panned(pose, 25, -12, framing, size)
    assert project(camera_of(moved, framing, size), point)[0][0] - before == pytest.approx(
        [25, -12], abs=1e-6
    )
    # A point in the plane of the target, shown at (400, 130), stays there.
    camera = camera_of(pose, framing, size)
    from facestudio.geometry.camera import back_project

    there = back_project(camera, np.array([[400.0, 130.0]]), framing.distance_mm)
    near = zoomed_at(pose, 1.7, (400.5, 130.5), framing, size)
    assert project(camera_of(near, framing, size), there)[0][0] == pytest.approx([400, 130], abs=1e-6)
    assert near.closeness == pytest.approx(1 / 1.7)


@pytest.mark.parametrize("button", [Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton])
def test_other_buttons_pan_and_the_wheel_zooms(view: HeadView, button: Qt.MouseButton) -> None:
    middle = QPoint(view.width() // 2, view.height() // 2)
    QTest.mousePress(view, button, Qt.KeyboardModifier.NoModifier, middle)
    send_move(view, middle + QPoint(20, 0), button)
    QTest.mouseRelease(view, button, Qt.KeyboardModifier.NoModifier, middle)
    assert (view.pose.yaw, view.pose.pitch) == (0, 0)
    assert view.pose.offset[0] < 0
    event = QWheelEvent(
        *(QPointF(middle), QPointF(view.mapToGlobal(middle)), QPoint(), QPoint(0, 240)),
        *(Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False),
    )
    QApplication.sendEvent(view, event)
    assert view.pose.closeness == pytest.approx(1.15**-2)
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)


def test_a_drag_of_a_point_reaches_the_screen(person: Person, view: HeadView, qtbot: Any) -> None:
    person.window.actions_["clay"].trigger()
    before = shot(view)
    start = person.at(30)
    person.press(start)
    person.move(start + QPoint(60, 0))
    number = view.figure_number
    with qtbot.waitSignal(view.painted, timeout=20_000, check_params_cb=lambda n: n > number):
        pass
    assert np.abs(shot(view) - before).mean() > 0.02
    person.release(start + QPoint(60, 0))


def test_edges_become_smooth_when_the_picture_rests(person: Person, view: HeadView, qtbot: Any) -> None:
    """On software OpenGL: the same picture with other edges is laid over, and goes at the first change."""
    if not view._software:
        pytest.skip("a graphics card smooths every frame")
    view.set_mode("clay")
    assert not view.is_smooth
    jagged = shot(view)
    qtbot.waitUntil(lambda: view.is_smooth, timeout=20_000)
    smooth = array_of(view._still._image)[..., :3].astype(int)
    differs = np.abs(smooth - jagged).sum(axis=2) > 30
    assert 0 < differs.sum() < 0.05 * differs.size
    view.show_view("left")
    qtbot.waitUntil(lambda: not view.is_smooth)


def test_closing_the_photo_hides_the_head_and_another_comes_back(
    person: Person, photo_file: Path, qtbot: Any
) -> None:
    window: MainWindow = person.window
    window.actions_["close_photo"].trigger()
    assert window.pages.currentWidget() is window.welcome
    assert window.session.head is None
    window.open_path(photo_file)
    qtbot.waitUntil(lambda: window.session.complete, timeout=20_000)
    assert window.viewer.currentWidget() is window.viewer.view
    pixels = shot(window.viewer.view)
    assert np.abs(pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] - pixels[8, 8]).sum() > 60


def test_a_driver_that_fails_brings_the_placeholder(
    make_window: Callable[..., MainWindow], photo_file: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facestudio.render.gl import HeadRenderer

    def fail(self: HeadRenderer) -> None:
        raise RuntimeError("the driver is out of sorts")

    monkeypatch.setattr(HeadRenderer, "initialise", fail)
    window = make_window(photo_file)
    qtbot.waitUntil(lambda: window.session.complete, timeout=20_000)
    qtbot.waitUntil(lambda: window.viewer.view is None, timeout=20_000)
    assert window.viewer.currentWidget().objectName() == "viewerPlaceholder"
    assert "out of sorts" in window.viewer._placeholder.text.text()
    assert not window.actions_["front"].isEnabled()


def test_the_view_fills_its_widget_at_high_dpi(view: HeadView) -> None:
    image: QImage = view.grabFramebuffer()
    ratio = view.devicePixelRatioF()
    assert (image.width(), image.height()) == (round(view.width() * ratio), round(view.height() * ratio))
