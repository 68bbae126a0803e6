"""Round trips of heads that database and prior have not seen: better than the mean head by the promised margins."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.evaluation.reconstruction import evaluate_reconstruction
from facestudio.evaluation.surface_error import face_region, now_distances, now_region, scan_to_mesh
from facestudio.geometry.mesh import triangulate
from facestudio.template.model import load_template


@pytest.fixture(scope="module")
def report():
    return evaluate_reconstruction(count=8, seed=11)


def test_margins_over_the_mean_head(report):
    ratio = {row.method: row.ratio for row in report.results}
    assert report.missed == 0
    assert ratio["mean"] == 1.0
    assert ratio["default"] <= 0.85
    assert ratio["default, true points"] <= 0.60
    assert ratio["default"] < ratio["paper"]


def test_every_way_is_measured(report):
    rows = {row.method: row for row in report.results}
    assert {"mean", "paper", "map", "default", "paper, no similar heads", "default, no similar heads"} <= set(
        rows
    )
    assert rows["default"].now_mm[0] < rows["mean"].now_mm[0]
    assert rows["default"].now_metric_mm[0] > rows["default"].now_mm[0]
    assert rows["default"].size < 0.05
    assert all(value > 0 for value in rows["default"].by_region.values())
    predicted, real = np.array(report.reliability).T
    assert (np.diff(predicted) >= 0).all()
    assert 0.4 < np.sqrt((real**2).mean() / (predicted**2).mean()) < 1.8


def test_what_similar_heads_take_off_is_told_with_its_confidence(report):
    mean = {row.method: row.mean_mm for row in report.results}
    assert set(report.retrieval) == {"paper", "map", "default"}
    for method, gain in report.retrieval.items():
        np.testing.assert_allclose(gain.share, 1 - mean[method] / mean[f"{method}, no similar heads"])
        assert gain.low <= gain.share <= gain.high
        assert gain.low < gain.high
    assert report.retrieval["map"].share > 0


def test_now_takes_a_sphere_about_the_nose():
    points = np.zeros((68, 3))
    points[27], points[33], points[36], points[45] = [0, 50, 0], [0, 0, 0], [-50, 50, 0], [50, 50, 0]
    # Centre (0, 15, 0), radius 1.4 (100 + 50) / 2 = 105.
    scan = np.array([[0.0, 15, 0], [104.9, 15, 0], [105.1, 15, 0], [0, 119.9, 0], [0, -90.1, 0]])
    np.testing.assert_array_equal(now_region(scan, points), [0, 1, 3])


def test_now_finds_place_and_size_and_nothing_else():
    database, template = load_database(), load_template()
    triangles = triangulate(template.quads[template.quad_material == 0])
    head = database.vertices(0)
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    scan = head[template.material_vertices("skin")]

    def distances(estimate, scaled):
        own = template.ibug68.points(estimate)
        return now_distances(estimate, triangles, own, scan, template.ibug68.points(head), scaled=scaled)

    larger = 1.05 * head @ turn + [5.0, -3, 2]
    assert distances(larger, True).max() < 1e-6
    assert distances(head @ turn + 7, False).max() < 1e-6
    # A head 5 % too large lies off by some of 5 % of its radius.
    assert 0.3 < np.median(distances(larger, False)) < 5.0
    # Landmarks that are wrong are made up for by the surface.
    wrong = template.ibug68.points(head) + np.random.default_rng(0).normal(0, 1.5, (68, 3))
    found = now_distances(head, triangles, wrong, scan, template.ibug68.points(head))
    assert np.median(found) < 0.25


def test_error_measure_is_blind_to_place_and_size_only():
    database, template = load_database(), load_template()
    head = database.vertices(0)
    turned = 1.1 * head @ np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]) + [5.0, -3, 2]
    assert scan_to_mesh(template, turned, head) < 1e-9
    assert scan_to_mesh(template, database.vertices(1), head) > 0.3


def test_region_is_the_face():
    template = load_template()
    region = template.vertices[face_region(template)]
    assert 1000 < len(region) < 4000
    assert region[:, 2].min() > 0
