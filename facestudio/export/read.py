"""Reading heads back to draw them: OBJ with its texture, GLB, PLY and STL."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.geometry.mesh import unique_edges
from facestudio.render.occlusion import BEHIND_LIPS, mouth_is_open, template_gloss, template_occlusion
from facestudio.render.scene import RenderMesh, mesh_of_faces
from facestudio.template.model import load_template
from facestudio.template.subdivision import MAX_LEVEL, topology
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray

READABLE = (".obj", ".glb", ".ply", ".stl")
_MAX_BYTES = 2 << 30


def load_head_mesh(path: Path) -> tuple[RenderMesh, ByteArray | None]:
    """Read a head or any other mesh to draw it.

    Parameters
    ----------
    path
        An .obj (with its .mtl and texture beside it), .glb, .ply or .stl file. Its unit is guessed by its
        size unless the report beside it tells.

    Returns
    -------
    mesh
        In millimetres.
    texture
        (S, S, 3) uint8 sRGB, row 0 at v = 1, or None.

    Raises
    ------
    UnreadableInputError
        If the file, or the texture it names, is missing or damaged, or holds no surface.
    """
    ending = path.suffix.lower()
    if not path.is_file():
        raise UnreadableInputError(f"There is no file {path}")
    if ending not in READABLE:
        raise UnreadableInputError(
            f"{path.name} is not a mesh that can be read", hint=f"Files: {', '.join(READABLE)}"
        )
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UnreadableInputError(f"{path.name} is larger than 2 GB")
        if ending == ".obj":
            from facestudio.export.read_obj import read_obj

            return read_obj(path)
        if ending == ".glb":
            from facestudio.export.read_glb import read_own_glb

            own = read_own_glb(path)
            if own is not None:
                return own
        return _read_other(path)
    except FacestudioError:
        raise
    except Exception as error:  # every parser has its own ways to fail on damaged files
        raise UnreadableInputError(
            f"{path.name} cannot be read as a mesh: {error or type(error).__name__}"
        ) from error


def scale_to_mm(path: Path, vertices: FloatArray) -> float:
    """Return by what to multiply a file's coordinates (V, 3): told by the report beside it, else guessed."""
    report = path.with_suffix(".json")
    if report.is_file():
        try:
            units = json.loads(report.read_text(encoding="utf-8"))["units"]
            return {"mm": 1.0, "cm": 10.0, "m": 1000.0}[units]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # another program's file of the same name
    # A head is 0.2 to 0.35 m high.
    height = float(np.ptp(vertices[:, 1]))
    return 1000.0 if height < 3 else 10.0 if height < 100 else 1.0


def check_surface(vertices: FloatArray, faces: IntArray, path: Path) -> None:
    """Refuse what cannot be drawn.

    Raises
    ------
    UnreadableInputError
        If there is no surface, or it is damaged.
    """
    if not len(vertices) or not len(faces):
        raise UnreadableInputError(f"{path.name} holds no surface")
    if not np.isfinite(vertices).all():
        raise UnreadableInputError(f"{path.name} has coordinates that are not numbers")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise UnreadableInputError(f"{path.name} has faces without vertices")


def occlusion_of(vertices: FloatArray) -> Float32Array:
    """Return the template's ambient occlusion (V,) of vertices (V, 3) mm in its order, else ones."""
    own = len(load_template().vertices)  # finer levels begin with the template's own vertices
    light = template_occlusion(open_mouth=len(vertices) >= own and mouth_is_open(vertices[:own]))
    open_sky = _of_template(vertices, light)
    return (
        np.ones(len(vertices), dtype=np.float32) if open_sky is None else np.clip(open_sky, BEHIND_LIPS, 1.0)
    )


def oil_of(vertices: FloatArray) -> Float32Array:
    """Return how much glossier than their material vertices (V, 3) in the template's order are, else zeros, (V,)."""
    oil = _of_template(vertices, template_gloss())
    return np.zeros(len(vertices), dtype=np.float32) if oil is None else oil


def _of_template(vertices: FloatArray, values: Float32Array) -> Float32Array | None:
    """Return the template's values (V_0,) at the level whose order the vertices (V, 3) have, or None."""
    template = load_template()
    quads, edges, count = len(template.quads), len(unique_edges(template.quads)), len(template.vertices)
    for level in range(MAX_LEVEL + 1):
        if count == len(vertices) and _alike(vertices, topology(level).apply(template.vertices)):
            return topology(level).apply(values.astype(np.float64)).astype(np.float32)
        # Catmull-Clark: a vertex for each vertex, edge and face.
        count, edges, quads = count + edges + quads, 2 * edges + 4 * quads, 4 * quads
    return None


def _alike(one: FloatArray, other: FloatArray) -> bool:
    """Tell whether points (V, 3) are much the same shape in the same order."""
    a, b = (points - points.mean(axis=0) for points in (one, other))
    return float((a * b).sum()) > 0.95 * float(np.linalg.norm(a) * np.linalg.norm(b))


def read_texture(path: Path) -> ByteArray:
    """Return a picture as (H, W, 3) uint8 RGB.

    Raises
    ------
    UnreadableInputError
        If it is missing or damaged.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise UnreadableInputError(
            f"The texture {path.name} is missing", hint=f"Put it into {path.parent}"
        ) from error
    except Exception as error:  # Pillow's decoders have many ways to fail
        raise UnreadableInputError(f"The texture {path.name} is damaged: {error}") from error


def _read_other(path: Path) -> tuple[RenderMesh, ByteArray | None]:
    """Read any GLB, PLY or STL."""
    import trimesh

    loaded: Any = trimesh.load(path, force="mesh", process=False)
    vertices = np.asarray(loaded.vertices, dtype=np.float64).reshape(-1, 3)
    faces = np.asarray(loaded.faces, dtype=np.int32).reshape(-1, 3)
    check_surface(vertices, faces, path)
    if path.suffix.lower() == ".stl":  # three vertices of its own for each triangle
        vertices, inverse = np.unique(vertices, axis=0, return_inverse=True)
        faces = inverse.reshape(-1)[faces].astype(np.int32)
    glb = path.suffix.lower() == ".glb"
    vertices = vertices * (1000.0 if glb else scale_to_mm(path, vertices))
    visual = loaded.visual
    uvs, colours, texture = None, None, None
    if visual.kind == "texture" and visual.uv is not None and len(visual.uv) == len(vertices):
        picture = getattr(visual.material, "baseColorTexture", None) or getattr(
            visual.material, "image", None
        )
        if picture is not None:
            uvs, texture = np.asarray(visual.uv), np.asarray(picture.convert("RGB"))
    elif visual.kind == "vertex" and len(visual.vertex_colors) == len(vertices):
        colours = np.asarray(visual.vertex_colors)[:, :3] / 255
    mesh = mesh_of_faces(vertices, faces, uvs=uvs, colours=colours)
    return replace(mesh, occlusion=occlusion_of(vertices)), texture
