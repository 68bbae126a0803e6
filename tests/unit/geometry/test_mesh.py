import numpy as np
import pytest

from facestudio.geometry import mesh


def test_normals_of_an_ellipsoid_point_along_its_gradient(ball):
    vertices, quads = ball
    expected = mesh.normalised(vertices / np.array([80.0, 120.0, 100.0]) ** 2)
    for faces in (quads, mesh.triangulate(quads)):
        normals = mesh.vertex_normals(vertices, faces)
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-12)
        assert (normals * expected).sum(axis=1).min() > np.cos(np.radians(4))


def test_normals_are_weighted_by_area():
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 2, 0], [0, 0, 1]], dtype=float)
    normals = mesh.vertex_normals(vertices, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32))
    np.testing.assert_allclose(normals[0], np.array([2, 0, 8]) / np.sqrt(68))


def test_vertex_without_a_face_has_a_null_normal():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9]], dtype=float)
    assert (mesh.vertex_normals(vertices, np.array([[0, 1, 2]], dtype=np.int32))[3] == 0).all()


def test_areas_and_volume_of_a_box():
    x, y, z = np.meshgrid([0, 2], [0, 3], [0, 5], indexing="ij")
    vertices = np.stack([x, y, z], -1).reshape(-1, 3).astype(float)
    quads = np.array(
        [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], dtype=np.int32
    )
    assert mesh.is_watertight(quads)
    assert mesh.signed_volume(vertices, quads) == pytest.approx(30)
    assert mesh.signed_volume(vertices, quads[:, ::-1]) == pytest.approx(-30)
    assert mesh.triangle_areas(vertices, mesh.triangulate(quads)).sum() == pytest.approx(2 * (6 + 10 + 15))
    lengths = mesh.edge_lengths(vertices, mesh.unique_edges(quads))
    np.testing.assert_allclose(np.sort(lengths), [2] * 4 + [3] * 4 + [5] * 4)


def test_closed_ball_is_watertight_and_obeys_euler(ball):
    vertices, quads = ball
    assert mesh.is_watertight(quads)
    assert mesh.is_watertight(mesh.triangulate(quads))
    assert len(vertices) - len(mesh.unique_edges(quads)) + len(quads) == 2
    assert mesh.signed_volume(vertices, quads) == pytest.approx(4 / 3 * np.pi * 80 * 120 * 100, rel=0.02)


def test_holes_flips_and_doubles_are_open_edges(ball):
    _, quads = ball
    sides = {tuple(edge) for edge in np.stack([quads[7], np.roll(quads[7], -1)], axis=1).tolist()}
    missing = mesh.open_edges(np.delete(quads, 7, axis=0))
    assert {(b, a) for a, b in missing.tolist()} == sides
    flipped = quads.copy()
    flipped[7] = flipped[7, ::-1]
    assert len(mesh.open_edges(flipped)) == 4
    assert len(mesh.open_edges(np.concatenate([quads, quads[7:8]]))) == 4
    assert not mesh.is_watertight(quads[:0])


def _brute_force(points, vertices, triangles):
    corners = vertices[triangles]
    best = np.full(len(points), np.inf)
    for i, p in enumerate(points):
        bary = mesh.barycentric_of_closest(
            np.repeat(p[None], len(triangles), axis=0), corners[:, 0], corners[:, 1], corners[:, 2]
        )
        best[i] = np.linalg.norm(p - np.einsum("ik,ikj->ij", bary, corners), axis=1).min()
    return best


def test_closest_point_of_one_triangle_beats_a_dense_sampling():
    rng = np.random.default_rng(0)
    u, v = np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201))
    inside = u + v <= 1
    weights = np.stack([1 - u[inside] - v[inside], u[inside], v[inside]], axis=1)
    for _ in range(30):
        corners, p = rng.normal(0, 1, (3, 3)), rng.normal(0, 2, (1, 3))
        bary = mesh.barycentric_of_closest(p, corners[0:1], corners[1:2], corners[2:3])
        assert bary.min() >= 0
        assert bary.sum() == pytest.approx(1)
        distance = np.linalg.norm(bary @ corners - p)
        sampled = np.linalg.norm(weights @ corners - p, axis=1).min()
        assert distance <= sampled + 1e-12
        assert distance >= sampled - 0.05


@pytest.mark.parametrize("spread", [1.0, 40.0, 400.0])
def test_closest_points_are_exact(ball, spread):
    vertices, quads = ball
    triangles = mesh.triangulate(quads)
    rng = np.random.default_rng(1)
    points = vertices[rng.integers(0, len(vertices), 60)] + rng.normal(0, spread, (60, 3))
    found = mesh.closest_points(points, vertices, triangles)
    np.testing.assert_allclose(found.distances, _brute_force(points, vertices, triangles), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.points - points, axis=1), found.distances, atol=1e-9)
    on_triangle = np.einsum("ik,ikj->ij", found.barycentric, vertices[triangles[found.triangles]])
    np.testing.assert_allclose(on_triangle, found.points, atol=1e-9)
    assert found.barycentric.min() >= 0


def test_closest_points_are_exact_when_triangles_differ_in_size():
    rng = np.random.default_rng(2)
    vertices = rng.normal(0, 1, (300, 3)) * 10 ** rng.uniform(-2, 2, (300, 1))
    triangles = rng.permutation(300).reshape(100, 3).astype(np.int32)
    triangles[0, 1] = triangles[0, 0]  # a triangle that is only a line
    points = rng.normal(0, 20, (80, 3))
    found = mesh.closest_points(points, vertices, triangles)
    np.testing.assert_allclose(found.distances, _brute_force(points, vertices, triangles), atol=1e-9)


def test_vertices_lie_on_their_own_surface(ball):
    vertices, quads = ball
    found = mesh.closest_points(vertices, vertices, mesh.triangulate(quads))
    assert found.distances.max() < 1e-9
    assert found.triangles.min() >= 0


def test_far_points_are_given_up_on_request(ball):
    vertices, quads = ball
    points = np.array([[0.0, 0.0, 103.0], [0.0, 0.0, 200.0]])
    found = mesh.closest_points(points, vertices, mesh.triangulate(quads), max_distance=10.0)
    assert found.distances[0] == pytest.approx(3, abs=0.2)
    assert np.isinf(found.distances[1])
    assert found.triangles[1] == -1
    assert np.isnan(found.points[1]).all()


def test_closest_points_refuses_nonsense():
    triangle = np.array([[0, 1, 2]], dtype=np.int32)
    with pytest.raises(ValueError, match="finite"):
        mesh.closest_points(np.full((1, 3), np.nan), np.eye(3), triangle)
    with pytest.raises(ValueError, match="triangle"):
        mesh.closest_points(np.zeros((1, 3)), np.eye(3), triangle[:0])
