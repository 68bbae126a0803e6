"""`facestudio evaluate`: how good the heads are, and how fast."""

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facestudio.cli.console import Console
from facestudio.cli.options import TEXTURE_SIZES, common, whole_number
from facestudio.cli.outputs import check_free, check_picture_name, write_picture
from facestudio.errors import UsageError

if TYPE_CHECKING:
    from facestudio.values import Photo

_NOSE_TIP = 30  # of ibug68


def add_parser(commands: Any) -> None:
    """Add the command and its own commands to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure accuracy and speed",
        description="Measure how good the heads are, and how fast they come.",
    )
    own = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = own.add_parser(
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
    one.set_defaults(run=run_reconstruction)

    one = own.add_parser(
        "texture",
        parents=[common()],
        help="truth of the texture",
        description="Leave database heads out one by one, draw a photo of each, make its texture, and compare it "
        "with the true one and with the baseline `paste`: colour step at the border of what was seen, borrowed ears, "
        "views from 45 degrees, empty texels, times.",
    )
    one.add_argument(
        "--count", type=whole_number(1), default=12, metavar="N", help="how many heads (default: 12)"
    )
    one.add_argument(
        "--seed", type=whole_number(0), default=11, metavar="S", help="of the photos (default: 11)"
    )
    one.add_argument("--database", default="studio", metavar="NAME", help="head database (default: studio)")
    one.add_argument(
        "--texture-size", type=int, choices=TEXTURE_SIZES, default=2048, help="texels a side (default: 2048)"
    )
    one.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE.png",
        help="also draw photo, true head, fused and paste side by side",
    )
    one.add_argument("--overwrite", action="store_true", help="replace a sheet that is already there")
    one.set_defaults(run=run_texture)

    one = own.add_parser(
        "speed",
        parents=[common()],
        help="time of each stage",
        description="Time each stage on this machine, and how soon the head follows a moved landmark.",
    )
    one.add_argument("photo", nargs="?", type=Path, metavar="PHOTO", help="default: the bundled one")
    one.add_argument(
        "--count", type=whole_number(1, 1000), default=5, metavar="N", help="how often (default: 5)"
    )
    one.add_argument(
        "--texture-size", type=int, choices=TEXTURE_SIZES, default=2048, help="texels a side (default: 2048)"
    )
    one.set_defaults(run=run_speed)


def run_reconstruction(args: argparse.Namespace, console: Console) -> int:
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


def run_texture(args: argparse.Namespace, console: Console) -> int:
    """Measure the truth of the texture, and print a table.

    Raises
    ------
    ModelError
        If the database is missing or damaged.
    WriteError
        If the sheet is there already, or cannot be written.
    """
    if args.sheet is not None:
        check_picture_name(args.sheet)
        check_free([args.sheet], overwrite=args.overwrite)
    from facestudio.evaluation.texture import evaluate_texture
    from facestudio.evaluation.texture_sheet import TextureSheet

    sheet = TextureSheet()
    report = evaluate_texture(
        args.count,
        args.seed,
        args.database,
        size=args.texture_size,
        say=console.note,
        show=sheet.add if args.sheet is not None else lambda trial, views: None,
    )
    if args.sheet is not None and sheet.rows:
        write_picture(args.sheet, sheet.picture())
        console.result(str(args.sheet))
    console.result(
        f"{report.heads} heads, {report.missed} without a located face; textures of {report.texture_size}"
    )
    console.result(f"{'method':<8} {'seam':>6} {'inside':>7} {'ratio':>6} {'ears dE':>8} {'views':>6}")
    for row in report.results:
        console.result(
            f"{row.method:<8} {row.seam_step:6.2f} {row.seen_variation:7.2f} {row.ratio:6.2f} {row.ears:8.2f} "
            f"{row.views:6.2f}"
        )
    console.result(f"empty texels: {report.empty_texels}; Poisson residual: {report.poisson_residual:.1e}")
    for size, own in report.texture_ms.items():
        console.result(
            f"{size}: texture {own:.0f} ms, from landmarks {report.from_landmarks_ms[size]:.0f} ms"
        )
    if report.peak_memory_mb is not None:
        console.result(f"peak memory: {report.peak_memory_mb:.0f} MB")
    console.document(report.as_dict())
    return 0


def run_speed(args: argparse.Namespace, console: Console) -> int:
    """Time each stage, and print a table in milliseconds.

    Raises
    ------
    UnreadableInputError
        If the photo cannot be read.
    NoFaceError
        If there is no face in it.
    """
    from facestudio.photo import load_photo

    photo = load_photo(args.photo or _bundled_photo())
    first, rest, moved = _measure(photo, args.count, args.texture_size, console)
    medians = {stage: statistics.median(run[stage] for run in rest) for stage in rest[0]}
    console.result(f"{photo.name}, {photo.size[0]} x {photo.size[1]} pixels, median of {len(rest)}, ms")
    console.result(f"{'stage':<22} {'median':>8} {'first':>8}")
    for stage, value in medians.items():
        console.result(f"{stage:<22} {value:8.1f} {first[stage]:8.1f}")
    console.result(f"{'all':<22} {sum(medians.values()):8.1f} {sum(first.values()):8.1f}")
    console.result(f"{'after a moved landmark':<22} {moved:8.1f}")
    console.document(
        {
            "photo": photo.name,
            "size": photo.size,
            "texture_size": args.texture_size,
            "count": len(rest),
            "first_ms": first,
            "median_ms": medians,
            "moved_landmark_ms": moved,
        }
    )
    return 0


def _bundled_photo() -> Path:
    from facestudio.paths import resources

    samples = sorted((resources() / "samples").glob("*.jpg"))
    if not samples:
        raise UsageError("There is no bundled photo here", hint="Name a photo")
    return samples[0]


def _measure(
    photo: "Photo", count: int, texture_size: int, console: Console
) -> tuple[dict[str, float], list[dict[str, float]], float]:
    """Return ms per stage of the first run (it opens the models) and of `count` more; ms after a move."""
    from facestudio.pipeline.request import Outcome, Request
    from facestudio.pipeline.runner import Runner

    def run(number: int) -> tuple[Runner, Outcome]:
        console.progress(number / (count + 2), f"run {number + 1} of {count + 1}")
        runner = Runner()  # a new one keeps nothing of the run before
        return runner, runner.run(Request(photo, texture_size=texture_size))

    runner, outcome = run(0)
    runs = [outcome.head.timings_ms]
    for number in range(1, count + 1):
        runner, outcome = run(number)
        runs.append(outcome.head.timings_ms)
    console.progress((count + 1) / (count + 2), "moving a landmark")
    landmarks = outcome.head.landmarks
    spans: list[float] = []
    for step in range(1, count + 1):
        landmarks = landmarks.with_moved(_NOSE_TIP, landmarks.points[_NOSE_TIP] + (0.5, 0.5 * (-1) ** step))
        began = time.perf_counter()
        runner.run(Request(photo, landmarks=landmarks, texture_size=0))
        spans.append(1000 * (time.perf_counter() - began))
    return runs[0], runs[1:], statistics.median(spans)
