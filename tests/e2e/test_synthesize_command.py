"""`facestudio synthesize`: the same files whatever the number of processes, continued after a stop, plain errors."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.database.skin_axes import skin_coefficients
from facestudio.errors import UsageError, WriteError
from facestudio.synthesis import folder as folder_module
from facestudio.synthesis import population
from facestudio.synthesis.folder import Series, is_whole, open_series, photo_files, write_photo, write_series
from facestudio.synthesis.generate import new_renderer
from facestudio.synthesis.population import draw_identity, draw_skin, source_heads
from facestudio.synthesis.truth import read_truth

SIZE = 96


@pytest.fixture(scope="module")
def renderer():
    try:
        opened = new_renderer()
    except UsageError as error:
        pytest.skip(f"no OpenGL here: {error}")
    with opened:
        yield opened


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def run(*arguments: object) -> int:
    return main(["synthesize", "--quiet", *(str(a) for a in arguments)])


@pytest.fixture(scope="module")
def series(renderer, tmp_path_factory):
    """Five photos drawn in this process."""
    folder = tmp_path_factory.mktemp("series")
    wanted = Series(9, SIZE, False)
    open_series(folder, wanted)
    for index in range(5):
        write_photo(renderer, folder, wanted, index)
    return folder


@pytest.mark.gl
@pytest.mark.parametrize("workers", [1, 2])
def test_the_files_do_not_depend_on_the_number_of_processes(series, tmp_path, workers):
    assert run("--count", 5, "--seed", 9, "--size", SIZE, "--output", tmp_path, "--workers", workers) == 0
    assert contents(tmp_path) == contents(series)


@pytest.mark.gl
def test_photos_are_whole_and_agree(series):
    for index in range(5):
        picture, mask, truth = photo_files(series, index)
        pixels = cv2.imread(str(picture))
        labels = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
        assert pixels.shape == (SIZE, SIZE, 3)
        assert labels.shape == (SIZE, SIZE)
        assert read_truth(truth).notes["index"] == index


@pytest.mark.gl
def test_what_is_missing_is_drawn_and_what_is_there_is_kept(series, tmp_path, capsys):
    wanted = Series(9, SIZE, False)
    open_series(tmp_path, wanted)
    for index in (0, 1, 3):
        for path in photo_files(series, index):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    photo_files(tmp_path, 3)[2].unlink()  # stopped before its last file
    (tmp_path / ".000004.jpg.part").write_bytes(b"half")
    (tmp_path / "000004.tmp").write_bytes(b"half")
    stamp = photo_files(tmp_path, 0)[0].stat().st_mtime_ns
    assert (
        main(
            [
                "synthesize",
                "--count",
                "5",
                "--seed",
                "9",
                "--size",
                str(SIZE),
                "--output",
                str(tmp_path),
                "--json",
            ]
        )
        == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert (document["written"], document["kept"]) == (3, 2)
    assert photo_files(tmp_path, 0)[0].stat().st_mtime_ns == stamp
    assert contents(tmp_path) == contents(series)


@pytest.mark.gl
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_stop_in_the_middle_leaves_whole_photos_only(renderer, tmp_path):
    arguments = [
        "--count",
        "400",
        "--seed",
        "9",
        "--size",
        str(SIZE),
        "--output",
        str(tmp_path),
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "facestudio", "synthesize", "--quiet", *arguments],
        stderr=subprocess.PIPE,
        env={**os.environ},
    )
    try:
        for _ in range(1200):
            if is_whole(tmp_path, 1):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert b"Traceback" not in said
    whole = [index for index in range(400) if is_whole(tmp_path, index)]
    assert 2 <= len(whole) < 400
    # Every file that bears its final name can be read.
    for path in tmp_path.iterdir():
        assert not path.name.endswith((".part", ".tmp"))
        if path.suffix == ".npz":
            read_truth(path)
        elif path.suffix in (".jpg", ".png"):
            assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is not None


@pytest.mark.gl
def test_another_series_is_not_mixed_in(series, tmp_path, capsys):
    for name, content in contents(series).items():
        (tmp_path / name).write_bytes(content)
    before = contents(tmp_path)
    for other in (
        ["--seed", 8, "--size", SIZE],
        ["--seed", 9, "--size", 64],
        ["--seed", 9, "--size", SIZE, "--held-out"],
    ):
        assert run("--count", 5, *other, "--output", tmp_path) == WriteError.exit_code
        assert "another series" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert run("--count", 1, "--seed", 8, "--size", 64, "--output", tmp_path, "--overwrite") == 0
    assert len(contents(tmp_path)) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        ["--count", "many"],
        ["--count", "0"],
        ["--count", "-3"],
        ["--count", "1.5"],
        ["--count", "2", "--size", "0"],
        ["--count", "2", "--size", "100000"],
        ["--count", "2", "--size", "big"],
        ["--count", "2", "--seed", "-1"],
        ["--count", "2", "--seed", "x"],
        ["--count", "2", "--workers", "0"],
        [],
    ],
)
def test_wrong_numbers_are_usage_errors(wrong, tmp_path, capsys):
    assert main(["synthesize", *wrong, "--output", str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.strip()
    assert not (tmp_path / "new").exists()


def test_no_output_is_a_usage_error(capsys):
    assert main(["synthesize", "--count", "3"]) == 2
    assert "--output" in capsys.readouterr().err


def test_an_output_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert run("--count", 1, "--output", tmp_path / "file") == WriteError.exit_code
    assert run("--count", 1, "--output", tmp_path / "file" / "below") == WriteError.exit_code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.gl
def test_a_full_disk(renderer, tmp_path, monkeypatch):
    def full(path: Path, truth: object) -> None:
        path.with_suffix(".tmp").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "write_truth", full)
    wanted = Series(9, 64, False)
    open_series(tmp_path, wanted)
    with pytest.raises(WriteError, match="No space left"):
        write_photo(renderer, tmp_path, wanted, 0)
    assert not is_whole(tmp_path, 0)
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".tmp", ".part", ".npz")]


def test_no_opengl(tmp_path, monkeypatch):
    def none() -> None:
        raise UsageError("OpenGL cannot be used here: it is not there")

    monkeypatch.setattr(folder_module, "new_renderer", none)
    with pytest.raises(UsageError, match="OpenGL"):
        write_series(tmp_path, 2, Series(1, 64, False))


def test_a_damaged_note_of_the_series_is_said(tmp_path):
    (tmp_path / "series.json").write_text("{not json")
    with pytest.raises(WriteError, match="damaged"):
        open_series(tmp_path, Series(1, 64, False))


def test_no_head_is_in_both_populations():
    training, others = set(source_heads(False)), set(source_heads(True))
    assert training
    assert others
    assert not training & others
    ids = {held_out: set() for held_out in (False, True)}
    shapes = {held_out: [] for held_out in (False, True)}
    for held_out in (False, True):
        for index in range(120):
            identity = draw_identity(np.random.default_rng([4, index, int(held_out)]), held_out)
            ids[held_out].add(identity.head_id)
            shapes[held_out].append(identity.coefficients)
    assert ids[False] - {""} <= training
    assert ids[True] - {""} <= others
    gap = np.linalg.norm(np.array(shapes[False])[:, None] - np.array(shapes[True])[None], axis=2)
    assert gap.min() > 1.0


def test_skins_of_the_populations_differ():
    skins = [draw_skin(np.random.default_rng([1, 0, number]), 64) for number in (0, 1)]
    assert not np.array_equal(*skins)


def test_skins_have_no_hair_of_their_own(monkeypatch):
    def drawn(hair: float) -> np.ndarray:
        own = skin_coefficients({"beard": hair, "brow_density": hair, "hair_density": hair})
        monkeypatch.setattr(population, "draw_coefficients", lambda label, rng: own)
        return draw_skin(np.random.default_rng(1), 256)

    np.testing.assert_array_equal(drawn(1.0), drawn(0.0))
