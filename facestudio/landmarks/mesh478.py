"""Locates the 478 points of a face: MediaPipe's face landmarker run with ONNX Runtime.

Frames: the crop is cut without half-pixel offset, as MediaPipe does it: crop pixel (u, v) shows the photo at
`centre + rotation @ ((u, v) / 256 - 0.5) * side`, both with pixel centres at whole numbers. The network,
however, counts the crop's pixels from their corners: over 87 photos and their mirror images its points lie
0.45 crop pixels too far right if read as pixel centres. So half a crop pixel is taken off, which MediaPipe
does not do: its own points are off by that much (2 pixels where a face is 700 pixels wide).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from facestudio.landmarks.detector import FaceCandidate, detect_faces, search_faces
from facestudio.landmarks.sessions import open_shipped
from facestudio.values import ARKIT_NAMES, ByteArray, DetectedFace, FloatArray, Landmarks, Photo

_SIZE: Final = 256
_MARGIN: Final = 1.5
_EYE_CORNERS: Final = (33, 263)  # outer corners: the sitter's right eye, left eye

# What the detector is less sure of must stand the test: the landmarker is sure of it in both looks, the second
# look hardly moves its points, and the detector's eyes lie where its eyes do. Faces move by 3 % of their size and
# agree within 11 % with few exceptions, other things by 3 to 20 % and 3 to 23 %.
_SURE_SCORE: Final = 0.8
_CREDIBLE_PRESENCE: Final = 0.9
_STEADY: Final = 0.04
_AGREE: Final = 0.12
_EYE_CENTRES: Final = (468, 473)

# A face seen from the front is looked at once: the detector's keypoints tell its region almost as well as a first look
# does (671 photos, 200 of them real: within 1.1 % of its side along the face, 3 % in size). Where the points found
# say that the region was elsewhere, and in faces turned aside, the landmarker looks again.
_FRONTAL: Final = 0.25  # nose from the middle of the eyes, of their distance
_DOWN: Final = (-0.015, 0.66, 0.32)  # of the region's side: constant, the eyes' height, from eyes to mouth
_LARGER: Final = 1.057
_NEAR: Final = (0.04, 0.1, 0.07)  # way of the centre (of the side), logarithm of the size, radians

MESH_SIGMA: Final = 0.02
"""Noise of a mesh point, one coordinate, in units of the distance between the outer eye corners."""

# Order of the expression model's outputs; it has _neutral and no tongueOut.
_MODEL_NAMES: Final = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight"),
    *("eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft"),
    *("eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight"),
    *("eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight"),
    *("mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower"),
    *("mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight"),
)

# The mesh points the expression model looks at.
_EXPRESSION_POINTS: Final = np.array(
    [
        *(
            0,
            1,
            4,
            5,
            6,
            7,
            8,
            10,
            13,
            14,
            17,
            21,
            33,
            37,
            39,
            40,
            46,
            52,
            53,
            54,
            55,
            58,
            61,
            63,
            65,
            66,
            67,
        ),
        *(70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146),
        *(148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181),
        *(185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293),
        *(295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361),
        *(362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398),
        *(400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477),
    ]
)


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
        scale = self.side / _SIZE
        c, s = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        half = _SIZE / 2
        return np.array([[c, -s, self.x - half * (c - s)], [s, c, self.y - half * (s + c)]])


def region_of_candidate(candidate: FaceCandidate) -> Region:
    """Return the square around a detected face: its box times 1.5, turned along the eyes."""
    box = candidate.box
    right, left = candidate.keypoints[:2]
    angle = math.atan2(left[1] - right[1], left[0] - right[0])
    side = _MARGIN * max(box.x1 - box.x0, box.y1 - box.y0)
    return Region((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, side, angle)


def _frontal_region(candidate: FaceCandidate) -> Region | None:
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


def _is_near(a: Region, b: Region) -> bool:
    """Whether two squares differ so little that the landmarker sees the same in both."""
    way = math.hypot(b.x - a.x, b.y - a.y) / a.side
    turn = abs(math.remainder(b.angle - a.angle, 2 * math.pi))
    return way < _NEAR[0] and abs(math.log(b.side / a.side)) < _NEAR[1] and turn < _NEAR[2]


def region_of_points(points: FloatArray) -> Region:
    """Return the square around a mesh, (478, 2) pixels: the extent along its eyes times 1.5."""
    right, left = points[list(_EYE_CORNERS)]
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
        (_SIZE, _SIZE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(crop, dtype=np.uint8)


def _mesh(pixels: ByteArray, region: Region) -> tuple[FloatArray, FloatArray, float]:
    """Run the landmarker on a region; points (478, 2) and z (478,) in image pixels, presence 0..1."""
    matrix = region.crop_to_image()
    crop = cut_region(pixels, region)
    output = open_shipped("face_landmarks").run(
        {"image": crop[None].astype(np.float32) / np.float32(255)}, ("landmarks", "presence")
    )
    local = output["landmarks"].reshape(478, 3).astype(np.float64)
    points = (local[:, :2] - 0.5) @ matrix[:, :2].T + matrix[:, 2]
    presence = 1 / (1 + math.exp(-float(output["presence"].reshape(-1)[0])))
    return points, local[:, 2] * (region.side / _SIZE), presence


def look(pixels: ByteArray, region: Region, *, refinements: int = 1) -> tuple[FloatArray, FloatArray, float]:
    """Run the landmarker on a region, and again on the region of what it found.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    region
        Where the face is.
    refinements
        How often to look again.

    Returns
    -------
    tuple
        Points (478, 2) and relative depth (478,), pixels; presence 0..1.

    Raises
    ------
    ModelError
        If the model or ONNX Runtime is missing.
    """
    points, z, presence = _mesh(pixels, region)
    for _ in range(refinements):
        points, z, presence = _mesh(pixels, region_of_points(points))
    return points, z, presence


def expression_of(points: FloatArray) -> FloatArray:
    """Return the 52 ARKit coefficients of a mesh.

    Parameters
    ----------
    points
        (478, 2) pixels; place and size of the face do not matter.

    Returns
    -------
    numpy.ndarray
        (52,) float64 0..1, in the order of `ARKIT_NAMES`; tongueOut is 0.
    """
    chosen = points[_EXPRESSION_POINTS][None].astype(np.float32)
    values = open_shipped("face_expression").run({"points": chosen})["coefficients"].reshape(-1)
    by_name = dict(zip(_MODEL_NAMES, values.tolist(), strict=True))
    return np.clip([by_name.get(name, 0.0) for name in ARKIT_NAMES], 0.0, 1.0)


def _same_face(a: FloatArray, b: FloatArray) -> bool:
    """Whether two meshes lie on one face: their mean distance is below a quarter of the eyes' distance."""
    eyes = np.linalg.norm(a[_EYE_CORNERS[0]] - a[_EYE_CORNERS[1]])
    return bool(np.linalg.norm(a - b, axis=1).mean() < 0.25 * eyes)


def _stands_the_test(photo: Photo, candidate: FaceCandidate, *, presence: float) -> bool:
    """Whether two looks of the landmarker confirm a candidate: so sure of it both times, and at the same place."""
    first, _, sure = _mesh(photo.pixels, region_of_candidate(candidate))
    if sure < presence:
        return False
    second, _, sure = _mesh(photo.pixels, region_of_points(first))
    box = candidate.box
    size = max(box.x1 - box.x0, box.y1 - box.y0)
    moved = float(np.linalg.norm(second - first, axis=1).mean()) / size
    apart = float(np.linalg.norm(candidate.keypoints[:2] - second[list(_EYE_CENTRES)], axis=1).mean()) / size
    return sure >= presence and moved < _STEADY and apart < _AGREE


def locate_face(photo: Photo, candidate: FaceCandidate, *, refinements: int | None = None) -> DetectedFace:
    """Locate the points of one detected face.

    Parameters
    ----------
    photo
        The photo.
    candidate
        Where the detector saw the face.
    refinements
        How often to look again at the square around the points just found. 0 is what MediaPipe does with a
        still picture; 1 is what it does from the second frame of a video on, None looks again where it helps.

    Returns
    -------
    DetectedFace
        Whatever its presence.

    Raises
    ------
    ModelError
        If a model or ONNX Runtime is missing.
    """
    frontal = None if refinements is not None else _frontal_region(candidate)
    if frontal is None:
        again = 1 if refinements is None else refinements
        points, z, presence = look(photo.pixels, region_of_candidate(candidate), refinements=again)
    else:
        points, z, presence = look(photo.pixels, frontal, refinements=0)
        if not _is_near(frontal, region := region_of_points(points)):
            points, z, presence = look(photo.pixels, region, refinements=0)
    eyes = float(np.linalg.norm(points[_EYE_CORNERS[0]] - points[_EYE_CORNERS[1]]))
    mesh = Landmarks.of("mesh478", points, sigma=MESH_SIGMA * eyes, method="mesh478")
    return DetectedFace(candidate.box, mesh, z, expression_of(points), presence)


def locate_faces(
    photo: Photo,
    *,
    max_faces: int | None = None,
    small_faces: bool = False,
    refinements: int | None = None,
    min_presence: float = 0.5,
    candidates: Sequence[FaceCandidate] | None = None,
) -> tuple[DetectedFace, ...]:
    """Locate the points of all faces of a photo.

    Parameters
    ----------
    photo
        The photo.
    max_faces
        Keep only so many, the largest.
    small_faces
        Look harder for small faces beside large ones; see `detect_faces`.
    refinements
        See `locate_face`.
    min_presence
        Faces of which the landmarker is less sure are dropped if the detector is not sure of them either, or sees them
        elsewhere; so are those that the detector is not sure of and that the landmarker, looking twice, does not
        confirm.
    candidates
        Where to look; by default what `search_faces` finds, which is asked until a face is there.

    Returns
    -------
    tuple of DetectedFace
        By the area of their boxes, the largest first; each face once. Empty: no face.

    Raises
    ------
    ModelError
        If a model or ONNX Runtime is missing.
    """
    if candidates is not None:
        looks = iter((tuple(candidates),))
    elif small_faces:
        looks = iter((detect_faces(photo, small_faces=True),))
    else:
        looks = search_faces(photo)
    for found in looks:
        faces: list[DetectedFace] = []
        for candidate in sorted(found, key=lambda c: c.box.area, reverse=True):
            if max_faces is not None and len(faces) >= max_faces:
                break
            sure = candidate.box.score >= _SURE_SCORE
            if not sure and not _stands_the_test(photo, candidate, presence=_CREDIBLE_PRESENCE):
                continue
            face = locate_face(photo, candidate, refinements=refinements)
            # The landmarker doubts faces turned far; where it sees what the detector is sure of, it need not be.
            if face.presence < min_presence and not (
                sure and _stands_the_test(photo, candidate, presence=0.0)
            ):
                continue
            if not any(_same_face(other.mesh.points, face.mesh.points) for other in faces):
                faces.append(face)
        if faces:
            return tuple(faces)
    return ()
