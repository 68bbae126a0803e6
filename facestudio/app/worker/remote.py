"""The pipeline in a process of its own: it then shares neither Python's lock nor its pauses with the window."""

import contextlib
import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

from facestudio.app.worker.maker import LocalMaker, Maker, unheard
from facestudio.app.worker.report import ErrorReport
from facestudio.app.worker.server import serve
from facestudio.app.worker.wire import Wire
from facestudio.errors import CancelledError
from facestudio.pipeline.request import CancelToken, Event, Outcome, Request

_POLL_S = 0.01
_END_S = 3.0


class ReportedError(Exception):
    """What went wrong in the other process, as told there."""

    def __init__(self, report: ErrorReport) -> None:
        super().__init__(report.message)
        self.report = report


class ProcessMaker:
    """A Maker whose work is done in a process that is started once and kept warm.

    If that process dies, the build that ran fails with RuntimeError and the next one starts another process.
    """

    def __init__(self, make_maker: Callable[[], Maker] = LocalMaker) -> None:
        self._make_maker = make_maker
        self._process: Any = None
        self._wire: Wire | None = None
        self._aside: Wire | None = None
        self._calling = threading.Lock()
        self._number = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process's number, None before it was started."""
        return None if self._process is None else self._process.pid

    def warm_up(self) -> None:
        """Start the process; it loads what it needs while nobody waits, and computes what the view needs."""
        if self._wire is None and not self._closed:
            self._start()
            threading.Thread(target=self._fetch_common, name="facestudio-common", daemon=True).start()

    def _fetch_common(self) -> None:
        from facestudio.app.viewer.figure import common, deliver_common, order_common

        if order_common():
            value = None
            with contextlib.suppress(CancelledError, ReportedError):  # the view then computes it itself
                value = self.call(common)
            deliver_common(value)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        (mine, theirs), (my_aside, their_aside) = context.Pipe(), context.Pipe()
        # A daemon: should this process end in disorder, its exit handler takes the other along.
        process = context.Process(
            target=serve,
            args=(theirs, their_aside, self._make_maker),
            name="facestudio-pipeline",
            daemon=True,
        )
        process.start()
        self._process = process
        theirs.close()
        their_aside.close()
        self._wire, self._aside = Wire(mine), Wire(my_aside)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of a module there, beside what is built, and wait here; for a thread.

        Raises
        ------
        CancelledError
            If there is no process, or it ends.
        ReportedError
            If the function failed.
        """
        with self._calling:
            aside = self._aside
            if aside is None or self._closed:
                raise CancelledError("closed")
            try:
                aside.send("call", function, arguments)
                while not aside.connection.poll(_POLL_S):
                    if self._closed or self._aside is not aside:
                        raise CancelledError("closed")
                kind, answer = aside.receive()
            except (EOFError, OSError):
                raise CancelledError("closed") from None
        if kind == "failed":
            raise ReportedError(answer)
        return answer

    def make(
        self, request: Request, posed: bool, on_event: Callable[[Event], None], cancel: CancelToken
    ) -> tuple[Outcome, Any]:
        """Reconstruct there, wait here.

        Raises
        ------
        CancelledError
            If `cancel` was set or this maker was closed.
        ReportedError
            If the pipeline failed.
        RuntimeError
            If the process died.
        """
        self.warm_up()
        wire = self._wire
        if wire is None:
            raise CancelledError("closed")
        self._number += 1
        try:
            wire.send("make", self._number, request, posed, on_event is not unheard)
            return self._await(wire, on_event, cancel)
        except (EOFError, OSError) as error:
            self._drop()
            if self._closed:
                raise CancelledError("closed") from None
            raise RuntimeError(
                f"The process that builds heads ended by itself ({self._ending()}). Build again with F5."
            ) from error

    def _await(
        self, wire: Wire, on_event: Callable[[Event], None], cancel: CancelToken
    ) -> tuple[Outcome, Any]:
        told = False
        while True:
            if self._closed:
                raise CancelledError("closed")
            if cancel.cancelled and not told:
                wire.send("cancel", self._number)
                told = True
            if not wire.connection.poll(_POLL_S):
                continue
            kind, number, *rest = wire.receive()
            if number != self._number:  # of a request before
                continue
            if kind == "event":
                on_event(rest[0])
            elif kind == "made":
                cancel.check()
                return rest[0], rest[1]
            elif kind == "cancelled":
                raise CancelledError("cancelled")
            else:
                raise ReportedError(rest[0])

    def close(self) -> None:
        """End the process, from any thread; a `make` that waits gives up within a moment."""
        self._closed = True
        if self._wire is not None:
            with contextlib.suppress(OSError):  # it is gone already
                self._wire.send("close")
        if self._process is not None:
            self._process.join(_END_S)
        self._drop()

    def _ending(self) -> str:
        code = None if self._process is None else self._process.exitcode
        return "unknown" if code is None else f"signal {-code}" if code < 0 else f"code {code}"

    def _drop(self) -> None:
        """Let go of the process, whatever state it is in."""
        for wire in (self._wire, self._aside):
            if wire is not None:
                wire.close()
        self._wire = self._aside = None
        if self._process is not None and self._process.is_alive():
            self._process.join(0.2)
            if self._process.is_alive():
                self._process.kill()
                self._process.join(_END_S)
