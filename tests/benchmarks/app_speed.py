"""Measures the app as a person feels it; a script that reports, not a test.

    xvfb-run -a -s "-screen 0 1920x1200x24" python tests/benchmarks/app_speed.py

first paint      from the start of a new process to the first painted window, the second time (warm)
geometry         from opening the bundled photo to the head on the screen
drag             from a pointer event to the painted frame that shows the head of that position, p50 and p95
orbit            frames a second of the 3D view at 1280x960 while it turns, shown in the window
expression       the same while a smile and a blink come and go
longest pause    the longest time the window did not answer in each of these
pause work       how long its thread computed in the busiest pause: what the pause is where nothing else runs
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(CHECKOUT))

_FIRST_PAINT = """
import sys, time
begin = time.time()
from facestudio.app.main import make_application, open_window
from facestudio.app.settings import Settings
from PySide6.QtCore import QSettings
app = make_application(["speed"])
window = open_window(settings=Settings(QSettings({ini!r}, QSettings.Format.IniFormat)))
while not window.windowHandle().isExposed():
    app.processEvents()
window.repaint()
app.processEvents()
print(time.time() - float(sys.argv[1]))
window.close()
"""


class Pauses:
    """Ticks every 5 ms; the longest gap between two ticks is how long the window did not answer."""

    def __init__(self) -> None:
        from PySide6.QtCore import QTimer

        self.longest = self.work = 0.0
        self._last = self._last_work = 0.0
        self._timer = QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> "Pauses":
        self.longest = self.work = 0.0
        self._last, self._last_work = time.perf_counter(), time.thread_time()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self.longest = max(self.longest, now - self._last)
        self.work = max(self.work, work - self._last_work)
        self._last, self._last_work = now, work


def wait(done: Callable[[], bool], seconds: float = 300.0) -> None:
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("this took too long")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
        time.sleep(0.0005)


def first_paint(folder: Path) -> float:
    script = _FIRST_PAINT.format(ini=str(folder / "first.ini"))
    times: list[float] = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script, str(time.time())],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
        times.append(float(done.stdout))
    return min(times[1:])


def drag(window: Any, steps: int) -> dict[str, float]:
    """Drag a point in circles; each position is awaited on the screen before the next."""
    from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    editor, view = window.editor, window.viewer.view
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    start = editor.place_of(30).toPoint()
    shown: list[int] = []
    view.painted.connect(shown.append)
    QTest.mousePress(editor, left, none, start)
    times: list[float] = []
    with Pauses() as pauses:
        for step in range(steps):
            angle = 2 * np.pi * step / 24
            at = start + QPoint(round(18 * np.cos(angle)) + 6, round(14 * np.sin(angle)))
            number = view.figure_number
            shown.clear()
            begin = time.perf_counter()
            event = QMouseEvent(
                *(QEvent.Type.MouseMove, QPointF(at), QPointF(editor.mapToGlobal(at))),
                *(Qt.MouseButton.NoButton, left, none),
            )
            QApplication.sendEvent(editor, event)
            wait(lambda n=number: bool(shown) and shown[-1] > n, 60)
            times.append(1000 * (time.perf_counter() - begin))
    QTest.mouseRelease(editor, left, none, start)
    return {
        "drag_p50_ms": float(np.percentile(times, 50)),
        "drag_p95_ms": float(np.percentile(times, 95)),
        "drag_longest_pause_ms": 1000 * pauses.longest,
        "drag_pause_work_ms": 1000 * pauses.work,
    }


def orbit(window: Any, frames: int) -> dict[str, float]:
    """Turn the head half round; a frame counts when the window has shown it."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    view = window.viewer.view
    result: dict[str, float] = {}
    for dock in window.docks:
        dock.hide()
    window.resize(1900, 1180)
    view.setMinimumSize(1280, 960)
    view.setMaximumSize(1280, 960)
    wait(lambda: (view.width(), view.height()) == (1280, 960))
    swapped: list[int] = []
    view.painted.connect(swapped.append)
    for mode in ("textured", "clay", "wireframe"):
        view.set_mode(mode)
        wait(lambda: bool(swapped))
        begin = time.perf_counter()
        for _ in range(frames):
            swapped.clear()
            view._set_pose(view.pose.turned(960 / frames, 0.0, 960))
            while not swapped:
                QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
        result[f"orbit_{mode}_fps"] = frames / (time.perf_counter() - begin)
    from facestudio.app.panels.expression_panel import moving

    view.set_mode("textured")
    view.set_weights(moving(500))
    wait(lambda: view.is_current)
    begin = time.perf_counter()
    for step in range(frames):
        swapped.clear()
        view.set_weights(moving(500 + 50 * step))
        while not swapped:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
    result["expression_fps"] = frames / (time.perf_counter() - begin)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--steps", type=int, default=60, help="positions of the drag")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    import tempfile

    report: dict[str, float | str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report["first_paint_s"] = first_paint(folder)
        from facestudio.app.main import make_application, open_window
        from facestudio.app.settings import Settings
        from facestudio.app.window.welcome import sample_photos

        app = make_application(["speed"])
        from PySide6.QtCore import QSettings

        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        window = open_window(settings=Settings(store))
        window.resize(1440, 900)
        wait(lambda: not window.tasks.busy)
        for _ in range(200):  # the background has loaded its libraries
            app.processEvents()
            time.sleep(0.01)
        with Pauses() as pauses:
            begin = time.perf_counter()
            window.open_path(args.photo or sample_photos()[0])
            wait(lambda: window.session.head is not None or window.error_dialog is not None)
            report["geometry_s"] = time.perf_counter() - begin
            wait(lambda: window.session.complete or window.error_dialog is not None)
            report["texture_s"] = time.perf_counter() - begin
        if window.error_dialog is not None:
            print(window.error_dialog.report.detail, file=sys.stderr)
            window.close()
            return 1
        report["opening_longest_pause_ms"] = 1000 * pauses.longest
        report["opening_pause_work_ms"] = 1000 * pauses.work
        wait(
            lambda: (
                window.viewer.view is not None or window.viewer.currentWidget() is window.viewer._placeholder
            )
        )
        if window.viewer.view is None:
            report["opengl"] = "none"
        else:
            wait(lambda: window.viewer.view.frame_ms > 0)
            report.update(drag(window, args.steps))
            wait(lambda: window.session.complete)
            report.update(orbit(window, 60))
        window.viewer.close_view()
        window.projects.prompts = False
        window.close()
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        for key, value in report.items():
            print(f"{key:28} {value if isinstance(value, str) else format(value, '10.2f')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
