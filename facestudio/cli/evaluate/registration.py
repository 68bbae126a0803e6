"""`facestudio evaluate registration`: how near registered heads are to their meshes."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
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
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
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
