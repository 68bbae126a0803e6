"""Pinhole cameras: projection, back projection, rotations, and cameras placed around a head.

Conventions are those of `facestudio.values.Camera`: camera space has x right, y down, z away from the lens,
in millimetres; the image frame is in pixels with the centre of the first pixel at (0, 0).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from facestudio.values import Camera, FloatArray, FocalSource

# Head space has +Y up and +Z towards the viewer, camera space y down and z away: a frontal upright face.
FRONTAL = np.diag([1.0, -1.0, -1.0])
FRONTAL.flags.writeable = False


def to_camera_space(camera: Camera, points: ArrayLike) -> FloatArray:
    """Move points of head space into camera space.

    Parameters
    ----------
    camera
        The camera.
    points
        (..., 3) mm, head space.

    Returns
    -------
    numpy.ndarray
        (..., 3) float64 mm, camera space; the last column is the depth.
    """
    return np.asarray(points, dtype=np.float64) @ camera.rotation.T + camera.translation_mm


def to_head_space(camera: Camera, points: ArrayLike) -> FloatArray:
    """Move points of camera space ((..., 3) mm) into head space; the inverse of `to_camera_space`."""
    return (np.asarray(points, dtype=np.float64) - camera.translation_mm) @ camera.rotation


def camera_position(camera: Camera) -> FloatArray:
    """Return where the lens is, (3,) float64 mm, head space."""
    return -camera.rotation.T @ camera.translation_mm


def project(camera: Camera, points: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Project points of head space into the photo.

    Parameters
    ----------
    camera
        The camera.
    points
        (N, 3) mm, head space.

    Returns
    -------
    pixels
        (N, 2) float64, image frame; NaN for points in the plane of the lens or behind it.
    depth
        (N,) float64 mm, z in camera space (negative behind the camera).
    """
    p = to_camera_space(camera, points)
    depth = p[..., 2]
    z = np.where(depth > 0, depth, np.nan)
    pixels = p[..., :2] / z[..., None] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    return pixels, depth


def back_project(camera: Camera, pixels: ArrayLike, depth: ArrayLike) -> FloatArray:
    """Return the points of head space seen at pixels at a depth; the inverse of `project`.

    Parameters
    ----------
    camera
        The camera.
    pixels
        (N, 2), image frame.
    depth
        (N,) or a number, mm: z in camera space.

    Returns
    -------
    numpy.ndarray
        (N, 3) float64 mm, head space.
    """
    xy = (np.asarray(pixels, dtype=np.float64) - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    z = np.broadcast_to(np.asarray(depth, dtype=np.float64), xy.shape[:-1])[..., None]
    return to_head_space(camera, np.concatenate([xy * z, z], axis=-1))


def rotation_matrix(vector: ArrayLike) -> FloatArray:
    """Return the (3, 3) rotation of a rotation vector (3,) in radians (Rodrigues' formula)."""
    return Rotation.from_rotvec(np.asarray(vector, dtype=np.float64)).as_matrix()


def rotation_vector(matrix: ArrayLike) -> FloatArray:
    """Return the rotation vector (3,), radians, of a (3, 3) rotation; the inverse of `rotation_matrix`."""
    return Rotation.from_matrix(np.asarray(matrix, dtype=np.float64)).as_rotvec()


def head_rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> FloatArray:
    """Return the camera rotation that sees a head turned by three angles.

    Parameters
    ----------
    yaw
        Radians; positive: the nose points to the right of the picture.
    pitch
        Radians; positive: the head bows, or the camera looks from above.
    roll
        Radians; positive: the head tilts clockwise in the picture.

    Returns
    -------
    numpy.ndarray
        (3, 3) float64, head space to camera space. All zero gives diag(1, -1, -1).
    """
    # Extrinsic order: turn about the head's own axis first, then bow, then tilt in the picture plane.
    return FRONTAL @ Rotation.from_euler("yxz", [yaw, pitch, -roll]).as_matrix()


def head_angles(rotation: ArrayLike) -> tuple[float, float, float]:
    """Return (yaw, pitch, roll) in radians of a camera rotation (3, 3); the inverse of `head_rotation`."""
    m = FRONTAL @ np.asarray(rotation, dtype=np.float64)  # about z, then x, then y, from the left
    pitch = np.arctan2(m[2, 1], np.hypot(m[2, 0], m[2, 2]))
    return float(np.arctan2(-m[2, 0], m[2, 2])), float(pitch), float(np.arctan2(m[0, 1], m[1, 1]))


def view_camera(
    image_size: tuple[int, int],
    *,
    focal_px: float,
    distance_mm: float,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    target: ArrayLike = (0.0, 0.0, 0.0),
    focal_source: FocalSource = "given",
) -> Camera:
    """Return a camera that looks at a point of the head, which it sees in the middle of the picture.

    Parameters
    ----------
    image_size
        (width, height) pixels.
    focal_px
        Focal length, pixels.
    distance_mm
        From the lens to the target.
    yaw, pitch, roll
        How the head seems turned, radians; see `head_rotation`.
    target
        (3,) mm, head space.
    focal_source
        As in Camera.
    """
    width, height = image_size
    rotation = head_rotation(yaw, pitch, roll)
    translation = np.array([0.0, 0.0, distance_mm]) - rotation @ np.asarray(target, dtype=np.float64)
    return Camera(
        fx=focal_px,
        fy=focal_px,
        cx=(width - 1) / 2,
        cy=(height - 1) / 2,
        rotation=rotation,
        translation_mm=translation,
        image_size=image_size,
        focal_source=focal_source,
    )


def scale_camera(camera: Camera, factor: float) -> Camera:
    """Return the camera of the same picture resized by a factor (pixel areas map onto pixel areas).

    The picture's edges are at -0.5, so the principal point moves by (c + 0.5) * factor - 0.5.
    """
    width, height = camera.image_size
    return replace(
        camera,
        fx=camera.fx * factor,
        fy=camera.fy * factor,
        cx=(camera.cx + 0.5) * factor - 0.5,
        cy=(camera.cy + 0.5) * factor - 0.5,
        image_size=(round(width * factor), round(height * factor)),
    )


def fitted_camera(camera: Camera, area: tuple[float, float, float, float], size: tuple[int, int]) -> Camera:
    """Return the camera that shows a part of a camera's picture as large as fits, in the middle of another picture.

    Parameters
    ----------
    camera
        The camera of the whole picture.
    area
        (x0, y0, x1, y1) pixels of its image frame; may reach beyond the picture.
    size
        (width, height) pixels of the new picture.
    """
    x0, y0, x1, y1 = area
    width, height = size
    factor = min(width / max(x1 - x0, 1e-6), height / max(y1 - y0, 1e-6))
    return replace(
        camera,
        fx=camera.fx * factor,
        fy=camera.fy * factor,
        cx=(camera.cx - (x0 + x1) / 2) * factor + (width - 1) / 2,
        cy=(camera.cy - (y0 + y1) / 2) * factor + (height - 1) / 2,
        image_size=size,
    )
