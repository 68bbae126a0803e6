"""`facestudio evaluate reconstruction`: how near the heads are to the true ones."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.outputs import check_free, check_picture_name, write_picture
from facestudio.errors import UnreadableInputError, UsageError


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "reconstruction",
        parents=[common()],
        help="accuracy of the shape",
        description="Leave database heads out one by one, draw a photo of each, reconstruct it, and measure "
        "the distance from the true face to the result, for each method and for the mean head. With --photos, the "
        "same on synthetic photos, in groups of what they show; the lens is not told. With --portraits, on real photos "
        "with points set by hand: how much of the points' places each method's heads leave unexplained.",
    )
    one.add_argument(
        "--photos", type=Path, metavar="DIR", help="made by facestudio synthesize (best with --held-out)"
    )
    one.add_argument("--portraits", type=Path, metavar="DIR", help="real photos with points set by hand")
    one.add_argument(
        "--count", type=whole_number(1), metavar="N", help="how many heads (default: 40; photos: 200)"
    )
    one.add_argument(
        "--seed", type=whole_number(0), default=11, metavar="S", help="of the photos (default: 11)"
    )
    one.add_argument("--database", default="studio", metavar="NAME", help="head database (default: studio)")
    one.add_argument(
        "--reliability", type=Path, metavar="FILE.png", help="draw predicted against real errors of vertices"
    )
    one.add_argument("--overwrite", action="store_true", help="replace a file that is already there")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure the accuracy of the shape, and print a table in millimetres.

    Raises
    ------
    ModelError
        If the database is missing or damaged.
    UnreadableInputError
        If the folder holds no synthetic photos.
    WriteError
        If the plot is there already, or cannot be written.
    """
    if args.reliability is not None:
        check_picture_name(args.reliability)
        check_free([args.reliability], overwrite=args.overwrite)
    if args.portraits is not None:
        return _portraits(args, console)
    import numpy as np

    from facestudio.evaluation.charts import against
    from facestudio.evaluation.reconstruction import evaluate_photos, evaluate_reconstruction

    if args.photos is None:
        report = evaluate_reconstruction(args.count or 40, args.seed, args.database, console.note)
    else:
        if not args.photos.is_dir():
            raise UnreadableInputError(f"There is no folder {args.photos}")
        report = evaluate_photos(args.photos, args.count or 200, args.database, say=console.note)
    console.result(f"{report.heads} heads, {report.missed} without a located face; scan to mesh, mm")
    console.result(f"{'method':<27} {'median':>7} {'mean':>7}  of the mean head's   size")
    for row in report.results:
        console.result(
            f"{row.method:<27} {row.median_mm:7.3f} {row.mean_mm:7.3f}  {row.ratio:18.0%}  {row.size:5.1%}"
        )
    names = list(report.results[0].by_region)
    console.result("\n" + f"{'by region, mm':<27} " + " ".join(f"{name:>6}" for name in names))
    for row in report.results:
        console.result(f"{row.method:<27} " + " ".join(f"{row.by_region[name]:6.2f}" for name in names))
    console.result("\nNoW's protocol, mm: median, mean, std (the size fitted; the size as it is)")
    for row in report.results:
        if row.now_mm and row.now_metric_mm:
            both = "    ".join(" ".join(f"{v:5.2f}" for v in now) for now in (row.now_mm, row.now_metric_mm))
            console.result(f"{row.method:<27} {both}")
    console.result("\nvertices of the default, the surest tenth first: predicted and real error, mm")
    for predicted, real in report.reliability:
        console.result(f"{predicted:6.2f} {real:6.2f}")
    for kind, (count, results) in report.groups.items():
        ratio = {row.method: row.ratio for row in results}
        console.result(f"{kind:<27} {count:4d} photos, default {ratio['default']:.0%} of the mean head's")
    if args.reliability is not None:
        predicted, real = np.array(report.reliability).T
        title = "Errors of vertices, tenths of all"
        chart = against(title, "predicted, mm", "real, mm", predicted, real, line=True)
        write_picture(args.reliability, chart)
        console.result(str(args.reliability))
    console.document(report.as_dict())
    return 0


def _portraits(args: argparse.Namespace, console: Console) -> int:
    if args.photos is not None or args.reliability is not None:
        raise UsageError("--portraits goes with neither --photos nor --reliability")
    if not args.portraits.is_dir():
        raise UnreadableInputError(f"There is no folder {args.portraits}")
    from facestudio.evaluation.portraits import evaluate_portraits

    report = evaluate_portraits(args.portraits, args.database, console.note)
    console.result(f"{report.photos} photos, {report.missed} without a located face")
    console.result(
        "left unexplained of points set by hand, % of the eyes' distance (all, inner), of the mean head's"
    )
    for row in report.rows:
        left = f"{row.all_points:6.2f} {row.inner_points:6.2f}"
        console.result(f"{row.method:<10} {left}   {row.ratio_all:5.0%} {row.ratio_inner:5.0%}")
    console.document(report.as_dict())
    return 0
