"""Posteriors of one person from several photos, put together."""

import numpy as np
import pytest

from facestudio.fitting.joint import Gaussian, joint_points, joint_posterior


def _observed(rng, prior, truth, noise, design):
    """The exact posterior of a linear observation."""
    data = design @ truth + noise * rng.standard_normal(len(design))
    precision = np.linalg.inv(prior.covariance)
    covariance = np.linalg.inv(precision + design.T @ design / noise**2)
    mean = covariance @ (precision @ prior.mean + design.T @ data / noise**2)
    return Gaussian(mean, covariance), data


def test_independent_posteriors_give_the_posterior_of_all_the_data():
    rng = np.random.default_rng(3)
    prior = Gaussian(rng.standard_normal(5), np.diag(rng.uniform(0.5, 3, 5)))
    truth = rng.standard_normal(5)
    designs = [rng.standard_normal((n, 5)) for n in (2, 4, 3)]
    found = [_observed(rng, prior, truth, 0.3, design) for design in designs]
    joint = joint_posterior([posterior for posterior, _ in found], prior, shared=0.0)
    design = np.concatenate(designs)
    data = np.concatenate([data for _, data in found])
    precision = np.linalg.inv(prior.covariance)
    covariance = np.linalg.inv(precision + design.T @ design / 0.09)
    np.testing.assert_allclose(joint.covariance, covariance, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        joint.mean, covariance @ (precision @ prior.mean + design.T @ data / 0.09), rtol=1e-8, atol=1e-8
    )


def test_one_posterior_is_itself_and_copies_are_one_if_errors_are_shared():
    rng = np.random.default_rng(4)
    prior = Gaussian(np.zeros(4), np.eye(4))
    posterior, _ = _observed(rng, prior, rng.standard_normal(4), 0.5, rng.standard_normal((6, 4)))
    for joint in (
        joint_posterior([posterior], prior),
        joint_posterior([posterior] * 3, prior, shared=1.0),
    ):
        np.testing.assert_allclose(joint.mean, posterior.mean, atol=1e-9)
        np.testing.assert_allclose(joint.covariance, posterior.covariance, atol=1e-9)


def test_what_is_less_sure_than_the_prior_adds_nothing():
    prior = Gaussian(np.array([1.0, -1.0]), np.eye(2))
    vague = Gaussian(np.array([9.0, 0.5]), np.diag([4.0, 0.25]))
    joint = joint_posterior([vague, vague], prior, shared=0.0)
    assert joint.mean[0] == pytest.approx(1.0)
    assert joint.covariance[0, 0] == pytest.approx(1.0)
    assert np.linalg.eigvalsh(joint.covariance).min() > 0
    # More data about the second: surer than either alone, and nearer to what both say.
    assert joint.covariance[1, 1] < 0.25
    assert abs(joint.mean[1] - 0.5) < abs(vague.mean[1] - 0.5) + 0.25


def test_two_lines_of_sight_meet_where_they_cross():
    place = np.array([[3.0, -2.0, 5.0]])
    sight = np.array([[[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]])
    # Each photo knows the point across its line, and errs by centimetres along it.
    places = place + np.array([[[0.0, 0.0, 30.0]], [[-20.0, 0.0, 0.0]]])
    found, sigma = joint_points(places, sight, np.full((2, 1), 1e-3), np.array([10.0]))
    np.testing.assert_allclose(found, place, atol=1e-4)
    assert sigma[0] < 1e-3
