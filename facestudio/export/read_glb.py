"""Reading facestudio's own GLB files: with the expression they show, and with quads."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facestudio.export.read import check_surface, occlusion_of, oil_of
from facestudio.geometry.mesh import normalised
from facestudio.render.scene import RenderMesh, gloss_of_material
from facestudio.values import ByteArray, FloatArray, IntArray

_TYPES = {5126: "<f4", 5123: "<u2", 5125: "<u4"}
_COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}


def accessor_values(document: Any, index: int) -> FloatArray:
    """Return an accessor's values, (count, components) float64; sparse ones are filled in.

    Parameters
    ----------
    document
        A pygltflib.GLTF2 with its binary chunk.
    index
        Of the accessor.
    """
    blob = document.binary_blob()
    accessor = document.accessors[index]
    width = _COMPONENTS[accessor.type]

    def view(number: int, offset: int | None, kind: int, count: int) -> Any:
        start = (document.bufferViews[number].byteOffset or 0) + (offset or 0)
        return np.frombuffer(blob, dtype=_TYPES[kind], count=count, offset=start)

    if accessor.bufferView is None:
        values = np.zeros((accessor.count, width))
    else:
        flat = view(accessor.bufferView, accessor.byteOffset, accessor.componentType, accessor.count * width)
        values = flat.reshape(-1, width).astype(np.float64)
    sparse = accessor.sparse
    if sparse is not None:
        rows = view(
            sparse.indices.bufferView, sparse.indices.byteOffset, sparse.indices.componentType, sparse.count
        )
        moved = view(
            sparse.values.bufferView, sparse.values.byteOffset, accessor.componentType, sparse.count * width
        )
        values[rows] = moved.reshape(-1, width)
    return values


def _seams_closed(positions: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the first row of each place (P,) in the order they came, and the place of each row (R,)."""
    _, first, place = np.unique(positions, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int32), rank[place.reshape(-1)].astype(np.int32)


def read_own_glb(path: Path) -> tuple[RenderMesh, ByteArray | None] | None:
    """Read a GLB that facestudio wrote, None if another program did; see `load_head_mesh`."""
    from pygltflib import GLTF2

    document: Any = GLTF2.load_binary(str(path))
    if not str(document.asset.generator or "").startswith("facestudio ") or len(document.meshes) != 1:
        return None
    mesh = document.meshes[0]
    first = mesh.primitives[0]
    positions = accessor_values(document, first.attributes.POSITION)
    normals = accessor_values(document, first.attributes.NORMAL)
    uvs = accessor_values(document, first.attributes.TEXCOORD_0)
    for weight, target in zip(mesh.weights or [], first.targets or [], strict=True):
        if weight:
            accessors = target if isinstance(target, dict) else vars(target)
            positions += weight * accessor_values(document, accessors["POSITION"])
            normals += weight * accessor_values(document, accessors["NORMAL"])
    parts: list[IntArray] = []
    gloss = np.zeros(len(positions), dtype=np.float32)
    for primitive in mesh.primitives:
        triangles = accessor_values(document, primitive.indices).astype(np.int32).reshape(-1, 3)
        gloss[triangles] = gloss_of_material(document.materials[primitive.material].name)
        parts.append(triangles)
    triangles = np.concatenate(parts)
    check_surface(positions, triangles, path)
    # Each quad was written as the triangles 0 1 2 and 0 2 3.
    quads = triangles.reshape(-1, 6)[:, [0, 1, 2, 5]]
    sides = np.stack([quads, np.roll(quads, -1, axis=1)], axis=2).reshape(-1, 2)
    rest, place = _seams_closed(accessor_values(document, first.attributes.POSITION))
    once = np.unique(np.sort(place[sides], axis=1), axis=0, return_index=True)[1]
    result = RenderMesh(
        positions=(positions * 1000.0).astype(np.float32),
        normals=normalised(normals).astype(np.float32),
        uvs=np.stack([uvs[:, 0], 1 - uvs[:, 1]], axis=1).astype(np.float32),
        triangles=triangles,
        edges=sides[once].astype(np.int32),
        gloss=gloss + oil_of(positions[rest])[place],
        occlusion=occlusion_of(1000.0 * positions[rest])[place],
    )
    return result, _texture(document)


def _texture(document: Any) -> ByteArray | None:
    if not document.images:
        return None
    view = document.bufferViews[document.images[0].bufferView]
    start = view.byteOffset or 0
    with Image.open(io.BytesIO(document.binary_blob()[start : start + view.byteLength])) as picture:
        return np.asarray(picture.convert("RGB"))
