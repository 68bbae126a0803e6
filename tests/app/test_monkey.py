"""Two hundred random actions: nothing fails, nothing is left behind, and undoing all of it leads back to the start."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import Person, _drain, send_move
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QSlider

from facestudio.app.actions import SPECS
from facestudio.app.panels import heads_panel

_ACTIONS = 200
_NOT = {"quit", "paste"}  # the clipboard is not this test's


class Monkey:
    """Does something that a person could do, chosen by a seed."""

    def __init__(self, person: Person, seed: int) -> None:
        self.person, self.window, self.dice = person, person.window, random.Random(seed)
        self.done: list[str] = []
        self.kinds: list[Callable[[], str]] = [
            *([self.action] * 6),
            *([self.slider] * 4),
            *([self.drag] * 3),
            *(
                self.keys,
                self.turn,
                self.dock,
                self.dialog,
                self.resize,
                self.click,
                self.pin,
                self.heads,
                self.reopen,
            ),
        ]

    def act(self) -> None:
        self.done.append(self.dice.choice(self.kinds)())
        for _ in range(self.dice.choice((0, 1, 4, 20))):
            QApplication.processEvents()
        self.close_dialogs()

    def close_dialogs(self) -> None:
        for dialog in self.window.findChildren(QDialog):
            if dialog.isVisible():
                dialog.close()

    def action(self) -> str:
        name = self.dice.choice(sorted(set(SPECS) - _NOT))
        self.window.actions_[name].trigger()  # does nothing where it is disabled
        return name

    def slider(self) -> str:
        panels = self.window.panels
        sliders: list[QSlider] = [*panels.adjust.sliders.values(), *panels.expression.sliders.values()]
        sliders += [panels.camera.lens, *(row.weight for row in panels.heads.rows.values())]
        slider = self.dice.choice(sliders)
        if not slider.isEnabled():
            return "no slider"
        slider.setSliderDown(True)
        for _ in range(self.dice.randint(1, 3)):
            slider.setValue(self.dice.randint(slider.minimum(), slider.maximum()))
            QApplication.processEvents()
        slider.setSliderDown(False)
        return f"slider {slider.accessibleName()}"

    def drag(self) -> str:
        editor = self.window.editor
        if self.window.document.landmarks is None or not editor.isVisible():
            return "no points"
        point = self.dice.randrange(68)
        start = editor.place_of(point).toPoint()
        if not editor.rect().contains(start):
            return "point out of sight"
        keys = self.dice.choice((Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.AltModifier))
        QTest.mousePress(editor, Qt.MouseButton.LeftButton, keys, start)
        at = start
        for _ in range(self.dice.randint(1, 4)):
            at = at + QPoint(self.dice.randint(-6, 6), self.dice.randint(-6, 6))
            send_move(editor, at, Qt.MouseButton.LeftButton)
            if self.dice.random() < 0.5:
                QApplication.processEvents()
        if self.dice.random() < 0.15:
            QTest.keyClick(editor, Qt.Key.Key_Escape)
        QTest.mouseRelease(editor, Qt.MouseButton.LeftButton, keys, at)
        return f"drag {point}"

    def keys(self) -> str:
        key = self.dice.choice((Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Delete, Qt.Key.Key_Escape))
        QTest.keyClick(self.window.editor, key)
        return f"key {key.name}"

    def turn(self) -> str:
        view = self.window.viewer.view
        if view is None or not view.isVisible():
            return "no view"
        at = view.rect().center()
        QTest.mousePress(
            view, self.dice.choice((Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton)), pos=at
        )
        send_move(view, at + QPoint(self.dice.randint(-80, 80), 10), Qt.MouseButton.LeftButton)
        QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at)
        return "turn"

    def dock(self) -> str:
        dock = self.dice.choice(self.window.docks)
        if self.window.document.photo is not None:
            self.dice.choice((dock.raise_, dock.show, lambda: dock.setFloating(not dock.isFloating())))()
        return f"dock {dock.objectName()}"

    def dialog(self) -> str:
        made = self.dice.choice((self.window.outputs.open_export, self.window.outputs.open_screenshot))()
        if made is not None:
            QApplication.processEvents()
            made.close()
        return "dialog"

    def resize(self) -> str:
        self.window.resize(self.dice.randint(900, 1500), self.dice.randint(650, 1000))
        return "resize"

    def click(self) -> str:
        editor = self.window.editor
        at = QPoint(self.dice.randrange(max(1, editor.width())), self.dice.randrange(max(1, editor.height())))
        QTest.mouseClick(editor, Qt.MouseButton.LeftButton, pos=at)
        return "click"

    def pin(self) -> str:
        editor, keys = self.window.editor, Qt.KeyboardModifier.ShiftModifier
        at = QPoint(self.dice.randrange(max(1, editor.width())), self.dice.randrange(max(1, editor.height())))
        QTest.mouseClick(editor, Qt.MouseButton.LeftButton, keys, at)
        return "pin"

    def heads(self) -> str:
        panel = self.window.panels.heads
        buttons = [*(row.pin for row in panel.rows.values()), *(row.out for row in panel.rows.values())]
        buttons += [*panel.back.values(), panel.reset, *self.window.panels.expression.presets.values()]
        button = self.dice.choice(buttons)
        if button.isEnabled() and not button.isHidden() and self.window.session.head is not None:
            button.click()
        return f"button {button.accessibleName() or button.text()}"

    def reopen(self) -> str:
        if self.dice.random() < 0.4 or self.window.document.photo is None:
            self.window.open_path(self.photo)
        return "open"

    photo: Any = None


def test_two_hundred_random_actions(
    person: Person, photo_file: Any, qtbot: Any, qapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.full((80, 64, 3), 90, dtype=np.uint8)
    monkeypatch.setattr(heads_panel, "draw_heads", lambda database, ids, ratio: dict.fromkeys(ids, grey))
    monkeypatch.setattr(heads_panel, "closest_heads", lambda database, landmarks, excluded: ())
    for name in ("getOpenFileName", "getSaveFileName", "getExistingDirectory"):
        monkeypatch.setattr(QFileDialog, name, lambda *args, **options: ("", ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *args, **options: ([], ""))
    window = person.window

    def start_anew() -> tuple[Counter[str], set[str]]:
        """Open the photo as at the start; count widgets and name threads."""
        window.actions_["close_photo"].trigger()  # the welcome page lists what was opened
        window.open_path(photo_file)
        qtbot.waitUntil(lambda: window.document.landmarks is not None, timeout=20_000)
        person.settle()
        for name in ("light", "textured", "front"):
            window.actions_[name].trigger()
        for dock in window.docks:
            dock.setFloating(False)
        window.panels.arrange()
        qtbot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
        _drain(qapp)
        kinds = Counter(type(widget).__name__ for widget in QApplication.allWidgets())
        return kinds, {thread.name for thread in threading.enumerate()}

    monkey = Monkey(person, seed=20240611)
    monkey.photo = photo_file
    for opened in (window.outputs.open_export(), window.outputs.open_screenshot()):
        assert opened is not None
        opened.close()
    window.actions_["shortcuts"].trigger()
    monkey.close_dialogs()
    widgets, threads = start_anew()
    for _ in range(_ACTIONS):
        monkey.act()
    assert len(monkey.done) == _ACTIONS
    assert len(set(monkey.done)) > 60, "a dull monkey"
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
    if window.document.photo is not None:
        if window.document.in_gesture:
            window.document.revert()
        qtbot.waitUntil(lambda: not window.session.busy, timeout=20_000)
        while window.document.undo_stack.canUndo():
            window.document.undo()
        state = window.document.state
        assert (state.adjustments, state.excluded_heads, state.head_weights) == ((), frozenset(), ())
        assert state.expression is None
        assert state.focal_px is None
        assert state.pins == ()
        if state.landmarks is not None:
            assert not window.document.displaced
    left, running = start_anew()
    assert left - widgets == Counter(), f"widgets more than before, after {monkey.done}"
    assert {name for name in running - threads if not name.startswith("Dummy")} == set()
