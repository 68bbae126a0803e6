"""BJUT-3D style files: a head as coloured vertices and triangles, in text (docs/formats/bjut3d.md).

The first line that is neither empty nor a comment (#) holds the counts N and M; N lines of X Y Z R G B follow (any
unit, colours 0..255), then M lines of three vertex numbers, counted from 1 (or from 0, if a 0 occurs).
"""

from pathlib import Path

import numpy as np

from facestudio.database.registration.scan import Scan
from facestudio.errors import UnreadableInputError, WriteError
from facestudio.values import FloatArray, IntArray

ENDING = ".bjut"
_MOST = 5_000_000


def _rows(lines: list[str], first: int, count: int, width: int, what: str, name: str) -> FloatArray:
    """Return `count` lines of `width` numbers from line `first` on, (count, width)."""
    block = lines[first : first + count]
    if len(block) < count:
        raise UnreadableInputError(f"{name} says {count} {what} but holds {len(block)}")
    try:
        values = np.array([line.split() for line in block], dtype=np.float64)
    except ValueError:
        values = np.zeros((0, 0))
    if values.shape != (count, width):
        for number, line in enumerate(block):
            words = line.split()
            try:
                good = len([float(word) for word in words]) == width
            except ValueError:
                good = False
            if not good:
                one = {"vertices": "vertex"}.get(what, what[:-1])
                raise UnreadableInputError(
                    f"{name}: {one} {number + 1} is not {width} numbers: {line[:60]!r}"
                )
    return values


def read_bjut3d(path: Path) -> Scan:
    """Read a BJUT-3D style file.

    Raises
    ------
    UnreadableInputError
        If it cannot be read, its counts do not fit, or values are not numbers.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableInputError(f"{path.name} is not a BJUT-3D style file: it is no text") from error
    except OSError as error:
        raise UnreadableInputError(f"{path.name} cannot be read: {error.strerror or error}") from error
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    try:
        count, triangles = (int(word) for word in (lines[0] if lines else "").split())
    except ValueError:
        raise UnreadableInputError(
            f"{path.name} is not a BJUT-3D style file: its first line is not the counts of vertices and triangles"
        ) from None
    if not (3 <= count <= _MOST and 1 <= triangles <= _MOST):
        raise UnreadableInputError(f"{path.name}: {count} vertices and {triangles} triangles are no head")
    rows = _rows(lines, 1, count, 6, "vertices", path.name)
    corners = _rows(lines, 1 + count, triangles, 3, "triangles", path.name)
    if len(lines) > 1 + count + triangles:
        extra = len(lines) - 1 - count - triangles
        raise UnreadableInputError(f"{path.name} holds {extra} lines more than its counts say")
    if not np.isfinite(rows).all() or not np.isfinite(corners).all():
        raise UnreadableInputError(f"{path.name} holds values that are not numbers")
    ids = corners.astype(np.int64)
    if (ids != corners).any():
        raise UnreadableInputError(f"{path.name}: vertex numbers must be whole")
    if ids.min() > 0:
        ids -= 1
    if ids.min() < 0 or ids.max() >= count:
        raise UnreadableInputError(f"{path.name} has triangles of vertices that do not exist")
    if rows[:, 3:].min() < 0 or rows[:, 3:].max() > 255:
        raise UnreadableInputError(f"{path.name}: colours must be 0 to 255")
    return Scan(rows[:, :3], ids.astype(np.int32), None, rows[:, 3:] / 255, path.name)


def write_bjut3d(path: Path, vertices: FloatArray, triangles: IntArray, colours: FloatArray) -> None:
    """Write a BJUT-3D style file, beside its place first.

    Parameters
    ----------
    path
        The file.
    vertices
        (V, 3) mm.
    triangles
        (M, 3), counted from 0 here and from 1 in the file.
    colours
        (V, 3) sRGB 0..1.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    bytes_of = np.rint(np.clip(colours, 0, 1) * 255).astype(int)
    lines = ["# BJUT-3D style: counts, X Y Z R G B, triangles", f"{len(vertices)} {len(triangles)}"]
    lines += [
        f"{x:.4f} {y:.4f} {z:.4f} {r} {g} {b}"
        for (x, y, z), (r, g, b) in zip(vertices, bytes_of, strict=True)
    ]
    lines += [f"{a} {b} {c}" for a, b, c in (np.asarray(triangles) + 1).tolist()]
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
