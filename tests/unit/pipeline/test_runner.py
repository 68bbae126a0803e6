"""The runner: events, cancelling, keeping stages, corrections that are met, honest methods."""

from dataclasses import replace

import numpy as np
import pytest

import facestudio.pipeline.runner as runner_module
from facestudio.database.model import load_database
from facestudio.errors import CancelledError, ModelError, NoFaceError, UsageError
from facestudio.geometry.camera import project
from facestudio.geometry.folds import folded_quads
from facestudio.pipeline.request import CancelToken, Request, Stage
from facestudio.pipeline.runner import Runner
from facestudio.pipeline.shape import ShapeProblem
from facestudio.pipeline.shape_values import Located
from facestudio.synthesis.studio import studio_photo
from facestudio.template.model import load_template
from facestudio.template.pins import Pin
from facestudio.texture.strokes import Stroke
from facestudio.values import Camera, Landmarks, Photo


@pytest.fixture(scope="module")
def shot():
    database = load_database()
    return studio_photo(database.vertices(20), database.skins[20], np.random.default_rng(4), size=512)


@pytest.fixture(scope="module")
def runner():
    return Runner()


@pytest.fixture(scope="module")
def outcome(runner, shot):
    return runner.run(Request(shot.photo, texture_size=512))


def test_the_result_is_whole_and_says_how_it_came(outcome):
    head, template = outcome.head, load_template()
    assert head.vertices.shape == template.vertices.shape
    assert head.texture is not None
    assert head.texture.size == 512
    assert head.landmark_method == "combined"
    assert head.retrieval_method == "face-shape+paper-cnn"
    assert head.shape_method == "default"
    assert len(head.similar_heads) == 10
    assert set(head.timings_ms) == {stage.value for stage in Stage}
    np.testing.assert_allclose(head.landmarks_3d, template.ibug68.points(head.vertices), atol=1e-9)
    assert not head.vertices.flags.writeable


def test_fitted_landmarks_lie_on_the_photo(outcome):
    head = outcome.head
    pixels, _ = project(head.camera, head.landmarks_3d_posed)
    eyes = np.linalg.norm(head.landmarks.points[36] - head.landmarks.points[45])
    assert np.median(np.linalg.norm(pixels - head.landmarks.points, axis=1)) < 0.05 * eyes


def test_events_come_in_order_and_end(shot):
    events = []
    Runner().run(Request(shot.photo, texture_size=512), events.append)
    assert [e.stage for e in events if e.fraction == 0] == list(Stage)
    assert [e.stage for e in events if e.fraction == 1] == list(Stage)
    assert all(e.message for e in events)


@pytest.mark.parametrize("stage", list(Stage))
def test_cancelled_at_any_stage(shot, stage):
    token = CancelToken()
    seen = []

    def listen(event):
        seen.append(event.stage)
        if event.stage == stage:
            token.cancel()

    runner = Runner()
    with pytest.raises(CancelledError):
        runner.run(Request(shot.photo, texture_size=512), listen, token)
    assert seen[-1] == stage
    # The same runner goes on afterwards, with a fresh token.
    assert runner.run(Request(shot.photo, texture_size=0)).head.texture is None


def _counted(monkeypatch, name):
    calls = []
    original = getattr(runner_module, name)

    def counting(*args, **kwargs):
        calls.append(name)
        return original(*args, **kwargs)

    monkeypatch.setattr(runner_module, name, counting)
    return calls


def test_only_what_changed_is_computed_anew(monkeypatch, shot):
    located, textured = _counted(monkeypatch, "locate_faces"), _counted(monkeypatch, "make_texture")
    runner = Runner()
    request = Request(shot.photo, texture_size=512)
    first = runner.run(request).head
    assert (len(located), len(textured)) == (1, 1)
    again = runner.run(replace(request)).head
    assert again.vertices is first.vertices or (again.vertices == first.vertices).all()
    assert (len(located), len(textured)) == (1, 1)
    runner.run(replace(request, texture_size=1024))
    assert (len(located), len(textured)) == (1, 2)
    moved = first.landmarks.with_moved(30, first.landmarks.points[30] + [6, 0])
    dragged = runner.run(replace(request, landmarks=moved, texture_size=0)).head
    assert (len(located), len(textured)) == (1, 2)
    assert np.abs(dragged.vertices - first.vertices).max() > 0.5
    runner.run(replace(request, landmarks=moved))
    assert (len(located), len(textured)) == (1, 3)
    excluded = frozenset({first.similar_heads[0].id})
    other = runner.run(replace(request, excluded_heads=excluded, texture_size=0)).head
    assert first.similar_heads[0].id not in {h.id for h in other.similar_heads}
    assert len(located) == 1
    runner.run(replace(request, photo=Photo(shot.photo.pixels)))
    assert len(located) == 2


@pytest.mark.parametrize("point", [30, 8, 48, 36])
def test_a_moved_landmark_is_met_exactly(runner, outcome, shot, point):
    target = outcome.head.landmarks.points[point] + [5.0, -4.0]
    moved = outcome.head.landmarks.with_moved(point, target)
    head = runner.run(Request(shot.photo, landmarks=moved, texture_size=0)).head
    pixels, _ = project(head.camera, head.landmarks_3d_posed)
    np.testing.assert_allclose(pixels[point], target, atol=0.05)


def test_pins_are_met_and_the_face_stays(runner, outcome, shot):
    """Top of the head and an ear pinned, a landmark moved too: all are met, the neutral head changes, nothing folds."""
    head, template = outcome.head, load_template()
    at, _ = project(head.camera, head.posed_vertices())
    scale = head.camera.fx / head.camera.translation_mm[2]
    top, ear = int(np.argmin(at[:, 1])), int(np.argmax(template.vertices[:, 0]))
    pins = (Pin(top, at[top, 0], at[top, 1] - 12 * scale), Pin(ear, at[ear, 0] + 6 * scale, at[ear, 1]))
    moved = head.landmarks.with_moved(8, head.landmarks.points[8] + [0.0, 4.0])
    request = Request(shot.photo, landmarks=moved, texture_size=0)
    without = runner.run(request).head
    pinned = runner.run(replace(request, pins=pins)).head
    pixels, _ = project(pinned.camera, pinned.posed_vertices())
    for pin in pins:
        np.testing.assert_allclose(pixels[pin.vertex], (pin.x, pin.y), atol=0.01)
    landmarks, _ = project(pinned.camera, pinned.landmarks_3d_posed)
    np.testing.assert_allclose(landmarks[8], moved.points[8], atol=0.05)
    before, _ = project(without.camera, without.landmarks_3d_posed)
    assert np.linalg.norm(landmarks - before, axis=1).max() < 1.5 * scale
    neutral = np.linalg.norm(pinned.vertices - without.vertices, axis=1)
    assert neutral[top] > 8
    assert neutral[ear] > 3
    skin = template.quads[template.quad_material == template.materials.index("skin")]
    assert not (folded_quads(pinned.vertices, skin) & ~folded_quads(without.vertices, skin)).any()
    assert pinned.uncertainty_mm[top] < without.uncertainty_mm[top]
    with pytest.raises(UsageError, match="vertex"):
        runner.run(replace(request, pins=(Pin(10**6, 0.0, 0.0),)))


def test_the_same_request_gives_the_same_head(outcome, shot):
    again = Runner().run(Request(shot.photo, texture_size=512)).head
    np.testing.assert_array_equal(again.vertices, outcome.head.vertices)
    np.testing.assert_array_equal(again.texture.pixels, outcome.head.texture.pixels)


def test_a_drag_there_and_back_leaves_no_trace(runner, outcome, shot):
    landmarks = outcome.head.landmarks
    for step in range(3):
        runner.run(
            Request(shot.photo, landmarks=landmarks.with_moved(8, landmarks.points[8] + step), texture_size=0)
        )
    back = runner.run(Request(shot.photo, landmarks=landmarks, texture_size=0)).head
    np.testing.assert_allclose(back.vertices, outcome.head.vertices, atol=0.2)


def test_what_is_seen_of_a_drag_is_what_comes_of_it(runner, outcome, shot):
    landmarks = outcome.head.landmarks
    for step in range(3):
        moved = landmarks.with_moved(30, landmarks.points[30] + (3.0 * step - 4, 2.0))
        dragged = runner.run(Request(shot.photo, landmarks=moved, texture_size=0)).head
    located = Located(outcome.faces[0], landmarks, moved)
    alone = ShapeProblem(shot.photo, located, load_database(), load_template(), None)
    heads = outcome.head.similar_heads
    fit, _ = alone.retrieve(landmarks, frozenset(), lambda: None)
    fresh = alone.solve(moved, fit, heads, "default", lambda: None, live=True)
    np.testing.assert_allclose(dragged.vertices, fresh.vertices, atol=1e-9)
    # Released, the fit starts anew, and the head moves by expression shapes of its own.
    fit, _ = alone.retrieve(moved, frozenset(), lambda: None)
    released = alone.solve(moved, fit, heads, "default", lambda: None)
    apart = np.linalg.norm(released.posed() - dragged.posed_vertices(), axis=1)
    assert np.percentile(apart, 95) < 0.5
    tip = load_template().ibug68.points
    for camera, posed in ((released.camera, released.posed()), (dragged.camera, dragged.posed_vertices())):
        np.testing.assert_allclose(project(camera, tip(posed)[30:31])[0], moved.points[30:31], atol=0.01)


@pytest.mark.parametrize("method", ["mean", "paper"])
def test_other_methods_name_themselves(runner, shot, method):
    head = runner.run(Request(shot.photo, method=method, texture_size=0)).head
    assert head.shape_method == method
    if method == "mean":
        np.testing.assert_allclose(head.vertices, load_database().mean_head())
    else:
        pixels, _ = project(head.camera, head.landmarks_3d_posed)
        np.testing.assert_allclose(pixels, head.landmarks.points, atol=0.3)


def test_landmarks_alone_are_enough_when_no_face_is_found(shot):
    template = load_template()
    pixels, _ = project(shot.camera, template.ibug68.points(shot.posed()))
    given = Landmarks.of("ibug68", pixels, sigma=2.0, method="file")
    blank = Photo(np.full_like(shot.photo.pixels, 128), "blank")
    head = Runner().run(Request(blank, landmarks=given, texture_size=512)).head
    assert head.landmark_method == "file"
    assert head.texture is not None
    fitted, _ = project(head.camera, head.landmarks_3d_posed)
    assert np.median(np.linalg.norm(fitted - pixels, axis=1)) < 6


def test_focal_length_is_told(runner, shot):
    head = runner.run(Request(shot.photo, focal_px=1234.0, texture_size=0)).head
    assert head.camera.fx == 1234.0
    assert head.camera.focal_source == "given"
    outcome = runner.run(Request(shot.photo, texture_size=0))
    assert outcome.head.camera.focal_source == "estimated"
    assert any("mm (35 mm equivalent) was estimated" in note for note in outcome.notes)
    exif = Photo(shot.photo.pixels, focal_px=900.0)
    assert runner.run(Request(exif, texture_size=0)).head.camera.focal_source == "exif"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"texture_size": 1000}, UsageError),
        ({"method": "magic"}, UsageError),
        ({"face": 0}, UsageError),
        ({"face": 2}, NoFaceError),
        ({"focal_px": -3.0}, UsageError),
        ({"focal_px": float("nan")}, UsageError),
        ({"database": "nowhere"}, ModelError),
        ({"landmarks": Landmarks.of("mesh478", np.zeros((478, 2)), sigma=1.0, method="file")}, UsageError),
    ],
)
def test_senseless_requests_are_refused(runner, shot, change, error):
    with pytest.raises(error):
        runner.run(replace(Request(shot.photo, texture_size=512), **change))


def test_no_face_is_said():
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    with pytest.raises(NoFaceError, match="No face"):
        Runner().run(Request(Photo(noise, "noise")))


def test_of_two_faces_the_largest_is_used(shot):
    small = shot.photo.pixels[::2, ::2]
    both = np.full((512, 800, 3), 118, np.uint8)
    both[:, :512] = shot.photo.pixels
    both[128:384, 530:786] = small
    runner = Runner()
    outcome = runner.run(Request(Photo(both, "two"), texture_size=0))
    assert len(outcome.faces) == 2
    assert any("2 faces" in note for note in outcome.notes)
    second = runner.run(Request(Photo(both, "two"), face=2, texture_size=0))
    assert second.head.landmarks.points[:, 0].min() > 500
    assert outcome.head.landmarks.points[:, 0].max() < 530


def test_the_jaw_slides_when_the_head_is_turned():
    """From 68 outline points of a turned head the shape comes out better than with fixed jaw points."""
    from facestudio.evaluation.surface_error import scan_to_mesh
    from facestudio.geometry.camera import head_rotation

    database, template = load_database(), load_template()
    errors = {True: [], False: []}
    for row in (20, 33, 47, 58):
        head = database.vertices(row)
        rotation = head_rotation(np.radians(28.0))
        shift = np.array([0, 0, 900.0]) - rotation @ np.array([0, -18.0, 0])
        camera = Camera(1400.0, 1400.0, 320, 320, rotation, shift, (640, 640), "given")
        pixels, _ = project(camera, template.ibug68.points(head))
        # The far side's outline: what sticks out furthest along each line, as a landmarker would mark it.
        lines, _ = project(camera, template.jaw_lines.points(head))
        lines = lines.reshape(17, -1, 2)
        for i in range(17):
            outward = np.sign(pixels[i, 0] - pixels[27, 0])
            pixels[i] = lines[i, np.argmax(lines[i, :, 0] * outward)]
        given = Landmarks.of("ibug68", pixels, sigma=1.0, method="file")
        blank = Photo(np.full((640, 640, 3), 128, np.uint8))
        for slide in (True, False):
            with pytest.MonkeyPatch.context() as patch:
                if not slide:
                    patch.setattr("facestudio.pipeline.shape.with_sliding_jaw", lambda model, *rest: model)
                runner = Runner(lambda name, row=row: database.without(database.ids[row]))
                out = runner.run(Request(blank, landmarks=given, texture_size=0, focal_px=1400.0)).head
            errors[slide].append(scan_to_mesh(template, out.vertices, head))
    assert np.mean(errors[True]) < np.mean(errors[False])


def test_sliders_shape_the_fitted_head_and_keep_its_texture(monkeypatch, shot):
    textured = _counted(monkeypatch, "make_texture")
    runner, template = Runner(), load_template()
    request = Request(shot.photo, texture_size=512)
    first = runner.run(request).head
    wished = (("noseTip", 1.0),)
    head = runner.run(replace(request, adjustments=wished)).head
    assert len(textured) == 1
    assert head.texture is first.texture
    moved = np.linalg.norm(head.vertices - first.vertices, axis=1)
    assert moved.max() > 3
    assert (moved < 0.01).mean() > 0.5
    assert head.camera is first.camera
    np.testing.assert_allclose(head.landmarks_3d, template.ibug68.points(head.vertices), atol=1e-9)
    np.testing.assert_allclose(
        head.landmarks_3d_posed, template.ibug68.points(head.posed_vertices()), atol=1e-9
    )
    live = runner.run(replace(request, texture_size=0, adjustments=wished)).head
    assert np.abs(live.vertices - head.vertices).max() < 1.0
    with pytest.raises(UsageError, match="no slider"):
        runner.run(replace(request, adjustments=(("horns", 1.0),)))


def test_what_was_painted_over_is_not_taken_from_the_photo(monkeypatch, shot):
    located = _counted(monkeypatch, "locate_faces")
    runner = Runner()
    request = Request(shot.photo, texture_size=512)
    first = runner.run(request).head
    eyes = np.linalg.norm(first.landmarks.points[36] - first.landmarks.points[45])
    nose = tuple(map(float, first.landmarks.points[30]))
    head = runner.run(replace(request, unused=(Stroke((nose,), 0.3 * float(eyes)),))).head
    assert len(located) == 1
    assert np.array_equal(head.vertices, first.vertices)
    assert head.texture.coverage.seen < first.texture.coverage.seen - 0.002
    changed = (head.texture.coverage.labels != first.texture.coverage.labels).mean()
    assert 0.001 < changed < 0.15  # there, and nowhere else
    again = runner.run(request).head
    assert np.array_equal(again.texture.coverage.labels, first.texture.coverage.labels)
