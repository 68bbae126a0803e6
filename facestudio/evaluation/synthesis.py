"""How good synthetic photos are: are faces found in them, and does what they teach hold on real photos.

All errors are in per cent of the distance between the outer eye corners, in the frame of the face (x along the eyes).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facestudio.errors import UnreadableInputError
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import face_frame, load_scheme, prior_landmark_map
from facestudio.photo import load_photo
from facestudio.synthesis.truth import SEEN, Truth, read_truth
from facestudio.training.landmark_map import AnnotatedFace, read_annotated_faces
from facestudio.values import BoolArray, FloatArray

LARGEST_YAW: Final = 45.0
_STRAIGHT: Final = 10.0  # degrees
_FEWEST: Final = 20  # portraits, to tell how their points scatter
_CALM: Final = 0.3  # the strongest weight of a calm face
_FOLDS: Final = 5
_SHAPES: Final = 40  # principal components of the located mesh that a correction may depend on
_PULLS: Final = (100.0, 300.0, 1000.0, 3000.0, 1e9)  # towards no correction by shape, in photos
_CORNERS: Final = (33, 263)
_BLUNDER: Final = 0.12  # a point farther off than this teaches nothing


@dataclass(frozen=True, eq=False)
class LocatedPhotos:
    """What the landmarker found on synthetic photos, in the frame of the located face.

    Attributes
    ----------
    asked, found
        Photos below LARGEST_YAW without an occluder, and how many of them the landmarker found a face in, in its
        place.
    mesh
        (M, 478, 2) located points, in distances between the outer eye corners.
    truth
        (M, 478, 2) the true ones.
    truth68
        (M, 68, 2) true ibug68 points.
    seen
        (M, 478) bool.
    frontal
        (M,) bool: of those asked for.
    portraits
        (M,) bool: of these, those like the real photos with points set by hand: turned by less than 10 degrees, calm,
        without glasses.
    eyes
        (M,) the true distance between the outer eye corners if they were seen from the front, same unit.
    """

    asked: int
    found: int
    mesh: FloatArray
    truth: FloatArray
    truth68: FloatArray
    seen: BoolArray
    frontal: BoolArray
    portraits: BoolArray
    eyes: FloatArray


def _frontal_eyes(truth: Truth) -> float:
    """Return how far apart the outer eye corners would be in the picture if the face were seen from the front."""
    from facestudio.template.model import load_template

    corners = load_template().mesh478.points(truth.vertices)[list(_CORNERS)]
    depth = float((corners @ truth.camera.rotation[2]).mean() + truth.camera.translation_mm[2])
    return float(np.linalg.norm(corners[0] - corners[1])) * truth.camera.fx / depth


def _like_portrait(truth: Truth) -> bool:
    notes = truth.notes
    straight = max(abs(notes["yaw"]), abs(notes["pitch"])) < _STRAIGHT
    return bool(straight and truth.expression.max() < _CALM and not notes["glasses"])


def locate_photos(folder: Path, say: Callable[[str], None] = print) -> LocatedPhotos:
    """Locate the mesh in all photos of a folder that `facestudio synthesize` made.

    Raises
    ------
    UnreadableInputError
        If there are no such photos.
    """
    asked = found = 0
    rows: list[tuple[FloatArray, FloatArray, FloatArray, BoolArray, bool, bool, float]] = []
    paths = sorted(folder.glob("[0-9]*.npz"))
    for number, path in enumerate(paths):
        truth = read_truth(path)
        easy = abs(truth.notes["yaw"]) < LARGEST_YAW and not truth.notes["occluder"]
        asked += easy
        unit = _frontal_eyes(truth)
        faces = locate_faces(load_photo(path.with_suffix(".jpg")), max_faces=1)
        if faces and np.linalg.norm(faces[0].mesh.points - truth.mesh478, axis=1).mean() < 0.25 * unit:
            found += easy
            mesh = faces[0].mesh.points
            size, axes = face_frame(mesh)
            origin = mesh[list(_CORNERS)].mean(axis=0)
            rows.append(
                (
                    (mesh - origin) @ axes / size,
                    (truth.mesh478 - origin) @ axes / size,
                    (truth.ibug68 - origin) @ axes / size,
                    truth.mesh478_visibility == SEEN,
                    easy,
                    easy and _like_portrait(truth),
                    unit / size,
                )
            )
        if (number + 1) % 200 == 0:
            say(f"{number + 1} of {len(paths)} photos")
    if not rows:
        raise UnreadableInputError(f"{folder} holds no synthetic photos in which a face is found")
    mesh, true, true68, seen, frontal, portraits, eyes = (np.array(c) for c in zip(*rows, strict=True))
    return LocatedPhotos(asked, found, mesh, true, true68, seen, frontal, portraits, eyes)


def scatter_by_point(photos: LocatedPhotos, rows: BoolArray | None = None) -> FloatArray:
    """Return how far each mesh point lies from the truth after its constant offset, (478,) per cent.

    Mean distance over some photos, (M,) bool, in which the point is seen; by default those below LARGEST_YAW without
    an occluder.
    """
    rows = photos.frontal if rows is None else rows
    error = (photos.mesh - photos.truth)[rows] / photos.eyes[rows, None, None]
    error = np.where(photos.seen[rows, :, None], error, np.nan)
    error = error - np.nanmedian(error, axis=0)
    return 100 * np.nanmean(np.linalg.norm(error, axis=2), axis=0)


@dataclass(frozen=True, eq=False)
class Correction:
    """A linear correction of the located mesh: what its error is expected to be, given its shape (and so its pose).

    Attributes
    ----------
    mean
        (956,) mean located mesh.
    basis
        (K, 956) principal components.
    bias
        (956,) mean error.
    slope
        (K, 956): error per unit along each component.
    covariance
        (478, 2, 2) of what is left, square units.
    """

    mean: FloatArray
    basis: FloatArray
    bias: FloatArray
    slope: FloatArray
    covariance: FloatArray

    def apply(self, mesh: FloatArray) -> FloatArray:
        """Return corrected meshes (M, 478, 2) of located ones, in the frame of the face."""
        flat = mesh.reshape(len(mesh), -1) - self.mean
        return mesh - (self.bias + flat @ self.basis.T @ self.slope).reshape(mesh.shape)


def learn_correction(photos: LocatedPhotos, ridge: float = _PULLS[2]) -> Correction:
    """Learn the mesh's bias by shape and pose, and the covariance of the rest, by ridge regression.

    Parameters
    ----------
    photos
        What the landmarker found.
    ridge
        Pull towards a correction that does not depend on the shape, in photos. Points that a photo does not show
        are left out of it.
    """
    flat = photos.mesh.reshape(len(photos.mesh), -1)
    mean = flat.mean(axis=0)
    _, spread, components = np.linalg.svd(flat - mean, full_matrices=False)
    basis = components[:_SHAPES] / (spread[:_SHAPES, None] / np.sqrt(len(flat)))
    shape = (flat - mean) @ basis.T
    error = photos.mesh - photos.truth
    usable = photos.seen.astype(bool) & (np.linalg.norm(error, axis=2) < _BLUNDER)
    shape = np.clip(shape, -4, 4)
    bias, slope = np.zeros((478, 2)), np.zeros((shape.shape[1], 478, 2))
    covariance = np.zeros((478, 2, 2))
    pull = ridge * np.eye(shape.shape[1] + 1)
    pull[-1, -1] = 1e-6
    columns = np.column_stack([shape, np.ones(len(shape))])
    for point in range(478):
        rows = usable[:, point]
        x, y = columns[rows], error[rows, point]
        if len(x) < 20:
            continue
        solution = np.linalg.solve(x.T @ x + pull, x.T @ y)
        slope[:, point], bias[point] = solution[:-1], solution[-1]
        covariance[point] = np.cov((y - x @ solution).T)
    return Correction(mean, basis, bias.ravel(), slope.reshape(len(slope), -1), covariance)


@dataclass(frozen=True)
class EarlyTest:
    """Mean errors on real photos, per cent: all 68 points, the 51 inner ones.

    Attributes
    ----------
    photos
        How many.
    located
        The mesh as located, read as ibug68 by eye.
    offset
        After a constant offset for each point, learnt on other people.
    corrected
        After the correction learnt on synthetic photos alone.
    both
        After the correction and a constant offset for each point, learnt on other people; how strongly the shape
        counts is chosen for each part of the face on those others, too.
    ridges
        What was chosen for each part of the face in each fold.
    parts
        After the constant offset, the points of each part of the face.
    """

    photos: int
    located: tuple[float, float]
    offset: tuple[float, float]
    corrected: tuple[float, float]
    both: tuple[float, float]
    ridges: dict[str, list[float]]
    parts: dict[str, float]


def _person(name: str) -> str:
    return name.split("_")[0]


def _folds(people: list[str]) -> NDArray[np.intp]:
    """Return the fold of each photo, (M,): all photos of a person are in one."""
    order = sorted(set(people))
    return np.array([order.index(person) % _FOLDS for person in people])


def _figures(error: FloatArray) -> tuple[float, float]:
    """Return the mean distance in per cent of errors (M, 68, 2): of all points, of the inner 51."""
    distance = 100 * np.linalg.norm(error, axis=2)
    return float(distance.mean()), float(distance[:, 17:].mean())


def early_test(photos: LocatedPhotos, faces: list[AnnotatedFace]) -> EarlyTest:
    """Learn a correction on synthetic photos and try it on photos with points set by hand."""
    mesh = np.stack([face.mesh[:, :2] for face in faces])
    hand = np.stack([face.points for face in faces])
    unit = np.array([face.eye_distance for face in faces])[:, None, None]
    fold = _folds([_person(face.name) for face in faces])
    to68 = prior_landmark_map().matrix()

    def error_of(points: FloatArray) -> FloatArray:
        return (np.einsum("pn,mnc->mpc", to68, points) - hand) / unit

    plain = error_of(mesh)
    better = {ridge: error_of(learn_correction(photos, ridge).apply(mesh)) for ridge in _PULLS}
    offset, both, ridges = np.empty_like(plain), np.empty_like(plain), dict[str, list[float]]()
    for k in range(_FOLDS):
        own, others = fold == k, fold != k
        offset[own] = plain[own] - plain[others].mean(axis=0)
        for name, numbers in load_scheme("ibug68").parts.items():
            part = list(numbers)

            def left(ridge: float, part: list[int] = part, others: BoolArray = others) -> float:
                error = better[ridge][others][:, part]
                return float(np.linalg.norm(error - error.mean(axis=0), axis=2).mean())

            ridge = min(_PULLS, key=left)
            error = better[ridge][:, part]
            both[np.ix_(own, part)] = error[own] - error[others].mean(axis=0)
            ridges.setdefault(name, []).append(ridge)
    return EarlyTest(
        len(faces),
        _figures(plain),
        _figures(offset),
        _figures(better[_PULLS[2]]),
        _figures(both),
        ridges,
        {
            name: float(100 * np.linalg.norm(offset[:, list(numbers)], axis=2).mean())
            for name, numbers in load_scheme("ibug68").parts.items()
        },
    )


@dataclass(frozen=True, eq=False)
class SynthesisReport:
    """What `evaluate_synthesis` measured.

    Attributes
    ----------
    asked, found
        As in LocatedPhotos.
    scatter
        (478,) per cent, as from `scatter_by_point`.
    parts
        Median scatter of the points of each part of the face.
    portraits, portrait_scatter, portrait_parts
        How many photos are like real portraits, and the same for them; empty if there are less than 20.
    early
        The early test, if there were real photos.
    """

    asked: int
    found: int
    scatter: FloatArray
    parts: dict[str, float]
    portraits: int
    portrait_scatter: FloatArray
    portrait_parts: dict[str, float]
    early: EarlyTest | None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        early = None
        if self.early is not None:
            early = {
                "photos": self.early.photos,
                "ridges": self.early.ridges,
                "parts": self.early.parts,
                **{
                    name: {"all": getattr(self.early, name)[0], "inner": getattr(self.early, name)[1]}
                    for name in ("located", "offset", "corrected", "both")
                },
            }
        return {
            "asked": self.asked,
            "found": self.found,
            "scatter_percent": np.round(self.scatter, 3).tolist(),
            "parts_percent": self.parts,
            "portraits": self.portraits,
            "portrait_scatter_percent": np.round(self.portrait_scatter, 3).tolist(),
            "portrait_parts_percent": self.portrait_parts,
            "early_test_percent": early,
        }


def evaluate_synthesis(
    folder: Path, real: Path | None, say: Callable[[str], None] = print
) -> SynthesisReport:
    """Measure the photos of a folder.

    Parameters
    ----------
    folder
        Made by `facestudio synthesize`.
    real
        Real photos with points set by hand, as `facestudio.training.landmark_map` reads them, or None.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If there are no photos, or a file is damaged.
    """
    photos = locate_photos(folder, say)
    scatter, portraits = scatter_by_point(photos), int(photos.portraits.sum())
    enough = portraits >= _FEWEST
    alike = scatter_by_point(photos, photos.portraits) if enough else np.zeros(0)
    early = None
    if real is not None:
        say("locating faces of real photos")
        early = early_test(photos, read_annotated_faces(real))
    return SynthesisReport(
        photos.asked,
        photos.found,
        scatter,
        _by_part(scatter),
        portraits,
        alike,
        _by_part(alike) if enough else {},
        early,
    )


def _by_part(scatter: FloatArray) -> dict[str, float]:
    """Return the median scatter of the points of each part of the face, of the irises and of all."""
    to68 = prior_landmark_map().matrix() > 0
    parts = {
        name: float(np.nanmedian(np.concatenate([scatter[to68[i]] for i in numbers])))
        for name, numbers in load_scheme("ibug68").parts.items()
    }
    return {**parts, "iris": float(np.nanmedian(scatter[468:])), "all": float(np.nanmedian(scatter))}
