"""Opening by every way, hostile drops, what is remembered, themes, and the welcome page."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Person
from fake_runner import FakeRunner
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from facestudio.app.appearance.icons import draw_icon, icon_source
from facestudio.app.appearance.theme import load_theme
from facestudio.app.editor.picture import array_of, make_picture
from facestudio.app.settings import MAX_RECENT, Settings
from facestudio.app.window.main_window import MainWindow
from facestudio.app.window.welcome import sample_photos
from facestudio.photo import photo_from_array

Make = Callable[..., MainWindow]


def drop(window: MainWindow, mime: QMimeData) -> None:
    enter = QDragEnterEvent(
        *(QPoint(100, 100), Qt.DropAction.CopyAction, mime),
        *(Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier),
    )
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    event = QDropEvent(
        *(QPointF(100, 100), Qt.DropAction.CopyAction, mime),
        *(Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier),
    )
    QApplication.sendEvent(window, event)


def drop_file(window: MainWindow, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    drop(window, mime)


def is_open(window: MainWindow, name: str) -> Callable[[], bool]:
    return lambda: window.document.photo is not None and window.document.photo.name == name


def error_of(window: MainWindow, qtbot: Any) -> str:
    qtbot.waitUntil(
        lambda: window.error_dialog is not None and window.error_dialog.isVisible(), timeout=20_000
    )
    text = window.error_dialog.message.text()
    window.error_dialog.close()
    return text


def test_an_argument_opens(make_window: Make, photo_file: Path, qtbot: Any) -> None:
    window = make_window(photo_file)
    qtbot.waitUntil(is_open(window, "someone"), timeout=20_000)
    assert window.windowTitle() == "someone[*] - facestudio"
    assert not window.isWindowModified()


def test_the_menu_opens(
    make_window: Make, photo_file: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(photo_file), ""))
    window = make_window()
    window.actions_["open"].trigger()
    qtbot.waitUntil(is_open(window, "someone"), timeout=20_000)


def test_a_dropped_file_and_a_dropped_picture_open(make_window: Make, photo_file: Path, qtbot: Any) -> None:
    window = make_window()
    drop_file(window, photo_file)
    qtbot.waitUntil(is_open(window, "someone"), timeout=20_000)
    mime = QMimeData()
    image = QImage(120, 90, QImage.Format.Format_RGB32)
    image.fill(QColor("#336699"))
    mime.setImageData(image)
    drop(window, mime)
    qtbot.waitUntil(is_open(window, "dropped"), timeout=20_000)
    assert window.document.photo.size == (120, 90)
    assert window.document.photo.pixels[40, 60].tolist() == [0x33, 0x66, 0x99]


@pytest.mark.parametrize("kind", ["picture", "file", "path"])
def test_pasting_opens(make_window: Make, photo_file: Path, qtbot: Any, kind: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if kind == "picture":
        clipboard.setImage(QImage(str(photo_file)))
    elif kind == "file":
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(photo_file))])
        clipboard.setMimeData(mime)
    else:
        clipboard.setText(f'"{photo_file}"')
    window = make_window()
    window.actions_["paste"].trigger()
    qtbot.waitUntil(is_open(window, "pasted" if kind == "picture" else "someone"), timeout=20_000)
    assert window.document.photo.size == (400, 300)
    clipboard.clear()


def test_pasting_prose_is_refused(make_window: Make, qtbot: Any) -> None:
    QGuiApplication.clipboard().setText("Dear all,\nplease find attached")
    window = make_window()
    window.actions_["paste"].trigger()
    assert "not a photo" in error_of(window, qtbot)
    QGuiApplication.clipboard().clear()


def test_a_folder_is_refused(make_window: Make, tmp_path: Path, qtbot: Any) -> None:
    window = make_window()
    drop_file(window, tmp_path)
    assert "is a folder" in error_of(window, qtbot)
    assert window.pages.currentWidget() is window.welcome


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("letter.txt", b"Dear all", "is not a photo"),
        ("lies.jpg", b"<html>not a photo</html>", "is not a photo"),
        ("empty.png", b"", "is empty"),
        ("half.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 30, "is not a photo"),
    ],
)
def test_what_is_no_photo_is_refused(
    make_window: Make, tmp_path: Path, qtbot: Any, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    window = make_window()
    drop_file(window, path)
    assert words in error_of(window, qtbot)


def test_a_huge_file_is_refused_unread(make_window: Make, tmp_path: Path, qtbot: Any) -> None:
    """A sparse file of 50 GB whose header announces ten thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = tmp_path / "huge.png"
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    os.truncate(path, 50_000_000_000)
    window = make_window()
    drop_file(window, path)
    assert "too large" in error_of(window, qtbot)


def test_a_web_address_is_refused(make_window: Make, qtbot: Any) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.com/face.jpg")])
    window = make_window()
    drop(window, mime)
    assert "not a file on this computer" in error_of(window, qtbot)


def test_a_bad_drop_leaves_the_open_photo_alone(person: Person, tmp_path: Path, qtbot: Any) -> None:
    before = person.points
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no")
    drop_file(person.window, bad)
    error_of(person.window, qtbot)
    assert np.array_equal(person.points, before)
    assert person.window.document.photo.name == "someone"


def test_of_two_photos_opened_at_once_the_later_stays(
    make_window: Make, photo_file: Path, tmp_path: Path, qtbot: Any
) -> None:
    other = tmp_path / "later.png"
    Image.new("RGB", (64, 64)).save(other)
    window = make_window()
    window.open_path(photo_file)
    window.open_path(other)
    qtbot.waitUntil(is_open(window, "later"), timeout=20_000)
    qtbot.waitUntil(lambda: window.session.complete, timeout=20_000)
    assert window.document.photo.name == "later"


def test_the_welcome_page_offers_samples_and_recent_photos(
    make_window: Make, photo_file: Path, settings: Settings, qtbot: Any
) -> None:
    settings.add_recent(photo_file)
    window = make_window()
    assert [t.path for t in window.welcome.tiles] == [*sample_photos(), photo_file]
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
    assert all(not t.picture.pixmap().isNull() for t in window.welcome.tiles)
    QTest.mouseClick(window.welcome.tiles[-1], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(is_open(window, "someone"), timeout=20_000)


def test_recent_photos_are_newest_first_without_those_that_are_gone(
    settings: Settings, tmp_path: Path
) -> None:
    paths = []
    for number in range(MAX_RECENT + 3):
        path = tmp_path / f"{number}.png"
        path.write_bytes(b"x")
        settings.add_recent(path)
        paths.append(path)
    paths[-2].unlink()
    settings.add_recent(paths[-4])
    recent = settings.recent
    assert recent[:2] == [paths[-4], paths[-1]]
    assert paths[-2] not in recent
    assert len(recent) <= MAX_RECENT


def test_a_pasted_picture_is_not_recent(make_window: Make, settings: Settings, qtbot: Any) -> None:
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(QColor("#808080"))
    window = make_window()
    window.opener.open_image(image, "pasted")
    qtbot.waitUntil(is_open(window, "pasted"), timeout=20_000)
    assert settings.recent == []


def test_docks_and_window_are_where_they_were(
    make_window: Make, photo_file: Path, settings: Settings, qtbot: Any
) -> None:
    window = make_window(photo_file)
    qtbot.waitUntil(lambda: window.document.landmarks is not None, timeout=20_000)
    points, head = window.docks[:2]
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, points)
    head.hide()
    window.splitter.setSizes([300, 600])
    share = window.splitter.sizes()[0] / sum(window.splitter.sizes())
    window.resize(1010, 700)
    window.close()
    again = make_window(photo_file)
    qtbot.waitUntil(lambda: again.document.landmarks is not None, timeout=20_000)
    assert again.dockWidgetArea(again.docks[0]) == Qt.DockWidgetArea.LeftDockWidgetArea
    assert not again.docks[1].isVisible()
    assert again.docks[0].isVisible()
    assert again.splitter.sizes()[0] / sum(again.splitter.sizes()) == pytest.approx(share, abs=0.06)


def test_docks_appear_one_after_another_and_none_is_lost(
    make_window: Make, photo_file: Path, qtbot: Any
) -> None:
    window = make_window(photo_file)
    qtbot.waitUntil(lambda: not window.docks[0].isHidden(), timeout=20_000)
    window.close()  # at once: the layout that is remembered has all of them
    again = make_window(photo_file)
    qtbot.waitUntil(lambda: again.document.landmarks is not None, timeout=20_000)
    assert not any(dock.isHidden() for dock in again.docks)
    again.close_photo()
    qtbot.wait(50)
    assert all(dock.isHidden() for dock in again.docks)


def test_settings_that_make_no_sense_do_not_stop_the_app(
    tmp_path: Path, make_window: Make, qtbot: Any
) -> None:
    path = tmp_path / "settings.ini"
    store = QSettings(str(path), QSettings.Format.IniFormat)
    for key in ("theme", "recent", "layout/window", "layout/docks", "export/texture_size"):
        store.setValue(key, "¯\\_(ツ)_/¯")
    store.sync()
    window = make_window()
    assert window.settings.preferences.theme == "system"
    assert window.settings.number("export/texture_size", 7) == 7


@pytest.mark.parametrize("name", ["light", "dark"])
def test_a_theme_changes_colours_and_is_remembered(make_window: Make, name: str) -> None:
    window = make_window()
    window.actions_[name].trigger()
    theme = load_theme(name)
    assert window.settings.preferences.theme == name
    assert QApplication.palette().window().color() == theme.colour("window")
    pixel = window.statusBar().grab().toImage().pixelColor(2, 20)
    assert pixel == theme.colour("window")


def test_the_system_theme_follows_the_system(make_window: Make) -> None:
    window = make_window()
    window.actions_["dark"].trigger()
    window.actions_["system"].trigger()
    dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    assert window.appearance.theme.name == ("dark" if dark else "light")


def test_both_themes_have_the_same_colours_and_readable_text() -> None:
    light, dark = load_theme("light"), load_theme("dark")
    assert set(light.colours) == set(dark.colours)

    def luminance(colour: QColor) -> float:
        parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour.getRgbF()[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for theme in (light, dark):
        pairs = [
            (ground, ink, least)
            for ground in ("window", "panel", "field", "raised")
            for ink, least in (("text", 7.0), ("muted", 4.5))
        ]
        for ground, ink, least in [*pairs, ("primary", "on_accent", 4.5)]:
            a, b = sorted(luminance(theme.colour(name)) for name in (ground, ink))
            assert (b + 0.05) / (a + 0.05) >= least, (theme.name, ground, ink)


def test_every_icon_of_an_action_is_there_and_draws(make_window: Make) -> None:
    from facestudio.app.actions import SPECS

    for name in {spec.icon for spec in SPECS.values() if spec.icon}:
        assert "<path" in icon_source(name) or "<circle" in icon_source(name), name
        alpha = array_of(draw_icon(name, "#ff0000", 24, 2.0).toImage())[..., 3]
        assert alpha.shape == (48, 48)
        assert (alpha > 128).sum() > 60, name


def test_keys_are_given_to_one_action_each(make_window: Make) -> None:
    from facestudio.app.actions import SPECS

    window = make_window()
    keys = [k.toString() for name in SPECS for k in window.actions_[name].shortcuts()]
    assert len(keys) == len(set(keys))


def test_without_onnx_runtime_the_window_opens_and_names_the_command(
    make_window: Make, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    window = make_window()
    assert window.notice.isVisible()
    assert window.notice.command.text() == 'pip install "facestudio[cpu]"'
    QTest.mouseClick(window.notice.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == 'pip install "facestudio[cpu]"'


def test_with_onnx_runtime_there_is_no_notice(make_window: Make) -> None:
    pytest.importorskip("onnxruntime")
    assert not make_window().notice.isVisible()


def test_actions_wait_for_what_they_need(
    make_window: Make, photo_file: Path, runner: FakeRunner, qtbot: Any
) -> None:
    window = make_window()
    a = window.actions_
    for name in ("export", "screenshot", "undo", "reset_all", "fit_face", "close_photo", "mesh", "front"):
        assert not a[name].isEnabled(), name
    window.open_path(photo_file)
    qtbot.waitUntil(lambda: window.session.complete, timeout=20_000)
    for name in ("export", "screenshot", "fit_face", "close_photo", "mesh"):
        assert a[name].isEnabled(), name


def test_a_large_photo_is_drawn_from_halved_copies() -> None:
    rng = np.random.default_rng(0)
    picture = make_picture(photo_from_array(rng.integers(0, 255, (1500, 2000, 3), dtype=np.uint8)))
    assert [level.width() for level in picture.levels] == [2000, 1000, 500]
    assert picture.size == (2000, 1500)


def test_the_panel_tells_how_the_head_was_made(person: Person) -> None:
    texts = [label.text() for label in person.window.panels.head._labels if not label.isHidden()]
    for expected in ("mh-0042", "60 %", "62 %", "studio", "mesh478", "256 × 256"):
        assert expected in texts, expected


def test_help_and_about_open(make_window: Make, qapp: QApplication) -> None:
    window = make_window()
    for name in ("shortcuts", "about"):
        window.actions_[name].trigger()
        dialog = qapp.activeModalWidget() or QApplication.topLevelWidgets()[-1]
        assert dialog.isVisible()
        for widget in QApplication.topLevelWidgets():
            if widget.isModal() and widget.isVisible():
                widget.close()
