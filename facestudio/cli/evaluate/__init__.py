"""`facestudio evaluate`: how good the heads are, and how fast; one module for each of its commands."""

from typing import Any

from facestudio.cli.evaluate import (
    depth,
    landmarks,
    recognition,
    reconstruction,
    registration,
    representation,
    retrieval,
    speed,
    synthesis,
    texture,
)


def add_parser(commands: Any) -> None:
    """Add the command and its own commands to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure accuracy and speed",
        description="Measure how good the heads are, and how fast they come.",
    )
    own = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (
        reconstruction,
        depth,
        representation,
        registration,
        landmarks,
        texture,
        recognition,
        retrieval,
        synthesis,
        speed,
    ):
        command.add_parser(own)
