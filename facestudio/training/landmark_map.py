"""Learns how the 68 ibug points follow from the 478-point mesh, from photos with points set by hand.

    python -m facestudio.training.landmark_map FOLDER

writes resources/schemes/mesh478-ibug68.npz. FOLDER holds photos (.jpg) with WebMorph's .tem files of 189
points beside them, in any subfolder, and `tem189_to_ibug68.json`: `inner` gives for an ibug point the .tem
points to average, `jaw_polyline_to_resample_to_17` the line that is divided evenly into the points 0 to 16.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from facestudio.database.archive import save_arrays
from facestudio.errors import UnreadableInputError
from facestudio.landmarks.files import load_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import (
    MAP_FORMAT,
    LandmarkMap,
    face_frame,
    load_mesh_triangles,
    load_scheme,
    prior_landmark_map,
)
from facestudio.paths import resources
from facestudio.photo import load_photo
from facestudio.values import FloatArray

NEIGHBOURS: Final = 16
"""Mesh points that one ibug point may consist of: the nearest along the surface to where it is by eye."""

RIDGE: Final = 1e-3
"""Pull towards the map by eye. Ten times less gains 1 % in cross-validation, but nothing from one photo set
to the other, and doubles the largest weights."""

DEPTH_WEIGHT: Final = 0.3
"""How much the depth of a point must stay that of the map by eye: frontal photos alone leave it open."""


@dataclass(frozen=True, eq=False)
class AnnotatedFace:
    """A photo's mesh and its points set by hand, both in the frame of the face.

    That frame has the middle between the mesh's outer eye corners as origin, their distance as unit, x
    towards the sitter's left, y towards the chin.

    Attributes
    ----------
    name
        File name without ending.
    mesh
        (478, 3) float64; z is MediaPipe's depth in the same unit.
    points
        (68, 2) float64.
    eye_distance
        Distance between the outer eye corners set by hand.
    """

    name: str
    mesh: FloatArray
    points: FloatArray
    eye_distance: float


@dataclass(frozen=True)
class LandmarkMapReport:
    """Mean errors in per cent of the distance between the outer eye corners (68 points, inner 51).

    Attributes
    ----------
    faces
        Number of photos.
    before
        Of the map by eye.
    after
        Of the learnt map on people it was not learnt from (ten-fold cross-validation).
    """

    faces: int
    before: tuple[float, float]
    after: tuple[float, float]


def resample(line: FloatArray, count: int) -> FloatArray:
    """Divide a polyline (M, 2) evenly by length into `count` points (count, 2), ends included."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0.0, lengths[-1], count)
    return np.stack([np.interp(at, lengths, line[:, k]) for k in range(2)], axis=1)


def read_annotated_faces(folder: Path) -> list[AnnotatedFace]:
    """Read all annotated photos of a folder and locate the mesh in each; photos without a face are left out.

    Raises
    ------
    UnreadableInputError
        If the folder lacks `tem189_to_ibug68.json` or annotated photos, or a file is damaged.
    """
    description = folder / "tem189_to_ibug68.json"
    try:
        table = json.loads(description.read_text(encoding="utf-8"))
        inner = {int(point): [int(i) for i in sources] for point, sources in table["inner"].items()}
        jaw = [int(i) for i in table["jaw_polyline_to_resample_to_17"]]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UnreadableInputError(f"{description} is missing or damaged: {error}") from error

    faces: list[AnnotatedFace] = []
    for path in sorted(folder.rglob("*.tem")):
        photo = load_photo(path.with_suffix(".jpg"))
        by_hand = load_landmarks(path, scheme="webmorph189", image_size=photo.size).points
        points = np.zeros((68, 2))
        points[:17] = resample(by_hand[jaw], 17)
        for point, sources in inner.items():
            points[point] = by_hand[sources].mean(axis=0)
        for face in locate_faces(photo, max_faces=1):
            mesh = face.mesh.points
            unit, axes = face_frame(mesh)
            origin = (mesh[33] + mesh[263]) / 2
            flat = (mesh - origin) @ axes / unit
            eyes = float(np.linalg.norm(points[45] - points[36])) / unit
            faces.append(
                AnnotatedFace(
                    path.stem,
                    np.column_stack([flat, face.mesh_z / unit]),
                    (points - origin) @ axes / unit,
                    eyes,
                )
            )
    if not faces:
        raise UnreadableInputError(f"{folder} holds no photos with .tem files")
    return faces


def _surface_distances(mesh: FloatArray) -> FloatArray:
    """Distances along the edges of a mesh (478, 3), (478, 478); infinite to the irises.

    Along the surface, because the lips and the lids of a closed mouth or eye lie close to each other in space
    and part as soon as it opens.
    """
    triangles = load_mesh_triangles()
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    lengths = np.linalg.norm(mesh[edges[:, 0]] - mesh[edges[:, 1]], axis=1)
    graph = csr_matrix((lengths, (edges[:, 0], edges[:, 1])), shape=(478, 478))
    return dijkstra(graph, directed=False)


def fit_weights(
    faces: Sequence[AnnotatedFace], scheme: str = "ibug68", prior: LandmarkMap | None = None
) -> FloatArray:
    """Fit the weights of all 68 points, (68, 478); rows sum to one, left and right mirror each other.

    Ridge regression towards the map by eye, each photo also mirrored: with w = w0 + v, sum(v) = 0, it
    minimises mean |A w - t|^2 + RIDGE |v|^2, where A holds the coordinates of the neighbouring mesh points.

    Parameters
    ----------
    faces
        Photos with points.
    scheme
        Of the points.
    prior
        The map by eye; by default that of ibug68.
    """
    mesh_mirror, ibug_mirror = load_scheme("mesh478").mirror, load_scheme(scheme).mirror
    mesh = np.stack([face.mesh for face in faces])
    points = np.stack([face.points for face in faces])
    mesh = np.concatenate([mesh, mesh[:, mesh_mirror] * [-1, 1, 1]])
    points = np.concatenate([points, points[:, ibug_mirror] * [-1, 1]])
    distances = _surface_distances(mesh.mean(axis=0))
    by_eye = (prior or prior_landmark_map()).matrix()

    weights = np.zeros_like(by_eye)
    for point, row in enumerate(by_eye):
        near = np.argsort(distances[np.flatnonzero(row)].min(axis=0), kind="stable")[:NEIGHBOURS]
        start = row[near]
        depth = DEPTH_WEIGHT * mesh[:, near, 2]
        system = np.concatenate([mesh[:, near, 0], mesh[:, near, 1], depth])
        target = np.concatenate([points[:, point, 0], points[:, point, 1], depth @ start])
        normal = system.T @ system / len(mesh) + RIDGE * np.eye(len(near))
        gradient = system.T @ (target - system @ start) / len(mesh)
        ones = np.ones((len(near), 1))
        bordered = np.block([[normal, ones], [ones.T, np.zeros((1, 1))]])
        weights[point, near] = start + np.linalg.solve(bordered, np.append(gradient, 0.0))[:-1]
    return (weights + weights[ibug_mirror][:, mesh_mirror]) / 2


def _residuals(weights: FloatArray, faces: Sequence[AnnotatedFace]) -> FloatArray:
    """Errors (F, 68, 2) of weights (68, 478), in the frame of the face."""
    return np.stack([weights @ face.mesh[:, :2] - face.points for face in faces])


def cross_validate(faces: Sequence[AnnotatedFace], *, folds: int = 10, seed: int = 0) -> FloatArray:
    """Return the errors (F, 68, 2) of each photo under weights learnt without its fold.

    Every photo must show another person.
    """
    order = np.random.default_rng(seed).permutation(len(faces))
    errors = np.zeros((len(faces), 68, 2))
    for fold in range(min(folds, len(faces))):
        held_out = order[fold::folds]
        others = [faces[i] for i in np.setdiff1d(order, held_out)]
        errors[held_out] = _residuals(fit_weights(others), [faces[i] for i in held_out])
    return errors


def mean_error(errors: FloatArray, faces: Sequence[AnnotatedFace]) -> tuple[float, float]:
    """Mean point error in per cent of the outer-eye distance set by hand: all 68 points, the inner 51."""
    eyes = np.array([face.eye_distance for face in faces])
    percent = 100 * np.linalg.norm(errors, axis=2) / eyes[:, None]
    return float(percent.mean()), float(percent[:, 17:].mean())


def compact_map(weights: FloatArray, covariance: FloatArray) -> LandmarkMap:
    """Return the map of the non-zero weights of a (68, 478) matrix, with a covariance (68, 2, 2)."""
    used = weights != 0
    width = int(used.sum(axis=1).max())
    points = np.argsort(~used, axis=1, kind="stable")[:, :width]
    kept = np.take_along_axis(weights, points, axis=1)
    return LandmarkMap(points.astype(np.int32), kept / kept.sum(axis=1, keepdims=True), covariance)


def learn_landmark_map(folder: Path) -> tuple[LandmarkMap, LandmarkMapReport]:
    """Learn the map from mesh478 to ibug68.

    Parameters
    ----------
    folder
        See the module's description.

    Returns
    -------
    tuple
        The map, with the covariance of its cross-validated errors (mean square, left and right together), and
        what was measured.

    Raises
    ------
    UnreadableInputError
        If the folder holds no such photos.
    """
    faces = read_annotated_faces(folder)
    errors = cross_validate(faces)
    mirror = load_scheme("ibug68").mirror
    both = np.concatenate([errors, errors[:, mirror] * [-1, 1]])
    covariance = np.einsum("fni,fnj->nij", both, both) / len(both)
    report = LandmarkMapReport(
        len(faces),
        mean_error(_residuals(prior_landmark_map().matrix(), faces), faces),
        mean_error(errors, faces),
    )
    return compact_map(fit_weights(faces), covariance), report


def save_landmark_map(path: Path, value: LandmarkMap) -> None:
    """Write a map as .npz; the same map gives the same bytes."""
    arrays = {"points": value.points, "weights": value.weights, "covariance": value.covariance}
    save_arrays(path, {"format": np.array(MAP_FORMAT), **arrays})


def main(arguments: Sequence[str] | None = None, write: Callable[[str], object] = print) -> None:
    """Learn from the folder named and write the shipped map."""
    folder = Path((sys.argv[1:] if arguments is None else list(arguments))[0])
    value, report = learn_landmark_map(folder)
    save_landmark_map(resources() / "schemes" / "mesh478-ibug68.npz", value)
    write(f"{report.faces} photos; mean error in % of the outer-eye distance, 68 points (inner 51):")
    write(f"by eye {report.before[0]:.2f} ({report.before[1]:.2f})")
    write(f"learnt {report.after[0]:.2f} ({report.after[1]:.2f}), cross-validated")


if __name__ == "__main__":
    main()
