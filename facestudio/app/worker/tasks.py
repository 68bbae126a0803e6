"""Short jobs off the UI thread: reading photos, thumbnails, exports, pictures."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from facestudio.app.worker.report import ErrorReport


class _Job(QRunnable):
    def __init__(self, key: int, function: Callable[[], Any], done: Any) -> None:
        super().__init__()
        self._key, self._function, self._done = key, function, done

    def run(self) -> None:
        """Call the function; what it returns or raises goes to the UI thread by a queued signal."""
        try:
            result: tuple[Any, ErrorReport | None] = (self._function(), None)
        except BaseException as error:  # whatever a file trips a reader into must not end a pool's thread
            result = (None, ErrorReport.of(error))
        self._done.emit(self._key, *result)


class Tasks(QObject):
    """Runs functions in a few threads of its own and hands their results to the UI thread."""

    _done = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._next = 0
        self._waiting: dict[int, tuple[Callable[[Any], None], Callable[[ErrorReport], None]]] = {}
        self._done.connect(self._finish)

    def start(
        self,
        function: Callable[[], Any],
        then: Callable[[Any], None],
        failed: Callable[[ErrorReport], None] | None = None,
        *,
        first: bool = False,
    ) -> int:
        """Run a function in the background; returns a key for `forget`.

        Parameters
        ----------
        function
            Must touch no widget.
        then, failed
            Called in the UI thread with what it returned, or with the report of what it raised.
        first
            Goes before jobs that still wait.
        """
        key = self._next = self._next + 1
        self._waiting[key] = (then, failed or (lambda report: None))
        self._pool.start(_Job(key, function, self._done), 1 if first else 0)
        return key

    def forget(self, key: int) -> None:
        """Drop the result of a job that is no longer wanted."""
        self._waiting.pop(key, None)

    @property
    def busy(self) -> bool:
        """Whether a result is still awaited."""
        return bool(self._waiting)

    def close(self, wait_ms: int = 10_000) -> bool:
        """Drop what waits and wait for what runs; returns whether all of it ended in time."""
        self._waiting.clear()
        self._pool.clear()
        return self._pool.waitForDone(wait_ms)

    def _finish(self, key: int, result: Any, report: ErrorReport | None) -> None:
        handlers = self._waiting.pop(key, None)
        if handlers is None:
            return
        if report is None:
            handlers[0](result)
        else:
            handlers[1](report)
