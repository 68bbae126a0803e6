"""Several photos of one person: added, shown one at a time, corrected each, removed, saved, undone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Person
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from facestudio.app.panels import heads_panel
from facestudio.pipeline.project import load_project


@pytest.fixture(autouse=True)
def _pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for thumbnails of database heads, which take longer than all the rest."""
    monkeypatch.setattr(heads_panel, "draw_heads", lambda database, ids, ratio: {})
    monkeypatch.setattr(heads_panel, "closest_heads", lambda database, landmarks, excluded: ())


@pytest.fixture
def more_files(tmp_path: Path) -> list[Path]:
    """Pictures of other sizes than the first."""
    paths = []
    for number, (width, height) in enumerate(((360, 300), (420, 320), (300, 300), (320, 300), (340, 300))):
        pixels = np.full((height, width, 3), 90 + 20 * number, dtype=np.uint8)
        paths.append(tmp_path / f"side-{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def _add(person: Person, *paths: Path) -> None:
    document = person.window.document
    for path in paths:
        before = len(document.photos)
        person.window.person_photos.open_path(path)
        person.bot.waitUntil(lambda n=before: len(document.photos) == n + 1, timeout=10_000)
    person.settle()


def test_photos_are_added_shown_and_corrected_each(person: Person, more_files: list[Path], runner) -> None:
    window, document = person.window, person.window.document
    strip = window.person_photos
    first = document.photo
    assert strip.buttons == []
    _add(person, *more_files[:2])
    assert [b.toolTip() for b in strip.buttons] == ["someone", "side-0", "side-1"]
    assert document.photo is first
    assert len(runner.finished[-1].more) == 2
    # Every photo's points are known before it is looked at.
    assert all(one.landmarks is not None for one in document.photos)

    figures = window.session.figure
    strip.buttons[1].click()
    assert document.photo is not first
    assert window.editor.picture.size == (360, 300)
    person.settle()
    assert runner.finished[-1].shown == 1
    assert window.session.figure is not figures
    np.testing.assert_allclose(window.session.head.landmarks.points, document.landmarks.points)
    steps = document.undo_stack.count()

    before = person.points
    person.drag(person.at(30), QPoint(12, 5))
    person.settle()
    assert document.undo_stack.count() == steps + 1
    assert np.abs(person.points[30] - before[30]).max() > 1
    request = runner.finished[-1]
    assert request.landmarks is None, "the first photo's points are as they were located"
    assert request.more[0].landmarks is not None

    # Undo goes back to the photo where the step was made.
    strip.buttons[0].click()
    person.settle()
    assert document.photo is first
    assert document.displaced == frozenset()
    document.undo()
    assert document.state.place == 1
    assert strip.buttons[1].isChecked()
    assert window.editor.picture.size == (360, 300)
    np.testing.assert_allclose(person.points, before)
    person.settle()


def test_adding_and_removing_are_undone(person: Person, more_files: list[Path]) -> None:
    window, document = person.window, person.window.document
    _add(person, *more_files[:2])
    window.person_photos.buttons[2].click()
    person.settle()
    window.actions_["remove_photo"].trigger()
    assert [one.photo.name for one in document.photos] == ["someone", "side-0"]
    assert document.state.place == 1
    document.undo()
    assert [one.photo.name for one in document.photos] == ["someone", "side-0", "side-1"]
    document.undo()
    document.undo()
    assert len(document.photos) == 1
    assert document.photo is document.opened
    assert window.person_photos.buttons == []
    assert not window.actions_["remove_photo"].isEnabled()
    document.redo()
    assert len(document.photos) == 2
    person.settle()


def test_a_photo_that_comes_during_a_drag_waits_for_its_end(person: Person, more_files: list[Path]) -> None:
    window, document = person.window, person.window.document
    start = person.at(30)
    person.press(start)
    person.move(start + QPoint(9, 0))
    assert document.in_gesture
    assert window.actions_["add_photo"].isEnabled()
    window.person_photos.open_path(more_files[0])
    person.bot.waitUntil(lambda: bool(window.person_photos._late), timeout=20_000)
    assert len(document.photos) == 1
    person.release(start + QPoint(9, 0))
    person.bot.waitUntil(lambda: len(document.photos) == 2, timeout=20_000)
    assert document.undo_stack.count() == 2
    assert document.photos[0].landmarks.moved[30]
    person.settle()


def test_no_more_than_five(person: Person, more_files: list[Path]) -> None:
    _add(person, *more_files[:4])
    window = person.window
    assert not window.actions_["add_photo"].isEnabled()
    window.person_photos.open_path(more_files[4])
    person.bot.waitUntil(lambda: "five" in window.message.text(), timeout=10_000)
    assert len(window.document.photos) == 5


def test_the_project_keeps_all_photos(
    person: Person, more_files: list[Path], tmp_path: Path, make_window: Callable, qtbot
) -> None:
    window, document = person.window, person.window.document
    _add(person, more_files[0])
    window.person_photos.buttons[1].click()
    person.settle()
    person.drag(person.at(30), QPoint(10, 0))
    person.settle()
    document.keep_variant("both")
    path = tmp_path / "two.facestudio"
    window.projects.write(path)
    qtbot.waitUntil(path.exists, timeout=10_000)
    qtbot.waitUntil(lambda: not window.projects.dirty, timeout=10_000)
    project = load_project(path)
    assert project.photo.name == "someone"
    assert project.more[0].landmarks.moved[30]
    assert dict(project.variants)["both"].more[0].photo is project.more[0].photo

    again = make_window(path)
    qtbot.waitUntil(lambda: len(again.document.photos) == 2, timeout=20_000)
    qtbot.waitUntil(lambda: again.session.complete, timeout=20_000)
    again.person_photos.buttons[1].click()
    assert again.document.landmarks.moved[30]
    assert again.editor.picture.size == (360, 300)
    qtbot.waitUntil(lambda: again.session.complete and not again.tasks.busy, timeout=20_000)


def test_dropped_on_the_strip_they_are_added(person: Person, more_files: list[Path], tmp_path: Path) -> None:
    window, document = person.window, person.window.document
    nothing = tmp_path / "notes.txt"
    nothing.write_text("no photo")
    for path in (more_files[0], nothing):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        window.person_photos.dropEvent(
            QDropEvent(
                *(QPointF(5, 5), Qt.DropAction.CopyAction, mime),
                *(Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier),
            )
        )
    person.bot.waitUntil(lambda: len(document.photos) == 2, timeout=10_000)
    person.bot.waitUntil(lambda: window.error_dialog is not None and window.error_dialog.isVisible())
    assert "notes.txt" in window.error_dialog.message.text()
    window.error_dialog.close()
    person.settle()
