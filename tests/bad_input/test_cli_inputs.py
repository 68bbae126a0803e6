"""Mistakes on the command line: an exit code and a sentence, no traceback, nothing half-written."""

import json
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.cli.main import main
from facestudio.landmarks import sessions


def _huge_png() -> bytes:
    """A PNG whose header announces 60,000 x 60,000 pixels and whose data is one line."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def _picture(width: int, height: int, seed: int | None = None) -> Image.Image:
    if seed is None:
        return Image.new("RGB", (width, height), (120, 130, 140))
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


Make = Callable[[Path, Path], None]  # (file to make, sample photo)

_BAD_PHOTOS: dict[str, tuple[int, Make]] = {
    "missing.jpg": (4, lambda path, sample: None),
    "folder.jpg": (4, lambda path, sample: path.mkdir()),
    "empty.jpg": (4, lambda path, sample: path.write_bytes(b"") and None),
    "text.jpg": (4, lambda path, sample: path.write_text("a letter, not a photo") and None),
    "truncated.jpg": (4, lambda path, sample: path.write_bytes(sample.read_bytes()[:300]) and None),
    "announces too much.png": (4, lambda path, sample: path.write_bytes(_huge_png()) and None),
    "one pixel.png": (4, lambda path, sample: _picture(1, 1).save(path)),
    "plain.png": (3, lambda path, sample: _picture(300, 200).save(path)),
    "noise.png": (3, lambda path, sample: _picture(300, 200, 1).save(path)),
    "a strip.png": (3, lambda path, sample: _picture(4000, 33).save(path)),
}

_LIE = "landmarks_2d"
_BAD_LANDMARKS = {
    "missing.json": None,
    "empty.pts": "",
    "not json.json": "{",
    "no points.json": "{}",
    "a list.json": "[1, 2]",
    "too few.json": json.dumps({_LIE: [[1, 2]] * 5}),
    "not numbers.json": json.dumps({_LIE: [["a", "b"]] * 68}),
    "ragged.json": json.dumps({_LIE: [[1, 2, 3]] * 40 + [[1, 2]] * 28}),
    "nan.json": json.dumps({_LIE: [[float("nan"), 5]] + [[i, 2 * i] for i in range(67)]}),
    "one place.json": json.dumps({_LIE: [[100, 100]] * 68}),
    "far away.json": json.dumps({_LIE: [[i * 1e6, i * 1e6] for i in range(68)]}),
    "no face.json": json.dumps({"faces": [], "timings_ms": {}}),
    "truncated.pts": "version: 1\nn_points: 68\n{\n1 2\n",
    "points.doc": "1 2",
}


class Sandbox:
    """A folder for outputs, and the check that a failure left nothing in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.out = folder / "out"
        self._capsys = capsys

    def fails(self, code: int, *arguments: str | Path) -> str:
        """Run the command line, expect the code; returns what it said."""
        got = main([str(a) for a in arguments])
        out, err = self._capsys.readouterr()
        assert got == code, err
        assert "Traceback" not in out + err
        assert "Internal error" not in err
        assert err.strip()
        assert not self.out.exists() or list(self.out.rglob("*")) == []
        return err


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Sandbox:
    return Sandbox(tmp_path, capsys)


@pytest.mark.parametrize("name", _BAD_PHOTOS)
def test_a_bad_photo(name: str, tmp_path: Path, sample_photo: Path, sandbox: Sandbox) -> None:
    code, make = _BAD_PHOTOS[name]
    path = tmp_path / name
    make(path, sample_photo)
    said = sandbox.fails(code, "reconstruct", path, "--output", sandbox.out, "--quiet")
    if code == 4:
        assert name in said
        sandbox.fails(code, "landmarks", path, "--output", sandbox.out / "a.json", "--quiet")


@pytest.mark.parametrize("name", _BAD_LANDMARKS)
def test_a_bad_landmark_file(name: str, tmp_path: Path, sample_photo: Path, sandbox: Sandbox) -> None:
    text = _BAD_LANDMARKS[name]
    if text is not None:
        (tmp_path / name).write_text(text)
    arguments = ("reconstruct", sample_photo, "--output", sandbox.out, "--landmarks", tmp_path / name)
    assert name in sandbox.fails(4, *arguments)


def test_landmarks_of_another_order_are_not_taken_for_ibug68(
    tmp_path: Path, sample_photo: Path, sandbox: Sandbox
) -> None:
    points = [[100 + 3 * i, 100 + (i * 37) % 200] for i in range(68)]
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"scheme": "xm2vts68", _LIE: points}))
    said = sandbox.fails(2, "reconstruct", sample_photo, "--output", sandbox.out, "--landmarks", path)
    assert "xm2vts68" in said


def test_a_face_that_is_not_there(sample_photo: Path, sandbox: Sandbox) -> None:
    said = sandbox.fails(3, "reconstruct", sample_photo, "--output", sandbox.out, "--face", "9")
    assert "9" in said


def test_an_unknown_database(sample_photo: Path, sandbox: Sandbox) -> None:
    said = sandbox.fails(5, "reconstruct", sample_photo, "--output", sandbox.out, "--database", "nowhere")
    assert "nowhere" in said
    assert "studio" in said


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "fbx"],
        ["--format", ""],
        ["--texture-size", "1"],
        ["--texture-size", "a"],
        ["--units", "inch"],
        ["--subdivision", "3"],
        ["--expression", "happy"],
        ["--method", "magic"],
        ["--face", "0"],
        ["--name", "../elsewhere"],
        ["--name", ""],
        ["second.jpg", "--name", "x"],
        ["second.jpg", "--landmarks", "x.pts"],
        ["--frobnicate"],
    ],
)
def test_wrong_options(options: list[str], sample_photo: Path, sandbox: Sandbox) -> None:
    sandbox.fails(2, "reconstruct", sample_photo, "--output", sandbox.out, *options)


@pytest.mark.parametrize(
    "arguments", [["reconstruct"], ["reconstruct", "a.jpg"], ["reconstruct", "--output", "x"]]
)
def test_missing_arguments(arguments: list[str], sandbox: Sandbox) -> None:
    sandbox.fails(2, *arguments)


def test_the_output_folder_is_a_file(sample_photo: Path, tmp_path: Path, sandbox: Sandbox) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("mine")
    for folder in (blocked, blocked / "below"):
        sandbox.fails(6, "reconstruct", sample_photo, "--output", folder, "--texture-size", "512")
        sandbox.fails(6, "landmarks", sample_photo, "--output", folder / "a.json")
    assert blocked.read_text() == "mine"


@pytest.mark.skipif(
    sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="root may write everywhere, and Windows has other rights",
)
def test_the_output_folder_may_not_be_written(sample_photo: Path, tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.out.mkdir()
    sandbox.out.chmod(0o555)
    try:
        sandbox.fails(6, "reconstruct", sample_photo, "--output", sandbox.out, "--texture-size", "512")
    finally:
        sandbox.out.chmod(0o755)


def test_without_an_onnx_runtime_the_one_missing_command_is_shown(
    sample_photo: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    sessions.open_model.cache_clear()
    for command in (
        ("reconstruct", sample_photo, "--output", sandbox.out),
        ("landmarks", sample_photo, "--output", sandbox.out / "a.json"),
    ):
        assert 'pip install "facestudio[cpu]"' in sandbox.fails(5, *command)


@pytest.mark.parametrize("name", ["missing.jpg", "folder.jpg"])
def test_the_app_with_a_photo_that_is_not_there(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    assert name in sandbox.fails(4, "app", tmp_path / name)


_BAD_HEADS = {
    "missing.obj": None,
    "empty.obj": b"",
    "no faces.obj": b"v 0 0 0\nv 1 0 0\n",
    "not numbers.obj": b"v a b c\nf 1 2 3\n",
    "beyond.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n",
    "text.glb": b"no model at all",
    "text.ply": b"no model at all",
    "text.stl": b"",
    "unknown.fbx": b"FBX",
}


@pytest.mark.parametrize("name", _BAD_HEADS)
def test_a_bad_head_to_draw(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    data = _BAD_HEADS[name]
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert name in sandbox.fails(4, "render", tmp_path / name, "--output", sandbox.out)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--output", "{out}", "--views", "below"],
        ["--output", "{out}", "--views", ","],
        ["--output", "{out}", "--size", "1x1"],
        ["--output", "{out}", "--size", "big"],
        ["--output", "{out}", "--photo", "a.jpg"],
        ["--sheet", "{out}/a.doc"],
    ],
)
def test_wrong_options_of_render(options: list[str], tmp_path: Path, sandbox: Sandbox) -> None:
    head = tmp_path / "head.obj"
    head.write_text("v 0 0 0\nv 100 0 0\nv 0 100 0\nf 1 2 3\n")
    sandbox.fails(2, "render", head, *[option.format(out=sandbox.out) for option in options])
