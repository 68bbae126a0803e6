"""The gallery: the faces of a database's heads as they are compared with a photo's, aligned once."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.geometry.procrustes import similarity
from facestudio.template.model import Template
from facestudio.values import FloatArray, read_only

FACE_POINTS = 468  # of mesh478; the rest are the irises'


@dataclass(frozen=True, eq=False)
class FaceGallery:
    """Faces of database heads, of one size and in one place.

    Attributes
    ----------
    mean
        (P, 3) mm: the mean head's face, to which the others are aligned.
    faces
        (N, P, 3) mm: points of mesh478 after similarity alignment.
    landmarks
        (N, 68, 3) mm: ibug68 of the heads as they are.
    """

    mean: FloatArray
    faces: FloatArray
    landmarks: FloatArray

    def __post_init__(self) -> None:
        for name in ("mean", "faces", "landmarks"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    def aligned(self, points: FloatArray) -> FloatArray:
        """Align a face (P or more, 3) mm to the mean by a similarity, (P, 3) mm."""
        return aligned_to(self.mean, points[: len(self.mean)])


def aligned_to(target: FloatArray, points: FloatArray) -> FloatArray:
    """Move points (P, 3) by the similarity that brings them nearest to a target (P, 3)."""
    scale, rotation, shift = similarity(points, target)
    return scale * points @ rotation.T + shift


@lru_cache(maxsize=4)
def face_gallery(database: HeadDatabase, template: Template) -> FaceGallery:
    """Return the gallery of a database (made once)."""

    def of(points: FloatArray, basis: FloatArray) -> FloatArray:
        # A database of one head has no modes.
        moved = database.coefficients @ basis.reshape(len(basis), points.size)
        return points + moved.reshape(len(database), -1, 3)

    modes = database.basis.astype(np.float64)
    landmarks = of(template.ibug68.points(database.mean), template.ibug68.points(modes))
    faces = of(template.mesh478.points(database.mean), template.mesh478.points(modes))[:, :FACE_POINTS]
    mean = faces.mean(axis=0)
    return FaceGallery(mean, np.stack([aligned_to(mean, face) for face in faces]), landmarks)
