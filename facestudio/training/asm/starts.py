"""Learns where the search of the ASM begins: the points as sums of mesh points."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from facestudio.landmarks.schemes import LandmarkMap, face_frame, load_scheme
from facestudio.training.asm.annotated import AnnotatedPhoto
from facestudio.training.asm.samples import Sample
from facestudio.training.landmark_map import AnnotatedFace, compact_map, fit_weights
from facestudio.values import IntArray

_START_POINTS: Final = 3


def eye_corners(scheme: str) -> tuple[int, int]:
    """Return the numbers of the outer eye corners, the sitter's right one first."""
    names = load_scheme(scheme).point_names
    return names.index("eye_right_outer"), names.index("eye_left_outer")


def learn_start(samples: Sequence[Sample], photos: Sequence[AnnotatedPhoto]) -> LandmarkMap:
    """Learn how the points follow from the mesh, from unchanged samples; see `training.landmark_map`."""
    scheme = photos[0].scheme
    right, left = eye_corners(scheme)
    plain = [s for s in samples if not s.changed]
    faces: list[AnnotatedFace] = []
    for s in plain:
        unit, axes = face_frame(s.mesh)
        origin = (s.mesh[33] + s.mesh[263]) / 2
        mesh = np.column_stack([(s.mesh - origin) @ axes, s.seen.z]) / unit
        eyes = float(np.linalg.norm(s.points[left] - s.points[right])) / unit
        faces.append(AnnotatedFace("", mesh, (s.points - origin) @ axes / unit, eyes))
    prior = None if scheme == "ibug68" else nearest_map(faces)
    weights = fit_weights(faces, scheme, prior)
    errors = np.stack([weights @ face.mesh[:, :2] - face.points for face in faces])
    return compact_map(weights, np.einsum("fni,fnj->nij", errors, errors) / len(errors))


def learn_starts(
    samples: Sequence[Sample], photos: Sequence[AnnotatedPhoto], folds: IntArray
) -> tuple[LandmarkMap, tuple[LandmarkMap, ...]]:
    """Learn the start of all samples, and for each fold that of the others: its own people's would be too good.

    The covariance of the first is that of the errors of the others.
    """
    whole = learn_start(samples, photos)
    count = int(folds.max()) + 1
    if count < 2:
        return whole, (whole,)
    others = tuple(learn_start([s for s in samples if folds[s.source] != f], photos) for f in range(count))
    plain = [s for s in samples if not s.changed]
    covariance = np.zeros_like(whole.covariance)
    for s in plain:
        unit, axes = face_frame(s.mesh)
        off = (others[folds[s.source]].apply(s.mesh) - s.points) @ axes / unit
        covariance += off[:, :, None] * off[:, None, :] / len(plain)
    return LandmarkMap(whole.points, whole.weights, covariance), others


def nearest_map(faces: Sequence[AnnotatedFace]) -> LandmarkMap:
    """Return a map that makes each point the mean of the mesh points that lie nearest to it on average."""
    mesh = np.mean([face.mesh[:, :2] for face in faces], axis=0)
    points = np.mean([face.points for face in faces], axis=0)
    apart = np.linalg.norm(points[:, None] - mesh[None], axis=2)
    near = np.argsort(apart, axis=1, kind="stable")[:, :_START_POINTS].astype(np.int32)
    weights = np.full(near.shape, 1 / _START_POINTS)
    return LandmarkMap(near, weights, np.tile(np.eye(2) * 0.03**2, (len(near), 1, 1)))
