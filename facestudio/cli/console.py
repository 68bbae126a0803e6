"""What the command line says: results on stdout, everything else on stderr."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO


def _plain(value: object) -> object:
    """Make values that json does not know into ones it does."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy arrays and scalars, without importing numpy
        return value.tolist()  # pyright: ignore[reportAttributeAccessIssue]
    raise TypeError(f"{type(value).__name__} has no place in a result")


class Console:
    """Where a command reports to.

    Attributes
    ----------
    quiet
        No progress and no notes; results and errors still appear.
    json
        Results are one JSON document instead of lines.
    """

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.json = json
        self._line = 0  # length of the progress line standing on a terminal
        self._last = ""

    def result(self, text: str) -> None:
        """Print one line of the result, unless the result is to be JSON."""
        if not self.json:
            _write(sys.stdout, text + "\n")

    def document(self, value: Mapping[str, Any]) -> None:
        """Print the whole result as JSON, if that was asked for."""
        if self.json:
            _write(sys.stdout, json.dumps(value, indent=2, default=_plain) + "\n")

    def note(self, text: str) -> None:
        """Tell something worth knowing."""
        if not self.quiet:
            self._end_line()
            _write(sys.stderr, text + "\n")

    def error(self, text: str) -> None:
        """Tell what went wrong; also when quiet."""
        self._end_line()
        _write(sys.stderr, text + "\n")

    def progress(self, fraction: float, message: str) -> None:
        """Show how far the work is: one moving line on a terminal, one line per new message elsewhere.

        Parameters
        ----------
        fraction
            0..1.
        message
            What is being done now.
        """
        if self.quiet:
            return
        text = f"{round(100 * min(max(fraction, 0.0), 1.0)):3d} %  {message}"
        if sys.stderr.isatty():
            _write(sys.stderr, "\r" + text.ljust(self._line))
            self._line = len(text)
        elif message != self._last:
            _write(sys.stderr, text + "\n")
        self._last = message

    def done(self) -> None:
        """End the progress line, so that what follows starts on a line of its own."""
        self._end_line()
        self._last = ""

    def _end_line(self) -> None:
        if self._line:
            _write(sys.stderr, "\n")
            self._line = 0


def _write(stream: TextIO, text: str) -> None:
    """Write to a stream; one that nobody reads any more must not stop the work."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _discard(stream)


def _discard(stream: TextIO) -> None:
    # What is written from now on, also at exit, goes nowhere; otherwise Python complains at exit.
    with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def close() -> None:
    """Flush both streams, quietly if nobody reads them."""
    for stream in (sys.stdout, sys.stderr):
        _write(stream, "")


def prepare_streams() -> None:
    """Let names that the terminal's encoding lacks appear escaped instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
