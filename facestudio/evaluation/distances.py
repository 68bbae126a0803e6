"""Selfies: heads of the same people from 15, 30, 45 and 60 centimetres, one beside the other."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from facestudio.database.model import DEFAULT_DATABASE, load_database
from facestudio.errors import UnreadableInputError
from facestudio.evaluation.surface_error import surface_error
from facestudio.geometry.camera import head_rotation
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.synthesis.studio import draw_head, head_atlas
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.values import Camera, FloatArray, Photo

DISTANCES_CM = (15, 30, 45, 60)
"""From the camera to the tip of the nose."""

_FACE_MM = 250.0
_SHARE = 0.7  # of the picture's height that so much takes, whatever the distance
_SIZE = 640
_NOSE_TIP = 30


@dataclass(frozen=True)
class DistancesResult:
    """How much heads of one person from several distances differ.

    Attributes
    ----------
    lens_known
        Whether the lens was told, as by EXIF.
    people
        How many.
    error_mm
        By distance, mean over the people of the median distance from the true face, similarity-aligned.
    mean_head_mm
        The same of the mean head.
    spread_mm
        Mean over the people, and the pairs of their four heads, of the median distance between the two faces.
    size_percent
        By distance: median error of the head's size.
    missed
        Photos without a located face.
    """

    lens_known: bool
    people: int
    error_mm: dict[int, float]
    mean_head_mm: float
    spread_mm: float
    size_percent: dict[int, float]
    missed: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def selfie_camera(distance_cm: float, head: FloatArray, rng: np.random.Generator) -> Camera:
    """Return a camera so far from a head's nose (68 points, mm) that fills the picture with its face all the same."""
    rotation = head_rotation(*np.radians(rng.normal(0, [6.0, 4.0, 3.0])))
    nose = head[_NOSE_TIP]
    depth = 10.0 * distance_cm
    middle = depth + (nose[2] - head[:17, 2].mean()) / 2  # of the face: what fills the picture
    focal = _SHARE * _SIZE * middle / _FACE_MM
    centre = (_SIZE - 1) / 2
    shift = np.array([0.0, 0.0, depth]) - rotation @ nose
    return Camera(focal, focal, centre, centre, rotation, shift, (_SIZE, _SIZE), "given")


def evaluate_distances(
    count: int = 20,
    seed: int = 3,
    name: str = DEFAULT_DATABASE,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[DistancesResult, DistancesResult]:
    """Draw people from four distances, everything else the same, and reconstruct each photo.

    Parameters
    ----------
    count
        How many people; they are left out of the database.
    seed
        Of skins, poses and light.
    name
        The database.
    say
        Called with a line of progress.

    Returns
    -------
    tuple
        With the lens told, and without.

    Raises
    ------
    UnreadableInputError
        If no one's face was found from all distances.
    """
    database, template, surface = load_database(name), load_template(), topology(1)
    rows = sorted(range(len(database)), key=lambda i: (database.splits[i] == "train", i))[:count]
    heads: dict[bool, list[dict[int, FloatArray]]] = {True: [], False: []}
    truths: list[FloatArray] = []
    missed = 0
    for number, row in enumerate(rows):
        truth = database.vertices(row)
        without = database.without(database.ids[row])
        skin = database.skins[row]
        atlas = head_atlas(template, truth, skin, np.array([90.0, 70.0, 50.0]), 768)
        found: dict[bool, dict[int, FloatArray]] = {True: {}, False: {}}
        for distance in DISTANCES_CM:
            rng = np.random.default_rng([seed, row])  # the same pose and light for all
            camera = selfie_camera(distance, template.ibug68.points(truth), rng)
            picture = draw_head(surface, truth, atlas, camera, tilt=float(rng.uniform(-1, 1)))
            photo = Photo(picture, name=f"{distance} cm")
            faces = locate_faces(photo, max_faces=1)
            if not faces:
                missed += 1
                continue
            landmarks = locate_landmarks(photo, faces[0])
            located = Located(faces[0], landmarks, landmarks)
            # The fit's matrices are small: BLAS threads only wait for each other.
            with threadpool_limits(limits=1, user_api="blas"):
                for known in (True, False):
                    problem = ShapeProblem(photo, located, without, template, camera.fx if known else None)
                    fit, similar = problem.retrieve(landmarks, frozenset(), lambda: None)
                    shape = problem.solve(landmarks, fit, similar, "default", lambda: None)
                    found[known][distance] = shape.vertices
        if len(found[True]) == len(DISTANCES_CM):
            truths.append(truth)
            for known, own in found.items():
                heads[known].append(own)
        say(f"{number + 1} of {len(rows)}")
    if not truths:
        raise UnreadableInputError("No face was found in the drawn photos")
    base = [surface_error(template, database.mean_head(), truth).median for truth in truths]

    def result(known: bool) -> DistancesResult:
        errors = {
            d: [
                surface_error(template, own[d], truth)
                for own, truth in zip(heads[known], truths, strict=True)
            ]
            for d in DISTANCES_CM
        }
        pairs = [
            surface_error(template, own[a], own[b]).median
            for own in heads[known]
            for a, b in combinations(DISTANCES_CM, 2)
        ]
        return DistancesResult(
            known,
            len(truths),
            {d: statistics.fmean(one.median for one in own) for d, own in errors.items()},
            statistics.fmean(base),
            statistics.fmean(pairs),
            {d: 100 * statistics.median(abs(one.size - 1) for one in own) for d, own in errors.items()},
            missed,
        )

    return result(True), result(False)
