from typing import Any

import cv2
import numpy as np
import pytest

from facestudio.landmarks import mesh478
from facestudio.landmarks.detector import FaceCandidate, detect_faces
from facestudio.landmarks.mesh478 import expression_of, locate_face, locate_faces
from facestudio.landmarks.region import Region, region_of_candidate, region_of_points
from facestudio.landmarks.schemes import load_scheme
from facestudio.photo import photo_from_array
from facestudio.values import ARKIT_NAMES, ByteArray, DetectedFace, FaceBox, FloatArray, Photo

UPPER_LID_LEFT = [466, 388, 387, 386, 385, 384, 398]  # the sitter's left eye, on the right of the picture
UPPER_LID_RIGHT = [246, 161, 160, 159, 158, 157, 173]


def eye_distance(points: FloatArray) -> float:
    return float(np.linalg.norm(points[33] - points[263]))


def error(points: FloatArray, expected: FloatArray) -> float:
    """Mean distance in per cent of the distance between the outer eye corners."""
    return 100 * float(np.linalg.norm(points - expected, axis=1).mean()) / eye_distance(expected)


def located(pixels: ByteArray) -> DetectedFace:
    (face,) = locate_faces(photo_from_array(pixels))
    return face


def test_the_bundled_photo_has_one_face(collins_face: DetectedFace) -> None:
    assert collins_face.presence > 0.99
    assert collins_face.mesh.scheme == collins_face.mesh.method == "mesh478"
    box, points = collins_face.box, collins_face.mesh.points
    eyes = points[[468, 473]]
    assert np.all((eyes > [box.x0, box.y0]) & (eyes < [box.x1, box.y1]))
    assert (
        collins_face.mesh_z[4] < collins_face.mesh_z[[127, 356]].min()
    )  # the nose is nearer than the temples
    assert np.allclose(collins_face.mesh.covariance, np.eye(2) * (0.02 * eye_distance(points)) ** 2)


def test_the_irises_lie_on_the_pupils(collins: Photo, collins_face: DetectedFace) -> None:
    grey = cv2.cvtColor(collins.pixels, cv2.COLOR_RGB2GRAY).astype(float)
    for iris in (468, 473):
        x, y = np.round(collins_face.mesh.points[iris]).astype(int)
        around = grey[y - 12 : y + 13, x - 12 : x + 13]
        assert grey[y - 1 : y + 2, x - 1 : x + 2].mean() < np.percentile(around, 15)


def test_a_flipped_photo_gives_the_mirrored_mesh(collins: Photo, collins_face: DetectedFace) -> None:
    flipped = located(collins.pixels[:, ::-1]).mesh.points
    mirrored = load_scheme("mesh478").mirrored(flipped, collins.size[0])
    points = collins_face.mesh.points
    assert error(mirrored, points) < 1.5
    # Points read half a crop pixel off would be a whole one apart here.
    crop_pixel = region_of_points(points).side / 256
    assert abs((mirrored - points)[:, 0].mean()) < 0.5 * crop_pixel


@pytest.mark.parametrize("degrees", [-60, -30, 15, 30, 45, 90, 135, 180])
def test_a_turned_photo_gives_the_turned_mesh(
    collins: Photo, collins_face: DetectedFace, degrees: float
) -> None:
    turn = cv2.getRotationMatrix2D((255.5, 255.5), degrees, 1)
    pixels = cv2.warpAffine(collins.pixels, turn, collins.size, borderMode=cv2.BORDER_REFLECT)
    expected = collins_face.mesh.points @ turn[:, :2].T + turn[:, 2]
    assert error(located(pixels).mesh.points, expected) < 1.0


@pytest.mark.parametrize(("scale", "tolerance"), [(0.5, 1.5), (2, 0.5), (4, 0.5)])
def test_a_scaled_photo_gives_the_scaled_mesh(
    collins: Photo, collins_face: DetectedFace, scale: float, tolerance: float
) -> None:
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(collins.pixels, None, fx=scale, fy=scale, interpolation=kind)
    points = (located(pixels).mesh.points + 0.5) / scale - 0.5
    assert error(points, collins_face.mesh.points) < tolerance


def test_two_faces_come_by_size(collins: Photo, collins_face: DetectedFace) -> None:
    canvas = np.full((620, 1100, 3), 110, np.uint8)
    canvas[200 : 200 + 384, 30 : 30 + 384] = cv2.resize(
        collins.pixels, (384, 384), interpolation=cv2.INTER_AREA
    )
    canvas[50:562, 500:1012] = collins.pixels
    photo = photo_from_array(canvas)
    large, small = locate_faces(photo, small_faces=True)
    assert large.box.area > small.box.area
    assert error(large.mesh.points, collins_face.mesh.points + np.array([500, 50])) < 1
    assert error(small.mesh.points, (collins_face.mesh.points + 0.5) * 0.75 - 0.5 + [30, 200]) < 1.5
    (kept,) = locate_faces(photo, small_faces=True, max_faces=1)
    assert np.array_equal(kept.mesh.points, large.mesh.points)


def test_one_face_seen_twice_is_one(collins: Photo) -> None:
    (candidate,) = detect_faces(collins)
    box = candidate.box
    other = FaceCandidate(FaceBox(box.x0 - 6, box.y0 - 6, box.x1 + 6, box.y1 + 6, 0.9), candidate.keypoints)
    assert len(locate_faces(collins, candidates=[candidate, other])) == 1


def test_looking_for_small_faces_adds_none_that_is_not_there(collins: Photo) -> None:
    assert len(locate_faces(collins, small_faces=True)) == 1


def test_where_there_is_no_face_none_is_reported(collins: Photo) -> None:
    (candidate,) = detect_faces(collins)
    elsewhere = FaceCandidate(FaceBox(20, 400, 110, 490, 0.9), candidate.keypoints + np.array([-170, 320]))
    assert locate_faces(collins, candidates=[elsewhere]) == ()
    assert locate_face(collins, elsewhere).presence < 0.5


def test_a_doubtful_box_needs_a_sure_mesh(collins: Photo) -> None:
    (candidate,) = detect_faces(collins)
    box = candidate.box
    doubtful = FaceCandidate(FaceBox(box.x0, box.y0, box.x1, box.y1, 0.55), candidate.keypoints)
    assert len(locate_faces(collins, candidates=[doubtful])) == 1  # presence is above 0.9
    assert locate_faces(collins, candidates=[doubtful], min_presence=1.01) == ()


@pytest.mark.parametrize("seed", range(3))
def test_noise_and_clouds_hold_no_face(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (400, 500, 3), dtype=np.uint8)
    clouds = cv2.GaussianBlur(noise, (0, 0), 12).astype(float)
    clouds = (255 * (clouds - clouds.min()) / np.ptp(clouds)).astype(np.uint8)
    ramp = np.tile(np.linspace(0, 255, 500).astype(np.uint8), (400, 1))
    for pixels in (noise, clouds, ramp):
        assert locate_faces(photo_from_array(pixels)) == ()


def test_looking_again_settles_the_points(collins: Photo) -> None:
    (candidate,) = detect_faces(collins)
    first, second, third = (locate_face(collins, candidate, refinements=n).mesh.points for n in range(3))
    assert error(third, second) < error(second, first) < 2


def looks_of(monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """Record where the landmarker looks."""
    looks: list[Region] = []
    look_at = mesh478.look_at

    def seen(pixels: Any, region: Region) -> Any:
        looks.append(region)
        return look_at(pixels, region)

    monkeypatch.setattr(mesh478, "look_at", seen)
    return looks


def test_a_face_from_the_front_is_looked_at_once(collins: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    (candidate,) = detect_faces(collins)
    settled = locate_face(collins, candidate, refinements=3).mesh.points
    region = region_of_points(settled)
    # What the detector says of a face that it sees well: keypoints where they are, a box of their height.
    keypoints = np.array([*settled[[468, 473, 4]], settled[[13, 14]].mean(axis=0), *settled[[234, 454]]])
    half = region.side / 1.057 / 1.5 / 2
    eyes, mouth = keypoints[:2].mean(axis=0), keypoints[3]
    height = (0.66 * (eyes[1] - region.y) + 0.32 * (mouth[1] - eyes[1]) - 0.015 * 3 * half) / (1 - 0.66)
    x, y = region.x, region.y - height
    seen = FaceCandidate(FaceBox(x - half, y - half, x + half, y + half, 0.95), keypoints)
    looks = looks_of(monkeypatch)
    once = locate_face(collins, seen).mesh.points
    assert len(looks) == 1
    assert np.hypot(looks[0].x - region.x, looks[0].y - region.y) < 0.01 * region.side
    assert looks[0].side == pytest.approx(region.side)
    assert error(once, settled) < 0.5


def test_a_region_that_was_wrong_and_a_face_turned_aside_are_looked_at_again(
    collins: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    (candidate,) = detect_faces(collins)
    settled = locate_face(collins, candidate, refinements=3).mesh.points
    box, side = candidate.box, candidate.box.x1 - candidate.box.x0
    lower = FaceBox(box.x0, box.y0 + 0.2 * side, box.x1, box.y1 + 0.2 * side, box.score)
    aside = candidate.keypoints.copy()
    aside[2, 0] += 0.4 * (aside[1, 0] - aside[0, 0])
    for other in (
        FaceCandidate(lower, candidate.keypoints + np.array([0, 0.2 * side])),
        FaceCandidate(box, aside),
    ):
        looks = looks_of(monkeypatch)
        found = locate_face(collins, other).mesh.points
        assert len(looks) == 2
        assert error(found, settled) < 2
        monkeypatch.undo()


def test_a_closed_left_eye_is_a_left_blink(collins_face: DetectedFace) -> None:
    blink = {side: ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")}
    for lid, closed, other in ((UPPER_LID_LEFT, "Left", "Right"), (UPPER_LID_RIGHT, "Right", "Left")):
        points = collins_face.mesh.points.copy()
        points[lid, 1] += 0.07 * eye_distance(points)
        change = expression_of(points) - collins_face.expression
        assert change[blink[closed]] > 0.4
        assert abs(change[blink[other]]) < 0.1


def test_the_smile_in_the_bundled_photo_is_seen(collins_face: DetectedFace) -> None:
    named = dict(zip(ARKIT_NAMES, collins_face.expression.tolist(), strict=True))
    assert named["mouthSmileLeft"] > 0.6
    assert named["mouthSmileRight"] > 0.6
    assert named["jawOpen"] < 0.2
    assert named["tongueOut"] == 0


def test_the_expression_does_not_depend_on_place_and_size(collins_face: DetectedFace) -> None:
    moved = expression_of(collins_face.mesh.points * 3 + [400, -90])
    assert np.abs(moved - collins_face.expression).max() < 0.02


def test_arkit_names_are_52_in_pairs() -> None:
    assert len(set(ARKIT_NAMES)) == len(ARKIT_NAMES) == 52
    lefts = {name.removesuffix("Left") for name in ARKIT_NAMES if name.endswith("Left")}
    rights = {name.removesuffix("Right") for name in ARKIT_NAMES if name.endswith("Right")}
    assert lefts == rights


def test_a_region_shows_its_centre_in_the_middle_of_the_crop() -> None:
    region = Region(120.0, 80.0, 64.0, np.radians(30))
    matrix = region.crop_to_image()
    assert np.allclose(matrix @ [128, 128, 1], [120, 80])
    edge = matrix @ [256, 128, 1] - [120, 80]
    assert np.allclose(edge, 32 * np.array([np.cos(region.angle), np.sin(region.angle)]))


def test_the_region_of_points_turns_moves_and_grows_with_them(collins_face: DetectedFace) -> None:
    points = collins_face.mesh.points
    region = region_of_points(points)
    angle, scale, shift = np.radians(40), 1.7, np.array([30.0, -12.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    other = region_of_points(scale * points @ turn.T + shift)
    assert other.side == pytest.approx(scale * region.side)
    assert other.angle == pytest.approx(region.angle + angle)
    assert np.allclose([other.x, other.y], scale * turn @ [region.x, region.y] + shift)


def test_the_first_region_is_the_box_half_as_large_again() -> None:
    keypoints = np.array([[30.0, 40], [70, 40], [50, 60], [50, 75], [20, 45], [80, 45]])
    region = region_of_candidate(FaceCandidate(FaceBox(10, 20, 90, 90, 1.0), keypoints))
    assert (region.x, region.y, region.side, region.angle) == (50, 55, 120, 0)
