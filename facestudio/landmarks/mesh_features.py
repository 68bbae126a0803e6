"""What the landmarker sees around its points: layers inside its network, sampled where the mesh points lie.

The network was trained on real faces. Its layers describe what is around a point (folds, edges, shading) whatever the
light and the skin, which colours and gradients do not; sampled at the points, the same number always speaks of the same
place of the face.
"""

from dataclasses import dataclass

import numpy as np

from facestudio.landmarks.landmarker import LAYERS, look_at
from facestudio.landmarks.region import CROP_SIZE, Region, region_of_points
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray

CHANNELS = sum(LAYERS.values())


def _sampled(layer: Float32Array, places: FloatArray) -> Float32Array:
    """Return a layer (C, S, S) at places (N, 2), pixels of the crop, bilinearly: (N, C)."""
    side = layer.shape[-1]
    own = np.clip((places + 0.5) * (side / CROP_SIZE) - 0.5, 0, side - 1)
    low = np.minimum(own.astype(np.int64), side - 2)
    (x, y), first = (own - low).astype(np.float32).T, low[:, 1] * side + low[:, 0]
    corners = np.stack([first, first + 1, first + side, first + side + 1])
    shares = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    seen = layer.reshape(len(layer), -1)[:, corners]
    return np.asarray(np.einsum("ckn,kn->nc", seen, shares), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face as the landmarker's network sees it, or its mirror image.

    Attributes
    ----------
    layers
        (C, S, S) float32 each, in the order of `LAYERS`.
    region
        The part of the photo that was looked at.
    mirrored
        Whether the mirror image was.
    """

    layers: tuple[Float32Array, ...]
    region: Region
    mirrored: bool = False

    def at(self, places: FloatArray) -> Float32Array:
        """Return what is seen at places (N, 2), pixels of the picture looked at, (N, CHANNELS)."""
        return np.concatenate([_sampled(layer, places) for layer in self.layers], axis=1)

    def places(self, points: FloatArray, mirror: IntArray) -> FloatArray:
        """Return where points (N, 2) of the photo are in the picture looked at.

        In the mirror image another point takes the place of each, `mirror` (N,): so a number always speaks of the same
        place of a face.
        """
        matrix = self.region.crop_to_image()
        own = (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        return own[mirror] * [-1.0, 1.0] + [CROP_SIZE - 1.0, 0.0] if self.mirrored else own

    def in_photo(self, places: FloatArray, mirror: IntArray) -> FloatArray:
        """Return the points (N, 2) of the photo of places in the picture looked at."""
        if self.mirrored:
            own = np.empty_like(places)
            own[mirror] = places * [-1.0, 1.0] + [CROP_SIZE - 1.0, 0.0]
        else:
            own = places
        matrix = self.region.crop_to_image()
        return own @ matrix[:, :2].T + matrix[:, 2]


def see_face(pixels: ByteArray, mesh: FloatArray, *, mirrored: bool = False) -> SeenFace:
    """Look at a face with the landmarker's network.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    mesh
        (478, 2) located mesh points, image frame, pixels.
    mirrored
        Look at its mirror image: cut by its own points, as it would be if it were the photo.

    Raises
    ------
    ModelError
        If the model or ONNX Runtime is missing.
    """
    return see_region(pixels, region_of_points(mesh), mirrored=mirrored)


def see_region(pixels: ByteArray, region: Region, *, mirrored: bool = False) -> SeenFace:
    """Look at a region of a photo (H, W, 3) uint8, or at its mirror image; see `see_face`."""
    return SeenFace(look_at(pixels, region, mirrored=mirrored).layers, region, mirrored)


def mesh_features(
    pixels: ByteArray, mesh: FloatArray, chosen: IntArray, mirror: IntArray
) -> tuple[Float32Array, Region]:
    """Return what the landmarker sees at mesh points of a face, and of its mirror image.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    mesh
        (478, 2) located mesh points, image frame, pixels.
    chosen
        (N,) int32: at which of them.
    mirror
        (478,) int32: which point takes the place of each in the mirror image.

    Returns
    -------
    tuple
        (2, N, CHANNELS) float32, the face and its mirror image; the region of the photo that was looked at.

    Raises
    ------
    ModelError
        If the model or ONNX Runtime is missing.
    """
    faces = [see_face(pixels, mesh, mirrored=mirrored) for mirrored in (False, True)]
    return np.stack([face.at(face.places(mesh, mirror)[chosen]) for face in faces]), faces[0].region


def spread_points(points: FloatArray, count: int) -> IntArray:
    """Choose points that lie far apart: always the one that is farthest from those chosen.

    Parameters
    ----------
    points
        (M, D), any unit.
    count
        How many to choose.

    Returns
    -------
    numpy.ndarray
        (count,) int32 indices, the first point first.
    """
    chosen = [0]
    away = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < count:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen, dtype=np.int32)
