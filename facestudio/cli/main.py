"""The command line: parser, dispatch, and what each kind of failure prints and exits with."""

import argparse
import errno
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from facestudio import __version__
from facestudio.cli import app, database, evaluate, info, landmarks, reconstruct, render, synthesize, train
from facestudio.cli.console import Console, close, prepare_streams
from facestudio.cli.options import Parser
from facestudio.errors import CancelledError, FacestudioError, WriteError

# In the order the help lists them.
COMMANDS = (app, reconstruct, landmarks, render, synthesize, info, database, evaluate, train)

_CANNOT_WRITE = {errno.ENOSPC, errno.EROFS, errno.EDQUOT if hasattr(errno, "EDQUOT") else errno.ENOSPC}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="facestudio",
        description="One photo of a face becomes a complete, textured, closed 3D head.",
        epilog="Without a command, the app opens. Help on a command: facestudio COMMAND --help.\n"
        "Exit codes: 0 done, 1 internal error, 2 wrong usage, 3 no face found, 4 unreadable input, 5 a model "
        "or database missing or damaged, 6 cannot write, 7 some of several inputs failed, 130 cancelled.",
    )
    parser.add_argument("--version", action="version", version=f"facestudio {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for module in COMMANDS:
        module.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        The arguments after the program's name; those of the process if None.

    Returns
    -------
    int
        The exit code (see facestudio.errors).
    """
    prepare_streams()
    arguments = list(sys.argv[1:] if argv is None else argv) or ["app"]
    try:
        args = build_parser().parse_args(arguments)
    except SystemExit as stop:  # argparse ends --help and wrong usage this way
        close()
        return stop.code if isinstance(stop.code, int) else 2
    console = Console(quiet=args.quiet, json=args.json)
    code = _guarded(args, console, arguments)
    console.done()
    close()
    return code


def main_app() -> int:
    """Open the app: what the desktop's icon starts. An argument is a photo to open."""
    return main(["app", *sys.argv[1:]])


def _guarded(args: argparse.Namespace, console: Console, arguments: list[str]) -> int:
    interrupts: list[int] = []
    try:
        with _signals_interrupt(interrupts):
            code: int = args.run(args, console)
        return code
    except KeyboardInterrupt:
        return _fail(console, CancelledError("Cancelled."))
    except Exception as error:
        if interrupts:  # libraries that it hits while they are loaded make an error of their own of it
            return _fail(console, CancelledError("Cancelled."))
        if isinstance(error, FacestudioError):
            return _fail(console, error)
        if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
            return _fail(console, WriteError(f"Cannot write: {error.strerror}"))
        path = save_report(error, arguments)
        message = f"Internal error: {type(error).__name__}: {error}"
        console.error(message)
        console.error(f"This should not happen. A report is saved in {path}")
        console.document({"error": {"message": message, "hint": "", "exit_code": 1, "report": path}})
        return FacestudioError.exit_code


def _fail(console: Console, error: FacestudioError) -> int:
    console.error(f"facestudio: {error}")
    if error.hint:
        console.error(error.hint)
    console.document({"error": {"message": str(error), "hint": error.hint, "exit_code": error.exit_code}})
    return error.exit_code


@contextmanager
def _signals_interrupt(received: list[int]) -> Generator[None]:
    """Let SIGTERM end the work as Ctrl-C does, so that files are cleaned up and the exit code is 130.

    The signals that come are added to `received`.
    """

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    before: dict[int, Any] = {}
    try:
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, interrupt)
        # Whoever ignores Ctrl-C, as shells do for work in the background, goes on to.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def save_report(error: BaseException, arguments: Sequence[str]) -> Path:
    """Save what is needed to understand an internal error.

    Returns
    -------
    Path
        The report: in the user's log folder, or in the temporary folder if that cannot be written.
    """
    from facestudio.paths import user_log

    text = "\n".join(
        [
            f"facestudio {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"arguments: {list(arguments)!r}",
            "",
            *traceback.format_exception(error),
        ]
    )
    name = time.strftime("report-%Y%m%d-%H%M%S")
    try:
        folder = user_log()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.txt"
        number = 2
        while path.exists():
            path = folder / f"{name}-{number}.txt"
            number += 1
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return path
    except OSError:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="facestudio-",
            suffix=".txt",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as file:
            file.write(text)
        return Path(file.name)
