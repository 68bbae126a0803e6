"""The square of a photo that the landmarker looks at.

Frames: the square's crop is cut without half-pixel offset, as MediaPipe does it: crop pixel (u, v) shows the photo at
`centre + rotation @ ((u, v) / 256 - 0.5) * side`, both with pixel centres at whole numbers.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from facestudio.landmarks.detector import FaceCandidate
from facestudio.values import ByteArray, FloatArray

CROP_SIZE: Final = 256
"""Pixels of the crop's side."""

EYE_CORNERS: Final = (33, 263)
"""Mesh points: the outer corners of the sitter's right eye and of the left one."""

_MARGIN: Final = 1.5

# A face seen from the front is looked at once: the detector's keypoints tell its region almost as well as a first look
# does (671 photos, 200 of them real: within 1.1 % of its side along the face, 3 % in size). Where the points found
# say that the region was elsewhere, and in faces turned aside, the landmarker looks again.
_FRONTAL: Final = 0.25  # nose from the middle of the eyes, of their distance
_DOWN: Final = (-0.015, 0.66, 0.32)  # of the region's side: constant, the eyes' height, from eyes to mouth
_LARGER: Final = 1.057
_NEAR: Final = (0.04, 0.1, 0.07)  # way of the centre (of the side), logarithm of the size, radians


@dataclass(frozen=True)
class Region:
    """The turned square that the landmarker looks at: centre and side in pixels, angle in radians.

    The angle is that of the line through the eyes: positive when the face leans clockwise in the picture.
    """

    x: float
    y: float
    side: float
    angle: float

    def crop_to_image(self) -> FloatArray:
        """Return the (2, 3) affine map from crop pixels to image pixels."""
        scale = self.side / CROP_SIZE
        c, s = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        half = CROP_SIZE / 2
        return np.array([[c, -s, self.x - half * (c - s)], [s, c, self.y - half * (s + c)]])


def region_of_candidate(candidate: FaceCandidate) -> Region:
    """Return the square around a detected face: its box times 1.5, turned along the eyes."""
    box = candidate.box
    right, left = candidate.keypoints[:2]
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    side = _MARGIN * max(box.x1 - box.x0, box.y1 - box.y0)
    return Region((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, side, angle)


def frontal_region(candidate: FaceCandidate) -> Region | None:
    """Return the square around the mesh that a detected face will have, if the face looks at the camera."""
    coarse = region_of_candidate(candidate)
    c, s = math.cos(coarse.angle), math.sin(coarse.angle)
    upright = (candidate.keypoints - [coarse.x, coarse.y]) @ np.array([[c, -s], [s, c]]) / coarse.side
    eyes, nose, mouth = upright[:2].mean(axis=0), upright[2], upright[3]
    apart = float(np.linalg.norm(upright[1] - upright[0]))
    if abs(nose[0] - eyes[0]) > _FRONTAL * apart:
        return None
    down = float(np.dot(_DOWN, (1.0, eyes[1], mouth[1] - eyes[1]))) * coarse.side
    return Region(coarse.x - s * down, coarse.y + c * down, coarse.side * _LARGER, coarse.angle)


def is_near(a: Region, b: Region) -> bool:
    """Whether two squares differ so little that the landmarker sees the same in both."""
    way = math.hypot(b.x - a.x, b.y - a.y) / a.side
    turn = abs(math.remainder(b.angle - a.angle, 2 * math.pi))
    return way < _NEAR[0] and abs(math.log(b.side / a.side)) < _NEAR[1] and turn < _NEAR[2]


def region_of_points(points: FloatArray) -> Region:
    """Return the square around a mesh, (478, 2) pixels: the extent along its eyes times 1.5."""
    right, left = points[list(EYE_CORNERS)]
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    c, s = math.cos(angle), math.sin(angle)
    upright = points @ np.array([[c, -s], [s, c]])
    low, high = upright.min(axis=0), upright.max(axis=0)
    centre = np.array([[c, -s], [s, c]]) @ ((low + high) / 2)
    return Region(float(centre[0]), float(centre[1]), _MARGIN * float((high - low).max()), angle)


def cut_region(pixels: ByteArray, region: Region) -> ByteArray:
    """Return a region of a photo (H, W, 3) uint8 as the landmarker takes it, (256, 256, 3) uint8."""
    crop = cv2.warpAffine(
        pixels,
        region.crop_to_image(),
        (CROP_SIZE, CROP_SIZE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(crop, dtype=np.uint8)
