import numpy as np
import pytest

from facestudio.geometry import mesh
from facestudio.geometry.camera import project, view_camera
from facestudio.geometry.raster import depth_buffer, interpolate, rasterise, uv_to_texel


def _triangles(*rows):
    return np.array(rows, dtype=np.int32)


def _reference(points, depth, triangles, size):
    """Brute force over all pixels and triangles; ignores who owns a side (use points in general position)."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    winner, best = np.full(x.shape, -1), np.full(x.shape, np.inf)
    for t, (a, b, c) in enumerate(triangles):
        (ax, ay), (bx, by), (cx, cy) = points[a], points[b], points[c]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
        w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
        z = (1 - v - w) * depth[a] + v * depth[b] + w * depth[c]
        hit = (v >= 0) & (w >= 0) & (v + w <= 1) & (z < best)
        winner[hit], best[hit] = t, z[hit]
    return winner, best


def test_agrees_with_brute_force_on_random_triangles():
    rng = np.random.default_rng(0)
    size = (60, 40)
    points = rng.uniform(-20, 70, (90, 2))
    depth = rng.uniform(-5, 5, 90)
    triangles = rng.permutation(90).reshape(30, 3).astype(np.int32)
    result = rasterise(points, depth, triangles, size)
    winner, best = _reference(points, depth, triangles, size)
    assert (winner >= 0).mean() > 0.5
    np.testing.assert_array_equal(result.triangle, winner)
    np.testing.assert_allclose(result.depth, best, atol=1e-5)


@pytest.mark.parametrize("cull_back", [False, True])
def test_a_depth_buffer_has_the_depths_of_the_rasteriser(cull_back):
    rng = np.random.default_rng(3)
    points, depth = rng.uniform(-20, 70, (90, 2)), rng.uniform(-5, 5, 90)
    triangles = rng.permutation(90).reshape(30, 3).astype(np.int32)
    found = depth_buffer(points, depth, triangles, (60, 40), cull_back=cull_back)
    wanted = rasterise(points, depth, triangles, (60, 40), cull_back=cull_back).depth
    assert found.dtype == np.float32
    assert np.isfinite(wanted).mean() > 0.3
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_barycentric_coordinates_give_the_pixel_back():
    rng = np.random.default_rng(1)
    points = rng.uniform(-20, 70, (90, 2))
    triangles = rng.permutation(90).reshape(30, 3).astype(np.int32)
    result = rasterise(points, rng.uniform(0, 1, 90), triangles, (50, 50))
    place = interpolate(result, points, fill=np.nan)
    y, x = np.nonzero(result.covered)
    np.testing.assert_allclose(place[y, x], np.stack([x, y], axis=1), atol=1e-3)
    np.testing.assert_allclose(result.barycentric.sum(axis=2)[y, x], 1, atol=1e-6)
    assert result.barycentric.min() >= 0
    assert np.isnan(place[~result.covered]).all()


@pytest.mark.parametrize("shift", [0.0, 0.5, 0.1234])
def test_a_grid_is_covered_once_without_gaps(shift):
    """Drawn one by one, the triangles of a grid draw every pixel once, also on their sides."""
    n = 6
    grid = np.stack(np.meshgrid(np.arange(n + 1), np.arange(n + 1)), -1).reshape(-1, 2) * 4.0 + 2 + shift
    ids = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    quads = (
        np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], -1).reshape(-1, 4).astype(np.int32)
    )
    triangles = mesh.triangulate(quads)
    depth = np.zeros(len(grid))
    total = sum(rasterise(grid, depth, triangles[i : i + 1], (30, 30)).covered.astype(int) for i in range(72))
    expected = np.zeros((30, 30), dtype=int)
    start = int(np.ceil(2 + shift))
    expected[start : start + 24, start : start + 24] = 1
    np.testing.assert_array_equal(total, expected)


def test_a_fan_of_slivers_has_no_gap_and_no_overlap():
    rng = np.random.default_rng(5)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 400))
    rim = 300 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + (50.3, 49.7)
    points = np.concatenate([[[50.3, 49.7]], rim])
    fan = np.stack([np.zeros(400), 1 + np.arange(400), 1 + (np.arange(400) + 1) % 400], axis=1).astype(
        np.int32
    )
    depth = np.zeros(401)
    total = sum(rasterise(points, depth, fan[i : i + 1], (100, 100)).covered.astype(int) for i in range(400))
    np.testing.assert_array_equal(total, 1)


def test_perspective_gives_the_point_in_space(ball):
    vertices, quads = ball
    triangles = mesh.triangulate(quads)
    camera = view_camera((160, 120), focal_px=180, distance_mm=260, yaw=0.5, pitch=0.3)
    pixels, depth = project(camera, vertices)
    result = rasterise(pixels, depth, triangles, (160, 120), perspective=True)
    seen = interpolate(result, vertices)[result.covered].astype(np.float64)
    y, x = np.nonzero(result.covered)
    again, z = project(camera, seen)
    np.testing.assert_allclose(again, np.stack([x, y], axis=1), atol=2e-3)
    np.testing.assert_allclose(z, result.depth[result.covered], rtol=1e-5)
    # Seen from outside, the surface faces the lens wherever a closed mesh is seen.
    lens = -camera.rotation.T @ camera.translation_mm
    facing = mesh.face_area_vectors(vertices, triangles)[result.triangle[result.covered]]
    assert (np.einsum("ij,ij->i", facing, lens - seen) > 0).all()


def test_culling_changes_nothing_on_a_closed_mesh(ball):
    vertices, quads = ball
    camera = view_camera((100, 100), focal_px=300, distance_mm=600, yaw=1.0)
    pixels, depth = project(camera, vertices)
    arguments = (pixels, depth, mesh.triangulate(quads), (100, 100))
    full, culled = (rasterise(*arguments, perspective=True, cull_back=c) for c in (False, True))
    np.testing.assert_array_equal(full.triangle, culled.triangle)
    assert rasterise(pixels, depth, arguments[2][:, ::-1], (100, 100), cull_back=True).covered.sum() > 0


def test_of_equal_depth_the_first_triangle_wins():
    points = np.array([[0, 0], [9, 0], [0, 9]], dtype=float)
    same = _triangles([0, 1, 2], [1, 2, 0], [2, 0, 1])
    for depth in (np.zeros(3), np.full(3, -0.0), np.full(3, 7.0), np.full(3, -7.0)):
        assert set(np.unique(rasterise(points, depth, same, (10, 10)).triangle)) == {-1, 0}


def test_negative_depths_are_ordered():
    points = np.array([[0, 0], [9, 0], [0, 9]] * 2, dtype=float)
    depth = np.array([-1.0, -1, -1, -2, -2, -2])
    result = rasterise(points, depth, _triangles([0, 1, 2], [3, 4, 5]), (10, 10))
    assert result.triangle[2, 2] == 1
    assert result.depth[2, 2] == -2


def test_degenerate_offscreen_and_hidden_triangles_draw_nothing():
    points = np.array(
        [[1, 1], [8, 8], [3, 3], [-50, 1], [-60, 1], [-50, 9], [5, 1], [5, 9], [np.nan, 2], [1, 9]]
    )
    depth = np.array([1.0, 1, 1, 1, 1, 1, 1, -1, 1, 1])
    useless = _triangles([0, 0, 1], [0, 1, 2], [3, 4, 5], [0, 6, 8], [0, 0, 0])
    assert not rasterise(points, depth, useless, (10, 10)).covered.any()
    behind = rasterise(points, depth, _triangles([0, 6, 7]), (10, 10), perspective=True)
    assert not behind.covered.any()
    assert np.isinf(behind.depth).all()
    assert not rasterise(points, depth, useless[:0], (10, 10)).covered.any()


def test_huge_triangle_around_the_picture_fills_it():
    points = np.array([[-1e7, -1e7], [1e7, -1e7], [0, 3e7]])
    result = rasterise(points, np.array([2.0, 2.0, 2.0]), _triangles([0, 1, 2]), (33, 21), perspective=True)
    assert result.covered.all()
    np.testing.assert_allclose(result.depth, 2)


def test_more_pixels_than_one_chunk_holds():
    points = np.array([[-1, -1], [3000, -1], [-1, 3000]], dtype=float)
    size = (1500, 1400)
    result = rasterise(points, np.zeros(3), _triangles([0, 1, 2]), size)
    y, x = np.mgrid[: size[1], : size[0]]
    np.testing.assert_array_equal(result.covered, x + y < 2999)


def test_slivers_are_nowhere_nearer_than_their_corners():
    """Depth extrapolates wildly over triangles that are almost lines."""
    rng = np.random.default_rng(8)
    plane = np.array([[-200, -200], [400, -200], [-200, 400]], dtype=float)
    for _ in range(200):
        start, along = rng.integers(0, 40, 2), rng.integers(1, 4, 2) * 30
        middle = start + along * rng.uniform(0.2, 0.8) + rng.normal(0, 1e-13, 2)
        points = np.concatenate([plane, [start, start + along, middle]])
        depth = np.concatenate([np.full(3, 900.0), rng.uniform(1000, 9000, 3)])
        result = rasterise(points, depth, _triangles([0, 1, 2], [3, 4, 5]), (80, 80))
        assert (result.triangle == 0).all()


def test_texels_of_uv_corners():
    corners = uv_to_texel(np.array([[0, 1], [1, 0], [0.5 / 8, 1 - 0.5 / 8]]), 8)
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [7.5, 7.5], [0, 0]])


def test_attributes_of_other_corners():
    points = np.array([[0, 0], [9, 0], [0, 9]], dtype=float)
    result = rasterise(points, np.zeros(3), _triangles([0, 1, 2]), (10, 10))
    values = np.array([[5.0], [5.0], [5.0], [1.0]])
    picture = interpolate(result, values, triangles=_triangles([2, 1, 0]), fill=-1)
    assert set(np.unique(picture)) == {-1.0, 5.0}
    assert picture.shape == (10, 10, 1)
