"""`facestudio train points`: the point refiner, from synthetic photos."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.outputs import check_free, make_folder
from facestudio.errors import UnreadableInputError, UsageError, WriteError


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "points",
        parents=[common()],
        help="how far located points missed",
        description="Train the point refiner: regressions in stages from the face's gradients to the places that the "
        "located points missed, from synthetic photos. Its errors are measured on photos left out.",
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
        "--output",
        type=Path,
        default=Path("point-refiner.npz"),
        metavar="FILE.npz",
        help="default: point-refiner.npz",
    )
    one.add_argument("--seed", type=whole_number(0), default=1, metavar="S", help="of the folds (default: 1)")
    one.add_argument("--overwrite", action="store_true", help="replace files that are already there")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Train and write the refiner, and print how near its points come.

    Raises
    ------
    UnreadableInputError
        If the folders hold too few usable synthetic photos.
    WriteError
        If a file is there already, or cannot be written.
    """
    if args.output.suffix.lower() != ".npz":
        raise UsageError(f"{args.output.name}: the model must end in .npz")
    check_free([args.output], overwrite=args.overwrite)
    for folder in args.data:
        if not folder.is_dir():
            raise UnreadableInputError(f"There is no folder {folder}")
    from facestudio.database.archive import save_arrays
    from facestudio.database.shape_model import load_shape_model
    from facestudio.fitting.refiner import refiner_arrays
    from facestudio.template.model import load_template
    from facestudio.training.point_refiner import learn_refiner, read_located

    samples = read_located(args.data, console.note)
    refiner, report = learn_refiner(samples, load_shape_model(), load_template(), args.seed, console.note)
    make_folder(args.output.parent)
    try:
        save_arrays(args.output, refiner_arrays(refiner))
    except OSError as error:
        raise WriteError(f"{args.output} cannot be written: {error.strerror or error}") from error
    console.result(str(args.output))
    steps = " -> ".join(f"{rms:.2f}" for rms in report.rms_mm)
    console.result(f"{report.photos} photos; error on photos left out, mm an axis: {steps}")
    console.document({"output": args.output, **asdict(report)})
    return 0
