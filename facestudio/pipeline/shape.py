"""Stages retrieval and shape: from landmarks to a camera and a neutral head."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.database.shape_model import load_shape_model
from facestudio.fitting.depth import DepthRegression, depth_regression
from facestudio.fitting.evidence import (
    FaceSight,
    by_kind,
    face_sight,
    landmark_evidence,
    pixels_per_mm,
    with_sliding_jaw,
)
from facestudio.fitting.fit_values import Evidence, Fit, Prior
from facestudio.fitting.irises import iris_scale
from facestudio.fitting.noise import PointNoise
from facestudio.fitting.observed_prior import centre_among, lead_over, observed, with_observation
from facestudio.fitting.outline import slid
from facestudio.fitting.pins import PinSight, fit_with_pins, settled_field
from facestudio.fitting.pose import initial_pose
from facestudio.fitting.residual import (
    ResidualSpline,
    apply_residual,
    close_lips,
    residual_spline,
    without_parting,
)
from facestudio.fitting.solver import SteadyFit, fit_map
from facestudio.fitting.sparse_model import (
    SparseModel,
    jaw_model,
    located_model,
    mean_expressions,
    sparse_models,
)
from facestudio.fitting.uncertainty import (
    after_pinning,
    calibrated,
    population_uncertainty,
    surer,
    vertex_uncertainty,
)
from facestudio.geometry.camera import back_project, to_camera_space
from facestudio.pipeline.lens import FOCAL_SIGMA, photo_camera
from facestudio.pipeline.retrieval import heads_like, likeness
from facestudio.pipeline.shape_values import Located, Shape
from facestudio.retrieval.look_alikes import METHOD as PAPER_CNN
from facestudio.retrieval.look_alikes import look_alikes
from facestudio.retrieval.similar_heads import METHOD as FACE_SHAPE
from facestudio.retrieval.similar_heads import weighted_coefficients
from facestudio.template.expressions import expression_deltas_for
from facestudio.template.model import Template
from facestudio.template.pins import Pins
from facestudio.template.seating import seat_eyeballs
from facestudio.values import (
    BoolArray,
    Camera,
    Float32Array,
    FloatArray,
    Landmarks,
    Photo,
    SimilarHead,
    read_only,
)

PRIOR_VARIANCE = 1.3
"""The database's spread is taken this much wider: real heads vary more than the heads drawn."""

SPLINE_CAUTION = (2.0, 8.0)
"""So much wider is the noise of located landmarks in the spline, in real and in drawn photos, where the observer is
trusted."""

_EXPRESSION_SIGMA = 0.15
_UNKNOWN_EXPRESSION_SIGMA = 0.25
_NO_TONGUE = 1e-3
_IRISES = [468, 473]  # their centres in mesh478
# Both start at a converged fit, from which a correction or a nearer prior is a short way; they are what a drag costs.
_CORRECTION_STEPS, _FINAL_STEPS = 2, 3
_FULL_STEPS = 12


class ShapeProblem:
    """One photo's points against one database: everything that edits of landmarks do not change is kept."""

    def __init__(
        self,
        photo: Photo,
        located: Located,
        database: HeadDatabase,
        template: Template,
        focal_px: float | None,
        noise: PointNoise | None = None,
        observing: bool = True,
    ) -> None:
        self.photo, self._located = photo, located
        self._database, self._template = database, template
        self._noise = noise
        self._local = load_shape_model().local.astype(np.float64)
        self._mesh_model, self._landmark_model = sparse_models(database, template)
        self._camera = photo_camera(photo, focal_px)
        self._start: Fit | None = None
        self._seen: tuple[Camera, Evidence] | None = None
        self._steady: tuple[Fit, tuple[SimilarHead, ...], FloatArray, SteadyFit] | None = None
        self._depths: tuple[tuple[SimilarHead, ...], DepthRegression] | None = None
        self._deltas: Float32Array | None = None
        self._uncertainty: Float32Array | None = None
        face = located.face
        expression = np.zeros(len(template.expression_names)) if face is None else face.expression
        sigma = np.full(len(expression), _UNKNOWN_EXPRESSION_SIGMA if face is None else _EXPRESSION_SIGMA)
        sigma[template.expression_names.index("tongueOut")] = _NO_TONGUE
        self._modes = len(database.basis)
        self._centre = database.coefficients.mean(axis=0)
        variance = np.maximum(database.coefficients.var(axis=0) * PRIOR_VARIANCE, 1e-4)
        self._spread = np.diag(1 / variance)
        self._observed = observed(photo, face, database) if face is not None and observing else None
        self._refined = None if self._observed is None or noise is not None else self._observed.mesh
        lens = FOCAL_SIGMA if self._camera.focal_source == "estimated" else 0.0
        everyone = Prior(self._centre, self._spread, expression, sigma, self._camera.fx, lens)
        self._prior = self._prior_around(self._centre, everyone)

    @property
    def _trust(self) -> float:
        return 0.0 if self._observed is None else self._observed.trust

    def _prior_around(self, centre: FloatArray, prior: Prior) -> Prior:
        """Return the prior of heads around a centre, and of what was observed of this one's identity."""
        if self._observed is None:
            return replace(prior, identity=centre)
        own = replace(prior, identity=centre, precision=self._spread)
        lead = lead_over(self._located.located, self._noise)
        return with_observation(own, self._observed, lead, self._centre)

    def _honest(self, fit: Fit) -> Fit:
        """Return a fit that is as sure of identity as the observation is: the fit held it firmer than that."""
        if self._observed is None or self._observed.trust == 0 or self._noise is not None:
            return fit
        return replace(fit, identity_covariance=self._observed_covariance)

    @cached_property
    def _observed_covariance(self) -> FloatArray:
        assert self._observed is not None
        own = with_observation(replace(self._prior, precision=self._spread), self._observed)
        return read_only(np.linalg.inv(own.precision), np.float64)

    def _evidence(
        self, landmarks: Landmarks, camera: Camera, identity: FloatArray, expression: FloatArray
    ) -> tuple[SparseModel, Evidence]:
        sight = self._sight
        if sight is None:
            jaw = jaw_model(self._database, self._template)
            model = with_sliding_jaw(
                self._landmark_model, jaw, identity, expression, camera, landmarks.points
            )
            return model, landmark_evidence(landmarks, pixels_per_mm(camera))
        # While a point is dragged the camera that the fit starts from stays, and with it the points' noise.
        if self._seen is None or self._seen[0] is not camera:
            self._seen = camera, sight.evidence(camera)
        model = self._mesh_model
        if sight.counts:
            model = located_model(self._database, self._template, sight.located.drawn)
        return model, sight.corrected(self._seen[1], landmarks)

    @cached_property
    def _sight(self) -> FaceSight | None:
        face, located = self._located.face, self._located.located
        if face is None or located is None:
            return None
        return face_sight(face, located, self._refined, self._trust, self._noise)

    def first_fit(self, check: Callable[[], None]) -> Fit:
        """Fit to the points as located, with the prior of the whole database (kept)."""
        if self._start is None:
            face = self._located.face
            if face is None:
                model, pixels = self._landmark_model, self._located.landmarks.points
            else:
                model = self._mesh_model
                pixels = face.mesh.points if self._refined is None else self._refined
            camera = initial_pose(model.points(self._prior.identity), pixels, self._camera)
            if face is not None:
                eyes = self._mesh_model.points(self._prior.identity)[_IRISES]
                scale = iris_scale(face.mesh.points, face.expression, eyes, camera)
                self._prior = replace(self._prior, scale=scale)
            base = self._located.located or self._located.landmarks
            identity, expression = self._prior.identity, self._prior.expression
            # A second round lets the jaw slide on the fitted head; the mesh has no sliding points.
            for _ in range(2 if face is None else 1):
                model, evidence = self._evidence(base, camera, identity, expression)
                self._start = fit_map(
                    model,
                    evidence,
                    camera,
                    self._prior,
                    identity=identity,
                    expression=expression,
                    check=check,
                )
                camera, identity, expression = (
                    self._start.camera,
                    self._start.identity,
                    self._start.expression,
                )
            assert self._start is not None
            self._start = self._honest(self._start)
        return self._start

    def retrieve(
        self,
        landmarks: Landmarks,
        excluded: frozenset[str],
        check: Callable[[], None],
        method: str = "",
    ) -> tuple[Fit, tuple[SimilarHead, ...]]:
        """Fit to the landmarks and find the heads that are like the face.

        `method` is of `facestudio.pipeline.retrieval.retrieval_method`; by default shape, and looks where the database
        has embeddings.
        """
        fit = self.first_fit(check)
        if landmarks is not (self._located.located or self._located.landmarks):
            model, evidence = self._evidence(landmarks, fit.camera, fit.identity, fit.expression)
            steady = SteadyFit.after(fit, model, evidence, self._prior)
            fit = self._honest(steady.to(evidence.pixels, _CORRECTION_STEPS, check))
        if method == PAPER_CNN:
            return fit, look_alikes(self._database, self.photo.pixels, landmarks.points, excluded=excluded)
        looks = None if method == FACE_SHAPE else likeness([(self.photo, landmarks)], self._database)
        return fit, self.similar(fit, looks, excluded)

    def similar(
        self, fit: Fit, looks: Float32Array | None, excluded: frozenset[str]
    ) -> tuple[SimilarHead, ...]:
        """Return the heads that are like a fitted face, and look like it if `looks` says how much each does."""
        face = self._mesh_model.points(fit.identity, local=fit.local)
        return heads_like(fit, face, looks, excluded, self._database, self._template)

    @cached_property
    def _database_points(self) -> FloatArray:
        model = self._landmark_model
        flat = self._database.coefficients @ model.identity.reshape(self._modes, model.mean.size)
        return model.mean + flat.reshape(len(self._database), -1, 3)

    def solve(
        self,
        landmarks: Landmarks,
        fit: Fit,
        heads: tuple[SimilarHead, ...],
        method: str,
        check: Callable[[], None],
        live: bool = False,
        pins: Pins = (),
    ) -> Shape:
        """Fit with the prior centred on the similar heads, then let splines take up the rest; pins are met last.

        `live` is for the moment: the expression shapes are those of the first fit's head, which saves their time.
        """
        if method == "mean":
            return self._mean_head(fit)
        statistical = weighted_coefficients(self._database, heads) if heads else self._centre
        if method == "paper":
            exact = self._exact_tps(landmarks, fit, heads, statistical)
            return self.pinned(exact, pins, np.ones(68, dtype=np.bool_))
        fit = self.with_pins(self._among(landmarks, fit, heads, statistical, method, check), pins)
        check()
        vertices = self._database.shape(fit.identity) + (fit.local.T @ self._local).T
        target = self._targets(landmarks, fit, heads)
        posed = self._landmark_model.points(fit.identity, fit.expression, fit.local)
        # The first fit's scale, not this one's: then the spline is the same for the whole of a drag.
        scale = pixels_per_mm(self.first_fit(check).camera)
        sigma = np.sqrt(landmarks.covariance[:, [0, 1], [0, 1]].mean(axis=1)) / scale
        if method == "default":
            sigma = sigma * by_kind(SPLINE_CAUTION, self._located.located) ** self._trust
        spline = residual_spline(self._template, sigma, landmarks.moved)
        left = without_parting(target - posed, landmarks.moved)
        displaced = apply_residual(self._template, spline, vertices, left)
        closed = close_lips(self._template, displaced, self._database.mean_head(), landmarks.moved)
        neutral = seat_eyeballs(self._template, closed)
        deltas = self._first_deltas(check) if live else expression_deltas_for(self._template, neutral)
        if self._uncertainty is None or not live:
            raw = vertex_uncertainty(self._database, self._local, fit)
            self._uncertainty = calibrated(raw, self._template)
        unsure = after_pinning(self._uncertainty, spline.matrix, landmarks.moved)
        moved = Shape(fit.camera, neutral, fit.expression, deltas, method, unsure)
        met = self._met(moved, target, spline, landmarks.moved)
        return self.pinned(met, pins, landmarks.moved)

    def _among(
        self,
        landmarks: Landmarks,
        fit: Fit,
        heads: tuple[SimilarHead, ...],
        statistical: FloatArray,
        method: str,
        check: Callable[[], None],
    ) -> Fit:
        """Go on from a fit with the prior centred on the similar heads."""
        centre = centre_among(self._centre, statistical, 0.0 if method == "map" else self._trust)
        model, evidence = self._evidence(landmarks, fit.camera, fit.identity, fit.expression)
        if method == "map":
            prior = replace(self._prior, identity=centre, precision=self._spread)
            start = {"identity": fit.identity, "expression": fit.expression}
            return fit_map(model, evidence, fit.camera, prior, **start, iterations=_FULL_STEPS, check=check)
        kept = self._steady
        if kept is None or kept[0] is not fit or kept[1] != heads or kept[2] is not evidence.factor:
            prior = self._prior_around(centre, self._prior)
            kept = fit, heads, evidence.factor, SteadyFit.after(fit, model, evidence, prior)
            self._steady = kept
        return self._honest(kept[3].to(evidence.pixels, _FINAL_STEPS, check))

    def _first_deltas(self, check: Callable[[], None]) -> Float32Array:
        if self._deltas is None:
            head = self._database.shape(self.first_fit(check).identity)
            self._deltas = read_only(expression_deltas_for(self._template, head), np.float32)
        return self._deltas

    def _targets(self, landmarks: Landmarks, fit: Fit, heads: tuple[SimilarHead, ...]) -> FloatArray:
        """Return the landmarks' places in head space, (68, 3) mm: on their lines of sight at the estimated depth."""
        camera = fit.camera
        posed = self._landmark_model.points(fit.identity, fit.expression, fit.local)
        neutral = self._landmark_model.points(fit.identity, local=fit.local)
        depth = to_camera_space(camera, posed)[:, 2]
        seen = back_project(camera, landmarks.points, depth)
        # The conditional depth of the heads at hand, corrected by what the full fit knows of this head.
        depths = self._depths_among(heads)
        estimate, current = depths.depth_of((seen - posed + neutral)[:, :2]), depths.depth_of(neutral[:, :2])
        shifted = posed[:, 2] + np.clip(estimate.depth - current.depth, -4.0, 4.0)
        goal = posed.copy()
        goal[:, 2] = shifted
        return back_project(camera, landmarks.points, to_camera_space(camera, goal)[:, 2])

    def _depths_among(self, heads: tuple[SimilarHead, ...]) -> DepthRegression:
        """Return how depth follows from frontal positions among similar heads; kept, for drags keep these."""
        if self._depths is None or self._depths[0] != heads:
            weights = np.ones(len(self._database)) / len(self._database)
            for head in heads:
                weights[self._database.index(head.id)] += head.weight
            self._depths = heads, depth_regression(self._database_points, weights)
        return self._depths[1]

    def _mean_head(self, fit: Fit) -> Shape:
        head = self._database.mean_head()
        deltas = expression_deltas_for(self._template, head)
        return Shape(fit.camera, head, fit.expression, deltas, "mean", population_uncertainty(self._database))

    def _exact_tps(
        self, landmarks: Landmarks, fit: Fit, heads: tuple[SimilarHead, ...], statistical: FloatArray
    ) -> Shape:
        """Follow the paper: move the statistical model's sparse points exactly onto the landmarks."""
        model = self._landmark_model
        posed = model.points(statistical, fit.expression)
        camera = initial_pose(posed, landmarks.points, fit.camera)
        refit = replace(fit, camera=camera, identity=statistical, local=np.zeros_like(fit.local))
        target = self._targets(landmarks, refit, heads)
        every = np.ones(68, dtype=np.bool_)
        spline = residual_spline(self._template, np.ones(68), every)
        vertices = apply_residual(self._template, spline, self._database.shape(statistical), target - posed)
        deltas = expression_deltas_for(self._template, vertices)
        shape = Shape(
            camera, vertices, fit.expression, deltas, "paper", population_uncertainty(self._database)
        )
        return self._met(shape, target, spline, every)

    def _met(self, shape: Shape, target: FloatArray, spline: ResidualSpline, pinned: BoolArray) -> Shape:
        """Bring pinned landmarks to their targets exactly: a head moves by expression shapes of its own."""
        if not pinned.any():
            return shape
        points = self._template.ibug68
        by_shape = points.points(shape.expression_deltas)
        own = points.points(shape.vertices) + np.tensordot(shape.expression, by_shape, axes=1)
        left = np.where(pinned[:, None], target - own, 0.0)
        return replace(shape, vertices=apply_residual(self._template, spline, shape.vertices, left))

    def with_pins(self, fit: Fit, pins: Pins) -> Fit:
        """Return a fit once the pins of this photo are known too."""
        if any(pin.outline for pin in pins):
            head = self._database.shape(fit.identity) + (fit.local.T @ self._local).T
            offsets = np.tensordot(fit.expression, mean_expressions(self._database, self._template), axes=1)
            pins = slid(self._template, fit.camera, head + offsets, pins)
        return fit_with_pins(fit, pins, self._database, self._template, self._landmark_model, self._local)

    def pinned(self, shape: Shape, pins: Pins, moved: BoolArray) -> Shape:
        """Bring pinned vertices to their pins exactly; landmarks that were `moved`, (68,), stay."""
        sights = [PinSight(pins, shape.camera, shape.posed())] if pins else []
        field = settled_field(self._template, shape.vertices, sights, moved)
        if field is None:
            return shape
        return replace(
            shape,
            vertices=shape.vertices + field.displacement,
            uncertainty_mm=surer(shape.uncertainty_mm, field.held),
        )
