"""`facestudio evaluate retrieval`: how near the similar heads are."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.errors import UnreadableInputError


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "retrieval",
        parents=[common()],
        help="how near the similar heads are",
        description="Retrieve heads for synthetic photos of people that no head of the database is, and measure how "
        "near the mean of the ten comes, beside the mean of all heads and the best that could be retrieved.",
    )
    one.add_argument(
        "--photos", type=Path, required=True, metavar="DIR", help="from facestudio synthesize --held-out"
    )
    one.add_argument(
        "--people",
        type=Path,
        metavar="DIR",
        help="also: photos of people, two or more of each, named PERSON_anything: do they find the same heads?",
    )
    one.add_argument("--count", type=whole_number(2), default=120, metavar="N", help="photos (default: 120)")
    one.add_argument("--database", default="studio", metavar="NAME", help="default: studio")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure, and print a Markdown table.

    Raises
    ------
    UnreadableInputError
        If there are no usable photos.
    """
    for folder in (args.photos, args.people):
        if folder is not None and not folder.is_dir():
            raise UnreadableInputError(f"There is no folder {folder}")
    from facestudio.evaluation.retrieval import evaluate_retrieval

    report = evaluate_retrieval(args.photos, args.count, args.database, say=console.note)
    console.result(f"{report.photos} photos")
    console.result("| heads found by | their mean is off by, mm | nearer than the mean of all | 95 % |")
    console.result("|---|---|---|---|")
    for one in report.results:
        console.result(
            f"| {one.way} | {one.mean_mm:.2f} | {one.gain:.1%} | {one.low:.1%} to {one.high:.1%} |"
        )
    pairs: list[dict[str, Any]] = []
    if args.people is not None:
        from facestudio.evaluation.same_person import evaluate_same_person

        console.result("| heads found by | shared of ten: one person | two people | AUC |")
        console.result("|---|---|---|---|")
        for found in evaluate_same_person(args.people, args.database, console.note):
            console.result(f"| {found.method} | {found.same:.1f} | {found.other:.1f} | {found.auc:.3f} |")
            pairs.append(found.as_dict())
    console.document({**report.as_dict(), "same_person": pairs})
    return 0
