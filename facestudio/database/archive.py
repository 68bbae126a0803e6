"""Writes .npz files whose bytes depend on their content alone."""

import io
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TIME_STAMP = (2020, 1, 1, 0, 0, 0)


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write an .npz with fixed time stamps, so that the same arrays give the same bytes.

    It is written beside `path`, which is replaced at the end; missing folders are made.

    Parameters
    ----------
    path
        The file.
    arrays
        By name, in the order they are written in; none may hold objects.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    # Stored, not deflated: what deflate makes of the same bytes differs between versions of zlib.
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _TIME_STAMP)
            entry.create_system = 3  # else Windows writes another byte than Unix
            archive.writestr(entry, buffer.getvalue())
    beside.replace(path)


@contextmanager
def replace_file(path: Path) -> Generator[Path]:
    """Give a path beside a file to write to; the file is replaced when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
