"""Several photos of one person: one identity solved jointly; each photo keeps its camera and its expression."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facestudio.fitting.evidence import pixels_per_mm
from facestudio.fitting.fit_values import Fit
from facestudio.fitting.joint import Gaussian, joint_points, joint_posterior
from facestudio.fitting.observed_prior import centre_among
from facestudio.fitting.pins import PinField, PinSight, settled_field
from facestudio.fitting.residual import apply_residual, close_lips, residual_spline, without_parting
from facestudio.fitting.solver import SteadyFit
from facestudio.fitting.uncertainty import after_pinning, calibrated, surer, vertex_uncertainty
from facestudio.geometry.camera import back_project, camera_position, to_camera_space
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Shape
from facestudio.retrieval.similar_heads import weighted_coefficients
from facestudio.template.expressions import expression_deltas_for
from facestudio.template.pins import Pins
from facestudio.template.seating import seat_eyeballs
from facestudio.values import BoolArray, Float32Array, FloatArray, Landmarks, SimilarHead

_KNOWN = 1e8  # precision of an identity that is given
_STEPS, _CORRECTION_STEPS = 8, 2
_DEPTH_SIGMA = 4.0  # how unsure a landmark is along its line of sight, in times of across it
_PINNED_MM = 1e-3
# A point set by hand in several photos: nobody sets it exactly, and from nearly the same side a pixel is centimetres of
# depth. So the lines of sight are met as nearly as the shape allows.
_SEVERAL_MM, _HELD_MM = 0.4, 1.5
_ROUNDS = 3


class PersonPhoto(ShapeProblem):
    """One of several photos of a person: a shape problem whose identity may be given."""

    @property
    def everyone(self) -> Gaussian:
        """What is believed of any head's identity before it is seen."""
        return Gaussian(self._centre, np.linalg.inv(self._spread))

    def alone(self, landmarks: Landmarks, check: Callable[[], None] = lambda: None) -> Fit:
        """Fit this photo without the others."""
        fit = self.first_fit(check)
        if landmarks is (self._located.located or self._located.landmarks):
            return fit
        model, evidence = self._evidence(landmarks, fit.camera, fit.identity, fit.expression)
        steady = SteadyFit.after(fit, model, evidence, self._prior)
        corrected = steady.to(evidence.pixels, _CORRECTION_STEPS, check)
        return self._honest(corrected)

    def refit(
        self, landmarks: Landmarks, fit: Fit, identity: FloatArray, check: Callable[[], None] = lambda: None
    ) -> Fit:
        """Return this photo's camera, expression and local modes for an identity that is given."""
        model, evidence = self._evidence(landmarks, fit.camera, identity, fit.expression)
        known = replace(self._prior, identity=identity, precision=_KNOWN * np.eye(len(identity)))
        steady = SteadyFit(model, evidence, known, fit.camera, identity, fit.expression)
        return steady.to(evidence.pixels, _STEPS, check)

    def centre_of(self, heads: tuple[SimilarHead, ...]) -> FloatArray:
        """Return the mean of the prior beside similar heads, (K,)."""
        if not heads:
            return self._centre
        return centre_among(self._centre, weighted_coefficients(self._database, heads), self._trust)

    def head(self, fit: Fit) -> FloatArray:
        """Return the neutral head of a fit, without what splines add, (V, 3) mm."""
        return self._database.shape(fit.identity) + (fit.local.T @ self._local).T

    def uncertainty(self, fit: Fit) -> Float32Array:
        """Return how far each vertex of a fit may be off, (V,) mm."""
        return calibrated(vertex_uncertainty(self._database, self._local, fit), self._template)

    def shapes_of(self, head: FloatArray) -> Float32Array:
        """Return the expression shapes of a head."""
        return expression_deltas_for(self._template, head)

    def quick_shapes(self, check: Callable[[], None]) -> Float32Array:
        """Return those of the first fit's head, at once."""
        return self._first_deltas(check)

    def wanted(
        self, landmarks: Landmarks, fit: Fit, heads: tuple[SimilarHead, ...]
    ) -> tuple[FloatArray, FloatArray]:
        """Return where the landmarks are to go in head space, posed, and where the fit has them, both (68, 3) mm."""
        posed = self._landmark_model.points(fit.identity, fit.expression, fit.local)
        return self._targets(landmarks, fit, heads), posed

    def landmarks_on(self, vertices: FloatArray, expression: FloatArray, deltas: Float32Array) -> FloatArray:
        """Return the landmarks of a posed head, (68, 3) mm."""
        points = self._template.ibug68
        return points.points(vertices) + np.tensordot(expression, points.points(deltas), axes=1)

    def finished(
        self,
        vertices: FloatArray,
        left: FloatArray,
        sigma: FloatArray,
        moved: BoolArray,
        uncertainty: Float32Array,
    ) -> tuple[FloatArray, Float32Array]:
        """Let splines take up what is left at the landmarks, (68, 3) mm; returns the head and how sure it is."""
        spline = residual_spline(self._template, sigma, moved)
        displaced = apply_residual(self._template, spline, vertices, without_parting(left, moved))
        closed = close_lips(self._template, displaced, self._database.mean_head(), moved)
        neutral = seat_eyeballs(self._template, closed)
        return neutral, after_pinning(uncertainty, spline.matrix, moved)

    def field_of(self, shapes: Sequence[Shape], pins: Sequence[Pins], moved: BoolArray) -> PinField | None:
        """Return what meets the pins of all photos; `shapes` are the one head as each photo has it."""
        sights = [
            PinSight(own, shape.camera, shape.posed()) for shape, own in zip(shapes, pins, strict=True) if own
        ]
        return settled_field(self._template, shapes[0].vertices, sights, moved)

    def met(self, vertices: FloatArray, left: FloatArray, moved: BoolArray) -> FloatArray:
        """Move pinned landmarks by what is left at them, (68, 3) mm."""
        spline = residual_spline(self._template, np.ones(68), moved)
        return apply_residual(self._template, spline, vertices, np.where(moved[:, None], left, 0.0))


@dataclass(frozen=True, eq=False)
class Sight:
    """One of the photos with its points, and how it was fitted alone."""

    problem: PersonPhoto
    landmarks: Landmarks
    fit: Fit
    pins: Pins = ()


def joint_fits(
    sights: Sequence[Sight],
    check: Callable[[], None] = lambda: None,
    heads: tuple[SimilarHead, ...] = (),
) -> tuple[Fit, ...]:
    """Return every photo's fit with the one identity, and the one set of local modes, that all photos tell together.

    Parameters
    ----------
    sights
        The photos; all of one database.
    check
        May raise to cancel.
    heads
        Similar heads, if they are known; they move the prior's mean.
    """
    first = sights[0].problem
    prior = first.everyone
    alone = [Gaussian(sight.fit.identity, sight.fit.identity_covariance) for sight in sights]
    centre = first.centre_of(heads)
    joint = joint_posterior(alone, prior, centre=centre)
    fits: list[Fit] = []
    for sight in sights:
        check()
        fits.append(sight.problem.refit(sight.landmarks, sight.fit, joint.mean, check))
    fits = [replace(fit, identity_covariance=joint.covariance) for fit in _one_surface(fits)]
    return tuple(_pinned(fits, sights))


def _pinned(fits: list[Fit], sights: Sequence[Sight]) -> list[Fit]:
    """Return fits of one identity once the pins of every photo are known too, one photo after the other."""
    for place, sight in enumerate(sights):
        if sight.pins:
            told = sight.problem.with_pins(fits[place], sight.pins)
            fits = [
                replace(fit, identity=told.identity, identity_covariance=told.identity_covariance)
                for fit in fits
            ]
    return fits


def _one_surface(fits: list[Fit]) -> list[Fit]:
    """Give fits the local modes that they tell together; photos whose points see other modes keep out of it."""
    seen = fits[0].local_seen
    same = [fit for fit in fits if np.array_equal(fit.local_seen, seen)]
    size = 3 * seen.shape[1]
    if not size:
        return fits
    told = [Gaussian((seen.T @ fit.local).reshape(-1), fit.local_covariance) for fit in same]
    joint = joint_posterior(told, Gaussian(np.zeros(size), np.eye(size)))
    local = seen @ joint.mean.reshape(-1, 3)
    return [replace(fit, local=local, local_seen=seen, local_covariance=joint.covariance) for fit in fits]


def joint_shapes(
    sights: Sequence[Sight],
    fits: Sequence[Fit],
    heads: tuple[SimilarHead, ...],
    method: str,
    check: Callable[[], None] = lambda: None,
    live: bool = False,
) -> tuple[Shape, ...]:
    """Return the one head as each photo has it: same vertices, own camera and expression.

    What the fit leaves at the landmarks is put together from all photos, each saying most across its lines of sight:
    a landmark that was moved by hand is met in its photo, and one moved in two where both lines of sight come nearest.

    Parameters
    ----------
    sights, fits
        The photos, and what `joint_fits` returned.
    heads
        The similar heads in use.
    method
        To be named in the result.
    check
        May raise to cancel.
    live
        The expression shapes may be those of the first fit's head.
    """
    main = sights[0].problem
    moved_each = np.stack([sight.landmarks.moved for sight in sights])
    moved = np.asarray(moved_each.any(axis=0), dtype=np.bool_)
    sigma_each = np.stack([_sigma_mm(sight, fit) for sight, fit in zip(sights, fits, strict=True)])
    # Where a point was set by hand in one photo, what others located there has no say.
    several = moved_each.sum(axis=0) > 1
    pinned = np.where(several, _SEVERAL_MM, _PINNED_MM)
    held = np.where(several, 1 / _HELD_MM**2, 0.0)
    sigma_each = np.where(moved_each, pinned, np.where(moved, 1e3, sigma_each))
    left_each, sight_each = [], []
    for sight, fit in zip(sights, fits, strict=True):
        check()
        target, posed = sight.problem.wanted(sight.landmarks, fit, heads)
        left_each.append(target - posed)
        sight_each.append(_unit(target - camera_position(fit.camera)))
    lines = np.stack(sight_each)
    left, sigma = _combined(np.stack(left_each), lines, sigma_each, moved, np.zeros((68, 3)), held)
    done = left
    vertices, unsure = main.finished(main.head(fits[0]), left, sigma, moved, main.uncertainty(fits[0]))
    deltas = main.quick_shapes(check) if live else main.shapes_of(vertices)
    for _ in range(_ROUNDS if moved.any() else 0):
        # A head moves by expression shapes of its own: pinned landmarks are brought to their lines again.
        rest = np.stack(
            [
                _off_line(sight.problem.landmarks_on(vertices, fit.expression, deltas), fit, sight.landmarks)
                for sight, fit in zip(sights, fits, strict=True)
            ]
        )
        left, _ = _combined(rest, lines, sigma_each, moved, -done, held)
        vertices, done = main.met(vertices, left, moved), done + left
    shapes = [Shape(fit.camera, vertices, fit.expression, deltas, method, unsure) for fit in fits]
    field = main.field_of(shapes, [sight.pins for sight in sights], moved)
    if field is None:
        return tuple(shapes)
    unsure = surer(unsure, field.held)
    return tuple(
        replace(shape, vertices=vertices + field.displacement, uncertainty_mm=unsure) for shape in shapes
    )


def _combined(
    left: FloatArray,
    lines: FloatArray,
    sigma: FloatArray,
    moved: BoolArray,
    anchor: FloatArray,
    held: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    depth = np.where(moved, 1.0, _DEPTH_SIGMA * sigma.min(axis=0))
    places, unsure = joint_points(left, lines, sigma, depth, anchor, held)
    return places, np.where(moved, 1.0, unsure)


def _sigma_mm(sight: Sight, fit: Fit) -> FloatArray:
    variance = sight.landmarks.covariance[:, [0, 1], [0, 1]].mean(axis=1)
    return np.maximum(np.sqrt(variance) / pixels_per_mm(fit.camera), 0.1)


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _off_line(points: FloatArray, fit: Fit, landmarks: Landmarks) -> FloatArray:
    """Return the way from points (68, 3) mm to the lines of sight of their landmarks, at their own depth."""
    depth = to_camera_space(fit.camera, points)[:, 2]
    return back_project(fit.camera, landmarks.points, depth) - points
