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
from facestudio.app.viewer import gl_surface, viewer
from facestudio.app.viewer.gl_surface import GlSurface
from facestudio.app.viewer.head_view import HeadView
from facestudio.app.viewer.orbit import Pose, camera_of, panned, zoomed_at
from facestudio.app.window.main_window import MainWindow
from facestudio.geometry.camera import project
from facestudio.render.lighting import LIGHT_PRESETS
from facestudio.render.scene import VIEWS, Framing
from facestudio.values import ARKIT_NAMES

pytestmark = [pytest.mark.gl, pytest.mark.usefixtures("opengl")]


def shot(view: HeadView) -> np.ndarray:
    for _ in range(2000):
        if view.is_current:
            break
        QTest.qWait(5)
    assert view.is_current
    return array_of(view.picture())[..., :3].astype(int)


def steady(view: HeadView) -> None:
    """Software OpenGL draws finer or coarser as time allows: make all pictures alike."""
    if not isinstance(view.surface, GlSurface):
        for _ in range(2000):
            if view.is_smooth:
                return
            QTest.qWait(5)


@pytest.fixture(params=["thread", "widget"], autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, opengl: None) -> str:
    """The view is drawn in a thread, or by an OpenGL widget."""
    in_thread = request.param == "thread"
    if in_thread and not viewer.draws_on_processor():
        pytest.skip("OpenGL is not software here")
    monkeypatch.setattr(viewer, "draws_on_processor", lambda: in_thread)
    monkeypatch.setattr(gl_surface, "_SLOW_MS", 1e9)  # all pictures of the widget are to be alike
    return request.param


@pytest.fixture
def view(kind: str, person: Person, qtbot: Any) -> HeadView:
    qtbot.waitUntil(lambda: person.window.viewer.view is not None, timeout=20_000)
    view = person.window.viewer.view
    assert type(view.surface).__name__ == {"thread": "ThreadSurface", "widget": "GlSurface"}[kind]
    qtbot.waitUntil(lambda: view.is_current and view.frame_ms > 0, timeout=20_000)
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


def test_landmarks_are_shown_and_hidden(person: Person, view: HeadView) -> None:
    pictures = []
    for _ in range(3):
        steady(view)
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


def test_edges_become_smooth_when_the_picture_rests(view: HeadView, qtbot: Any) -> None:
    """On software OpenGL: the same picture with other edges takes its place, and goes at the first change."""
    if isinstance(view.surface, GlSurface):
        pytest.skip("an OpenGL widget smooths every frame")
    view.surface._painter._scale = 0
    view.set_mode("clay")
    jagged = shot(view)
    assert not view.is_smooth
    qtbot.waitUntil(lambda: view.is_smooth, timeout=20_000)
    smooth = shot(view)
    differs = np.abs(smooth - jagged).sum(axis=2) > 60
    assert 0 < differs.sum() < 0.08 * differs.size
    # No seams between the strips it is drawn in: rows differ no more there than elsewhere.
    steps = np.abs(np.diff(smooth[:, :8].sum(axis=2), axis=0)).max(axis=1)
    assert steps.max() <= 4
    view.show_view("left")
    qtbot.waitUntil(lambda: not view.is_smooth)


def test_modes_and_light_of_their_own(person: Person, view: HeadView) -> None:
    """Every mode and light gives another picture."""
    pictures = []
    for mode in ("textured", "unlit", "normals", "coverage", "clay"):
        view.set_mode(mode)
        pictures.append(shot(view))
    lit = []
    for lighting in LIGHT_PRESETS.values():
        view.set_lighting(lighting)
        lit.append(shot(view))
    for group in (pictures, lit):
        for i, one in enumerate(group):
            for other in group[i + 1 :]:
                assert np.abs(one - other).mean() > 0.4


def test_expressions_move_the_head_where_they_should(view: HeadView) -> None:
    view.set_mode("clay")
    steady(view)
    before = shot(view)
    weights = np.zeros(52)
    weights[ARKIT_NAMES.index("jawOpen")] = 1.0
    view.set_weights(weights)
    steady(view)
    changed = np.abs(shot(view) - before).sum(axis=2) > 30
    rows = np.flatnonzero(changed.any(axis=1))
    assert changed.sum() > 300
    assert rows.min() > 0.35 * len(changed)  # nothing above the cheeks
    view.set_weights(np.zeros(52))
    steady(view)
    assert np.array_equal(shot(view), before)


def test_red_and_cyan_see_from_different_places(view: HeadView) -> None:
    view.set_mode("clay")
    steady(view)
    plain = shot(view)
    assert np.abs(plain[..., 0] - plain[..., 2]).mean() < 12
    view.set_anaglyph(True)
    steady(view)
    both = shot(view)
    away = np.abs(both[..., 0] - both[..., 1]) > 25
    assert away.sum() > 200
    assert np.array_equal(both[4, 4], plain[4, 4])  # the background is the same for both eyes


def test_seen_from_the_photo_the_head_covers_the_face(person: Person, view: HeadView) -> None:
    figure = person.window.session.figure
    width, height = figure.head.camera.image_size
    view.compare(person.window.editor.picture, (-0.5, -0.5, width - 0.5, height - 0.5))
    size = (view.width(), view.height())
    camera = view.camera(size)
    scale = min(size[0] / width, size[1] / height)
    inside, _ = project(camera, figure.head.landmarks_3d_posed)
    wanted, _ = project(figure.head.camera, figure.head.landmarks_3d_posed)
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    assert inside == pytest.approx((wanted - [(width - 1) / 2, (height - 1) / 2]) * scale + middle, abs=1e-6)


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
    viewer = window.viewer
    qtbot.waitUntil(lambda: viewer.currentWidget().objectName() == "viewerPlaceholder", timeout=20_000)
    assert viewer.view is None
    assert "out of sorts" in window.viewer._placeholder.text.text()
    qtbot.waitUntil(lambda: not window.actions_["front"].isEnabled(), timeout=20_000)


def test_the_view_fills_its_widget_at_high_dpi(view: HeadView) -> None:
    image: QImage = view.picture()
    ratio = view.devicePixelRatioF()
    assert (image.width(), image.height()) == (round(view.width() * ratio), round(view.height() * ratio))
