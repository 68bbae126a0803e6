"""`facestudio evaluate depth`: the paper's figures 7 and 10."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.outputs import check_free, write_picture


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "depth",
        parents=[common()],
        help="depth of landmarks from heads' statistics",
        description="Estimate the depth of 68 landmarks from their frontal places by the statistics of heads, and by "
        "five other ways, on heads that are not among those learnt from.",
    )
    one.add_argument(
        "--train", type=whole_number(30), default=200, metavar="N", help="heads to learn from (default: 200)"
    )
    one.add_argument(
        "--test", type=whole_number(1), default=200, metavar="N", help="heads to judge by (default: 200)"
    )
    one.add_argument(
        "--seed", type=whole_number(0), default=7, metavar="S", help="of the division (default: 7)"
    )
    one.add_argument("--database", default="studio", metavar="NAME", help="head database (default: studio)")
    one.add_argument("--output", type=Path, metavar="DIR", help="folder for figure-7.png and figure-10.png")
    one.add_argument("--overwrite", action="store_true", help="replace figures that are already there")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure the depth's error, print a table in millimetres, and draw the figures.

    Raises
    ------
    UsageError
        If the database has too few heads.
    ModelError
        If it is missing or damaged.
    WriteError
        If a figure is there already, or cannot be written.
    """
    files = [] if args.output is None else [args.output / f"figure-{n}.png" for n in (7, 10)]
    check_free(files, overwrite=args.overwrite)
    from facestudio.database.model import load_database
    from facestudio.evaluation.charts import against, bars
    from facestudio.evaluation.depth import SEVEN, evaluate_depth
    from facestudio.template.model import load_template

    database, template = load_database(args.database), load_template()
    basis = template.ibug68.points(database.basis.astype(float)).reshape(len(database.basis), -1)
    points = template.ibug68.points(database.mean) + (database.coefficients @ basis).reshape(-1, 68, 3)
    report = evaluate_depth(points, args.train, args.test, args.seed)
    console.result(
        f"{report.train} heads to learn from, {report.test} others; mean absolute error of depth, mm "
        "(frontal places known to 1 mm)"
    )
    console.result(f"{'method':<20} {'68 points':>9} {'correlation':>11}  " + "  ".join(SEVEN))
    for name, error in report.error.items():
        own = "  ".join(f"{report.by_point[name][p]:{len(p)}.2f}" for p in SEVEN)
        console.result(f"{name:<20} {error:9.2f} {report.correlation[name]:11.2f}  {own}")
    console.result(f"{report.within:.0%} of depths within the predicted standard deviation")
    if files:
        write_picture(
            files[0],
            against(
                f"Depth of {report.test} heads' landmarks",
                "real, mm",
                "estimated, mm",
                report.real[::4].ravel(),
                report.estimated[::4].ravel(),
            ),
        )
        write_picture(files[1], bars("Mean depth error of seven points", "mm", report.by_point))
        for file in files:
            console.result(str(file))
    console.document(report.as_dict())
    return 0
