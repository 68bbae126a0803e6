"""The closest database head of each region of the face: whose eyes, nose, mouth and jaw are most like the photo's."""

from dataclasses import dataclass

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.retrieval.gallery import FaceGallery, aligned_to
from facestudio.values import FloatArray

REGION_POINTS: dict[str, tuple[int, ...]] = {
    "eyes": tuple(range(17, 27)) + tuple(range(36, 48)),
    "nose": tuple(range(27, 36)),
    "mouth": tuple(range(48, 68)),
    "jaw": tuple(range(17)),
}
"""Points of ibug68 that make up each region."""


@dataclass(frozen=True)
class ClosestHead:
    """The head whose region is nearest: its id, and the mean distance of the region's points after alignment, mm."""

    region: str
    id: str
    distance_mm: float


def closest_per_region(
    database: HeadDatabase,
    gallery: FaceGallery,
    landmarks: FloatArray,
    excluded: frozenset[str] = frozenset(),
) -> tuple[ClosestHead, ...]:
    """Return the closest head of each region, after similarity alignment of that region alone.

    Parameters
    ----------
    database, gallery
        The heads, and their landmarks.
    landmarks
        (68, 3) mm: ibug68 of the reconstructed head, neutral.
    excluded
        Ids that may not be named.
    """
    free = [i for i, name in enumerate(database.ids) if name not in excluded]
    found: list[ClosestHead] = []
    for region, points in REGION_POINTS.items():
        target = landmarks[list(points)]
        distances = [
            float(
                np.linalg.norm(aligned_to(target, gallery.landmarks[i, list(points)]) - target, axis=1).mean()
            )
            for i in free
        ]
        if distances:
            nearest = int(np.argmin(distances))
            found.append(ClosestHead(region, database.ids[free[nearest]], distances[nearest]))
    return tuple(found)
