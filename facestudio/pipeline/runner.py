"""The one runner: runs the stages of a Request, yields events, can be cancelled, recomputes only what changed."""

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from facestudio.database.model import HeadDatabase, load_database
from facestudio.errors import NoFaceError
from facestudio.landmarks.combine import locate_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.pipeline import together
from facestudio.pipeline.advice import advise
from facestudio.pipeline.checks import check_request
from facestudio.pipeline.chosen_heads import with_chosen_weights
from facestudio.pipeline.request import (
    CancelToken,
    Event,
    Outcome,
    Request,
    Stage,
)
from facestudio.pipeline.retrieval import retrieval_method
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located, Shape
from facestudio.template.expressions import expression_deltas_for
from facestudio.template.model import load_template
from facestudio.template.sliders import adjusted
from facestudio.texture.fuse import Sitting, make_texture
from facestudio.values import (
    DetectedFace,
    Float32Array,
    FloatArray,
    Head,
    Landmarks,
    Photo,
    SimilarHead,
    Texture,
    with_expression,
)

_T = TypeVar("_T")
_SHARE = {Stage.LANDMARKS: 0.1, Stage.RETRIEVAL: 0.1, Stage.SHAPE: 0.1, Stage.TEXTURE: 0.7}
_MESSAGES = {
    Stage.LANDMARKS: "Locating the face and its landmarks",
    Stage.RETRIEVAL: "Finding similar heads",
    Stage.SHAPE: "Fitting the head",
    Stage.TEXTURE: "Making the texture",
}


class Runner:
    """Runs reconstructions one after another and keeps each stage's last results.

    A stage is computed anew only if what it depends on has changed: correcting a landmark leaves detection alone,
    another texture size leaves the shape alone. Not for several threads at once.
    """

    def __init__(self, load: Callable[[str], HeadDatabase] = load_database) -> None:
        self._load = load
        self._threads = ThreadpoolController()
        self._kept: dict[str, tuple[Hashable, Any]] = {}

    def run(
        self,
        request: Request,
        on_event: Callable[[Event], None] = lambda event: None,
        cancel: CancelToken | None = None,
    ) -> Outcome:
        """Reconstruct a head.

        Parameters
        ----------
        request
            What is wanted.
        on_event
            Called at the start and the end of each stage.
        cancel
            Looked at between and inside the stages.

        Raises
        ------
        UsageError
            If the request makes no sense.
        NoFaceError
            If there is no face, or not so many, or the landmarks are none of a face.
        ModelError
            If a model, the template or the database is missing or damaged.
        CancelledError
            If `cancel` was set.
        """
        check_request(request)
        # The fit's matrices are small: BLAS threads that wait for each other make it up to fifty times slower.
        with self._threads.limit(limits=1, user_api="blas"):
            return self._run(request, on_event, cancel or CancelToken())

    def _run(self, request: Request, on_event: Callable[[Event], None], token: CancelToken) -> Outcome:
        timings: dict[str, float] = {}

        def stage(which: Stage, key: Hashable, compute: Callable[[], _T]) -> _T:
            token.check()
            on_event(Event(which, 0.0, _MESSAGES[which]))
            began = time.perf_counter()
            value = self._cached(which, key, compute)
            timings[which.value] = timings.get(which.value, 0.0) + (time.perf_counter() - began) * 1000
            on_event(Event(which, 1.0, _MESSAGES[which]))
            token.check()
            return value

        database = self._load(request.database)
        if request.more:
            return self._run_together(request, database, stage, timings, token)
        template = load_template()
        photo = _Identity(request.photo)
        given = _Identity(request.landmarks)
        faces = stage(Stage.LANDMARKS, photo, lambda: locate_faces(request.photo))
        began = time.perf_counter()
        located = self._cached(
            "located", (photo, request.face, given), lambda: _located(request, faces, self._points)
        )
        timings[Stage.LANDMARKS.value] += (time.perf_counter() - began) * 1000
        base = (photo, request.face, request.database, request.focal_px, located.face is None and given)
        problem = self._cached(
            "problem",
            base,
            lambda: ShapeProblem(request.photo, located, database, template, request.focal_px),
        )
        live = not request.texture_size
        # While a landmark is dragged the similar heads stay those of the points as located.
        sought = (located.located if live else None) or located.landmarks
        how = retrieval_method(request.method, database)
        fit, heads = stage(
            Stage.RETRIEVAL,
            (base, _Identity(sought), request.excluded_heads, how),
            lambda: problem.retrieve(sought, request.excluded_heads, token.check, how),
        )
        heads = with_chosen_weights(heads, request.head_weights, database)
        shape = stage(
            Stage.SHAPE,
            (base, given, request.pins, request.excluded_heads, request.head_weights, request.method, live),
            lambda: problem.solve(
                located.landmarks, fit, heads, request.method, token.check, live, request.pins
            ),
        )
        head = _head(request, located, shape, heads, how)
        if request.texture_size:
            texture = stage(
                Stage.TEXTURE,
                (
                    *(base, given, request.pins, request.excluded_heads, request.head_weights),
                    *(request.method, request.texture_options, request.unused),
                ),
                lambda: _texture(request, head, located, database, token),
            )
            head = replace(head, texture=texture)
        head = replace(self._with_adjustments(head, request, shape, live), timings_ms=timings)
        return self._advised(head, request, faces, located.face)

    def _run_together(
        self,
        request: Request,
        database: HeadDatabase,
        stage: together.RunStage,
        timings: dict[str, float],
        token: CancelToken,
    ) -> Outcome:
        """Make one head of several photos of a person."""
        live = not request.texture_size
        alone = [together.of_photo(request, number) for number in range(len(request.photos))]

        def locate() -> tuple[tuple[DetectedFace, ...], ...]:
            found: list[tuple[DetectedFace, ...]] = []
            for number, one in enumerate(alone):
                token.check()
                photo = one.photo
                found.append(
                    self._cached(f"faces {number}", _Identity(photo), lambda photo=photo: locate_faces(photo))
                )
            return tuple(found)

        photos = tuple(_Identity(one.photo) for one in alone)
        faces = stage(Stage.LANDMARKS, photos, locate)
        each: list[together.Each] = []
        for number, (one, found) in enumerate(zip(alone, faces, strict=True)):
            key = (_Identity(one.photo), one.face)

            def located(
                one: Request = one, found: tuple[DetectedFace, ...] = found, n: int = number
            ) -> Located:
                return _located(one, found, lambda photo, face: self._points(photo, face, f"points {n}"))

            try:
                given = (key, _Identity(one.landmarks))
                each.append(together.Each(one, self._cached(f"located {number}", given, located), key))
            except NoFaceError as error:
                raise together.named(one, error) from error
        all_of = tuple(each)
        sights = together.sights_of(all_of, database, self._cached, token)
        points = tuple(_Identity(sight.landmarks) for sight in sights)
        pins = tuple(sight.pins for sight in sights)
        base = (
            *(photos, request.database, tuple((one.face, one.focal_px) for one in alone)),
            request.excluded_heads,
        )
        # While a landmark is dragged the similar heads stay those of the last build at rest.
        kept = self._kept.get(Stage.RETRIEVAL.value)
        still = live and kept is not None and isinstance(kept[0], tuple) and kept[0][:-1] == (base,)
        heads = stage(
            Stage.RETRIEVAL,
            kept[0] if still and kept is not None else (base, points),
            lambda: together.similar(sights, database, request.excluded_heads, token),
        )
        heads = with_chosen_weights(heads, request.head_weights, database)
        shapes = stage(
            Stage.SHAPE,
            (base, points, pins, request.head_weights, live),
            lambda: together.solved(sights, heads, request.method, token, live),
        )
        shape, one = shapes[request.shown], all_of[request.shown]
        head = replace(
            _head(one.request, one.located, shape, heads, retrieval_method(one.request.method, database)),
            photos=together.photo_fits(all_of, shapes),
        )
        if request.texture_size:
            posed = tuple(shape.posed() for shape in shapes)
            unused = tuple(one.unused for one in alone)
            texture = stage(
                Stage.TEXTURE,
                (base, points, pins, request.head_weights, request.texture_options, unused),
                lambda: together.texture_of(
                    all_of, shapes, posed, database, heads, request.texture_options, token.check
                ),
            )
            head = replace(head, texture=texture)
        head = replace(self._with_adjustments(head, request, shape, live), timings_ms=timings)
        return self._advised(head, one.request, faces[request.shown], one.located.face)

    def _advised(
        self, head: Head, request: Request, faces: tuple[DetectedFace, ...], face: DetectedFace | None
    ) -> Outcome:
        # Moving points does not change what a photo is good for.
        key = (_Identity(request.photo), request.face, request.focal_px, face is None)
        advice = self._cached(
            "advice",
            key,
            lambda: advise(request.photo, faces, face, head.camera, head.posed_vertices(), request.face),
        )
        notes = tuple(f"{one.text}. {one.help}" for one in advice)
        return Outcome(replace(head, advice=advice), faces, notes)

    def _with_adjustments(self, head: Head, request: Request, shape: Shape, live: bool) -> Head:
        if not request.adjustments:
            return head
        key = (_Identity(shape.vertices), request.adjustments, live)
        vertices, deltas = self._cached("adjusted", key, lambda: _adjusted(request, shape, live))
        return _with_shape(head, vertices, deltas)

    def _points(self, photo: Photo, face: DetectedFace, name: str = "points") -> Landmarks:
        """Locate the 68 points of a face; kept, so that a moved landmark does not locate the others anew."""
        key = (_Identity(photo), _Identity(face))
        return self._cached(name, key, lambda: locate_landmarks(photo, face))

    def _cached(self, name: str, key: Hashable, compute: Callable[[], _T]) -> _T:
        kept = self._kept.get(name)
        if kept is not None and kept[0] == key:
            return kept[1]
        value = compute()
        self._kept[name] = (key, value)
        return value


class _Identity:
    """A key that is equal only for the very same object, and keeps it alive so that no other takes its place."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self._value is other._value

    def __hash__(self) -> int:
        return id(self._value)


def _located(
    request: Request,
    faces: tuple[DetectedFace, ...],
    points: Callable[[Photo, DetectedFace], Landmarks],
) -> Located:
    face = _chosen_face(request, faces)
    if face is None:
        if request.landmarks is None:
            raise NoFaceError(
                f"No face was found in {request.photo.name}",
                hint="A face should be at least 60 pixels wide and not turned away",
            )
        return Located(None, None, request.landmarks)
    located = points(request.photo, face)
    return Located(face, located, located if request.landmarks is None else request.landmarks)


def _chosen_face(request: Request, faces: tuple[DetectedFace, ...]) -> DetectedFace | None:
    given = request.landmarks
    if given is not None and faces:
        # Landmarks from a file say themselves whose they are.
        middle = given.points.mean(axis=0)
        for face in faces:
            box = face.box
            if box.x0 <= middle[0] <= box.x1 and box.y0 <= middle[1] <= box.y1:
                return face
        return None
    if request.face > len(faces) and (faces or request.face > 1):
        raise NoFaceError(f"There is no face {request.face} in {request.photo.name}: {len(faces)} found")
    return faces[request.face - 1] if faces else None


def _head(
    request: Request,
    located: Located,
    shape: Shape,
    heads: tuple[SimilarHead, ...],
    retrieval: str,
) -> Head:
    template, deltas = load_template(), shape.expression_deltas
    landmarks: Landmarks = located.landmarks
    on_head = template.ibug68.points(shape.vertices)
    return Head(
        template_version=template.version,
        vertices=shape.vertices,
        expression=shape.expression,
        expression_deltas=deltas,
        camera=shape.camera,
        landmarks=landmarks,
        landmarks_3d=on_head,
        landmarks_3d_posed=with_expression(on_head, shape.expression, template.ibug68.points(deltas)),
        landmark_vertices=template.ibug68.nearest_vertices(),
        similar_heads=heads,
        landmark_method=landmarks.method,
        retrieval_method=retrieval,
        shape_method=shape.method,
        database=request.database,
        uncertainty_mm=shape.uncertainty_mm,
    )


def _adjusted(request: Request, shape: Shape, live: bool) -> tuple[FloatArray, Float32Array]:
    """Return neutral vertices and expression shapes with the person's sliders; live, the shapes are the fit's."""
    template = load_template()
    vertices = adjusted(template, shape.vertices, request.adjustments)
    return vertices, shape.expression_deltas if live else expression_deltas_for(template, vertices)


def _with_shape(head: Head, vertices: FloatArray, deltas: Float32Array) -> Head:
    template = load_template()
    moved = replace(head, vertices=vertices, expression_deltas=deltas)
    return replace(
        moved,
        landmarks_3d=template.ibug68.points(vertices),
        landmarks_3d_posed=template.ibug68.points(moved.posed_vertices()),
    )


def _texture(
    request: Request, head: Head, located: Located, database: HeadDatabase, token: CancelToken
) -> Texture:
    mesh = None if located.face is None else located.face.mesh.points
    sitting = Sitting(request.photo, head.camera, head.posed_vertices(), head.vertices, mesh, request.unused)
    return make_texture(sitting, database, head.similar_heads, request.texture_options, token.check)
