"""Table 1: who is it? Recognition rates on drawn heads and on ORL, beside the published ones."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from facestudio.database.model import HeadDatabase
from facestudio.database.projections import EYES_AT, MOUTH_AT
from facestudio.errors import UnreadableInputError
from facestudio.evaluation.recognition_rivals import RIVALS, Rival, TrainedRival
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import to_ibug68
from facestudio.pipeline.retrieval import likeness
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.retrieval.aligned_face import align_face
from facestudio.retrieval.encoder import Encoder
from facestudio.retrieval.score import head_scores
from facestudio.template.model import load_template
from facestudio.training.retrieval.pictures import LabelledFaces
from facestudio.values import ByteArray, Float32Array, IntArray, Photo

# Recognition rate in per cent and milliseconds an image, from the paper's table 1.
PUBLISHED: dict[str, tuple[float, float]] = {
    "PCA": (87.89, 330),
    "Gabor+PCA": (91.86, 895),
    "AdaBoost+LBP+PCA+SVM": (93.13, 332),
    "AdaBoost+LBP+SVM": (95.0, 586),
    "LBP+PCA+SVM": (86.25, 304),
    "paper-cnn": (97.26, 185),
}
_TIMED = 20
_INNER = (0.25, 0.85, 0.2, 0.8)  # of the aligned face: top, foot, left, right of what rivals see
_Z95 = 1.96


@dataclass(frozen=True)
class RecognitionResult:
    """What a method reached on one set of pictures.

    Attributes
    ----------
    data, method
        On what, and which.
    rank1, low, high
        Share of pictures recognised, and its interval of 95 % confidence (Wilson).
    milliseconds
        Median for a picture, located and aligned before.
    pictures, people
        How many.
    """

    data: str
    method: str
    rank1: float
    low: float
    high: float
    milliseconds: float
    pictures: int
    people: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, with the published rate and time."""
        rate, ms = PUBLISHED.get(self.method, (None, None))
        return {**asdict(self), "published_percent": rate, "published_ms": ms}


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """Return the interval of 95 % confidence of a share (E. B. Wilson, 1927)."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = right / count, _Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z95 * np.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def _result(
    data: str, method: str, found: IntArray, truth: IntArray, ms: float, people: int
) -> RecognitionResult:
    right = int((found == truth).sum())
    return RecognitionResult(
        data, method, right / len(truth), *wilson_interval(right, len(truth)), ms, len(truth), people
    )


def _median_ms(work: Callable[[int], object], count: int) -> float:
    times: list[float] = []
    for i in range(min(count, _TIMED)):
        start = time.perf_counter()
        work(i)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def evaluate_rival(
    rival: Rival, data: str, train: LabelledFaces, test: LabelledFaces, seed: int
) -> RecognitionResult:
    """Let a method of table 1 learn and recognise."""

    def described(faces: ByteArray) -> Float32Array:
        return np.stack([rival.describe(_grey(face)) for face in faces])

    trained = TrainedRival(rival, described(train.faces), train.labels, seed)
    found = trained.recognise(described(test.faces))

    def one(i: int) -> object:
        return trained.recognise(rival.describe(_grey(test.faces[i]))[None])

    return _result(data, rival.name, found, test.labels, _median_ms(one, len(test.faces)), len(test.people))


def evaluate_encoder(
    encoder: Encoder, data: str, known: Float32Array, known_labels: IntArray, test: LabelledFaces, method: str
) -> RecognitionResult:
    """Recognise by the nearest of known embeddings (M, D), whose people are `known_labels` (M,)."""
    found = known_labels[np.argmax(encoder.embed(test.faces) @ known.T, axis=1)]

    def one(i: int) -> object:
        return np.argmax(encoder.embed(test.faces[i : i + 1]) @ known.T)

    return _result(data, method, found, test.labels, _median_ms(one, len(test.faces)), len(test.people))


def evaluate_classifier(encoder: Encoder, data: str, test: LabelledFaces, method: str) -> RecognitionResult:
    """Recognise by the network's own softmax, as the paper does: only people it has learnt."""
    known = encoder.people
    rows = np.array([known.index(name) if name in known else -1 for name in test.people])
    found = np.argmax(encoder.scores(test.faces), axis=1)

    def one(i: int) -> object:
        return np.argmax(encoder.scores(test.faces[i : i + 1]))

    return _result(data, method, found, rows[test.labels], _median_ms(one, len(test.faces)), len(test.people))


def evaluate_default(database: HeadDatabase, data: str, test: LabelledFaces) -> RecognitionResult:
    """Recognise as `facestudio reconstruct` finds similar heads: the highest score of shape and looks.

    The photos are located and fitted as any photo is; a face that is not found counts as not recognised. The time is
    that of observing shape and looks.
    """
    template = load_template()
    times: list[float] = []

    def scored(pixels: ByteArray) -> int:
        photo = Photo(pixels, "picture")
        faces = locate_faces(photo, max_faces=1)
        if not faces:
            return -1
        landmarks = locate_landmarks(photo, faces[0])
        start = time.perf_counter()
        problem = ShapeProblem(photo, Located(faces[0], landmarks, landmarks), database, template, None)
        looks = likeness([(photo, landmarks)], database)
        times.append(time.perf_counter() - start)
        fit = problem.first_fit(lambda: None)
        assert looks is not None
        return int(np.argmax(head_scores(database, fit.identity, fit.identity_covariance, looks)))

    with threadpool_limits(limits=1, user_api="blas"):
        found = np.array([scored(pixels) for pixels in test.photos], dtype=np.int32)
    ms = 1e3 * float(np.median(times)) if times else float("nan")
    return _result(data, "default", found, test.labels, ms, len(test.people))


def evaluate_recognition(
    database: HeadDatabase,
    train: LabelledFaces,
    test: LabelledFaces,
    encoder: Encoder,
    gallery: Float32Array,
    orl: Path | None = None,
    rivals: tuple[Rival, ...] = RIVALS,
    seed: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[RecognitionResult, ...]:
    """Return table 1.

    Parameters
    ----------
    database, gallery
        The heads, and the embeddings (N, D) of their frontal projections.
    train, test
        Pictures of them, of different light, pose and expression.
    encoder
        The network.
    orl
        The AT&T database of faces: the first five pictures of each person are known, the others recognised.
    rivals
        Which methods of the table.
    seed
        Of what they draw.
    say
        Called with a line for each result.
    """
    results: list[RecognitionResult] = []

    def add(result: RecognitionResult) -> None:
        results.append(result)
        say(f"{result.data}, {result.method}: {result.rank1:.2%}, {result.milliseconds:.1f} ms")

    drawn = f"{len(database)} drawn heads"
    for rival in rivals:
        add(evaluate_rival(rival, drawn, train, test, seed))
    if set(encoder.people) >= set(test.people):
        add(evaluate_classifier(encoder, drawn, test, "paper-cnn"))
    if test.photos:
        add(evaluate_default(database, drawn, test))
    rows = np.arange(len(database), dtype=np.int32)
    add(evaluate_encoder(encoder, drawn, gallery, rows, test, "paper-cnn, nearest projection"))
    if orl is not None:
        known, unknown = orl_faces(orl)
        for rival in rivals:
            add(evaluate_rival(rival, "ORL", known, unknown, seed))
        embedded = encoder.embed(known.faces)
        add(evaluate_encoder(encoder, "ORL", embedded, known.labels, unknown, "paper-cnn, not trained on it"))
    return tuple(results)


def orl_faces(folder: Path) -> tuple[LabelledFaces, LabelledFaces]:
    """Read the AT&T (ORL) database: folders s1 to s40 of ten .pgm pictures; five are known, five to be recognised.

    Raises
    ------
    UnreadableInputError
        If it is not that database.
    """
    parts: tuple[list[ByteArray], list[ByteArray]] = ([], [])
    labels: tuple[list[int], list[int]] = ([], [])
    people = sorted((p for p in folder.glob("s*") if p.is_dir()), key=lambda p: int(p.name[1:] or 0))
    for person, own in enumerate(people):
        for number in range(1, 11):
            grey = cv2.imread(str(own / f"{number}.pgm"), cv2.IMREAD_GRAYSCALE)
            if grey is None:
                raise UnreadableInputError(f"{own / f'{number}.pgm'} is missing or no picture")
            side = int(number > 5)
            parts[side].append(_aligned_grey(np.asarray(grey, dtype=np.uint8)))
            labels[side].append(person)
    if len(people) < 2:
        raise UnreadableInputError(f"{folder} is not the ORL database: it has no folders s1, s2 and so on")
    names = tuple(p.name for p in people)
    known, unknown = (
        LabelledFaces(np.stack(faces), np.array(own, dtype=np.int32), names)
        for faces, own in zip(parts, labels, strict=True)
    )
    return known, unknown


def _aligned_grey(grey: ByteArray) -> ByteArray:
    large = cv2.resize(
        cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC
    )
    pixels = np.asarray(large, dtype=np.uint8)
    faces = locate_faces(Photo(pixels, "face"), max_faces=1)
    if faces:
        return align_face(pixels, to_ibug68(faces[0].mesh).points)
    # A face that is not found counts all the same: where faces lie in these pictures.
    height, width = pixels.shape[:2]
    landmarks = np.zeros((68, 2))
    landmarks[:] = [0.5 * width, EYES_AT[1] * height]
    landmarks[[48, 54]] = [0.5 * width, MOUTH_AT[1] * height]
    return align_face(pixels, landmarks)


def _grey(face: ByteArray) -> ByteArray:
    """Return the face without what is around it: the rivals have no way of their own to leave that out."""
    top, foot, left, right = (round(share * len(face)) for share in _INNER)
    return np.asarray(cv2.cvtColor(face[top:foot, left:right], cv2.COLOR_RGB2GRAY), dtype=np.uint8)
