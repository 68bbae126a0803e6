"""Binary glTF 2.0: one mesh in metres, a primitive for each material, the 52 ARKit shapes as morph targets.

Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html. Morph targets are sparse accessors:
most shapes move a part of the face only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio import __version__
from facestudio.export.mesh import ExportMesh
from facestudio.geometry.mesh import vertex_normals
from facestudio.values import Float32Array, FloatArray

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125
_ARRAY_BUFFER, _ELEMENT_BUFFER = 34962, 34963

# Smaller changes are left out of morph targets: metres, and of a normal's length.
_STILL_M, _STILL_NORMAL = 1e-7, 1e-3

_ROUGHNESS = {"skin": 0.55, "mouth": 0.35, "eyes": 0.12, "teeth": 0.25, "tongue": 0.4}
_COLOURS = {
    "skin": (0.60, 0.34, 0.24, 1.0),
    "mouth": (0.26, 0.05, 0.05, 1.0),
    "eyes": (0.83, 0.80, 0.77, 1.0),
    "teeth": (0.80, 0.73, 0.60, 1.0),
    "tongue": (0.45, 0.12, 0.11, 1.0),
}


class _Writer:
    """Collects the binary chunk and the accessors into it."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._blob = bytearray()

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes, aligned to four, and return the new bufferView's index."""
        from pygltflib import BufferView

        self._blob += b"\0" * (-len(self._blob) % 4)
        view = BufferView(buffer=0, byteOffset=len(self._blob), byteLength=len(data), target=target)
        self._blob += data
        self._document.bufferViews.append(view)
        return len(self._document.bufferViews) - 1

    def dense(self, array: Float32Array, *, bounds: bool = False) -> int:
        """Append a vertex attribute (R, 2 or 3) and return its accessor's index."""
        from pygltflib import Accessor

        array = np.ascontiguousarray(array, dtype=np.float32)
        accessor = Accessor(
            bufferView=self.view(array.tobytes(), _ARRAY_BUFFER),
            componentType=_FLOAT,
            count=len(array),
            type=f"VEC{array.shape[1]}",
        )
        if bounds:
            accessor.min, accessor.max = array.min(axis=0).tolist(), array.max(axis=0).tolist()
        return self._add(accessor)

    def indices(self, triangles: NDArray[Any], vertices: int) -> int:
        """Append triangles (M, 3) and return their accessor's index."""
        from pygltflib import Accessor

        flat, kind = self._narrow(triangles.ravel(), vertices)
        view = self.view(flat.tobytes(), _ELEMENT_BUFFER)
        return self._add(Accessor(bufferView=view, componentType=kind, count=flat.size, type="SCALAR"))

    def offsets(self, array: Float32Array, still: float, *, bounds: bool = False) -> int:
        """Append morph offsets (R, 3), sparse where that is smaller, and return their accessor's index."""
        from pygltflib import Accessor, AccessorSparseIndices, AccessorSparseValues, Sparse

        moved = np.flatnonzero(np.abs(array).max(axis=1) > still)
        offsets = np.zeros_like(array, dtype=np.float32)
        offsets[moved] = array[moved]
        if len(moved) > 0.7 * len(array):
            return self.dense(offsets, bounds=bounds)
        # Without a view the accessor is zero but for its sparse values, and has no offset.
        accessor = Accessor(byteOffset=None, componentType=_FLOAT, count=len(array), type="VEC3")
        if len(moved):
            rows, kind = self._narrow(moved, len(array))
            accessor.sparse = Sparse(
                count=len(moved),
                indices=AccessorSparseIndices(bufferView=self.view(rows.tobytes()), componentType=kind),
                values=AccessorSparseValues(bufferView=self.view(offsets[moved].tobytes())),
            )
        if bounds:
            accessor.min, accessor.max = offsets.min(axis=0).tolist(), offsets.max(axis=0).tolist()
        return self._add(accessor)

    def _add(self, accessor: Any) -> int:
        self._document.accessors.append(accessor)
        return len(self._document.accessors) - 1

    @staticmethod
    def _narrow(rows: NDArray[Any], count: int) -> tuple[NDArray[Any], int]:
        # 65535 itself is reserved for restarting a strip.
        return (rows.astype("<u2"), _UINT16) if count <= 65535 else (rows.astype("<u4"), _UINT32)

    def finish(self) -> None:
        """Put the binary chunk into the document."""
        from pygltflib import Buffer

        self._blob += b"\0" * (-len(self._blob) % 4)
        self._document.buffers.append(Buffer(byteLength=len(self._blob)))
        self._document.set_binary_blob(bytes(self._blob))


def glb_bytes(
    mesh: ExportMesh,
    name: str,
    *,
    deltas: FloatArray | Float32Array,
    target_names: tuple[str, ...],
    weights: FloatArray,
    texture: bytes | None,
    texture_type: str = "image/png",
    extras: dict[str, Any] | None = None,
) -> bytes:
    """Return a GLB file.

    Parameters
    ----------
    mesh
        In metres.
    name
        Of the node and the mesh.
    deltas
        (K, V, 3) metres: what each shape at weight 1 adds to the level-0 vertices.
    target_names
        K names.
    weights
        (K,) the weights a viewer starts with.
    texture, texture_type
        An encoded picture to embed.
    extras
        More about the head, for asset.extras.
    """
    from pygltflib import GLTF2, Asset, Attributes, Mesh, Node, Primitive, Scene

    topo = mesh.topology
    document = GLTF2(
        asset=Asset(version="2.0", generator=f"facestudio {__version__}", extras=extras or {}),
        scene=0,
        scenes=[Scene(nodes=[0], name=name)],
        nodes=[Node(mesh=0, name=name)],
    )
    writer = _Writer(document)
    rows = topo.render_vertices
    # glTF's v points down, its origin is the picture's upper left corner.
    uvs = np.stack([topo.render_uvs[:, 0], 1 - topo.render_uvs[:, 1]], axis=1).astype(np.float32)
    attributes = Attributes(
        POSITION=writer.dense(mesh.vertices[rows].astype(np.float32), bounds=True),
        NORMAL=writer.dense(_unit(mesh.normals[rows])),
        TEXCOORD_0=writer.dense(uvs),
    )
    targets: list[Any] = []
    for delta in deltas:
        moved = topo.apply(np.asarray(delta, dtype=np.float64))
        normals = vertex_normals(mesh.vertices + moved, topo.quads) - mesh.normals
        targets.append(
            Attributes(
                POSITION=writer.offsets(moved[rows].astype(np.float32), _STILL_M, bounds=True),
                NORMAL=writer.offsets(normals[rows].astype(np.float32), _STILL_NORMAL),
            )
        )
    triangle_material = np.repeat(topo.quad_material, 2)
    primitives = [
        Primitive(
            attributes=attributes,
            indices=writer.indices(topo.triangles[triangle_material == number], len(rows)),
            material=number,
            targets=targets,
        )
        for number in range(len(mesh.materials))
    ]
    document.meshes.append(
        Mesh(
            name=name,
            primitives=primitives,
            weights=[float(w) for w in weights],
            extras={"targetNames": list(target_names)},
        )
    )
    _add_materials(document, writer, mesh.materials, texture, texture_type)
    writer.finish()
    return b"".join(document.save_to_bytes())


def _unit(normals: FloatArray) -> Float32Array:
    """Return normals of length one as float32; null ones (of vertices without a face) point forward."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0.5, normals / np.maximum(length, 0.5), (0.0, 0.0, 1.0)).astype(np.float32)


def _add_materials(
    document: Any, writer: _Writer, names: tuple[str, ...], texture: bytes | None, texture_type: str
) -> None:
    from pygltflib import Image, Material, PbrMetallicRoughness, Sampler, Texture, TextureInfo

    if texture is not None:
        document.images.append(Image(bufferView=writer.view(texture), mimeType=texture_type, name="texture"))
        # Linear with mipmaps, clamped: nothing of the atlas repeats.
        document.samplers.append(Sampler(magFilter=9729, minFilter=9987, wrapS=33071, wrapT=33071))
        document.textures.append(Texture(source=0, sampler=0))
    for name in names:
        look = PbrMetallicRoughness(metallicFactor=0.0, roughnessFactor=_ROUGHNESS.get(name, 0.6))
        if texture is None:
            look.baseColorFactor = list(_COLOURS.get(name, (0.5, 0.5, 0.5, 1.0)))
        else:
            look.baseColorTexture = TextureInfo(index=0)
        document.materials.append(Material(name=name, pbrMetallicRoughness=look, alphaCutoff=None))
