"""The pose of a head before the fit: perspective-n-point, with a word if the points are none of a face."""

from dataclasses import replace

import cv2
import numpy as np

from facestudio.errors import NoFaceError
from facestudio.geometry.camera import rotation_matrix, to_camera_space
from facestudio.values import Camera, FloatArray


def initial_pose(points: FloatArray, pixels: FloatArray, camera: Camera) -> Camera:
    """Return the camera with the pose that brings points onto pixels, by perspective-n-point.

    Parameters
    ----------
    points
        (P, 3) mm, head space.
    pixels
        (P, 2), image frame.
    camera
        Its lens is kept.

    Raises
    ------
    NoFaceError
        If the points fit no pose (they lie on a line, coincide, or would be behind the camera).
    """
    if not np.isfinite(pixels).all():
        raise NoFaceError("The landmarks are not all numbers")
    spread = np.linalg.svd(pixels - pixels.mean(axis=0), compute_uv=False)
    if spread[1] < 1e-3 * spread[0] or spread[0] < 1.0:
        raise NoFaceError("The landmarks lie on a line or coincide: no face can be fitted to them")
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
    ok, turn, shift = cv2.solvePnP(
        np.ascontiguousarray(points), np.ascontiguousarray(pixels), matrix, None, flags=cv2.SOLVEPNP_SQPNP
    )
    rotation = rotation_matrix(turn.ravel()) if ok else np.diag([1.0, -1.0, -1.0])
    posed = replace(camera, rotation=rotation, translation_mm=shift.ravel() if ok else camera.translation_mm)
    in_front = bool(ok) and bool((to_camera_space(posed, points)[:, 2] > 1.0).all())
    # A face that looks away from the camera is the mirrored solution of the pose problem.
    if not in_front or posed.rotation[2, 2] > 0.2:
        raise NoFaceError("The landmarks do not look like a face seen from the front or the side")
    return posed
