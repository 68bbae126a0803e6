import cv2
import numpy as np
import pytest

from facestudio.landmarks.detector import KEYPOINT_NAMES, FaceCandidate, detect_faces, search_faces
from facestudio.photo import photo_from_array
from facestudio.values import ByteArray, FaceBox, FloatArray, Photo


def corners(box: FaceBox) -> FloatArray:
    return np.array([[box.x0, box.y0], [box.x1, box.y1]])


def only(photo: Photo, **options: bool) -> FaceCandidate:
    (face,) = detect_faces(photo, **options)
    return face


def on_grey(pixels: ByteArray, size: tuple[int, int], at: tuple[int, int]) -> ByteArray:
    """Paste a picture onto a grey one of (width, height) at (x, y)."""
    canvas = np.full((size[1], size[0], 3), 120, np.uint8)
    canvas[at[1] : at[1] + pixels.shape[0], at[0] : at[0] + pixels.shape[1]] = pixels
    return canvas


def test_the_bundled_photo_has_one_sure_face(collins: Photo) -> None:
    face = only(collins)
    assert face.box.score > 0.9
    assert 80 < face.box.x1 - face.box.x0 < 110
    low, high = corners(face.box)
    eyes_nose_mouth = face.keypoints[:4]
    assert np.all((eyes_nose_mouth > low) & (eyes_nose_mouth < high))


def test_keypoints_are_the_sitters_right_and_left(collins: Photo) -> None:
    points = dict(zip(KEYPOINT_NAMES, only(collins).keypoints, strict=True))
    order = ("ear_right", "eye_right", "nose_tip", "eye_left", "ear_left")
    assert np.all(np.diff([points[name][0] for name in order]) > 0)
    assert points["eye_left"][1] < points["nose_tip"][1] < points["mouth"][1]


def test_a_flipped_photo_gives_the_mirrored_box(collins: Photo) -> None:
    face = only(collins)
    flipped = only(photo_from_array(collins.pixels[:, ::-1]))
    width = collins.size[0]
    mirrored = np.array(
        [width - 1 - flipped.box.x1, flipped.box.y0, width - 1 - flipped.box.x0, flipped.box.y1]
    )
    assert np.abs(mirrored - corners(face.box).ravel()).max() < 0.05 * (face.box.x1 - face.box.x0)


def test_the_box_moves_with_the_picture(collins: Photo) -> None:
    # 256 = 2 x 128: both pictures are reduced to the same pixels, only elsewhere.
    face = only(collins)
    shifted = only(photo_from_array(on_grey(collins.pixels, (1024, 512), (512, 0))))
    assert np.abs(corners(shifted.box) - corners(face.box) - [512, 0]).max() < 8


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_lying_on_its_side_is_found_turned(collins: Photo, quarters: int) -> None:
    face = only(collins)
    turned = only(photo_from_array(np.rot90(collins.pixels, quarters)))

    # The line from the mouth to the eyes turns anticlockwise with the picture.
    def up(candidate: FaceCandidate) -> complex:
        x, y = candidate.keypoints[:2].mean(axis=0) - candidate.keypoints[3]
        return complex(x, -y)

    angle = np.angle(up(turned) / up(face) / 1j**quarters)
    assert abs(angle) < np.radians(12)


@pytest.mark.parametrize("size", [1024, 2048, 4096])
def test_a_small_face_in_a_large_photo_is_found(collins: Photo, size: int) -> None:
    face = only(collins)
    small = only(photo_from_array(on_grey(collins.pixels, (size, size), (200, 100))), small_faces=True)
    assert np.abs(corners(small.box) - corners(face.box) - [200, 100]).max() < 15


def test_a_face_that_fills_the_photo_is_found(collins: Photo) -> None:
    box = only(collins).box
    crop = collins.pixels[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)]
    face = only(photo_from_array(crop))
    middle = corners(face.box).mean(axis=0)
    assert np.abs(middle - np.array(crop.shape[1::-1]) / 2).max() < 0.1 * crop.shape[1]


def test_no_two_boxes_lie_on_one_face(collins: Photo) -> None:
    # The tiles see the face several times, whole and in parts.
    boxes = [face.box for face in detect_faces(collins, small_faces=True)]
    x, y = only(collins).keypoints[:4].mean(axis=0)
    assert sum(box.x0 < x < box.x1 and box.y0 < y < box.y1 for box in boxes) == 1


def test_the_first_looks_of_the_search_are_lazy(collins: Photo) -> None:
    first = next(search_faces(collins))
    assert [c.box for c in first] == [c.box for c in detect_faces(collins)]


def test_a_higher_threshold_finds_less(collins: Photo) -> None:
    assert detect_faces(collins, min_score=0.99) == ()


def test_a_plain_and_a_narrow_picture_hold_no_face() -> None:
    assert detect_faces(photo_from_array(np.full((300, 400, 3), 90, np.uint8))) == ()
    ramp = np.linspace(0, 255, 4000).astype(np.uint8)
    assert detect_faces(photo_from_array(np.tile(ramp, (40, 1)))) == ()


def test_the_photo_is_not_changed(collins: Photo) -> None:
    before = collins.pixels.copy()
    detect_faces(collins, small_faces=True)
    assert np.array_equal(collins.pixels, before)


def test_enlarging_enlarges_the_box(collins: Photo) -> None:
    face = only(collins)
    large = only(photo_from_array(cv2.resize(collins.pixels, (1536, 1536), interpolation=cv2.INTER_CUBIC)))
    assert np.abs((corners(large.box) + 0.5) / 3 - 0.5 - corners(face.box)).max() < 2
