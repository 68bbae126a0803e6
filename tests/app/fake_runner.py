"""A quick runner with the interface of the pipeline's: tests decide how long a stage takes."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from facestudio.errors import FacestudioError
from facestudio.geometry.camera import project, view_camera
from facestudio.pipeline.request import CancelToken, Event, Outcome, Request, Stage
from facestudio.template.model import load_template
from facestudio.template.sliders import adjusted
from facestudio.values import (
    Advice,
    Coverage,
    DetectedFace,
    FaceBox,
    Head,
    Landmarks,
    PhotoFit,
    SimilarHead,
    Texture,
)

IN_PLACE_OF_LARGE = 256
"""The size of textures asked for in 1024 and more: what windows do with one does not depend on it."""


@cache
def _follow() -> np.ndarray:
    """Return how far each vertex follows each landmark, (V, 68)."""
    template = load_template()
    rest = template.ibug68.points(template.vertices)
    away = np.linalg.norm(template.vertices[:, None] - rest[None], axis=2)
    weight = np.exp(-((away / 14.0) ** 2))
    return weight / np.maximum(weight.sum(axis=1, keepdims=True), 1.0)


@cache
def _skin(size: int) -> np.ndarray:
    return np.full((size, size, 3), (196, 150, 128), dtype=np.uint8)


class FakeRunner:
    """Puts the template before the photo and lets its vertices follow moved points.

    Attributes
    ----------
    stage_seconds
        How long each stage takes.
    faces
        How many faces the photo has.
    error
        Raised in the shape stage, if set.
    requests
        What was asked for, in order.
    finished
        The requests that were carried out to the end.
    """

    def __init__(self) -> None:
        self.stage_seconds: dict[Stage, float] = {}
        self.faces = 1
        self.error: FacestudioError | Exception | None = None
        self.requests: list[Request] = []
        self.finished: list[Request] = []
        self.cancelled_in: list[Stage] = []
        self.texture: np.ndarray | None = None
        self.advice: tuple[Advice, ...] = ()
        self.stage: Stage | None = None  # the stage it is in, its duration already read

    def run(self, request: Request, on_event: Callable[[Event], None], cancel: CancelToken) -> Outcome:
        self.stage = None
        self.requests.append(request)
        stages = [s for s in Stage if s is not Stage.TEXTURE or request.texture_size]
        for stage in stages:
            self._work(stage, on_event, cancel)
            if stage is Stage.SHAPE and self.error is not None:
                raise self.error
        outcome = self._outcome(request)
        self.finished.append(request)
        return outcome

    def forget(self) -> None:
        """Forget the requests of the past and the stage the last one ended in."""
        self.requests.clear()
        self.finished.clear()
        self.cancelled_in.clear()
        self.stage = None

    def _work(self, stage: Stage, on_event: Callable[[Event], None], cancel: CancelToken) -> None:
        end = time.monotonic() + self.stage_seconds.get(stage, 0.0)
        self.stage = stage
        on_event(Event(stage, 0.0, f"{stage} begins"))
        while True:
            if cancel.cancelled:
                self.cancelled_in.append(stage)
            cancel.check()
            left = end - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(0.005, left))
        on_event(Event(stage, 1.0, f"{stage} is done"))

    def _camera(self, request: Request):
        width, height = request.photo.size
        focal = request.focal_px or 1.6 * height
        camera = view_camera(
            (width, height), focal_px=focal, distance_mm=900.0 * focal / (1.6 * height), target=(0, -20, 0)
        )
        if self.faces > 1:
            share = (request.face - 0.5) / self.faces - 0.5
            camera = replace(camera, cx=camera.cx + share * width)
        return camera

    def _outcome(self, request: Request) -> Outcome:
        template = load_template()
        whole, shown = request, request.photos[request.shown]
        request = replace(
            request, photo=shown.photo, face=shown.face, landmarks=shown.landmarks, focal_px=shown.focal_px
        )
        camera = self._camera(request)
        rest = template.ibug68.points(template.vertices)
        pixels, depth = project(camera, rest)
        sigma = np.linspace(0.5, 6.0, 68)
        covariance = np.eye(2) * (sigma**2)[:, None, None]
        located = Landmarks("ibug68", pixels, covariance, np.zeros(68, dtype=bool), "mesh478")
        landmarks = request.landmarks or located
        shift = np.zeros((68, 3))
        shift[:, :2] = (landmarks.points - pixels) * (depth / camera.fx)[:, None] * [1, -1]
        vertices = adjusted(template, template.vertices + _follow() @ shift, request.adjustments)
        texture = None
        if request.texture_size:
            size = request.texture_size if request.texture_size <= 512 else IN_PLACE_OF_LARGE
            colours = _skin(size) if self.texture is None else self.texture
            labels = np.ones(colours.shape[:2], dtype=np.uint8)
            texture = Texture(colours, Coverage(labels, 0.62, 0.21, 0.17))
        head = Head(
            template_version=template.version,
            vertices=vertices,
            expression=np.zeros(52),
            expression_deltas=template.expression_deltas,
            camera=camera,
            landmarks=landmarks,
            landmarks_3d=template.ibug68.points(vertices),
            landmarks_3d_posed=template.ibug68.points(vertices),
            landmark_vertices=template.ibug68.nearest_vertices(),
            similar_heads=self._similar(request),
            landmark_method="mesh478",
            retrieval_method="fake",
            shape_method=request.method,
            database=request.database,
            texture=texture,
            timings_ms={"landmarks": 12.0, "shape": 20.0},
            photos=self._photos(whole) if whole.more else (),
            advice=self.advice,
        )
        return Outcome(head, self._faces(request), ())

    def _photos(self, request: Request) -> tuple[PhotoFit, ...]:
        fits = []
        for place in range(len(request.photos)):
            one = request.photos[place]
            alone = Request(one.photo, face=one.face, landmarks=one.landmarks, texture_size=0)
            head = self._outcome(alone).head
            fits.append(PhotoFit(one.photo.name, head.camera, head.expression, head.landmarks))
        return tuple(fits)

    def _similar(self, request: Request) -> tuple[SimilarHead, ...]:
        found = {"mh-0042": (0.91, 0.6), "mh-0107": (0.84, 0.4), "mh-0300": (0.5, 0.2)}
        kept = [name for name in found if name not in request.excluded_heads][:2]
        weights = {name: dict(request.head_weights).get(name, found[name][1]) for name in kept}
        return tuple(
            SimilarHead(name, found[name][0], weights[name] / sum(weights.values())) for name in kept
        )

    def _faces(self, request: Request) -> tuple[DetectedFace, ...]:
        faces = []
        for number in range(1, self.faces + 1):
            template = load_template()
            camera = self._camera(replace(request, face=number))
            pixels, _ = project(camera, template.ibug68.points(template.vertices))
            low, high = pixels.min(axis=0), pixels.max(axis=0)
            mesh = Landmarks.of("mesh478", np.zeros((478, 2)), sigma=1.0, method="mesh478")
            box = FaceBox(*map(float, low), *map(float, high), 0.9)
            faces.append(DetectedFace(box, mesh, np.zeros(478), np.zeros(52), 0.9))
        return tuple(faces)
