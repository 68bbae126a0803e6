"""Accuracy on one's own scans: photos of scanned people, measured by the NoW benchmark's protocol."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from facestudio.database.model import DEFAULT_DATABASE, HeadDatabase, load_database
from facestudio.database.sources.scans import ScanFile, find_scans, read_scan
from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.evaluation.surface_error import now_distances
from facestudio.geometry.mesh import triangulate
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.photo import load_photo
from facestudio.pipeline.retrieval import retrieval_method
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.template.model import Template, load_template
from facestudio.values import FloatArray, Photo

METHODS = ("mean", "paper", "map", "default")
_PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class ScanResult:
    """Distances of one method over all photos, mm: pooled median, mean and standard deviation, and by photo.

    `scaled_mm` has them with the size fitted, `metric_mm` with the size as it is; `ratio` is the mean over the photos
    of their median (size fitted), beside the mean head's.
    """

    method: str
    scaled_mm: tuple[float, float, float]
    metric_mm: tuple[float, float, float]
    ratio: float


@dataclass(frozen=True)
class ScanReport:
    """What was measured: number of scans and photos, what was left out and why, a result for each method.

    `by_photo` has each photo's medians, mm, by method, the size fitted.
    """

    scans: int
    photos: int
    left_out: tuple[str, ...]
    results: tuple[ScanResult, ...]
    by_photo: dict[str, dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def photos_of(scan: ScanFile) -> list[Path]:
    """Return the photos of a scan NAME.obj: NAME.jpg, NAME_1.jpg, NAME-side.png and so on, beside it."""
    name = scan.mesh.stem
    return sorted(
        path
        for path in scan.mesh.parent.iterdir()
        if path.suffix.lower() in _PHOTOS
        and (path.stem == name or (path.stem.startswith(name) and path.stem[len(name)] in "_-"))
    )


def evaluate_scans(
    folder: Path,
    name: str = DEFAULT_DATABASE,
    *,
    posed: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> ScanReport:
    """Reconstruct photos of scanned people, and measure the heads against the scans.

    Parameters
    ----------
    folder
        Scans NAME.obj, .ply, .stl or .glb with their 68 points NAME.json, .txt or .xyz
        (`facestudio.database.sources.scans.find_scans`), and photos NAME.jpg, NAME_1.jpg and so on. Scans in metres or
        centimetres are known by their size.
    name
        The database.
    posed
        The scans have the expressions of their photos; otherwise they are neutral, as NoW's are.
    say
        Called with a line for each photo, and for what is left out.

    Raises
    ------
    UnreadableInputError
        If there is no scan with points and a photo with a face.
    """
    database, template = load_database(name), load_template()
    left_out: list[str] = []
    rows: dict[str, dict[str, tuple[FloatArray, FloatArray]]] = {}
    scans = 0

    def leave_out(reason: str) -> None:
        left_out.append(reason)
        say(f"left out: {reason}")

    for file in find_scans(folder):
        photos = photos_of(file)
        if file.points is None or not photos:
            leave_out(f"{file.mesh.name}: has no {'photo' if file.points else 'points'}")
            continue
        try:
            scan, _ = read_scan(file, textures=False)
        except FacestudioError as error:
            leave_out(f"{file.mesh.name}: {error}")
            continue
        points = scan.points68
        assert points is not None
        to_mm = _millimetres(points)
        scans += 1
        for path in photos:
            try:
                # The fit's matrices are small: BLAS threads only wait for each other.
                with threadpool_limits(limits=1, user_api="blas"):
                    found = _heads(load_photo(path), database, template, posed=posed)
            except FacestudioError as error:
                leave_out(f"{path.name}: {error}")
                continue
            rows[path.name] = {
                method: _distances(head, template, scan.vertices * to_mm, points * to_mm)
                for method, head in found.items()
            }
            own = ", ".join(f"{method} {np.median(pair[0]):.2f}" for method, pair in rows[path.name].items())
            say(f"{path.name}: {own} mm")
    if not rows:
        raise UnreadableInputError(
            f"{folder} holds no scan with 68 points and a photo in which a face is found",
            hint="Scan NAME.obj, its points NAME.json or NAME.txt, its photos NAME.jpg, NAME_1.jpg",
        )
    return ScanReport(scans, len(rows), tuple(left_out), _results(list(rows.values())), _medians(rows))


def _millimetres(points: FloatArray) -> float:
    """Return what takes a face's points (68, 3) in metres, centimetres or millimetres to millimetres."""
    size = float(np.ptp(points, axis=0).max())
    return 1000.0 if size < 1 else 10.0 if size < 40 else 1.0


def _heads(photo: Photo, database: HeadDatabase, template: Template, *, posed: bool) -> dict[str, FloatArray]:
    """Return the head (V, 3) mm of each method."""
    faces = locate_faces(photo, max_faces=1)
    if not faces:
        raise UnreadableInputError("no face was found")
    landmarks = locate_landmarks(photo, faces[0])
    problem = ShapeProblem(photo, Located(faces[0], landmarks, landmarks), database, template, None)
    found: dict[str, FloatArray] = {}
    for method in METHODS:
        fit, heads = problem.retrieve(
            landmarks, frozenset(), lambda: None, retrieval_method(method, database)
        )
        shape = problem.solve(landmarks, fit, heads, method, lambda: None)
        found[method] = shape.posed() if posed else shape.vertices
    return found


def _distances(
    head: FloatArray, template: Template, scan: FloatArray, points: FloatArray
) -> tuple[FloatArray, FloatArray]:
    triangles = triangulate(template.quads[template.quad_material == 0])
    own = template.ibug68.points(head)
    return (
        now_distances(head, triangles, own, scan, points),
        now_distances(head, triangles, own, scan, points, scaled=False),
    )


def _three(parts: list[FloatArray]) -> tuple[float, float, float]:
    every = np.concatenate(parts)
    return float(np.median(every)), float(every.mean()), float(every.std())


def _medians(rows: dict[str, dict[str, tuple[FloatArray, FloatArray]]]) -> dict[str, dict[str, float]]:
    return {
        photo: {method: float(np.median(pair[0])) for method, pair in own.items()}
        for photo, own in rows.items()
    }


def _results(rows: list[dict[str, tuple[FloatArray, FloatArray]]]) -> tuple[ScanResult, ...]:
    base = np.mean([np.median(row["mean"][0]) for row in rows])
    return tuple(
        ScanResult(
            method,
            _three([row[method][0] for row in rows]),
            _three([row[method][1] for row in rows]),
            float(np.mean([np.median(row[method][0]) for row in rows]) / base),
        )
        for method in METHODS
    )
