"""`facestudio evaluate speed`: how long each stage takes."""

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facestudio.cli.console import Console
from facestudio.cli.options import TEXTURE_SIZES, common, whole_number
from facestudio.errors import UsageError

if TYPE_CHECKING:
    from facestudio.values import Photo


_NOSE_TIP = 30  # of ibug68
_MOVES = 10  # of a landmark, for each run
_MOST = 0.95  # of the moves are answered this soon


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "speed",
        parents=[common()],
        help="time of each stage",
        description="Time each stage on this machine, the fit alone, and how soon the head follows a moved landmark.",
    )
    one.add_argument("photo", nargs="?", type=Path, metavar="PHOTO", help="default: the bundled one")
    one.add_argument(
        "--count", type=whole_number(1, 1000), default=5, metavar="N", help="how often (default: 5)"
    )
    one.add_argument(
        "--texture-size", type=int, choices=TEXTURE_SIZES, default=2048, help="texels a side (default: 2048)"
    )
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
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
    first, rest, spans = _measure(photo, args.count, args.texture_size, console)
    moved, most = statistics.median(spans), sorted(spans)[round(_MOST * (len(spans) - 1))]
    fitted = _fit_alone(photo, args.count)
    medians = {stage: statistics.median(run[stage] for run in rest) for stage in rest[0]}
    console.result(f"{photo.name}, {photo.size[0]} x {photo.size[1]} pixels, median of {len(rest)}, ms")
    console.result(f"{'stage':<22} {'median':>8} {'first':>8}")
    for stage, value in medians.items():
        console.result(f"{stage:<22} {value:8.1f} {first[stage]:8.1f}")
    console.result(f"{'all':<22} {sum(medians.values()):8.1f} {sum(first.values()):8.1f}")
    console.result(f"{'fit from points':<22} {fitted:8.1f}")
    console.result(f"{'after a moved landmark':<22} {moved:8.1f}")
    console.result(f"{'  95 % of the moves':<22} {most:8.1f}")
    console.document(
        {
            "photo": photo.name,
            "size": photo.size,
            "texture_size": args.texture_size,
            "count": len(rest),
            "first_ms": first,
            "median_ms": medians,
            "fit_ms": fitted,
            "moved_landmark_ms": moved,
            "moved_landmark_p95_ms": most,
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
) -> tuple[dict[str, float], list[dict[str, float]], list[float]]:
    """Return ms per stage of the first run (it opens the models) and of `count` more; ms after each move."""
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
    for step in range(1, _MOVES * count + 1):
        landmarks = landmarks.with_moved(_NOSE_TIP, landmarks.points[_NOSE_TIP] + (0.5, 0.5 * (-1) ** step))
        began = time.perf_counter()
        runner.run(Request(photo, landmarks=landmarks, texture_size=0))
        spans.append(1000 * (time.perf_counter() - began))
    return runs[0], runs[1:], spans


def _fit_alone(photo: "Photo", count: int) -> float:
    """Return the median ms of the full fit: from located points and what was observed to camera and head."""
    from threadpoolctl import threadpool_limits

    from facestudio.database.model import load_database
    from facestudio.landmarks.combine import locate_landmarks
    from facestudio.landmarks.mesh478 import locate_faces
    from facestudio.pipeline.shape import ShapeProblem
    from facestudio.pipeline.shape_values import Located
    from facestudio.template.model import load_template

    face = locate_faces(photo, max_faces=1)[0]
    landmarks = locate_landmarks(photo, face)
    database, template = load_database(), load_template()
    spans: list[float] = []
    for _ in range(count):
        problem = ShapeProblem(photo, Located(face, landmarks, landmarks), database, template, None)
        # As the runner does: for matrices this small a second thread costs more than it helps.
        with threadpool_limits(limits=1, user_api="blas"):
            began = time.perf_counter()
            problem.first_fit(lambda: None)
            spans.append(1000 * (time.perf_counter() - began))
    return statistics.median(spans)
