"""`facestudio train convention`: where people put the 68 points, against the template's."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.cli.outputs import check_free, make_folder
from facestudio.errors import UnreadableInputError, UsageError, WriteError


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "convention",
        parents=[common()],
        help="where people put the 68 points",
        description="Learn how far the 68 points as people put them lie from the template's, from real photos of calm "
        "faces seen from the front. Points set by hand are not needed: they are located.",
    )
    one.add_argument(
        "--data",
        type=Path,
        required=True,
        action="append",
        metavar="FOLDER",
        help="photos; may be given several times",
    )
    one.add_argument(
        "--output",
        type=Path,
        default=Path("ibug68-people.npz"),
        metavar="FILE.npz",
        help="default: ibug68-people.npz",
    )
    one.add_argument("--overwrite", action="store_true", help="replace files that are already there")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Learn and write the offsets.

    Raises
    ------
    UnreadableInputError
        If the folders hold too few usable photos.
    WriteError
        If a file is there already, or cannot be written.
    """
    if args.output.suffix.lower() != ".npz":
        raise UsageError(f"{args.output.name}: the file must end in .npz")
    check_free([args.output], overwrite=args.overwrite)
    for folder in args.data:
        if not folder.is_dir():
            raise UnreadableInputError(f"There is no folder {folder}")
    import numpy as np

    from facestudio.database.archive import save_arrays
    from facestudio.database.model import load_database
    from facestudio.template.model import load_template
    from facestudio.training.landmark_convention import convention_arrays, learn_convention

    offsets, photos = learn_convention(args.data, load_database("studio"), load_template(), console.note)
    make_folder(args.output.parent)
    try:
        save_arrays(args.output, convention_arrays(offsets, photos))
    except OSError as error:
        raise WriteError(f"{args.output} cannot be written: {error.strerror or error}") from error
    size = float(np.sqrt((offsets**2).sum(axis=1).mean()))
    console.result(str(args.output))
    console.result(
        f"{photos} photos; people's points lie {size:.1f} mm from the template's (root mean square)"
    )
    console.document({"output": args.output, "photos": photos, "offset_mm": size})
    return 0
