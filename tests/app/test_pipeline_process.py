"""The pipeline's process: what crosses, cancelling, dying, closing; nothing of it is ever left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from makers import peculiar

from facestudio.app.viewer.figure import common
from facestudio.app.worker.maker import LocalMaker
from facestudio.app.worker.precedence import give_way
from facestudio.app.worker.remote import ProcessMaker, ReportedError
from facestudio.database.model import DEFAULT_DATABASE
from facestudio.errors import CancelledError
from facestudio.pipeline.request import CancelToken, Event, Request
from facestudio.template.model import load_template
from facestudio.values import Photo


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z" if sys.platform == "linux" else True


def wait_until(done: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def maker() -> Iterator[ProcessMaker]:
    maker = ProcessMaker(peculiar)
    yield maker
    maker.close()


@pytest.fixture
def photo() -> Photo:
    return Photo(np.random.default_rng(3).integers(0, 255, (300, 400, 3), dtype=np.uint8), "someone")


def build(maker: Any, request: Request, token: CancelToken | None = None) -> tuple[Any, Any]:
    return maker.make(request, True, lambda event: None, token or CancelToken())


def test_the_figure_is_the_one_made_here(maker: ProcessMaker, photo: Photo) -> None:
    events: list[Event] = []
    outcome, figure = maker.make(Request(photo, texture_size=512), True, events.append, CancelToken())
    _, here = build(LocalMaker(lambda: peculiar()._make_runner()), Request(photo, texture_size=512))
    for name in ("positions", "normals", "marks", "wires", "texture", "coverage"):
        assert np.array_equal(getattr(figure, name), getattr(here, name)), name
    assert not figure.positions.flags.writeable
    assert outcome.head.expression_deltas is load_template().expression_deltas
    assert figure.head is outcome.head
    assert [e.fraction for e in events] == [0.0, 1.0] * 4


def test_what_did_not_change_is_the_same_object_there(maker: ProcessMaker, photo: Photo) -> None:
    """The runner recomputes only what changed, and knows it by being the same."""
    outcome, _ = build(maker, Request(photo, texture_size=0))
    landmarks = outcome.head.landmarks.with_moved(30, (100, 100))
    seen = [
        build(maker, Request(photo, landmarks=landmarks, texture_size=0))[0].notes,
        build(maker, Request(photo, landmarks=landmarks, texture_size=512))[0].notes,
        build(maker, Request(photo, landmarks=landmarks.with_moved(1, (5, 5)), texture_size=0))[0].notes,
    ]
    assert seen == [("True", "False"), ("True", "True"), ("True", "False")]


def test_errors_are_told_as_they_were_there(maker: ProcessMaker, photo: Photo) -> None:
    with pytest.raises(ReportedError) as caught:
        build(maker, Request(photo, database="empty"))
    report = caught.value.report
    assert (report.message, report.hint, report.expected) == ("nobody", "look again", True)
    assert "fake_runner.py" in report.detail


def test_a_stage_is_cancelled_and_the_next_build_works(maker: ProcessMaker, photo: Photo) -> None:
    token = CancelToken()
    timer = threading.Timer(0.3, token.cancel)
    timer.start()
    with pytest.raises(CancelledError):
        build(maker, Request(photo, database="slow"), token)
    timer.join()
    assert build(maker, Request(photo, texture_size=0))[0].head.database == DEFAULT_DATABASE


def test_a_process_that_dies_is_told_and_replaced(maker: ProcessMaker, photo: Photo) -> None:
    build(maker, Request(photo, texture_size=0))
    first = maker.pid
    timer = threading.Timer(0.3, os.kill, (first, signal.SIGTERM))
    timer.start()
    with pytest.raises(RuntimeError, match=r"ended by itself.*F5"):
        build(maker, Request(photo, database="slow"))
    timer.join()
    assert build(maker, Request(photo, texture_size=0))[1] is not None
    assert maker.pid != first
    assert not is_running(first)


def test_closing_does_not_wait_for_a_stage(photo: Photo) -> None:
    maker = ProcessMaker(peculiar)
    build(maker, Request(photo, texture_size=0))
    pid = maker.pid
    failures: list[BaseException] = []

    def work() -> None:
        try:
            build(maker, Request(photo, database="deaf"))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    maker.close()
    thread.join(20)
    assert not thread.is_alive()
    assert not is_running(pid)
    assert [type(f) for f in failures] == [CancelledError]
    with pytest.raises(CancelledError):  # it does not come back
        build(maker, Request(photo))


def test_functions_are_called_there_beside_a_build(maker: ProcessMaker, photo: Photo) -> None:
    """Thumbnails and what the view needs are computed while a head is built, and neither waits for the other."""
    token = CancelToken()
    cancelled: list[bool] = []

    def work() -> None:
        with pytest.raises(CancelledError):
            build(maker, Request(photo, database="slow"), token)
        cancelled.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert maker.call(os.getpid) == maker.pid
        large = np.arange(3_000_000, dtype=np.uint8).reshape(1000, 1000, 3)
        assert np.array_equal(maker.call(np.flipud, large), large[::-1])
        with pytest.raises(ReportedError) as caught:
            maker.call(Path.read_text, Path("/nowhere/at/all"))
        assert "nowhere" in caught.value.report.message
        assert not cancelled
    finally:
        token.cancel()
        thread.join(20)
    assert cancelled


def test_what_all_figures_share_comes_from_there(maker: ProcessMaker) -> None:
    shared, here = maker.call(common), common()
    for name in ("positions", "edges", "occlusion", "gloss"):
        assert np.array_equal(getattr(shared.opened, name), getattr(here.opened, name)), name
    assert not np.array_equal(shared.opened.occlusion, shared.shut.occlusion)
    assert np.array_equal(shared.coarse, here.coarse)
    assert np.array_equal(shared.bent_normals, here.bent_normals)


def test_a_call_ends_with_the_process(photo: Photo) -> None:
    maker = ProcessMaker(peculiar)
    with pytest.raises(CancelledError):  # there is none yet
        maker.call(os.getpid)
    build(maker, Request(photo, texture_size=0))
    timer = threading.Timer(0.3, maker.close)
    timer.start()
    with pytest.raises(CancelledError):
        maker.call(time.sleep, 60)
    timer.join()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_it_ends_when_the_app_is_killed(checkout: Path, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path[:0] = [{str(checkout)!r}, {str(checkout / 'tests' / 'app')!r}]\n"
        "from makers import peculiar\n"
        "from facestudio.app.worker.remote import ProcessMaker\n"
        "if __name__ == '__main__':\n"
        "    maker = ProcessMaker(peculiar)\n"
        "    maker.warm_up()\n"
        "    print(maker.pid, flush=True)\n"
        "    time.sleep(120)\n"
    )
    app = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    with app.stdout:
        pid = int(app.stdout.readline())
        app.kill()
        app.wait()
    wait_until(lambda: not is_running(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="only there threads have a priority each")
def test_what_gives_way_is_that_thread_and_those_it_starts() -> None:
    before, seen = os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), list[int]()

    def look() -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def work() -> None:
        give_way()
        look()
        started = threading.Thread(target=look)
        started.start()
        started.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(seen) == 2
    assert min(seen) > before
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
