"""`facestudio train refiner`: the last stage of the Active Shape Model in drawn photos."""

import argparse
from dataclasses import asdict
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.cli.train_options import check_training, data_folders, output_file, work_folder, writing
from facestudio.errors import ModelError, WriteError


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "refiner",
        parents=[common()],
        help="what moves the landmarks of drawn faces once more",
        description="Train the landmark refiner: linear steps from what the landmarker's network sees around the "
        "points that the Active Shape Model found to where they belong, from synthetic photos that this has not learnt "
        "from.",
    )
    data_folders(one)
    output_file(one, "landmark-refiner.npz")
    work_folder(one)
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Train and write the refiner, and print what it gains.

    Raises
    ------
    UnreadableInputError
        If the folders hold too few usable synthetic photos.
    ModelError
        If the shipped Active Shape Model knows no drawn photos.
    WriteError
        If a file is there already, or cannot be written.
    """
    check_training(args, args.data)
    from facestudio.database.archive import save_arrays
    from facestudio.database.shape_model import load_shape_model
    from facestudio.landmarks.asm.model import load_asm
    from facestudio.landmarks.refiner import refiner_arrays
    from facestudio.template.model import load_template
    from facestudio.training.landmark_refiner import learn_refiner, read_refiner_samples

    template, model, asm = load_template(), load_shape_model(), load_asm().drawn
    if asm is None:
        raise ModelError("The Active Shape Model was not trained on drawn photos")
    try:
        samples = read_refiner_samples(args.data, asm, model, template, args.work, console.note)
    except OSError as error:
        raise WriteError(f"{args.work} cannot be written: {error.strerror or error}") from error
    refiner, report = learn_refiner(samples, model, template, console.note)
    with writing(args.output):
        save_arrays(args.output, refiner_arrays(refiner))
    console.result(str(args.output))
    console.result(
        f"{report.samples} faces, {report.left_out} left out; median error on photos left out, % of the outer eye "
        f"distance: below 30 degrees {report.frontal[0]:.2f} before, {report.frontal[1]:.2f} after; beyond "
        f"{report.turned[0]:.2f} and {report.turned[1]:.2f}"
    )
    console.document({"output": args.output, **asdict(report)})
    return 0
