"""Makers for the pipeline's process: importable there."""

import time
from typing import Any

from fake_runner import FakeRunner

from facestudio.app.worker.maker import LocalMaker
from facestudio.errors import NoFaceError
from facestudio.pipeline.request import Stage


class Peculiar(FakeRunner):
    """A fake runner whose behaviour the request's database names, and that counts photos it has not seen."""

    def __init__(self) -> None:
        super().__init__()
        self._photo: Any = None
        self._landmarks: Any = None

    def run(self, request: Any, on_event: Any, cancel: Any) -> Any:
        self.error = NoFaceError("nobody", hint="look again") if request.database == "empty" else None
        self.stage_seconds = {Stage.SHAPE: 60.0} if request.database == "slow" else {}
        if request.database == "deaf":  # does not look at its token
            time.sleep(60)
        same = request.photo is self._photo, request.landmarks is self._landmarks
        self._photo, self._landmarks = request.photo, request.landmarks
        outcome = super().run(request, on_event, cancel)
        return type(outcome)(outcome.head, outcome.faces, tuple(str(s) for s in same))


def peculiar() -> LocalMaker:
    return LocalMaker(Peculiar)
