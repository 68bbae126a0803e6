"""The pipeline in a thread of its own: at most one request runs and one waits, the newest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal, Slot

from facestudio.app.worker.maker import Maker, unheard
from facestudio.app.worker.remote import ReportedError
from facestudio.app.worker.report import ErrorReport
from facestudio.errors import CancelledError
from facestudio.pipeline.request import CancelToken, Event, Outcome, Request


@dataclass(frozen=True, eq=False)
class Job:
    """A numbered request.

    Attributes
    ----------
    number
        Higher is newer.
    request
        What to build.
    live
        Asked for during a gesture: it may finish while a newer one waits, so that the head keeps following.
    posed
        How the figure is to be shown.
    token
        Cancels it.
    """

    number: int
    request: Request
    live: bool
    posed: bool
    token: CancelToken = field(default_factory=CancelToken)


@dataclass(frozen=True, eq=False)
class Built:
    """The outcome of a job and the figure made of it (a facestudio.app.viewer.figure.Figure)."""

    job: Job
    outcome: Outcome
    figure: Any


class _Worker(QObject):
    """Lives in the builder's thread."""

    progressed = Signal(int, object)
    built = Signal(object)
    failed = Signal(int, object)
    cancelled = Signal(int)

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self._maker = maker

    @Slot()
    def warm_up(self) -> None:
        """Load what the first build would otherwise wait for."""
        try:
            self._maker.warm_up()
        except Exception:  # whatever it is, it is told when it is needed
            return

    @Slot(object)
    def run(self, job: Job) -> None:
        """Do one job."""
        try:
            job.token.check()

            def report(event: Event) -> None:
                self.progressed.emit(job.number, event)

            # Of a step that is there at once, telling how far it is would only take time from it.
            heard = unheard if job.live else report
            outcome, figure = self._maker.make(job.request, job.posed, heard, job.token)
            self.built.emit(Built(job, outcome, figure))
        except CancelledError:
            self.cancelled.emit(job.number)
        except ReportedError as error:
            self.failed.emit(job.number, error.report)
        except BaseException as error:  # nothing may end the thread; the person sees it in a dialog
            self.failed.emit(job.number, ErrorReport.of(error))


class Builder(QObject):
    """Hands requests to the worker; a newer one replaces an older one.

    A live request lets the live one before it finish (and takes the place of one that waits); any other
    cancels what runs. Results of requests before the last `abandon` or non-live `submit` are dropped.
    """

    progressed = Signal(object)
    built = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    busy_changed = Signal(bool)
    _start = Signal(object)
    _warm = Signal()

    def __init__(self, maker: Maker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._maker = maker
        self._thread = QThread(self)
        self._thread.setObjectName("facestudio-builder")
        self._worker = _Worker(maker)
        self._worker.moveToThread(self._thread)
        self._start.connect(self._worker.run)
        self._warm.connect(self._worker.warm_up)
        self._worker.progressed.connect(self._on_event)
        self._worker.built.connect(self._on_built)
        self._worker.failed.connect(self._on_failed)
        self._worker.cancelled.connect(self._on_cancelled)
        self._running: Job | None = None
        self._waiting: Job | None = None
        self._number = 0
        self._oldest_wanted = 0
        self._was_busy = False
        self._closed = False
        self._thread.start()

    def warm_up(self) -> None:
        """Load heavy libraries and the template in the background."""
        self._warm.emit()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function where heads are built, beside that; in any thread but the UI's. Raises what it raises."""
        return self._maker.call(function, *arguments)

    @property
    def busy(self) -> bool:
        """Whether a result is awaited."""
        job = self._waiting or self._running
        return job is not None and job.number >= self._oldest_wanted

    def submit(self, request: Request, *, live: bool, posed: bool) -> int:
        """Ask for a build; returns its number."""
        self._number += 1
        job = Job(self._number, request, live, posed)
        if not live:
            self._oldest_wanted = job.number
        if self._running is not None and not (live and self._running.live):
            self._oldest_wanted = job.number
            self._running.token.cancel()
        self._waiting = job
        self._advance()
        self._tell()
        return job.number

    def abandon(self) -> None:
        """Cancel what runs, forget what waits, and drop every result that may still come."""
        self._oldest_wanted = self._number + 1
        self._waiting = None
        if self._running is not None:
            self._running.token.cancel()
        self._tell()

    def close(self, wait_ms: int = 15_000) -> bool:
        """Cancel everything and end the thread (and the process); returns whether it ended in time."""
        if self._closed:
            return True
        self._closed = True
        self.abandon()
        self._maker.close()
        self._thread.quit()
        return self._thread.wait(wait_ms)

    def _advance(self) -> None:
        if self._running is None and self._waiting is not None and not self._closed:
            self._running, self._waiting = self._waiting, None
            self._start.emit(self._running)

    def _tell(self) -> None:
        if self.busy != self._was_busy:
            self._was_busy = self.busy
            self.busy_changed.emit(self._was_busy)

    def _ended(self, number: int) -> bool:
        """Note that the worker is free, start what waits, and say whether the result is still wanted."""
        if self._running is not None and self._running.number == number:
            self._running = None
        self._advance()
        return number >= self._oldest_wanted

    def _on_event(self, number: int, event: Event) -> None:
        if number >= self._oldest_wanted:
            self.progressed.emit(event)

    def _on_built(self, built: Built) -> None:
        if self._ended(built.job.number):
            self.built.emit(built)
        self._tell()

    def _on_failed(self, number: int, report: ErrorReport) -> None:
        if self._ended(number):
            self.failed.emit(report)
        self._tell()

    def _on_cancelled(self, number: int) -> None:
        if self._ended(number):
            self.cancelled.emit()
        self._tell()
