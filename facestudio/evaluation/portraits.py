"""Shape on real photos: how much better than the mean head a reconstructed head explains points set by hand.

There are no scans of these people. But a head whose proportions are the person's, laid over the photo by a pose alone,
comes nearer to the 68 points that someone set by hand than the mean head. What all photos have in common (a convention
of where points lie) is taken out. Proportions tell more: whether the heads' are the people's, one by one.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.database.model import DEFAULT_DATABASE, load_database
from facestudio.errors import NoFaceError, UnreadableInputError
from facestudio.fitting.pose import initial_pose
from facestudio.geometry.camera import project
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.pipeline.lens import photo_camera
from facestudio.pipeline.retrieval import retrieval_method
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.template.model import JAW_POINTS, load_template
from facestudio.training.asm.annotated import read_annotated_folder
from facestudio.values import FloatArray

METHODS = ("mean", "paper", "map", "default")
PROPORTIONS = {
    "between the eyes": (39, 42),
    "width of the nose": (31, 35),
    "width of the mouth": (48, 54),
    "width of the face": (0, 16),
    "width of the jaw": (4, 12),
    "bridge to nose": (27, 33),
    "nose to chin": (33, 8),
    "bridge to chin": (27, 8),
}
"""Distances of two of the 68 points each, as parts of the distance of the outer eye corners in the picture."""

_EYE_CORNERS = (36, 45)


@dataclass(frozen=True)
class PortraitRow:
    """What one method leaves unexplained: root mean square, % of the outer eye distance; and beside the mean head's."""

    method: str
    all_points: float
    inner_points: float
    ratio_all: float
    ratio_inner: float


@dataclass(frozen=True)
class ProportionRow:
    """A proportion of the people in photos.

    `by_hand` is the mean of what the points say; `mean_head` and `default` of the mean head and of the heads
    reconstructed, seen as the photos see them; `correlation` is that of the default's heads with the points, over the
    photos.
    """

    name: str
    by_hand: float
    mean_head: float
    default: float
    correlation: float


@dataclass(frozen=True)
class PortraitReport:
    """How many photos, how many without a located face or pose, a row for each method, and one for each proportion."""

    photos: int
    missed: int
    rows: tuple[PortraitRow, ...]
    proportions: tuple[ProportionRow, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def evaluate_portraits(
    folder: Path, name: str = DEFAULT_DATABASE, say: Callable[[str], None] = lambda line: None
) -> PortraitReport:
    """Reconstruct photos with points set by hand; the points are only compared with.

    Parameters
    ----------
    folder
        Photos with points, as `facestudio train asm` reads them; calm faces from the front.
    name
        The database.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If there are not three usable photos.
    """
    database, template = load_database(name), load_template()
    photos, _ = read_annotated_folder(folder, say=say)
    left: dict[str, list[FloatArray]] = {method: [] for method in METHODS}
    by_hand: list[FloatArray] = []
    missed = 0
    for number, annotated in enumerate(photos):
        photo = annotated.load()
        faces = locate_faces(photo, max_faces=1)
        if not faces or annotated.scheme != "ibug68":
            missed += 1
            continue
        landmarks = locate_landmarks(photo, faces[0])
        eyes = float(np.linalg.norm(np.subtract(*annotated.points[list(_EYE_CORNERS)])))
        problem = ShapeProblem(photo, Located(faces[0], landmarks, landmarks), database, template, None)
        found: dict[str, FloatArray] = {}
        try:
            for method in METHODS:
                fit, heads = problem.retrieve(
                    landmarks, frozenset(), lambda: None, retrieval_method(method, database)
                )
                head = problem.solve(landmarks, fit, heads, method, lambda: None).vertices
                points = template.ibug68.points(head)
                camera = initial_pose(points, annotated.points, photo_camera(photo, None))
                found[method] = (annotated.points - project(camera, points)[0]) / eyes * 100
        except NoFaceError:
            missed += 1
            continue
        for method in METHODS:
            left[method].append(found[method])
        by_hand.append(annotated.points / eyes * 100)
        say(f"{number + 1} of {len(photos)}: {annotated.path.name}")
    count = len(left["mean"])
    if count < 3:
        raise UnreadableInputError(
            f"{folder} holds {count} usable photos with points set by hand: 3 are needed"
        )
    rows: list[PortraitRow] = []
    base = _unexplained(left["mean"])
    for method in METHODS:
        every, inner = _unexplained(left[method])
        rows.append(PortraitRow(method, every, inner, every / base[0], inner / base[1]))
    return PortraitReport(count, missed, tuple(rows), _proportions(np.stack(by_hand), left))


def _proportions(by_hand: FloatArray, left: dict[str, list[FloatArray]]) -> tuple[ProportionRow, ...]:
    """Return the proportions of points set by hand (n, 68, 2) and of heads from which they are left so far off."""

    def parts(points: FloatArray, pair: tuple[int, int]) -> FloatArray:
        first, second = _EYE_CORNERS
        eyes = np.linalg.norm(points[:, first] - points[:, second], axis=1)
        return np.asarray(np.linalg.norm(points[:, pair[0]] - points[:, pair[1]], axis=1) / eyes)

    mean, own = by_hand - np.stack(left["mean"]), by_hand - np.stack(left["default"])
    rows: list[ProportionRow] = []
    for name, pair in PROPORTIONS.items():
        real, said = parts(by_hand, pair), parts(own, pair)
        alike = float(np.corrcoef(real, said)[0, 1])
        rows.append(
            ProportionRow(
                name, float(real.mean()), float(parts(mean, pair).mean()), float(said.mean()), alike
            )
        )
    return tuple(rows)


def _unexplained(left: list[FloatArray]) -> tuple[float, float]:
    """Return the root mean square of what is left of all points, and of those that are not the jaw's."""
    off = np.stack(left)
    off = off - off.mean(axis=0)
    every = float(np.sqrt((off**2).sum(axis=2).mean()))
    return every, float(np.sqrt((off[:, JAW_POINTS:] ** 2).sum(axis=2).mean()))
