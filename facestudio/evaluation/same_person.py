"""Do two photos of one person find the same heads? More than photos of two people do, if retrieval sees who it is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from facestudio.database.model import DEFAULT_DATABASE, load_database
from facestudio.errors import UnreadableInputError
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.photo import load_photo
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.retrieval.look_alikes import METHOD as PAPER_CNN
from facestudio.retrieval.score import METHOD as SCORED
from facestudio.retrieval.similar_heads import METHOD as FACE_SHAPE
from facestudio.template.model import load_template
from facestudio.values import BoolArray, FloatArray

_PHOTOS = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True)
class SamePersonResult:
    """How one method tells pairs of photos of one person from pairs of two people.

    Attributes
    ----------
    method
        Of retrieval.
    people, photos
        How many.
    same, other
        Mean number of the ten heads that two photos share, of one person and of two.
    auc
        Chance that a pair of one person shares more (by weight) than a pair of two.
    """

    method: str
    people: int
    photos: int
    same: float
    other: float
    auc: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def area_under_curve(scores: FloatArray, same: BoolArray) -> float:
    """Return the chance that a score (N,) of a same pair is above one of another pair; ties count half."""
    ranks = rankdata(scores)
    positive, negative = int(same.sum()), int((~same).sum())
    return float((ranks[same].sum() - positive * (positive + 1) / 2) / (positive * negative))


def evaluate_same_person(
    folder: Path, name: str = DEFAULT_DATABASE, say: Callable[[str], None] = lambda line: None
) -> tuple[SamePersonResult, ...]:
    """Retrieve heads for photos of people, and compare what pairs of photos have in common.

    Parameters
    ----------
    folder
        Photos, subfolders too; up to the first underscore their names say who it is (017_03.jpg, 017_08.jpg).
    name
        The database.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If no person has two photos with a face, or only one person has.
    """
    database, template = load_database(name), load_template()
    files = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in _PHOTOS and "_" in f.stem]
    people: list[str] = []
    found: dict[str, list[dict[str, float]]] = {SCORED: [], FACE_SHAPE: [], PAPER_CNN: []}
    for file in files:
        photo = load_photo(file)
        faces = locate_faces(photo, max_faces=1)
        if not faces:
            continue
        landmarks = locate_landmarks(photo, faces[0])
        problem = ShapeProblem(photo, Located(faces[0], landmarks, landmarks), database, template, None)
        for method, rows in found.items():
            _, heads = problem.retrieve(landmarks, frozenset(), lambda: None, method)
            rows.append({head.id: head.weight for head in heads})
        people.append(file.stem.split("_")[0])
        say(f"{len(people)} of {len(files)}")
    pairs = list(combinations(range(len(people)), 2))
    same = np.array([people[a] == people[b] for a, b in pairs], dtype=np.bool_)
    if not same.any() or same.all():
        raise UnreadableInputError(f"{folder} has no two photos of one person among those of others")
    results: list[SamePersonResult] = []
    for method, rows in found.items():
        shared = np.array([len(rows[a].keys() & rows[b].keys()) for a, b in pairs], dtype=np.float64)
        weight = np.array(
            [sum(min(w, rows[b].get(head, 0.0)) for head, w in rows[a].items()) for a, b in pairs]
        )
        results.append(
            SamePersonResult(
                method,
                len(set(people)),
                len(people),
                float(shared[same].mean()),
                float(shared[~same].mean()),
                area_under_curve(weight, same),
            )
        )
    return tuple(results)
