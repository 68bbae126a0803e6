"""`facestudio train glasses`: where a photo shows glasses, from synthetic photos and portraits without any."""

import argparse
from dataclasses import asdict
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.cli.train_options import check_training, data_folders, network_options, output_file, writing

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
    data_folders(one)
    data_folders(one, "photos (.jpg) of people without glasses", required=False, name="--portraits")
    network_options(one, "16 windows", 6000, "synthetic photos ")
    output_file(one, "glasses.onnx")
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
    check_training(args, (*args.data, *args.portraits, args.test), ".onnx")
    from facestudio.training.glasses import save_onnx, train_glasses
    from facestudio.training.glasses_data import joined, read_portraits, read_windows

    left_out = read_windows([args.test], _MEASURED, console.note)
    windows = read_windows(args.data, args.photos, console.note)
    if args.portraits:
        # Real faces are few and tell most: each counts as several.
        portraits = read_portraits(args.portraits, console.note)
        windows = joined([windows, *[portraits] * max(1, len(windows) // (4 * len(portraits)))])
    network, report = train_glasses(windows, left_out, args.steps, args.seed, args.state, console.note)
    with writing(args.output):
        save_onnx(network, report, args.output)
    console.result(str(args.output))
    console.result(
        f"{report.photos} windows, {report.steps} steps; photos left out: overlap {report.overlap:.1%}, glasses "
        f"found in {report.found:.1%} of those with some, in {report.false_alarms:.1%} of those without"
    )
    console.document({"output": args.output, **asdict(report)})
    return 0
