"""What several commands share: the parser class, common options, and how values are read."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

# As in facestudio.export and facestudio.pipeline.request, which are too heavy to import for the help.
TEXTURE_SIZES = (512, 1024, 2048, 4096)
FORMATS = ("obj", "glb", "ply", "stl", "usd")


class HelpFormatter(argparse.HelpFormatter):
    """Room for the names of commands, and line breaks kept where a text has its own."""

    def __init__(self, prog: str, **kwargs: Any) -> None:
        super().__init__(prog, **{"max_help_position": 30, **kwargs})
        self._action_max_length = 16  # argparse forgets the indent of commands, and would break their lines

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = [super(HelpFormatter, self)._fill_text(line, width, indent) for line in text.splitlines()]
        return "\n".join(parts)


class Parser(argparse.ArgumentParser):
    """An argument parser that does not guess at shortened options and points to the help."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", HelpFormatter)
        super().__init__(**kwargs)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is; exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\nHelp: {self.prog} --help\n")


def common() -> argparse.ArgumentParser:
    """Return the parent parser with the options that every command takes."""
    parent = argparse.ArgumentParser(add_help=False)
    group = parent.add_argument_group("output")
    group.add_argument("--quiet", action="store_true", help="no progress and no notes")
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    return parent


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` up to and including `high`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < low or (high is not None and value > high):
            span = f"from {low} to {high}" if high is not None else f"{low} or more"
            raise argparse.ArgumentTypeError(f"{value} is out of range: {span}")
        return value

    return read


def formats(text: str) -> tuple[str, ...]:
    """Read a list of export formats such as `obj,glb`."""
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        what = ", ".join(unknown) or text
        raise argparse.ArgumentTypeError(f"unknown format {what!r}: choose from {', '.join(FORMATS)}")
    return names


def picture_size(text: str) -> tuple[int, int]:
    """Read a picture's size such as `1280x960`: (width, height) in pixels."""
    width, _, height = text.lower().partition("x")
    try:
        size = (int(width), int(height))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1280x960") from None
    if not all(16 <= side <= 8192 for side in size):
        raise argparse.ArgumentTypeError(f"{text}: each side must be from 16 to 8192 pixels")
    return size


def output_name(text: str) -> str:
    """Read a name for output files: no folder, nothing that a file system refuses."""
    bad = set('/\\:*?"<>|')
    if (
        not text.strip()
        or text in {".", ".."}
        or any(c in bad or ord(c) < 32 for c in text)
        or len(text) > 120
    ):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a file")
    return text
