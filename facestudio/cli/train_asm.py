"""`facestudio train asm`: an Active Shape Model from one's own photos with points."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.train_options import check_training, data_folders, output_file, seed, writing


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "asm",
        parents=[common()],
        help="an Active Shape Model from photos with points",
        description="Train an Active Shape Model from photos with 68 points beside them: .pts (with or without "
        "header), .tem of 189 points with a map, .json, or the .npz of synthetic photos. Files that cannot be used "
        "are listed and left out.",
    )
    data_folders(one, "")
    one.add_argument(
        "--scheme", choices=("ibug68", "xm2vts68"), help="order of the 68 points (default: ibug68)"
    )
    one.add_argument(
        "--tem-map",
        type=Path,
        metavar="FILE",
        help="for .tem files (default: tem189_to_ibug68.json in the folder)",
    )
    output_file(one, "asm.npz")
    one.add_argument(
        "--copies",
        type=whole_number(0, 200),
        default=20,
        metavar="N",
        help="changed copies of each photo and of its mirror image (default: 20)",
    )
    one.add_argument(
        "--synthetic-copies",
        type=whole_number(0, 200),
        default=1,
        metavar="N",
        help="the same of a synthetic photo (default: 1)",
    )
    one.add_argument(
        "--drawn",
        type=Path,
        metavar="FILE.npz",
        help="take the part for drawn photos from this model; a thousand synthetic photos in --data then suffice",
    )
    seed(one)
    one.add_argument(
        "--source", default="", metavar="TEXT", help="written into the model: where the photos are from"
    )
    one.add_argument("--licence", default="", metavar="TEXT", help="written into the model")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Train and write the model, and print what was used and measured.

    Raises
    ------
    UnreadableInputError
        If a folder holds no usable photos with points.
    ModelError
        If the model for drawn photos is missing or damaged.
    """
    check_training(args, args.data)
    from facestudio.database.archive import save_arrays
    from facestudio.landmarks.asm.model import asm_arrays, load_drawn_part
    from facestudio.training.asm.annotated import AnnotatedPhoto, Problem, read_annotated_folder
    from facestudio.training.asm.options import AsmOptions
    from facestudio.training.asm.train import train_asm

    photos: list[AnnotatedPhoto] = []
    problems: list[Problem] = []
    for folder in args.data:
        found, wrong = read_annotated_folder(
            folder, scheme=args.scheme, tem_map=args.tem_map, say=console.note
        )
        photos += found
        problems += wrong
    console.note(f"{len(photos)} photos with points, {len(problems)} files left out")
    texts = {"source": args.source, "licence": args.licence, "command": "facestudio train asm"}
    options = AsmOptions(
        seed=args.seed,
        copies=args.copies,
        synthetic_copies=args.synthetic_copies,
        provenance={key: value for key, value in texts.items() if value},
    )
    known = None if args.drawn is None else load_drawn_part(args.drawn)
    model, report = train_asm(photos, options, known=known, say=console.note)
    with writing(args.output):
        save_arrays(args.output, asm_arrays(model))
    console.result(str(args.output))
    console.result(
        f"{report.photos} photos ({report.synthetic} synthetic), {report.samples} samples; error in % of the "
        f"outer-eye distance: mesh {report.mesh_error:.2f}, ASM {report.asm_error:.2f} (people left out)"
    )
    console.document(
        {
            "output": args.output,
            **asdict(report),
            "left_out": [{"file": str(p.path), "reason": p.reason} for p in problems],
        }
    )
    return 0
