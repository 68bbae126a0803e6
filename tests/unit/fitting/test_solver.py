"""The MAP solver: derivatives, exact recovery, honest covariance, degenerate input."""

from dataclasses import replace

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import CancelledError, NoFaceError
from facestudio.fitting import problem
from facestudio.fitting.evidence import FaceSight, mesh_evidence
from facestudio.fitting.fit_values import Evidence, Prior
from facestudio.fitting.noise import PointNoise, independent_noise
from facestudio.fitting.pose import initial_pose
from facestudio.fitting.solver import SteadyFit, fit_map
from facestudio.fitting.sparse_model import sparse_models
from facestudio.geometry.camera import head_angles, head_rotation, project
from facestudio.template.model import load_template
from facestudio.values import Camera, Landmarks


@pytest.fixture(scope="module")
def model():
    return sparse_models(load_database(), load_template())[0]


def _camera(yaw=15.0, pitch=-5.0, roll=8.0, focal=1500.0, distance=900.0):
    rotation = head_rotation(*np.radians([yaw, pitch, roll]))
    return Camera(focal, focal, 320, 300, rotation, np.array([12.0, -7, distance]), (640, 600), "given")


def _prior(model, variance=1.0, expression=None):
    k = len(model.identity)
    e = np.zeros(52) if expression is None else expression
    return Prior(np.zeros(k), np.eye(k) / variance, e, np.full(52, 0.2))


def _truth(model, seed=3):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=len(model.identity)) * 0.8
    e = np.clip(rng.normal(0, 0.2, 52), 0, 0.6)
    return z, e


def test_jacobian_agrees_with_finite_differences(model):
    rows = np.arange(0, 478, 40)
    small = model.subset(rows)
    camera, (z, e) = _camera(), _truth(model)
    mine = problem.point_jacobian(camera, small.points(z, e), small)
    k, step = len(z), 1e-5

    def at(update):
        moved = problem.moved(camera, update)
        return project(moved, small.points(z + update[7 : 7 + k], e + update[7 + k :]))[0].reshape(-1)

    for column in [*range(7), 7, 17, 7 + k - 1, 7 + k, 7 + k + 20]:
        update = np.zeros(7 + k + 52)
        update[column] = step
        numeric = (at(update) - at(-update)) / (2 * step)
        np.testing.assert_allclose(mine[:, column], numeric, rtol=1e-4, atol=1e-4)


def test_exact_points_give_back_pose_and_picture(model):
    camera, (z, e) = _camera(), _truth(model)
    points = model.points(z, e)
    pixels, _ = project(camera, points)
    start = initial_pose(model.mean, pixels, camera)
    evidence = Evidence(pixels, np.full((478, 2), 0.02), np.zeros((956, 0)))
    fit = fit_map(model, evidence, start, _prior(model), iterations=40)
    assert fit.residual_px < 0.02
    np.testing.assert_allclose(np.degrees(head_angles(fit.camera.rotation)), [15, -5, 8], atol=0.6)
    error = np.linalg.norm(model.points(fit.identity) - model.points(z), axis=1)
    baseline = np.linalg.norm(model.mean - model.points(z), axis=1)
    assert np.median(error) < 0.35 * np.median(baseline)


def test_any_plausible_start_comes_to_the_same_end(model):
    camera, (z, e) = _camera(yaw=25), _truth(model)
    rng = np.random.default_rng(0)
    pixels = project(camera, model.points(z, e))[0] + rng.normal(0, 1.5, (478, 2))
    evidence = Evidence(pixels, np.full((478, 2), 1.5), np.zeros((956, 0)))
    ends = []
    for turn in ((0, 0, 0), (20, 10, -10), (-15, -10, 20)):
        start = replace(
            camera, rotation=head_rotation(*np.radians(turn)), translation_mm=np.array([0, 0, 1100.0])
        )
        fit = fit_map(model, evidence, start, _prior(model), iterations=60)
        ends.append(project(fit.camera, model.points(fit.identity, fit.expression))[0])
    assert np.abs(ends[1] - ends[0]).max() < 0.5
    assert np.abs(ends[2] - ends[0]).max() < 0.5


def test_woodbury_is_the_dense_inverse():
    rng = np.random.default_rng(1)
    evidence = Evidence(rng.normal(size=(20, 2)), rng.uniform(0.5, 2, (20, 2)), rng.normal(size=(40, 5)))
    jacobian, residual = rng.normal(size=(40, 7)), rng.normal(size=40)
    hessian, right, cost = problem.Weight(evidence.sigma, evidence.factor).normal(jacobian, residual)
    inverse = np.linalg.inv(evidence.factor @ evidence.factor.T + np.diag(evidence.sigma.reshape(-1) ** 2))
    np.testing.assert_allclose(hessian, jacobian.T @ inverse @ jacobian, rtol=1e-8)
    np.testing.assert_allclose(right, jacobian.T @ inverse @ residual, rtol=1e-8)
    np.testing.assert_allclose(cost, residual @ inverse @ residual, rtol=1e-8)


def test_no_evidence_leaves_the_prior(model):
    camera = _camera()
    prior = replace(_prior(model, 0.7), identity=np.full(len(model.identity), 0.3))
    pixels, _ = project(camera, model.mean)
    evidence = Evidence(pixels, np.full((478, 2), 1e6), np.zeros((956, 0)))
    fit = fit_map(model, evidence, camera, prior)
    np.testing.assert_allclose(fit.identity, 0.3, atol=1e-3)
    np.testing.assert_allclose(np.diag(fit.identity_covariance), 0.7, rtol=1e-2)


def test_expression_stays_between_nought_and_one(model):
    camera, (z, _) = _camera(yaw=0), _truth(model)
    e = np.zeros(52)
    e[24] = 3.0  # far beyond what a face can do
    pixels, _ = project(camera, model.points(z * 0, e))
    evidence = Evidence(pixels, np.full((478, 2), 0.5), np.zeros((956, 0)))
    loose = replace(_prior(model), expression_sigma=np.full(52, 5.0))
    fit = fit_map(model, evidence, camera, loose, iterations=30)
    assert fit.expression.min() >= 0
    assert fit.expression.max() <= 1
    assert fit.expression[24] == 1


@pytest.mark.parametrize("kind", ["point", "line", "nan", "from behind"])
def test_degenerate_points_are_no_face(model, kind):
    camera = _camera()
    pixels, _ = project(camera, model.mean)
    bad = {
        "point": np.zeros_like(pixels) + 50.0,
        "line": pixels * [1, 0],
        "nan": np.full_like(pixels, np.nan),
        "from behind": project(_camera(yaw=180), model.mean)[0],
    }[kind]
    with pytest.raises(NoFaceError):
        initial_pose(model.mean, bad, camera)


def test_fit_can_be_cancelled(model):
    camera = _camera()
    pixels, _ = project(camera, model.mean)

    def stop():
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        fit_map(
            model, Evidence(pixels, np.ones((478, 2)), np.zeros((956, 0))), camera, _prior(model), check=stop
        )


def test_noise_turns_with_the_face():
    rng = np.random.default_rng(2)
    noise = PointNoise(rng.normal(size=(6, 2)), rng.normal(size=(12, 3)), rng.uniform(1, 2, (6, 2)))
    quarter = noise.rotated(np.pi / 2)
    np.testing.assert_allclose(quarter.bias, noise.bias[:, ::-1] * [-1, 1], atol=1e-12)
    np.testing.assert_allclose(quarter.sigma, noise.sigma[:, ::-1], atol=1e-12)
    back = quarter.rotated(-np.pi / 2)
    np.testing.assert_allclose(back.factor, noise.factor, atol=1e-12)


def test_bias_is_taken_off_in_pixels():
    camera = _camera(roll=0)
    noise = independent_noise(478, 2.0)
    shifted = PointNoise(noise.bias + np.array([3.0, 0.0]), noise.factor, noise.sigma)
    mesh = np.zeros((478, 2))
    out = mesh_evidence(mesh, shifted, camera)
    np.testing.assert_allclose(out.pixels[:, 0], -3.0 * 1500 / 900, atol=0.02)
    np.testing.assert_allclose(out.sigma, 2.0 * 1500 / 900)


def test_a_correction_is_carried_to_the_mesh_around_it():
    template = load_template()
    camera = _camera(yaw=0, pitch=0, roll=0)
    mesh, _ = project(camera, template.mesh478.points(template.vertices))
    points, _ = project(camera, template.ibug68.points(template.vertices))
    located = Landmarks.of("ibug68", points, sigma=1.0, method="mesh478")
    noise = independent_noise(478, 1.0)
    sight = FaceSight(mesh, noise, np.zeros(52), None, None, 0.0, located, False)
    seen = sight.evidence(camera)
    np.testing.assert_allclose(seen.pixels, mesh)
    assert sight.corrected(seen, located) is seen
    given = located.with_moved(48, points[48] + [-12, 0])
    moved = sight.corrected(seen, given)
    assert moved.sigma is seen.sigma
    assert moved.factor is seen.factor
    gap = np.linalg.norm(mesh - points[48], axis=1)
    shift = moved.pixels - mesh
    assert shift[np.argmin(gap), 0] < -7
    assert np.abs(shift[gap > 110]).max() < 0.5
    # Points that the observer has put elsewhere are carried along by the same correction, as far as they count.
    half = FaceSight(mesh, noise, np.zeros(52), mesh + np.array([0.2, 0.0]), noise, 0.5, located, False)
    both = half.evidence(camera)
    np.testing.assert_allclose(both.pixels, mesh + np.array([0.1, 0.0]))
    assert np.abs(half.corrected(both, given).pixels - both.pixels - shift).max() < 0.2


def _steady(model, seed=3):
    camera, (z, e) = _camera(), _truth(model, seed)
    rng = np.random.default_rng(4)
    factor = rng.normal(0, 0.5, (956, 6))
    evidence = Evidence(project(camera, model.points(z, e))[0], np.full((478, 2), 1.5), factor)
    prior = replace(_prior(model), focal_px=1500.0, focal_sigma=0.1)
    return SteadyFit(model, evidence, prior, camera, 0.9 * z, e), evidence, prior, camera, z, e


def test_a_pull_is_the_jacobian_transposed(model):
    camera, (z, e) = _camera(), _truth(model)
    posed = model.points(z, e)
    force = np.random.default_rng(1).normal(size=(478, 2))
    size = model.mean.size
    shapes = model.identity.reshape(-1, size), model.expression.reshape(-1, size)
    mine = problem.pulled(camera, posed, force, shapes)
    expected = problem.point_jacobian(camera, posed, model).T @ force.reshape(-1)
    np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_a_steady_fit_ends_where_a_full_one_does(model):
    steady, evidence, prior, camera, z, e = _steady(model)
    pixels = evidence.pixels + np.random.default_rng(5).normal(0, 1.0, (478, 2))
    quick = steady.to(pixels, 40)
    full = fit_map(
        *(model, replace(evidence, pixels=pixels), camera, prior),
        **{"identity": 0.9 * z, "expression": e, "iterations": 40},
    )
    ends = [model.points(fit.identity, fit.expression) for fit in (quick, full)]
    assert np.abs(ends[0] - ends[1]).max() < 0.05
    np.testing.assert_allclose(quick.camera.rotation, full.camera.rotation, atol=1e-3)


def test_a_steady_fit_forgets_where_the_points_were(model):
    steady, evidence, *_ = _steady(model)
    goal = evidence.pixels + np.array([3.0, 0.0])
    first = steady.to(goal, 4)
    for away in range(8):
        steady.to(evidence.pixels + np.array([0.0, 2.0 * away]), 4)
    again, fresh = steady.to(goal, 4), _steady(model)[0].to(goal, 4)
    for name in ("identity", "expression", "local", "identity_covariance", "local_covariance"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        np.testing.assert_allclose(getattr(fresh, name), getattr(again, name), atol=1e-9)


def test_a_steady_fit_stops_where_nothing_is_left_to_gain(model):
    steady, evidence, *_ = _steady(model)
    goal = evidence.pixels + np.array([2.0, 1.0])
    ended = steady.to(goal, 40)
    assert 0 < ended.iterations < 8
    longer = steady.to(goal, 400)
    assert longer.iterations == ended.iterations
    np.testing.assert_array_equal(longer.identity, ended.identity)


def test_a_step_too_far_is_shortened(model):
    steady, evidence, *_ = _steady(model)
    # Points torn away: with the curvature of the start, whole steps lead up, or behind the camera.
    goal = evidence.pixels.copy()
    goal[::40] += np.array([250.0, -180.0])
    costs = []
    for steps in (0, 2, 5, 10, 40):
        fit = steady.to(goal, steps)
        left = steady._problem.of_pixels(goal)
        guess = problem.guess_at(model, fit.camera, fit.identity, fit.expression)
        costs.append(left.steady(guess, steady._hessian).cost)
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.97 * costs[0]
