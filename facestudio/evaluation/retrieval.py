"""How near the similar heads are: to people that no head of the database is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from facestudio.database.model import DEFAULT_DATABASE, HeadDatabase, load_database
from facestudio.database.shape_model import load_shape_model
from facestudio.errors import NoFaceError, UnreadableInputError
from facestudio.evaluation.gain import gain_over
from facestudio.evaluation.surface_error import face_region
from facestudio.fitting.noise import independent_noise
from facestudio.fitting.observed_prior import carried_over
from facestudio.fitting.observer import load_observer
from facestudio.geometry.camera import project
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import to_ibug68
from facestudio.photo import load_photo
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.retrieval.gallery import aligned_to, face_gallery
from facestudio.retrieval.similar_heads import COUNT, similar_heads
from facestudio.synthesis.truth import read_truth
from facestudio.template.model import Template, load_template
from facestudio.values import DetectedFace, FloatArray, Photo, SimilarHead

MEAN = "mean of all heads"


@dataclass(frozen=True)
class RetrievalResult:
    """How near the statistical model of one way of retrieval comes.

    Attributes
    ----------
    way
        How the heads were found.
    mean_mm
        Mean distance of the face's vertices from the true ones after similarity alignment, mean over the photos.
    gain, low, high
        How much nearer than the mean of all heads (a share), and its interval of 95 % confidence (bootstrap).
    """

    way: str
    mean_mm: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class RetrievalReport:
    """What was measured, and on how many photos."""

    photos: int
    results: tuple[RetrievalResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


class _Faces:
    """The database's faces, aligned once, for measuring."""

    def __init__(self, database: HeadDatabase, template: Template) -> None:
        self.database, self._region = database, face_region(template)
        self.gallery = face_gallery(database, template)
        self.mean = database.mean_head()[self._region]
        heads = (database.vertices(i)[self._region] for i in range(len(database)))
        self.heads = np.stack([aligned_to(self.mean, head) for head in heads])
        self._mesh = template.mesh478

    def off(self, face: FloatArray, truth: FloatArray) -> float:
        """Return the mean distance of a face's vertices from those of a true head (V, 3), mm."""
        true = truth[self._region]
        return float(np.linalg.norm(aligned_to(true, face) - true, axis=1).mean())

    def nearest(self, truth: FloatArray) -> FloatArray:
        """Return the mean of the ten heads nearest to a true head: what a perfect ranking gives."""
        aligned = aligned_to(self.mean, truth[self._region])
        order = np.argsort(((self.heads - aligned) ** 2).sum(axis=(1, 2)))[:COUNT]
        return self.heads[order].mean(axis=0)

    def together(self, head: FloatArray) -> FloatArray:
        """Return the weighted mean of the heads retrieved for an estimated head (V, 3)."""
        return self.mean_of(similar_heads(self.database, self.gallery, self._mesh.points(head)))

    def mean_of(self, found: tuple[SimilarHead, ...]) -> FloatArray:
        """Return the weighted mean of retrieved heads."""
        rows = [self.database.index(one.id) for one in found]
        return np.average(self.heads[rows], axis=0, weights=[one.weight for one in found])


def evaluate_retrieval(
    folder: Path,
    count: int = 120,
    name: str = DEFAULT_DATABASE,
    largest_yaw: float = 30.0,
    seed: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> RetrievalReport:
    """Measure how near the mean of the ten similar heads comes to the people of synthetic photos.

    Parameters
    ----------
    folder
        From `facestudio synthesize --held-out`.
    count
        How many photos at most.
    name
        The database.
    largest_yaw
        Photos of heads turned farther are left out, degrees; so are those in which something covers the face.
    seed
        Of the bootstrap.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If there is no usable photo.
    """
    database, template = load_database(name), load_template()
    faces = _Faces(database, template)
    rows: list[dict[str, float]] = []
    for file in sorted(folder.rglob("*.npz")):
        truth = read_truth(file)
        if abs(truth.notes["yaw"]) > largest_yaw or truth.notes["occluder"]:
            continue
        if len(rows) == count:
            break
        photo = load_photo(file.with_suffix(".jpg"))
        found = locate_faces(photo, max_faces=1)
        if not found:
            continue
        pixels, _ = project(truth.camera, template.mesh478.points(truth.vertices))
        true_face = replace(found[0], mesh=replace(found[0].mesh, points=pixels))
        try:
            with threadpool_limits(limits=1, user_api="blas"):
                heads = _estimates(photo, found[0], true_face, truth.camera.fx, database, template)
                retrieved = _retrieved(photo, found[0], database, template)
        except NoFaceError:
            continue
        row = {MEAN: faces.off(faces.mean, truth.neutral)}
        row["oracle: the nearest ten"] = faces.off(faces.nearest(truth.neutral), truth.neutral)
        row["oracle: chosen together"] = faces.off(faces.together(truth.neutral), truth.neutral)
        row |= {way: faces.off(faces.together(head), truth.neutral) for way, head in heads.items()}
        row["default"] = faces.off(faces.mean_of(retrieved), truth.neutral)
        rows.append(row)
        say(f"{len(rows)}: " + ", ".join(f"{way} {off:.2f}" for way, off in row.items()) + " mm")
    if not rows:
        raise UnreadableInputError(f"{folder} holds no synthetic photos with a face")
    return RetrievalReport(len(rows), _results(rows, seed))


def _estimates(
    photo: Photo,
    face: DetectedFace,
    true_face: DetectedFace,
    true_focal: float,
    database: HeadDatabase,
    template: Template,
) -> dict[str, FloatArray]:
    """Return the head (V, 3) mm that each way of retrieval compares with the database's."""

    def fitted(seen: DetectedFace, *, exact: bool) -> FloatArray:
        landmarks = to_ibug68(seen.mesh) if exact else locate_landmarks(photo, seen)
        noise = independent_noise(478, 0.15) if exact else None
        focal = true_focal if exact else None
        located = Located(seen, landmarks, landmarks)
        problem = ShapeProblem(photo, located, database, template, focal, noise, observing=False)
        return database.shape(problem.first_fit(lambda: None).identity)

    observed = load_observer().observe(photo.pixels, face.mesh.points)
    return {
        "true points": fitted(true_face, exact=True),
        "located points": fitted(face, exact=False),
        "shape observer": database.shape(carried_over(observed, load_shape_model(), database).identity),
    }


def _retrieved(
    photo: Photo, face: DetectedFace, database: HeadDatabase, template: Template
) -> tuple[SimilarHead, ...]:
    """Return the heads that `facestudio reconstruct` would use: scored by shape and looks."""
    landmarks = locate_landmarks(photo, face)
    problem = ShapeProblem(photo, Located(face, landmarks, landmarks), database, template, None)
    return problem.retrieve(landmarks, frozenset(), lambda: None)[1]


def _results(rows: list[dict[str, float]], seed: int) -> tuple[RetrievalResult, ...]:
    base = np.array([row[MEAN] for row in rows])
    out: list[RetrievalResult] = []
    for way in rows[0]:
        own = np.array([row[way] for row in rows])
        gain = gain_over(base, own, seed)
        out.append(RetrievalResult(way, float(own.mean()), gain.share, gain.low, gain.high))
    return tuple(out)
