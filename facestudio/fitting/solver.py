"""The MAP fit: camera pose, identity and expression from 2D points, a perspective camera and honest priors.

Gauss-Newton with an analytic Jacobian on

    || whitened (u - project(R x + t)) ||^2 + (z - z0)' C^-1 (z - z0) + || (e - e0) / s_e ||^2,

x = mean + z identity + e expression. The points' covariance has low rank plus diagonal, so it is inverted by
the Woodbury identity. The local deformation modes are part of that covariance while the others are sought (they
are many, linear and Gaussian); what they take up of the residual is their conditional mean. Expression weights are
kept in 0..1 by an active set.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from facestudio.errors import NoFaceError
from facestudio.fitting.fit_values import Evidence, Fit, Prior
from facestudio.fitting.sparse_model import SparseModel
from facestudio.geometry.camera import project, rotation_matrix, to_camera_space
from facestudio.values import BoolArray, Camera, FloatArray

_POSE = 7  # unknowns before identity: rotation, translation, focal length
_DEPTH = 5  # of them, the shift along the line of sight
_LOCAL_VARIANCE = 0.99  # of what the points see of the local modes; the rest is too small to tell


def pixels_by_place(camera: Camera, x: FloatArray) -> FloatArray:
    """Return d(pixel)/d(point) for points (P, 3) in camera space, (P, 2, 3)."""
    inverse = 1.0 / x[:, 2]
    by_point = np.zeros((len(x), 2, 3))
    by_point[:, 0, 0] = camera.fx * inverse
    by_point[:, 0, 2] = -camera.fx * x[:, 0] * inverse**2
    by_point[:, 1, 1] = camera.fy * inverse
    by_point[:, 1, 2] = -camera.fy * x[:, 1] * inverse**2
    return by_point


def _jacobian(camera: Camera, posed: FloatArray, model: SparseModel) -> FloatArray:
    """Return d(pixels)/d(rotation, translation, focal length, identity, expression), (2 P, 7 + K + 52)."""
    x = to_camera_space(camera, posed)
    by_point = pixels_by_place(camera, x)
    # A longer lens goes with a head farther away, as in `_moved`: the head's size in the picture stays.
    from_centre = np.stack([camera.fx * x[:, 0] / x[:, 2], camera.fy * x[:, 1] / x[:, 2]], axis=1)
    by_lens = from_centre + by_point[:, :, 2] * camera.translation_mm[2]
    turned = x - camera.translation_mm
    # Rotation is updated from the left, exp(w) R: dx/dw = -[R x]_x.
    cross = np.zeros((len(x), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2] = turned[:, 2], -turned[:, 1]
    cross[:, 1, 0], cross[:, 1, 2] = -turned[:, 2], turned[:, 0]
    cross[:, 2, 0], cross[:, 2, 1] = turned[:, 1], -turned[:, 0]
    in_head = by_point @ camera.rotation
    shape = np.concatenate([model.identity, model.expression])
    by_shape = np.einsum("pic,kpc->pik", in_head, shape, optimize=True)
    return np.concatenate([by_point @ cross, by_point, by_lens[:, :, None], by_shape], axis=2).reshape(
        2 * len(x), -1
    )


@lru_cache(maxsize=16)
def _local_components(model: SparseModel) -> tuple[FloatArray, FloatArray]:
    """Return what the points see of the local modes: fields (r, P), and the modes (L, r) they are made of."""
    u, s, vt = np.linalg.svd(model.local, full_matrices=False)
    kept = int((np.cumsum(s**2) < _LOCAL_VARIANCE * (s**2).sum()).sum()) + 1 if s.any() else 0
    return s[:kept, None] * vt[:kept], u[:, :kept]


def _local_factor(model: SparseModel, camera: Camera, points: FloatArray) -> FloatArray:
    """Return what the local modes do in the picture, (2 P, 3 r) pixels."""
    fields, _ = _local_components(model)
    in_head = pixels_by_place(camera, to_camera_space(camera, points)) @ camera.rotation
    return np.einsum("pic,rp->pirc", in_head, fields).reshape(2 * len(points), -1)


class _Weight:
    """Applies the inverse of factor factor' + diag(sigma^2) (Woodbury)."""

    def __init__(self, sigma: FloatArray, factor: FloatArray) -> None:
        self._root = 1.0 / sigma.reshape(-1)
        self._factor = factor * self._root[:, None]
        self._small = None
        if self._factor.shape[1]:
            inner = np.eye(self._factor.shape[1]) + self._factor.T @ self._factor
            self._small = cho_factor(inner)

    def normal(self, jacobian: FloatArray, residual: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Return J' W J, J' W r and r' W r."""
        j, r = jacobian * self._root[:, None], residual * self._root
        hessian, right, cost = j.T @ j, j.T @ r, float(r @ r)
        if self._small is not None:
            fj, fr = self._factor.T @ j, self._factor.T @ r
            hessian -= fj.T @ cho_solve(self._small, fj)
            right -= fj.T @ cho_solve(self._small, fr)
            cost -= float(fr @ cho_solve(self._small, fr))
        return hessian, right, cost

    def gradient(self, jacobian: FloatArray, residual: FloatArray) -> tuple[FloatArray, float]:
        """Return J' W r and r' W r alone, in a fraction of the time."""
        r = residual * self._root
        weighted = r if self._small is None else r - self._factor @ cho_solve(self._small, self._factor.T @ r)
        return jacobian.T @ (self._root * weighted), float(r @ weighted)

    def common(self, residual: FloatArray) -> FloatArray:
        """Return the conditional mean of the factors' coefficients, (R,), given all that is left."""
        if self._small is None:
            return np.zeros(0)
        return cho_solve(self._small, self._factor.T @ (residual * self._root))

    def common_covariance(self) -> FloatArray:
        """Return the conditional covariance of the factors' coefficients, (R, R)."""
        if self._small is None:
            return np.zeros((0, 0))
        return np.asarray(cho_solve(self._small, np.eye(self._factor.shape[1])), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Guess:
    """A camera, coefficients, and the model's points (P, 3) for them."""

    camera: Camera
    identity: FloatArray
    expression: FloatArray
    points: FloatArray

    def unknowns(self, focal: float) -> FloatArray:
        """Return what the prior speaks of: nothing of the pose, log(focal / given), identity, expression."""
        lens = np.log(self.camera.fx / focal)
        return np.concatenate([np.zeros(_POSE - 1), [lens], self.identity, self.expression])

    def in_front(self) -> bool:
        """Tell whether all points lie before the camera."""
        return bool((to_camera_space(self.camera, self.points)[:, 2] > 10.0).all())


def _guess(model: SparseModel, camera: Camera, identity: FloatArray, expression: FloatArray) -> _Guess:
    """Return a guess with its points; the expression is held between 0 and 1."""
    held = np.clip(expression, 0, 1)
    return _Guess(camera, identity, held, model.points(identity, held))


@dataclass(frozen=True, eq=False)
class _Normal:
    """The normal equations of one Gauss-Newton step: J' W J, J' W r, and the cost r' W r."""

    hessian: FloatArray
    right: FloatArray
    cost: float


class _Problem:
    """What is minimised; unknowns: rotation, translation, focal length, identity, expression."""

    def __init__(self, model: SparseModel, evidence: Evidence, prior: Prior, start: "_Guess") -> None:
        self._model, self._evidence = model, evidence
        self._weight = self._weight_at(start)
        self._focal = prior.focal_px or start.camera.fx
        lens = 1 / prior.focal_sigma**2 if prior.focal_sigma else 0.0
        end = _POSE + len(prior.identity)
        self._precision = np.diag(
            np.concatenate(
                [np.zeros(_POSE - 1), [lens], np.zeros(end - _POSE), 1 / prior.expression_sigma**2]
            )
        )
        self._precision[_POSE:end, _POSE:end] = prior.precision
        self._centre = np.concatenate([np.zeros(_POSE), prior.identity, prior.expression])
        self._scale = prior.scale
        self.pose_and_identity = np.ones(_POSE + len(prior.identity), dtype=np.bool_)
        self.pose_and_identity[_POSE - 1] = prior.focal_sigma > 0

    def _weight_at(self, guess: _Guess) -> _Weight:
        local = _local_factor(self._model, guess.camera, guess.points)
        return _Weight(self._evidence.sigma, np.concatenate([self._evidence.factor, local], axis=1))

    def moved(self, guess: _Guess, update: FloatArray) -> _Guess:
        """Return the guess after an update of the unknowns."""
        end = _POSE + len(guess.identity)
        return _guess(
            self._model,
            _moved(guess.camera, update),
            guess.identity + update[_POSE:end],
            guess.expression + update[end:],
        )

    def normal(self, guess: _Guess, hessian: FloatArray | None = None) -> _Normal:
        """Return the normal equations at a guess, with a curvature that is given or its own."""
        pixels, _ = project(guess.camera, guess.points)
        jacobian = _jacobian(guess.camera, guess.points, self._model)
        residual = (self._evidence.pixels - pixels).reshape(-1)
        fresh = hessian is None
        if hessian is None:
            hessian, right, cost = self._weight.normal(jacobian, residual)
            hessian = hessian + self._precision
        else:
            right, cost = self._weight.gradient(jacobian, residual)
        away = self._centre - guess.unknowns(self._focal)
        pull = self._precision @ away
        right, cost = right + pull, cost + float(away @ pull)
        if self._scale is not None:
            # log(fx / depth) by the shift along the line of sight; the lens leaves it as it is (see `_moved`).
            depth = float(guess.camera.translation_mm[2]) + self._scale.depth_mm
            off = np.log(self._scale.pixels_per_mm * depth / guess.camera.fx) / self._scale.sigma
            slope = -1 / (depth * self._scale.sigma)
            right[_DEPTH] += slope * off
            cost += float(off**2)
            if fresh:
                hessian[_DEPTH, _DEPTH] += slope**2
        return _Normal(hessian, right, cost)

    def local(self, guess: _Guess, *, steady: bool) -> tuple[FloatArray, FloatArray]:
        """Return the most probable local modes (L, 3) for a guess of everything else, and what is seen's covariance."""
        pixels, _ = project(guess.camera, guess.points)
        residual = (self._evidence.pixels - pixels).reshape(-1)
        weight = self._weight if steady else self._weight_at(guess)
        shared = self._evidence.factor.shape[1]
        common = weight.common(residual)[shared:].reshape(-1, 3)
        return _local_components(self._model)[1] @ common, weight.common_covariance()[shared:, shared:]

    def residual_px(self, guess: _Guess, local: FloatArray) -> float:
        """Return the root mean square distance between located and fitted points, pixels."""
        pixels, _ = project(guess.camera, guess.points + self._model.local.T @ local)
        return float(np.sqrt(((pixels - self._evidence.pixels) ** 2).sum(axis=1).mean()))


def fit_map(
    model: SparseModel,
    evidence: Evidence,
    camera: Camera,
    prior: Prior,
    *,
    identity: FloatArray | None = None,
    expression: FloatArray | None = None,
    iterations: int = 12,
    steady: bool = False,
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
    steady
        Keep the curvature of the start: faster, for starts near the end.
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
    guess = _guess(
        model,
        camera,
        prior.identity if identity is None else identity,
        prior.expression if expression is None else expression,
    )
    problem = _Problem(model, evidence, prior, guess)
    normal = problem.normal(guess)
    end = len(problem.pose_and_identity)
    damping = 1e-3
    steps = 0
    while steps < iterations:
        steps += 1
        check()
        free = np.concatenate([problem.pose_and_identity, _movable(guess.expression, normal.right[end:])])
        trial = problem.moved(guess, _solve(normal.hessian, normal.right, free, damping))
        if not trial.in_front():
            raise NoFaceError("The landmarks do not fit a face in front of the camera")
        new = problem.normal(trial, normal.hessian if steady else None)
        if new.cost > normal.cost * (1 + 1e-9):
            damping *= 10
            if damping > 1e6:
                break
            continue
        gain = normal.cost - new.cost
        settled = gain < 1e-4 * max(1.0, normal.cost)
        guess, normal = trial, new
        damping = max(damping / 10, 1e-6)
        if settled:
            break
    known = np.concatenate([~problem.pose_and_identity, np.zeros(len(guess.expression), dtype=np.bool_)])
    inverse = np.linalg.inv(normal.hessian + np.diag(np.where(known, 1e12, 1e-9)))
    covariance = np.asarray(inverse[_POSE:end, _POSE:end], dtype=np.float64)
    local, local_covariance = problem.local(guess, steady=steady)
    return Fit(
        guess.camera,
        guess.identity,
        guess.expression,
        local,
        covariance,
        local_covariance,
        _local_components(model)[1],
        problem.residual_px(guess, local),
        steps,
    )


def improved(
    fit: Fit,
    model: SparseModel,
    evidence: Evidence,
    prior: Prior,
    iterations: int,
    check: Callable[[], None],
    *,
    steady: bool = True,
) -> Fit:
    """Go on from a fit with other evidence or another prior."""
    return fit_map(
        model,
        evidence,
        fit.camera,
        prior,
        identity=fit.identity,
        expression=fit.expression,
        iterations=iterations,
        steady=steady,
        check=check,
    )


def _movable(expression: FloatArray, push: FloatArray) -> BoolArray:
    """Tell which weights are not held at 0 or 1 by the direction they are pushed in."""
    return ~(((expression <= 0) & (push < 0)) | ((expression >= 1) & (push > 0)))


def _solve(hessian: FloatArray, right: FloatArray, free: BoolArray, damping: float) -> FloatArray:
    update = np.zeros_like(right)
    system = hessian[np.ix_(free, free)]
    system = system + damping * np.diag(np.diag(system)) + 1e-12 * np.trace(system) * np.eye(len(system))
    update[free] = cho_solve(cho_factor(system), right[free])
    return update


def _moved(camera: Camera, update: FloatArray) -> Camera:
    lens = np.exp(np.clip(update[_POSE - 1], -0.5, 0.5))
    moved = camera.translation_mm + update[3:6]
    return replace(
        camera,
        fx=camera.fx * lens,
        fy=camera.fy * lens,
        rotation=rotation_matrix(update[:3]) @ camera.rotation,
        translation_mm=moved * np.array([1.0, 1.0, lens]),
    )
