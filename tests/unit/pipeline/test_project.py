"""Projects: what is saved comes back; what is damaged or made to harm is refused with a reason."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facestudio.errors import UnreadableInputError, WriteError
from facestudio.pipeline.project import VERSION, Project, encode_photo, load_project, save_project
from facestudio.template.pins import Pin
from facestudio.texture.strokes import Stroke
from facestudio.values import Landmarks, Photo


@pytest.fixture
def project() -> Project:
    rng = np.random.default_rng(5)
    photo = Photo(rng.integers(0, 255, (48, 40, 3), dtype=np.uint8), "Zoë", Path("/somewhere/zoe.jpg"), 812.5)
    located = Landmarks.of("ibug68", rng.uniform(0, 30, (68, 2)), sigma=1.3, method="mesh478")
    return Project(
        photo,
        face=2,
        landmarks=located.with_moved(30, (12.25, 1 / 3)),
        located=located,
        excluded_heads=frozenset({"studio-0001", "studio-0007"}),
        head_weights=(("studio-0002", 0.25),),
        focal_px=901.7,
        expression=tuple(np.linspace(0, 1, 52).tolist()),
        adjustments=(("earSize", -0.5), ("noseTip", 0.25)),
        pins=(Pin(881, 12.5, -3.25), Pin(7, 1 / 3, 20.0)),
        unused=(Stroke(((1.5, 2.0), (3.0, 4.25)), 6.5), Stroke(((8.0, 9.0),), 2.0, erase=True)),
    )


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("project.json"))
        photo = archive.read("photo.png")
    change(document)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("project.json", json.dumps(document))
        archive.writestr("photo.png", photo)
    return path


@pytest.fixture
def file(project: Project, tmp_path: Path) -> Path:
    path = tmp_path / "a.facestudio"
    save_project(project, path)
    return path


def test_all_of_it_comes_back_exactly(project: Project, file: Path) -> None:
    again = load_project(file)
    assert np.array_equal(again.photo.pixels, project.photo.pixels)
    for name in ("name", "path", "focal_px"):
        assert getattr(again.photo, name) == getattr(project.photo, name)
    for name in (
        "face",
        "excluded_heads",
        "head_weights",
        "focal_px",
        "expression",
        "database",
        "adjustments",
        "pins",
        "unused",
    ):
        assert getattr(again, name) == getattr(project, name)
    for mine, theirs in ((project.landmarks, again.landmarks), (project.located, again.located)):
        assert mine is not None
        assert theirs is not None
        for name in ("points", "covariance", "moved"):
            assert np.array_equal(getattr(mine, name), getattr(theirs, name))
        assert (mine.scheme, mine.method) == (theirs.scheme, theirs.method)
    save_project(again, file)
    assert load_project(file).head_weights == project.head_weights


def test_points_nobody_moved_are_left_to_the_pipeline(project: Project) -> None:
    assert project.request().landmarks is project.landmarks
    assert project.request().pins == project.pins
    untouched = replace(project, landmarks=project.located)
    assert untouched.request(texture_size=512).landmarks is None
    assert untouched.request(texture_size=512).texture_size == 512


def test_a_project_without_anything_decided(tmp_path: Path) -> None:
    photo = Photo(np.zeros((32, 40, 3), dtype=np.uint8))
    save_project(Project(photo), tmp_path / "b.facestudio", photo_png=encode_photo(photo))
    again = load_project(tmp_path / "b.facestudio")
    assert (again.landmarks, again.located, again.expression, again.focal_px) == (None, None, None, None)


def test_saving_leaves_what_was_there_if_it_fails(project: Project, tmp_path: Path) -> None:
    with pytest.raises(WriteError):
        save_project(project, tmp_path / "missing" / "a.facestudio")
    folder = tmp_path / "folder.facestudio"
    folder.mkdir()
    with pytest.raises(WriteError):
        save_project(project, folder)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off(file: Path, share: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UnreadableInputError, match="damaged"):
        load_project(file)


def test_any_damaged_byte_is_refused_or_harmless(file: Path) -> None:
    data = bytearray(file.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(data), 150).tolist():
        damaged = data.copy()
        damaged[at] ^= 0x55
        file.write_bytes(damaged)
        try:
            load_project(file)
        except UnreadableInputError:
            continue


def test_only_what_needs_it_asks_for_a_newer_program(project: Project, tmp_path: Path) -> None:
    def version(one: Project) -> int:
        file = tmp_path / "v.facestudio"
        save_project(one, file)
        with zipfile.ZipFile(file) as archive:
            return int(json.loads(archive.read("project.json"))["version"])

    assert version(project) == 1
    sliding = replace(project, pins=(Pin(881, 12.5, -3.25, outline=True),))
    assert version(sliding) == 3
    assert load_project(tmp_path / "v.facestudio").pins == sliding.pins


def test_a_newer_version_says_so(file: Path) -> None:
    rewritten(file, lambda d: d.update(version=VERSION + 1))
    with pytest.raises(UnreadableInputError, match="newer facestudio"):
        load_project(file)


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "a/../../b", "..\\b", "C:/x"])
def test_paths_that_leave_the_project(file: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, "x")
    with pytest.raises(UnreadableInputError, match="outside"):
        load_project(file)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("member", ["project.json", "photo.png"])
def test_a_zip_bomb_is_not_blown_up(file: Path, monkeypatch: pytest.MonkeyPatch, member: str) -> None:
    from facestudio.pipeline import project as module

    monkeypatch.setattr(module, "_MOST_JSON", 1 << 16)
    monkeypatch.setattr(module, "_MOST_PHOTO", 1 << 16)
    with zipfile.ZipFile(file) as archive:
        kept = {n: archive.read(n) for n in archive.namelist() if n != member}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in kept.items():
            archive.writestr(name, data)
        archive.writestr(member, b" " * (64 << 20))
    with pytest.raises(UnreadableInputError, match="too large"):
        load_project(file)


def test_a_photo_of_too_many_pixels(file: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with zipfile.ZipFile(file) as archive:
        document = archive.read("project.json")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("project.json", document)
        archive.writestr("photo.png", png)
    with pytest.raises(UnreadableInputError, match="pixels"):
        load_project(file)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "else"},
        {"version": "1"},
        {"version": -1},
        {"face": 0},
        {"face": "1"},
        {"expression": [0.0] * 51},
        {"expression": [float("nan")] * 52},
        {"expression": ["a"] * 52},
        {"head_weights": {"a": 2.0}},
        {"head_weights": [1]},
        {"focal_px": -3},
        {"focal_px": "wide"},
        {"database": 7},
        {"photo": None},
        {"excluded_heads": [{}]},
        {"pins": [[-1, 2, 3]]},
        {"pins": [[1.5, 2, 3]]},
        {"pins": [[4, 2, 3], [4, 5, 6]]},
        {"pins": [[4, 2, "x"]]},
        {"landmarks": {"scheme": "ibug68"}},
        {"landmarks": 5},
        {"adjustments": {"age": 1.5}},
        {"adjustments": [1]},
        {"unused": [{"points": [], "radius": 2, "erase": False}]},
        {"unused": [{"points": [[1, 2, 3]], "radius": 2, "erase": False}]},
        {"unused": [{"points": [[1, float("inf")]], "radius": 2, "erase": False}]},
        {"unused": [{"points": [[1, 2]], "radius": 0, "erase": False}]},
        {"unused": [{"points": [[1, 2]], "radius": 2, "erase": 1}]},
        {"unused": 7},
        {"variants": [1]},
        {"variants": {"a": {"face": 0, "database": "studio"}}},
        {"variants": {"a": None}},
    ],
)
def test_nonsense_is_refused(file: Path, change: dict[str, Any]) -> None:
    rewritten(file, lambda d: d.update(change))
    with pytest.raises(UnreadableInputError):
        load_project(file)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["points"].pop(),
        lambda p: p["points"].__setitem__(3, [float("inf"), 0]),
        lambda p: p["covariance"].__setitem__(0, [[-1, 0], [0, -1]]),
        lambda p: p.__setitem__("moved", [0] * 68),
        lambda p: p.__setitem__("scheme", "xm2vts68"),
    ],
)
def test_points_that_cannot_be(file: Path, change: Callable[[Any], None]) -> None:
    rewritten(file, lambda d: change(d["landmarks"]))
    with pytest.raises(UnreadableInputError):
        load_project(file)


def test_other_files_are_no_projects(tmp_path: Path) -> None:
    for name, data in (("text", b"hello"), ("empty", b""), ("zip", b"PK\x05\x06" + bytes(18))):
        path = tmp_path / f"{name}.facestudio"
        path.write_bytes(data)
        with pytest.raises(UnreadableInputError):
            load_project(path)
    with pytest.raises(UnreadableInputError):
        load_project(tmp_path / "nothing.facestudio")
    with pytest.raises(UnreadableInputError):
        load_project(tmp_path)
