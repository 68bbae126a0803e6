"""Reads and writes landmark files: .pts (iBUG, XM2VTS), .tem (WebMorph) and .json.

Frames: inside, pixel centres are whole numbers from 0. A .pts file counts from 1; .tem and .json count from
0.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from facestudio.errors import FacestudioError, UnreadableInputError, UsageError, WriteError
from facestudio.landmarks.schemes import SCHEME_NAMES, load_scheme
from facestudio.values import FaceBox, FloatArray, Landmarks

FILE_SIGMA: Final = 0.005
"""Noise of points from a file, one coordinate, in units of the extent of the points: how well people
click."""

_MAX_BYTES: Final = 16_000_000
_ENDINGS: Final = (".pts", ".tem", ".json")


def load_landmarks(
    path: str | Path,
    *,
    scheme: str | None = None,
    image_size: tuple[int, int] | None = None,
    face: int = 0,
) -> Landmarks:
    """Read the landmarks of one face.

    Parameters
    ----------
    path
        A .pts file (with or without header), a .tem file, or .json: the output of `facestudio landmarks`, or
        any object with `landmarks_2d`.
    scheme
        Name of the scheme; by default what a .json file says, else that with the file's number of points
        (ibug68 for 68: for the order of XM2VTS say xm2vts68).
    image_size
        (width, height) of the photo in pixels, to notice points of another photo.
    face
        Which face of a .json file with several, from 0.

    Returns
    -------
    Landmarks
        Image frame, method "file".

    Raises
    ------
    UnreadableInputError
        If there is no such file, or it holds no such landmarks; the message names file and reason.
    UsageError
        If there is no scheme of that name.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise UnreadableInputError(
            f"{path} is not a landmark file", hint="Landmark files end in " + ", ".join(_ENDINGS)
        )
    text = _read_text(path)
    try:
        if ending == ".pts":
            points = _parse_pts(text) - 1.0
        elif ending == ".tem":
            points = _parse_tem(text)
        else:
            points, said = _parse_json(text, face)
            scheme = said if scheme is None else scheme
        return _checked(points, scheme, image_size)
    except FacestudioError:
        raise
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UnreadableInputError(f"{path}: {error}") from error


def save_landmarks(path: str | Path, landmarks: Landmarks) -> None:
    """Write the landmarks of one face to a .pts, .tem or .json file, as its ending says.

    Raises
    ------
    UsageError
        If the ending is another.
    WriteError
        If the file cannot be written; an older file of that name is then still there.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".pts":
        lines = [f"{x + 1.0!r} {y + 1.0!r}" for x, y in landmarks.points.tolist()]
        text = "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])
    elif ending == ".tem":
        lines = [f"{x!r}\t{y!r}" for x, y in landmarks.points.tolist()]
        contours = load_scheme(landmarks.scheme).contours
        drawn = [f"0\n{len(line)}\n{' '.join(map(str, line))}" for line in contours]
        text = "\n".join([str(len(lines)), *lines, str(len(drawn)), *drawn, ""])
    elif ending == ".json":
        text = json.dumps({"scheme": landmarks.scheme, "landmarks_2d": landmarks.points.tolist()})
    else:
        raise UsageError(
            f"{path.name}: unknown kind of landmark file", hint="Use an ending of " + ", ".join(_ENDINGS)
        )
    _write_text(path, text)


def faces_document(
    faces: Sequence[tuple[FaceBox, Landmarks]], timings_ms: Mapping[str, float]
) -> dict[str, Any]:
    """Return what `facestudio landmarks` prints: boxes, scores and points of all faces, image frame."""
    return {
        "faces": [
            {
                "box": [box.x0, box.y0, box.x1, box.y1],
                "score": box.score,
                "scheme": landmarks.scheme,
                "landmarks_2d": landmarks.points.tolist(),
            }
            for box, landmarks in faces
        ],
        "timings_ms": dict(timings_ms),
    }


def save_faces(
    path: str | Path, faces: Sequence[tuple[FaceBox, Landmarks]], timings_ms: Mapping[str, float]
) -> None:
    """Write `faces_document` to a .json file.

    Raises
    ------
    WriteError
        If the file cannot be written; an older file of that name is then still there.
    """
    _write_text(Path(path), json.dumps(faces_document(faces, timings_ms), indent=1) + "\n")


def _read_text(path: Path) -> str:
    try:
        if path.is_dir():
            raise UnreadableInputError(f"{path} is a folder, not a landmark file")
        if path.stat().st_size > _MAX_BYTES:
            raise UnreadableInputError(f"{path} is too large for a landmark file")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UnreadableInputError(f"There is no file {path}") from error
    except UnicodeDecodeError as error:
        raise UnreadableInputError(f"{path} is not a text file") from error
    except OSError as error:
        raise UnreadableInputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not text.strip():
        raise UnreadableInputError(f"{path} is empty")
    return text


def _write_text(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error


def _pairs(lines: Sequence[str]) -> FloatArray:
    points: list[tuple[float, float]] = []
    for line in lines:
        words = line.replace(",", " ").split()
        if not words:
            continue
        if len(words) != 2:
            raise ValueError(f"expected two numbers, found {line.strip()[:40]!r}")
        try:
            points.append((float(words[0]), float(words[1])))
        except ValueError:
            raise ValueError(f"expected two numbers, found {line.strip()[:40]!r}") from None
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _parse_pts(text: str) -> FloatArray:
    lines = text.splitlines()
    announced: int | None = None
    opening = next((i for i, line in enumerate(lines) if line.strip() == "{"), None)
    if opening is not None:
        for line in lines[:opening]:
            key, _, value = line.partition(":")
            if key.strip().lower() == "n_points":
                announced = int(value)
        closing = next((i for i, line in enumerate(lines) if line.strip() == "}"), None)
        if closing is None:
            raise ValueError("the closing brace is missing (truncated?)")
        lines = lines[opening + 1 : closing]
    points = _pairs([line for line in lines if not line.lstrip().startswith(("#", "//"))])
    if announced is not None and announced != len(points):
        raise ValueError(f"announces {announced} points but has {len(points)}")
    return points


def _parse_tem(text: str) -> FloatArray:
    first, *rest = text.splitlines()
    try:
        count = int(first)
    except ValueError:
        raise ValueError("the first line of a .tem file must be the number of points") from None
    points = _pairs(rest[: max(count, 0)])  # what follows are the lines to draw
    if len(points) != count:
        raise ValueError(f"announces {count} points but has {len(points)}")
    return points


def _parse_json(text: str, face: int) -> tuple[FloatArray, str | None]:
    try:
        data: Any = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"is not valid JSON: {error}") from None
    if isinstance(data, dict) and "faces" in data:
        faces: Any = data["faces"]
        if not isinstance(faces, list) or not 0 <= face < len(faces):
            number = len(faces) if isinstance(faces, list) else 0
            raise ValueError(f"has {number} faces, number {face} (counted from 0) is not among them")
        data = faces[face]
    if not isinstance(data, dict) or "landmarks_2d" not in data:
        raise ValueError('has no "landmarks_2d"')
    try:
        points = np.array(data["landmarks_2d"], dtype=np.float64)
    except (ValueError, TypeError):
        raise ValueError('"landmarks_2d" is not a list of pairs of numbers') from None
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError('"landmarks_2d" is not a list of pairs of numbers')
    said: Any = data.get("scheme")
    return points, said if isinstance(said, str) else None


def _checked(points: FloatArray, scheme: str | None, image_size: tuple[int, int] | None) -> Landmarks:
    counts = {load_scheme(name).count: name for name in reversed(SCHEME_NAMES)}
    if scheme is None:
        if len(points) not in counts:
            known = ", ".join(str(count) for count in sorted(counts))
            raise ValueError(f"has {len(points)} points; known are {known}")
        scheme = counts[len(points)]
    elif load_scheme(scheme).count != len(points):
        raise ValueError(f"has {len(points)} points; {scheme} has {load_scheme(scheme).count}")
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise ValueError(f"point {bad[0]} (counted from 0) is not a finite number")
    extent = float(np.ptp(points, axis=0).max())
    if extent < 1:
        raise ValueError("all points lie in one place")
    if image_size is not None:
        size = np.array(image_size, dtype=np.float64)
        outside = np.flatnonzero(np.any((points < -0.5 * size) | (points > 1.5 * size), axis=1))
        if len(outside):
            x, y = points[outside[0]]
            raise ValueError(
                f"point {outside[0]} (counted from 0) at ({x:.0f}, {y:.0f}) lies far outside the photo of "
                f"{image_size[0]} x {image_size[1]} pixels"
            )
    return Landmarks.of(scheme, points, sigma=FILE_SIGMA * extent, method="file")
