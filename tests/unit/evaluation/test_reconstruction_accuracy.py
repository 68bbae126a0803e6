"""Round trips of heads that database and prior have not seen: better than the mean head by the promised margins."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.evaluation.reconstruction import evaluate_reconstruction, face_region, scan_to_mesh
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
