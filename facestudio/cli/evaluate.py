"""`facestudio evaluate`: how good the heads are, and how fast."""

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facestudio.cli import evaluate_landmarks
from facestudio.cli.console import Console
from facestudio.cli.options import TEXTURE_SIZES, common, whole_number
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

    evaluate_landmarks.add_parser(own)

    one = own.add_parser(
        "registration",
        parents=[common()],
        help="accuracy of bringing head meshes to the template",
        description="Draw heads from ICT-FaceKit's model, register each, and measure the distance to its surface "
        "and to 20 landmarks that registration was not told.",
    )
    one.add_argument(
        "--ict",
        type=Path,
        required=True,
        metavar="PATH",
        help="ICT-FaceKit: its folder FaceXModel, or an .npz",
    )
    one.add_argument(
        "--count", type=whole_number(1), default=20, metavar="N", help="how many heads (default: 20)"
    )
    one.add_argument("--seed", type=whole_number(0), default=7, metavar="S", help="of the heads (default: 7)")
    one.add_argument(
        "--find-points",
        action="store_true",
        help="do not tell where the face is: draw the head and look for it",
    )
    one.add_argument("--prior", action="store_true", help="start from the likeliest head of the ShapeModel")
    one.set_defaults(run=run_registration)

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


def run_registration(args: argparse.Namespace, console: Console) -> int:
    """Measure the accuracy of registration, and print tables in millimetres.

    Raises
    ------
    UnreadableInputError
        If ICT-FaceKit's model cannot be read.
    ModelError
        If the ShapeModel is missing or damaged.
    """
    from facestudio.database.registration.prior import prior_of
    from facestudio.database.shape_model import load_shape_model
    from facestudio.database.sources.ict_facekit import load_ict
    from facestudio.evaluation.registration import evaluate_registration
    from facestudio.template.model import load_template

    report = evaluate_registration(
        load_template(),
        load_ict(args.ict),
        args.count,
        args.seed,
        given_points=not args.find_points,
        prior=prior_of(load_shape_model()) if args.prior else None,
        progress=console.progress,
    )
    console.result(f"{report.heads} heads, {report.accepted} accepted; mm")
    console.result(f"{'surface':<28} {'median':>7} {'95 %':>7}")
    for row in report.regions:
        console.result(f"{row.region:<28} {row.median_mm:7.2f} {row.p95_mm:7.2f}")
    console.result(f"{'landmarks held back':<28} {'median':>7}")
    for mark in report.landmarks:
        console.result(f"{mark.landmark:<28} {mark.median_mm:7.2f}")
    console.result(f"{'all':<28} {report.held_back_mm:7.2f}")
    console.result(f"{'ears':<28} {report.ears_mm:7.2f}")
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
