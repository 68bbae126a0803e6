"""What the commands that train have in common: their options, what they check before, and how they write."""

import argparse
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facestudio.cli.options import whole_number
from facestudio.cli.outputs import check_free, make_folder
from facestudio.errors import UnreadableInputError, UsageError, WriteError

SYNTHETIC = "from facestudio synthesize"


def data_folders(one: Any, what: str = SYNTHETIC, *, required: bool = True, name: str = "--data") -> None:
    """Add folders to learn from."""
    text = f"{what}; may be given several times" if what else "may be given several times"
    default: list[Path] | None = None if required else []
    one.add_argument(
        name, type=Path, required=required, default=default, action="append", metavar="FOLDER", help=text
    )


def output_file(one: Any, default: str) -> None:
    """Add the file that is written, and whether it may replace another."""
    kind = f"FILE{Path(default).suffix}"
    one.add_argument("--output", type=Path, default=Path(default), metavar=kind, help=f"default: {default}")
    one.add_argument("--overwrite", action="store_true", help="replace files that are already there")


def work_folder(one: Any) -> None:
    """Add the folder in which what was read is kept."""
    text = "keep what was read there: what was stopped goes on after it"
    one.add_argument("--work", type=Path, metavar="DIR", help=text)


def seed(one: Any) -> None:
    """Add the seed."""
    one.add_argument("--seed", type=whole_number(0), default=1, metavar="S", help="default: 1")


def network_options(one: Any, batch: str, photos: int, kind: str = "") -> None:
    """Add what the training of a small network takes: steps of a `batch`, so many `photos` of a `kind` at most."""
    one.add_argument(
        "--test",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="synthetic photos (--held-out) to measure on",
    )
    steps = whole_number(1)
    one.add_argument(
        "--steps", type=steps, default=2000, metavar="N", help=f"of {batch} each (default: 2000)"
    )
    seed(one)
    one.add_argument(
        "--photos",
        type=whole_number(20),
        default=photos,
        metavar="N",
        help=f"learn from so many {kind}at most (default: {photos})",
    )
    one.add_argument("--state", type=Path, metavar="FILE", help="keep the state there, and take it up again")


def check_training(args: argparse.Namespace, folders: Iterable[Path], ending: str = ".npz") -> None:
    """Refuse, before any work is done, what could not be read or written.

    Raises
    ------
    UsageError
        If the output has another ending.
    WriteError
        If it is there and may not be replaced.
    UnreadableInputError
        If a folder is not there.
    """
    if args.output.suffix.lower() != ending:
        raise UsageError(f"{args.output.name}: the file must end in {ending}")
    check_free([args.output], overwrite=args.overwrite)
    for folder in folders:
        if not folder.is_dir():
            raise UnreadableInputError(f"There is no folder {folder}")


@contextmanager
def writing(path: Path) -> Generator[Path]:
    """Make a file's folder, and tell in one line why the file cannot be written.

    Raises
    ------
    WriteError
        If it, or its folder, cannot be written.
    """
    make_folder(path.parent)
    try:
        yield path
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
