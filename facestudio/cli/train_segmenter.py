"""`facestudio train segmenter`: what a photo's pixels show, from synthetic photos."""

import argparse
from dataclasses import asdict
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.cli.train_options import check_training, data_folders, network_options, output_file, writing

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
    data_folders(one)
    network_options(one, "8 photos", 5000)
    output_file(one, "photo-segmenter.onnx")
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
    check_training(args, (*args.data, args.test), ".onnx")
    from facestudio.training.segmenter import save_onnx, train_segmenter
    from facestudio.training.segmenter_data import read_scenes

    left_out = read_scenes([args.test], _MEASURED, console.note)
    scenes = read_scenes(args.data, args.photos, console.note)
    network, report = train_segmenter(scenes, left_out, args.steps, args.seed, args.state, console.note)
    with writing(args.output):
        save_onnx(network, report, args.output)
    console.result(str(args.output))
    shares = ", ".join(f"{name} {value:.1%}" for name, value in report.overlap.items())
    console.result(f"{report.photos} photos, {report.steps} steps; overlap on photos left out: {shares}")
    console.document({"output": args.output, **asdict(report)})
    return 0
