"""The lens of a photo, as far as it is known before the shape is fitted."""

import numpy as np

from facestudio.values import Camera, FocalSource, Photo

DIAGONAL_35MM = 43.27
"""Of a 35 mm picture, mm."""

DEFAULT_FOCAL_35MM = 50.0
"""The most probable focal length of a photo without EXIF, 35 mm equivalent."""

FOCAL_SIGMA = 0.35
"""How far the lens of such a photo may be from it: standard deviation of the logarithm. The fit seeks it."""


def photo_camera(photo: Photo, focal_px: float | None) -> Camera:
    """Return the photo's camera without pose: focal length given, from EXIF, or the one to start from."""
    width, height = photo.size
    source: FocalSource = "given"
    focal = focal_px
    if focal is None:
        focal, source = photo.focal_px, "exif"
    if focal is None:
        focal, source = float(np.hypot(width, height)) / DIAGONAL_35MM * DEFAULT_FOCAL_35MM, "estimated"
    centre = (width - 1) / 2, (height - 1) / 2
    return Camera(focal, focal, *centre, np.eye(3), np.zeros(3), (width, height), source)
