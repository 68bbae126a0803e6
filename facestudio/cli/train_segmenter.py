"""`facestudio train segmenter`: what a photo's pixels show, from synthetic photos."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.outputs import check_free, make_folder
from facestudio.errors import UnreadableInputError, UsageError, WriteError

_MEASURED = 100


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "segmenter",
        parents=[common()],
        help="skin, hair, beard and what covers a face",
        description="Train the small network that tells skin, hair, beard, covers and background apart in a "
        'photo, from synthetic photos and their masks. Needs the extra "train".',
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
        "--test",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="synthetic photos (--held-out) to measure on",
    )
    one.add_argument(
        "--steps", type=whole_number(1), default=2000, metavar="N", help="of 8 photos each (default: 2000)"
    )
    one.add_argument("--seed", type=whole_number(0), default=1, metavar="S", help="default: 1")
    one.add_argument(
        "--output",
        type=Path,
        default=Path("photo-segmenter.onnx"),
        metavar="FILE.onnx",
        help="default: photo-segmenter.onnx",
    )
    one.add_argument(
        "--photos",
        type=whole_number(20),
        default=5000,
        metavar="N",
        help="learn from so many at most (default: 5000)",
    )
    one.add_argument("--state", type=Path, metavar="FILE", help="keep the state there, and take it up again")
    one.add_argument("--overwrite", action="store_true", help="replace files that are already there")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Train and write the network, and say how well it does on photos left out.

    Raises
    ------
    UnreadableInputError
        If the folders hold too few usable synthetic photos.
    UsageError
        If torch is not installed.
    WriteError
        If a file is there already, or cannot be written.
    """
    if args.output.suffix.lower() != ".onnx":
        raise UsageError(f"{args.output.name}: the network must end in .onnx")
    check_free([args.output], overwrite=args.overwrite)
    for folder in (*args.data, args.test):
        if not folder.is_dir():
            raise UnreadableInputError(f"There is no folder {folder}")
    from facestudio.training.segmenter import save_onnx, train_segmenter
    from facestudio.training.segmenter_data import read_scenes

    left_out = read_scenes([args.test], _MEASURED, console.note)
    scenes = read_scenes(args.data, args.photos, console.note)
    network, report = train_segmenter(scenes, left_out, args.steps, args.seed, args.state, console.note)
    make_folder(args.output.parent)
    try:
        save_onnx(network, report, args.output)
    except OSError as error:
        raise WriteError(f"{args.output} cannot be written: {error.strerror or error}") from error
    console.result(str(args.output))
    shares = ", ".join(f"{name} {value:.1%}" for name, value in report.overlap.items())
    console.result(f"{report.photos} photos, {report.steps} steps; overlap on photos left out: {shares}")
    console.document({"output": args.output, **asdict(report)})
    return 0
