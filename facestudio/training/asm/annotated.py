"""Reads folders of photos with points set by hand (or drawn with them), and names what is wrong with them.

A photo and its points share their name: `face.jpg` and `face.pts`, `.tem`, `.json` or `.npz` (the truth of a
synthetic photo). A .tem file of 189 points needs a map to the 68, `tem189_to_ibug68.json`: `inner` gives for
an ibug point the .tem points to average, `jaw_polyline_to_resample_to_17` the line that is divided evenly
into the points 0 to 16.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.landmarks.files import load_landmarks
from facestudio.landmarks.schemes import load_scheme
from facestudio.photo import load_photo
from facestudio.training.landmark_map import resample
from facestudio.values import FloatArray, Photo, read_only

TEM_MAP: Final = "tem189_to_ibug68.json"
_PHOTOS: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_POINTS: Final = (".pts", ".tem", ".json", ".npz")
_MARGIN: Final = 0.1  # of the points' extent: so far outside the photo a point may lie
_COVERED: Final = 2  # of a synthetic photo's visibilities: hidden by hair or a thing


@dataclass(frozen=True, eq=False)
class AnnotatedPhoto:
    """A photo and its points.

    Attributes
    ----------
    path
        Of the photo.
    points
        (N, 2) float64 pixels, image frame.
    scheme
        ibug68 or xm2vts68.
    person
        Whom it shows: photos of one person share it. By file name, up to the first underscore.
    synthetic
        Whether it is drawn.
    traits
        What is known of it: yaw and pitch (degrees), light, occlusion (0..1).
    """

    path: Path
    points: FloatArray
    scheme: str
    person: str
    synthetic: bool
    traits: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", read_only(self.points, np.float64))

    def load(self) -> Photo:
        """Read the photo.

        Raises
        ------
        UnreadableInputError
            If it cannot be read.
        """
        return load_photo(self.path)


@dataclass(frozen=True)
class Problem:
    """A file that was left out, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return self.reason if str(self.path) in self.reason else f"{self.path}: {self.reason}"


@dataclass(frozen=True, eq=False)
class TemMap:
    """How the 68 points follow from 189: points to average, and the line that becomes the jaw."""

    inner: Mapping[int, tuple[int, ...]]
    jaw: tuple[int, ...]

    def apply(self, points: FloatArray) -> FloatArray:
        """Return the 68 points (68, 2) of 189 (189, 2), in the same frame."""
        result = np.zeros((68, 2))
        result[:17] = resample(points[list(self.jaw)], 17)
        for point, sources in self.inner.items():
            result[point] = points[list(sources)].mean(axis=0)
        return result


def read_tem_map(path: Path) -> TemMap:
    """Read a map from 189 points to 68.

    Raises
    ------
    UnreadableInputError
        If it is missing, damaged or incomplete.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        inner = {int(point): tuple(int(i) for i in sources) for point, sources in table["inner"].items()}
        jaw = tuple(int(i) for i in table["jaw_polyline_to_resample_to_17"])
        if sorted(inner) != list(range(17, 68)) or len(jaw) < 3:
            raise ValueError("it must give the points 17 to 67 and a jaw line")
        used = [i for sources in inner.values() for i in sources] + list(jaw)
        if not all(inner.values()) or not all(0 <= i < 189 for i in used):
            raise ValueError("it names points that are not among the 189")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UnreadableInputError(f"{path} is missing or damaged: {error}") from error
    return TemMap(inner, jaw)


def read_annotated_folder(
    folder: Path,
    *,
    scheme: str | None = None,
    tem_map: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[AnnotatedPhoto], list[Problem]]:
    """Find all photos with points below a folder.

    Parameters
    ----------
    folder
        Searched with all its subfolders.
    scheme
        Of files with 68 points: ibug68 unless said otherwise.
    tem_map
        The map for .tem files; by default a file `tem189_to_ibug68.json` in the folder.
    say
        Called with a line for each file left out.

    Returns
    -------
    tuple
        Photos, by path; files that were left out, with the reason: not 68 points, a point that is no number or
        lies outside the photo, no photo, left and right swapped.

    Raises
    ------
    UnreadableInputError
        If there is no such folder, it holds no landmark file, or the map for its .tem files is missing.
    """
    if not folder.is_dir():
        raise UnreadableInputError(f"There is no folder {folder}")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _POINTS and p.name != TEM_MAP)
    if not files:
        raise UnreadableInputError(
            f"{folder} holds no landmark files",
            hint="Files beside the photos, ending in .pts, .tem, .json or .npz",
        )
    table: TemMap | None = None
    if any(path.suffix.lower() == ".tem" for path in files):
        table = read_tem_map(tem_map or folder / TEM_MAP)
    photos: list[AnnotatedPhoto] = []
    problems: list[Problem] = []
    for path in files:
        try:
            photo = _read_one(path, folder, scheme, table)
        except FacestudioError as error:
            problems.append(Problem(path, str(error)))
            say(f"left out: {problems[-1]}")
        else:
            if photo is not None:
                photos.append(photo)
    return photos, problems


def _read_one(path: Path, folder: Path, scheme: str | None, table: TemMap | None) -> AnnotatedPhoto | None:
    """Read one landmark file; None if it is no landmark file at all (a .json or .npz of something else)."""
    ending = path.suffix.lower()
    traits: dict[str, Any] = {}
    if ending == ".npz":
        truth = _read_truth(path)
        if truth is None:
            return None
        points, traits = truth
        name = "ibug68"
    elif ending == ".tem":
        assert table is not None
        points, name = table.apply(load_landmarks(path, scheme="webmorph189").points), "ibug68"
    else:
        if ending == ".json" and not _is_landmark_json(path):
            return None
        loaded = load_landmarks(path, scheme=scheme)
        points, name = loaded.points, loaded.scheme
    if name not in ("ibug68", "xm2vts68"):
        raise UnreadableInputError(f"{path}: has points of scheme {name}, 68 are needed")
    photo = next(
        (path.with_suffix(e) for e in (*_PHOTOS, *map(str.upper, _PHOTOS)) if path.with_suffix(e).is_file()),
        None,
    )
    if photo is None:
        raise UnreadableInputError(f"{path}: there is no photo {path.stem}.jpg (or .png, …) beside it")
    _check_inside(path, points, _size(photo))
    if swapped(points, name):
        raise UnreadableInputError(f"{path}: left and right are swapped (the order of the points is another)")
    person = f"{folder.name}/{path.parent.relative_to(folder)}/{path.stem.partition('_')[0]}"
    return AnnotatedPhoto(photo, points, name, person, ending == ".npz", traits)


def _size(path: Path) -> tuple[int, int]:
    """Return (width, height) of a photo, upright, without decoding it where that is possible."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise UnreadableInputError(f"{path} cannot be read: {error}") from error
    return (height, width) if turned else (width, height)


def _check_inside(path: Path, points: FloatArray, size: tuple[int, int]) -> None:
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise UnreadableInputError(f"{path}: point {bad[0]} (counted from 0) is not a finite number")
    margin = _MARGIN * float(np.ptp(points, axis=0).max())
    outside = np.any((points < -margin) | (points > np.array(size) - 1 + margin), axis=1)
    if outside.any():
        number = int(np.argmax(outside))
        x, y = points[number]
        raise UnreadableInputError(
            f"{path}: point {number} (counted from 0) at ({x:.0f}, {y:.0f}) lies outside the photo of "
            f"{size[0]} x {size[1]} pixels"
        )


def swapped(points: FloatArray, scheme: str) -> bool:
    """Whether left and right are swapped: seen from the eyes, the chin is then on the wrong side."""
    names = load_scheme(scheme).point_names
    right, left, chin = (points[names.index(n)] for n in ("eye_right_outer", "eye_left_outer", "chin"))
    along, down = left - right, chin - (left + right) / 2
    return bool(along[0] * down[1] - along[1] * down[0] <= 0)


def _is_landmark_json(path: Path) -> bool:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return True  # load_landmarks says what is wrong
    return isinstance(data, dict) and ("landmarks_2d" in data or "faces" in data)


def _read_truth(path: Path) -> tuple[FloatArray, dict[str, Any]] | None:
    """Read what of a synthetic photo's truth matters here: the 68 points and its traits."""
    try:
        with np.load(path, allow_pickle=False) as data:
            if "ibug68" not in data.files:
                return None
            points = np.asarray(data["ibug68"], dtype=np.float64)
            meta: Any = json.loads(str(data["meta"])) if "meta" in data.files else {}
            traits = {key: meta[key] for key in ("yaw", "pitch", "light") if key in meta}
            if "ibug68_visibility" in data.files:
                traits["occlusion"] = float((data["ibug68_visibility"] == _COVERED).mean())
    except Exception as error:  # zip, value and key errors all mean: not a usable file
        raise UnreadableInputError(f"{path} cannot be read: {error}") from error
    if points.shape != (68, 2):
        raise UnreadableInputError(f"{path}: has points of shape {points.shape}, (68, 2) is needed")
    return points, traits
