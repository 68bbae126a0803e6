"""Depth from statistics: better than the mean, with an honest standard deviation."""

import numpy as np

from facestudio.database.model import load_database
from facestudio.fitting.depth import estimate_depth
from facestudio.template.model import load_template


def test_conditional_gaussian_of_two_variables():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 4, 4000)
    z = 0.5 * x + rng.normal(0, 1, 4000)
    heads = np.stack([x, np.zeros_like(x), z], axis=1)[:, None, :]
    out = estimate_depth(np.array([[3.0, 0.0]]), heads, np.ones(4000), noise_mm=1e-3, shrinkage=0.0)
    np.testing.assert_allclose(out.depth, [1.5], atol=0.06)
    np.testing.assert_allclose(out.sigma, [1.0], atol=0.05)


def test_beats_the_mean_depth_on_heads_left_out():
    database, template = load_database(), load_template()
    points = np.stack([template.ibug68.points(database.vertices(i)) for i in range(len(database))])
    train = np.array([s == "train" for s in database.splits])
    errors, baseline, sigma = [], [], []
    for head in points[~train]:
        out = estimate_depth(head[:, :2], points[train], np.ones(train.sum()))
        errors.append(np.abs(out.depth - head[:, 2]))
        baseline.append(np.abs(points[train, :, 2].mean(0) - head[:, 2]))
        sigma.append(out.sigma)
    assert np.mean(errors) < 0.8 * np.mean(baseline)
    # For a Gaussian the mean absolute error is 0.8 sigma.
    assert 0.5 < np.mean(errors) / np.mean(sigma) < 1.6
