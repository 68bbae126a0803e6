"""Keeps the head up to date with the document: geometry at once, the texture after it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from facestudio.app.document.document import Document
from facestudio.app.worker.builder import Builder, Built
from facestudio.app.worker.maker import LocalMaker, RunnerLike
from facestudio.app.worker.remote import ProcessMaker
from facestudio.app.worker.report import ErrorReport
from facestudio.pipeline.request import Request
from facestudio.values import Head

_TEXTURE_DELAY_MS = 250


class Session(QObject):
    """Asks for builds when the document changes, and takes in their results.

    A gesture asks for geometry alone, live. When it ends, geometry is asked for once more and then the
    texture; steps that follow each other quickly (arrow keys) share one texture. Without `make_runner` the
    pipeline runs in a process of its own.
    """

    figure_changed = Signal(object)
    notes_changed = Signal()
    progressed = Signal(object)
    busy_changed = Signal(bool)
    failed = Signal(object)
    cancelled = Signal()

    def __init__(
        self,
        document: Document,
        make_runner: Callable[[], RunnerLike] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.document = document
        self.builder = Builder(ProcessMaker() if make_runner is None else LocalMaker(make_runner), self)
        self.texture_size = 2048
        self.posed = True
        self.figure: Any = None
        self.notes: tuple[str, ...] = ()
        self._texture_size_due = 0
        self._then: Callable[[Head], None] | None = None
        self._was_busy = False
        self._texture_timer = QTimer(self)
        self._texture_timer.setSingleShot(True)
        self._texture_timer.setInterval(_TEXTURE_DELAY_MS)
        self._texture_timer.timeout.connect(self._build_texture)
        document.photo_changed.connect(self._photo_changed)
        document.previewed.connect(self._previewed)
        document.about_to_change.connect(self._give_up)
        document.changed.connect(self._changed)
        self.builder.progressed.connect(self.progressed)
        self.builder.built.connect(self._built)
        self.builder.failed.connect(self._failed)
        self.builder.cancelled.connect(self._tell)
        self.builder.busy_changed.connect(self._tell)

    @property
    def head(self) -> Head | None:
        """The newest head, or None."""
        return None if self.figure is None else self.figure.head

    @property
    def busy(self) -> bool:
        """Whether something is being built or about to be."""
        return self.builder.busy or self._texture_timer.isActive()

    @property
    def complete(self) -> bool:
        """Whether the newest head belongs to the landmarks as they are, texture included."""
        return self.head is not None and self.head.texture is not None and not self.busy

    def rebuild(self) -> None:
        """Build again, after a cancel or an error."""
        self._changed()

    def cancel(self) -> None:
        """Give up what is being built; the head stays as it is."""
        if self.busy:
            self._give_up()
            self.cancelled.emit()

    def set_posed(self, posed: bool) -> None:
        """Show the photo's expression, or the neutral head."""
        if posed != self.posed:
            self.posed = posed
            if self.figure is not None and not self.document.in_gesture:
                self._changed()

    def with_texture(self, size: int, then: Callable[[Head], None]) -> None:
        """Build the head with a texture of this size and hand it on; at once if it is there already."""
        head = self.head
        if self.complete and head is not None and head.texture is not None and head.texture.size == size:
            then(head)
            return
        self._give_up()
        self._then = then
        self._texture_size_due = size
        self._submit(size, live=False)

    def close(self) -> bool:
        """End the thread; returns whether it ended in time."""
        self._texture_timer.stop()
        return self.builder.close()

    def _request(self, texture_size: int) -> Request | None:
        opened, state = self.document.opened, self.document.state
        if opened is None:
            return None
        return state.project(opened).request(texture_size=texture_size, shown=state.place)

    def _submit(self, texture_size: int, *, live: bool) -> None:
        request = self._request(texture_size)
        if request is not None:
            self.builder.submit(request, live=live, posed=self.posed)
        self._tell()

    def _photo_changed(self) -> None:
        self._give_up()
        self.figure, self.notes = None, ()
        self.figure_changed.emit(None)
        self.notes_changed.emit()
        self._changed()

    def _previewed(self) -> None:
        self._texture_timer.stop()
        self._submit(0, live=True)

    def _changed(self) -> None:
        self._texture_timer.stop()
        self._texture_size_due = self.texture_size
        self._submit(0, live=False)

    def _build_texture(self) -> None:
        self._submit(self._texture_size_due or self.texture_size, live=False)

    def _give_up(self) -> None:
        self._texture_timer.stop()
        self._then = None
        self.builder.abandon()
        self._tell()

    def _built(self, built: Built) -> None:
        head, request = built.outcome.head, built.job.request
        figure = built.figure
        if head.texture is None and self.figure is not None and self.figure.texture is not None:
            # Until the new texture is there, the last one moves along.
            last = self.figure
            figure = replace(
                figure, texture=last.texture, coverage=last.coverage, uncertainty=last.uncertainty
            )
        self.figure, self.notes = figure, built.outcome.notes
        if not built.job.live:
            self.document.set_located(head.landmarks, built.outcome.faces)
            if head.photos:
                self.document.set_located_elsewhere(tuple(fit.landmarks for fit in head.photos))
        self.figure_changed.emit(figure)
        self.notes_changed.emit()
        if request.texture_size == 0 and not built.job.live:
            # The first texture follows at once, later ones when the person pauses.
            if self.document.undo_stack.count():
                self._texture_timer.start()
            else:
                self._build_texture()
        elif request.texture_size and self._then is not None:
            then, self._then = self._then, None
            then(head)
        self._tell()

    def _failed(self, report: ErrorReport) -> None:
        self._then = None
        if not self.document.in_gesture:
            self.failed.emit(report)
        self._tell()

    def _tell(self) -> None:
        if self.busy != self._was_busy:
            self._was_busy = self.busy
            self.busy_changed.emit(self._was_busy)
