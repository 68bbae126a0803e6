"""What is known about a synthetic photo, its landmarks, and the file that holds it."""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from facestudio.database.archive import save_arrays
from facestudio.errors import UnreadableInputError
from facestudio.geometry.camera import head_angles, project
from facestudio.render.photo_scene import PhotoLight
from facestudio.synthesis.labels import Label
from facestudio.template.model import JAW_POINTS, JAW_STEPS, Template
from facestudio.values import ByteArray, Camera, Float32Array, FloatArray, read_only

TRUTH_FORMAT: Final = 1
SEEN, BEHIND_HEAD, COVERED, OUTSIDE = range(4)
"""Visibility of a point: seen; hidden by the head itself; by hair or a thing; outside the picture."""

_STEP_MM = 0.01  # vertices are whole numbers of these
_NEAR_MM = 2.5  # a point this little behind what is seen at its pixel is seen
_OF_HEAD = (Label.SKIN, Label.BROWS, Label.LIPS, Label.EYES, Label.MOUTH)


@dataclass(frozen=True, eq=False)
class Truth:
    """All that is known of a synthetic photo.

    Attributes
    ----------
    camera
        The camera; its image_size is the photo's.
    neutral, vertices
        (V, 3) float64 mm, head space: without and with the expression (and the turned eyes).
    identity
        (K,) float64 coefficients in the database that `notes` names.
    expression
        (52,) float64 weights 0..1, ARKit's order.
    gaze
        (2, 2) float64 rad: left and right eye, to the head's left and up.
    ibug68
        (68, 2) float64 px. Points 0 to 16 lie on the outline of the face as the camera sees it, as annotators put
        them.
    ibug68_visibility
        (68,) uint8: see SEEN.
    jaw_anchored
        (17, 2) float64 px: points 0 to 16 where the template's map has them, wherever the camera is.
    mesh478
        (478, 2) float64 px.
    mesh478_visibility
        (478,) uint8.
    light
        What lit it.
    notes
        Everything else: seed, index, population, head_id, database, names of cut, beard, clothes, glasses, hat,
        occluder, background, light, expression; iris_mm, lens_mm, distance_mm, yaw, pitch, roll (degrees), finish.
    """

    camera: Camera
    neutral: FloatArray
    vertices: FloatArray
    identity: FloatArray
    expression: FloatArray
    gaze: FloatArray
    ibug68: FloatArray
    ibug68_visibility: ByteArray
    jaw_anchored: FloatArray
    mesh478: FloatArray
    mesh478_visibility: ByteArray
    light: PhotoLight
    notes: dict[str, Any]


@dataclass(frozen=True, eq=False)
class SyntheticPhoto:
    """A drawn photo: `image` (S, S, 3) uint8 RGB before JPEG, `labels` (S, S) uint8, JPEG `quality`, truth."""

    image: ByteArray
    labels: ByteArray
    quality: int
    truth: Truth

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", read_only(self.image, np.uint8))
        object.__setattr__(self, "labels", read_only(self.labels, np.uint8))


def rounded(vertices: FloatArray) -> FloatArray:
    """Return vertices (V, 3) mm as the truth's file can hold them exactly."""
    return np.rint(vertices / _STEP_MM) * _STEP_MM


def visibility(points: FloatArray, camera: Camera, depth: Float32Array, labels: ByteArray) -> ByteArray:
    """Tell for points (N, 3) mm whether the picture shows them, (N,) uint8: see SEEN.

    Parameters
    ----------
    points
        Head space.
    camera
        The camera.
    depth, labels
        (H, W): what each pixel shows, as in PhotoLayers.
    """
    pixels, z = project(camera, points)
    height, width = labels.shape
    ok = (z > 0) & np.isfinite(pixels).all(axis=1)
    pixels = np.where(ok[:, None], pixels, -9.0)
    inside = ok & (pixels > -0.5).all(axis=1) & (pixels < (width - 0.5, height - 0.5)).all(axis=1)
    x = np.clip(np.rint(pixels[:, 0]), 0, width - 1).astype(int)
    y = np.clip(np.rint(pixels[:, 1]), 0, height - 1).astype(int)
    # At an outline the point's own pixel may just miss the head: its neighbours count too.
    farthest = np.full(len(points), -np.inf)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            beside = depth[np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
            farthest = np.maximum(farthest, beside)
    covered = depth[y, x] < z - _NEAR_MM
    seen = inside & ((z <= farthest + _NEAR_MM) & ~(covered & ~np.isin(labels[y, x], _OF_HEAD)))
    by_head = np.isin(labels[y, x], _OF_HEAD)
    return np.where(~inside, OUTSIDE, np.where(seen, SEEN, np.where(by_head, BEHIND_HEAD, COVERED))).astype(
        np.uint8
    )


def ibug68_points(template: Template, posed: FloatArray, camera: Camera) -> tuple[FloatArray, FloatArray]:
    """Return the 68 points (68, 3) mm with the jaw on the seen outline, and the jaw where its map has it (17, 3)."""
    points = template.ibug68.points(posed).copy()
    anchored = points[:JAW_POINTS].copy()
    lines = template.jaw_lines.points(posed).reshape(JAW_POINTS, JAW_STEPS, 3)
    pixels, _ = project(camera, lines.reshape(-1, 3))
    roll = head_angles(camera.rotation)[2]
    across = (pixels @ (np.cos(roll), np.sin(roll))).reshape(JAW_POINTS, JAW_STEPS)
    middle = JAW_STEPS // 2
    for number in range(JAW_POINTS):
        side = np.sign(number - JAW_POINTS // 2)  # the sitter's right is on the left of the picture
        if side != 0:
            # Only the side that turns away slides: towards the front, where the face ends for the camera.
            chosen = int(np.argmax(side * across[number, : middle + 1]))
            points[number] = lines[number, chosen]
    return points, anchored


def write_truth(path: Path, truth: Truth) -> None:
    """Write the truth of a photo (docs/formats/synthetic-photos.md); the same truth gives the same bytes.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    save_arrays(path, _arrays(truth))


def _arrays(truth: Truth) -> dict[str, Any]:
    camera, light = truth.camera, truth.light
    meta = {
        "format": TRUTH_FORMAT,
        "image_size": list(camera.image_size),
        "exposure": light.exposure,
        "softness": light.softness,
        **truth.notes,
    }
    return {
        "meta": np.array(json.dumps(meta, sort_keys=True)),
        "intrinsics": np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        "rotation": camera.rotation,
        "translation_mm": camera.translation_mm,
        "neutral": np.rint(truth.neutral / _STEP_MM).astype(np.int16),
        "vertices": np.rint(truth.vertices / _STEP_MM).astype(np.int16),
        "identity": truth.identity,
        "expression": truth.expression,
        "gaze": truth.gaze,
        "ibug68": truth.ibug68,
        "ibug68_visibility": truth.ibug68_visibility,
        "jaw_anchored": truth.jaw_anchored,
        "mesh478": truth.mesh478,
        "mesh478_visibility": truth.mesh478_visibility,
        "light_harmonics": light.harmonics,
        "light_directions": light.directions,
        "light_colours": light.colours,
        "light_up": light.up,
    }


def read_truth(path: Path) -> Truth:
    """Read the truth of a photo.

    Raises
    ------
    UnreadableInputError
        If the file is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(io.BytesIO(file.read()), allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta.pop("format") > TRUTH_FORMAT:
                raise UnreadableInputError(f"{path.name} was written by a newer facestudio")
            fx, fy, cx, cy = (float(v) for v in data["intrinsics"])
            width, height = meta.pop("image_size")
            light = PhotoLight(
                harmonics=data["light_harmonics"],
                directions=data["light_directions"],
                colours=data["light_colours"],
                up=data["light_up"],
                softness=meta.pop("softness"),
                exposure=meta.pop("exposure"),
            )
            return Truth(
                camera=Camera(
                    fx, fy, cx, cy, data["rotation"], data["translation_mm"], (width, height), "given"
                ),
                neutral=data["neutral"] * _STEP_MM,
                vertices=data["vertices"] * _STEP_MM,
                identity=data["identity"],
                expression=data["expression"],
                gaze=data["gaze"],
                ibug68=data["ibug68"],
                ibug68_visibility=data["ibug68_visibility"],
                jaw_anchored=data["jaw_anchored"],
                mesh478=data["mesh478"],
                mesh478_visibility=data["mesh478_visibility"],
                light=light,
                notes=meta,
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableInputError(f"{path} is not the truth of a synthetic photo: {error}") from error
