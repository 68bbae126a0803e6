"""`facestudio train convention`: where people put the 68 points, against the template's."""

import argparse
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.cli.train_options import check_training, data_folders, output_file, writing


def add_parser(commands: Any) -> None:
    """Add the command to those of `train`."""
    one = commands.add_parser(
        "convention",
        parents=[common()],
        help="where people put the 68 points",
        description="Learn how far the 68 points as people put them lie from the template's, from real photos of calm "
        "faces seen from the front. Points set by hand are not needed: they are located.",
    )
    data_folders(one, "photos")
    output_file(one, "ibug68-people.npz")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Learn and write the offsets.

    Raises
    ------
    UnreadableInputError
        If the folders hold too few usable photos.
    WriteError
        If a file is there already, or cannot be written.
    """
    check_training(args, args.data)
    import numpy as np

    from facestudio.database.archive import save_arrays
    from facestudio.database.model import load_database
    from facestudio.template.model import load_template
    from facestudio.training.landmark_convention import convention_arrays, learn_convention

    offsets, photos = learn_convention(args.data, load_database("studio"), load_template(), console.note)
    with writing(args.output):
        save_arrays(args.output, convention_arrays(offsets, photos))
    size = float(np.sqrt((offsets**2).sum(axis=1).mean()))
    console.result(str(args.output))
    console.result(
        f"{photos} photos; people's points lie {size:.1f} mm from the template's (root mean square)"
    )
    console.document({"output": args.output, "photos": photos, "offset_mm": size})
    return 0
