"""Synthetic photos: their truth agrees with what is drawn, and depends on seed and index alone."""

import cv2
import numpy as np
import pytest

from facestudio.errors import UnreadableInputError, UsageError
from facestudio.geometry.camera import project
from facestudio.geometry.raster import rasterise
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.synthesis.generate import draw_photo, generate, new_renderer
from facestudio.synthesis.head import eye_axes, iris_angles, iris_points
from facestudio.synthesis.labels import LABEL_NAMES, Label
from facestudio.synthesis.truth import OUTSIDE, SEEN, ibug68_points, read_truth, write_truth
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.values import Photo

pytestmark = pytest.mark.gl
COUNT, SIZE, SEED = 14, 192, 5


@pytest.fixture(scope="module")
def renderer():
    try:
        opened = new_renderer()
    except UsageError as error:
        pytest.skip(f"no OpenGL here: {error}")
    with opened:
        yield opened


@pytest.fixture(scope="module")
def photos(renderer):
    return [draw_photo(renderer, SEED, index, SIZE) for index in range(COUNT)]


def test_points_are_the_posed_vertices_seen_through_the_camera(photos):
    template = load_template()
    for photo in photos:
        truth = photo.truth
        outline, anchored = ibug68_points(template, truth.vertices, truth.camera)
        assert np.allclose(project(truth.camera, outline)[0], truth.ibug68, atol=1e-9)
        assert np.allclose(project(truth.camera, anchored)[0], truth.jaw_anchored, atol=1e-9)
        mesh = template.mesh478.points(truth.vertices)
        assert np.allclose(project(truth.camera, mesh)[0][:468], truth.mesh478[:468], atol=1e-9)


def test_only_the_far_side_of_the_jaw_slides(photos):
    for photo in photos:
        truth = photo.truth
        moved = np.linalg.norm(truth.ibug68[:17] - truth.jaw_anchored, axis=1) > 1e-9
        if truth.notes["yaw"] > 25:  # the nose points to the right of the picture: the left side is far
            assert not moved[:6].any()
        assert not moved[8]


def test_the_iris_has_its_size_in_millimetres(photos):
    template = load_template()
    for photo in photos:
        truth = photo.truth

        class Looks:
            iris_mm = truth.notes["iris_mm"]

        points = iris_points(template, truth.vertices, iris_angles(template, truth.neutral, Looks))
        assert np.allclose(project(truth.camera, points)[0], truth.mesh478[468:], atol=1e-9)
        for first in (1, 6):
            rim = points[first : first + 4]
            assert np.linalg.norm(rim[0] - rim[2]) == pytest.approx(truth.notes["iris_mm"], abs=0.02)
            assert np.linalg.norm(rim[1] - rim[3]) == pytest.approx(truth.notes["iris_mm"], abs=0.02)
    sizes = [photo.truth.notes["iris_mm"] for photo in photos]
    assert 11 < np.mean(sizes) < 12.4


def test_eyes_turn_as_the_gaze_says(photos):
    template = load_template()
    for photo in photos:
        truth = photo.truth
        for side in (0, 1):
            _, before, rest = eye_axes(template, truth.neutral, side)
            _, after, turned = eye_axes(template, truth.vertices, side)
            assert after == pytest.approx(before, abs=0.02)
            left, up = truth.gaze[side]
            wanted = rest[2]
            turn = np.array(
                [[np.cos(left), 0, np.sin(left)], [0, 1, 0], [-np.sin(left), 0, np.cos(left)]]
            ) @ np.array([[1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)]])
            assert np.allclose(turned[2], turn @ wanted, atol=2e-3)


def test_the_mask_agrees_with_a_raster_of_the_true_vertices(photos):
    """The head covers what a z-buffer of its vertices says, wherever nothing is worn or grown before it."""
    surface = topology(0)
    own = (Label.SKIN, Label.BROWS, Label.LIPS, Label.EYES, Label.MOUTH)
    worst = 1.0
    for photo in photos:
        truth = photo.truth
        pixels, depth = project(truth.camera, truth.vertices[surface.render_vertices])
        covered = rasterise(pixels, depth, surface.triangles, truth.camera.image_size).covered
        inside = cv2.erode(covered.astype(np.uint8), np.ones((3, 3))) > 0
        assert (photo.labels[inside] != Label.BACKGROUND).all()
        drawn = np.isin(photo.labels, own)
        outside = ~(cv2.dilate(covered.astype(np.uint8), np.ones((3, 3))) > 0)
        # Below the neck the body is skin too.
        foot = pixels[:, 1].max()
        rows = np.arange(SIZE)[:, None] < foot - 40 * truth.camera.fx / truth.camera.translation_mm[2]
        worst = min(worst, 1 - (drawn & outside & rows).sum() / max(drawn.sum(), 1))
    assert worst > 0.97


def test_lips_and_irises_lie_where_the_landmarks_say(renderer):
    """On faces seen clearly: the outline of the lips' labels runs through the lips' points."""
    outer = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
    inner = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
    checked, overlaps = 0, []
    for index in range(40):
        photo = draw_photo(renderer, 77, index, 512)
        truth = photo.truth
        worn = truth.notes
        if abs(worn["yaw"]) > 15 or worn["occluder"] or worn["beard"] not in ("none", "shaved"):
            continue
        if (truth.mesh478_visibility[list(outer)] != SEEN).any():
            continue
        wanted = np.zeros((512, 512), np.uint8)
        outline = [np.rint(truth.mesh478[list(ring)] * 16).astype(np.int32) for ring in (outer, inner)]
        cv2.fillPoly(wanted, outline[:1], 1, shift=4)
        cv2.fillPoly(wanted, outline[1:], 0, shift=4)
        lips = photo.labels == Label.LIPS
        both, either = (lips & (wanted > 0)).sum(), (lips | (wanted > 0)).sum()
        # One pixel all around a lip of this size costs this much.
        rim = cv2.morphologyEx(wanted, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).sum() / 2
        overlaps.append((either - both) / max(rim, 1))
        checked += 1
        if checked == 4:
            break
    assert checked >= 3
    assert np.median(overlaps) < 1.0, overlaps


def test_visibility_says_what_hides_a_point(photos):
    for photo in photos:
        truth = photo.truth
        x, y = truth.mesh478.T
        beyond = (x < -0.5) | (y < -0.5) | (x > SIZE - 0.5) | (y > SIZE - 0.5)
        assert (truth.mesh478_visibility[beyond] == OUTSIDE).all()
        assert (truth.mesh478_visibility[~beyond] != OUTSIDE).all()
        if truth.notes["yaw"] > 40:  # far cheek
            assert (truth.mesh478_visibility[[234, 454]] != SEEN).any()


def test_same_seed_same_photo_whatever_was_drawn_before(renderer, photos):
    again = draw_photo(renderer, SEED, 3, SIZE)
    assert np.array_equal(again.image, photos[3].image)
    assert np.array_equal(again.labels, photos[3].labels)
    assert np.array_equal(again.truth.mesh478, photos[3].truth.mesh478)


def test_photos_differ_and_the_held_out_are_others(renderer, photos):
    other = draw_photo(renderer, SEED, 3, SIZE, held_out=True)
    assert not np.array_equal(other.image, photos[3].image)
    assert not np.allclose(other.truth.neutral, photos[3].truth.neutral)
    assert other.truth.notes["population"] == "held-out"
    heads = {photo.truth.neutral.tobytes() for photo in photos}
    assert len(heads) == len(photos)


def test_labels_are_known_and_the_face_is_there(photos):
    for photo in photos:
        assert set(np.unique(photo.labels)) <= set(range(len(LABEL_NAMES)))
        assert (photo.labels == Label.SKIN).mean() > 0.01 or photo.truth.notes["occluder"]


def test_the_truth_is_read_back_as_written(photos, tmp_path):
    truth = photos[0].truth
    write_truth(tmp_path / "a.npz", truth)
    write_truth(tmp_path / "b.npz", truth)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = read_truth(tmp_path / "a.npz")
    for name in (
        "neutral",
        "vertices",
        "identity",
        "expression",
        "gaze",
        "ibug68",
        "mesh478",
        "jaw_anchored",
    ):
        assert np.allclose(getattr(back, name), getattr(truth, name), atol=1e-9), name
    assert np.array_equal(back.mesh478_visibility, truth.mesh478_visibility)
    assert back.notes == truth.notes
    assert back.camera.image_size == truth.camera.image_size
    assert np.allclose(back.light.harmonics, truth.light.harmonics)


def test_a_damaged_truth_is_said_to_be_one(photos, tmp_path):
    path = tmp_path / "a.npz"
    write_truth(path, photos[0].truth)
    whole = path.read_bytes()
    for content in (b"", b"not a zip", whole[: len(whole) // 2], whole[:100]):
        path.write_bytes(content)
        with pytest.raises(UnreadableInputError):
            read_truth(path)
    with pytest.raises(UnreadableInputError):
        read_truth(tmp_path / "missing.npz")


def test_the_landmarker_finds_the_faces(photos):
    easy = [p for p in photos if abs(p.truth.notes["yaw"]) < 45 and not p.truth.notes["occluder"]]
    found = [locate_faces(Photo(p.image), max_faces=1) for p in easy]
    assert sum(bool(faces) for faces in found) >= len(easy) - 1


def test_sizes_that_cannot_be_drawn_are_refused():
    for size in (0, -5, 63, 5000):
        with pytest.raises(UsageError):
            next(generate(1, 0, size=size))
