"""ICT-FaceKit (USC Institute for Creative Technologies, MIT): a face model of registered Light Stage scans.

Read from its own folder (``FaceXModel`` of the repository ICT-FaceKit: Wavefront files of the neutral face and of
each identity mode, and ``vertex_indices.json``) or from one .npz that holds the same. Its files are in centimetres,
+Y up, face towards +Z; what is read here is in millimetres.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from facestudio.errors import UnreadableInputError
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray, read_only

MM_PER_UNIT = 10.0
FACE, BACK = "M_Face", "M_BackHead"
_HINT = "Give the folder FaceXModel of ICT-FaceKit, or an .npz with neutral, identity, faces, material, landmarks68"


@dataclass(frozen=True, eq=False)
class IctFaceKit:
    """ICT's model.

    Attributes
    ----------
    neutral
        (V, 3) float64 mm, +Y up, +Z out of the face: the mean.
    identity
        (K, V, 3) float32 mm per standard deviation: a head is neutral + sum of c_k identity_k, c_k ~ N(0, 1).
    faces
        (F, 4) int32, the last is -1 for triangles.
    material
        The name of the material of each face.
    landmarks68
        (68,) int32 vertices, ibug68's order.
    """

    neutral: FloatArray
    identity: Float32Array
    faces: IntArray
    material: tuple[str, ...]
    landmarks68: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "neutral", read_only(self.neutral, np.float64))
        object.__setattr__(self, "identity", read_only(self.identity, np.float32))
        object.__setattr__(self, "faces", read_only(self.faces, np.int32))
        object.__setattr__(self, "landmarks68", read_only(self.landmarks68, np.int32))
        count = len(self.neutral)
        sound = (
            self.neutral.ndim == 2
            and self.identity.shape[1:] == self.neutral.shape
            and self.faces.ndim == 2
            and self.faces.shape[1] == 4
            and len(self.material) == len(self.faces)
            and self.landmarks68.shape == (68,)
            and self.faces.min(initial=0) >= -1
            and self.faces.max(initial=0) < count
            and self.landmarks68.min() >= 0
            and self.landmarks68.max() < count
        )
        if not sound or not np.isfinite(self.neutral).all() or not np.isfinite(self.identity).all():
            raise UnreadableInputError(
                "This is not ICT-FaceKit's model: its tables do not fit together", hint=_HINT
            )
        if not {FACE, BACK} <= set(self.material):
            raise UnreadableInputError(f"ICT-FaceKit's materials {FACE} and {BACK} are missing", hint=_HINT)

    def head(self, coefficients: FloatArray) -> FloatArray:
        """Return the head of coefficients (K,), (V, 3) float64 mm."""
        return self.neutral + np.tensordot(coefficients, self.identity.astype(np.float64), axes=1)

    def of_material(self, *names: str) -> BoolArray:
        """Tell which faces have one of these materials, (F,)."""
        return np.isin(np.array(self.material), names)

    @cached_property
    def skin_graph(self) -> csr_array:
        """(V, V) sparse: the sides of the faces of face and back of the head (with sockets and mouth)."""
        faces = self.faces[self.of_material(FACE, BACK)]
        ends = np.roll(faces, -1, axis=1)
        # In triangles the last corner is missing: the side goes from the third to the first.
        short = faces[:, 3] < 0
        ends[short, 2] = faces[short, 0]
        keep = (faces >= 0) & (ends >= 0)
        a, b = faces[keep], ends[keep]
        count = len(self.neutral)
        half = coo_array((np.ones(len(a)), (a, b)), shape=(count, count))
        whole = csr_array(half + half.T)
        whole.data[:] = 1.0
        return whole

    @cached_property
    def in_face(self) -> BoolArray:
        """(V,): vertices of the face's own material."""
        inside = np.zeros(len(self.neutral), dtype=np.bool_)
        ids = self.faces[self.of_material(FACE)]
        inside[ids[ids >= 0]] = True
        return inside

    @cached_property
    def skin_triangles(self) -> IntArray:
        """(M, 3) int32: the visible skin, without the lining of sockets and mouth."""
        faces = self.faces[self.of_material(FACE, BACK)]
        parts = [faces[:, :3], faces[faces[:, 3] >= 0][:, [0, 2, 3]]]
        triangles = np.concatenate(parts)
        triangles = triangles[(triangles >= 0).all(axis=1)]
        # What is neither face nor reaches the back of the head lines a hole of the face.
        rest = np.flatnonzero(~self.in_face & np.isin(np.arange(len(self.neutral)), triangles))
        _, label = connected_components(self.skin_graph[rest][:, rest], directed=False)
        depth = np.full(label.max() + 1, np.inf)
        np.minimum.at(depth, label, self.neutral[rest, 2])
        lining = rest[depth[label] > depth.min() + 30.0]
        return triangles[~np.isin(triangles, lining).any(axis=1)].astype(np.int32)

    def teeth(self) -> tuple[IntArray, IntArray]:
        """Return the vertices of the upper and of the lower teeth, (N,) int32 each; empty if there are none."""
        ids = np.unique(self.faces[self.of_material("M_Teeth")])
        ids = ids[ids >= 0]
        if not len(ids):
            return ids.astype(np.int32), ids.astype(np.int32)
        lips = self.neutral[self.landmarks68[[62, 66]], 1].mean()
        faces = self.faces[self.of_material("M_Teeth")]
        sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
        graph = coo_array((np.ones(len(sides)), (sides[:, 0], sides[:, 1])), shape=(len(self.neutral),) * 2)
        _, label = connected_components(graph, directed=False)
        total = np.bincount(label[ids], self.neutral[ids, 1])
        height = (total / np.maximum(np.bincount(label[ids]), 1))[label[ids]]
        # The row above the others: teeth's middles fall into two groups, parted where their mean is.
        parting = 0.5 * (height.min() + height.max()) if height.min() < lips < height.max() else height.mean()
        return ids[height >= parting].astype(np.int32), ids[height < parting].astype(np.int32)


def load_ict(path: Path) -> IctFaceKit:
    """Read ICT-FaceKit's model.

    Parameters
    ----------
    path
        The folder ``FaceXModel`` (or the one that holds it), or an .npz: neutral, identity in cm, faces, material,
        landmarks68.

    Raises
    ------
    UnreadableInputError
        If it is missing, damaged or something else.
    """
    try:
        return _load_folder(path) if path.is_dir() else _load_npz(path)
    except UnreadableInputError:
        raise
    except Exception as error:  # zip, json, number and key errors all mean: not that model
        raise UnreadableInputError(f"{path} is not ICT-FaceKit's model: {error}", hint=_HINT) from error


def _load_npz(path: Path) -> IctFaceKit:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
        return IctFaceKit(
            neutral=data["neutral"].astype(np.float64) * MM_PER_UNIT,
            identity=data["identity"].astype(np.float32) * np.float32(MM_PER_UNIT),
            faces=data["faces"],
            material=tuple(data["material"].tolist()),
            landmarks68=data["landmarks68"],
        )


def _load_folder(path: Path) -> IctFaceKit:
    if (path / "FaceXModel").is_dir():
        path = path / "FaceXModel"
    lines = (path / "generic_neutral_mesh.obj").read_text().splitlines()
    faces: list[list[int]] = []
    material: list[str] = []
    name = ""
    for line in lines:
        if line.startswith("usemtl "):
            name = line.split()[1]
        elif line.startswith("f "):
            corners = [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
            faces.append([*corners, -1][:4])
            material.append(name)
    neutral = _positions(lines)
    modes = sorted(path.glob("identity[0-9]*.obj"))
    if not modes:
        raise UnreadableInputError(f"{path} holds no identity modes (identity000.obj ...)", hint=_HINT)
    identity = [_positions(file.read_text().splitlines()) - neutral for file in modes]
    points = json.loads((path / "vertex_indices.json").read_text())["idx_to_landmark_verts"]
    return IctFaceKit(
        neutral=neutral,
        identity=np.stack(identity).astype(np.float32),
        faces=np.array(faces, dtype=np.int32),
        material=tuple(material),
        landmarks68=np.array(points, dtype=np.int32),
    )


def _positions(lines: list[str]) -> NDArray[np.float64]:
    rows = [line.split()[1:4] for line in lines if line.startswith("v ")]
    return np.array(rows, dtype=np.float64) * MM_PER_UNIT
