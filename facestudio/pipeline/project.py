"""Projects: a photo with everything a person decided about it, in one file (docs/formats/project.md)."""

import io
import json
import math
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from facestudio.database.model import DEFAULT_DATABASE
from facestudio.errors import UnreadableInputError, WriteError
from facestudio.pipeline.request import METHODS, Request
from facestudio.template.sliders import Adjustments
from facestudio.texture.strokes import Stroke
from facestudio.values import Landmarks, Photo

SUFFIX = ".facestudio"
FORMAT, VERSION = "facestudio-project", 1
_JSON, _PHOTO = "project.json", "photo.png"
_MOST_JSON, _MOST_PHOTO, _MOST_MEMBERS = 4 << 20, 1 << 30, 64
_POINTS = 68
_MOST_VARIANTS = 256


@dataclass(frozen=True, eq=False)
class Project:
    """A saved piece of work.

    Attributes
    ----------
    photo
        The photo, upright.
    face
        Which of its faces, 1 is the largest.
    landmarks, located
        ibug68 points as they are and as they were located; None if they never were.
    database, excluded, head_weights, focal_px
        As in Request.
    expression
        52 weights 0..1 chosen for the head, or None for what the photo shows.
    adjustments, unused
        As in Request.
    variants
        (name, what was decided otherwise), by name: projects of the same photo without variants of their own.
    """

    photo: Photo
    face: int = 1
    landmarks: Landmarks | None = None
    located: Landmarks | None = None
    database: str = DEFAULT_DATABASE
    excluded: frozenset[str] = frozenset()
    head_weights: tuple[tuple[str, float], ...] = ()
    focal_px: float | None = None
    expression: tuple[float, ...] | None = None
    adjustments: Adjustments = ()
    unused: tuple[Stroke, ...] = ()
    variants: tuple[tuple[str, "Project"], ...] = ()

    def request(self, *, texture_size: int = 2048, method: str = METHODS[0]) -> Request:
        """Return what to reconstruct; points that nobody moved are left to the pipeline."""
        edited = self.landmarks is not None and bool(self.landmarks.moved.any())
        return Request(
            self.photo,
            face=self.face,
            landmarks=self.landmarks if edited else None,
            database=self.database,
            excluded_heads=self.excluded,
            head_weights=self.head_weights,
            texture_size=texture_size,
            method=method,
            focal_px=self.focal_px,
            adjustments=self.adjustments,
            unused=self.unused,
        )


def encode_photo(photo: Photo) -> bytes:
    """Return a photo's pixels as PNG, without loss."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(photo.pixels).save(file, format="PNG", compress_level=1)
    return file.getvalue()


def save_project(project: Project, path: Path, *, photo_png: bytes | None = None) -> None:
    """Write a project; the file is complete or what it was before.

    Parameters
    ----------
    project
        What to save.
    path
        Where to.
    photo_png
        What `encode_photo` returned for this photo, if it is at hand.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    text = json.dumps(_to_json(project), indent=1, allow_nan=False)
    beside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as handle:
            beside = Path(handle.name)
            with zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(_JSON, text)
                archive.writestr(_PHOTO, photo_png or encode_photo(project.photo), zipfile.ZIP_STORED)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error


def load_project(path: Path) -> Project:
    """Read a project. Nothing of it is unpacked into folders, and no more is read than a project may hold.

    Raises
    ------
    UnreadableInputError
        If it is not a project, damaged, of a newer version, or made to harm.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path)
            document = json.loads(_member(archive, _JSON, _MOST_JSON, path))
            _check_version(document, path)
            photo_png = _member(archive, _PHOTO, _MOST_PHOTO, path)
        return _from_json(document, _decode_photo(photo_png, document))
    except UnreadableInputError:
        raise
    except OSError as error:
        raise UnreadableInputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        RecursionError,
        OverflowError,
        AttributeError,
        IndexError,
        zlib.error,
        EOFError,
    ) as error:
        # NotImplementedError (an unknown compression) is a RuntimeError, bad JSON and UTF-8 are ValueErrors.
        raise UnreadableInputError(
            f"{path.name} is damaged, or not a facestudio project",
            hint="An autosaved copy may be offered at the start",
        ) from error


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(members) > _MOST_MEMBERS or len(set(names)) != len(names):
        raise UnreadableInputError(f"{path.name} is not a facestudio project: it holds too many files")
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise UnreadableInputError(f"{path.name} is not safe: it names a file outside itself")


def _member(archive: zipfile.ZipFile, name: str, most: int, path: Path) -> bytes:
    with archive.open(name) as file:  # what the directory says of sizes need not be true: count
        data = file.read(most + 1)
    if len(data) > most:
        raise UnreadableInputError(f"{path.name} is not a facestudio project: {name} is too large")
    return data


def _check_version(document: Any, path: Path) -> None:
    if document["format"] != FORMAT:
        raise UnreadableInputError(f"{path.name} is not a facestudio project")
    version = document["version"]
    if not isinstance(version, int) or version < 1:
        raise ValueError("version")
    if version > VERSION:
        raise UnreadableInputError(
            f"{path.name} was saved by a newer facestudio (version {version} of the format, {VERSION} is known)",
            hint="Install the newest facestudio",
        )


def _decode_photo(data: bytes, document: dict[str, Any]) -> Photo:
    from facestudio.photo import load_photo

    with tempfile.TemporaryDirectory(prefix="facestudio-") as folder:
        file = Path(folder) / _PHOTO
        file.write_bytes(data)
        try:
            pixels = load_photo(file).pixels
        except UnreadableInputError as error:
            reason = str(error).replace(str(file), "it")
            raise UnreadableInputError(f"The photo inside the project cannot be used: {reason}") from error
    meta = document["photo"]
    source = meta.get("path")
    return Photo(
        pixels,
        name=_text(meta["name"]),
        path=None if source is None else Path(_text(source)),
        focal_px=_optional(meta.get("focal_px"), 1.0, 1e6),
    )


def _to_json(project: Project) -> dict[str, Any]:
    photo = project.photo
    return {
        "format": FORMAT,
        "version": VERSION,
        "photo": {
            "name": photo.name,
            "path": None if photo.path is None else str(photo.path),
            "focal_px": photo.focal_px,
        },
        **_decisions_to_json(project),
        "variants": {name: _decisions_to_json(variant) for name, variant in project.variants},
    }


def _decisions_to_json(project: Project) -> dict[str, Any]:
    return {
        "face": project.face,
        "landmarks": _points_to_json(project.landmarks),
        "located": _points_to_json(project.located),
        "database": project.database,
        "excluded_heads": sorted(project.excluded),
        "head_weights": dict(project.head_weights),
        "focal_px": project.focal_px,
        "expression": None if project.expression is None else list(project.expression),
        "adjustments": dict(project.adjustments),
        "unused": [
            {"points": [list(p) for p in stroke.points], "radius": stroke.radius, "erase": stroke.erase}
            for stroke in project.unused
        ],
    }


def _from_json(document: dict[str, Any], photo: Photo) -> Project:
    variants = cast("dict[str, Any]", document.get("variants") or {})
    if len(variants) > _MOST_VARIANTS:
        raise ValueError("variants")
    kept = [(_text(name), _decisions_from_json(variants[name], photo)) for name in sorted(variants)]
    return replace(_decisions_from_json(document, photo), variants=tuple(kept))


def _decisions_from_json(document: dict[str, Any], photo: Photo) -> Project:
    weights = cast("dict[str, Any]", document.get("head_weights") or {})
    adjustments = cast("dict[str, Any]", document.get("adjustments") or {})
    expression = document.get("expression")
    if expression is not None and len(expression) != 52:
        raise ValueError("expression")
    face = document["face"]
    if not isinstance(face, int) or face < 1:
        raise ValueError("face")
    return Project(
        photo,
        face=face,
        landmarks=_points_from_json(document.get("landmarks")),
        located=_points_from_json(document.get("located")),
        database=_text(document["database"]),
        excluded=frozenset(_text(name) for name in document.get("excluded_heads") or ()),
        head_weights=tuple(
            sorted((_text(name), _number(value, 0.0, 1.0)) for name, value in weights.items())
        ),
        focal_px=_optional(document.get("focal_px"), 1.0, 1e6),
        expression=None if expression is None else tuple(_number(value, 0.0, 1.0) for value in expression),
        adjustments=tuple(
            sorted((_text(name), _number(value, -1.0, 1.0)) for name, value in adjustments.items())
        ),
        unused=tuple(_stroke(value) for value in document.get("unused") or ()),
    )


def _points_to_json(points: Landmarks | None) -> dict[str, Any] | None:
    if points is None:
        return None
    return {
        "scheme": points.scheme,
        "method": points.method,
        "points": points.points.tolist(),
        "covariance": points.covariance.tolist(),
        "moved": points.moved.tolist(),
    }


def _points_from_json(value: Any) -> Landmarks | None:
    if value is None:
        return None
    points = np.asarray(value["points"], dtype=np.float64)
    covariance = np.asarray(value["covariance"], dtype=np.float64)
    moved = np.asarray(value["moved"])
    if points.shape != (_POINTS, 2) or covariance.shape != (_POINTS, 2, 2) or moved.shape != (_POINTS,):
        raise ValueError("landmarks")
    if value["scheme"] != "ibug68" or moved.dtype != np.bool_:
        raise ValueError("landmarks")
    if not (np.isfinite(points).all() and np.isfinite(covariance).all() and np.abs(points).max() < 1e6):
        raise ValueError("landmarks")
    if (np.linalg.eigvalsh((covariance + covariance.transpose(0, 2, 1)) / 2) < 0).any():
        raise ValueError("covariance")
    return Landmarks("ibug68", points, covariance, moved, _text(value["method"]))


def _stroke(value: Any) -> Stroke:
    points = tuple((_number(x, -1e6, 1e6), _number(y, -1e6, 1e6)) for x, y in value["points"])
    if not points or not isinstance(value["erase"], bool):
        raise ValueError("stroke")
    return Stroke(points, _number(value["radius"], 0.1, 1e5), value["erase"])


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 4096 or "\0" in value:
        raise ValueError("text")
    return value


def _number(value: Any, low: float, high: float) -> float:
    number = float(value)
    if isinstance(value, (bool, str)) or not math.isfinite(number) or not low <= number <= high:
        raise ValueError("number")
    return number


def _optional(value: Any, low: float, high: float) -> float | None:
    return None if value is None else _number(value, low, high)
