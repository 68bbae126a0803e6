"""How points move with one another, without a window."""

import numpy as np
import pytest

from facestudio.app.editor.motion import (
    GROUPS,
    MoveOptions,
    eye_distance,
    grabbed_points,
    moved,
    part_of,
    parts,
    point_label,
    shares,
    side_axis,
    sureness,
)
from facestudio.landmarks.schemes import load_scheme
from facestudio.template.model import load_template
from facestudio.values import Landmarks


@pytest.fixture(scope="module")
def face() -> Landmarks:
    template = load_template()
    points = template.ibug68.points(template.vertices)[:, :2] * (1, -1) * 2 + (300, 300)
    return Landmarks.of("ibug68", points, sigma=2.0, method="mesh478")


def test_every_point_is_in_exactly_one_part() -> None:
    members = [point for points in parts().values() for point in points]
    assert sorted(members) == list(range(68))
    assert set(GROUPS) == set(parts())


@pytest.mark.parametrize(
    ("point", "label", "part"),
    [
        (8, "Chin", "Jaw"),
        (30, "Nose tip", "Nose"),
        (36, "Right eye outer", "Right eye"),
        (54, "Left mouth corner", "Mouth"),
        (24, "Left brow 3", "Left brow"),
    ],
)
def test_points_have_names_for_people(point: int, label: str, part: str) -> None:
    assert (point_label(point), part_of(point)) == (label, part)


def test_labels_are_all_different() -> None:
    assert len({point_label(i) for i in range(68)}) == 68


def test_a_plain_drag_moves_one_point_exactly(face: Landmarks) -> None:
    after = moved(face, {30}, np.array([3.0, -2.0]), MoveOptions())
    expected = face.points.copy()
    expected[30] += (3.0, -2.0)
    assert np.array_equal(after.points, expected)
    assert np.flatnonzero(after.moved).tolist() == [30]


def test_soft_falloff_is_smooth_and_ends_at_its_reach(face: Landmarks) -> None:
    options = MoveOptions(soft=True, reach=0.4)
    follow = shares(face.points, {30}, options)
    away = np.linalg.norm(face.points - face.points[30], axis=1) / eye_distance(face.points)
    assert follow[30] == 1.0
    assert (follow[away >= 0.4] == 0).all()
    order = np.argsort(away)
    assert (np.diff(follow[order]) <= 1e-12).all()
    assert 0 < follow[33] < 1


def test_a_wider_reach_takes_more_points_along(face: Landmarks) -> None:
    counts = [
        int((shares(face.points, {30}, MoveOptions(soft=True, reach=r)) > 0).sum()) for r in (0.1, 0.5, 1.5)
    ]
    assert counts[0] < counts[1] < counts[2]


def test_mirror_reflects_the_motion_at_the_middle_line(face: Landmarks) -> None:
    by = np.array([5.0, 3.0])
    after = moved(face, {36}, by, MoveOptions(mirror=True))
    axis = side_axis(face.points)
    assert np.allclose(after.points[36] - face.points[36], by)
    assert np.allclose(after.points[45] - face.points[45], by - 2 * (by @ axis) * axis)
    assert np.flatnonzero(after.moved).tolist() == [36, 45]


def test_mirror_leaves_a_point_of_the_middle_line_to_the_pointer(face: Landmarks) -> None:
    after = moved(face, {30}, np.array([4.0, 0.0]), MoveOptions(mirror=True))
    assert np.allclose(after.points[30] - face.points[30], [4.0, 0.0])
    assert np.flatnonzero(after.moved).tolist() == [30]


def test_mirror_follows_a_tilted_head(face: Landmarks) -> None:
    turn = np.radians(30)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    tilted = Landmarks.of("ibug68", face.points @ rotation.T, sigma=2.0, method="mesh478")
    by = np.array([5.0, 3.0])
    upright = moved(face, {36}, by, MoveOptions(mirror=True)).points
    assert np.allclose(
        moved(tilted, {36}, rotation @ by, MoveOptions(mirror=True)).points, upright @ rotation.T, atol=1e-6
    )


def test_a_soft_mirrored_drag_keeps_a_symmetric_face_symmetric(face: Landmarks) -> None:
    mirror = load_scheme("ibug68").mirror
    x = 300.0
    flipped = face.points[mirror] * (-1, 1) + (2 * x, 0)
    even = Landmarks.of("ibug68", (face.points + flipped) / 2, sigma=2.0, method="mesh478")
    after = moved(even, {48}, np.array([6.0, -4.0]), MoveOptions(mirror=True, soft=True, reach=0.3))
    back = after.points[mirror] * (-1, 1) + (2 * x, 0)
    paired = [i for i in range(68) if mirror[i] != i]
    assert np.allclose(after.points[paired], back[paired], atol=1e-6)


def test_a_drag_takes_the_selection_or_the_part_or_the_point() -> None:
    chosen = frozenset({1, 2, 30})
    assert grabbed_points(30, chosen, MoveOptions()) == chosen
    assert grabbed_points(40, chosen, MoveOptions()) == {40}
    assert grabbed_points(40, chosen, MoveOptions(whole_part=True)) == parts()["Right eye"]


def test_sureness_falls_with_the_noise_and_moved_points_are_sure(face: Landmarks) -> None:
    size = eye_distance(face.points)
    sigma = np.linspace(0.001, 0.08, 68) * size
    covariance = np.eye(2) * (sigma**2)[:, None, None]
    points = Landmarks("ibug68", face.points, covariance, np.arange(68) == 67, "mesh478")
    sure = sureness(points)
    assert sure[0] == 1.0
    assert sure[66] == 0.0
    assert sure[67] == 1.0
    assert (np.diff(sure[:67]) <= 0).all()


def test_only_what_was_grabbed_counts_as_moved_by_hand(face: Landmarks) -> None:
    after = moved(face, {48}, np.array([6.0, -4.0]), MoveOptions(mirror=True, soft=True, reach=0.5))
    assert np.flatnonzero(after.moved).tolist() == [48, 54]
    assert (after.points != face.points).any(axis=1).sum() > 10
