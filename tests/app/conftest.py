"""Windows for the tests: private settings, an obedient runner, and a look at what is left behind."""

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("PySide6")

from fake_runner import FakeRunner
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from facestudio.app.editor.photo_editor import PhotoEditor
from facestudio.app.main import make_application, open_window
from facestudio.app.settings import Settings
from facestudio.app.window.main_window import MainWindow


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    return make_application(["tests"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    """A picture of 400 x 300 pixels with something to see everywhere."""
    y, x = np.mgrid[0:300, 0:400]
    pixels = np.stack([x * 255 // 400, y * 255 // 300, (x + y) % 97 + 60], axis=2).astype(np.uint8)
    path = tmp_path / "someone.png"
    Image.fromarray(pixels).save(path)
    return path


def _drain(qapp: QApplication) -> None:
    for _ in range(3):
        qapp.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()


@pytest.fixture
def make_window(
    qapp: QApplication, qtbot: Any, settings: Settings, runner: FakeRunner
) -> Iterator[Callable[..., MainWindow]]:
    """Open windows; afterwards they are closed, and nothing of them may be left."""
    windows: list[MainWindow] = []
    before = {id(w) for w in QApplication.topLevelWidgets()}

    def make(argument: Path | None = None, **options: Any) -> MainWindow:
        options.setdefault("make_runner", lambda: runner)
        window = open_window(None if argument is None else str(argument), settings=settings, **options)
        window.projects.prompts = False  # tests of the questions ask for them
        window.resize(1280, 800)
        windows.append(window)
        qtbot.waitExposed(window)
        window.activateWindow()
        return window

    yield make
    threads = []
    for window in windows:
        window.projects.prompts = False
        window.close()
        threads.append(window.session.builder._thread)
        assert threads[-1].isFinished()
        assert not window.tasks.busy
        window.deleteLater()
    windows.clear()
    _drain(qapp)
    assert multiprocessing.active_children() == [], "processes left"
    left = [w for w in QApplication.topLevelWidgets() if id(w) not in before and isValid(w)]
    assert left == [], "widgets left"
    ticking = [t for t in gc.get_objects() if isinstance(t, QTimer) and isValid(t) and t.isActive()]
    assert [t.interval() for t in ticking] == [], "timers left"


@dataclass
class Person:
    """Uses a window with an open photo as a person does."""

    window: MainWindow
    bot: Any

    @property
    def editor(self) -> PhotoEditor:
        return self.window.editor

    @property
    def points(self) -> np.ndarray:
        return self.window.document.landmarks.points.copy()

    def settle(self) -> None:
        """Wait until the head belongs to the points, texture included."""
        window = self.window
        self.bot.waitUntil(lambda: window.session.complete and not window.panels.turns.busy, timeout=20_000)

    def at(self, point: int) -> QPoint:
        return self.editor.place_of(point).toPoint()

    def press(self, at: QPoint, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.mousePress(self.editor, Qt.MouseButton.LeftButton, keys, at)

    def move(self, at: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        send_move(self.editor, at, button)

    def release(self, at: QPoint, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.mouseRelease(self.editor, Qt.MouseButton.LeftButton, keys, at)

    def drag(
        self,
        start: QPoint,
        way: QPoint,
        keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        steps: int = 4,
    ) -> None:
        self.press(start, keys)
        for step in range(1, steps + 1):
            self.move(start + way * step / steps)
        self.release(start + way, keys)

    def click(self, at: QPoint, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.mouseClick(self.editor, Qt.MouseButton.LeftButton, keys, at)

    def key(self, key: Any, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.editor, key, keys)

    def nowhere(self) -> QPoint:
        """A place of the photo without a point near."""
        return QPoint(12, 12)


def send_move(widget: QWidget, at: QPoint, button: Qt.MouseButton) -> None:
    """Move the pointer with a button held (QTest.mouseMove holds none)."""
    from PySide6.QtGui import QMouseEvent

    place = QPointF(at)
    event = QMouseEvent(
        *(QEvent.Type.MouseMove, place, QPointF(widget.mapToGlobal(at))),
        *(Qt.MouseButton.NoButton, button, Qt.KeyboardModifier.NoModifier),
    )
    QApplication.sendEvent(widget, event)


@pytest.fixture
def person(make_window: Callable[..., MainWindow], qtbot: Any, photo_file: Path) -> Person:
    """A person before a window with a photo and its head, still."""
    window = make_window(photo_file)
    someone = Person(window, qtbot)
    qtbot.waitUntil(lambda: window.document.landmarks is not None, timeout=20_000)
    someone.settle()
    qtbot.waitUntil(lambda: window.editor._glide.state() == window.editor._glide.State.Stopped)
    return someone


@pytest.fixture
def opengl(qapp: QApplication) -> None:
    """Skip where there is no OpenGL."""
    from facestudio.app.viewer.viewer import opengl_problem

    problem = opengl_problem()
    if problem:
        pytest.skip(problem)
