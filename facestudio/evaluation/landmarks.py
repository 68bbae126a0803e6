"""How well the 68 points are located: every method against points set by hand (or drawn), side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from facestudio.landmarks.asm.model import AsmModel, load_asm
from facestudio.landmarks.combine import LANDMARK_METHODS, locate_landmarks
from facestudio.landmarks.detector import FaceCandidate
from facestudio.landmarks.mesh478 import locate_face, locate_faces
from facestudio.landmarks.schemes import face_frame, prior_landmark_map
from facestudio.training.asm.annotated import AnnotatedPhoto
from facestudio.training.asm.learn import learn_synthetic
from facestudio.training.asm.options import AsmOptions, person_folds
from facestudio.training.asm.starts import eye_corners
from facestudio.training.asm.train import train_asm
from facestudio.values import DetectedFace, FaceBox, FloatArray, Landmarks, Photo

OFFSET: Final = "mesh, constant offset"
METHODS: Final = (*LANDMARK_METHODS, OFFSET)
FAILURE: Final = 8.0
"""A photo whose mean error is above so many per cent counts as a failure; the area under the curve ends there."""

JAW: Final = 17
_NEAR: Final = 0.3  # of the face's size: so near its points a located face must lie to be this one


@dataclass(frozen=True, eq=False)
class PhotoErrors:
    """One photo's errors in per cent of the outer-eye distance.

    Attributes
    ----------
    photo
        Which.
    errors
        (68,) for each method; None where no face was located.
    points
        (68, 2) pixels for each method.
    """

    photo: AnnotatedPhoto
    errors: Mapping[str, FloatArray | None]
    points: Mapping[str, FloatArray]


@dataclass(frozen=True)
class LandmarkSummary:
    """Errors of one method over photos, in per cent of the outer-eye distance.

    Photos in which no face was located count as failures with an infinite error; mean and percentile leave
    them out, `missed` says how many.
    """

    method: str
    photos: int
    missed: int
    median: float
    mean: float
    p90: float
    inner_median: float
    jaw_median: float
    failures: float
    auc: float


@dataclass(frozen=True, eq=False)
class LandmarkReport:
    """What was measured.

    Attributes
    ----------
    photos
        See `PhotoErrors`.
    summaries
        Of all photos, by method.
    groups
        The same for parts of the photos: by yaw, light, occlusion, real or synthetic.
    """

    photos: tuple[PhotoErrors, ...]
    summaries: tuple[LandmarkSummary, ...]
    groups: Mapping[str, tuple[LandmarkSummary, ...]]


def point_errors(found: FloatArray, truth: FloatArray, scheme: str) -> FloatArray:
    """Return the errors of points (N, 2) in per cent of the true distance of the outer eye corners, (N,)."""
    right, left = eye_corners(scheme)
    return 100 * np.linalg.norm(found - truth, axis=1) / float(np.linalg.norm(truth[left] - truth[right]))


def find_face(photo: Photo, points: FloatArray) -> DetectedFace | None:
    """Return the located face that lies where the points are, or None."""
    size = float(np.ptp(points, axis=0).max())
    middle = points.mean(axis=0)
    for small in (False, True):
        for face in locate_faces(photo, small_faces=small):
            if np.linalg.norm(face.mesh.points.mean(axis=0) - middle) < _NEAR * size:
                return face
    return None


def face_at(photo: Photo, points: FloatArray, scheme: str) -> DetectedFace:
    """Return the face that the landmarker sees where the points are, without asking the detector."""
    right, left = eye_corners(scheme)
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    keypoints = np.zeros((6, 2))
    keypoints[0], keypoints[1] = points[right], points[left]
    return locate_face(photo, FaceCandidate(FaceBox(x0, y0, x1, y1, 1.0), keypoints))


def summarise(method: str, errors: Sequence[FloatArray | None]) -> LandmarkSummary:
    """Summarise a method's errors (68,) over photos."""
    found = [e for e in errors if e is not None]
    missed = len(errors) - len(found)
    if not found:
        nan = float("nan")
        return LandmarkSummary(method, len(errors), missed, nan, nan, nan, nan, nan, 100.0, 0.0)
    table = np.stack(found)
    each = table.mean(axis=1)
    steps, share = error_curve(errors)
    return LandmarkSummary(
        method,
        len(errors),
        missed,
        float(np.median(each)),
        float(each.mean()),
        float(np.percentile(each, 90)),
        float(np.median(table[:, JAW:].mean(axis=1))),
        float(np.median(table[:, :JAW].mean(axis=1))),
        100 * (float((each > FAILURE).sum()) + missed) / len(errors),
        float(np.trapezoid(share, steps)) / FAILURE,
    )


def error_curve(errors: Sequence[FloatArray | None]) -> tuple[FloatArray, FloatArray]:
    """Return the cumulative curve: errors 0 to FAILURE per cent, and the share 0..1 of photos at or below each."""
    each = np.array([np.inf if e is None else float(e.mean()) for e in errors])
    steps = np.linspace(0, FAILURE, 161)
    return steps, np.array([(each <= step).mean() for step in steps])


def evaluate_landmarks(
    photos: Sequence[AnnotatedPhoto],
    *,
    model: AsmModel | None = None,
    folds: int = 0,
    options: AsmOptions | None = None,
    besides: Sequence[AnnotatedPhoto] = (),
    known: AsmModel | None = None,
    detect: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> LandmarkReport:
    """Locate the points of annotated photos by every method, and measure.

    Parameters
    ----------
    photos
        With points, of the model's scheme.
    model
        By default the shipped one.
    folds
        2 and more: the ASM is trained anew for each fold of the people, without them, and `model` is not used.
    options
        Of that training.
    besides
        Photos to train with in every fold.
    known
        A model for drawn photos that is taken as it is in every fold; see `train_asm`.
    detect
        False leaves the detector out: the landmarker looks where the points are.
    say
        Called with lines of progress.

    Raises
    ------
    UnreadableInputError
        If a photo cannot be read, or there are too few to train.
    ModelError
        If a model is missing or damaged.
    """
    which = (
        person_folds([p.person for p in photos], folds, 1) if folds > 1 else np.zeros(len(photos), np.int32)
    )
    results: dict[int, PhotoErrors] = {}
    how = options or AsmOptions()
    drawn = None
    if folds > 1 and not any(photo.synthetic for photo in photos):
        synthetic = [photo for photo in besides if photo.synthetic]
        if synthetic:  # the same in every fold
            drawn = learn_synthetic(synthetic, known, how, say, _never)
            besides = [photo for photo in besides if not photo.synthetic]
    for fold in range(max(folds, 1)):
        chosen = [i for i in range(len(photos)) if which[i] == fold]
        others = [photo for i, photo in enumerate(photos) if which[i] != fold]
        asm = model
        if folds > 1:
            say(f"fold {fold + 1} of {folds}: training on {len(others)} photos")
            asm, _ = train_asm([*others, *besides], how, drawn=drawn, say=say)
        found = [(i, _locate(photos[i], asm or load_asm(), detect=detect)) for i in chosen]
        pairs = _meshes(found, photos) if folds < 2 else _other_meshes(others, detect=detect)
        offset = constant_offset(pairs)
        for i, (face, points) in found:
            results[i] = _measure(photos[i], face, points, offset)
        say(f"{len(results)} of {len(photos)} photos")
    ordered = tuple(results[i] for i in sorted(results))
    everything = _summaries(ordered)
    return LandmarkReport(ordered, everything, {n: _summaries(p) for n, p in _groups(ordered).items()})


def _never() -> None:
    """Never stop."""


_Found = tuple[DetectedFace | None, dict[str, Landmarks]]


def _locate(photo: AnnotatedPhoto, asm: AsmModel, *, detect: bool) -> _Found:
    picture = photo.load()
    face = find_face(picture, photo.points) if detect else face_at(picture, photo.points, photo.scheme)
    if face is None:
        return None, {}
    return face, {m: locate_landmarks(picture, face, m, model=asm) for m in LANDMARK_METHODS}


def _meshes(
    found: Sequence[tuple[int, _Found]], photos: Sequence[AnnotatedPhoto]
) -> list[tuple[FloatArray, FloatArray]]:
    return [(face.mesh.points, photos[i].points) for i, (face, _) in found if face is not None]


def _other_meshes(photos: Sequence[AnnotatedPhoto], *, detect: bool) -> list[tuple[FloatArray, FloatArray]]:
    pairs: list[tuple[FloatArray, FloatArray]] = []
    for photo in photos:
        picture = photo.load()
        face = find_face(picture, photo.points) if detect else face_at(picture, photo.points, photo.scheme)
        if face is not None:
            pairs.append((face.mesh.points, photo.points))
    return pairs


def constant_offset(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Return the mean of true points minus those of the map by eye, in the frame of the face, (68, 2).

    The baseline that an ASM must beat: MediaPipe's points, corrected by a constant for each.

    Parameters
    ----------
    pairs
        Mesh (478, 2) and true points (68, 2), pixels.
    """
    by_eye = prior_landmark_map()
    offsets: list[FloatArray] = []
    for mesh, truth in pairs:
        size, axes = face_frame(mesh)
        offsets.append((truth - by_eye.apply(mesh)) @ axes / size)
    return np.mean(offsets, axis=0) if offsets else np.zeros((68, 2))


def _measure(
    photo: AnnotatedPhoto, face: DetectedFace | None, found: Mapping[str, Landmarks], offset: FloatArray
) -> PhotoErrors:
    if face is None:
        return PhotoErrors(photo, dict.fromkeys(METHODS), {})
    points = {method: landmarks.points for method, landmarks in found.items()}
    if photo.scheme == "ibug68":
        size, axes = face_frame(face.mesh.points)
        points[OFFSET] = prior_landmark_map().apply(face.mesh.points) + size * offset @ axes.T
    errors: dict[str, FloatArray | None] = {
        method: point_errors(p, photo.points, photo.scheme) for method, p in points.items()
    }
    return PhotoErrors(photo, errors, points)


def _summaries(photos: Sequence[PhotoErrors]) -> tuple[LandmarkSummary, ...]:
    present = [m for m in METHODS if any(m in p.errors for p in photos)]
    return tuple(summarise(m, [p.errors.get(m) for p in photos]) for m in present)


def _groups(photos: Sequence[PhotoErrors]) -> dict[str, list[PhotoErrors]]:
    groups: dict[str, list[PhotoErrors]] = {}
    kinds = {p.photo.synthetic for p in photos}
    for p in photos:
        traits: Mapping[str, Any] = p.photo.traits
        names: list[str] = []
        if len(kinds) > 1:
            names.append("synthetic" if p.photo.synthetic else "real")
        if "yaw" in traits:
            yaw = abs(float(traits["yaw"]))
            names.append(f"yaw {'0-30' if yaw < 30 else '30-60' if yaw < 60 else '60-90'}")
        if "light" in traits:
            names.append(f"light {traits['light']}")
        if "occlusion" in traits:
            covered = float(traits["occlusion"])
            names.append("covered" if covered > 0.02 else "not covered")
        for name in names:
            groups.setdefault(name, []).append(p)
    return dict(sorted(groups.items()))
