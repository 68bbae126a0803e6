"""What the MAP fit minimises: the unknowns, their normal equations, and what the points' noise weighs.

The points' covariance has low rank plus diagonal, so it is inverted by the Woodbury identity. The local deformation
modes are part of that covariance while the others are sought (they are many, linear and Gaussian); what they take up of
the residual is their conditional mean.
"""

from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from facestudio.fitting.fit_values import Evidence, Prior
from facestudio.fitting.sparse_model import SparseModel
from facestudio.geometry.camera import project, rotation_matrix, to_camera_space
from facestudio.values import Camera, FloatArray

POSE = 7  # unknowns before identity: rotation, translation, focal length
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


def point_jacobian(camera: Camera, posed: FloatArray, model: SparseModel) -> FloatArray:
    """Return d(pixels)/d(rotation, translation, focal length, identity, expression), (2 P, 7 + K + 52)."""
    x = to_camera_space(camera, posed)
    by_point = pixels_by_place(camera, x)
    # A longer lens goes with a head farther away, as in `moved`: the head's size in the picture stays.
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


def pulled(
    camera: Camera, posed: FloatArray, force: FloatArray, shapes: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return `point_jacobian`'s transpose times a value for each coordinate, (7 + K + 52,), without that matrix.

    Parameters
    ----------
    camera, posed
        As in `point_jacobian`.
    force
        (P, 2).
    shapes
        The sparse model's identity (K, 3 P) and expression (52, 3 P).
    """
    x = to_camera_space(camera, posed)
    by_point = pixels_by_place(camera, x)
    at_point = np.einsum("pi,pic->pc", force, by_point)
    turned = x - camera.translation_mm
    from_centre = (camera.fx * (x[:, 0] * force[:, 0]) + camera.fy * (x[:, 1] * force[:, 1])) / x[:, 2]
    by_lens = float(from_centre.sum() + camera.translation_mm[2] * at_point[:, 2].sum())
    in_head = (at_point @ camera.rotation).reshape(-1)
    return np.concatenate(
        [
            np.cross(turned, at_point).sum(axis=0),
            at_point.sum(axis=0),
            [by_lens],
            *(shape @ in_head for shape in shapes),
        ]
    )


@lru_cache(maxsize=16)
def local_components(model: SparseModel) -> tuple[FloatArray, FloatArray]:
    """Return what the points see of the local modes: fields (r, P), and the modes (L, r) they are made of."""
    u, s, vt = np.linalg.svd(model.local, full_matrices=False)
    kept = int((np.cumsum(s**2) < _LOCAL_VARIANCE * (s**2).sum()).sum()) + 1 if s.any() else 0
    return s[:kept, None] * vt[:kept], u[:, :kept]


def _local_factor(model: SparseModel, camera: Camera, points: FloatArray) -> FloatArray:
    """Return what the local modes do in the picture, (2 P, 3 r) pixels."""
    fields, _ = local_components(model)
    in_head = pixels_by_place(camera, to_camera_space(camera, points)) @ camera.rotation
    return np.einsum("pic,rp->pirc", in_head, fields).reshape(2 * len(points), -1)


class Weight:
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
            # With U'U the small matrix and S = U'^-1 F', (S j)'(S j) is taken off: half of what its inverse costs.
            both = np.concatenate([self._factor.T @ j, (self._factor.T @ r)[:, None]], axis=1)
            solved = solve_triangular(self._small[0], both, trans=1, check_finite=False)
            sj, sr = solved[:, :-1], solved[:, -1]
            hessian -= sj.T @ sj
            right -= sj.T @ sr
            cost -= float(sr @ sr)
        return hessian, right, cost

    def weighted(self, residual: FloatArray) -> tuple[FloatArray, float]:
        """Return W r and r' W r alone, in a fraction of the time."""
        r = residual * self._root
        weighted = r if self._small is None else r - self._factor @ self._solved(self._factor.T @ r)
        return self._root * weighted, float(r @ weighted)

    def _solved(self, right: FloatArray) -> FloatArray:
        return np.asarray(cho_solve(self._small, right, check_finite=False), dtype=np.float64)

    def common(self, residual: FloatArray) -> FloatArray:
        """Return the conditional mean of the factors' coefficients, (R,), given all that is left."""
        if self._small is None:
            return np.zeros(0)
        return self._solved(self._factor.T @ (residual * self._root))

    def common_covariance(self) -> FloatArray:
        """Return the conditional covariance of the factors' coefficients, (R, R)."""
        if self._small is None:
            return np.zeros((0, 0))
        return np.asarray(cho_solve(self._small, np.eye(self._factor.shape[1])), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Guess:
    """A camera, coefficients, and the model's points (P, 3) for them."""

    camera: Camera
    identity: FloatArray
    expression: FloatArray
    points: FloatArray

    def unknowns(self, focal: float) -> FloatArray:
        """Return what the prior speaks of: nothing of the pose, log(focal / given), identity, expression."""
        lens = np.log(self.camera.fx / focal)
        return np.concatenate([np.zeros(POSE - 1), [lens], self.identity, self.expression])

    def in_front(self) -> bool:
        """Tell whether all points lie before the camera."""
        return bool((to_camera_space(self.camera, self.points)[:, 2] > 10.0).all())


def guess_at(model: SparseModel, camera: Camera, identity: FloatArray, expression: FloatArray) -> Guess:
    """Return a guess with its points; the expression is held between 0 and 1."""
    held = np.clip(expression, 0, 1)
    return Guess(camera, identity, held, model.points(identity, held))


@dataclass(frozen=True, eq=False)
class Normal:
    """The normal equations of one Gauss-Newton step: J' W J, J' W r, and the cost r' W r."""

    hessian: FloatArray
    right: FloatArray
    cost: float


class MapProblem:
    """What is minimised; unknowns: rotation, translation, focal length, identity, expression.

    The points' noise is weighed as it is seen at the start.
    """

    def __init__(self, model: SparseModel, evidence: Evidence, prior: Prior, start: Guess) -> None:
        self._model, self._evidence = model, evidence
        self._weight = self._weight_at(start)
        self._focal = prior.focal_px or start.camera.fx
        lens = 1 / prior.focal_sigma**2 if prior.focal_sigma else 0.0
        end = POSE + len(prior.identity)
        self._precision = np.diag(
            np.concatenate([np.zeros(POSE - 1), [lens], np.zeros(end - POSE), 1 / prior.expression_sigma**2])
        )
        self._precision[POSE:end, POSE:end] = prior.precision
        self._centre = np.concatenate([np.zeros(POSE), prior.identity, prior.expression])
        self._scale = prior.scale
        self.pose_and_identity = np.ones(end, dtype=np.bool_)
        self.pose_and_identity[POSE - 1] = prior.focal_sigma > 0
        size = model.mean.size
        self._shapes = model.identity.reshape(-1, size), model.expression.reshape(-1, size)

    def of_pixels(self, pixels: FloatArray) -> "MapProblem":
        """Return the problem of other places (P, 2) of the same points, their noise as it is."""
        other = copy(self)
        other._evidence = replace(self._evidence, pixels=pixels)
        return other

    def _weight_at(self, guess: Guess) -> Weight:
        local = _local_factor(self._model, guess.camera, guess.points)
        return Weight(self._evidence.sigma, np.concatenate([self._evidence.factor, local], axis=1))

    def moved(self, guess: Guess, update: FloatArray) -> Guess:
        """Return the guess after an update of the unknowns."""
        end = POSE + len(guess.identity)
        return guess_at(
            self._model,
            moved(guess.camera, update),
            guess.identity + update[POSE:end],
            guess.expression + update[end:],
        )

    def _left(self, guess: Guess) -> FloatArray:
        """Return how far the points are from their places, (2 P,) pixels."""
        pixels, _ = project(guess.camera, guess.points)
        return (self._evidence.pixels - pixels).reshape(-1)

    def normal(self, guess: Guess) -> Normal:
        """Return the normal equations at a guess."""
        jacobian = point_jacobian(guess.camera, guess.points, self._model)
        hessian, right, cost = self._weight.normal(jacobian, self._left(guess))
        hessian = hessian + self._precision
        if self._scale is not None:
            hessian[_DEPTH, _DEPTH] += self._off_scale(guess)[1] ** 2
        return self._with_prior(guess, hessian, right, cost)

    def steady(self, guess: Guess, hessian: FloatArray) -> Normal:
        """Return the normal equations at a guess with a curvature that is given, in a fraction of the time."""
        force, cost = self._weight.weighted(self._left(guess))
        right = pulled(guess.camera, guess.points, force.reshape(-1, 2), self._shapes)
        return self._with_prior(guess, hessian, right, cost)

    def _with_prior(self, guess: Guess, hessian: FloatArray, right: FloatArray, cost: float) -> Normal:
        away = self._centre - guess.unknowns(self._focal)
        pull = self._precision @ away
        right, cost = right + pull, cost + float(away @ pull)
        if self._scale is not None:
            off, slope = self._off_scale(guess)
            right[_DEPTH] += slope * off
            cost += off**2
        return Normal(hessian, right, cost)

    def _off_scale(self, guess: Guess) -> tuple[float, float]:
        """Return how far the picture's scale is off, in its deviations, and how that falls with the head's distance."""
        assert self._scale is not None
        # log(fx / depth) by the shift along the line of sight; the lens leaves it as it is (see `moved`).
        depth = float(guess.camera.translation_mm[2]) + self._scale.depth_mm
        off = np.log(self._scale.pixels_per_mm * depth / guess.camera.fx) / self._scale.sigma
        return float(off), -1 / (depth * self._scale.sigma)

    def local(self, guess: Guess) -> FloatArray:
        """Return the most probable local modes (L, 3) for a guess of everything else."""
        shared = self._evidence.factor.shape[1]
        common = self._weight.common(self._left(guess))[shared:].reshape(-1, 3)
        return local_components(self._model)[1] @ common

    def local_covariance(self) -> FloatArray:
        """Return the covariance of what the points see of the local modes, (3 r, 3 r)."""
        shared = self._evidence.factor.shape[1]
        return self._weight.common_covariance()[shared:, shared:]

    def weighed_at(self, guess: Guess) -> "MapProblem":
        """Return the problem with the points' noise as it is seen from another guess."""
        other = copy(self)
        other._weight = self._weight_at(guess)
        return other

    def identity_covariance(self, hessian: FloatArray) -> FloatArray:
        """Return the covariance of the identity, (K, K), that a curvature tells."""
        end = len(self.pose_and_identity)
        known = np.concatenate([~self.pose_and_identity, np.zeros(len(hessian) - end, dtype=np.bool_)])
        inverse = np.linalg.inv(hessian + np.diag(np.where(known, 1e12, 1e-9)))
        return np.asarray(inverse[POSE:end, POSE:end], dtype=np.float64)

    def residual_px(self, guess: Guess, local: FloatArray) -> float:
        """Return the root mean square distance between located and fitted points, pixels."""
        pixels, _ = project(guess.camera, guess.points + self._model.local.T @ local)
        return float(np.sqrt(((pixels - self._evidence.pixels) ** 2).sum(axis=1).mean()))


def moved(camera: Camera, update: FloatArray) -> Camera:
    """Return the camera after an update of the unknowns: a longer lens goes with a head farther away."""
    lens = np.exp(np.clip(update[POSE - 1], -0.5, 0.5))
    shifted = camera.translation_mm + update[3:6]
    return replace(
        camera,
        fx=camera.fx * lens,
        fy=camera.fy * lens,
        rotation=rotation_matrix(update[:3]) @ camera.rotation,
        translation_mm=shifted * np.array([1.0, 1.0, lens]),
    )
