"""Advice before work: each thing is said when it is so, and not when it is not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import ModelError
from facestudio.geometry.camera import head_rotation, project
from facestudio.pipeline import advice
from facestudio.pipeline.advice import advise, brow_covered
from facestudio.synthesis.studio import studio_photo
from facestudio.template.model import load_template
from facestudio.texture.segmenter import Part
from facestudio.values import DetectedFace, FaceBox, Landmarks, Photo


@pytest.fixture(scope="module")
def shot():
    """A large sharp face from the front, evenly lit, of a camera that is known."""
    database = load_database()
    rng = np.random.default_rng(4)
    drawn = studio_photo(database.vertices(20), database.skins[20], rng, size=640, largest_yaw=1.0)
    mesh = project(drawn.camera, load_template().mesh478.points(drawn.posed()))[0]
    return drawn.photo, _face(mesh), replace(drawn.camera, focal_source="exif"), drawn.posed()


def _face(mesh):
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    points = Landmarks.of("mesh478", mesh, sigma=1.0, method="mesh478")
    return DetectedFace(FaceBox(*low, *high, 0.9), points, np.zeros(478), np.zeros(52), 1.0)


def _topics(photo, face, camera, vertices, faces=None):
    found = advise(photo, faces or ((face,) if face else ()), face, camera, vertices, 1)
    assert all(one.title and one.text and one.help for one in found)
    assert len({one.topic for one in found}) == len(found)
    return [one.topic for one in found]


def _changed(shot, change):
    photo, face, camera, vertices = shot
    return _topics(
        replace(photo, pixels=change(photo.pixels.astype(np.float32)).clip(0, 255).astype(np.uint8)),
        face,
        camera,
        vertices,
    )


def test_of_a_good_photo_nothing_is_said(shot):
    assert _topics(*shot) == []


def test_what_is_wrong_with_the_picture_is_said(shot):
    assert "blurred" in _changed(shot, lambda p: cv2.GaussianBlur(p, (0, 0), 5))
    assert _changed(shot, lambda p: 0.15 * p) == ["dark"]
    assert "bright" in _changed(shot, lambda p: 2.5 * p)

    def half_dark(p):
        p = p.copy()
        middle = int(shot[1].mesh.points[:, 0].mean())
        p[:, :middle] *= 0.55
        return p

    assert _changed(shot, half_dark) == ["one-sided"]


def test_a_small_face_is_said_and_says_how_small(shot):
    photo, face, camera, vertices = shot
    small = Photo(np.ascontiguousarray(photo.pixels[::5, ::5]))
    reduced = replace(camera, fx=camera.fx / 5, fy=camera.fy / 5, cx=camera.cx / 5, cy=camera.cy / 5)
    found = advise(small, (), _face(face.mesh.points / 5), reduced, vertices, 1)
    assert [one.topic for one in found] == ["small"]
    assert "pixels wide" in found[0].text


def test_glasses_are_told(shot):
    photo, face, camera, vertices = shot
    mesh, drawn = face.mesh.points, photo.pixels.copy()
    eyes = float(np.linalg.norm(mesh[33] - mesh[263]))
    width = max(2, round(0.035 * eyes))
    for corners in ((33, 133), (263, 362)):
        middle = np.rint(mesh[list(corners)].mean(axis=0)).astype(int).tolist()
        size = (round(0.28 * eyes), round(0.2 * eyes))
        cv2.ellipse(drawn, middle, size, 0, 0, 360, (20, 20, 25), width, cv2.LINE_AA)
    bridge = (mesh[133] + mesh[362]) / 2 - [0, 0.04 * eyes]
    left, right = np.rint(bridge + np.array([[-0.12, 0.0], [0.12, 0.0]]) * eyes).astype(int).tolist()
    cv2.line(drawn, left, right, (20, 20, 25), width, cv2.LINE_AA)
    assert _topics(Photo(drawn), face, camera, vertices) == ["glasses"]


def test_a_missing_network_tells_no_glasses(shot, monkeypatch):
    def missing(*_):
        raise ModelError("the network is missing")

    monkeypatch.setattr(advice, "find_glasses", missing)
    assert _topics(*shot) == []


def test_what_covers_the_forehead_is_said(shot, monkeypatch):
    photo, face, camera, vertices = shot
    assert brow_covered(photo.pixels, face.mesh.points, camera) < 0.02
    brow = face.mesh.points[9, 1] - 0.25 * np.linalg.norm(face.mesh.points[33] - face.mesh.points[263])

    class Hat:
        @staticmethod
        def at(pixels):
            shares = np.zeros((len(pixels), 5), dtype=np.float32)
            shares[pixels[:, 1] < brow, Part.COVER] = 1.0
            return shares

    monkeypatch.setattr(advice, "photo_parts", lambda pixels, camera: Hat)
    assert _topics(photo, face, camera, vertices) == ["hat"]

    def missing(pixels, camera):
        raise ModelError("the segmenter is missing")

    monkeypatch.setattr(advice, "photo_parts", missing)
    assert _topics(photo, face, camera, vertices) == []


@pytest.mark.parametrize(
    ("yaw", "pitch", "topics"), [(42, 0, ["turned"]), (-30, 25, ["turned", "tilted"]), (10, -10, [])]
)
def test_a_turned_head_is_told_by_its_camera(shot, yaw, pitch, topics):
    photo, face, camera, vertices = shot
    turned = replace(camera, rotation=head_rotation(*np.radians([yaw, pitch, 0.0])))
    found = advise(photo, (face,), face, turned, vertices, 1)
    assert [one.topic for one in found] == topics
    if topics:
        assert found[0].title == f"Turned {abs(yaw)}°"


def test_lens_distance_and_faces_are_told(shot):
    photo, face, camera, vertices = shot
    assert _topics(photo, face, replace(camera, focal_source="estimated"), vertices) == ["lens"]
    nearer = 300.0 / camera.translation_mm[2]
    near = replace(
        camera,
        **{"fx": camera.fx * nearer, "fy": camera.fy * nearer},
        translation_mm=camera.translation_mm * [1.0, 1.0, nearer],
    )
    assert _topics(photo, face, near, vertices) == ["near"]
    assert _topics(photo, face, camera, vertices, (face, face)) == ["faces"]
    assert _topics(photo, None, camera, vertices) == ["face"]


def test_a_face_of_no_size_or_beyond_the_photo_is_no_error(shot):
    photo, face, camera, vertices = shot
    for mesh in (np.zeros((478, 2)), face.mesh.points + 5000, face.mesh.points * 0.02):
        assert isinstance(advise(photo, (), _face(mesh), camera, vertices, 1), tuple)
