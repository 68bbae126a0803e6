"""Files that commands write: never over an older one unless told so, never half."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from facestudio.errors import UsageError, WriteError

if TYPE_CHECKING:
    from facestudio.values import ByteArray

_PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def check_free(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse to write over what is there, before any work is done.

    Raises
    ------
    WriteError
        If a file is there already and may not be replaced, or a folder is in its place.
    """
    for path in paths:
        if path.is_dir():
            raise WriteError(f"{path} is a folder")
        if path.exists() and not overwrite:
            raise WriteError(f"{path} is there already", hint="--overwrite replaces it")


def make_folder(folder: Path) -> None:
    """Make a folder for results, with those above it.

    Raises
    ------
    WriteError
        If that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"The folder {folder} cannot be made: {error.strerror or error}") from error


def check_picture_name(path: Path) -> None:
    """Refuse a name that does not say which kind of picture to write.

    Raises
    ------
    UsageError
        If the ending is not .png, .jpg, .jpeg or .webp.
    """
    if path.suffix.lower() not in _PICTURES:
        raise UsageError(
            f"{path.name}: unknown kind of picture", hint=f"Use an ending of {', '.join(_PICTURES)}"
        )


def write_picture(path: Path, pixels: "ByteArray") -> None:
    """Write a picture, (H, W, 3) uint8 RGB, beside its place and move it there.

    Raises
    ------
    UsageError
        If the ending is unknown.
    WriteError
        If it cannot be written; an older file of that name is then still there.
    """
    from PIL import Image

    check_picture_name(path)
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            Image.fromarray(pixels).save(beside, format=_PICTURES[path.suffix.lower()], quality=92)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
