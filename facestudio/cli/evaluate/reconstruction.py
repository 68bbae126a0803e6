"""`facestudio evaluate reconstruction`: how near the heads are to the true ones."""

import argparse
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "reconstruction",
        parents=[common()],
        help="accuracy of the shape",
        description="Leave database heads out one by one, draw a photo of each, reconstruct it, and measure "
        "the distance from the true face to the result, for each method and for the mean head.",
    )
    one.add_argument(
        "--count", type=whole_number(1), default=40, metavar="N", help="how many heads (default: 40)"
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
    """
    from facestudio.evaluation.reconstruction import evaluate_reconstruction

    report = evaluate_reconstruction(args.count, args.seed, args.database, console.note)
    console.result(f"{report.heads} heads, {report.missed} without a located face; scan to mesh, mm")
    console.result(f"{'method':<22} {'median':>7} {'mean':>7}  of the mean head's")
    for row in report.results:
        console.result(f"{row.method:<22} {row.median_mm:7.3f} {row.mean_mm:7.3f}  {row.ratio:.0%}")
    console.document(report.as_dict())
    return 0
