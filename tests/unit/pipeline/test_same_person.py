"""Several photos of one person: one head, nearer to the truth than each photo's, points met in every photo."""

from dataclasses import replace

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import NoFaceError, UsageError
from facestudio.evaluation.surface_error import surface_error
from facestudio.geometry.camera import project
from facestudio.pipeline import together
from facestudio.pipeline.request import FurtherPhoto, Request
from facestudio.pipeline.runner import Runner
from facestudio.synthesis.studio import studio_photo
from facestudio.template.model import load_template
from facestudio.template.pins import Pin
from facestudio.values import Photo


@pytest.fixture(scope="module")
def shots():
    """Three drawn photos of one person."""
    database = load_database()
    return [
        studio_photo(database.vertices(60), database.skins[60], np.random.default_rng(seed), size=384)
        for seed in (64, 71, 75)
    ]


@pytest.fixture(scope="module")
def runner():
    return Runner()


@pytest.fixture(scope="module")
def request_of(shots):
    return Request(
        replace(shots[0].photo, name="a"),
        texture_size=0,
        more=tuple(
            FurtherPhoto(replace(shot.photo, name=n)) for shot, n in zip(shots[1:], "bc", strict=True)
        ),
    )


@pytest.fixture(scope="module")
def joint(runner, request_of):
    return runner.run(request_of).head


@pytest.fixture(scope="module")
def textured(runner, request_of, joint):
    return runner.run(replace(request_of, texture_size=512)).head


def test_three_photos_know_more_than_each(shots, joint):
    template, single = load_template(), Runner()
    truth = shots[0].head
    alone = [single.run(Request(shot.photo, texture_size=0)).head.vertices for shot in shots]
    errors = [surface_error(template, vertices, truth).median for vertices in alone]
    assert surface_error(template, joint.vertices, truth).median < 0.9 * np.mean(errors)


def test_each_photo_has_its_own_camera_and_points(shots, joint, request_of, runner):
    assert [fit.name for fit in joint.photos] == ["a", "b", "c"]
    template = load_template()
    for fit in joint.photos:
        deltas = joint.expression_deltas.astype(np.float64)
        posed = joint.vertices + np.tensordot(fit.expression, deltas, axes=1)
        pixels, _ = project(fit.camera, template.ibug68.points(posed))
        eyes = np.linalg.norm(fit.landmarks.points[36] - fit.landmarks.points[45])
        assert np.median(np.linalg.norm(pixels - fit.landmarks.points, axis=1)) < 0.06 * eyes
    other = runner.run(replace(request_of, shown=1)).head
    assert (other.vertices == joint.vertices).all()
    np.testing.assert_array_equal(other.landmarks.points, joint.photos[1].landmarks.points)
    np.testing.assert_array_equal(other.camera.rotation, joint.photos[1].camera.rotation)


def test_the_texture_takes_each_texel_from_the_photo_that_saw_it(textured):
    coverage = textured.texture.coverage
    assert coverage.photos.max() <= 2
    assert len(np.unique(coverage.photos[coverage.labels == 1])) >= 2
    assert coverage.seen + coverage.mirrored + coverage.borrowed == pytest.approx(1)
    assert textured.texture.pixels[coverage.labels > 0].min(axis=1).mean() > 10


@pytest.mark.parametrize("live", [False, True])
def test_a_point_moved_in_two_photos_is_met_in_both(runner, request_of, joint, live, monkeypatch):
    monkeypatch.setattr(together, "texture_of", lambda *arguments: None)  # the shape is what is looked at
    template = load_template()
    goal = template.ibug68.points(joint.posed_vertices())[30] + (2.0, -2.0, 1.0)
    moved = [fit.landmarks.with_moved(30, project(fit.camera, goal[None])[0][0]) for fit in joint.photos[:2]]
    more = (replace(request_of.more[0], landmarks=moved[1]), request_of.more[1])
    request = replace(request_of, landmarks=moved[0], more=more, texture_size=0 if live else 512)
    head = runner.run(request).head
    for fit, points in zip(head.photos, moved, strict=False):
        deltas = head.expression_deltas.astype(np.float64)
        posed = head.vertices + np.tensordot(fit.expression, deltas, axes=1)
        place = project(fit.camera, template.ibug68.points(posed))[0][30]
        assert np.linalg.norm(place - points.points[30]) < 1.0


def test_a_point_moved_in_one_photo_is_met_there(runner, request_of, joint):
    fit = joint.photos[1]
    moved = fit.landmarks.with_moved(30, fit.landmarks.points[30] + (5, 4))
    request = replace(request_of, more=(replace(request_of.more[0], landmarks=moved), request_of.more[1]))
    head = runner.run(replace(request, shown=1)).head
    assert np.abs(head.vertices - joint.vertices).max() < 15
    place = project(head.camera, head.landmarks_3d_posed)[0][30]
    assert np.linalg.norm(place - moved.points[30]) < 0.3


def test_a_pin_of_one_photo_is_met_there(runner, request_of, joint):
    fit, template = joint.photos[1], load_template()
    ear = int(np.argmax(template.vertices[:, 0]))
    posed = joint.vertices + np.tensordot(fit.expression, joint.expression_deltas.astype(np.float64), axes=1)
    at = project(fit.camera, posed)[0][ear] + (6.0, -5.0)
    more = (replace(request_of.more[0], pins=(Pin(ear, *at),)), request_of.more[1])
    head = runner.run(replace(request_of, more=more, shown=1)).head
    np.testing.assert_allclose(project(head.camera, head.posed_vertices())[0][ear], at, atol=0.01)
    assert np.linalg.norm(head.vertices - joint.vertices, axis=1)[ear] > 2


def test_senseless_requests_are_refused(runner, request_of):
    photo = request_of.more[0]
    for change in ({"more": (photo,) * 5}, {"shown": 3}, {"shown": -1}, {"method": "paper"}):
        with pytest.raises(UsageError):
            runner.run(replace(request_of, **change))
    blank = FurtherPhoto(Photo(np.full((200, 200, 3), 128, np.uint8), "blank"))
    with pytest.raises(NoFaceError, match="blank"):
        runner.run(replace(request_of, more=(blank,)))
