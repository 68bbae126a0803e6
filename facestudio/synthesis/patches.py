"""Which triangles of the head a camera needs: subdivided where that shows, and none that face away."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.geometry.camera import project, to_camera_space
from facestudio.values import BoolArray, Camera, Float32Array, FloatArray, IntArray

_SHOWS_PX = 0.3  # what subdivision moves less than this is not seen
_NEAREST_MM = 20.0


@dataclass(frozen=True, eq=False)
class Patches:
    """The quads of level 0 with the vertices that level 1 adds to them.

    Attributes
    ----------
    corners, sides
        (F, 4) int32: vertices of a quad, and the vertex that splits the side after each of them.
    middles
        (F,) int32: the vertex in its middle.
    edges
        (F, 4) int32: numbers of the sides; quads that share a side share its number.
    """

    corners: IntArray
    sides: IntArray
    middles: IntArray
    edges: IntArray

    def triangles(self, fine: BoolArray) -> IntArray:
        """Return triangles (M, 3) int32: `fine` quads (F,) are split, and their neighbours at the sides they share."""
        split = np.zeros(int(self.edges.max()) + 1, dtype=np.bool_)
        split[self.edges[fine]] = True
        halved: BoolArray = np.asarray(split[self.edges])
        whole: BoolArray = np.asarray(~halved.any(axis=1))
        a, b, c, d = self.corners[whole].T
        middle = np.repeat(self.middles[:, None], 4, axis=1)
        after = np.roll(self.corners, -1, axis=1)
        plain = ~halved & ~whole[:, None]
        parts = (
            (a, b, c),
            (a, c, d),
            (self.corners[plain], after[plain], middle[plain]),
            (self.corners[halved], self.sides[halved], middle[halved]),
            (self.sides[halved], after[halved], middle[halved]),
        )
        return np.concatenate([np.stack(part, axis=1) for part in parts]).astype(np.int32)


def patches_of(triangles: IntArray, vertices: IntArray) -> Patches:
    """Return the patches of a level-1 render topology.

    Parameters
    ----------
    triangles
        (8F, 3): eight for each quad of level 0, as Topology has them.
    vertices
        (R,) the level's vertex for each render vertex: seams split those.
    """
    # Each quad of level 1: corner, side's middle, quad's middle, the middle of the side before.
    first = triangles.reshape(-1, 4, 2, 3)[:, :, 0]
    edges = np.unique(vertices[first[:, :, 1]], return_inverse=True)[1].reshape(-1, 4)
    return Patches(first[:, :, 0], first[:, :, 1], first[:, 0, 2], edges.astype(np.int32))


def to_pixels(points: FloatArray | Float32Array, camera: Camera) -> Float32Array | None:
    """Return where points (R, 3) mm are seen, (R, 2) float32 px; None if some are beside or behind the lens."""
    pixels, depth = project(camera, np.asarray(points, dtype=np.float64))
    return pixels.astype(np.float32) if float(depth.min()) > _NEAREST_MM else None


def shown(patches: Patches, points: FloatArray, normals: FloatArray, camera: Camera) -> BoolArray:
    """Tell which quads must be split for outlines to look round, (F,).

    Parameters
    ----------
    patches
        The quads.
    points, normals
        (R, 3) mm and outward directions of their vertices.
    camera
        Whose sight counts: inside an outline nobody sees how far a surface stands out.
    """
    off = np.zeros(len(points), dtype=np.float32)
    corners = points[patches.corners]
    straight = 0.5 * (corners + np.roll(corners, -1, axis=1))
    for ids, middle in ((patches.sides, straight), (patches.middles, corners.mean(axis=1))):
        normal = normals[ids]
        off[ids] = ((points[ids] - middle) * normal).sum(axis=-1) / (normal * normal).sum(axis=-1)
    seen = to_camera_space(camera, points)
    across = (normals @ camera.rotation.T)[
        :, :2
    ]  # part of the normals that points to the side in the picture
    slanted = seen[:, :2] / seen[:, 2:] * (normals @ camera.rotation.T)[:, 2:]
    moved = np.abs(off) * np.linalg.norm(across - slanted, axis=1) * (camera.fx / seen[:, 2])
    return np.maximum(moved[patches.sides].max(axis=1), moved[patches.middles]) > _SHOWS_PX


def towards(triangles: IntArray, pixels: Float32Array) -> IntArray:
    """Return the triangles (M', 3) that face the camera, given their vertices (R, 2) px."""
    a, b, c = (pixels[triangles[:, k]] for k in range(3))
    first, second = b - a, c - a
    area: NDArray[Any] = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return triangles[area < 0]  # y runs down
