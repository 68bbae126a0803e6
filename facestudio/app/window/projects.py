"""Projects of the window: saving, asking about what is not saved, autosaved copies, and recovery after a crash."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QFileDialog, QMessageBox
from shiboken6 import isValid

from facestudio.app.dialogs.form import documents_folder
from facestudio.app.document.state import EditState
from facestudio.app.window.opening import Opened
from facestudio.app.words import said, tr
from facestudio.app.worker.report import ErrorReport
from facestudio.paths import user_autosaves
from facestudio.pipeline.project import SUFFIX, Project, encode_photo, save_project
from facestudio.values import Photo

if TYPE_CHECKING:
    from facestudio.app.window.main_window import MainWindow


def state_of(project: Project | None) -> EditState | None:
    """Return the state of a document that a project tells."""
    return None if project is None else EditState.of(project)


def _is_running(pid: int) -> bool:
    if os.name == "nt":  # there, a signal would end it; a copy of a running window is offered at worst
        return pid == os.getpid()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Encoded:
    """Photos as PNG, each made once and in the background."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Photo, bytes]] = {}

    def of(self, photo: Photo) -> bytes:
        """Return a photo as PNG."""
        kept = self._made.get(id(photo))
        if kept is None or kept[0] is not photo:
            kept = self._made[id(photo)] = (photo, encode_photo(photo))
        return kept[1]


class Projects(QObject):
    """The project file of a window.

    Attributes
    ----------
    file
        Where the project was saved last; None if it never was.
    prompts
        Whether to ask before unsaved work is given up.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self.file: Path | None = None
        self.prompts = True
        self.question: QMessageBox | None = None
        self._recovered = False
        self._encoded = _Encoded()
        self._copy: Path | None = None
        self._given_up = self._closed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.autosave)
        window.document.undo_stack.indexChanged.connect(self._changed)

    @property
    def dirty(self) -> bool:
        """Whether there is something that is not saved."""
        return self._window.document.photo is not None and (
            self._recovered or not self._window.document.undo_stack.isClean()
        )

    @property
    def name(self) -> str:
        """What to call the project."""
        photo = self._window.document.opened
        return self.file.stem if self.file is not None else "" if photo is None else photo.name

    def project(self) -> Project | None:
        """Return what would be saved now; None without a photo."""
        photo, state = self._window.document.opened, self._window.document.state
        if photo is None:
            return None
        return state.project(photo)

    def opened(self, opened: Opened | None) -> None:
        """Take note of what the window shows now."""
        self._drop_copy()
        file = None if opened is None else opened.file
        self._recovered = file is not None and self.is_autosave(file)
        if self._recovered:
            self._copy = self._own_copy()
            with contextlib.suppress(OSError):  # from now on this window keeps it
                file.replace(self._copy)  # type: ignore[union-attr]
        self.file = None if self._recovered else file
        self._encoded = _Encoded()

    # Saving

    def save(self) -> None:
        """Save to the project's file, or ask for one."""
        if self.file is None:
            self.save_as()
        else:
            self.write(self.file)

    def save_as(self) -> None:
        """Ask for a file and save to it."""
        photo = self._window.document.photo
        if photo is None:
            return
        folder = self.file.parent if self.file is not None else documents_folder()
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            tr("Save the project"),
            str(folder / f"{self.name}{SUFFIX}"),
            f"{tr('Projects')} (*{SUFFIX})",
        )
        if name:
            path = Path(name)
            self.write(path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX))

    def write(self, path: Path, then: Callable[[], None] = lambda: None) -> None:
        """Write the project in the background; it is clean when that is done."""
        project, stack = self.project(), self._window.document.undo_stack
        if project is None:
            return
        encoded, index = self._encoded, stack.index()

        def done(_: object) -> None:
            if self._window.document.opened is not project.photo:
                return
            self.file, self._recovered = path, False
            if stack.index() == index:
                stack.setClean()
                self._drop_copy()
            self._window.settings.add_recent(path)
            self._window.message.setText(tr("Saved {name}", name=path.name))
            self._window.refresh()
            then()

        self._window.tasks.start(
            lambda: save_project(project, path, photo_png=encoded.of(project.photo), encode=encoded.of),
            done,
            self._window.show_error,
        )

    # What is not saved

    def when_saved(self, act: Callable[[], None]) -> None:
        """Do something that gives the document up: at once, or when the person has answered what becomes of it."""
        if not self.dirty or not self.prompts:
            act()
            return
        self._ask(act)

    def may_close(self, close: Callable[[], bool]) -> bool:
        """Whether the window may close now; if not, the person is asked, and it closes after the answer."""
        if self._given_up or not self.prompts or not self.dirty:
            return True

        def again() -> None:
            self._given_up = True
            close()

        self._ask(again)
        return False

    def _ask(self, act: Callable[[], None]) -> None:
        if self.question is not None:
            self.question.close()
        buttons = QMessageBox.StandardButton
        question = QMessageBox(
            QMessageBox.Icon.Question,
            "facestudio",
            tr("Save the changes to {name}?", name=self.name),
            buttons.Save | buttons.Discard | buttons.Cancel,
            self._window,
        )
        question.setInformativeText(tr("Without saving, they are lost."))
        question.setDefaultButton(buttons.Save)

        def answered(answer: int) -> None:
            self.question = None
            question.deleteLater()
            if answer == buttons.Discard:
                self._recovered = False
                self._drop_copy()
                act()
            elif answer == buttons.Save:
                if self.file is None:
                    self._save_then(act)
                else:
                    self.write(self.file, act)

        question.finished.connect(answered)
        self.question = question
        question.open()

    def _save_then(self, act: Callable[[], None]) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            tr("Save the project"),
            str(documents_folder() / f"{self.name}{SUFFIX}"),
            f"{tr('Projects')} (*{SUFFIX})",
        )
        if name:
            path = Path(name)
            self.write(path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX), act)

    # Autosaved copies

    def is_autosave(self, path: Path) -> bool:
        """Whether a file is an autosaved copy."""
        return path.parent == user_autosaves()

    def _own_copy(self) -> Path:
        return user_autosaves() / f"{os.getpid()}-{id(self):x}{SUFFIX}"

    def _changed(self) -> None:
        if (
            not self._closed
            and isValid(self._window.document.undo_stack)
            and self.dirty
            and not self._timer.isActive()
            and self._window.settings.preferences.autosave_seconds
        ):
            self._timer.start(1000 * self._window.settings.preferences.autosave_seconds)

    def autosave(self) -> None:
        """Write a copy in the background, to be found after a crash."""
        project = self.project()
        if project is None or not self.dirty:
            return
        path, encoded = self._own_copy(), self._encoded
        self._copy = path

        def work() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_project(project, path, photo_png=encoded.of(project.photo), encode=encoded.of)

        def done(_: object) -> None:
            if self._copy != path:  # meanwhile it was saved, or given up
                path.unlink(missing_ok=True)

        def failed(report: ErrorReport) -> None:
            self._window.message.setText(tr("No copy could be kept: {message}", message=said(report.message)))

        self._window.tasks.start(work, done, failed)

    def _drop_copy(self) -> None:
        self._timer.stop()
        if self._copy is not None:
            with contextlib.suppress(OSError):
                self._copy.unlink(missing_ok=True)
            self._copy = None

    @staticmethod
    def left_behind() -> list[Path]:
        """Return copies of windows that are gone, newest first."""
        found: list[tuple[float, Path]] = []
        with contextlib.suppress(OSError):
            for path in user_autosaves().glob(f"*{SUFFIX}"):
                pid = path.stem.split("-")[0]
                if not (pid.isdigit() and _is_running(int(pid))):
                    found.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(found, reverse=True)]

    def offer_recovery(self) -> None:
        """If the app was ended with unsaved work, ask whether to open it."""
        copies = self.left_behind()
        if not copies or not self.prompts:
            return
        buttons = QMessageBox.StandardButton
        question = QMessageBox(
            QMessageBox.Icon.Question,
            "facestudio",
            tr("facestudio ended with unsaved work. Open it?"),
            buttons.Open | buttons.Discard | buttons.Cancel,
            self._window,
        )
        question.setInformativeText(tr("Cancel keeps it for the next time."))

        def answered(answer: int) -> None:
            self.question = None
            question.deleteLater()
            if answer == buttons.Open:
                self._window.open_path(copies[0])
            elif answer == buttons.Discard:
                for path in copies:
                    with contextlib.suppress(OSError):
                        path.unlink()

        question.finished.connect(answered)
        self.question = question
        question.open()

    def close(self) -> None:
        """Drop the copy: the window closes, and nothing is left to be found."""
        self._closed = True
        self._drop_copy()
