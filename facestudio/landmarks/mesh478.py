"""Locates the 478 points of a face: MediaPipe's face landmarker run with ONNX Runtime.

Frames: the network counts the pixels of its crop (`region`) from their corners: over 87 photos and their mirror images
its points lie 0.45 crop pixels too far right if read as pixel centres. So half a crop pixel is taken off, which
MediaPipe does not do: its own points are off by that much (2 pixels where a face is 700 pixels wide).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from facestudio.landmarks.detector import FaceCandidate, detect_faces, search_faces
from facestudio.landmarks.landmarker import look_at
from facestudio.landmarks.region import (
    CROP_SIZE,
    EYE_CORNERS,
    Region,
    frontal_region,
    is_near,
    region_of_candidate,
    region_of_points,
)
from facestudio.landmarks.sessions import open_shipped
from facestudio.values import ARKIT_NAMES, ByteArray, DetectedFace, FloatArray, Landmarks, Photo

# What the detector is less sure of must stand the test: the landmarker is sure of it in both looks, the second
# look hardly moves its points, and the detector's eyes lie where its eyes do. Faces move by 3 % of their size and
# agree within 11 % with few exceptions, other things by 3 to 20 % and 3 to 23 %.
_SURE_SCORE: Final = 0.8
_CREDIBLE_PRESENCE: Final = 0.9
_STEADY: Final = 0.04
_AGREE: Final = 0.12
_EYE_CENTRES: Final = (468, 473)

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


@dataclass(frozen=True, eq=False)
class MeshLook:
    """Where the landmarker sees the mesh.

    Attributes
    ----------
    points
        (478, 2) float64 pixels, image frame.
    z
        (478,) float64 pixels: relative depth.
    presence
        0..1.
    region
        What it looked at.
    """

    points: FloatArray
    z: FloatArray
    presence: float
    region: Region


def look(pixels: ByteArray, region: Region, *, refinements: int = 0) -> MeshLook:
    """Run the landmarker on a region, and again on the region of what it found.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8 RGB.
    region
        Where the face is.
    refinements
        How often to look again.

    Raises
    ------
    ModelError
        If the model or ONNX Runtime is missing.
    """
    seen = look_at(pixels, region)
    matrix = region.crop_to_image()
    local = seen.points.astype(np.float64)
    points = (local[:, :2] - 0.5) @ matrix[:, :2].T + matrix[:, 2]
    if refinements > 0:
        return look(pixels, region_of_points(points), refinements=refinements - 1)
    return MeshLook(points, local[:, 2] * (region.side / CROP_SIZE), seen.presence, region)


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
    eyes = np.linalg.norm(a[EYE_CORNERS[0]] - a[EYE_CORNERS[1]])
    return bool(np.linalg.norm(a - b, axis=1).mean() < 0.25 * eyes)


def _stands_the_test(photo: Photo, candidate: FaceCandidate, *, presence: float) -> bool:
    """Whether two looks of the landmarker confirm a candidate: so sure of it both times, and at the same place."""
    first = look(photo.pixels, region_of_candidate(candidate))
    if first.presence < presence:
        return False
    second = look(photo.pixels, region_of_points(first.points))
    box = candidate.box
    size = max(box.x1 - box.x0, box.y1 - box.y0)
    moved = float(np.linalg.norm(second.points - first.points, axis=1).mean()) / size
    eyes = second.points[list(_EYE_CENTRES)]
    apart = float(np.linalg.norm(candidate.keypoints[:2] - eyes, axis=1).mean()) / size
    return second.presence >= presence and moved < _STEADY and apart < _AGREE


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
    frontal = None if refinements is not None else frontal_region(candidate)
    if frontal is None:
        again = 1 if refinements is None else refinements
        seen = look(photo.pixels, region_of_candidate(candidate), refinements=again)
    else:
        seen = look(photo.pixels, frontal)
        if not is_near(frontal, region := region_of_points(seen.points)):
            seen = look(photo.pixels, region)
    points = seen.points
    eyes = float(np.linalg.norm(points[EYE_CORNERS[0]] - points[EYE_CORNERS[1]]))
    mesh = Landmarks.of("mesh478", points, sigma=MESH_SIGMA * eyes, method="mesh478")
    where = (seen.region.x, seen.region.y, seen.region.side, seen.region.angle)
    return DetectedFace(candidate.box, mesh, seen.z, expression_of(points), seen.presence, where)


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
