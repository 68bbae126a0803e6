"""The pipeline's process: builds what it is asked for over a wire, and draws thumbnails beside that. No Qt."""

import contextlib
import os
import queue
import signal
import threading
from multiprocessing.connection import Connection
from typing import Any

from facestudio.app.worker.maker import LocalMaker, Maker, unheard
from facestudio.app.worker.precedence import give_way
from facestudio.app.worker.report import ErrorReport
from facestudio.app.worker.wire import Wire
from facestudio.errors import CancelledError
from facestudio.pipeline.request import CancelToken, Event


def serve(connection: Connection, aside: Connection, make_maker: Any = LocalMaker) -> None:
    """Build until the other end closes or dies.

    Messages in: ("make", number, request, posed, whether events are told), ("cancel", number), ("close",). Messages
    out: ("event", number, event), ("made", number, outcome, figure), ("cancelled", number), ("failed", number,
    report). On the connection aside, functions are called in a thread of their own: ("call", function, arguments) in,
    ("done", result) or ("failed", report) out.
    """
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches all processes of a terminal: the window decides
    give_way()
    _Server(Wire(connection), Wire(aside), make_maker()).run()


class _Server:
    def __init__(self, wire: Wire, aside: Wire, maker: Maker) -> None:
        self._wire, self._aside, self._maker = wire, aside, maker
        self._jobs: queue.Queue[tuple[int, Any, bool, bool]] = queue.Queue()
        self._tokens: dict[int, CancelToken] = {}
        self._lock = threading.Lock()

    def run(self) -> None:
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        with contextlib.suppress(Exception):  # whatever it is, it is told when it is needed
            self._maker.warm_up()
        threading.Thread(target=self._call, name="call", daemon=True).start()
        while True:
            number, request, posed, telling = self._jobs.get()
            try:
                self._make(number, request, posed, telling)
            except (EOFError, OSError):  # nobody is left to build for
                os._exit(0)
            with self._lock:
                self._tokens.pop(number, None)

    def _make(self, number: int, request: Any, posed: bool, telling: bool) -> None:
        def report(event: Event) -> None:
            self._wire.send("event", number, event)

        try:
            heard = report if telling else unheard
            outcome, figure = self._maker.make(request, posed, heard, self._tokens[number])
        except CancelledError:
            self._wire.send("cancelled", number)
        except BaseException as error:  # the person sees it in a dialog
            self._wire.send("failed", number, ErrorReport.of(error))
        else:
            self._wire.send("made", number, outcome, figure)

    def _call(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # nobody is left to work for
            while True:
                _, function, arguments = self._aside.receive()
                try:
                    self._aside.send("done", function(*arguments))
                except Exception as error:
                    self._aside.send("failed", ErrorReport.of(error))

    def _listen(self) -> None:
        try:
            while True:
                kind, *rest = self._wire.receive()
                if kind == "make":
                    with self._lock:
                        self._tokens[rest[0]] = CancelToken()
                    self._jobs.put((rest[0], rest[1], rest[2], rest[3]))
                elif kind == "cancel":
                    with self._lock:
                        token = self._tokens.get(rest[0])
                    if token is not None:
                        token.cancel()
                else:
                    break
        except (EOFError, OSError):
            pass
        # It writes no files, so it may end at any moment; a stage that does not look at its token cannot hold it.
        os._exit(0)
