"""Accuracy of registration: heads of ICT-FaceKit brought to the template, and landmarks held back from it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facestudio.database.registration.prior import ShapePrior
from facestudio.database.registration.register import register_scan
from facestudio.database.registration.scan import Scan
from facestudio.database.sources.ict_facekit import IctFaceKit
from facestudio.template.model import PointMap, Template
from facestudio.template.parts import REGIONS, template_parts
from facestudio.values import FloatArray, IntArray

# Held back: points of ibug68, and places that were found by their anatomy on the mean of either mesh.
HELD_BACK_IBUG = (33, 36, 39, 42, 45, 48, 50, 52, 54, 57)
_PLACES: tuple[tuple[str, tuple[int, int, float], int], ...] = (
    # name, two template vertices and the share of the first, ICT's vertex
    ("glabella", (227, 234, 0.5), 2052),
    ("sellion", (132, 132, 1.0), 1358),
    ("sublabiale", (724, 724, 1.0), 7),
    ("pogonion", (733, 1583, 0.6), 968),
    ("left intertragic notch", (4200, 4200, 1.0), 7154),
    ("right intertragic notch", (2094, 2094, 1.0), 7881),
)
_EAR_PLACES = ("top", "back")


@dataclass(frozen=True)
class RegionRow:
    """Surface residual of a region over all heads, mm: median of medians, mean of 95th percentiles."""

    region: str
    median_mm: float
    p95_mm: float


@dataclass(frozen=True)
class LandmarkRow:
    """A landmark held back: the median distance over all heads, mm."""

    landmark: str
    median_mm: float


@dataclass(frozen=True)
class RegistrationReport:
    """What was measured; distances in mm.

    `held_back_mm` is the median over all heads and held-back landmarks, `ears_mm` over those of the ears.
    """

    heads: int
    accepted: int
    seed: int
    given_points: bool
    regions: tuple[RegionRow, ...]
    landmarks: tuple[LandmarkRow, ...]
    held_back_mm: float
    ears_mm: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def held_back_landmarks(template: Template, source: IctFaceKit) -> tuple[tuple[str, ...], PointMap, IntArray]:
    """Return the 20 landmarks that registration is not told: names, places on the template, ICT's vertices."""
    names = [f"ibug {k}" for k in HELD_BACK_IBUG] + [name for name, _, _ in _PLACES]
    rows = list(HELD_BACK_IBUG)
    ids = [template.ibug68.vertex_ids[rows]]
    weights = [template.ibug68.weights[rows]]
    ict = [source.landmarks68[rows]]
    for _, (a, b, share), there in _PLACES:
        ids.append(np.array([[a, b, b]], dtype=np.int32))
        weights.append(np.array([[share, 1 - share, 0.0]]))
        ict.append(np.array([there], dtype=np.int32))
    here, there = _ear_extremes(template, source)
    names += [f"{side} ear's {place}" for side in ("left", "right") for place in _EAR_PLACES]
    ids.append(np.repeat(here[:, None], 3, axis=1))
    weights.append(np.tile([1.0, 0.0, 0.0], (len(here), 1)))
    ict.append(there)
    return tuple(names), PointMap(np.concatenate(ids), np.concatenate(weights)), np.concatenate(ict)


def _ear_extremes(template: Template, source: IctFaceKit) -> tuple[IntArray, IntArray]:
    """Return the topmost and the hindmost vertex of each ear on the template and on ICT's mesh, (4,) each."""
    parts = template_parts(template)
    p, q = template.vertices, source.neutral
    used = np.zeros(len(q), dtype=np.bool_)
    used[source.skin_triangles] = True
    # ICT's ear stands out behind the level of the eyes; above it the temple comes near.
    brow, mouth = (float(q[source.landmarks68[k], 1].mean()) for k in ([19, 24], [48, 54]))
    here: list[int] = []
    there: list[int] = []
    for side in (1.0, -1.0):
        ear = np.flatnonzero(parts.ears & (side * p[:, 0] > 74.0))
        here += [int(ear[np.argmax(p[ear, 1])]), int(ear[np.argmin(p[ear, 2])])]
        level = np.flatnonzero(used & (q[:, 1] > mouth) & (q[:, 1] < brow) & (side * q[:, 0] > 0))
        out = np.abs(q[level, 0])
        ear = level[out > out.max() - 8.0]
        there += [int(ear[np.argmax(q[ear, 1])]), int(ear[np.argmin(q[ear, 2])])]
    return np.array(here, dtype=np.int32), np.array(there, dtype=np.int32)


def evaluate_registration(
    template: Template,
    source: IctFaceKit,
    count: int,
    seed: int,
    *,
    given_points: bool = True,
    prior: ShapePrior | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> RegistrationReport:
    """Draw heads from ICT's model, register each, and measure.

    Parameters
    ----------
    template, source
        Where to and where from.
    count, seed
        How many heads, and of which draw.
    given_points
        Whether registration gets the points of ibug68 that are not held back, or must find the face itself.
    prior
        As in `register_scan`.
    progress
        Called with a fraction and a message.
    """
    names, where, vertices = held_back_landmarks(template, source)
    distances: list[FloatArray] = []
    medians: list[list[float]] = []
    far: list[list[float]] = []
    accepted = 0
    for number in range(count):
        if progress is not None:
            progress(number / count, f"head {number + 1} of {count}")
        rng = np.random.default_rng([seed, number])
        head = source.head(rng.standard_normal(len(source.identity)))
        points = head[source.landmarks68]
        points[list(HELD_BACK_IBUG)] = np.nan
        scan = Scan(head, source.skin_triangles, points if given_points else None)
        result = register_scan(template, scan, prior=prior)
        accepted += result.accepted
        truth = result.scale * head[vertices] @ result.rotation.T + result.shift
        distances.append(np.linalg.norm(where.points(result.vertices) - truth, axis=1))
        medians.append([result.residuals[name].median_mm for name in REGIONS])
        far.append([result.residuals[name].p95_mm for name in REGIONS])
    table = np.stack(distances)
    ears = [i for i, name in enumerate(names) if "ear" in name or "tragic" in name]
    median, p95 = np.nanmedian(medians, axis=0), np.nanmean(far, axis=0)
    return RegistrationReport(
        heads=count,
        accepted=accepted,
        seed=seed,
        given_points=given_points,
        regions=tuple(RegionRow(n, float(median[i]), float(p95[i])) for i, n in enumerate(REGIONS)),
        landmarks=tuple(LandmarkRow(n, float(np.median(table[:, i]))) for i, n in enumerate(names)),
        held_back_mm=float(np.median(table)),
        ears_mm=float(np.median(table[:, ears])),
    )
