"""How points move with one another: parts, soft falloff, mirror. Plain functions, no Qt."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from facestudio.app.words import mark, tr
from facestudio.landmarks.schemes import load_scheme
from facestudio.values import FloatArray, Landmarks

# What a person means by a part, made of the scheme's own.
GROUPS: dict[str, tuple[str, ...]] = {
    mark("Right brow"): ("brow_right",),
    mark("Left brow"): ("brow_left",),
    mark("Right eye"): ("eye_right",),
    mark("Left eye"): ("eye_left",),
    mark("Nose"): ("nose_bridge", "nose_base"),
    mark("Mouth"): ("mouth_outer", "mouth_inner"),
    mark("Jaw"): ("jaw",),
}
_MOVED_SHARE = 0.02  # a point that follows by less than this share stays where it was located


@dataclass(frozen=True)
class MoveOptions:
    """How a drag carries other points along.

    Attributes
    ----------
    whole_part
        Take the grabbed point's part with it.
    soft
        Neighbours follow, the less the farther they are.
    reach
        How far the falloff reaches, as a fraction of the distance between the outer eye corners.
    mirror
        The other half of the face moves likewise.
    """

    whole_part: bool = False
    soft: bool = False
    reach: float = 0.5
    mirror: bool = False


@cache
def parts() -> dict[str, frozenset[int]]:
    """Return the points of each group of `GROUPS`."""
    scheme = load_scheme("ibug68")
    return {
        name: frozenset(p for part in members for p in scheme.parts[part]) for name, members in GROUPS.items()
    }


def part_of(point: int) -> str:
    """Return the name of the group a point is in."""
    return next((name for name, points in parts().items() if point in points), "")


def point_label(point: int) -> str:
    """Return a point's name for people."""
    name, number = point_name(point)
    return f"{tr(name)} {number}" if number else tr(name)


def point_name(point: int) -> tuple[str, int]:
    """Return a point's name in English, without its number, and that from 1 (0 if it has none)."""
    name = load_scheme("ibug68").point_names[point]
    words = name.split("_")
    # "brow_right_3" is read as "Right brow 4".
    sides = [word for word in words if word in ("right", "left")]
    rest = [word for word in words if word not in sides and not word.isdigit()]
    number = next((int(word) + 1 for word in words if word.isdigit()), 0)
    return " ".join(sides + rest).capitalize(), number


def eye_distance(points: FloatArray) -> float:
    """Return the distance between the outer eye corners, pixels (at least 1); points are (68, 2) pixels."""
    return max(float(np.hypot(*(points[45] - points[36]))), 1.0)


def side_axis(points: FloatArray) -> FloatArray:
    """Return the direction in the picture from the sitter's right to the left, (2,) of length one.

    The mean over all mirrored pairs of (68, 2) points, so that a few misplaced ones do not tilt it.
    """
    mirror = load_scheme("ibug68").mirror
    pairs = np.array([(i, j) for i, j in enumerate(mirror) if i < j])
    across = points[pairs[:, 1]] - points[pairs[:, 0]]
    # Which point of a pair is the left one differs between parts: let all agree with the eyes.
    eyes = points[45] - points[36]
    across = across * np.where(across @ eyes < 0, -1.0, 1.0)[:, None]
    total = across.sum(axis=0)
    length = float(np.hypot(*total))
    return total / length if length > 1e-9 else np.array([1.0, 0.0])


def grabbed_points(point: int, selection: frozenset[int], options: MoveOptions) -> frozenset[int]:
    """Return which points a drag of one takes with it fully."""
    if point in selection and len(selection) > 1:
        return selection
    if options.whole_part:
        return parts().get(part_of(point), frozenset({point}))
    return frozenset({point})


def shares(points: FloatArray, grabbed: Iterable[int], options: MoveOptions) -> FloatArray:
    """Return how far each point follows, (68,) float64: 1 fully, 0 not at all.

    The soft falloff is (1 - d²)² of the distance d to the nearest grabbed point, in units of the reach:
    smooth at both ends.

    Parameters
    ----------
    points
        (68, 2) pixels before the drag.
    grabbed
        Point numbers.
    options
        `soft` and `reach` count.
    """
    result = np.zeros(len(points))
    chosen = sorted(grabbed)
    if options.soft and chosen:
        away = np.linalg.norm(points[:, None] - points[None, chosen], axis=2).min(axis=1)
        d = away / (options.reach * eye_distance(points))
        result = np.where(d < 1, (1 - d**2) ** 2, 0.0)
        result[result < _MOVED_SHARE] = 0.0
    result[chosen] = 1.0
    return result


def moved(start: Landmarks, grabbed: Iterable[int], by: FloatArray, options: MoveOptions) -> Landmarks:
    """Return landmarks after a drag.

    Only points that follow fully count as moved by hand, and are met exactly by the fit; their soft
    neighbours keep their own uncertainty at their new place.

    Parameters
    ----------
    start
        ibug68 landmarks before the drag.
    grabbed
        The points taken along fully.
    by
        (2,) pixels.
    options
        Soft falloff and mirror; `whole_part` is the caller's (see `grabbed_points`).
    """
    follow = shares(start.points, grabbed, options)
    shift = follow[:, None] * by
    by_hand = follow == 1
    if options.mirror:
        mirror = load_scheme("ibug68").mirror
        axis = side_axis(start.points)
        other = shift[mirror]
        other = other - 2 * (other @ axis)[:, None] * axis
        # A point that moves itself keeps its own motion (the middle line, or both eyes selected).
        takes = follow[mirror] > follow
        shift = np.where(takes[:, None], other, shift)
        by_hand = by_hand | (takes & (follow[mirror] == 1))
    return replace(start, points=start.points + shift, moved=start.moved | by_hand)


def sureness(landmarks: Landmarks) -> FloatArray:
    """Return how sure the position of each point is, (68,) float64 in 0 (unsure) .. 1 (sure).

    From the standard deviation (the root of the mean of the covariance's diagonal) in units of the distance
    between the outer eye corners: 1 % or less is 1, 5 % or more is 0. Moved points are sure.
    """
    sigma = np.sqrt(np.maximum(np.trace(landmarks.covariance, axis1=1, axis2=2) / 2, 0.0))
    relative = sigma / eye_distance(landmarks.points)
    value = np.clip((0.05 - relative) / 0.04, 0.0, 1.0)
    return np.where(landmarks.moved, 1.0, value)
