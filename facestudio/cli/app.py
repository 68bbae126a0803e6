"""`facestudio app`: open the app."""

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.errors import ModelError, UnreadableInputError, UsageError


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "app",
        parents=[common()],
        help="open the app",
        description="Open the app, with a photo if one is named.",
    )
    parser.add_argument("file", nargs="?", metavar="PHOTO", help="open this photo")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Open the app and return its exit code.

    Raises
    ------
    UnreadableInputError
        If the file named is not there.
    UsageError
        If there is no screen.
    ModelError
        If Qt cannot be loaded.
    """
    if args.file is not None and not Path(args.file).is_file():
        raise UnreadableInputError(f"There is no file {args.file}")
    if not has_screen():
        raise UsageError(
            "There is no screen to open the app on",
            hint="Without one: facestudio reconstruct PHOTO --output DIR",
        )
    try:
        from facestudio.app.main import run_app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"PySide6", "shiboken6"}:
            raise
        raise ModelError(
            "The app needs Qt, which is not installed", hint="pip install PySide6-Essentials"
        ) from error
    except ImportError as error:  # Qt is there, a library of the system is not
        raise ModelError(
            f"Qt cannot be loaded: {error}",
            hint="On Debian or Ubuntu: sudo apt-get install libegl1 libopengl0",
        ) from error
    with contextlib.suppress(ValueError):  # not in the main thread
        # Qt's loop swallows what a signal's handler raises: here, being terminated simply ends the process.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return run_app(args.file)


def has_screen() -> bool:
    """Whether Qt would find a screen, or was told to do without; otherwise it ends the process."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
