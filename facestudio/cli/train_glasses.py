"""`facestudio train glasses`: where a photo shows glasses, from synthetic photos and portraits without any."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.outputs import check_free, make_folder
from facestudio.errors import UnreadableInputError, UsageError, WriteError

_MEASURED = 300


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "glasses",
        parents=[common()],
        help="the frames of glasses",
        description="Train the small network that tells where a photo shows the frames of glasses, from synthetic "
        'photos, and from portraits onto which glasses are drawn. Needs the extra "train".',
    )
    one.add_argument(
        "--data",
        type=Path,
        required=True,
        action="append",
        metavar="FOLDER",
        help="from facestudio synthesize; may be given several times",
    )
    one.add_argument(
        "--portraits",
        type=Path,
        default=[],
        action="append",
        metavar="FOLDER",
        help="photos (.jpg) of people without glasses; may be given several times",
    )
    one.add_argument(
        "--test",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="synthetic photos (--held-out) to measure on",
    )
    one.add_argument(
        "--steps", type=whole_number(1), default=2000, metavar="N", help="of 16 windows each (default: 2000)"
    )
    one.add_argument("--seed", type=whole_number(0), default=1, metavar="S", help="default: 1")
    one.add_argument(
        "--output",
        type=Path,
        default=Path("glasses.onnx"),
        metavar="FILE.onnx",
        help="default: glasses.onnx",
    )
    one.add_argument(
        "--photos",
        type=whole_number(20),
        default=6000,
        metavar="N",
        help="learn from so many synthetic photos at most (default: 6000)",
    )
    one.add_argument("--state", type=Path, metavar="FILE", help="keep the state there, and take it up again")
    one.add_argument("--overwrite", action="store_true", help="replace files that are already there")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Train and write the network, and say how well it does on photos left out.

    Raises
    ------
    UnreadableInputError
        If the folders hold too few usable photos.
    UsageError
        If torch is not installed.
    WriteError
        If a file is there already, or cannot be written.
    """
    if args.output.suffix.lower() != ".onnx":
        raise UsageError(f"{args.output.name}: the network must end in .onnx")
    check_free([args.output], overwrite=args.overwrite)
    for folder in (*args.data, *args.portraits, args.test):
        if not folder.is_dir():
            raise UnreadableInputError(f"There is no folder {folder}")
    from facestudio.training.glasses import save_onnx, train_glasses
    from facestudio.training.glasses_data import joined, read_portraits, read_windows

    left_out = read_windows([args.test], _MEASURED, console.note)
    windows = read_windows(args.data, args.photos, console.note)
    if args.portraits:
        # Real faces are few and tell most: each counts as several.
        portraits = read_portraits(args.portraits, console.note)
        windows = joined([windows, *[portraits] * max(1, len(windows) // (4 * len(portraits)))])
    network, report = train_glasses(windows, left_out, args.steps, args.seed, args.state, console.note)
    make_folder(args.output.parent)
    try:
        save_onnx(network, report, args.output)
    except OSError as error:
        raise WriteError(f"{args.output} cannot be written: {error.strerror or error}") from error
    console.result(str(args.output))
    console.result(
        f"{report.photos} windows, {report.steps} steps; photos left out: overlap {report.overlap:.1%}, glasses "
        f"found in {report.found:.1%} of those with some, in {report.false_alarms:.1%} of those without"
    )
    console.document({"output": args.output, **asdict(report)})
    return 0
