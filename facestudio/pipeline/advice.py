"""Advice before work: what about a photo will limit the head made of it, and what would help.

Everything is measured on the face, scaled to one size, so that neither the photo's size nor its background counts.
The thresholds are those of docs/app.md ("Advice").
"""

import cv2
import numpy as np

from facestudio.errors import ModelError
from facestudio.geometry.camera import head_angles
from facestudio.pipeline.lens import DIAGONAL_35MM
from facestudio.texture.glasses import find_glasses
from facestudio.texture.regions import FACE_OVAL
from facestudio.texture.segmenter import Part, photo_parts
from facestudio.values import (
    Advice,
    BoolArray,
    ByteArray,
    Camera,
    DetectedFace,
    Float32Array,
    FloatArray,
    Photo,
)

_EYE_CORNERS = (33, 263)  # outer, in mesh478
_CHIP = 192  # pixels; half of it lies between the outer eye corners
_YAW, _PITCH = 20.0, 14.0  # degrees; the fit finds a pitch smaller than it is
_SMALL, _TINY = 85.0, 55.0  # pixels between the outer eye corners
_DARK, _BRIGHT = 40.0, 214.0  # median of the face's brightness, 0..255
_BURNT = 0.05  # share of the face that is as bright as can be
_ONE_SIDED = 2.5  # brighter half over darker half, linear light
_NEAR_MM = 480.0  # the fit takes heads of 42 cm to be that far away
_BLURRED = 0.11


def advise(
    photo: Photo,
    faces: tuple[DetectedFace, ...],
    face: DetectedFace | None,
    camera: Camera,
    vertices: FloatArray,
    number: int,
) -> tuple[Advice, ...]:
    """Say what about a photo will limit its head.

    Parameters
    ----------
    photo
        The photo.
    faces, face, number
        All faces found, the one in use (None if points were given and no face was found), and its number from 1.
    camera, vertices
        As fitted; (V, 3) mm, as posed.

    Returns
    -------
    tuple
        What weighs most first; empty if nothing is to be said.
    """
    found = [*_view(camera), *_lens(camera)]
    if len(faces) > 1:
        found.append(
            Advice(
                "faces",
                f"{len(faces)} faces",
                f"{len(faces)} faces found; number {number} was used (1 is the largest)",
                "Click another face in the app, or --face N on the command line.",
            )
        )
    if face is None:
        found.append(
            Advice(
                "face",
                "No face",
                "No face was found where the points are",
                "The head rests on the 68 points alone.",
            )
        )
    else:
        found += _picture(photo, face, camera, vertices)
    return tuple(sorted(found, key=lambda advice: _ORDER.index(advice.topic)))


_ORDER = (
    *(
        "face",
        "small",
        "blurred",
        "dark",
        "bright",
        "turned",
        "tilted",
        "glasses",
        "hat",
        "one-sided",
        "near",
    ),
    *("faces", "lens"),
)


def _view(camera: Camera) -> list[Advice]:
    yaw, pitch, _ = np.degrees(head_angles(camera.rotation))
    found: list[Advice] = []
    if abs(yaw) >= _YAW:
        found.append(
            Advice(
                "turned",
                f"Turned {abs(yaw):.0f}°",
                f"The head is turned {abs(yaw):.0f}° to its left: the far side is guessed from the near one"
                if yaw > 0
                else f"The head is turned {abs(yaw):.0f}° to its right: the far side is guessed from the near one",
                "Add a photo from the front, or from the other side.",
            )
        )
    if abs(pitch) >= _PITCH:
        found.append(
            Advice(
                "tilted",
                "Looks down" if pitch > 0 else "Looks up",
                f"The head looks {abs(pitch):.0f}° down: lengths of nose and chin are less sure"
                if pitch > 0
                else f"The head looks {abs(pitch):.0f}° up: lengths of nose and chin are less sure",
                "Add a photo at eye level.",
            )
        )
    return found


def _lens(camera: Camera) -> list[Advice]:
    found: list[Advice] = []
    distance = float(camera.translation_mm[2])
    if distance < _NEAR_MM:
        found.append(
            Advice(
                "near",
                f"From {distance / 10:.0f} cm",
                f"Taken from {distance / 10:.0f} cm: so near, noses look large and ears small",
                "If the nose is not right, move the lens slider; a photo from 1 m or more is better.",
            )
        )
    if camera.focal_source == "estimated":
        lens = camera.fx / float(np.hypot(*camera.image_size)) * DIAGONAL_35MM
        found.append(
            Advice(
                "lens",
                "Lens unknown",
                f"The photo does not say its focal length; {lens:.0f} mm (35 mm equivalent) was estimated from "
                "the face",
                "The original file from the camera says it; or set it with the lens slider.",
            )
        )
    return found


def _picture(photo: Photo, face: DetectedFace, camera: Camera, vertices: FloatArray) -> list[Advice]:
    mesh = face.mesh.points
    eyes = float(np.linalg.norm(mesh[_EYE_CORNERS[0]] - mesh[_EYE_CORNERS[1]]))
    found: list[Advice] = []
    if eyes < _SMALL:
        # Outer eye corners are about 0.6 of a face's width apart.
        found.append(
            Advice(
                "small",
                "Face small",
                f"The face is only about {eyes / 0.6:.0f} pixels wide. The texture will be very coarse"
                if eyes < _TINY
                else f"The face is only about {eyes / 0.6:.0f} pixels wide. The texture will be soft",
                "A larger or less reduced copy of the photo.",
            )
        )
    chip, inside, half = _chip(photo.pixels, mesh)
    if not ((inside & (half == 0)).any() and (inside & (half == 1)).any()):
        return found  # a face of a few pixels: there is nothing to measure
    grey = chip @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    skin = grey[inside]
    middle = float(np.median(skin))
    if sharpness(chip, inside) < _BLURRED and eyes >= _TINY:
        found.append(
            Advice(
                "blurred",
                "Blurred",
                "The face is blurred",
                "A sharper photo: fine lines and pores are not in it.",
            )
        )
    if middle < _DARK:
        found.append(
            Advice("dark", "Dark", "The face is dark", "A brighter photo: colours out of the dark are noisy.")
        )
    if middle > _BRIGHT or float((chip[inside].max(axis=1) >= 253).mean()) > _BURNT:
        found.append(
            Advice(
                "bright",
                "Burnt out",
                "Parts of the face are burnt out",
                "A darker photo, or paint over them with the brush.",
            )
        )
    sides = [float(np.median((grey[inside & (half == side)] / 255) ** 2.2)) for side in (0, 1)]
    if max(sides) > _ONE_SIDED * max(min(sides), 1e-3):
        found.append(
            Advice(
                "one-sided",
                "Lit from one side",
                "The light comes from one side",
                "The texture evens it out as well as it can; soft light from the front is best.",
            )
        )
    if brow_covered(photo.pixels, mesh, camera) > _HAT:
        found.append(
            Advice(
                "hat",
                "Hat?",
                "A hat or a band? What is under it is not seen: hair and skull there are made up",
                "A photo without it.",
            )
        )
    if _glasses_worn(photo.pixels, camera, vertices):
        found.append(
            Advice(
                "glasses",
                "Glasses?",
                "Glasses? Their frames are left out of the texture where they are recognised",
                "A photo without them, or paint over them with the brush.",
            )
        )
    return found


def _chip(pixels: ByteArray, mesh: FloatArray) -> tuple[Float32Array, BoolArray, ByteArray]:
    """Return the face upright with its eye corners `_CHIP` / 2 apart, which pixels are face, and which half.

    Never enlarged: a small face gives a small chip.
    """
    right, left = mesh[_EYE_CORNERS[0]], mesh[_EYE_CORNERS[1]]
    eyes = float(np.linalg.norm(left - right))
    scale = min(1.0, 0.5 * _CHIP / max(eyes, 1.0))
    along = (left - right) / max(eyes, 1e-6)
    turn = scale * np.array([[along[0], along[1]], [-along[1], along[0]]])
    size = max(16, round(1.8 * eyes * scale))
    middle = mesh.mean(axis=0)
    shift = np.array([size / 2, size / 2]) - turn @ middle
    source = pixels
    if scale < 1:
        # What is shrunk is smoothed first, on the part that is needed.
        source = cv2.GaussianBlur(pixels, (0, 0), 0.35 / scale) if scale < 0.7 else pixels
    chip = cv2.warpAffine(
        source,
        np.column_stack([turn, shift]),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    outline = mesh[list(FACE_OVAL)] @ turn.T + shift
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
    mask = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, size // 24))
    half = np.repeat((np.arange(size)[None, :] > size / 2).astype(np.uint8), size, axis=0)
    return np.asarray(chip, dtype=np.float32), mask > 0, half


def sharpness(chip: Float32Array, inside: BoolArray) -> float:
    """Return how much of a face's structure is fine, 0..1: strength of the finest octave over that of four.

    Parameters
    ----------
    chip
        (S, S, 3) 0..255, the face.
    inside
        (S, S) bool: where the face is.
    """
    grey = chip @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    strength: list[float] = []
    for _ in range(4):
        if min(grey.shape) < 8 or not inside.any():
            break
        smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
        strength.append(float((grey - smooth)[inside].std()))
        grey = np.asarray(smooth[::2, ::2], dtype=np.float32)
        inside = inside[::2, ::2]
    return strength[0] / max(sum(strength), 1e-6) if strength else 1.0


def _glasses_worn(pixels: ByteArray, camera: Camera, vertices: FloatArray) -> bool:
    try:
        return find_glasses(pixels, camera, vertices).worn
    except ModelError:  # the texture does without
        return False


_HAT = 0.2  # of the segmenter's "cover" (docs/app.md)


def brow_covered(pixels: ByteArray, mesh: FloatArray, camera: Camera) -> float:
    """Return how much of the forehead is covered, 0..1.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8.
    mesh
        (478, 2) px.
    camera
        As fitted.
    """
    right, left = mesh[_EYE_CORNERS[0]], mesh[_EYE_CORNERS[1]]
    eyes = float(np.linalg.norm(left - right))
    if eyes < 1.0:
        return 0.0
    try:
        parts = photo_parts(pixels, camera)
    except ModelError:  # the texture needs it and says so
        return 0.0
    across = (left - right) / eyes
    down = np.array([-across[1], across[0]])

    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 32), np.linspace(-0.75, -0.35, 14))
    at = (left + right) / 2 + eyes * (x[..., None] * across + y[..., None] * down)
    return float(parts.at(at.reshape(-1, 2).astype(np.float32))[:, Part.COVER].mean())
