"""Accuracy of the shape: database heads are left out, drawn as photos, reconstructed, and measured."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from facestudio.database.model import DEFAULT_DATABASE, HeadDatabase, load_database
from facestudio.errors import NoFaceError
from facestudio.fitting.noise import independent_noise
from facestudio.geometry.camera import project
from facestudio.geometry.mesh import closest_points, triangulate
from facestudio.geometry.procrustes import similarity
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import to_ibug68
from facestudio.pipeline.shape import Located, ShapeProblem
from facestudio.synthesis.studio import StudioPhoto, studio_photo
from facestudio.template.model import Template, load_template
from facestudio.values import DetectedFace, FloatArray, IntArray

FACE_RADIUS_MM = 95.0
_NOSE_TIP = 30


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
    """What was measured, and on how many left-out heads; `missed` photos had no located face."""

    heads: int
    missed: int
    seed: int
    results: tuple[MethodResult, ...]

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


def _with_true_points(face: DetectedFace, shot: StudioPhoto, template: Template) -> DetectedFace:
    pixels, _ = project(shot.camera, template.mesh478.points(shot.posed()))
    return replace(face, mesh=replace(face.mesh, points=pixels))


def _errors(
    shot: StudioPhoto, face: DetectedFace, database: HeadDatabase, template: Template
) -> dict[str, float]:
    """Return the error of every method on one photo; the lens is known."""

    def solve(seen: DetectedFace, method: str, exact: bool = False) -> float:
        landmarks = to_ibug68(seen.mesh)
        noise = independent_noise(478, 0.15) if exact else None
        located = Located(seen, landmarks, landmarks)
        problem = ShapeProblem(shot.photo, located, database, template, shot.camera.fx, noise)
        fit, heads = problem.retrieve(landmarks, frozenset(), lambda: None)
        shape = problem.solve(landmarks, fit, heads, method, lambda: None)
        return scan_to_mesh(template, shape.vertices, shot.head)

    true = _with_true_points(face, shot, template)
    return {
        "mean-head": scan_to_mesh(template, database.mean_head(), shot.head),
        "exact-tps": solve(face, "exact-tps"),
        "map-tps": solve(face, "map-tps"),
        "map-tps, true points": solve(true, "map-tps", exact=True),
    }


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
        try:
            found = _errors(shot, faces[0], database.without(database.ids[row]), template)
        except NoFaceError:
            missed += 1
            continue
        for method, error in found.items():
            collected.setdefault(method, []).append(error)
        say(f"{number + 1} of {len(rows)}: " + ", ".join(f"{m} {e:.2f}" for m, e in found.items()) + " mm")
    base = statistics.fmean(collected["mean-head"]) if collected else float("nan")
    results = tuple(
        MethodResult(method, statistics.median(e), statistics.fmean(e), statistics.fmean(e) / base)
        for method, e in collected.items()
    )
    return ReconstructionReport(len(rows) - missed, missed, seed, results)
