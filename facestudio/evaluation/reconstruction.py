"""Accuracy of the shape: database heads are left out, drawn as photos, reconstructed, and measured."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from facestudio.database.model import DEFAULT_DATABASE, HeadDatabase, load_database
from facestudio.errors import NoFaceError, UnreadableInputError
from facestudio.fitting.noise import independent_noise
from facestudio.geometry.camera import project
from facestudio.geometry.mesh import closest_points, triangulate
from facestudio.geometry.procrustes import similarity
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import to_ibug68
from facestudio.photo import load_photo
from facestudio.pipeline.shape import Located, ShapeProblem, retrieval_method
from facestudio.synthesis.studio import studio_photo
from facestudio.synthesis.truth import Truth, read_truth
from facestudio.template.model import Template, load_template
from facestudio.values import Camera, DetectedFace, FloatArray, IntArray, Photo

FACE_RADIUS_MM = 95.0
_NOSE_TIP = 30
_EXPRESSION = 0.3  # the strongest weight of a face that is not calm


@dataclass(frozen=True)
class MethodResult:
    """Errors of one way of reconstructing: over the heads, the median and the mean of the heads' medians, mm.

    `ratio` compares the mean with the mean head's.
    """

    method: str
    median_mm: float
    mean_mm: float
    ratio: float


@dataclass(frozen=True)
class ReconstructionReport:
    """What was measured, and on how many left-out heads; `missed` photos had no located face.

    `groups` has, by kind of photo, how many there were and the same results for them.
    """

    heads: int
    missed: int
    seed: int | None
    results: tuple[MethodResult, ...]
    groups: dict[str, tuple[int, tuple[MethodResult, ...]]] = field(
        default_factory=dict[str, tuple[int, tuple[MethodResult, ...]]]
    )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def face_region(template: Template) -> IntArray:
    """Return the skin vertices within 95 mm of the nose's tip (the NoW benchmark's region), (R,) int32."""
    skin = template.material_vertices("skin")
    tip = template.ibug68.points(template.vertices)[_NOSE_TIP]
    return skin[np.linalg.norm(template.vertices[skin] - tip, axis=1) < FACE_RADIUS_MM]


def scan_to_mesh(template: Template, estimate: FloatArray, truth: FloatArray) -> float:
    """Return the median distance from the true face to the estimated surface after similarity alignment, mm.

    Parameters
    ----------
    template
        The topology of both.
    estimate, truth
        (V, 3) mm.
    """
    region = face_region(template)
    triangles = triangulate(template.quads[template.quad_material == 0])
    scale, rotation, shift = similarity(estimate[region], truth[region])
    aligned = scale * estimate @ rotation.T + shift
    return float(np.median(closest_points(truth[region], aligned, triangles).distances))


@dataclass(frozen=True, eq=False)
class _Case:
    """A photo, its face, and the truth: neutral and posed vertices (V, 3) mm, camera; `focal_px` if it is told."""

    photo: Photo
    face: DetectedFace
    camera: Camera
    neutral: FloatArray
    posed: FloatArray
    focal_px: float | None


def _errors(case: _Case, database: HeadDatabase, template: Template) -> dict[str, float]:
    """Return the error of every method on one photo."""
    # The fit's matrices are small: BLAS threads only wait for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        return _errors_on_one_thread(case, database, template)


def _errors_on_one_thread(case: _Case, database: HeadDatabase, template: Template) -> dict[str, float]:
    def solve(seen: DetectedFace, method: str, *, exact: bool = False) -> float:
        landmarks = to_ibug68(seen.mesh) if exact else locate_landmarks(case.photo, seen.mesh)
        noise = independent_noise(478, 0.15) if exact else None
        located = Located(seen, landmarks, landmarks)
        focal = case.camera.fx if exact else case.focal_px
        problem = ShapeProblem(case.photo, located, database, template, focal, noise)
        fit, heads = problem.retrieve(landmarks, frozenset(), lambda: None, retrieval_method(method))
        shape = problem.solve(landmarks, fit, heads, method, lambda: None)
        return scan_to_mesh(template, shape.vertices, case.neutral)

    pixels, _ = project(case.camera, template.mesh478.points(case.posed))
    true = replace(case.face, mesh=replace(case.face.mesh, points=pixels))
    return {
        "mean": scan_to_mesh(template, database.mean_head(), case.neutral),
        "paper": solve(case.face, "paper"),
        "default": solve(case.face, "default"),
        "default, true points": solve(true, "default", exact=True),
    }


def _summary(collected: dict[str, list[float]]) -> tuple[MethodResult, ...]:
    base = statistics.fmean(collected["mean"]) if collected else float("nan")
    return tuple(
        MethodResult(method, statistics.median(e), statistics.fmean(e), statistics.fmean(e) / base)
        for method, e in collected.items()
    )


def evaluate_reconstruction(
    count: int = 40,
    seed: int = 11,
    name: str = DEFAULT_DATABASE,
    say: Callable[[str], None] = lambda line: None,
) -> ReconstructionReport:
    """Reconstruct drawn photos of heads that database, prior and basis have never seen.

    Parameters
    ----------
    count
        How many heads; those of the splits test and held-out come first.
    seed
        Of the photos.
    name
        The database.
    say
        Called with a line of progress.
    """
    database, template = load_database(name), load_template()
    rows = sorted(range(len(database)), key=lambda i: (database.splits[i] == "train", i))[:count]
    collected: dict[str, list[float]] = {}
    missed = 0
    for number, row in enumerate(rows):
        rng = np.random.default_rng([seed, row])
        skin = database.skins[int(rng.integers(len(database)))]
        shot = studio_photo(database.vertices(row), skin, rng)
        faces = locate_faces(shot.photo, max_faces=1)
        if not faces:
            missed += 1
            continue
        case = _Case(shot.photo, faces[0], shot.camera, shot.head, shot.posed(), shot.camera.fx)
        try:
            found = _errors(case, database.without(database.ids[row]), template)
        except NoFaceError:
            missed += 1
            continue
        for method, error in found.items():
            collected.setdefault(method, []).append(error)
        say(f"{number + 1} of {len(rows)}: " + ", ".join(f"{m} {e:.2f}" for m, e in found.items()) + " mm")
    return ReconstructionReport(len(rows) - missed, missed, seed, _summary(collected))


def evaluate_photos(
    folder: Path,
    count: int = 200,
    name: str = DEFAULT_DATABASE,
    largest_yaw: float = 30.0,
    say: Callable[[str], None] = lambda line: None,
) -> ReconstructionReport:
    """Reconstruct synthetic photos; the lens is not told, as in most photos.

    Parameters
    ----------
    folder
        From `facestudio synthesize`; with `--held-out` the people have no relation to the database.
    count
        How many photos at most.
    name
        The database.
    largest_yaw
        Photos of heads turned farther are left out, degrees; so are those in which something covers the face.
    say
        Called with a line of progress.

    Returns
    -------
    ReconstructionReport
        `groups` has the same for photos with and without glasses, beard and expression, and for each light.

    Raises
    ------
    UnreadableInputError
        If there is no usable photo.
    """
    database, template = load_database(name), load_template()
    rows: list[tuple[dict[str, float], set[str]]] = []
    asked = 0
    for file in sorted(folder.rglob("*.npz")):
        truth = read_truth(file)
        if abs(truth.notes["yaw"]) > largest_yaw or truth.notes["occluder"]:
            continue
        if asked == count:
            break
        asked += 1
        photo = load_photo(file.with_suffix(".jpg"))
        faces = locate_faces(photo, max_faces=1)
        if not faces:
            continue
        case = _Case(photo, faces[0], truth.camera, truth.neutral, truth.vertices, None)
        try:
            rows.append((_errors(case, database, template), _kinds(truth)))
        except NoFaceError:
            continue
        say(f"{asked}: " + ", ".join(f"{m} {e:.2f}" for m, e in rows[-1][0].items()) + " mm")
    if not rows:
        raise UnreadableInputError(f"{folder} holds no synthetic photos with a face")

    def of(kind: str | None) -> tuple[MethodResult, ...]:
        chosen = [errors for errors, kinds in rows if kind is None or kind in kinds]
        return _summary({m: [errors[m] for errors in chosen] for m in rows[0][0]})

    kinds = sorted(set().union(*(kinds for _, kinds in rows)))
    groups = {kind: (sum(kind in own for _, own in rows), of(kind)) for kind in kinds}
    return ReconstructionReport(len(rows), asked - len(rows), None, of(None), groups)


def _kinds(truth: Truth) -> set[str]:
    """Return what a photo shows, as groups to report apart."""
    notes = truth.notes
    return {
        f"light: {notes['light']}",
        "glasses" if notes["glasses"] not in ("", "none", None, False) else "no glasses",
        "beard" if notes["beard"] not in ("none", "shaved") else "no beard",
        "expression" if truth.expression.max() > _EXPRESSION else "calm",
    }
