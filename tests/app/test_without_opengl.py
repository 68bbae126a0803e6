"""The app where there is no OpenGL: a process of its own, since Qt chooses its platform once."""

import os
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from fake_runner import FakeRunner
from PySide6.QtCore import QSettings, QPoint, Qt
from PySide6.QtTest import QTest
from facestudio.app.main import make_application, open_window
from facestudio.app.settings import Settings

app = make_application(["tests"])
settings = Settings(QSettings({ini!r}, QSettings.Format.IniFormat))
window = open_window({photo!r}, settings=settings, make_runner=FakeRunner)
window.resize(1000, 700)
for _ in range(2000):
    app.processEvents()
    QTest.qWait(5)
    if window.session.complete:
        break
assert window.session.complete
print(window.viewer.currentWidget().objectName())
print(window.viewer._placeholder.title.text())
print(window.actions_["front"].isEnabled(), window.actions_["export"].isEnabled())
before = window.document.landmarks.points[30].copy()
QTest.qWait(400)
at = window.editor.place_of(30).toPoint()
QTest.mousePress(window.editor, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
from conftest import send_move
send_move(window.editor, at + QPoint(30, 0), Qt.MouseButton.LeftButton)
none = Qt.KeyboardModifier.NoModifier
QTest.mouseRelease(window.editor, Qt.MouseButton.LeftButton, none, at + QPoint(30, 0))
print(bool(window.document.landmarks.points[30][0] > before[0]))
dialog = window.outputs.open_screenshot()
print(dialog.view.isEnabled(), dialog.sheet.isChecked())
dialog.close()
window.projects.prompts = False
window.close()
print(window.session.builder._thread.isFinished())
"""


def test_the_app_works_without_opengl(checkout: Path, photo_file: Path, tmp_path: Path) -> None:
    script = _SCRIPT.format(
        tests=str(checkout / "tests" / "app"), ini=str(tmp_path / "s.ini"), photo=str(photo_file)
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["QT_QPA_PLATFORM"] = "offscreen"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=checkout, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "viewerPlaceholder",
        "No 3D view on this system",
        "False True",
        "True",
        "False True",
        "True",
    ]
