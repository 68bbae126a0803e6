"""`facestudio evaluate landmarks`: how well the 68 points are located."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.outputs import check_free, check_picture_name, write_picture
from facestudio.errors import UnreadableInputError, UsageError


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "landmarks",
        parents=[common()],
        help="accuracy of the 68 points",
        description="Locate the points of photos with points set by hand, by every method, and measure the error in "
        "per cent of the distance of the outer eye corners: all 68 points, the inner 51, the jaw's 17.",
    )
    one.add_argument(
        "--data", type=Path, required=True, action="append", metavar="FOLDER", help="as for train asm"
    )
    one.add_argument(
        "--scheme", choices=("ibug68", "xm2vts68"), help="order of the 68 points (default: ibug68)"
    )
    one.add_argument("--tem-map", type=Path, metavar="FILE", help="for .tem files")
    one.add_argument("--model", type=Path, metavar="FILE.npz", help="an Active Shape Model of your own")
    one.add_argument(
        "--folds",
        type=whole_number(2, 20),
        metavar="K",
        help="train the ASM anew for each of K parts of the people, without them (slow)",
    )
    one.add_argument(
        "--train-with",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="with --folds: photos to train with besides (synthetic ones)",
    )
    one.add_argument(
        "--drawn", type=Path, metavar="FILE.npz", help="with --folds and --train-with: see train asm"
    )
    one.add_argument(
        "--copies", type=whole_number(0, 200), default=20, metavar="N", help="with --folds: see train asm"
    )
    one.add_argument("--limit", type=whole_number(1), metavar="N", help="only the first N photos")
    one.add_argument("--curve", type=Path, metavar="FILE.png", help="draw the cumulative error curve")
    one.add_argument(
        "--sheet", type=Path, metavar="FILE.png", help="draw located points on some photos (figure 6)"
    )
    one.add_argument("--overwrite", action="store_true", help="replace files that are already there")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure, and print a table.

    Raises
    ------
    UsageError
        If the options do not go together.
    UnreadableInputError
        If a folder holds no usable photos with points.
    """
    if args.folds and args.model:
        raise UsageError("--folds trains models of its own", hint="Leave --model out")
    if args.drawn and not (args.folds and args.train_with):
        raise UsageError("--drawn needs --folds and --train-with")
    pictures = [path for path in (args.curve, args.sheet) if path is not None]
    for path in pictures:
        check_picture_name(path)
    check_free(pictures, overwrite=args.overwrite)
    for folder in (*args.data, *args.train_with):
        if not folder.is_dir():
            raise UnreadableInputError(f"There is no folder {folder}")
    from facestudio.evaluation.landmark_sheets import draw_curve, draw_figure6
    from facestudio.evaluation.landmarks import evaluate_landmarks
    from facestudio.landmarks.asm.model import load_asm_file, load_drawn_part
    from facestudio.training.asm.options import AsmOptions

    photos = _read(args.data, args, console)[: args.limit]
    if not photos:
        raise UnreadableInputError("There are no usable photos with points")
    report = evaluate_landmarks(
        photos,
        model=None if args.model is None else load_asm_file(args.model),
        folds=args.folds or 0,
        options=AsmOptions(copies=args.copies),
        besides=_read(args.train_with, args, console),
        known=None if args.drawn is None else load_drawn_part(args.drawn),
        say=console.note,
    )
    _print(f"{len(photos)} photos; error in % of the outer-eye distance", report.summaries, console)
    for name, summaries in report.groups.items():
        _print(f"{name}: {summaries[0].photos} photos", summaries, console)
    if args.curve is not None:
        write_picture(args.curve, draw_curve(report))
    if args.sheet is not None:
        methods = [summary.method for summary in report.summaries]
        write_picture(args.sheet, draw_figure6(report.photos, methods))
    for path in pictures:
        console.result(str(path))
    console.document(
        {
            "photos": len(photos),
            "results": [asdict(summary) for summary in report.summaries],
            "groups": {name: [asdict(s) for s in group] for name, group in report.groups.items()},
            "outputs": pictures,
        }
    )
    return 0


def _read(folders: list[Path], args: argparse.Namespace, console: Console) -> list[Any]:
    from facestudio.training.asm.annotated import read_annotated_folder

    photos: list[Any] = []
    for folder in folders:
        found, _ = read_annotated_folder(folder, scheme=args.scheme, tem_map=args.tem_map, say=console.note)
        photos += found
    return photos


def _print(title: str, summaries: Any, console: Console) -> None:
    console.result(title)
    heads = ("median", "mean", "p90", "inner", "jaw", ">8 %", "AUC")
    console.result(f"  {'method':<22}" + "".join(f"{h:>8}" for h in heads))
    for s in summaries:
        values = (s.median, s.mean, s.p90, s.inner_median, s.jaw_median, s.failures)
        console.result(f"  {s.method:<22}" + "".join(f"{v:8.2f}" for v in values) + f"{s.auc:8.3f}")
