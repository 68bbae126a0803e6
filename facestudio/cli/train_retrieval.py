"""`facestudio train retrieval`: the paper's network, from drawn heads or one's own photos of people."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number
from facestudio.cli.outputs import check_free, make_folder
from facestudio.cli.train_options import check_training, output_file, seed, writing
from facestudio.errors import UnreadableInputError


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "retrieval",
        parents=[common()],
        help="the paper's network",
        description="Train the paper's network (224 x 224, three convolutions, softmax over people) on pictures of a "
        "database's heads in their own skins, or on photos of people. What was stopped goes on in the same --work. "
        'Needs the extra "train".',
    )
    one.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER|LIST",
        help="photos: a folder with a folder for each person, or a text list of path and label (default: draw heads)",
    )
    one.add_argument("--database", default="studio", metavar="NAME", help="whose heads (default: studio)")
    one.add_argument(
        "--pictures", type=whole_number(1, 1000), default=12, metavar="N", help="of each head (default: 12)"
    )
    one.add_argument("--epochs", type=whole_number(1, 10000), default=12, metavar="N", help="default: 12")
    seed(one)
    one.add_argument(
        "--work",
        type=Path,
        default=Path("retrieval-work"),
        metavar="DIR",
        help="pictures, checkpoint and log",
    )
    output_file(one, "paper-cnn.onnx")
    one.add_argument(
        "--curves", type=Path, metavar="FILE.png", help="plot loss and recognition over the epochs"
    )
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Train and write the network, and say how well it recognises pictures left out.

    Raises
    ------
    UnreadableInputError
        If the photos are of fewer than two people.
    UsageError
        If torch is not installed, or the work folder is of another training.
    WriteError
        If a file is there already, or cannot be written.
    """
    check_training(args, (), ".onnx")
    check_free([args.curves] if args.curves else [], overwrite=args.overwrite)
    if args.data is not None and not args.data.exists():
        raise UnreadableInputError(f"There is no folder or list {args.data}")
    from facestudio.training.retrieval.paper_cnn import SCHEDULE, Schedule, save_onnx, train_paper_cnn
    from facestudio.training.retrieval.pictures import drawn_faces, folder_faces, split_faces

    if args.data is not None:
        train, test = split_faces(folder_faces(args.data, console.note))
        source = "photos of people"
    else:
        from facestudio.database.model import load_database

        database = load_database(args.database)
        train = drawn_faces(database, args.pictures, "train", args.seed, args.work, console.note)
        test = drawn_faces(database, max(1, args.pictures // 4), "test", args.seed, args.work, console.note)
        source = f"drawn heads of the database {database.name} {database.version}"
    console.note(f"{len(train.faces)} pictures of {len(train.people)} people, {len(test.faces)} left out")
    schedule = Schedule(args.epochs, args.seed)
    make_folder(args.work)
    network, log = train_paper_cnn(train, test, schedule, args.work, console.note)
    with writing(args.output):
        save_onnx(network, train.people, source, args.output)
    if args.curves is not None:
        from facestudio.training.retrieval.curves import plot_curves

        plot_curves(log, args.curves)
    console.result(str(args.output))
    last = log[-1]
    console.result(
        f"{SCHEDULE} schedule, {last.epoch} epochs: rank-1 {last.test_rank1:.1%} of {len(test.faces)} pictures left "
        f"out, {len(train.people)} people"
    )
    console.document(
        {
            "output": args.output,
            "schedule": SCHEDULE,
            "epochs": [asdict(one) for one in log],
            **asdict(schedule),
        }
    )
    return 0
