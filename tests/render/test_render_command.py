"""`facestudio render`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.cli.main import main
from facestudio.template.model import load_template


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template's rest head as an OBJ in millimetres, without texture."""
    template = load_template()
    lines = [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in template.vertices]
    lines += ["f " + " ".join(str(i + 1) for i in quad) for quad in template.quads]
    path = tmp_path_factory.mktemp("head") / "head.obj"
    path.write_text("\n".join(lines) + "\n")
    return path


def _pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.int16]]":
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.int16)


def test_one_picture_for_each_view(head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "views"
    assert (
        main(
            [
                "render",
                str(head),
                "--views",
                "front,45,side,-20/10",
                "--size",
                "160x120",
                "--output",
                str(out),
            ]
        )
        == 0
    )
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [p.name for p in written] == ["head-front.png", "head-45.png", "head-side.png", "head--20_10.png"]
    pictures = [_pixels(path) for path in written]
    assert all(picture.shape == (120, 160, 3) for picture in pictures)
    for i, one in enumerate(pictures):
        for other in pictures[i + 1 :]:
            assert np.abs(one - other).mean() > 1


def test_left_and_right_are_mirror_images(head: Path, tmp_path: Path) -> None:
    arguments = ["--views", "left,right", "--size", "160x120", "--mode", "normals", "--quiet"]
    assert main(["render", str(head), *arguments, "--output", str(tmp_path)]) == 0
    outlines = [
        np.ptp(_pixels(tmp_path / f"head-{side}.png"), axis=2) > 25 for side in ("left", "right")
    ]  # normals are colourful, the background is grey
    assert outlines[0].mean() > 0.1
    assert (outlines[0] != outlines[1][:, ::-1]).mean() < 0.01


def test_a_sheet_of_the_photo_and_the_views(
    head: Path, sample_photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, with_photo = tmp_path / "plain.png", tmp_path / "photo.png"
    common = ["render", str(head), "--views", "front,45,side", "--size", "120x160", "--json"]
    assert main([*common, "--sheet", str(plain)]) == 0
    assert main([*common, "--sheet", str(with_photo), "--photo", str(sample_photo)]) == 0
    assert "Traceback" not in capsys.readouterr().err
    with Image.open(sample_photo) as photo:
        added = photo.width * 160 / photo.height
    one, other = _pixels(plain), _pixels(with_photo)
    assert one.shape[0] == other.shape[0]
    assert other.shape[1] - one.shape[1] >= added
    assert sorted(tmp_path.iterdir()) == [with_photo, plain]


def test_the_document_names_what_was_written(
    head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--views", "top", "--size", "64x64", "--output", str(tmp_path), "--json"]
    assert main(["render", str(head), *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["views"] == {"top": str(tmp_path / "head-top.png")}
    assert document["sheet"] is None
    assert (tmp_path / "head-top.png").is_file()


def test_existing_pictures_are_kept_unless_told_otherwise(head: Path, tmp_path: Path) -> None:
    kept = tmp_path / "head-front.png"
    kept.write_bytes(b"mine")
    arguments = [
        "render",
        str(head),
        "--views",
        "side,front",
        "--size",
        "64x64",
        "--output",
        str(tmp_path),
        "--quiet",
    ]
    assert main(arguments) == 6
    assert kept.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [kept]
    assert main([*arguments, "--overwrite"]) == 0
    assert _pixels(kept).shape == (64, 64, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's ways to have no OpenGL")
@pytest.mark.parametrize(
    "variable",
    ["__EGL_VENDOR_LIBRARY_FILENAMES=/dev/null", "PYOPENGL_PLATFORM=osmesa", "EGL_PLATFORM=none-such"],
    ids=["no driver", "another OpenGL", "an unknown platform"],
)
def test_without_opengl_the_software_renderer_draws(
    variable: str, head: Path, tmp_path: Path, checkout: Path
) -> None:
    name, _, value = variable.partition("=")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "facestudio", "render", str(head), "--views", "front", "--size", "64x64"),
            *("--output", str(tmp_path), "--quiet"),
        ],
        cwd=checkout,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Internal error" not in done.stderr
    assert np.ptp(_pixels(tmp_path / "head-front.png")) > 50
