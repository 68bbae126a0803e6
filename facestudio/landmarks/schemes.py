"""The landmark schemes (which point is which) and the way from the 478-point mesh to the 68 points."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from facestudio.errors import ModelError, UsageError
from facestudio.paths import resources
from facestudio.values import BoolArray, FloatArray, IntArray, Landmarks, read_only

SCHEME_NAMES = ("ibug68", "xm2vts68", "webmorph189", "mesh478")

MAP_FORMAT = 1
"""Format number of mesh478-ibug68.npz."""

_MESH_EYE_CORNERS = (33, 263)


@dataclass(frozen=True, eq=False)
class LandmarkScheme:
    """Which point is which.

    Attributes
    ----------
    name
        ibug68, xm2vts68, webmorph189 or mesh478.
    count
        Number of points N.
    point_names
        N names: the point's own ("chin"), or part and place in it ("jaw_3"). Right and left are the sitter's.
    parts
        Point numbers of each part, in drawing order; a point may be in several parts or none.
    contours
        The lines to draw, as point numbers; closed ones repeat their first point.
    mirror
        (N,) int32: the point that takes the place of each when the picture is flipped.
    """

    name: str
    count: int
    point_names: tuple[str, ...]
    parts: Mapping[str, tuple[int, ...]]
    contours: tuple[tuple[int, ...], ...]
    mirror: IntArray

    def mirrored(self, points: FloatArray, width: float) -> FloatArray:
        """Return where the points are in the flipped picture.

        Parameters
        ----------
        points
            (N, 2) pixels.
        width
            Width of the picture, pixels.

        Returns
        -------
        numpy.ndarray
            (N, 2) float64 pixels, in this scheme's order.
        """
        flipped = points[self.mirror].astype(np.float64)
        flipped[:, 0] = width - 1 - flipped[:, 0]
        return flipped


def parse_points(text: str) -> tuple[int, ...]:
    """Read a list of points: "0-3 7" is (0, 1, 2, 3, 7), "3-0" is (3, 2, 1, 0).

    Raises
    ------
    ValueError
        If it is not such a list.
    """
    points: list[int] = []
    for item in text.split():
        first, dash, last = item.partition("-")
        if not dash:
            points.append(int(first))
            continue
        a, b = int(first), int(last)
        points.extend(range(a, b + 1) if a <= b else range(a, b - 1, -1))
    return tuple(points)


def load_scheme_file(path: Path) -> LandmarkScheme:
    """Read a landmark scheme (resources/schemes/*.toml).

    Raises
    ------
    ModelError
        If the file is missing or says something impossible.
    """
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        count = int(data["count"])
        parts = {str(part): parse_points(points) for part, points in data["parts"].items()}
        contours = tuple(parse_points(line) for line in data["contours"])
        mirror = np.array(data["mirror"], dtype=np.int32)
        if mirror.shape != (count,) or not np.array_equal(mirror[mirror], np.arange(count)):
            raise ValueError("mirror is not its own inverse")
        if any(not 0 <= p < count for points in (*parts.values(), *contours) for p in points):
            raise ValueError("a point number is out of range")
        names = [f"point_{i}" for i in range(count)]
        for part, points in reversed(parts.items()):
            for place, point in enumerate(points):
                names[point] = f"{part}_{place}" if len(points) > 1 else part
        for name, point in data.get("names", {}).items():
            names[point] = name
        return LandmarkScheme(
            str(data["name"]),
            count,
            tuple(names),
            MappingProxyType(parts),
            contours,
            read_only(mirror, np.int32),
        )
    except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(f"The landmark scheme {path.name} is missing or damaged: {error}") from error


@cache
def load_scheme(name: str) -> LandmarkScheme:
    """Return a shipped scheme (read once).

    Raises
    ------
    UsageError
        If there is no scheme of that name.
    ModelError
        If its file is missing or damaged.
    """
    if name not in SCHEME_NAMES:
        raise UsageError(
            f"There is no landmark scheme {name!r}", hint="Known schemes: " + ", ".join(SCHEME_NAMES)
        )
    return load_scheme_file(resources() / "schemes" / f"{name}.toml")


@dataclass(frozen=True, eq=False)
class LandmarkMap:
    """How the 68 ibug points follow from the 478 mesh points: each is a weighted sum of a few of them.

    Attributes
    ----------
    points
        (68, K) int32 mesh points; unused places have weight 0.
    weights
        (68, K) float64, rows sum to one.
    covariance
        (68, 2, 2) float64: how far a point may be off, in squares of the distance between the mesh's outer
        eye corners, in the frame of the face (x along the eyes towards the sitter's left, y towards the
        chin).
    """

    points: IntArray
    weights: FloatArray
    covariance: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", read_only(self.points, np.int32))
        object.__setattr__(self, "weights", read_only(self.weights, np.float64))
        object.__setattr__(self, "covariance", read_only(self.covariance, np.float64))

    def apply(self, mesh: FloatArray) -> FloatArray:
        """Return the 68 points of meshes (..., 478, D) as (..., 68, D), in the same unit and frame."""
        return np.einsum("...nkd,nk->...nd", mesh[..., self.points, :], self.weights)

    def matrix(self) -> FloatArray:
        """Return the same as a matrix, (68, 478) float64: 68 points = matrix @ mesh points."""
        dense = np.zeros((len(self.points), 478))
        np.add.at(dense, (np.arange(len(self.points))[:, None], self.points), self.weights)
        return dense


def load_landmark_map_file(path: Path) -> LandmarkMap:
    """Read a map: an .npz of `format` and the three arrays of LandmarkMap.

    Raises
    ------
    ModelError
        If the file is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            if int(data["format"]) > MAP_FORMAT:
                raise ModelError(f"{path.name} was written by a newer facestudio")
            value = LandmarkMap(data["points"], data["weights"], data["covariance"])
        rows = len(value.points)
        if value.weights.shape != value.points.shape or value.covariance.shape != (rows, 2, 2) or rows != 68:
            raise ValueError("wrong shapes")
        if value.points.min() < 0 or value.points.max() >= 478:
            raise ValueError("a point number is out of range")
    except ModelError:
        raise
    except Exception as error:  # zip, key and type errors all mean: not a usable map
        raise ModelError(f"The landmark map {path.name} is missing or damaged: {error}") from error
    return value


@cache
def load_landmark_map() -> LandmarkMap:
    """Return the shipped map from mesh478 to ibug68 (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_landmark_map_file(resources() / "schemes" / "mesh478-ibug68.npz")


def ibug68_weights() -> FloatArray:
    """Return the shipped map as a matrix, (68, 478) float64: ibug68 points = matrix @ mesh478 points.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_landmark_map().matrix()


def load_mesh_triangles() -> IntArray:
    """Return the triangles of the mesh478 points, (852, 3) int32, counter-clockwise seen from outside.

    Eyes and mouth are open; the ten iris points are in no triangle.

    Raises
    ------
    ModelError
        If the scheme file is missing or damaged.
    """
    path = resources() / "schemes" / "mesh478.toml"
    try:
        numbers = tomllib.loads(path.read_text("utf-8"))["triangles"]
        return read_only(np.array(numbers, dtype=np.int32).reshape(-1, 3), np.int32)
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"The landmark scheme {path.name} is missing or damaged: {error}") from error


def prior_landmark_map() -> LandmarkMap:
    """Return the map by eye that learning starts from: each ibug point is the mean of one or two mesh points.

    Its covariance is that of a standard deviation of 3 % of the distance between the outer eye corners.

    Raises
    ------
    ModelError
        If the scheme file is missing or damaged.
    """
    path = resources() / "schemes" / "mesh478.toml"
    try:
        rows = [parse_points(text) for text in tomllib.loads(path.read_text("utf-8"))["ibug68"]["points"]]
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"The landmark scheme {path.name} is missing or damaged: {error}") from error
    width = max(len(row) for row in rows)
    points = np.array([row + row[-1:] * (width - len(row)) for row in rows], dtype=np.int32)
    weights = np.array([[1 / len(row)] * len(row) + [0.0] * (width - len(row)) for row in rows])
    return LandmarkMap(points, weights, np.tile(np.eye(2) * 0.03**2, (len(rows), 1, 1)))


def face_frame(mesh: FloatArray) -> tuple[float, FloatArray]:
    """Return the size and the axes of a face in the picture.

    Parameters
    ----------
    mesh
        (478, 2) pixels.

    Returns
    -------
    tuple
        Distance between the outer eye corners, pixels; (2, 2) float64 rotation from the frame of the face (x
        along the eyes towards the sitter's left, y towards the chin) to the image frame.
    """
    right, left = mesh[list(_MESH_EYE_CORNERS)]
    along = left - right
    size = float(np.hypot(*along))
    c, s = along / max(size, 1e-9)
    return size, np.array([[c, -s], [s, c]])


def to_ibug68(mesh: Landmarks, *, using: LandmarkMap | None = None) -> Landmarks:
    """Return the 68 ibug points of a mesh.

    Parameters
    ----------
    mesh
        Landmarks of scheme mesh478, image frame.
    using
        Another map than the shipped one.

    Returns
    -------
    Landmarks
        Scheme ibug68, method mesh478. The covariance is the learnt one, scaled and turned to this face. A
        point is marked as moved if a mesh point it mostly consists of was.

    Raises
    ------
    ValueError
        If the landmarks are not of scheme mesh478.
    ModelError
        If the map is missing or damaged.
    """
    if mesh.scheme != "mesh478":
        raise ValueError(f"expected landmarks of scheme mesh478, not {mesh.scheme}")
    value = load_landmark_map() if using is None else using
    size, axes = face_frame(mesh.points)
    covariance = axes @ value.covariance @ axes.T * size**2
    moved: BoolArray = np.sum(value.weights * mesh.moved[value.points], axis=1) > 0.5
    return Landmarks("ibug68", value.apply(mesh.points), covariance, moved, "mesh478")
