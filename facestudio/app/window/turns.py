"""Work of the UI thread in slices, so that the window answers between them."""

from collections.abc import Iterator

from PySide6.QtCore import QElapsedTimer, QObject, QTimer

_SLICE_MS = 6


class Turns(QObject):
    """Carries generators out, a few milliseconds in each turn of the event loop; new ones replace what is left."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._left: list[Iterator[None]] = []
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._turn)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.timeout.connect(self._begin)

    @property
    def busy(self) -> bool:
        """Whether something is left to do."""
        return bool(self._left)

    def carry_out(self, *work: Iterator[None], after_ms: int = 0) -> None:
        """Do this, one generator after another, in place of what is left; begin at once, or after a while."""
        self._left = list(work)
        self._delay.stop()
        if self._left and after_ms:
            self._timer.stop()
            self._delay.start(after_ms)
        elif self._left:
            self._timer.start()
        else:
            self._timer.stop()

    def _begin(self) -> None:
        if self._left:
            self._timer.start()

    def finish(self) -> None:
        """Do at once what is left."""
        while self._left:
            self._step()
        self._delay.stop()
        self._timer.stop()

    def _turn(self) -> None:
        clock = QElapsedTimer()
        clock.start()
        while self._left and clock.elapsed() < _SLICE_MS:
            self._step()
        if not self._left:
            self._timer.stop()

    def _step(self) -> None:
        first = self._left[0]
        if next(first, self) is self and self._left and self._left[0] is first:
            self._left.pop(0)
