"""`facestudio landmarks`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.cli.main import main
from facestudio.landmarks.detector import detect_faces
from facestudio.landmarks.files import load_landmarks
from facestudio.photo import load_photo


@pytest.fixture
def no_face(tmp_path: Path) -> Path:
    path = tmp_path / "wall.png"
    noise = np.random.default_rng(1).integers(90, 110, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def two_faces(tmp_path: Path, sample_photo: Path) -> Path:
    """The sample photo's face twice, on the right at four fifths of the size."""
    box = detect_faces(load_photo(sample_photo))[0].box
    border = (box.x1 - box.x0) / 2
    with Image.open(sample_photo) as photo:
        face = photo.crop(
            tuple(map(int, (box.x0 - border, box.y0 - border, box.x1 + border, box.y1 + border)))
        )
    small = face.resize((4 * face.width // 5, 4 * face.height // 5))
    both = Image.new("RGB", (face.width + small.width, face.height), "grey")
    both.paste(face, (0, 0))
    both.paste(small, (face.width, 0))
    path = tmp_path / "two.png"
    both.save(path)
    return path


def test_it_writes_the_points_of_the_contract(
    sample_photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a folder" / "points.json"
    assert main(["landmarks", str(sample_photo), "--output", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{file}\n"
    assert err
    document = json.loads(file.read_text(encoding="utf-8"))
    (face,) = document["faces"]
    x0, y0, x1, y1 = face["box"]
    points = np.array(face["landmarks_2d"])
    assert points.shape == (68, 2)
    assert 0.5 < face["score"] <= 1
    assert x0 < points[30, 0] < x1  # the tip of the nose
    assert y0 < points[30, 1] < y1
    assert document["timings_ms"]
    assert all(value >= 0 for value in document["timings_ms"].values())


def test_pts_and_json_hold_the_same_points(sample_photo: Path, tmp_path: Path) -> None:
    for name in ("a.json", "a.pts"):
        assert main(["landmarks", str(sample_photo), "--output", str(tmp_path / name), "--quiet"]) == 0
    one, other = load_landmarks(tmp_path / "a.json"), load_landmarks(tmp_path / "a.pts")
    np.testing.assert_allclose(one.points, other.points, atol=1e-9)


def test_the_overlay_is_the_photo_with_points_on_it(sample_photo: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.png"
    arguments = ["--output", str(tmp_path / "a.json"), "--overlay", str(overlay), "--quiet"]
    assert main(["landmarks", str(sample_photo), *arguments]) == 0
    with Image.open(sample_photo) as photo, Image.open(overlay) as drawn:
        before, after = np.asarray(photo.convert("RGB")), np.asarray(drawn)
    assert before.shape == after.shape
    changed = (before != after).any(axis=2)
    assert 0.001 < changed.mean() < 0.2
    (face,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["faces"]
    for x, y in face["landmarks_2d"]:
        assert changed[round(y), round(x)]


def test_no_face_is_an_empty_list(no_face: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.json"
    assert main(["landmarks", str(no_face), "--output", str(file), "--json"]) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["faces"] == []
    out, err = capsys.readouterr()
    assert json.loads(out)["results"][0]["faces"] == []
    assert "no face" in err


def test_a_pts_file_cannot_say_no_face(no_face: Path, tmp_path: Path) -> None:
    assert main(["landmarks", str(no_face), "--output", str(tmp_path / "a.pts")]) == 3
    assert not (tmp_path / "a.pts").exists()


def test_the_largest_face_or_all(two_faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["landmarks", str(two_faces), "--output", str(tmp_path / "one.json")]) == 0
    assert "--all-faces" in capsys.readouterr().err
    assert main(["landmarks", str(two_faces), "--output", str(tmp_path / "all.json"), "--all-faces"]) == 0
    one = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))["faces"]
    both = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["faces"]
    assert (len(one), len(both)) == (1, 2)
    widths = [face["box"][2] - face["box"][0] for face in both]
    assert widths[0] == pytest.approx(1.25 * widths[1], rel=0.1)
    np.testing.assert_allclose(one[0]["box"], both[0]["box"], atol=0.2 * widths[1])


def test_several_photos_go_to_a_folder(sample_photo: Path, no_face: Path, tmp_path: Path) -> None:
    twin = tmp_path / "wall.jpg"
    shutil.copy(sample_photo, twin)
    out = tmp_path / "out"
    photos = [str(sample_photo), str(no_face), str(twin)]
    assert main(["landmarks", *photos, "--output-dir", str(out), "--quiet"]) == 0
    assert {p.name for p in out.iterdir()} == {f"{sample_photo.stem}.json", "wall.json", "wall-2.json"}
    assert len(json.loads((out / "wall-2.json").read_text(encoding="utf-8"))["faces"]) == 1


def test_existing_files_are_kept_unless_told_otherwise(sample_photo: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("mine")
    arguments = ["landmarks", str(sample_photo), "--output", str(file), "--quiet"]
    assert main(arguments) == 6
    assert file.read_text() == "mine"
    assert main([*arguments, "--overwrite"]) == 0
    assert file.read_text() != "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--output", "a.json", "--output-dir", "b"],
        ["--output", "a.txt"],
        ["--output", "a.pts", "--all-faces"],
        ["--output", "a.json", "--overlay", "b.bmp"],
        ["b.jpg", "--output", "a.json"],
        ["b.jpg", "--output-dir", "a", "--overlay", "b.png"],
        ["--output", "a.json", "--method", "magic"],
    ],
)
def test_options_that_make_no_sense(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["landmarks", "photo.jpg", *arguments]) == 2
    assert list(tmp_path.iterdir()) == []
