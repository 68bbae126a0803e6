"""A folder of scans: which meshes it holds, their 68 points, and what colour their surface has."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from facestudio.database.registration.scan import FORMATS, Scan, load_scan
from facestudio.database.sources.bjut3d import ENDING, read_bjut3d
from facestudio.errors import UnreadableInputError
from facestudio.geometry.mesh import closest_points
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray

_POINT_ENDINGS = (".json", ".txt", ".xyz")


@dataclass(frozen=True, eq=False)
class ScanColours:
    """What colour a scan has at its surface: a texture, or vertex colours.

    Attributes
    ----------
    vertices, triangles
        (V, 3) float64 in the scan's frame and (M, 3) int32.
    uvs, texture
        (V, 2) float64, v up, and (H, W, 3) uint8; both None where there are vertex colours.
    colours
        (V, 3) float32 sRGB 0..1, or None.
    """

    vertices: FloatArray
    triangles: IntArray
    uvs: FloatArray | None
    texture: ByteArray | None
    colours: Float32Array | FloatArray | None

    def at(self, points: FloatArray, reach: float) -> tuple[Float32Array, Float32Array]:
        """Return the colour of the surface nearest to points (N, 3): (N, 3) float32 0..255, and the distance (N,).

        Points farther than `reach` from it have an infinite distance.
        """
        found = closest_points(points, self.vertices, self.triangles, max_distance=reach)
        near = found.triangles >= 0
        colour = np.zeros((len(points), 3), dtype=np.float32)
        corners = self.triangles[found.triangles[near]]
        weights = found.barycentric[near]
        if self.texture is not None and self.uvs is not None:
            uv = np.einsum("nk,nkc->nc", weights, self.uvs[corners])
            height, width = self.texture.shape[:2]
            x = (uv[:, 0] * width - 0.5).astype(np.float32)
            y = ((1 - uv[:, 1]) * height - 0.5).astype(np.float32)
            picked = np.zeros((len(x), 3), dtype=np.float32)
            for first in range(0, len(x), 30_000):  # remap takes no more than 32,767 in a row
                part = slice(first, first + 30_000)
                row = cv2.remap(
                    self.texture, x[None, part], y[None, part], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
                )
                picked[part] = row[0]
            colour[near] = picked
        elif self.colours is not None:
            colour[near] = 255 * np.einsum("nk,nkc->nc", weights, np.asarray(self.colours)[corners])
        return colour, found.distances.astype(np.float32)


@dataclass(frozen=True)
class ScanFile:
    """One scan of a folder.

    Attributes
    ----------
    mesh
        The mesh file.
    points
        The file with its 68 points, or None.
    """

    mesh: Path
    points: Path | None


def find_scans(folder: Path) -> list[ScanFile]:
    """Return the scans of a folder (or the one that is given), by name.

    The 68 points of NAME.obj are in NAME.json (`landmarks_3d`: 68 x 3, as facestudio's reports have it), NAME.txt or
    NAME.xyz (68 lines of x y z), in the unit and frame of the mesh, in ibug's order.

    Raises
    ------
    UnreadableInputError
        If there is none.
    """
    files = [folder] if folder.is_file() else sorted(folder.rglob("*")) if folder.is_dir() else []
    meshes = [f for f in files if f.is_file() and f.suffix.lower() in (*FORMATS, ENDING)]
    if not meshes:
        kinds = ", ".join((*FORMATS, ENDING))
        raise UnreadableInputError(f"{folder} holds no scans", hint=f"Files of these kinds are read: {kinds}")
    return [
        ScanFile(mesh, next((p for e in _POINT_ENDINGS if (p := mesh.with_suffix(e)).is_file()), None))
        for mesh in meshes
    ]


def read_points(path: Path) -> FloatArray:
    """Read 68 points in space, (68, 3).

    Raises
    ------
    UnreadableInputError
        If there are not 68, or they are not numbers.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".json":
            document: Any = json.loads(text)
            rows = document["landmarks_3d"] if isinstance(document, dict) else document
        else:
            rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        points = np.array(rows, dtype=np.float64)
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise UnreadableInputError(f"{path.name} holds no 68 points in space: {error}") from error
    if points.shape != (68, 3):
        raise UnreadableInputError(f"{path.name} holds {len(points)} points, expected 68 of x y z")
    if not np.isfinite(points).all():
        raise UnreadableInputError(f"{path.name} holds points that are not numbers")
    return points


def _check_picture(path: Path, mesh: str) -> None:
    """Raise UnreadableInputError if a texture is not a picture."""
    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableInputError(f"{mesh} names the texture {path.name}, which is no picture") from error


def _obj_texture(path: Path) -> None:
    """Raise UnreadableInputError if an OBJ names a material library or a texture that is missing or damaged."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        library = next(
            (line.split(maxsplit=1)[1].strip() for line in lines if line.startswith("mtllib ")), ""
        )
    if not library:
        return
    mtl = path.parent / library
    if not mtl.is_file():
        raise UnreadableInputError(f"{path.name} names the material file {library}, which is missing")
    for line in mtl.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if words and words[0] == "map_Kd":
            whole = line.strip()[len("map_Kd") :].strip()
            found = next((p for name in (words[-1], whole) if (p := mtl.parent / name).is_file()), None)
            if found is None:
                raise UnreadableInputError(f"{path.name} names the texture {whole}, which is missing")
            _check_picture(found, path.name)


def read_scan(file: ScanFile, *, textures: bool = True) -> tuple[Scan, ScanColours | None]:
    """Read a scan with its points and colours.

    Parameters
    ----------
    file
        Which.
    textures
        Whether colours are wanted.

    Raises
    ------
    UnreadableInputError
        If mesh, points or texture cannot be read.
    """
    points = None if file.points is None else read_points(file.points)
    if file.mesh.suffix.lower() == ENDING:
        scan = read_bjut3d(file.mesh)
        return scan, ScanColours(
            scan.vertices, scan.triangles, None, None, scan.colours
        ) if textures else None
    if textures and file.mesh.suffix.lower() == ".obj":
        _obj_texture(file.mesh)
    scan = load_scan(file.mesh, points)
    if not np.isfinite(scan.vertices).all():
        raise UnreadableInputError(f"{file.mesh.name} has vertices that are not numbers")
    return scan, _colours(file.mesh) if textures else None


def _colours(path: Path) -> ScanColours | None:
    """Return the colours of a mesh file, or None if it has none."""
    import trimesh

    loaded: Any = trimesh.load(path, force="mesh", process=False)
    vertices = np.asarray(loaded.vertices, dtype=np.float64)
    triangles = np.asarray(loaded.faces, dtype=np.int32)
    visual = loaded.visual
    if visual.kind == "texture" and visual.uv is not None:
        material = visual.material
        picture = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
        if picture is None:
            return None
        texture = np.asarray(picture.convert("RGB"), dtype=np.uint8)
        return ScanColours(vertices, triangles, np.asarray(visual.uv, dtype=np.float64), texture, None)
    if visual.kind in ("vertex", "face"):
        rgb = np.asarray(visual.vertex_colors, dtype=np.float64)[:, :3] / 255
        return ScanColours(vertices, triangles, None, None, rgb) if np.ptp(rgb) > 0 else None
    return None
