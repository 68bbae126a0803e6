"""PLY with vertex colours, and STL: for tools that take triangles only."""

import numpy as np

from facestudio.export.mesh import ExportMesh
from facestudio.geometry.mesh import face_area_vectors, normalised, triangulate
from facestudio.values import ByteArray


def vertex_colours(mesh: ExportMesh, texture: ByteArray) -> ByteArray:
    """Return the texture's colour at each vertex, (V_k, 3) uint8 sRGB, at its first UV.

    Parameters
    ----------
    mesh
        The head.
    texture
        (S, S, 3) uint8, row 0 at v = 1.
    """
    topo = mesh.topology
    uv = np.zeros((len(mesh.vertices), 2))
    uv[topo.render_vertices[::-1]] = topo.render_uvs[::-1]
    height, width = texture.shape[:2]
    column = np.clip((uv[:, 0] * width).astype(np.int64), 0, width - 1)
    row = np.clip(((1 - uv[:, 1]) * height).astype(np.int64), 0, height - 1)
    return texture[row, column]


def ply_bytes(mesh: ExportMesh, texture: ByteArray | None, *, comment: str = "") -> bytes:
    """Return a binary PLY file: the template's quads, normals, and colours if there is a texture."""
    fields = [(n, "<f4") for n in ("x", "y", "z", "nx", "ny", "nz")]
    if texture is not None:
        fields += [(n, "u1") for n in ("red", "green", "blue")]
    rows = np.empty(len(mesh.vertices), dtype=fields)
    for k, axis in enumerate("xyz"):
        rows[axis], rows["n" + axis] = mesh.vertices[:, k], mesh.normals[:, k]
    if texture is not None:
        colours = vertex_colours(mesh, texture)
        for k, channel in enumerate(("red", "green", "blue")):
            rows[channel] = colours[:, k]
    quads = np.empty(len(mesh.topology.quads), dtype=[("count", "u1"), ("corners", "<i4", 4)])
    quads["count"], quads["corners"] = 4, mesh.topology.quads
    names = {"<f4": "float", "u1": "uchar"}
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {comment}",
        f"element vertex {len(rows)}",
        *(f"property {names[kind]} {name}" for name, kind in fields),
        f"element face {len(quads)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode("ascii", "replace") + rows.tobytes() + quads.tobytes()


def stl_bytes(mesh: ExportMesh) -> bytes:
    """Return a binary STL file."""
    triangles = triangulate(mesh.topology.quads)
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    rows = np.zeros(len(triangles), dtype=record)
    rows["normal"] = normalised(face_area_vectors(mesh.vertices, triangles))
    rows["corners"] = mesh.vertices[triangles]
    # The 80 bytes of the header must not start with "solid": that would be a text file.
    header = b"facestudio binary STL".ljust(80, b"\0")
    return header + np.uint32(len(rows)).astype("<u4").tobytes() + rows.tobytes()
