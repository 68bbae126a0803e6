"""Cameras as photos have them: lenses, true perspective from arm's length to across a room, poses."""

import numpy as np

from facestudio.geometry.camera import head_rotation
from facestudio.values import Camera

LENSES_MM = (24.0, 135.0)
DISTANCES_MM = (150.0, 3000.0)
LARGEST_YAW, LARGEST_PITCH = 60.0, 25.0
_FACE_MM = 190.0  # about chin to hairline
_SENSOR_MM = 24.0  # short side of full frame: lenses are named for it
_MIDDLE = np.array([0.0, -12.0, 60.0])  # of the face


def draw_camera(rng: np.random.Generator, size: int) -> Camera:
    """Draw a camera and the pose of the head before it.

    Parameters
    ----------
    rng
        Source of chance.
    size
        Edge of the square photo, pixels.

    Returns
    -------
    Camera
        The photo is a part of the picture the lens makes, cut to the face, as photos are before they are used: the
        principal point may lie off its middle.
    """
    kind = rng.random()
    if kind < 0.35:
        yaw, pitch = rng.normal(0, 7), rng.normal(0, 5)
    elif kind < 0.75:
        yaw, pitch = rng.normal(0, 22), rng.normal(0, 9)
    else:
        yaw, pitch = rng.uniform(-LARGEST_YAW, LARGEST_YAW), rng.uniform(-LARGEST_PITCH, LARGEST_PITCH)
    yaw = float(np.clip(yaw, -LARGEST_YAW, LARGEST_YAW))
    pitch = float(np.clip(pitch, -LARGEST_PITCH, LARGEST_PITCH))
    roll = float(np.clip(rng.normal(0, 7 if rng.random() < 0.85 else 18), -40, 40))
    rotation = head_rotation(*np.radians([yaw, pitch, roll]))
    # Near: selfies with wide lenses; far: portraits with long ones.
    distance = float(np.exp(rng.uniform(np.log(DISTANCES_MM[0] + 40), np.log(DISTANCES_MM[1]))))
    if rng.random() < 0.5:
        distance = float(np.exp(rng.normal(np.log(750), 0.45)))
    distance = float(np.clip(distance, *DISTANCES_MM))
    share = float(np.clip(rng.normal(0.56, 0.09), 0.34, 0.8))  # of the photo's height that the face takes
    focal = share * size * distance / _FACE_MM
    # The lens follows from distance and framing; a crop of at most a sixth of the frame makes up the rest.
    lens = float(np.clip(rng.uniform(0.35, 1.0) * focal / size * _SENSOR_MM, *LENSES_MM))
    crop = focal / size * _SENSOR_MM / lens
    off = rng.normal(0, 0.07, 2) * size * min(max(crop - 1, 0), 1.5)
    centre = (size - 1) / 2 + np.clip(off, -0.8 * size, 0.8 * size)
    # Where the face is in the photo, and from there where the head is before the lens.
    place = (size - 1) / 2 + np.array([rng.normal(0, 0.05), rng.normal(0.0, 0.05)]) * size
    depth = distance
    middle = np.array([*((place - centre) / focal * depth), depth])
    translation = middle - rotation @ _MIDDLE
    return Camera(
        focal, focal, float(centre[0]), float(centre[1]), rotation, translation, (size, size), "given"
    )
