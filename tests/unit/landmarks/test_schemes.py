from pathlib import Path

import numpy as np
import pytest

from facestudio.errors import ModelError, UsageError
from facestudio.landmarks.schemes import (
    SCHEME_NAMES,
    ibug68_weights,
    load_landmark_map,
    load_landmark_map_file,
    load_mesh_triangles,
    load_scheme,
    load_scheme_file,
    parse_points,
    prior_landmark_map,
    to_ibug68,
)
from facestudio.values import DetectedFace, Landmarks

COUNTS = {"ibug68": 68, "xm2vts68": 68, "webmorph189": 189, "mesh478": 478}
FACE_PARTS = ("jaw", "brow_right", "brow_left", "eye_right", "eye_left", "mouth_outer", "mouth_inner")


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_a_scheme_is_whole(name: str) -> None:
    scheme = load_scheme(name)
    assert scheme.name == name
    assert scheme.count == len(scheme.point_names) == len(scheme.mirror) == COUNTS[name]
    assert len(set(scheme.point_names)) == scheme.count
    assert set(FACE_PARTS) <= set(scheme.parts)
    assert all(len(contour) > 1 for contour in scheme.contours)


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_the_mirror_swaps_right_and_left(name: str) -> None:
    scheme = load_scheme(name)
    swap = {"right": "left", "left": "right"}
    for part, points in scheme.parts.items():
        side = part.rpartition("_")[2]
        other = part.removesuffix(side) + swap[side] if side in swap else part
        assert set(scheme.mirror[list(points)].tolist()) == set(scheme.parts[other]), part


@pytest.mark.parametrize("name", ["ibug68", "xm2vts68"])
def test_every_point_of_the_68_is_in_one_part(name: str) -> None:
    parts = load_scheme(name).parts
    assert sorted(point for part in parts.values() for point in part) == list(range(68))


def test_the_named_parts_of_ibug68_are_the_published_ranges() -> None:
    parts = load_scheme("ibug68").parts
    assert {part: (points[0], points[-1]) for part, points in parts.items()} == {
        "jaw": (0, 16),
        "brow_right": (17, 21),
        "brow_left": (22, 26),
        "nose_bridge": (27, 30),
        "nose_base": (31, 35),
        "eye_right": (36, 41),
        "eye_left": (42, 47),
        "mouth_outer": (48, 59),
        "mouth_inner": (60, 67),
    }


def test_mirroring_twice_is_nothing() -> None:
    scheme = load_scheme("webmorph189")
    points = np.random.default_rng(0).uniform(0, 500, (189, 2))
    assert np.allclose(scheme.mirrored(scheme.mirrored(points, 640), 640), points, rtol=0, atol=1e-9)


def test_lists_of_points_are_read() -> None:
    assert parse_points("0-3 7 6-4") == (0, 1, 2, 3, 7, 6, 5, 4)
    assert parse_points("") == ()
    with pytest.raises(ValueError, match="invalid literal"):
        parse_points("1-x")


def test_an_unknown_scheme_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'ibug69'") as caught:
        load_scheme("ibug69")
    assert "xm2vts68" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml",
        'name = "a"\ncount = 2\ncontours = []\nmirror = [1, 1]\n[parts]\n',
        'name = "a"\ncount = 2\ncontours = ["0-2"]\nmirror = [1, 0]\n[parts]\n',
        'name = "a"\ncount = 2\ncontours = []\nmirror = [1, 5]\n[parts]\n',
    ],
)
def test_a_damaged_scheme_is_a_model_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ModelError, match=r"a\.toml"):
        load_scheme_file(tmp_path / "a.toml")


def test_the_triangles_are_one_surface_with_open_eyes_and_mouth() -> None:
    triangles = load_mesh_triangles()
    assert triangles.shape == (852, 3)
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(
        directed
    )  # oriented alike: no edge twice the same way round
    edges = np.unique(np.sort(directed, axis=1), axis=0)
    vertices = np.unique(triangles)
    assert vertices.tolist() == list(range(468))
    assert (
        len(vertices) - len(edges) + len(triangles) == 2 - 4
    )  # a sphere less the outside, two eyes, a mouth


def test_the_triangles_face_the_viewer(collins_face: DetectedFace) -> None:
    corners = collins_face.mesh.points[load_mesh_triangles()]
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    assert np.mean(ax * by - ay * bx < 0) > 0.95  # counter-clockwise, where y points down


def test_the_map_keeps_affine_maps() -> None:
    value = load_landmark_map()
    assert np.allclose(value.weights.sum(axis=1), 1)
    mesh = np.random.default_rng(1).normal(size=(478, 3))
    matrix = np.random.default_rng(2).normal(size=(3, 3))
    assert np.allclose(value.apply(mesh @ matrix + [1, 2, 3]), value.apply(mesh) @ matrix + [1, 2, 3])
    assert np.allclose(ibug68_weights() @ mesh, value.apply(mesh))


def test_the_map_is_the_same_on_both_sides() -> None:
    weights = ibug68_weights()
    ibug, mesh = load_scheme("ibug68").mirror, load_scheme("mesh478").mirror
    assert np.allclose(weights[ibug][:, mesh], weights, atol=1e-12)
    covariance = load_landmark_map().covariance
    flip = np.diag([-1.0, 1.0])
    assert np.allclose(flip @ covariance[ibug] @ flip, covariance)


def test_the_map_stays_near_the_map_by_eye() -> None:
    weights, by_eye = ibug68_weights(), prior_landmark_map().matrix()
    assert np.abs(weights).max() < 1.2
    assert np.all(np.sum(weights * (by_eye > 0), axis=1) > 0.4)


def test_no_lip_or_lid_follows_the_other() -> None:
    weights, parts = ibug68_weights(), load_scheme("mesh478").parts
    inner, outer, eye = parts["mouth_inner"], parts["mouth_outer"], parts["eye_right"]
    upper_lip, lower_lip = [*inner[1:10], *outer[1:10]], [*inner[11:], *outer[11:]]
    assert not weights[49:54][:, lower_lip].any()
    assert not weights[61:64][:, lower_lip].any()
    assert not weights[55:60][:, upper_lip].any()
    assert not weights[65:68][:, upper_lip].any()
    assert np.abs(weights[37:39][:, list(eye[9:])]).sum() < 0.05
    assert np.abs(weights[40:42][:, list(eye[1:8])]).sum() < 0.05


def test_the_68_points_sit_on_the_face(collins_face: DetectedFace) -> None:
    points = to_ibug68(collins_face.mesh).points
    assert np.all(np.diff(points[2:15, 0]) > 0)
    assert np.all(np.diff(points[:9, 1]) > 0)
    assert np.all(np.diff(points[8:17, 1]) < 0)
    assert np.argmax(points[:, 1]) == 8  # the chin is lowest
    assert np.all(points[36:42, 0] < points[27, 0])
    assert np.all(points[42:48, 0] > points[27, 0])
    for upper, lower in ((61, 67), (62, 66), (63, 65), (37, 41), (38, 40), (43, 47), (44, 46)):
        assert points[upper, 1] < points[lower, 1]
    for eye, iris in ((slice(36, 42), 468), (slice(42, 48), 473)):
        # The iris lies in the eye's outline.
        low, high = points[eye].min(axis=0), points[eye].max(axis=0)
        assert np.all((collins_face.mesh.points[iris] > low) & (collins_face.mesh.points[iris] < high))


def test_the_covariance_turns_and_grows_with_the_face(collins_face: DetectedFace) -> None:
    mesh = collins_face.mesh
    angle, scale = np.radians(70), 2.5
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = Landmarks.of("mesh478", scale * mesh.points @ turn.T, sigma=1, method="mesh478")
    before, after = to_ibug68(mesh), to_ibug68(turned)
    assert np.allclose(after.points, scale * before.points @ turn.T)
    assert np.allclose(after.covariance, scale**2 * turn @ before.covariance @ turn.T)
    assert np.linalg.eigvalsh(before.covariance).min() > 0
    assert before.scheme == "ibug68"
    assert before.method == "mesh478"


def test_the_jaw_is_less_sure_than_the_eyes(collins_face: DetectedFace) -> None:
    spread = np.sqrt(np.trace(to_ibug68(collins_face.mesh).covariance, axis1=1, axis2=2))
    assert spread[:17].min() > spread[36:48].max()


def test_a_point_follows_a_mesh_point_moved_by_hand(collins_face: DetectedFace) -> None:
    moved = collins_face.mesh.with_moved(33, collins_face.mesh.points[33] + [5, 0])
    assert np.flatnonzero(to_ibug68(moved).moved).tolist() == [36]


def test_other_points_than_the_mesh_are_refused() -> None:
    with pytest.raises(ValueError, match="mesh478, not ibug68"):
        to_ibug68(Landmarks.of("ibug68", np.zeros((68, 2)), sigma=1, method="file"))


def test_a_missing_or_damaged_map_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"map\.npz"):
        load_landmark_map_file(tmp_path / "map.npz")
    (tmp_path / "map.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ModelError, match=r"map\.npz"):
        load_landmark_map_file(tmp_path / "map.npz")
    good = {"points": np.zeros((68, 2), int), "weights": np.ones((68, 2)), "covariance": np.zeros((68, 2, 2))}
    np.savez(tmp_path / "map.npz", format=np.array(99), **good)
    with pytest.raises(ModelError, match="newer"):
        load_landmark_map_file(tmp_path / "map.npz")
    np.savez(tmp_path / "map.npz", format=np.array(1), **{**good, "points": np.full((68, 2), 478)})
    with pytest.raises(ModelError, match="out of range"):
        load_landmark_map_file(tmp_path / "map.npz")
