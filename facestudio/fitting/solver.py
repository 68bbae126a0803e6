"""The MAP fit: camera pose, identity and expression from 2D points, a perspective camera and honest priors.

Gauss-Newton with an analytic Jacobian on

    || whitened (u - project(R x + t)) ||^2 + (z - z0)' C^-1 (z - z0) + || (e - e0) / s_e ||^2,

x = mean + z identity + e expression (see facestudio.fitting.problem). Expression weights are kept in 0..1 by an active
set.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from facestudio.errors import NoFaceError
from facestudio.fitting.fit_values import Evidence, Fit, Prior
from facestudio.fitting.problem import Guess, MapProblem, Normal, guess_at, local_components
from facestudio.fitting.sparse_model import SparseModel
from facestudio.values import BoolArray, Camera, FloatArray

_SETTLED = 1e-4  # of the cost: where a step would gain less, that is the end
_SHORTER, _SHORTEST = 0.4, 1e-3  # a step that leads up is made so much shorter, and given up at last
_FACTORS_KEPT = 32  # of a steady fit: a drag needs a handful


def fit_map(
    model: SparseModel,
    evidence: Evidence,
    camera: Camera,
    prior: Prior,
    *,
    identity: FloatArray | None = None,
    expression: FloatArray | None = None,
    iterations: int = 12,
    check: Callable[[], None] = lambda: None,
) -> Fit:
    """Fit pose, identity and expression to 2D points.

    Parameters
    ----------
    model
        The sparse model of P points.
    evidence
        P points with their noise.
    camera
        Its pose is the start (see `initial_pose`); its focal length is kept unless the prior gives it freedom.
    prior
        Means and variances of the coefficients.
    identity, expression
        Start values; the prior's means if not given.
    iterations
        At most so many Gauss-Newton steps.
    check
        Called in every step: may raise to cancel.

    Returns
    -------
    Fit

    Raises
    ------
    NoFaceError
        If the fit runs away (points behind the camera).
    """
    start = guess_at(
        model,
        camera,
        prior.identity if identity is None else identity,
        prior.expression if expression is None else expression,
    )
    problem = MapProblem(model, evidence, prior, start)

    def solve(normal: Normal, free: BoolArray, damping: float) -> FloatArray:
        return cho_solve(cho_factor(_damped(normal.hessian, free, damping)), normal.right[free])

    guess, normal, steps = _descend(problem, start, problem.normal, solve, iterations, check)
    at_end = problem.weighed_at(guess)
    local = at_end.local(guess)
    return Fit(
        guess.camera,
        guess.identity,
        guess.expression,
        local,
        problem.identity_covariance(normal.hessian),
        at_end.local_covariance(),
        local_components(model)[1],
        problem.residual_px(guess, local),
        steps,
    )


class SteadyFit:
    """A fit from a start near the end, with the curvature of the start: for points that are moved again and again.

    All that does not depend on where the points are is computed once.

    Parameters
    ----------
    model, evidence, prior
        As in `fit_map`; where the evidence's points are is of no matter.
    camera, identity, expression
        The start.
    """

    def __init__(
        self,
        model: SparseModel,
        evidence: Evidence,
        prior: Prior,
        camera: Camera,
        identity: FloatArray,
        expression: FloatArray,
    ) -> None:
        self._start = guess_at(model, camera, identity, expression)
        self._problem = MapProblem(model, evidence, prior, self._start)
        self._hessian = self._problem.normal(self._start).hessian
        self._seen = local_components(model)[1]
        self._factors: dict[tuple[bytes, float], Any] = {}

    @classmethod
    def after(cls, fit: Fit, model: SparseModel, evidence: Evidence, prior: Prior) -> "SteadyFit":
        """Go on from a fit with other evidence or another prior."""
        return cls(model, evidence, prior, fit.camera, fit.identity, fit.expression)

    @cached_property
    def _covariances(self) -> tuple[FloatArray, FloatArray]:
        return self._problem.identity_covariance(self._hessian), self._problem.local_covariance()

    def _solve(self, normal: Normal, free: BoolArray, damping: float) -> FloatArray:
        key = (free.tobytes(), damping)
        if key not in self._factors:
            if len(self._factors) >= _FACTORS_KEPT:
                self._factors.clear()
            self._factors[key] = cho_factor(_damped(self._hessian, free, damping))
        return cho_solve(self._factors[key], normal.right[free])

    def to(self, pixels: FloatArray, iterations: int, check: Callable[[], None] = lambda: None) -> Fit:
        """Fit to places of the points.

        Parameters
        ----------
        pixels
            (P, 2), image frame.
        iterations
            At most so many steps.
        check
            Called in every step: may raise to cancel.

        Raises
        ------
        NoFaceError
            If the fit runs away (points behind the camera).
        """
        problem = self._problem.of_pixels(pixels)

        def normal_at(guess: Guess) -> Normal:
            return problem.steady(guess, self._hessian)

        guess, _, steps = _descend(problem, self._start, normal_at, self._solve, iterations, check)
        local = problem.local(guess)
        identity_covariance, local_covariance = self._covariances
        return Fit(
            guess.camera,
            guess.identity,
            guess.expression,
            local,
            identity_covariance,
            local_covariance,
            self._seen,
            problem.residual_px(guess, local),
            steps,
        )


def _descend(
    problem: MapProblem,
    guess: Guess,
    normal_at: Callable[[Guess], Normal],
    solve: Callable[[Normal, BoolArray, float], FloatArray],
    iterations: int,
    check: Callable[[], None],
) -> tuple[Guess, Normal, int]:
    """Go down from a guess: return where that ends, the normal equations there, and the number of steps."""
    normal = normal_at(guess)
    end = len(problem.pose_and_identity)
    damping, length = 1e-3, 1.0
    update = np.zeros_like(normal.right)
    steps = 0
    while steps < iterations:
        steps += 1
        check()
        if length == 1.0:
            movable = _movable(guess.expression, normal.right[end:])
            free = np.concatenate([problem.pose_and_identity, movable])
            update = np.zeros_like(normal.right)
            update[free] = solve(normal, free, damping)
            if float(update @ normal.right) < _SETTLED * max(1.0, normal.cost):
                steps -= 1
                break  # that little is left to gain
        trial = problem.moved(guess, length * update)
        new = normal_at(trial) if trial.in_front() else None
        if new is None or new.cost > normal.cost * (1 + 1e-9):
            # Too far: the same way, but not as far.
            length *= _SHORTER
            if length < _SHORTEST:
                if new is None:
                    raise NoFaceError("The landmarks do not fit a face in front of the camera")
                break
            continue
        guess, normal, length = trial, new, 1.0
        damping = max(damping / 10, 1e-6)
    return guess, normal, steps


def _movable(expression: FloatArray, push: FloatArray) -> BoolArray:
    """Tell which weights are not held at 0 or 1 by the direction they are pushed in."""
    return ~(((expression <= 0) & (push < 0)) | ((expression >= 1) & (push > 0)))


def _damped(hessian: FloatArray, free: BoolArray, damping: float) -> FloatArray:
    system = hessian[np.ix_(free, free)]
    return system + damping * np.diag(np.diag(system)) + 1e-12 * np.trace(system) * np.eye(len(system))
