"""Exports and screenshots through their dialogs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Person, send_move
from fake_runner import FakeRunner
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDrag, QGuiApplication
from PySide6.QtTest import QTest
from shiboken6 import isValid

from facestudio.app.dialogs.export_dialog import PRESETS, ExportDialog
from facestudio.app.dialogs.screenshot_dialog import ScreenshotDialog
from facestudio.app.viewer import pictures
from facestudio.pipeline.request import Stage

Left = Qt.MouseButton.LeftButton


def export_dialog(person: Person, folder: Path) -> ExportDialog:
    dialog = person.window.outputs.open_export()
    assert dialog is not None
    dialog.folder.line.setText(str(folder))
    dialog.size_box.setCurrentIndex(dialog.size_box.findData(512))
    return dialog


def screenshot_dialog(person: Person, folder: Path) -> ScreenshotDialog:
    dialog = person.window.outputs.open_screenshot()
    assert dialog is not None
    dialog.folder.line.setText(str(folder))
    return dialog


def test_presets_set_what_a_program_reads_best(person: Person, tmp_path: Path) -> None:
    dialog = export_dialog(person, tmp_path)
    for name, (formats, size, units, subdivision, expression) in PRESETS.items():
        dialog.preset.setCurrentIndex(dialog.preset.findData(name))
        dialog.preset.activated.emit(dialog.preset.currentIndex())
        options = dialog.options()
        assert (set(options.formats), options.texture_size) == (set(formats), size)
        assert (options.units, options.subdivision, options.expression) == (units, subdivision, expression)
        assert dialog.preset.currentData() == name
    dialog.formats["ply"].click()
    assert dialog.preset.currentText() == "Own choice"
    dialog.formats["ply"].click()
    assert dialog.preset.currentText() == "3D print"
    dialog.close()


@pytest.mark.parametrize("how", ["button", "escape", "cross"])
def test_the_dialog_closes_and_goes(person: Person, tmp_path: Path, qtbot: Any, how: str) -> None:
    dialog = export_dialog(person, tmp_path)
    if how == "button":
        QTest.mouseClick(dialog.cancel, Left)
    elif how == "escape":
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    else:
        dialog.close()
    qtbot.waitUntil(lambda: not isValid(dialog), timeout=5_000)


def test_the_last_export_is_repeated_with_one_key(person: Person, tmp_path: Path, qtbot: Any) -> None:
    again = person.window.actions_["export_again"]
    assert not again.isEnabled()
    dialog = export_dialog(person, tmp_path)
    dialog.name.setText("me")
    QTest.mouseClick(dialog.export, Left)
    qtbot.waitUntil(lambda: not dialog.busy, timeout=60_000)
    dialog.close()
    before = (tmp_path / "me.obj").read_bytes()
    names = {path.name for path in tmp_path.iterdir()}
    person.drag(person.at(30), QPoint(0, 14))
    person.settle()
    assert again.isEnabled()
    assert again.shortcut().toString() == "Ctrl+Shift+E"
    again.trigger()
    qtbot.waitUntil(lambda: person.window.message.text().startswith("Written again"), timeout=60_000)
    assert (tmp_path / "me.obj").read_bytes() != before
    assert {path.name for path in tmp_path.iterdir()} == names


def test_export_writes_what_is_ticked_at_the_size_asked_for(
    person: Person, tmp_path: Path, qtbot: Any
) -> None:
    folder = tmp_path / "out"
    dialog = export_dialog(person, folder)
    dialog.name.setText("me")
    dialog.units.setCurrentIndex(dialog.units.findData("mm"))
    QTest.mouseClick(dialog.export, Left)
    assert dialog.busy
    qtbot.waitUntil(lambda: not dialog.busy, timeout=60_000)
    assert {p.name for p in folder.iterdir()} == {"me.obj", "me.mtl", "me.png", "me.glb", "me.json"}
    assert set(dialog.files) == set(folder.iterdir())
    with Image.open(folder / "me.png") as picture:
        assert picture.size == (512, 512)
    assert json.loads((folder / "me.json").read_text())["units"] == "mm"
    dialog.close()
    # The same folder and formats are offered the next time.
    again = person.window.outputs.open_export()
    assert again.options().folder == folder
    assert again.options().units == "mm"
    again.close()


def test_export_has_the_moved_points_in_it(person: Person, tmp_path: Path, qtbot: Any) -> None:
    person.drag(person.at(30), QPoint(0, 25))
    dialog = export_dialog(person, tmp_path / "out")
    QTest.mouseClick(dialog.export, Left)
    qtbot.waitUntil(lambda: not dialog.busy, timeout=60_000)
    report = json.loads((tmp_path / "out" / "someone.json").read_text())
    assert report["landmarks_2d"][30] == pytest.approx(person.points[30].tolist(), abs=1e-3)
    dialog.close()


def test_files_that_are_there_are_kept_unless_ticked(person: Person, tmp_path: Path, qtbot: Any) -> None:
    (tmp_path / "someone.obj").write_text("mine")
    dialog = export_dialog(person, tmp_path)
    QTest.mouseClick(dialog.export, Left)
    qtbot.waitUntil(lambda: not dialog.busy, timeout=60_000)
    assert "someone.obj" in dialog.message.text()
    assert (tmp_path / "someone.obj").read_text() == "mine"
    dialog.overwrite.setChecked(True)
    QTest.mouseClick(dialog.export, Left)
    qtbot.waitUntil(lambda: not dialog.busy, timeout=60_000)
    assert (tmp_path / "someone.obj").read_text() != "mine"
    dialog.close()


def test_an_export_that_is_cancelled_writes_nothing(
    person: Person, tmp_path: Path, runner: FakeRunner, qtbot: Any
) -> None:
    runner.stage_seconds[Stage.TEXTURE] = 60.0
    dialog = export_dialog(person, tmp_path / "out")
    QTest.mouseClick(dialog.export, Left)
    qtbot.waitUntil(lambda: runner.requests[-1].texture_size == 512, timeout=20_000)
    QTest.mouseClick(dialog.cancel, Left)
    qtbot.waitUntil(lambda: runner.cancelled_in == [Stage.TEXTURE], timeout=20_000)
    assert not dialog.busy
    assert not (tmp_path / "out").exists()
    runner.stage_seconds.clear()
    dialog.close()


def test_nothing_ticked_or_no_name_cannot_be_exported(person: Person, tmp_path: Path) -> None:
    dialog = export_dialog(person, tmp_path)
    dialog.name.setText("  ")
    assert not dialog.export.isEnabled()
    dialog.name.setText("x")
    assert dialog.export.isEnabled()
    for box in dialog.formats.values():
        box.setChecked(False)
    assert not dialog.export.isEnabled()
    dialog.close()


@pytest.mark.usefixtures("opengl")
def test_a_screenshot_of_the_view_is_saved_larger(person: Person, tmp_path: Path, qtbot: Any) -> None:
    dialog = screenshot_dialog(person, tmp_path)
    dialog.times.setCurrentIndex(dialog.times.findData(2))
    QTest.mouseClick(dialog.save, Left)
    file = tmp_path / "someone-view.png"
    qtbot.waitUntil(lambda: "Saved" in dialog.message.text(), timeout=60_000)
    view = person.window.viewer.view
    ratio = view.devicePixelRatioF()
    with Image.open(file) as picture:
        assert picture.size == (2 * round(view.width() * ratio), 2 * round(view.height() * ratio))
        pixels = np.asarray(picture).astype(int)
    assert np.abs(pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] - pixels[5, 5]).sum() > 60
    QTest.mouseClick(dialog.save, Left)
    qtbot.waitUntil(lambda: "there already" in dialog.message.text(), timeout=60_000)
    dialog.close()


def test_a_sheet_of_views_is_copied(person: Person, tmp_path: Path, qtbot: Any) -> None:
    dialog = screenshot_dialog(person, tmp_path)
    dialog.sheet.setChecked(True)
    dialog.height_box.setCurrentIndex(dialog.height_box.findData(480))
    QTest.mouseClick(dialog.copy, Left)
    qtbot.waitUntil(lambda: "Copied" in dialog.message.text(), timeout=120_000)
    image = QGuiApplication.clipboard().image()
    # The photo (640 x 480) and three views of 394 x 480.
    assert image.height() > 480
    assert image.width() > 640 + 3 * 394
    QGuiApplication.clipboard().clear()
    dialog.close()
    assert list(tmp_path.glob("someone-*")) == []


def test_a_sheet_that_cannot_be_saved_says_so(person: Person, tmp_path: Path, qtbot: Any) -> None:
    dialog = screenshot_dialog(person, tmp_path / "nowhere")
    dialog.sheet.setChecked(True)
    dialog.height_box.setCurrentIndex(dialog.height_box.findData(480))
    QTest.mouseClick(dialog.save, Left)
    qtbot.waitUntil(lambda: "cannot be written" in dialog.message.text(), timeout=120_000)
    dialog.close()


def test_a_turntable_turns_once_and_is_refused_where_it_is_there(
    person: Person, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pictures.TURNTABLE_FRAMES == 60
    monkeypatch.setattr(pictures, "TURNTABLE_FRAMES", 6)  # what is drawn is the same, in a tenth of the time
    dialog = screenshot_dialog(person, tmp_path)
    dialog.turntable.setChecked(True)
    dialog.height_box.setCurrentIndex(dialog.height_box.findData(480))
    dialog.name.setText("turning")
    assert not dialog.copy.isEnabled()
    assert not dialog.times.isVisible()
    QTest.mouseClick(dialog.save, Left)
    qtbot.waitUntil(lambda: "Saved" in dialog.message.text(), timeout=120_000)
    with Image.open(tmp_path / "turning.webp") as picture:
        assert (picture.n_frames, picture.size[1]) == (6, 480)
        frames = []
        for number in range(6):
            picture.seek(number)
            frames.append(np.asarray(picture.convert("RGB")).astype(int))
    assert np.abs(frames[0] - frames[3]).mean() > 1  # front and back
    right, left = frames[1], frames[5]
    assert np.abs(right - left[:, ::-1]).mean() < 0.5 * np.abs(right - left).mean()  # one step either way
    before = (tmp_path / "turning.webp").read_bytes()
    QTest.mouseClick(dialog.save, Left)
    qtbot.waitUntil(lambda: "there already" in dialog.message.text(), timeout=20_000)
    assert (tmp_path / "turning.webp").read_bytes() == before
    assert [path.name for path in tmp_path.glob("turning*")] == ["turning.webp"]
    dialog.close()


def test_the_head_is_dragged_out_as_a_glb(
    person: Person, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, handle = person.window, person.window.drag_out
    dragged: list[tuple[Path, Any]] = []

    def carry(drag: QDrag, action: Any) -> None:
        file = Path(drag.mimeData().urls()[0].toLocalFile())
        dragged.append((file, load_glb_head(file)))

    monkeypatch.setattr(QDrag, "exec", carry)
    middle = handle.rect().center()
    QTest.mousePress(handle, Left, pos=middle)
    send_move(handle, middle + QPoint(0, 30), Left)
    qtbot.waitUntil(lambda: len(dragged) == 1, timeout=30_000)
    QTest.mouseRelease(handle, Left, pos=middle + QPoint(0, 30))
    file = dragged[0][0]
    assert file.name == "someone.glb"
    assert dragged[0][1] == pytest.approx(window.session.head.vertices.max(), rel=1e-3)
    QTest.mouseClick(handle, Left)  # the same file, at once
    assert [url.toLocalFile() for url in QGuiApplication.clipboard().mimeData().urls()] == [str(file)]
    assert window.document.opened.name == "someone"
    window.close()
    assert not file.parent.exists()


def load_glb_head(file: Path) -> float:
    """Return how high the head in a file reaches, mm."""
    import trimesh

    return float(trimesh.load(file, force="mesh").vertices.max()) * 1000


def test_the_view_is_copied_with_one_key(person: Person, qtbot: Any) -> None:
    QGuiApplication.clipboard().clear()
    person.window.actions_["copy_view"].trigger()
    qtbot.waitUntil(lambda: "Copied" in person.window.message.text(), timeout=120_000)
    assert QGuiApplication.clipboard().image().height() > 100
