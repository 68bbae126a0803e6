"""Learns where people put the 68 points, from real photos in which they are located, against the template's."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.database.model import HeadDatabase
from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.fitting.evidence import pixels_per_mm
from facestudio.geometry.camera import project
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import load_scheme, to_ibug68
from facestudio.photo import load_photo
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.template.convention import CONVENTION_FORMAT
from facestudio.template.model import Template
from facestudio.values import FloatArray

_FEWEST = 10
_TURNED = 15.0  # degrees: photos turned more are left out
_PHOTOS = (".jpg", ".jpeg", ".png")


def learn_convention(
    folders: Sequence[Path],
    database: HeadDatabase,
    template: Template,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[FloatArray, int]:
    """Return people's points minus the template's, (68, 3) mm, head space, and of how many photos that is the mean.

    The head is fitted to the mesh alone. What its points are from the located landmarks in all photos, is the
    convention: left and right alike, in the plane that the camera sees.

    Parameters
    ----------
    folders
        Real photos of calm faces from the front, one person in each; subfolders are searched.
    database, template
        Of the fits.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If there are fewer than ten usable photos.
    """
    files = sorted(
        f for folder in folders for f in folder.rglob("*") if f.is_file() and f.suffix.lower() in _PHOTOS
    )
    found: list[FloatArray] = []
    for number, file in enumerate(files):
        offset = _offset(file, database, template)
        if offset is not None:
            found.append(offset)
        say(f"{number + 1} of {len(files)} photos")
    if len(found) < _FEWEST:
        raise UnreadableInputError(f"There are {len(found)} usable photos: {_FEWEST} are needed")
    mean = np.mean(found, axis=0)
    mirror = np.asarray(load_scheme("ibug68").mirror)
    return (mean + mean[mirror] * [-1.0, 1.0, 1.0]) / 2, len(found)


def _offset(file: Path, database: HeadDatabase, template: Template) -> FloatArray | None:
    try:
        photo = load_photo(file)
    except FacestudioError:
        return None
    faces = locate_faces(photo, max_faces=1)
    if not faces:
        return None
    mesh = to_ibug68(faces[0].mesh)
    fit = ShapeProblem(photo, Located(faces[0], mesh, mesh), database, template, None).first_fit(lambda: None)
    landmarks = locate_landmarks(photo, faces[0])
    # The camera looks along its third axis: how far it is from the head's own is the turn.
    if fit.camera.rotation[2, 2] > -np.cos(np.radians(_TURNED)) or landmarks.drawn > 0.5:
        return None
    places = template.ibug68.points(database.shape(fit.identity))
    posed = places + np.tensordot(
        fit.expression, template.ibug68.points(template.expression_deltas.astype(np.float64)), axes=1
    )
    off = (landmarks.points - project(fit.camera, posed)[0]) / pixels_per_mm(fit.camera)
    return np.column_stack([off, np.zeros(len(off))]) @ fit.camera.rotation


def convention_arrays(offsets: FloatArray, photos: int) -> dict[str, NDArray[Any]]:
    """Return what the file holds (docs/formats/landmark-convention.md)."""
    meta = {
        "format": CONVENTION_FORMAT,
        "scheme": "ibug68",
        "licence": "Apache-2.0",
        "source": f"facestudio train convention on {photos} photos",
    }
    return {"meta": np.array(json.dumps(meta, sort_keys=True)), "offsets": offsets.astype(np.float32)}
