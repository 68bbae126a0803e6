"""`facestudio train shape`: the shape observer, from synthetic photos."""

import argparse
from dataclasses import asdict
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.cli.train_options import check_training, data_folders, output_file, work_folder, writing
from facestudio.errors import WriteError


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "shape",
        parents=[common()],
        help="what a photo says of a face's shape",
        description="Train the shape observer: a regression from what the landmarker's network sees to the shape "
        "model's coefficients and to what the located points missed, from synthetic photos. Its errors are measured "
        "on photos left out.",
    )
    data_folders(one)
    output_file(one, "shape-observer.npz")
    work_folder(one)
    one.add_argument(
        "--held-back",
        action="store_true",
        help="also learn anew without each kind of light, hair and skin, and tell how photos of it are read (slow)",
    )
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Train and write the observer, and print what it explains.

    Raises
    ------
    UnreadableInputError
        If the folders hold too few usable synthetic photos.
    WriteError
        If a file is there already, or cannot be written.
    """
    check_training(args, args.data)
    from facestudio.database.archive import save_arrays
    from facestudio.database.shape_model import load_shape_model
    from facestudio.fitting.observer import observer_arrays
    from facestudio.template.model import load_template
    from facestudio.training.held_back import held_back
    from facestudio.training.shape_observer import learn_observer
    from facestudio.training.shape_samples import read_samples

    template, model = load_template(), load_shape_model()
    try:
        samples = read_samples(args.data, model, template, args.work, console.note)
    except OSError as error:
        raise WriteError(f"{args.work} cannot be written: {error.strerror or error}") from error
    kinds = held_back(samples, model, template, console.note) if args.held_back else ()
    observer, report = learn_observer(samples, model, template, console.note)
    with writing(args.output):
        save_arrays(args.output, observer_arrays(observer))
    console.result(str(args.output))
    before, after = report.points_mm
    console.result(
        f"{report.photos} photos, {report.left_out} left out; of faces' variance {report.explained:.1%} explained on "
        f"photos left out; points off by {before:.2f} mm before, {after:.2f} mm after"
    )
    for photos, explained in report.curve:
        console.result(f"{photos:>7} photos: {explained:.1%}")
    for row in kinds:
        console.result(
            f"{row.what} {row.kind}: {row.photos} photos, {row.seen:.1%} explained; held back {row.unseen:.1%}"
        )
    held = [asdict(row) for row in kinds]
    console.document({"output": args.output, **asdict(report), "held_back": held})
    return 0
