"""Projects: a photo with everything a person decided about it, in one file (docs/formats/project.md)."""

import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from facestudio.errors import UnreadableInputError, WriteError
from facestudio.pipeline.decisions import HeadDecisions, PhotoDecisions, PhotoWork, decided
from facestudio.pipeline.project_values import (
    number,
    optional,
    pins_from_json,
    pins_to_json,
    points_from_json,
    points_to_json,
    stroke_from_json,
    strokes_to_json,
    text,
)
from facestudio.pipeline.request import METHODS, MOST_PHOTOS, FurtherPhoto, Request
from facestudio.texture.options import SCALP_MODES, ScalpMode
from facestudio.values import Photo

SUFFIX = ".facestudio"
FORMAT, VERSION = "facestudio-project", 3
_JSON, _PHOTO = "project.json", "photo.png"
_MOST_JSON, _MOST_PHOTO, _MOST_MEMBERS = 4 << 20, 1 << 30, 64
_MOST_VARIANTS = 256


@dataclass(frozen=True, eq=False)
class ProjectPhoto(PhotoWork):
    """A photo of the person with what was decided about it."""

    photo: Photo

    def asked(self) -> FurtherPhoto:
        """Return what to reconstruct from; points that nobody moved are left to the pipeline."""
        edited = self.landmarks is not None and bool(self.landmarks.moved.any())
        own = FurtherPhoto(self.photo, **decided(PhotoDecisions, self))
        return own if edited else replace(own, landmarks=None)


@dataclass(frozen=True, eq=False)
class Project(ProjectPhoto, HeadDecisions):
    """A saved piece of work: the photo that was opened, and all that was decided.

    Attributes
    ----------
    expression
        52 weights 0..1 chosen for the head, or None for what the photo shows.
    variants
        (name, what was decided otherwise), by name: projects of the same photo without variants of their own.
    more
        Further photos of the same person.
    """

    expression: tuple[float, ...] | None = None
    variants: tuple[tuple[str, "Project"], ...] = ()
    more: tuple[ProjectPhoto, ...] = ()

    def further_photos(self) -> tuple[Photo, ...]:
        """Return the further photos of this project and of its variants, each once."""
        found: dict[int, Photo] = {}
        for project in (self, *(variant for _, variant in self.variants)):
            found.update({id(one.photo): one.photo for one in project.more})
        return tuple(found.values())

    def request(self, *, texture_size: int = 2048, method: str = METHODS[0], shown: int = 0) -> Request:
        """Return what to reconstruct; points that nobody moved are left to the pipeline."""
        return Request(
            **decided(FurtherPhoto, self.asked()),
            **decided(HeadDecisions, self),
            texture_size=texture_size,
            method=method,
            more=tuple(one.asked() for one in self.more),
            shown=shown,
        )


def encode_photo(photo: Photo) -> bytes:
    """Return a photo's pixels as PNG, without loss."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(photo.pixels).save(file, format="PNG", compress_level=1)
    return file.getvalue()


def save_project(
    project: Project,
    path: Path,
    *,
    photo_png: bytes | None = None,
    encode: Callable[[Photo], bytes] = encode_photo,
) -> None:
    """Write a project; the file is complete or what it was before.

    Parameters
    ----------
    project
        What to save.
    path
        Where to.
    photo_png
        What `encode_photo` returned for this photo, if it is at hand.
    encode
        Does that for the further photos.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    written = json.dumps(_to_json(project), indent=1, allow_nan=False)
    beside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as handle:
            beside = Path(handle.name)
            with zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(_JSON, written)
                archive.writestr(_PHOTO, photo_png or encode_photo(project.photo), zipfile.ZIP_STORED)
                for index, photo in enumerate(project.further_photos()):
                    archive.writestr(_further(index), encode(photo), zipfile.ZIP_STORED)
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
            photo = _decode_photo(_member(archive, _PHOTO, _MOST_PHOTO, path), document["photo"])
            described = cast("list[Any]", document.get("photos") or [])
            if len(described) > _MOST_MEMBERS - 2:
                raise ValueError("photos")
            further = [
                _decode_photo(_member(archive, _further(index), _MOST_PHOTO, path), described[index])
                for index in range(len(described))
            ]
        return _from_json(document, photo, further)
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


def _further(index: int) -> str:
    return f"photo-{index + 2}.png"


def _decode_photo(data: bytes, meta: dict[str, Any]) -> Photo:
    from facestudio.photo import load_photo

    with tempfile.TemporaryDirectory(prefix="facestudio-") as folder:
        file = Path(folder) / _PHOTO
        file.write_bytes(data)
        try:
            pixels = load_photo(file).pixels
        except UnreadableInputError as error:
            reason = str(error).replace(str(file), "it")
            raise UnreadableInputError(f"The photo inside the project cannot be used: {reason}") from error
    source = meta.get("path")
    return Photo(
        pixels,
        name=text(meta["name"]),
        path=None if source is None else Path(text(source)),
        focal_px=optional(meta.get("focal_px"), 1.0, 1e6),
    )


def _photo_to_json(photo: Photo) -> dict[str, Any]:
    path = None if photo.path is None else str(photo.path)
    return {"name": photo.name, "path": path, "focal_px": photo.focal_px}


def _to_json(project: Project) -> dict[str, Any]:
    photos = project.further_photos()
    # Programs from before there could be several photos, or pins that slide, read what has none.
    return {
        "format": FORMAT,
        "version": 3 if _has_sliding_pins(project) else 2 if photos else 1,
        "photo": _photo_to_json(project.photo),
        **({"photos": [_photo_to_json(photo) for photo in photos]} if photos else {}),
        **_decisions_to_json(project, photos),
        "variants": {name: _decisions_to_json(variant, photos) for name, variant in project.variants},
    }


def _has_sliding_pins(project: Project) -> bool:
    decided_on = [project, *(variant for _, variant in project.variants)]
    pins = [pin for one in decided_on for work in (one, *one.more) for pin in work.pins]
    return any(pin.outline for pin in pins)


def _work_to_json(one: PhotoWork) -> dict[str, Any]:
    return {
        "face": one.face,
        "landmarks": points_to_json(one.landmarks),
        "located": points_to_json(one.located),
        "focal_px": one.focal_px,
        "unused": strokes_to_json(one.unused),
        **({"pins": pins_to_json(one.pins)} if one.pins else {}),
    }


def _work_from_json(value: Any) -> dict[str, Any]:
    return decided(
        PhotoWork,
        PhotoWork(
            face=_face(value),
            landmarks=points_from_json(value.get("landmarks")),
            located=points_from_json(value.get("located")),
            focal_px=optional(value.get("focal_px"), 1.0, 1e6),
            unused=tuple(stroke_from_json(stroke) for stroke in value.get("unused") or ()),
            pins=pins_from_json(value.get("pins") or ()),
        ),
    )


def _more_to_json(one: ProjectPhoto, photos: tuple[Photo, ...]) -> dict[str, Any]:
    place = next(index for index, photo in enumerate(photos) if photo is one.photo)
    return {"photo": place, **_work_to_json(one)}


def _more_from_json(value: Any, photos: list[Photo]) -> ProjectPhoto:
    index = value["photo"]
    if not isinstance(index, int) or not 0 <= index < len(photos):
        raise ValueError("photo")
    return ProjectPhoto(photos[index], **_work_from_json(value))


def _scalp(value: Any) -> ScalpMode:
    if value not in SCALP_MODES:
        raise ValueError("scalp")
    return value


def _iris(value: Any) -> tuple[int, int, int] | None:
    if value is None:
        return None
    red, green, blue = (int(number(part, 0.0, 255.0)) for part in value)
    return red, green, blue


def _face(document: dict[str, Any]) -> int:
    face = document["face"]
    if not isinstance(face, int) or face < 1:
        raise ValueError("face")
    return face


def _decisions_to_json(project: Project, photos: tuple[Photo, ...]) -> dict[str, Any]:
    return {
        **_work_to_json(project),
        "database": project.database,
        "excluded_heads": sorted(project.excluded_heads),
        "head_weights": dict(project.head_weights),
        "expression": None if project.expression is None else list(project.expression),
        "adjustments": dict(project.adjustments),
        "scalp": project.scalp,
        "iris": None if project.iris is None else list(project.iris),
        **({"more": [_more_to_json(one, photos) for one in project.more]} if project.more else {}),
    }


def _from_json(document: dict[str, Any], photo: Photo, further: list[Photo]) -> Project:
    variants = cast("dict[str, Any]", document.get("variants") or {})
    if len(variants) > _MOST_VARIANTS:
        raise ValueError("variants")
    kept = [(text(name), _decisions_from_json(variants[name], photo, further)) for name in sorted(variants)]
    return replace(_decisions_from_json(document, photo, further), variants=tuple(kept))


def _decisions_from_json(document: dict[str, Any], photo: Photo, further: list[Photo]) -> Project:
    weights = cast("dict[str, Any]", document.get("head_weights") or {})
    adjustments = cast("dict[str, Any]", document.get("adjustments") or {})
    expression = document.get("expression")
    if expression is not None and len(expression) != 52:
        raise ValueError("expression")
    more = cast("list[Any]", document.get("more") or [])
    if len(more) >= MOST_PHOTOS:
        raise ValueError("more")
    return Project(
        photo,
        **_work_from_json(document),
        database=text(document["database"]),
        excluded_heads=frozenset(text(name) for name in document.get("excluded_heads") or ()),
        head_weights=tuple(sorted((text(name), number(value, 0.0, 1.0)) for name, value in weights.items())),
        expression=None if expression is None else tuple(number(value, 0.0, 1.0) for value in expression),
        adjustments=tuple(
            sorted((text(name), number(value, -1.0, 1.0)) for name, value in adjustments.items())
        ),
        more=tuple(_more_from_json(value, further) for value in more),
        scalp=_scalp(document.get("scalp", "photo")),
        iris=_iris(document.get("iris")),
    )
