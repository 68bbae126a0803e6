"""Reading folders of photos with points: what is used, what is left out and why."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.errors import UnreadableInputError
from facestudio.landmarks.files import save_landmarks
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.landmarks.schemes import load_scheme, to_ibug68
from facestudio.photo import load_photo
from facestudio.training.asm.annotated import read_annotated_folder, read_tem_map
from facestudio.values import FloatArray, Landmarks


@pytest.fixture(scope="module")
def points(sample_photo: Path) -> FloatArray:
    (face,) = locate_faces(load_photo(sample_photo))
    return to_ibug68(face.mesh).points


@pytest.fixture
def folder(tmp_path: Path, sample_photo: Path, points: FloatArray) -> Path:
    """A folder with one good photo, `good`."""
    add(tmp_path, sample_photo, "good", points)
    return tmp_path


def add(folder: Path, photo: Path, name: str, points: FloatArray) -> Path:
    with Image.open(photo) as picture:
        picture.convert("RGB").save(folder / f"{name}.png")
    path = folder / f"{name}.pts"
    save_landmarks(path, Landmarks.of("ibug68", points, sigma=1, method="file"))
    return path


def test_a_good_photo_is_read_exactly(folder: Path, points: FloatArray) -> None:
    (photo,), problems = read_annotated_folder(folder)
    assert problems == []
    np.testing.assert_allclose(photo.points, points, atol=1e-9)
    assert (photo.scheme, photo.synthetic) == ("ibug68", False)
    assert photo.load().size == load_photo(folder / "good.png").size


def test_points_may_come_without_a_header_and_as_json(folder: Path, points: FloatArray) -> None:
    bare = "\n".join(f"{x + 1} {y + 1}" for x, y in points.tolist())
    (folder / "good.pts").write_text(bare)
    np.testing.assert_allclose(read_annotated_folder(folder)[0][0].points, points, atol=1e-9)
    (folder / "good.pts").unlink()
    (folder / "good.json").write_text(json.dumps({"landmarks_2d": points.tolist()}))
    np.testing.assert_allclose(read_annotated_folder(folder)[0][0].points, points, atol=1e-9)


def test_xm2vts_points_keep_their_scheme(folder: Path) -> None:
    right, left, chin = (
        load_scheme("xm2vts68").point_names.index(n) for n in ("eye_right_outer", "eye_left_outer", "chin")
    )
    rng = np.random.default_rng(0)
    points = rng.uniform(150, 350, (68, 2))
    points[right], points[left], points[chin] = (180, 200), (320, 200), (250, 360)
    save_landmarks(folder / "good.pts", Landmarks.of("xm2vts68", points, sigma=1, method="file"))
    (photo,), _ = read_annotated_folder(folder, scheme="xm2vts68")
    assert photo.scheme == "xm2vts68"


def test_files_that_are_no_landmarks_are_passed_over(folder: Path) -> None:
    (folder / "settings.json").write_text('{"colour": 3}')
    np.savez(folder / "arrays.npz", other=np.zeros(3))
    photos, problems = read_annotated_folder(folder)
    assert (len(photos), problems) == (1, [])


def bad_count(path: Path, points: FloatArray) -> None:
    path.write_text("\n".join(f"{x} {y}" for x, y in points[:67].tolist()))


def not_a_number(path: Path, points: FloatArray) -> None:
    spoilt = points.copy()
    spoilt[5, 1] = np.nan
    path.write_text("\n".join(f"{x} {y}" for x, y in spoilt.tolist()))


def outside(path: Path, points: FloatArray) -> None:
    path.write_text("\n".join(f"{x} {y}" for x, y in (points + np.array([0, 2000])).tolist()))


def half_outside(path: Path, points: FloatArray) -> None:
    """So near that only the check against the photo's size notices."""
    size = float(np.ptp(points, axis=0).max())
    moved = points - [float(points[:, 0].min()) + 0.3 * size, 0]
    path.write_text("\n".join(f"{x} {y}" for x, y in moved.tolist()))


def no_photo(path: Path, points: FloatArray) -> None:
    path.with_suffix(".png").unlink()


def swapped_sides(path: Path, points: FloatArray) -> None:
    mirrored = points[load_scheme("ibug68").mirror]
    path.write_text("\n".join(f"{x} {y}" for x, y in mirrored.tolist()))


def words(path: Path, points: FloatArray) -> None:
    path.write_text("these are no points")


def no_picture(path: Path, points: FloatArray) -> None:
    path.with_suffix(".png").write_bytes(b"no picture")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (bad_count, "67"),
        (not_a_number, "point 5"),
        (outside, "outside"),
        (half_outside, "outside"),
        (no_photo, "no photo"),
        (swapped_sides, "swapped"),
        (words, "two numbers"),
        (no_picture, "cannot be read"),
    ],
)
def test_a_bad_file_is_left_out_and_named(
    folder: Path, sample_photo: Path, points: FloatArray, spoil, reason: str
) -> None:
    path = add(folder, sample_photo, "bad", points)
    spoil(path, points)
    said: list[str] = []
    photos, (problem,) = read_annotated_folder(folder, say=said.append)
    assert [p.path.name for p in photos] == ["good.png"]
    assert "bad." in str(problem)
    assert reason in problem.reason
    assert len(said) == 1


def test_a_folder_without_points_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UnreadableInputError, match=str(folder)):
            read_annotated_folder(folder)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"inner": {"17": [1]}, "jaw_polyline_to_resample_to_17": [1, 2, 3]}', "[1]"]
)
def test_a_bad_map_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    with pytest.raises(UnreadableInputError, match=r"map\.json"):
        read_tem_map(path)


def test_tem_files_need_a_map(tmp_path: Path) -> None:
    (tmp_path / "a.tem").write_text("189\n")
    with pytest.raises(UnreadableInputError, match="tem189_to_ibug68"):
        read_annotated_folder(tmp_path)


def test_the_truth_of_a_synthetic_photo_is_read(folder: Path, points: FloatArray) -> None:
    (folder / "good.pts").unlink()
    meta = np.array(json.dumps({"yaw": 12.5, "light": "window"}))
    hidden = np.zeros(68, np.uint8)
    hidden[:17] = 2
    np.savez(folder / "good.npz", ibug68=points, meta=meta, ibug68_visibility=hidden)
    (photo,), _ = read_annotated_folder(folder)
    assert photo.synthetic
    assert photo.traits == {"yaw": 12.5, "light": "window", "occlusion": 0.25}
    np.savez(folder / "good.npz", ibug68=points[:5])
    assert "shape" in read_annotated_folder(folder)[1][0].reason
