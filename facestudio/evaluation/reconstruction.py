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
from facestudio.evaluation.gain import Gain, gain_over
from facestudio.evaluation.surface_error import SurfaceError, face_region, now_distances, surface_error
from facestudio.fitting.noise import independent_noise
from facestudio.geometry.camera import project
from facestudio.geometry.mesh import triangulate
from facestudio.geometry.procrustes import similarity
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import to_ibug68
from facestudio.photo import load_photo
from facestudio.pipeline.retrieval import retrieval_method
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.synthesis.studio import studio_photo
from facestudio.synthesis.truth import Truth, read_truth
from facestudio.template.model import Template, load_template
from facestudio.values import Camera, DetectedFace, FloatArray, Landmarks, Photo

_EXPRESSION = 0.3  # the strongest weight of a face that is not calm
_BINS = 10
_SHOWN = ("mean", "paper", "default")  # measured by NoW's protocol, too
_WITH_AND_WITHOUT = ("paper", "map", "default")
WITHOUT_RETRIEVAL = ", no similar heads"
TRUE_POINTS = "default, true points"


@dataclass(frozen=True)
class MethodResult:
    """Errors of one way of reconstructing.

    Attributes
    ----------
    method
        Its name.
    median_mm, mean_mm
        Over the heads: of the heads' medians.
    ratio
        The mean beside the mean head's.
    size
        Median error of the head's size (0.02 is 2 %).
    by_region
        Mean over the heads of each region's median, mm.
    now_mm, now_metric_mm
        Median, mean and standard deviation of all distances by NoW's protocol, with the size fitted and with the size
        as it is; None where they are not measured.
    """

    method: str
    median_mm: float
    mean_mm: float
    ratio: float
    size: float
    by_region: dict[str, float]
    now_mm: tuple[float, float, float] | None = None
    now_metric_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class ReconstructionReport:
    """What was measured, and on how many left-out heads; `missed` photos had no located face.

    `groups` has, by kind of photo, how many there were and the same results for them. `reliability` has pairs of
    predicted and real error (root mean square, mm) of vertices, the surest tenth first, of the default. `retrieval`
    has, by method, how much lower its mean error is with similar heads than without.
    """

    heads: int
    missed: int
    seed: int | None
    results: tuple[MethodResult, ...]
    groups: dict[str, tuple[int, tuple[MethodResult, ...]]] = field(
        default_factory=dict[str, tuple[int, tuple[MethodResult, ...]]]
    )
    reliability: tuple[tuple[float, float], ...] = ()
    retrieval: dict[str, Gain] = field(default_factory=dict[str, Gain])

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class _Measured:
    """One head of one method; `sure` has predicted (n,) and real (n,) errors of its vertices."""

    error: SurfaceError
    now: FloatArray | None
    now_metric: FloatArray | None
    sure: tuple[FloatArray, FloatArray] | None


@dataclass(frozen=True, eq=False)
class _Case:
    """A photo, its face, and the truth: neutral and posed vertices (V, 3) mm, camera; `focal_px` if it is told."""

    photo: Photo
    face: DetectedFace
    camera: Camera
    neutral: FloatArray
    posed: FloatArray
    focal_px: float | None


def _errors(case: _Case, database: HeadDatabase, template: Template) -> dict[str, _Measured]:
    """Return the errors of every method on one photo."""
    # The fit's matrices are small: BLAS threads only wait for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        return _errors_on_one_thread(case, database, template)


def _errors_on_one_thread(case: _Case, database: HeadDatabase, template: Template) -> dict[str, _Measured]:
    triangles = triangulate(template.quads[template.quad_material == 0])
    true_points = template.ibug68.points(case.neutral)
    face = face_region(template)

    def measured(vertices: FloatArray, method: str, uncertainty: FloatArray | None = None) -> _Measured:
        now: list[FloatArray | None] = [None, None]
        if method in _SHOWN:
            own = template.ibug68.points(vertices)
            now = [
                now_distances(vertices, triangles, own, case.neutral[face], true_points, scaled=scaled)
                for scaled in (True, False)
            ]
        sure = None
        if uncertainty is not None:
            _, rotation, shift = similarity(vertices[face], case.neutral[face], scaled=False)
            off = np.linalg.norm(vertices[face] @ rotation.T + shift - case.neutral[face], axis=1)
            sure = (uncertainty[face].astype(np.float64), off)
        return _Measured(surface_error(template, vertices, case.neutral), now[0], now[1], sure)

    def problem(seen: DetectedFace, landmarks: Landmarks, *, exact: bool) -> ShapeProblem:
        located = Located(seen, landmarks, landmarks)
        focal = case.camera.fx if exact else case.focal_px
        noise = independent_noise(478, 0.15) if exact else None
        return ShapeProblem(case.photo, located, database, template, focal, noise)

    found = {"mean": measured(database.mean_head(), "mean")}
    landmarks = locate_landmarks(case.photo, case.face)
    own = problem(case.face, landmarks, exact=False)
    for method in ("paper", "map", "default"):
        fit, heads = own.retrieve(landmarks, frozenset(), lambda: None, retrieval_method(method, database))
        for similar in (heads, ()) if method in _WITH_AND_WITHOUT else (heads,):
            name = method if similar else method + WITHOUT_RETRIEVAL
            shape = own.solve(landmarks, fit, similar, method, lambda: None)
            unsure = shape.uncertainty_mm.astype(np.float64) if name == "default" else None
            found[name] = measured(shape.vertices, name, unsure)
    pixels, _ = project(case.camera, template.mesh478.points(case.posed))
    true = replace(case.face, mesh=replace(case.face.mesh, points=pixels))
    landmarks = to_ibug68(true.mesh)
    exact = problem(true, landmarks, exact=True)
    fit, heads = exact.retrieve(landmarks, frozenset(), lambda: None)
    shape = exact.solve(landmarks, fit, heads, "default", lambda: None)
    found[TRUE_POINTS] = measured(shape.vertices, TRUE_POINTS)
    return found


def _line(found: dict[str, _Measured]) -> str:
    return ", ".join(f"{method} {m.error.median:.2f}" for method, m in found.items()) + " mm"


def _pooled(parts: list[FloatArray | None]) -> tuple[float, float, float] | None:
    there = [part for part in parts if part is not None]
    if not there:
        return None
    every = np.concatenate(there)
    return float(np.median(every)), float(every.mean()), float(every.std())


def _summary(rows: list[dict[str, _Measured]]) -> tuple[MethodResult, ...]:
    results: list[MethodResult] = []
    base = statistics.fmean(row["mean"].error.median for row in rows) if rows else float("nan")
    for method in rows[0] if rows else ():
        own = [row[method] for row in rows]
        medians = [one.error.median for one in own]
        results.append(
            MethodResult(
                method,
                statistics.median(medians),
                statistics.fmean(medians),
                statistics.fmean(medians) / base,
                statistics.median(abs(one.error.size - 1) for one in own),
                {
                    name: statistics.fmean(one.error.by_region[name] for one in own)
                    for name in own[0].error.by_region
                },
                _pooled([one.now for one in own]),
                _pooled([one.now_metric for one in own]),
            )
        )
    return tuple(results)


def _retrieval(rows: list[dict[str, _Measured]]) -> dict[str, Gain]:
    """Return what similar heads take off the mean error of each method."""
    gains: dict[str, Gain] = {}
    for method in _WITH_AND_WITHOUT:
        pairs = [[row[name].error.median for name in (method + WITHOUT_RETRIEVAL, method)] for row in rows]
        gains[method] = gain_over(*np.array(pairs).T)
    return gains


def _reliability(rows: list[dict[str, _Measured]]) -> tuple[tuple[float, float], ...]:
    """Return predicted and real errors of tenths of all vertices, the surest first."""
    pairs = [row["default"].sure for row in rows]
    predicted = np.concatenate([pair[0] for pair in pairs if pair is not None])
    real = np.concatenate([pair[1] for pair in pairs if pair is not None])
    parts = np.array_split(np.argsort(predicted), _BINS)
    return tuple(
        (float(np.sqrt((predicted[part] ** 2).mean())), float(np.sqrt((real[part] ** 2).mean())))
        for part in parts
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
    measured: list[dict[str, _Measured]] = []
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
        measured.append(found)
        say(f"{number + 1} of {len(rows)}: {_line(found)}")
    if not measured:
        raise UnreadableInputError("No face was found in any of the drawn photos")
    return ReconstructionReport(
        len(measured),
        missed,
        seed,
        _summary(measured),
        reliability=_reliability(measured),
        retrieval=_retrieval(measured),
    )


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
        Photos of heads turned farther are left out, degrees; those in which something covers the face are a
        group of their own that is not among the results.
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
    rows: list[tuple[dict[str, _Measured], set[str]]] = []
    covered: list[dict[str, _Measured]] = []
    asked = missed = 0
    for file in sorted(folder.rglob("*.npz")):
        truth = read_truth(file)
        if abs(truth.notes["yaw"]) > largest_yaw:
            continue
        if asked == count:
            break
        hidden = bool(truth.notes["occluder"])
        asked += not hidden
        photo = load_photo(file.with_suffix(".jpg"))
        faces = locate_faces(photo, max_faces=1)
        if not faces:
            missed += not hidden
            continue
        case = _Case(photo, faces[0], truth.camera, truth.neutral, truth.vertices, None)
        try:
            found = _errors(case, database, template)
        except NoFaceError:
            missed += not hidden
            continue
        if hidden:
            covered.append(found)
            continue
        rows.append((found, _kinds(truth)))
        say(f"{asked}: {_line(found)}")
    if not rows:
        raise UnreadableInputError(f"{folder} holds no synthetic photos with a face")

    kinds = sorted(set().union(*(kinds for _, kinds in rows)))
    groups = {kind: [found for found, own in rows if kind in own] for kind in kinds}
    if covered:
        groups["something over the face"] = covered
    every = [found for found, _ in rows]
    return ReconstructionReport(
        len(rows),
        missed,
        None,
        _summary(every),
        {kind: (len(own), _summary(own)) for kind, own in groups.items()},
        _reliability(every),
        _retrieval(every),
    )


def _kinds(truth: Truth) -> set[str]:
    """Return what a photo shows, as groups to report apart."""
    notes = truth.notes
    return {
        f"light: {notes['light']}",
        "glasses" if notes["glasses"] not in ("", "none", None, False) else "no glasses",
        "beard" if notes["beard"] not in ("none", "shaved") else "no beard",
        "expression" if truth.expression.max() > _EXPRESSION else "calm",
    }
