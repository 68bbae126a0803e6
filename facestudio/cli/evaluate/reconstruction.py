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
        "with points set by hand: how much of the points' places each method's heads leave unexplained. With --scans, "
        "on photos of scanned people. With --distances, on the same people drawn from near and far.",
    )
    data = one.add_mutually_exclusive_group()
    data.add_argument(
        "--photos", type=Path, metavar="DIR", help="made by facestudio synthesize (best with --held-out)"
    )
    data.add_argument("--portraits", type=Path, metavar="DIR", help="real photos with points set by hand")
    data.add_argument(
        "--scans",
        type=Path,
        metavar="DIR",
        help="scans NAME.obj (.ply, .glb) with 68 points NAME.json (.txt) and photos NAME.jpg, NAME_1.jpg",
    )
    data.add_argument(
        "--distances",
        action="store_true",
        help="the same people drawn from 15, 30, 45 and 60 cm: do they give the same heads?",
    )
    one.add_argument(
        "--expression",
        choices=("neutral", "posed"),
        default="neutral",
        help="of the scans: as the photo's (posed), or neutral (default)",
    )
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
        If the folder holds nothing to measure by.
    UsageError
        If --reliability is asked for where no vertices' errors are known.
    WriteError
        If the plot is there already, or cannot be written.
    """
    if args.reliability is not None:
        check_picture_name(args.reliability)
        check_free([args.reliability], overwrite=args.overwrite)
        if args.portraits is not None or args.scans is not None or args.distances:
            raise UsageError("--reliability goes with drawn photos only")
    if args.portraits is not None:
        return _portraits(args, console)
    if args.scans is not None:
        return _scans(args, console)
    if args.distances:
        return _distances(args, console)
    import numpy as np

    from facestudio.evaluation.charts import against
    from facestudio.evaluation.reconstruction import evaluate_photos, evaluate_reconstruction

    if args.photos is None:
        report = evaluate_reconstruction(args.count or 40, args.seed, args.database, console.note)
    else:
        _check_folder(args.photos)
        report = evaluate_photos(args.photos, args.count or 200, args.database, say=console.note)
    console.result(f"{report.heads} heads, {report.missed} without a located face; scan to mesh, mm")
    console.result(f"{'method':<27} {'median':>7} {'mean':>7}  of the mean head's   size")
    for row in report.results:
        console.result(
            f"{row.method:<27} {row.median_mm:7.3f} {row.mean_mm:7.3f}  {row.ratio:18.0%}  {row.size:5.1%}"
        )
    for method, gain in report.retrieval.items():
        sure = f"95 %: {gain.low:.1%} to {gain.high:.1%}"
        console.result(f"{method}: similar heads take {gain.share:.1%} off the mean error ({sure})")
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


def _scans(args: argparse.Namespace, console: Console) -> int:
    _check_folder(args.scans)
    from facestudio.evaluation.scans import evaluate_scans

    report = evaluate_scans(args.scans, args.database, posed=args.expression == "posed", say=console.note)
    console.result(f"{report.scans} scans, {report.photos} photos, {len(report.left_out)} files left out")
    console.result("NoW's protocol, mm: median, mean, std (the size fitted; the size as it is)")
    for row in report.results:
        both = "    ".join(
            " ".join(f"{value:5.2f}" for value in own) for own in (row.scaled_mm, row.metric_mm)
        )
        console.result(f"{row.method:<10} {both}   {row.ratio:5.0%} of the mean head's")
    console.document(report.as_dict())
    return 0


def _distances(args: argparse.Namespace, console: Console) -> int:
    from facestudio.evaluation.distances import DISTANCES_CM, evaluate_distances

    results = evaluate_distances(args.count or 20, args.seed, args.database, console.note)
    console.result(f"{results[0].people} people, {results[0].missed} photos without a located face; face, mm")
    console.result(
        f"{'lens':<8} "
        + " ".join(f"{d:>3} cm" for d in DISTANCES_CM)
        + "   mean head   between distances   size off"
    )
    for row in results:
        errors = " ".join(f"{row.error_mm[d]:6.2f}" for d in DISTANCES_CM)
        sizes = " ".join(f"{row.size_percent[d]:.1f}" for d in DISTANCES_CM)
        lens = "told" if row.lens_known else "unknown"
        console.result(f"{lens:<8} {errors}   {row.mean_head_mm:9.2f}   {row.spread_mm:17.2f}   {sizes} %")
    console.document({"results": [row.as_dict() for row in results]})
    return 0


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise UnreadableInputError(f"There is no folder {folder}")


def _portraits(args: argparse.Namespace, console: Console) -> int:
    _check_folder(args.portraits)
    from facestudio.evaluation.portraits import evaluate_portraits

    report = evaluate_portraits(args.portraits, args.database, console.note)
    console.result(f"{report.photos} photos, {report.missed} without a located face")
    console.result(
        "left unexplained of points set by hand, % of the eyes' distance (all, inner), of the mean head's"
    )
    for row in report.rows:
        left = f"{row.all_points:6.2f} {row.inner_points:6.2f}"
        console.result(f"{row.method:<10} {left}   {row.ratio_all:5.0%} {row.ratio_inner:5.0%}")
    console.result(
        "\nproportions, of the eyes' distance: by hand, mean head, default; correlation of default and hand"
    )
    for part in report.proportions:
        means = f"{part.by_hand:6.3f} {part.mean_head:6.3f} {part.default:6.3f}"
        console.result(f"{part.name:<19} {means}   {part.correlation:5.2f}")
    console.document(report.as_dict())
    return 0
