import os
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.errors import UnreadableInputError
from facestudio.photo import load_photo


def refused(path: Path, reason: str) -> None:
    with pytest.raises(UnreadableInputError, match=reason) as caught:
        load_photo(path)
    assert caught.value.exit_code == 4
    assert str(path) in str(caught.value)


def noise(path: Path, **options: int) -> bytes:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)).save(
        path, **options
    )
    return path.read_bytes()


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that announces a size; its data would be one row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def test_missing(tmp_path: Path) -> None:
    refused(tmp_path / "nobody.jpg", "There is no file")


def test_a_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    refused(tmp_path / "a.jpg", "is empty")


@pytest.mark.parametrize(
    "data", [b"hello", b"\x00" * 5000, b"%PDF-1.7\n", b"GIF89a", b"\xff\xd8\xff", b"BM" + b"\xff" * 60]
)
def test_not_an_image(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    refused(tmp_path / "a.jpg", "is not a photo|is damaged|too small|too large")


def test_vector_graphics_start_no_other_program(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 400 400\nshowpage\n")
    refused(tmp_path / "a.eps", "is not a photo")


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "bmp", "gif"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9])
def test_truncated(tmp_path: Path, ending: str, kept: float) -> None:
    data = noise(tmp_path / f"whole.{ending}")
    path = tmp_path / f"cut.{ending}"
    path.write_bytes(data[: int(len(data) * kept)])
    refused(path, "is damaged|is not a photo")


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "bmp", "gif"])
def test_scrambled_bytes_never_give_a_traceback(tmp_path: Path, ending: str) -> None:
    data = bytearray(noise(tmp_path / f"whole.{ending}"))
    rng = np.random.default_rng(1)
    path = tmp_path / f"scrambled.{ending}"
    readable = 0
    for _ in range(40):
        broken = data.copy()
        for place in rng.integers(0, min(len(data), 400), 6):
            broken[place] = int(rng.integers(256))
        path.write_bytes(broken)
        try:
            photo = load_photo(path)
        except UnreadableInputError:
            continue
        readable += 1
        assert min(photo.size) >= 32
    assert readable < 40


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (14_000, 13_000)])
def test_a_bomb_is_refused_without_being_unpacked(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(width, height))
    Image.init()  # Pillow's own modules are not what is measured
    tracemalloc.start()
    try:
        refused(path, "is too large")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_a_jpeg_that_announces_too_much(tmp_path: Path) -> None:
    data = bytearray(noise(tmp_path / "a.jpg"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    (tmp_path / "a.jpg").write_bytes(data)
    refused(tmp_path / "a.jpg", "is too large")


def test_the_limit_can_be_set(tmp_path: Path) -> None:
    noise(tmp_path / "a.png")
    assert load_photo(tmp_path / "a.png", max_pixels=60_000).size == (300, 200)
    with pytest.raises(UnreadableInputError, match="300 x 200"):
        load_photo(tmp_path / "a.png", max_pixels=59_999)


@pytest.mark.parametrize("size", [(1, 1), (31, 400), (400, 31)])
def test_too_small(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "is too small")


def test_the_smallest_photo_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    assert load_photo(tmp_path / "a.png").size == (32, 32)


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    if os.access(tmp_path / "a.png", os.R_OK):  # root may read everything: say what others are told
        import builtins

        def denied(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(builtins, "open", denied)
    refused(tmp_path / "a.png", "permission denied")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    refused(tmp_path / "pipe.jpg", "not a regular file")


def test_a_link_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    refused(tmp_path / "a.jpg", "There is no file")


def test_a_name_too_long(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError):
        load_photo(tmp_path / ("x" * 5000 + ".jpg"))


def test_a_name_with_a_zero_byte(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError):
        load_photo(tmp_path / "a\0b.jpg")
