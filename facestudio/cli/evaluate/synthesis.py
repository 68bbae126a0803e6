"""`facestudio evaluate synthesis`: what synthetic photos are worth."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.errors import UnreadableInputError


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "synthesis",
        parents=[common()],
        help="what synthetic photos are worth",
        description="Measure how many of a folder's synthetic photos the landmarker finds the face in, and how far "
        "its points scatter about the truth; with --real, learn a correction of the mesh from them and try it on "
        "real photos.",
    )
    one.add_argument(
        "--photos", type=Path, required=True, metavar="DIR", help="made by facestudio synthesize"
    )
    one.add_argument(
        "--real",
        type=Path,
        metavar="DIR",
        help="photos with .tem files of 189 points and tem189_to_ibug68.json",
    )
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure synthetic photos, and print tables in per cent of the distance between the outer eye corners.

    Raises
    ------
    UnreadableInputError
        If the folder holds no synthetic photos, or the real photos cannot be read.
    """
    from facestudio.evaluation.synthesis import LARGEST_YAW, evaluate_synthesis

    for folder in (args.photos, args.real):
        if folder is not None and not folder.is_dir():
            raise UnreadableInputError(f"There is no folder {folder}")
    report = evaluate_synthesis(args.photos, args.real, console.note)
    share = report.found / max(report.asked, 1)
    console.result(
        f"faces found: {report.found} of {report.asked} ({share:.1%}) below {LARGEST_YAW:.0f} degrees without occluder"
    )
    console.result(
        "scatter about the truth after a constant offset for each point, % of the eyes' distance: of all,"
    )
    console.result(
        f"of {report.portraits} photos like portraits (from the front, calm, without glasses), of real ones"
    )
    real = {} if report.early is None else report.early.parts
    for name, value in report.parts.items():
        beside = [
            f"{column[name]:7.2f}" if name in column else "      -"
            for column in (report.portrait_parts, real)
        ]
        console.result(f"{name:<22} {value:7.2f} {' '.join(beside)}")
    if report.early is not None:
        early = report.early
        console.result(f"real photos ({early.photos}): mean error, %{'68 points':>22} {'inner 51':>9}")
        for label, value in (
            ("mesh as located", early.located),
            ("mesh, constant offset for each point", early.offset),
            ("corrected by synthetic photos", early.corrected),
            ("corrected, constant offset", early.both),
        ):
            console.result(f"{label:<38} {value[0]:17.3f} {value[1]:9.3f}")
    console.document(report.as_dict())
    return 0
