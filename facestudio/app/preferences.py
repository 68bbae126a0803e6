"""What a person prefers, in a file they can read and edit: preferences.toml."""

import contextlib
import os
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from facestudio.database.model import DEFAULT_DATABASE
from facestudio.errors import WriteError
from facestudio.pipeline.request import SCALPS, TEXTURE_SIZES

THEMES = ("system", "light", "dark")
UNITS = ("cm", "m", "mm")
AUTOSAVE_SECONDS = (1, 600)

_COMMENTS = {
    "theme": "system, light or dark",
    "texture_size": "texels a side of textures made while you work: 512, 1024, 2048 or 4096",
    "units": "of exports, if you have not chosen others there: cm, m or mm",
    "scalp": "of new photos: photo (the hair is carried on), stubble or bald",
    "database": "head database that new photos use",
    "autosave_seconds": "a copy of unsaved work is kept so often: 1 to 600; 0 keeps none",
}


@dataclass(frozen=True)
class Preferences:
    """Choices that hold for all photos; their meaning is in the file itself."""

    theme: str = "system"
    texture_size: int = 2048
    units: str = "cm"
    scalp: str = SCALPS[0]
    database: str = DEFAULT_DATABASE
    autosave_seconds: int = 5


def _usable(name: str, value: Any) -> bool:
    if name == "texture_size":
        return type(value) is int and value in TEXTURE_SIZES
    if name == "autosave_seconds":
        low, high = AUTOSAVE_SECONDS
        return type(value) is int and (value == 0 or low <= value <= high)
    choices = {"theme": THEMES, "units": UNITS, "scalp": SCALPS}.get(name)
    return isinstance(value, str) and (value in choices if choices else 0 < len(value) < 200)


def read_preferences(path: Path) -> tuple[Preferences, str]:
    """Return the preferences of a file, and what in it could not be used (empty if nothing).

    What is missing or odd has its default: a slip in a file edited by hand does not keep the app from opening.
    """
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError:
        return Preferences(), ""
    except (OSError, ValueError) as error:
        return Preferences(), f"{path} cannot be read: {error}"
    result, odd = Preferences(), list[str]()
    for name, value in found.items():
        if name in _COMMENTS and _usable(name, value):
            result = replace(result, **{name: value})
        else:
            odd.append(name)
    return result, f"{path} has what cannot be used: {', '.join(odd)}" if odd else ""


def _quoted(text: str) -> str:
    kept = "".join(f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return f'"{kept}"'


def preferences_text(preferences: Preferences) -> str:
    """Return the file's text, each choice with a line about it."""
    lines = ["# facestudio's preferences. Edit > Preferences writes this file anew."]
    for one in fields(preferences):
        value = getattr(preferences, one.name)
        lines += ["", f"# {_COMMENTS[one.name]}"]
        lines.append(f"{one.name} = {_quoted(value) if isinstance(value, str) else value}")
    return "\n".join(lines) + "\n"


def write_preferences(preferences: Preferences, path: Path) -> None:
    """Write the file; it is complete or what it was before.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_text(preferences_text(preferences), encoding="utf-8")
            beside.replace(path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
