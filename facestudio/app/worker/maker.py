"""Who makes figures of requests: the runner in this process, or one in a process of its own."""

from collections.abc import Callable
from typing import Any, Protocol

from facestudio.pipeline.request import CancelToken, Event, Outcome, Request


class RunnerLike(Protocol):
    """What the app needs of the pipeline's runner."""

    def run(
        self, request: Request, on_event: Callable[[Event], None], cancel: CancelToken
    ) -> Outcome:  # pragma: no cover
        """Reconstruct; see facestudio.pipeline.runner."""
        ...


class Maker(Protocol):
    """Makes outcomes and figures (facestudio.app.viewer.figure.Figure); used in one thread, but for `close`."""

    def warm_up(self) -> None:  # pragma: no cover
        """Load what the first build would otherwise wait for."""
        ...

    def make(
        self, request: Request, posed: bool, on_event: Callable[[Event], None], cancel: CancelToken
    ) -> tuple[Outcome, Any]:  # pragma: no cover
        """Reconstruct, and make the head ready to be shown."""
        ...

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:  # pragma: no cover
        """Call a function of a module in the pipeline's process if it has one; not in the UI thread."""
        ...

    def close(self) -> None:  # pragma: no cover
        """Give everything back; what still runs ends with CancelledError."""
        ...


def unheard(event: Event) -> None:
    """Take an event that nobody wants: makers that know it do not tell of any."""


def shipped_runner() -> RunnerLike:
    """Return the pipeline's runner, after loading all that it needs (slow: not on the UI thread)."""
    from facestudio.pipeline.runner import Runner

    return Runner()


class LocalMaker:
    """Runs in the calling thread."""

    def __init__(self, make_runner: Callable[[], RunnerLike] = shipped_runner) -> None:
        self._make_runner = make_runner
        self._runner: RunnerLike | None = None

    def warm_up(self) -> None:
        """Load the template and the runner."""
        from facestudio.template.subdivision import topology

        topology(1)
        if self._runner is None:
            self._runner = self._make_runner()

    def make(
        self, request: Request, posed: bool, on_event: Callable[[Event], None], cancel: CancelToken
    ) -> tuple[Outcome, Any]:
        """Reconstruct, and make the head ready to be shown."""
        from facestudio.app.viewer.figure import make_figure

        cancel.check()
        if self._runner is None:
            self._runner = self._make_runner()
        outcome = self._runner.run(request, on_event, cancel)
        cancel.check()
        return outcome, make_figure(outcome.head, posed)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call it here."""
        return function(*arguments)

    def close(self) -> None:
        """Nothing is held."""
