"""`facestudio evaluate reconstruction`: how near the heads are to the true ones."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.errors import UnreadableInputError


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "reconstruction",
        parents=[common()],
        help="accuracy of the shape",
        description="Leave database heads out one by one, draw a photo of each, reconstruct it, and measure "
        "the distance from the true face to the result, for each method and for the mean head. With --photos, the "
        "same on synthetic photos, in groups of what they show; the lens is not told.",
    )
    one.add_argument(
        "--photos", type=Path, metavar="DIR", help="made by facestudio synthesize (best with --held-out)"
    )
    one.add_argument(
        "--count", type=whole_number(1), metavar="N", help="how many heads (default: 40; photos: 200)"
    )
    one.add_argument(
        "--seed", type=whole_number(0), default=11, metavar="S", help="of the photos (default: 11)"
    )
    one.add_argument("--database", default="studio", metavar="NAME", help="head database (default: studio)")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure the accuracy of the shape, and print a table in millimetres.

    Raises
    ------
    ModelError
        If the database is missing or damaged.
    UnreadableInputError
        If the folder holds no synthetic photos.
    """
    from facestudio.evaluation.reconstruction import evaluate_photos, evaluate_reconstruction

    if args.photos is None:
        report = evaluate_reconstruction(args.count or 40, args.seed, args.database, console.note)
    else:
        if not args.photos.is_dir():
            raise UnreadableInputError(f"There is no folder {args.photos}")
        report = evaluate_photos(args.photos, args.count or 200, args.database, say=console.note)
    console.result(f"{report.heads} heads, {report.missed} without a located face; scan to mesh, mm")
    console.result(f"{'method':<22} {'median':>7} {'mean':>7}  of the mean head's")
    for row in report.results:
        console.result(f"{row.method:<22} {row.median_mm:7.3f} {row.mean_mm:7.3f}  {row.ratio:.0%}")
    for kind, (count, results) in report.groups.items():
        ratio = {row.method: row.ratio for row in results}
        console.result(f"{kind:<22} {count:4d} photos, default {ratio['default']:.0%} of the mean head's")
    console.document(report.as_dict())
    return 0
