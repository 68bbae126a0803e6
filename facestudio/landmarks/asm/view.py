"""What the mesh shows of the pose, and where points go because of it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from facestudio.landmarks.asm.shape import align, transform
from facestudio.values import FloatArray, read_only

POSE_TERMS: Final = 7
"""Numbers that `pose_terms` makes of yaw and pitch."""

_FURTHEST: Final = 1.0  # sine: no face is turned further


def pose_terms(yaw: FloatArray, pitch: FloatArray) -> FloatArray:
    """Return what points may depend on as a face turns, (..., POSE_TERMS); all 0 for a face seen from the front.

    Parameters
    ----------
    yaw, pitch
        (...) sines of the angles.
    """
    size = np.abs(yaw)
    return np.stack([yaw, size, yaw * size, size**3, pitch, pitch * yaw, pitch * size], axis=-1)


@dataclass(frozen=True, eq=False)
class MeshView:
    """The shapes of the 478-point mesh, upright and of one size, and how the pose follows from them.

    Its frame is that of the mean: centre at (0, 0), root mean square size 1.

    Attributes
    ----------
    mean
        (478, 2) float64.
    basis
        (K, 956) float64: principal components over their standard deviation.
    pose
        (1 + K, 2) float64: sines of yaw and pitch of [1, coefficients].
    """

    mean: FloatArray
    basis: FloatArray
    pose: FloatArray

    def __post_init__(self) -> None:
        for name in ("mean", "basis", "pose"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    def frame(self, mesh: FloatArray) -> FloatArray:
        """Return the similarity (2, 3) that brings a mesh (478, 2) into the frame."""
        return align(mesh, self.mean)

    def coefficients(self, mesh: FloatArray) -> FloatArray:
        """Return the shape (K,) of a mesh (478, 2) in any frame; 1 is usual."""
        return self.basis @ (transform(self.frame(mesh), mesh) - self.mean).ravel()

    def terms(self, coefficients: FloatArray) -> FloatArray:
        """Return the pose terms of shapes (..., K), (..., POSE_TERMS)."""
        angles = np.clip(self.pose[0] + coefficients @ self.pose[1:], -_FURTHEST, _FURTHEST)
        return pose_terms(angles[..., 0], angles[..., 1])


@dataclass(frozen=True, eq=False)
class PoseShift:
    """How points move against the mesh's as the face turns: the jaw slides on the outline, the mesh has its errors.

    Attributes
    ----------
    view
        Reads the pose.
    shifts
        (POSE_TERMS, N, 2) float64, in the frame of the view.
    """

    view: MeshView
    shifts: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "shifts", read_only(self.shifts, np.float64))

    def apply(self, mesh: FloatArray) -> FloatArray:
        """Return the shift (N, 2) of the points of a face with this mesh (478, 2), in its frame."""
        back = np.linalg.inv(self.view.frame(mesh)[:, :2])
        local = np.tensordot(self.view.terms(self.view.coefficients(mesh)), self.shifts, axes=1)
        return np.asarray(local @ back.T, dtype=np.float64)
