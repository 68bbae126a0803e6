"""The score of heads: shape and looks together know more than either."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.retrieval.score import head_scores, shape_likelihood

DATABASE = load_database()
NOTHING = np.zeros(len(DATABASE), dtype=np.float32)


def _seen(rng, spread):
    """Return what a fit tells of a head drawn at random: its row, coefficients, covariance."""
    row = int(rng.integers(len(DATABASE)))
    modes = len(DATABASE.basis)
    factor = rng.normal(size=(modes, modes)) / np.sqrt(modes)
    covariance = spread**2 * (factor @ factor.T + 0.3 * np.eye(modes))
    return row, rng.multivariate_normal(DATABASE.coefficients[row], covariance), covariance


def test_a_head_that_is_known_surely_scores_highest():
    for row in (0, 123, 499):
        sure = 1e-4 * np.eye(len(DATABASE.basis))
        scores = head_scores(DATABASE, DATABASE.coefficients[row].astype(float), sure, NOTHING)
        assert int(np.argmax(scores)) == row


def test_directions_that_are_not_known_do_not_count():
    rng = np.random.default_rng(1)
    axis = rng.normal(size=len(DATABASE.basis))
    axis /= np.linalg.norm(axis)
    covariance = 1e-2 * np.eye(len(axis)) + 1e4 * np.outer(axis, axis)
    identity = DATABASE.coefficients[7].astype(float)
    apart = DATABASE.coefficients[7] + 5 * axis - identity
    near = shape_likelihood(DATABASE, identity, covariance)
    moved = shape_likelihood(DATABASE, identity + apart, covariance)
    assert np.abs(near - moved).max() < 0.1 * np.ptp(near)


def test_both_together_find_a_head_more_often_than_either():
    rng = np.random.default_rng(0)
    right = {"shape": 0, "looks": 0, "both": 0}
    for _ in range(200):
        row, identity, covariance = _seen(rng, 5.0)
        looks = rng.normal(0.3, 0.1, len(DATABASE)).astype(np.float32)
        looks[row] += 0.3
        ways = {
            "shape": shape_likelihood(DATABASE, identity, covariance),
            "looks": looks,
            "both": head_scores(DATABASE, identity, covariance, looks),
        }
        for way, values in ways.items():
            right[way] += int(np.argmax(values)) == row
    assert 20 < right["shape"] < 190, right
    assert right["both"] > 1.1 * max(right["shape"], right["looks"]), right


def test_what_all_heads_share_changes_nothing():
    _, identity, covariance = _seen(np.random.default_rng(4), 1.0)
    looks = np.linspace(-0.2, 0.8, len(DATABASE)).astype(np.float32)
    one = head_scores(DATABASE, identity, covariance, looks)
    other = head_scores(DATABASE, identity, covariance, looks + np.float32(0.1))
    np.testing.assert_allclose(one - one.max(), other - other.max(), atol=1e-3)
    assert one.max() - one.min() == pytest.approx(other.max() - other.min(), abs=1e-3)
