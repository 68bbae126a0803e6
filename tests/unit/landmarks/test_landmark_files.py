import json
from pathlib import Path

import numpy as np
import pytest

from facestudio.errors import UnreadableInputError, UsageError, WriteError
from facestudio.landmarks.files import faces_document, load_landmarks, save_faces, save_landmarks
from facestudio.landmarks.schemes import load_scheme
from facestudio.values import FaceBox, FloatArray, Landmarks


def some(scheme: str = "ibug68", seed: int = 0) -> Landmarks:
    points = np.random.default_rng(seed).uniform(0, 500, (load_scheme(scheme).count, 2))
    return Landmarks.of(scheme, points, sigma=1, method="manual")


def pts(points: FloatArray) -> str:
    return "".join(f"{x} {y}\n" for x, y in points)


@pytest.mark.parametrize("scheme", ["ibug68", "webmorph189", "mesh478"])
@pytest.mark.parametrize(("ending", "tolerance"), [(".json", 0.0), (".tem", 0.0), (".pts", 1e-12)])
def test_what_is_written_is_read(tmp_path: Path, scheme: str, ending: str, tolerance: float) -> None:
    landmarks = some(scheme)
    save_landmarks(tmp_path / f"a{ending}", landmarks)
    read = load_landmarks(tmp_path / f"a{ending}")
    assert np.abs(read.points - landmarks.points).max() <= tolerance * 500
    assert (read.scheme, read.method) == (scheme, "file")
    assert not read.moved.any()
    assert [p.name for p in tmp_path.iterdir()] == [f"a{ending}"]


def test_pts_files_count_from_one(tmp_path: Path) -> None:
    save_landmarks(tmp_path / "a.pts", Landmarks.of("ibug68", np.zeros((68, 2)), sigma=1, method="manual"))
    assert (tmp_path / "a.pts").read_text().splitlines()[:4] == ["version: 1", "n_points: 68", "{", "1.0 1.0"]


def test_pts_files_of_others_are_read(tmp_path: Path) -> None:
    points = some().points
    bare = pts(points + 1)
    for text in (
        bare,
        "version: 1\nn_points:  68\n{\n" + bare + "}\n",
        "\ufeffversion: 1\r\nn_points: 68 \r\n{\r\n" + bare.replace("\n", "\r\n") + "}",
        "// made by a tool\n# comment\n" + bare.replace(" ", ", "),
    ):
        (tmp_path / "a.PTS").write_text(text, encoding="utf-8")
        assert np.allclose(load_landmarks(tmp_path / "a.PTS").points, points)


def test_the_order_of_xm2vts_has_to_be_asked_for(tmp_path: Path) -> None:
    save_landmarks(tmp_path / "a.pts", some())
    assert load_landmarks(tmp_path / "a.pts").scheme == "ibug68"
    assert load_landmarks(tmp_path / "a.pts", scheme="xm2vts68").scheme == "xm2vts68"
    save_landmarks(tmp_path / "a.json", some("xm2vts68"))
    assert load_landmarks(tmp_path / "a.json").scheme == "xm2vts68"
    with pytest.raises(UsageError, match="no landmark scheme"):
        load_landmarks(tmp_path / "a.pts", scheme="ibug")


def test_tem_files_carry_the_lines_of_their_scheme(tmp_path: Path) -> None:
    save_landmarks(tmp_path / "a.tem", some("webmorph189"))
    lines = (tmp_path / "a.tem").read_text().splitlines()
    contours = load_scheme("webmorph189").contours
    assert lines[0] == "189"
    assert lines[190] == str(len(contours))
    assert [tuple(map(int, line.split())) for line in lines[193::3]] == list(contours)


def test_the_output_of_the_landmarks_command_is_read(tmp_path: Path) -> None:
    faces = [(FaceBox(1, 2, 3, 4, 0.9), some(seed=1)), (FaceBox(5, 6, 7, 8, 0.8), some(seed=2))]
    save_faces(tmp_path / "a.json", faces, {"total": 12.5})
    document = json.loads((tmp_path / "a.json").read_text())
    assert document == faces_document(faces, {"total": 12.5})
    assert document["faces"][0]["box"] == [1, 2, 3, 4]
    assert document["faces"][0]["score"] == 0.9
    assert document["timings_ms"] == {"total": 12.5}
    for number, (_, landmarks) in enumerate(faces):
        assert np.array_equal(load_landmarks(tmp_path / "a.json", face=number).points, landmarks.points)
    with pytest.raises(UnreadableInputError, match="has 2 faces, number 2"):
        load_landmarks(tmp_path / "a.json", face=2)


def test_no_face_is_an_empty_list(tmp_path: Path) -> None:
    assert faces_document([], {}) == {"faces": [], "timings_ms": {}}
    save_faces(tmp_path / "a.json", [], {})
    with pytest.raises(UnreadableInputError, match="has 0 faces"):
        load_landmarks(tmp_path / "a.json")


def test_the_output_of_reconstruct_is_read(tmp_path: Path) -> None:
    points = some().points
    (tmp_path / "head.json").write_text(json.dumps({"units": "cm", "landmarks_2d": points.tolist()}))
    assert np.array_equal(load_landmarks(tmp_path / "head.json").points, points)


def _with(points: FloatArray, index: int, value: float) -> FloatArray:
    changed = points.copy()
    changed[index, 0] = value
    return changed


GOOD = some().points


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.pts", pts(GOOD[:67]), "has 67 points"),
        ("a.pts", "n_points: 68\n{\n" + pts(GOOD[:67]) + "}\n", "announces 68 points but has 67"),
        ("a.pts", "n_points: 68\n{\n" + pts(GOOD), "closing brace"),
        ("a.pts", "n_points: many\n{\n}\n", "invalid literal"),
        ("a.pts", pts(_with(GOOD, 5, float("nan"))), "point 5 .* not a finite"),
        ("a.pts", pts(_with(GOOD, 67, float("inf"))), "point 67 .* not a finite"),
        ("a.pts", pts(_with(GOOD, 3, 90_000)), "point 3 .* far outside the photo of 600 x 400"),
        ("a.pts", pts(_with(GOOD, 3, -90_000)), "point 3 .* far outside"),
        ("a.pts", pts(np.ones((68, 2))), "in one place"),
        ("a.pts", pts(GOOD).replace(" ", " 7 "), "expected two numbers"),
        ("a.pts", "the cat\nsat on\n", "expected two numbers"),
        ("a.pts", "   \n", "is empty"),
        ("a.tem", "the cat", "number of points"),
        ("a.tem", "68\n" + pts(GOOD[:60]), "announces 68 points but has 60"),
        ("a.tem", "-4\n", "announces -4"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", "[" * 100_000, "not valid JSON"),
        ("a.json", "[]", "landmarks_2d"),
        ("a.json", "null", "landmarks_2d"),
        ("a.json", '{"faces": 3}', "has 0 faces"),
        ("a.json", '{"faces": [1]}', "landmarks_2d"),
        ("a.json", '{"landmarks_2d": "here"}', "not a list of pairs"),
        ("a.json", '{"landmarks_2d": [[1, 2], [3]]}', "not a list of pairs"),
        ("a.json", '{"landmarks_2d": [[1, null]]}', "not a finite|known are"),
        ("a.json", json.dumps({"scheme": "mesh478", "landmarks_2d": GOOD.tolist()}), "mesh478 has 478"),
        ("a.txt", pts(GOOD), "not a landmark file"),
    ],
)
def test_bad_files_are_refused_with_file_and_reason(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UnreadableInputError, match=reason) as caught:
        load_landmarks(tmp_path / name, image_size=(600, 400))
    assert name in str(caught.value)


def test_points_a_little_outside_the_photo_are_fine(tmp_path: Path) -> None:
    points = _with(GOOD, 0, -40)
    (tmp_path / "a.pts").write_text(pts(points))
    assert load_landmarks(tmp_path / "a.pts", image_size=(500, 500)).points[0, 0] == -41


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.pts").mkdir()
    (tmp_path / "binary.pts").write_bytes(b"\xff\xfe\x00\x80" * 40)
    with (tmp_path / "large.pts").open("wb") as file:
        file.truncate(100_000_000)
    for name, reason in (
        ("missing", "There is no file"),
        ("folder", "is a folder"),
        ("binary", "not a text"),
        ("large", "too large"),
    ):
        with pytest.raises(UnreadableInputError, match=reason):
            load_landmarks(tmp_path / f"{name}.pts")


def test_what_cannot_be_written_is_a_write_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot be written"):
        save_landmarks(tmp_path / "missing" / "a.pts", some())
    (tmp_path / "a.json").mkdir()
    with pytest.raises(WriteError, match="cannot be written"):
        save_landmarks(tmp_path / "a.json", some())
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(UsageError, match="unknown kind"):
        save_landmarks(tmp_path / "a.txt", some())


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pts"
    save_landmarks(path, some(seed=1))
    before = path.read_bytes()

    def full(self: Path, *args: object, **kwargs: object) -> None:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(WriteError, match="No space left"):
        save_landmarks(path, some(seed=2))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.pts"]
