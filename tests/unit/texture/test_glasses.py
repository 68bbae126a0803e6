"""Glasses: where they are told, where not, and that their texels are left out."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facestudio.errors import ModelError
from facestudio.geometry.camera import project, to_camera_space
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.photo import load_photo
from facestudio.pipeline.request import Request
from facestudio.pipeline.runner import Runner
from facestudio.template.model import load_template
from facestudio.texture import fuse, glasses
from facestudio.texture.glasses import WINDOW, WINDOW_MM, find_glasses, glasses_texels, window_around
from facestudio.texture.look import look_at
from facestudio.values import Photo

SAMPLES = Path(__file__).parents[3] / "resources" / "samples"


@pytest.fixture(scope="module")
def fitted():
    """The bundled portrait, its head and its mesh points."""
    photo = load_photo(SAMPLES / "collins.jpg")
    head = Runner().run(Request(photo, texture_size=0)).head
    return photo, head, locate_faces(photo, max_faces=1)[0].mesh.points


def _drawn(photo, mesh, colour):
    """Draw round glasses; returns the photo and the frames (H, W) bool."""
    eyes = float(np.linalg.norm(mesh[33] - mesh[263]))
    mask = np.zeros(photo.pixels.shape[:2], np.uint8)
    width = max(2, round(0.03 * eyes))
    for corners in ((33, 133), (263, 362)):
        middle = np.rint(mesh[list(corners)].mean(axis=0)).astype(int).tolist()
        cv2.ellipse(mask, middle, (round(0.28 * eyes), round(0.22 * eyes)), 0, 0, 360, 255, width)
    bridge = (mesh[133] + mesh[362]) / 2 - [0, 0.04 * eyes]
    left, right = np.rint(bridge + np.array([[-0.12, 0.0], [0.12, 0.0]]) * eyes).astype(int).tolist()
    cv2.line(mask, left, right, 255, width)
    pixels = photo.pixels.copy()
    pixels[mask > 0] = colour
    return Photo(pixels), mask > 0


def test_the_window_is_upright_around_the_eyes(fitted):
    _, head, _ = fitted
    vertices = head.posed_vertices()
    to_photo = window_around(head.camera, vertices)
    eyes = load_template().eyes
    balls = np.stack([vertices[eye.start : eye.stop].mean(axis=0) for eye in eyes])
    middle = to_photo[:, :2] @ ((np.array(WINDOW) - 1) / 2) + to_photo[:, 2]
    there = project(head.camera, balls.mean(axis=0)[None])[0][0]
    step = float(np.linalg.norm(to_photo[:, 0]))
    assert np.linalg.norm(middle - there) < 10 * step
    depth = float(to_camera_space(head.camera, balls.mean(axis=0))[2])
    assert step == pytest.approx(WINDOW_MM * head.camera.fx / depth, rel=0.05)


def test_a_face_without_glasses_has_none(fitted):
    photo, head, _ = fitted
    found = find_glasses(photo.pixels, head.camera, head.posed_vertices())
    assert not found.worn
    look = look_at(photo, head.camera, head.posed_vertices(), None, 256)
    assert not glasses_texels(look, found).any()
    assert not glasses_texels(look, None).any()


@pytest.mark.parametrize("colour", [(25, 22, 24), (120, 70, 30), (190, 190, 195)])
def test_frames_are_found_where_they_are(fitted, colour):
    photo, head, mesh = fitted
    worn, frames = _drawn(photo, mesh, colour)
    found = find_glasses(worn.pixels, head.camera, head.posed_vertices())
    assert found.worn
    there = cv2.warpAffine(
        frames.astype(np.float32), found.to_photo, WINDOW, flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    )
    frame, said = there > 0.5, found.shares > 0.5
    assert said[frame].mean() > 0.6
    near = cv2.dilate(frame.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert near[said].mean() > 0.7
    look = look_at(worn, head.camera, head.posed_vertices(), mesh, 512)
    covered = glasses_texels(look, found)
    at = np.rint(look.projection.pixels).astype(int)
    inside = ((at >= 0) & (at < worn.size)).all(axis=1) & look.projection.visible
    on_frame = np.zeros(len(at), dtype=bool)
    on_frame[inside] = frames[at[inside, 1], at[inside, 0]]
    assert covered[on_frame].mean() > 0.85
    assert covered.sum() < 5 * on_frame.sum()


def test_without_its_network_the_texture_is_made_all_the_same(fitted, monkeypatch):
    photo, head, mesh = fitted

    def missing(*_):
        raise ModelError("The model glasses.onnx is missing")

    monkeypatch.setattr(fuse, "find_glasses", missing)
    sitting = fuse.Sitting(photo, head.camera, head.posed_vertices(), head.vertices, mesh)
    assert fuse._glasses(sitting) is None


def test_another_network_is_refused(monkeypatch):
    other = SimpleNamespace(
        name="other.onnx", input_shapes={"image": (1, 3, 64, 64)}, output_names=("shares",)
    )
    monkeypatch.setattr(glasses, "open_shipped", lambda name: other)
    glasses.load_glasses.cache_clear()
    try:
        with pytest.raises(ModelError, match="other"):
            glasses.load_glasses()
    finally:
        glasses.load_glasses.cache_clear()
