"""`facestudio database` and `facestudio info`."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from facestudio import __version__, paths
from facestudio.cli.info import check_files
from facestudio.cli.main import main
from facestudio.database import model


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of a user's own databases."""
    monkeypatch.setattr(model, "user_data", lambda: tmp_path)
    model.load_database.cache_clear()
    yield tmp_path / "databases"
    model.load_database.cache_clear()


def test_list_names_the_embedded_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["database", "list"]) == 0
    assert capsys.readouterr().out.startswith("studio: ")
    assert main(["database", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["databases"]
    assert row["name"] == "studio"
    assert row["heads"] == len(model.load_database("studio"))
    assert Path(row["folder"]).is_dir()


def test_info_tells_what_a_database_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["database", "info", "--json"]) == 0
    details = json.loads(capsys.readouterr().out)
    assert "MIT" in details["licence"]
    assert (details["heads"], details["female"], details["male"]) == (500, 250, 250)
    assert sum(details["splits"].values()) == details["heads"]
    assert main(["database", "info", "studio"]) == 0
    assert f"heads: {details['heads']}" in capsys.readouterr().out


def test_the_embedded_database_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["database", "verify"]) == 0
    assert capsys.readouterr().out == "studio: sound\n"


def test_a_database_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("info", "verify"):
        assert main(["database", command, "nowhere"]) == 5
        out, err = capsys.readouterr()
        assert "studio" in out + err  # what there is instead


def test_a_damaged_database_is_found(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = paths.resources() / "database" / "studio" / model.FILE_NAME
    (own / "torn").mkdir(parents=True)
    (own / "torn" / model.FILE_NAME).write_bytes(whole.read_bytes()[:5000])
    (own / "good").mkdir()
    shutil.copy(whole, own / "good" / model.FILE_NAME)

    assert main(["database", "verify", "--json"]) == 5
    rows = {row["name"]: row["problems"] for row in json.loads(capsys.readouterr().out)["databases"]}
    assert rows["studio"] == rows["good"] == []
    assert "damaged" in rows["torn"][0]

    assert main(["database", "list"]) == 0
    assert "damaged" in capsys.readouterr().out
    assert main(["database", "verify", "good"]) == 0


def test_database_needs_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["database"]) == 2
    assert "COMMAND" in capsys.readouterr().err


def test_build_draws_a_database_of_ones_own(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "user_data", lambda: own.parent)
    command = ["database", "build", "mine", "--heads", "24", "--seed", "7", "--quiet"]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{own / 'mine'}\n"
    first = (own / "mine" / model.FILE_NAME).read_bytes()
    assert main(["database", "info", "mine", "--json"]) == 0
    details = json.loads(capsys.readouterr().out)
    assert (details["heads"], details["female"], details["male"]) == (24, 12, 12)
    assert main(["database", "verify", "mine"]) == 0
    assert main(command) == 6
    assert main([*command, "--overwrite"]) == 0
    assert (own / "mine" / model.FILE_NAME).read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["build", "studio"], 2),
        (["build", "../new"], 2),
        (["build", "new", "--heads", "1"], 2),
        (["build", "new", "--heads", "many"], 2),
        (["build", "new", "--seed", "-1"], 2),
    ],
)
def test_a_build_that_cannot_be(
    arguments: list[str], code: int, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["database", *arguments]) == code
    assert "Traceback" not in capsys.readouterr().err
    assert not own.exists()


def test_training_without_its_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    for wheel, skins in ((tmp_path / "missing.whl", tmp_path), (Path(__file__), tmp_path / "missing")):
        arguments = ["--wheel", str(wheel), "--skins", str(skins), "--output", str(out)]
        assert main(["train", "studio-data", *arguments]) == 4
        assert "missing" in capsys.readouterr().err
        arguments = ["--wheel", str(wheel), "--ict", str(tmp_path / "missing.npz"), "--output", str(out)]
        assert main(["train", "shape-model", *arguments]) == 4
        assert "missing" in capsys.readouterr().err
    assert not out.exists()


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["version"] == __version__
    assert info["databases"] == ["studio"]
    assert info["files"]
    assert set(info["files"].values()) == {"intact"}
    assert Path(info["folders"]["resources"]) == paths.resources()
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"facestudio {__version__}" in out
    assert "intact" in out


def test_info_finds_damaged_and_missing_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = check_files()
    shutil.copytree(paths.models(), tmp_path / "models")
    shutil.copytree(paths.resources(), tmp_path / "resources")
    with (tmp_path / "models" / "face_detector.onnx").open("ab") as file:
        file.write(b"x")
    (tmp_path / "resources" / "database" / "albedo.npz").unlink()
    monkeypatch.setattr(paths, "models", lambda: tmp_path / "models")
    assert main(["info", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    changed = {"models/face_detector.onnx": "damaged", "resources/database/albedo.npz": "missing"}
    assert files == {**before, **changed}

    (tmp_path / "models" / "manifest.toml").write_text("[[file]\n")
    assert main(["info"]) == 5


def test_info_without_a_runtime_shows_the_missing_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["info"]) == 0
    assert 'pip install "facestudio[cpu]"' in capsys.readouterr().out
