"""Faces to learn recognition from: drawn ones of database heads, and folders and lists of photos."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.database.archive import save_arrays
from facestudio.database.model import HeadDatabase
from facestudio.database.projections import fingerprint
from facestudio.errors import UnreadableInputError
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import to_ibug68
from facestudio.photo import load_photo
from facestudio.retrieval.aligned_face import align_face
from facestudio.synthesis.recognition import Part, recognition_faces
from facestudio.values import ByteArray, IntArray

_SHARD = 25  # heads to a file
_QUALITY = 92
_PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm"})


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """Faces and whose they are.

    Attributes
    ----------
    faces
        (N, 224, 224, 3) uint8 RGB.
    labels
        (N,) int32: numbers of people, from 0.
    people
        Names, by number.
    photos
        The pictures that the faces were cut from, (S, S, 3) uint8 RGB each, if they were kept.
    """

    faces: ByteArray
    labels: IntArray
    people: tuple[str, ...]
    photos: tuple[ByteArray, ...] = ()


def drawn_faces(
    database: HeadDatabase,
    count: int,
    part: Part,
    seed: int,
    work: Path,
    say: Callable[[str], None] = lambda line: None,
) -> LabelledFaces:
    """Return pictures of all heads of a database, in their own skins (`facestudio.synthesis.recognition`).

    Those to test with keep the photos that the faces were cut from.

    Parameters
    ----------
    database, count, part, seed
        Which heads, how many pictures of each, under which conditions, of which draw.
    work
        A folder in which finished pictures are kept: what was stopped goes on there.
    say
        Called with a line of progress.
    """
    work.mkdir(parents=True, exist_ok=True)
    faces: list[ByteArray] = []
    photos: list[ByteArray] = []
    labels: list[int] = []
    name = f"{fingerprint(database)}-{part}-{count}-{seed}"
    for first in range(0, len(database), _SHARD):
        file = work / f"{name}-{first:05d}.npz"
        rows = list(range(first, min(first + _SHARD, len(database))))
        if not file.exists():
            drawn = list(recognition_faces(database, rows, count, part, seed))
            arrays = _packed("jpeg", [one.face for one in drawn])
            if part == "test":
                arrays |= _packed("photo", [one.photo for one in drawn])
            save_arrays(file, {"rows": np.array([one.row for one in drawn], dtype=np.int32), **arrays})
            say(f"{part}: {rows[-1] + 1} of {len(database)} heads drawn")
        with np.load(file, allow_pickle=False) as data:
            labels += data["rows"].tolist()
            faces += _unpacked("jpeg", data)
            photos += _unpacked("photo", data) if part == "test" else []
    return LabelledFaces(np.stack(faces), np.array(labels, dtype=np.int32), database.ids, tuple(photos))


def _packed(name: str, pictures: list[ByteArray]) -> dict[str, NDArray[Any]]:
    jpegs = [_encoded(picture) for picture in pictures]
    ends = np.cumsum([len(jpeg) for jpeg in jpegs]).astype(np.int64)
    return {f"{name}_ends": ends, name: np.concatenate(jpegs)}


def _unpacked(name: str, data: Mapping[str, NDArray[Any]]) -> list[ByteArray]:
    ends, jpeg = data[f"{name}_ends"].tolist(), data[name]
    return [_decoded(jpeg[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def folder_faces(source: Path, say: Callable[[str], None] = lambda line: None, few: int = 2) -> LabelledFaces:
    """Read photos of people: a folder with a folder for each (as CASIA-WebFace has), or a list of "path label" lines.

    Parameters
    ----------
    source
        The folder or the list; paths in the list are relative to it.
    say
        Called with a line for each photo that is left out, and why.
    few
        People with fewer usable photos are left out.

    Raises
    ------
    UnreadableInputError
        If there are not two people with photos.
    """
    named = _listed(source) if source.is_file() else _in_folders(source)
    found: dict[str, list[ByteArray]] = {}
    for path, person in named:
        try:
            photo = load_photo(path)
        except UnreadableInputError as error:
            say(f"{path.name}: {error}")
            continue
        faces = locate_faces(photo, max_faces=1)
        if faces:
            found.setdefault(person, []).append(align_face(photo.pixels, to_ibug68(faces[0].mesh).points))
        else:
            say(f"{path.name}: no face")
    people = tuple(sorted(person for person, own in found.items() if len(own) >= few))
    if len(people) < 2:
        raise UnreadableInputError(f"{source} has no photos of two people, {few} or more of each")
    faces = [face for person in people for face in found[person]]
    labels = [i for i, person in enumerate(people) for _ in found[person]]
    return LabelledFaces(np.stack(faces), np.array(labels, dtype=np.int32), people)


def split_faces(faces: LabelledFaces, share: float = 0.2) -> tuple[LabelledFaces, LabelledFaces]:
    """Divide pictures: of each person the last `share`, at least one, is left out of training."""
    left_out = np.zeros(len(faces.labels), dtype=np.bool_)
    for person in range(len(faces.people)):
        own = np.flatnonzero(faces.labels == person)
        left_out[own[len(own) - max(1, round(share * len(own))) :]] = True
    train, test = (
        LabelledFaces(faces.faces[rows], faces.labels[rows], faces.people) for rows in (~left_out, left_out)
    )
    return train, test


def _in_folders(source: Path) -> list[tuple[Path, str]]:
    return [
        (path, folder.name)
        for folder in sorted(p for p in source.iterdir() if p.is_dir())
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _PHOTOS
    ]


def _listed(source: Path) -> list[tuple[Path, str]]:
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInputError(f"{source} is not a list of photos: {error}") from error
    out: list[tuple[Path, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parts = line.rsplit(maxsplit=1)
        if len(parts) != 2:
            raise UnreadableInputError(f'{source}, line {number}: "{line[:60]}" is not a path and a label')
        out.append((source.parent / parts[0], parts[1]))
    return out


def _encoded(face: ByteArray) -> ByteArray:
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(face, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return np.asarray(data, dtype=np.uint8).ravel()


def _decoded(data: ByteArray) -> ByteArray:
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
