"""The viewer's camera: turns about the head, pans, zooms, and glides from view to view."""

from dataclasses import dataclass, field, replace

import numpy as np

from facestudio.render.scene import Framing, View, camera_of_view
from facestudio.values import Camera, FloatArray

_NEAREST, _FARTHEST = 0.22, 4.0  # in distances of the framing
_STEEPEST = np.radians(89.0)


@dataclass(frozen=True, eq=False)
class Pose:
    """Where the viewer looks from.

    Attributes
    ----------
    yaw, pitch
        Radians, as in facestudio.render.scene.View.
    offset
        (3,) float64 mm, head space: the middle of the picture, from the framing's target.
    closeness
        Distance to the target in distances of the framing: 1 shows the whole head, less is nearer.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    offset: FloatArray = field(default_factory=lambda: np.zeros(3))
    closeness: float = 1.0

    def turned(self, dx: float, dy: float, height: int) -> "Pose":
        """Turn as a drag of (dx, dy) pixels does in a view of some height: its height is half a turn."""
        pitch = float(np.clip(self.pitch + dy * np.pi / height, -_STEEPEST, _STEEPEST))
        return replace(self, yaw=self.yaw + dx * np.pi / height, pitch=pitch)

    def zoomed(self, factor: float) -> "Pose":
        """Go nearer by a factor above 1, farther by one below."""
        return replace(self, closeness=float(np.clip(self.closeness / factor, _NEAREST, _FARTHEST)))

    def towards(self, view: View) -> "Pose":
        """Return the pose of a named view: whole head, in the middle, turned the short way."""
        turn = (view.yaw - self.yaw + np.pi) % (2 * np.pi) - np.pi
        return Pose(self.yaw + float(turn), view.pitch)

    def between(self, other: "Pose", t: float) -> "Pose":
        """Return the pose a part 0..1 of the way to another."""
        return Pose(
            self.yaw + (other.yaw - self.yaw) * t,
            self.pitch + (other.pitch - self.pitch) * t,
            self.offset + (other.offset - self.offset) * t,
            float(self.closeness * (other.closeness / self.closeness) ** t),
        )


def camera_of(pose: Pose, framing: Framing, size: tuple[int, int]) -> Camera:
    """Return the pinhole camera of a pose for a picture (width, height) of pixels."""
    placed = Framing(framing.target + pose.offset, framing.distance_mm * pose.closeness)
    return camera_of_view(View("", pose.yaw, pose.pitch), placed, size)


def panned(pose: Pose, dx: float, dy: float, framing: Framing, size: tuple[int, int]) -> Pose:
    """Return the pose after a drag of (dx, dy) pixels that the head follows."""
    camera = camera_of(pose, framing, size)
    mm = framing.distance_mm * pose.closeness / camera.fx
    shift = camera.rotation.T @ np.array([-dx * mm, -dy * mm, 0.0])
    reach = framing.distance_mm * 0.15
    return replace(pose, offset=np.clip(pose.offset + shift, -reach, reach))


def zoomed_at(
    pose: Pose, factor: float, at: tuple[float, float], framing: Framing, size: tuple[int, int]
) -> Pose:
    """Return the pose after zooming: what a place of the view shows stays there (at the target's depth)."""
    after = pose.zoomed(factor)
    ratio = pose.closeness / after.closeness
    dx, dy = at[0] - size[0] / 2, at[1] - size[1] / 2
    return panned(after, dx * (1 - ratio), dy * (1 - ratio), framing, size)
