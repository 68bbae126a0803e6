"""`facestudio evaluate recognition`: table 1."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.errors import UnreadableInputError


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "recognition",
        parents=[common()],
        help="who is it? (table 1)",
        description="Recognise the heads of a database in pictures of other light, pose and expression than were "
        'learnt from, with the network and with the methods of table 1. Needs the extra "evaluate".',
    )
    one.add_argument("--database", default="studio", metavar="NAME", help="default: studio")
    one.add_argument(
        "--pictures", type=whole_number(1, 1000), default=12, metavar="N", help="to learn from (default: 12)"
    )
    one.add_argument("--seed", type=whole_number(0), default=1, metavar="S", help="default: 1")
    one.add_argument(
        "--work",
        type=Path,
        default=Path("retrieval-work"),
        metavar="DIR",
        help="where drawn pictures are kept",
    )
    one.add_argument("--orl", type=Path, metavar="DIR", help="also on the AT&T (ORL) faces in this folder")
    one.add_argument("--fast", action="store_true", help="the network alone, without its rivals")
    one.add_argument("--plot", type=Path, metavar="FILE.png", help="rates as bars beside the published ones")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure, and print a Markdown table.

    Raises
    ------
    ModelError
        If the network is missing, or the database has no embeddings.
    UsageError
        If scikit-learn is not installed.
    """
    if args.orl is not None and not args.orl.is_dir():
        raise UnreadableInputError(f"There is no folder {args.orl}")
    from facestudio.database.model import load_database
    from facestudio.evaluation.recognition import evaluate_recognition
    from facestudio.evaluation.recognition_rivals import RIVALS
    from facestudio.retrieval.embeddings import load_embeddings
    from facestudio.retrieval.encoder import load_encoder
    from facestudio.training.retrieval.pictures import drawn_faces

    encoder, gallery, database = load_encoder(), load_embeddings(args.database), load_database(args.database)
    test = drawn_faces(database, max(1, args.pictures // 4), "test", args.seed, args.work, console.note)
    # Without rivals there is nothing that learns.
    train = test
    if not args.fast:
        train = drawn_faces(database, args.pictures, "train", args.seed, args.work, console.note)
    results = evaluate_recognition(
        database,
        train,
        test,
        encoder,
        gallery,
        args.orl,
        () if args.fast else RIVALS,
        args.seed,
        console.note,
    )
    console.result("| data | method | rank-1 | 95 % | ms | published | ms |")
    console.result("|---|---|---|---|---|---|---|")
    for one in results:
        row = one.as_dict()
        published = "" if row["published_percent"] is None else f"{row['published_percent']:.2f} %"
        then = "" if row["published_ms"] is None else f"{row['published_ms']:.0f}"
        console.result(
            f"| {one.data} | {one.method} | {one.rank1:.2%} | {one.low:.1%} to {one.high:.1%} "
            f"| {one.milliseconds:.1f} | {published} | {then} |"
        )
    if args.plot is not None:
        from facestudio.evaluation.recognition_plot import plot_recognition

        plot_recognition(results, args.plot)
        console.result(str(args.plot))
    console.document({"recognition": [one.as_dict() for one in results]})
    return 0
