"""`facestudio synthesize`: synthetic photos with their exact truth."""

import argparse
import time
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "synthesize",
        parents=[common()],
        help="draw synthetic photos with exact truth",
        description="Draw photos of people who do not exist, each with its exact truth (shape, expression, camera, "
        "landmarks, light) and a label mask. A stopped run is continued by the same command; the same seed gives the "
        "same files.",
    )
    parser.add_argument(
        "--count",
        type=whole_number(1, 1_000_000),
        required=True,
        metavar="N",
        help="how many the folder shall hold",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="S", help="which series (default: 0)"
    )
    parser.add_argument(
        "--held-out", action="store_true", help="other people, skins and hair: a population for judging"
    )
    parser.add_argument(
        "--size",
        type=whole_number(64, 2048),
        default=512,
        metavar="PIXELS",
        help="edge of the photos (default: 512)",
    )
    parser.add_argument(
        "--workers", type=whole_number(1, 64), metavar="N", help="processes (default: one for each processor)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the photos that are there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Draw a series of photos.

    Raises
    ------
    UsageError
        If there is no OpenGL here.
    WriteError
        If the folder holds another series, or cannot be written to.
    ModelError
        If the template, the database or the AlbedoModel is missing or damaged.
    """
    from facestudio.synthesis.folder import Series, write_series

    began = time.perf_counter()
    series = Series(args.seed, args.size, args.held_out)

    def tell(done: int, count: int) -> None:
        console.progress(
            done / count, f"{done // 50 * 50} of {count} photos" if done < count else f"{count} photos"
        )

    result = write_series(
        args.output, args.count, series, workers=args.workers, overwrite=args.overwrite, progress=tell
    )
    seconds = time.perf_counter() - began
    kept = f", {result.kept} were there" if result.kept else ""
    rate = f" ({result.written / seconds:.1f} a second)" if result.written else ""
    console.result(f"{args.output}: {result.written} photos drawn{rate}{kept}")
    console.document(
        {
            "output": args.output,
            "count": args.count,
            "written": result.written,
            "kept": result.kept,
            "seconds": round(seconds, 2),
            "seed": args.seed,
            "size": args.size,
            "held_out": args.held_out,
        }
    )
    return 0
