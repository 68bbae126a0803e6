"""Scans: head meshes as people have them, cleaned and made small enough to work with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from facestudio.errors import UnreadableInputError
from facestudio.geometry.mesh import triangle_areas
from facestudio.values import FloatArray, IntArray, read_only

FORMATS = (".obj", ".ply", ".glb", ".gltf", ".stl", ".off")
MOST_VERTICES = 150_000
_FEWEST_TRIANGLES = 200
FEWEST_POINTS = 20  # of ibug68's 17 to 67
_SOUND_SHARE = 0.5  # of a mesh that must be left once broken triangles are dropped
_PART_SHARE = 0.02  # parts with a smaller share of the surface are taken for dust


@dataclass(frozen=True, eq=False)
class Scan:
    """A head mesh in any unit and frame.

    Attributes
    ----------
    vertices
        (V, 3) float64.
    triangles
        (M, 3) int32.
    points68
        (68, 3) float64 ibug68 points in the same unit and frame (NaN where one is not known), or None.
    colours
        (V, 3) float32 sRGB 0..1, or None.
    name
        For messages.
    """

    vertices: FloatArray
    triangles: IntArray
    points68: FloatArray | None = None
    colours: FloatArray | None = None
    name: str = "scan"

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", read_only(self.vertices, np.float64))
        object.__setattr__(self, "triangles", read_only(self.triangles, np.int32))
        if self.points68 is not None:
            object.__setattr__(self, "points68", read_only(self.points68, np.float64))
        if self.colours is not None:
            object.__setattr__(self, "colours", read_only(self.colours, np.float32))


def load_scan(path: Path, points68: FloatArray | None = None) -> Scan:
    """Read a mesh file (.obj, .ply, .glb, .stl, .off); its parts are joined, vertices at the same place merged.

    Parameters
    ----------
    path
        The file.
    points68
        (68, 3) ibug68 points in its unit and frame, if they are known.

    Raises
    ------
    UnreadableInputError
        If it cannot be read or holds no triangles.
    """
    import trimesh

    if path.suffix.lower() not in FORMATS:
        raise UnreadableInputError(f"{path.name}: not a mesh file ({', '.join(FORMATS)})")
    try:
        loaded: Any = trimesh.load(path, force="mesh", process=False)
        vertices = np.asarray(loaded.vertices, dtype=np.float64).reshape(-1, 3)
        triangles = np.asarray(loaded.faces, dtype=np.int64).reshape(-1, 3)
        colours = _colours_of(loaded, len(vertices))
    except Exception as error:  # each reader raises its own: all mean that the file is not what it should be
        raise UnreadableInputError(f"{path.name} cannot be read as a mesh: {error}") from error
    if not len(triangles):
        raise UnreadableInputError(f"{path.name} holds no triangles")
    return merged(Scan(vertices, triangles.astype(np.int32), points68, colours, path.name))


def _colours_of(loaded: Any, count: int) -> FloatArray | None:
    visual = getattr(loaded, "visual", None)
    if visual is None or not getattr(visual, "defined", False):
        return None
    if visual.kind == "texture":
        material = visual.material
        if getattr(material, "image", None) is None and getattr(material, "baseColorTexture", None) is None:
            return None
        visual = visual.to_color()
    colours = np.asarray(visual.vertex_colors, dtype=np.float64)
    if colours.shape[0] != count or np.ptp(colours[:, :3]) == 0:
        return None
    return colours[:, :3] / 255.0


def merged(scan: Scan) -> Scan:
    """Return a scan whose vertices at exactly the same place are one (files split them at UV seams)."""
    unique, first, inverse = np.unique(scan.vertices, axis=0, return_index=True, return_inverse=True)
    if len(unique) == len(scan.vertices):
        return scan
    inverse = np.asarray(inverse).ravel()
    colours = None if scan.colours is None else scan.colours[first]
    return Scan(unique, inverse[scan.triangles].astype(np.int32), scan.points68, colours, scan.name)


def cleaned(scan: Scan) -> tuple[Scan, list[str]]:
    """Drop what is broken: triangles with missing or infinite corners, without area, and dust.

    Parameters
    ----------
    scan
        Any mesh.

    Returns
    -------
    scan : Scan
        What is left, unused vertices removed.
    notes : list of str
        What was dropped, in plain words.

    Raises
    ------
    UnreadableInputError
        If too little is left to be a head, or the 68 points are not numbers.
    """
    notes: list[str] = []
    triangles = scan.triangles
    total = len(triangles)
    if (
        scan.vertices.ndim != 2
        or scan.vertices.shape[1] != 3
        or triangles.ndim != 2
        or triangles.shape[1] != 3
    ):
        raise UnreadableInputError(f"{scan.name}: vertices and triangles must have three columns")
    if scan.points68 is not None and (
        scan.points68.shape != (68, 3)
        or int(np.isfinite(scan.points68[17:]).all(axis=1).sum()) < FEWEST_POINTS
    ):
        raise UnreadableInputError(f"{scan.name}: its 68 points are not 68 x 3 numbers")
    inside = np.asarray(((triangles >= 0) & (triangles < len(scan.vertices))).all(axis=1))
    triangles = triangles[inside]
    finite = np.asarray(np.isfinite(scan.vertices).all(axis=1))
    triangles = triangles[finite[triangles].all(axis=1)]
    if len(triangles) < total:
        notes.append(f"{total - len(triangles)} triangles with corners that are not numbers were dropped")
    if len(triangles) < _SOUND_SHARE * total or len(triangles) < _FEWEST_TRIANGLES:
        raise UnreadableInputError(f"{scan.name}: only {len(triangles)} of {total} triangles are usable")
    vertices = np.where(finite[:, None], scan.vertices, 0.0)
    areas = triangle_areas(vertices, triangles)
    flat = areas <= 1e-12 * max(float(areas.mean()), 1e-300)
    if flat.any():
        notes.append(f"{int(flat.sum())} triangles without an area were dropped")
        triangles, areas = triangles[~flat], areas[~flat]
    if len(triangles) < _FEWEST_TRIANGLES:
        raise UnreadableInputError(f"{scan.name}: only {len(triangles)} of {total} triangles have an area")
    count = len(vertices)
    graph = coo_array(
        (np.ones(2 * len(triangles)), (triangles[:, :2].T.ravel(), triangles[:, 1:].T.ravel())),
        shape=(count, count),
    )
    _, label = connected_components(graph, directed=False)
    share = np.bincount(label[triangles[:, 0]], areas)
    kept = (share >= _PART_SHARE * share.sum())[label[triangles[:, 0]]]
    if not kept.all():
        notes.append(f"loose parts with {int((~kept).sum())} triangles were dropped")
        triangles = triangles[kept]
    return _compact(Scan(vertices, triangles, scan.points68, scan.colours, scan.name)), notes


def _compact(scan: Scan) -> Scan:
    used, inverse = np.unique(scan.triangles, return_inverse=True)
    colours = None if scan.colours is None else scan.colours[used]
    triangles = np.asarray(inverse).reshape(-1, 3).astype(np.int32)
    return Scan(scan.vertices[used], triangles, scan.points68, colours, scan.name)


def reduced(scan: Scan, most: int = MOST_VERTICES) -> tuple[Scan, list[str]]:
    """Return a scan of at most `most` vertices: those in a cell of a grid become their mean.

    Time and memory grow with the number of triangles only linearly.
    """
    count = len(scan.vertices)
    if count <= most:
        return scan, []
    area = float(triangle_areas(scan.vertices, scan.triangles).sum())
    low = scan.vertices.min(axis=0)
    cell = float(np.sqrt(area / most))
    while True:
        steps = np.floor((scan.vertices - low) / cell).astype(np.int64)
        size = steps.max(axis=0) + 1
        key = (steps[:, 0] * size[1] + steps[:, 1]) * size[2] + steps[:, 2]
        unique, inverse = np.unique(key, return_inverse=True)
        if len(unique) <= most:
            break
        cell *= max(1.05, float(np.sqrt(len(unique) / most)))
    inverse = np.asarray(inverse).ravel()
    share = 1.0 / np.bincount(inverse)

    def mean(values: FloatArray) -> FloatArray:
        return np.column_stack([np.bincount(inverse, values[:, k]) * share for k in range(3)])

    triangles = inverse[scan.triangles]
    real = (
        (triangles[:, 0] != triangles[:, 1])
        & (triangles[:, 1] != triangles[:, 2])
        & (triangles[:, 2] != triangles[:, 0])
    )
    triangles = triangles[real]
    colours = None if scan.colours is None else mean(np.asarray(scan.colours, dtype=np.float64))
    small = Scan(mean(scan.vertices), triangles.astype(np.int32), scan.points68, colours, scan.name)
    return _compact(small), [f"reduced from {count} to {len(unique)} vertices"]
