"""The segmenter's square, what it says of the bundled photo, and how hair and hairline follow from it."""

from pathlib import Path

import numpy as np
import pytest

from facestudio.errors import ModelError
from facestudio.geometry.camera import project, to_camera_space
from facestudio.photo import load_photo
from facestudio.texture import fuse
from facestudio.texture.hairline import temple_curve, temple_heights, temples
from facestudio.texture.hats import hats_told
from facestudio.texture.layout import texel_layout
from facestudio.texture.look import PhotoLook, static_maps
from facestudio.texture.masks import Segments
from facestudio.texture.parts_masks import hair_of_photo
from facestudio.texture.projection import Projection
from facestudio.texture.segmenter import (
    SQUARE_MM,
    SQUARE_SIZE,
    Part,
    PhotoParts,
    cut_square,
    inner_square,
    parts_of_square,
    square_around,
    without_specks,
)
from facestudio.training.template_points import studio_camera

SIZE = 128
MIDDLE = np.full(2, (SQUARE_SIZE - 1) / 2)


@pytest.mark.parametrize("yaw", [0.0, 30.0])
def test_the_square_is_upright_around_the_face_and_has_its_scale(yaw):
    camera = studio_camera(yaw, 0, 900)
    matrix = square_around(camera)
    centre = np.array([0.0, 0.0, 50.0])
    places, _ = project(camera, np.stack([centre, centre + np.array([0.0, 60.0, 0.0])]))
    np.testing.assert_allclose(matrix[:, :2] @ MIDDLE + matrix[:, 2], places[0], atol=1e-9)
    step = SQUARE_MM * camera.fx / to_camera_space(camera, centre)[2]
    np.testing.assert_allclose(np.linalg.norm(matrix[:, :2], axis=0), step)
    assert np.linalg.det(matrix[:, :2]) == pytest.approx(step**2)  # no mirror image
    up = places[1] - places[0]
    np.testing.assert_allclose(matrix[:, 1] / step, -up / np.linalg.norm(up), atol=1e-9)
    inner = inner_square(matrix)
    np.testing.assert_allclose(inner[:, :2] * 2, matrix[:, :2])
    np.testing.assert_allclose(inner[:, :2] @ MIDDLE + inner[:, 2], places[0], atol=1e-9)


def test_shares_are_read_where_they_lie_and_outside_is_background():
    shares = np.zeros((SQUARE_SIZE, SQUARE_SIZE, len(Part)), dtype=np.float32)
    shares[:, :100, Part.HAIR] = 1
    shares[:, 100:, Part.SKIN] = 1
    parts = PhotoParts(shares, np.array([[0.0, -2.0, 700.0], [2.0, 0.0, 50.0]]))
    square = np.array([[10.0, 20.0], [200.0, 20.0], [99.5, 7.0], [-9.0, 4.0]])
    places = (square @ parts.to_photo[:, :2].T + parts.to_photo[:, 2]).astype(np.float32)
    found = parts.at(places)
    wanted = np.zeros((4, len(Part)))
    wanted[0, Part.HAIR] = wanted[1, Part.SKIN] = wanted[3, Part.BACKGROUND] = 1
    wanted[2, [Part.HAIR, Part.SKIN]] = 0.5
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_bundled_portrait_is_read_as_a_person_reads_it(checkout: Path):
    photo = load_photo(checkout / "resources" / "samples" / "collins.jpg")
    step = 1.42
    parts = parts_of_square(
        photo.pixels, np.array([[step, 0, 224 - step * 127.5], [0, step, 130 - step * 127.5]])
    )
    np.testing.assert_allclose(parts.shares.sum(axis=2), 1, atol=1e-4)
    places = {
        Part.SKIN: [(224, 130), (200, 135), (248, 135), (224, 75)],  # nose, cheeks, forehead
        Part.HAIR: [(155, 90), (290, 90), (200, 30)],
        Part.BACKGROUND: [(40, 60), (400, 60)],
        Part.COVER: [(224, 270), (150, 300)],  # the suit
    }
    for part, at in places.items():
        shares = parts.at(np.array(at, dtype=np.float32))
        assert (shares.argmax(axis=1) == part).all(), (part, shares.round(2))


def test_hair_has_its_own_colour_and_size_and_none_is_taken_outside_the_photo():
    pixels = np.full((300, 300, 3), 200, np.uint8)
    pixels[:, :60] = (70, 40, 20)
    shares = np.zeros((SQUARE_SIZE, SQUARE_SIZE, len(Part)), dtype=np.float32)
    shares[..., Part.SKIN] = 1
    shares[90:130, 20:80] = np.eye(len(Part))[Part.HAIR]
    parts = PhotoParts(shares, np.array([[1.0, 0, -50.0], [0, 1.0, 0.0]]))
    colours, area = hair_of_photo(pixels, parts)
    assert area == pytest.approx(30 * 40 * SQUARE_MM**2)  # columns 50 to 79
    np.testing.assert_array_equal(np.unique(colours, axis=0), [[70, 40, 20]])
    np.testing.assert_array_equal(cut_square(pixels, parts.to_photo)[50, 50], pixels[50, 0])


def _look(facing: float) -> PhotoLook:
    layout = texel_layout(SIZE)
    count = len(layout)
    inside_oval, rest = static_maps(SIZE)
    none = np.zeros(count, np.bool_)
    projection = Projection(
        np.zeros((count, 2), np.float32),
        np.full(count, facing, np.float32),
        ~none,
        np.ones(count, np.float32),
    )
    grey = np.zeros((count, 3), np.float32)
    return PhotoLook(layout, projection, grey, none, inside_oval, rest, grey, None)


def _segments(hairiness: np.ndarray) -> Segments:
    none = np.zeros(len(hairiness), np.bool_)
    one = np.ones(len(hairiness), np.float32)
    return Segments(none, none, none, none, one, hairiness.astype(np.float32))


def test_the_temples_hairline_goes_where_both_sides_or_one_show_it():
    look = _look(0.9)
    behind = look.rest[:, 2] < 62.0
    both = temple_curve(look, _segments(behind))
    high = temple_heights() > 60
    assert np.abs(both[high] - 62.0).max() < 4.0
    left = np.where(look.rest[:, 0] > 0, behind, 0.5)
    np.testing.assert_allclose(temple_curve(look, _segments(left)), both, atol=1e-6)


def test_what_is_seen_at_a_slant_does_not_move_the_hairline():
    nothing_told = temple_curve(_look(0.9), _segments(np.full(len(texel_layout(SIZE)), 0.5)))
    slanted = _look(0.05)
    np.testing.assert_allclose(temple_curve(slanted, _segments(slanted.rest[:, 2] < 80)), nothing_told)
    assert temples(SIZE)[np.abs(slanted.rest[:, 0]) < 30].max() == 0


def test_without_a_segmenter_colours_decide(monkeypatch: pytest.MonkeyPatch):
    """A missing model costs quality, never the texture."""
    asked: list[str] = []

    def missing(*_: object) -> PhotoParts:
        raise ModelError("The model photo-segmenter.onnx is missing")

    def by_colours(*_: object) -> str:
        asked.append("colours")
        return "segments"

    monkeypatch.setattr(fuse, "photo_parts", missing)
    monkeypatch.setattr(fuse, "segment", by_colours)
    monkeypatch.setattr(fuse, "around_the_head", lambda *_: None)
    sitting = fuse.Sitting(
        load_photo(Path(__file__).parents[3] / "resources" / "samples" / "collins.jpg"),
        studio_camera(0, 0, 512),
        np.zeros((1, 3)),
        np.zeros((1, 3)),
        None,
    )
    look = _look(0.9)
    parts = fuse._parts(sitting.photo, sitting.camera)
    assert parts is None
    assert fuse._segments(sitting, look, look.colours, parts) == "segments"
    assert asked == ["colours"]


def _read(paint, shares_of) -> tuple[np.ndarray, PhotoParts]:
    """Return a picture and its parts: surroundings, a head, and what is painted on its top, of the square's size."""
    y, x = np.mgrid[:SQUARE_SIZE, :SQUARE_SIZE] - (SQUARE_SIZE - 1) / 2
    head, top = np.hypot(x, y) < 62, (np.hypot(x, y) < 62) & (y < -22)
    pixels = np.full((SQUARE_SIZE, SQUARE_SIZE, 3), (90, 110, 120), np.uint8)
    noise = np.random.default_rng(0).normal(0, 2, (SQUARE_SIZE, SQUARE_SIZE, 1))
    pixels[head] = (210, 160, 140)
    pixels[top] = paint
    pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    shares = np.zeros((SQUARE_SIZE, SQUARE_SIZE, len(Part)), dtype=np.float32)
    shares[~head] = np.eye(len(Part))[Part.BACKGROUND]
    shares[head] = np.eye(len(Part))[Part.SKIN]
    shares[top] = shares_of(x, y)[top]
    return top, hats_told(pixels, PhotoParts(shares, np.eye(2, 3)))


def _half(x, y):
    """Cover in the middle, hair at both sides."""
    middle = (np.abs(x) < 20)[..., None]
    return np.where(middle, np.eye(len(Part))[Part.COVER], np.eye(len(Part))[Part.HAIR] * 0.7)


def test_the_whole_of_a_hat_is_a_cover_when_a_part_of_it_is():
    top, told = _read((200, 195, 180), _half)
    assert told.shares[top][:, Part.COVER].mean() > 0.9
    assert told.shares[~top][:, Part.COVER].mean() < 0.01


def test_a_shadow_in_the_hair_and_natural_hair_are_no_hats():
    sure = lambda x, y: np.where(  # noqa: E731
        (np.abs(x) < 12)[..., None], np.eye(len(Part))[Part.COVER], np.eye(len(Part))[Part.HAIR]
    )
    top, told = _read((70, 48, 36), sure)
    assert told.shares[top][:, Part.HAIR].mean() > 0.6
    only_hair = lambda x, y: np.broadcast_to(np.eye(len(Part))[Part.HAIR], (*x.shape, len(Part)))  # noqa: E731
    for natural in ((70, 48, 36), (225, 200, 150), (150, 66, 30), (25, 22, 24), (190, 188, 185)):
        top, told = _read(natural, only_hair)
        assert told.shares[top][:, Part.HAIR].min() == 1, natural
    top, told = _read((60, 140, 70), only_hair)  # smooth and green
    assert told.shares[top][:, Part.HAIR].mean() < 0.1


def test_shine_amid_hair_is_hair_and_nothing_else_changes():
    shares = np.full((64, 64, 5), 0.02, dtype=np.float32)
    shares[..., Part.BACKGROUND] = 0.92
    shares[4:40, 4:60] = [0.02, 0.02, 0.92, 0.02, 0.02]
    shares[30:60, 20:44] = [0.02, 0.92, 0.02, 0.02, 0.02]  # the face, open to the rest
    clean = shares.copy()
    shares[10:14, 30:36] = [0.02, 0.1, 0.2, 0.02, 0.66]  # a small spot said to be a cover
    tidy = without_specks(shares)
    assert (tidy.argmax(axis=2) == clean.argmax(axis=2)).all()
    np.testing.assert_allclose(tidy.sum(axis=2), 1.0, atol=1e-5)
    assert (tidy[30:] == shares[30:]).all()
    shares[6:28, 24:56] = [0.02, 0.02, 0.02, 0.02, 0.92]  # large: a band or a cap
    assert (without_specks(shares) == shares).all()
