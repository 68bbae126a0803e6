"""Reading Wavefront OBJ: polygons, UVs, materials by name and the texture that the MTL names."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facestudio.errors import UnreadableInputError
from facestudio.export.read import check_surface, occlusion_of, oil_of, read_texture, scale_to_mm
from facestudio.geometry.mesh import vertex_normals
from facestudio.render.scene import RenderMesh, gloss_of_material
from facestudio.values import ByteArray, FloatArray, IntArray


@dataclass
class _Lines:
    """What the lines of an OBJ say: corners are (vertex, uv) counted from 0, uv -1 for none."""

    vertices: list[list[float]] = field(default_factory=list[list[float]])
    colours: list[list[float]] = field(default_factory=list[list[float]])
    uvs: list[list[float]] = field(default_factory=list[list[float]])
    corners: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    sizes: list[int] = field(default_factory=list[int])  # corners of each face
    materials: list[str] = field(default_factory=list[str])  # of each face
    library: str = ""


def _parse(path: Path) -> _Lines:
    out = _Lines()
    material = ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            keyword, _, rest = line.strip().partition(" ")
            if keyword == "v":
                numbers = [float(n) for n in rest.split()]
                if len(numbers) < 3:
                    raise UnreadableInputError(f"{path.name} has a vertex of {len(numbers)} coordinates")
                out.vertices.append(numbers[:3])
                if len(numbers) >= 6:
                    out.colours.append(numbers[3:6])
            elif keyword == "vt":
                out.uvs.append(([float(n) for n in rest.split()] + [0.0])[:2])
            elif keyword == "f":
                words = rest.split()
                if len(words) < 3:
                    continue  # points and lines
                for word in words:
                    ids = word.split("/")
                    v = int(ids[0])
                    uv = int(ids[1]) if len(ids) > 1 and ids[1] else 0
                    # Negative numbers count back from the last.
                    out.corners.append(
                        (
                            v - 1 if v > 0 else len(out.vertices) + v,
                            uv - 1 if uv > 0 else len(out.uvs) + uv if uv < 0 else -1,
                        )
                    )
                out.sizes.append(len(words))
                out.materials.append(material)
            elif keyword == "usemtl":
                material = rest.strip()
            elif keyword == "mtllib" and not out.library:
                out.library = rest.strip()
    return out


def _texture_file(path: Path, library: str) -> Path | None:
    """Return the first texture that the material library names."""
    mtl = path.parent / library
    if not library or not mtl.is_file():
        return None
    for line in mtl.read_text(encoding="utf-8", errors="replace").splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "map_Kd" and rest.strip():
            whole = mtl.parent / rest.strip()
            # Options such as -s 1 1 1 come before the name.
            return whole if whole.is_file() or "-" not in rest else mtl.parent / rest.split()[-1]
    return None


def _polygon_triangles(sizes: IntArray) -> tuple[IntArray, IntArray]:
    """Return triangles (M, 3) and sides (C, 2) of polygons whose corners are numbered on and on."""
    starts = np.cumsum(sizes) - sizes
    fan = np.repeat(starts, sizes - 2)
    step = np.arange(len(fan)) - np.repeat(np.cumsum(sizes - 2) - (sizes - 2), sizes - 2)
    corners = np.arange(int(sizes.sum()))
    following = corners + 1
    following[starts + sizes - 1] = starts
    triangles = np.stack([fan, fan + step + 1, fan + step + 2], axis=1).astype(np.int32)
    return triangles, np.stack([corners, following], axis=1).astype(np.int32)


def read_obj(path: Path) -> tuple[RenderMesh, ByteArray | None]:
    """Read an OBJ and its texture; see `load_head_mesh`.

    Raises
    ------
    UnreadableInputError
        If it holds no surface or names a texture that is missing.
    """
    lines = _parse(path)
    vertices: FloatArray = np.array(lines.vertices, dtype=np.float64).reshape(-1, 3)
    corners = np.array(lines.corners, dtype=np.int32).reshape(-1, 2)
    check_surface(vertices, corners[:, 0], path)
    if corners[:, 1].max() >= len(lines.uvs) or corners[:, 1].min() < -1:
        raise UnreadableInputError(f"{path.name} has faces without texture coordinates")
    triangles, sides = _polygon_triangles(np.array(lines.sizes, dtype=np.int32))

    # A row for each pair of vertex and uv that occurs.
    keys, row = np.unique(corners.astype(np.int64) @ (len(lines.uvs) + 2, 1), return_inverse=True)
    pairs = np.zeros((len(keys), 2), dtype=np.int32)
    pairs[row] = corners
    side_vertices = np.sort(corners[:, 0][sides], axis=1)
    edges = row[sides[np.unique(side_vertices, axis=0, return_index=True)[1]]]
    gloss = np.zeros(len(keys), dtype=np.float32)
    names = np.array([gloss_of_material(name) for name in lines.materials], dtype=np.float32)
    gloss[row] = np.repeat(names, lines.sizes)

    vertices = vertices * scale_to_mm(path, vertices)
    quads_only = set(lines.sizes) == {4}
    faces = corners[:, 0].reshape(-1, 4) if quads_only else corners[:, 0][triangles]
    normals = vertex_normals(vertices, faces)
    uvs = np.array([*lines.uvs, [0.0, 0.0]])  # the last stands for none
    textured = bool(len(lines.uvs)) and bool((corners[:, 1] >= 0).any())
    picture = _texture_file(path, lines.library) if textured else None
    colours = np.array(lines.colours) if len(lines.colours) == len(vertices) else None
    mesh = RenderMesh(
        positions=vertices[pairs[:, 0]].astype(np.float32),
        normals=normals[pairs[:, 0]].astype(np.float32),
        uvs=uvs[pairs[:, 1]].astype(np.float32),
        triangles=row[triangles].astype(np.int32),
        edges=edges.astype(np.int32),
        gloss=gloss + oil_of(vertices)[pairs[:, 0]],
        occlusion=occlusion_of(vertices)[pairs[:, 0]],
        colours=None if colours is None else colours[pairs[:, 0]].astype(np.float32),
    )
    return mesh, None if picture is None else read_texture(picture)
