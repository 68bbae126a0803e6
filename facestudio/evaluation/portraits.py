"""Shape on real photos: how much better than the mean head a reconstructed head explains points set by hand.

There are no scans of these people. But a head whose proportions are the person's, laid over the photo by a pose alone,
comes nearer to the 68 points that someone set by hand than the mean head. What all photos have in common (a convention
of where points lie) is taken out.
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
class PortraitReport:
    """How many photos, how many without a located face or pose, and a row for each method."""

    photos: int
    missed: int
    rows: tuple[PortraitRow, ...]

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
    missed = 0
    for number, annotated in enumerate(photos):
        photo = annotated.load()
        faces = locate_faces(photo, max_faces=1)
        if not faces or annotated.scheme != "ibug68":
            missed += 1
            continue
        landmarks = locate_landmarks(photo, faces[0].mesh)
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
    return PortraitReport(count, missed, tuple(rows))


def _unexplained(left: list[FloatArray]) -> tuple[float, float]:
    """Return the root mean square of what is left of all points, and of those that are not the jaw's."""
    off = np.stack(left)
    off = off - off.mean(axis=0)
    every = float(np.sqrt((off**2).sum(axis=2).mean()))
    return every, float(np.sqrt((off[:, JAW_POINTS:] ** 2).sum(axis=2).mean()))
