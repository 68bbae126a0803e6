"""`facestudio reconstruct PROJECT` makes the head that was decided on, without the app."""

import json
from pathlib import Path

import pytest

from facestudio.cli.main import main
from facestudio.photo import load_photo
from facestudio.pipeline.project import Project, save_project


def test_a_project_becomes_the_head_that_was_decided_on(sample_photo: Path, tmp_path: Path) -> None:
    photo = load_photo(sample_photo)
    common = ["--output", str(tmp_path / "out"), "--format", "ply", "--texture-size", "512", "--quiet"]
    assert main(["reconstruct", str(sample_photo), "--name", "plain", *common]) == 0
    plain = json.loads((tmp_path / "out" / "plain.json").read_text())
    out = plain["similar_heads"][0]["id"]
    pinned = plain["similar_heads"][1]["id"]
    file = tmp_path / "decided.facestudio"
    save_project(
        Project(photo, excluded_heads=frozenset({out}), head_weights=((pinned, 0.5),), focal_px=1234.0), file
    )
    assert main(["reconstruct", str(file), *common]) == 0
    decided = json.loads((tmp_path / "out" / "decided.json").read_text())
    weights = {head["id"]: head["weight"] for head in decided["similar_heads"]}
    assert out not in weights
    assert weights[pinned] == pytest.approx(0.5)
    assert decided["camera"]["fx"] == pytest.approx(1234.0)
    assert decided["camera"]["focal_source"] == "given"


def test_a_damaged_project_exits_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.facestudio"
    bad.write_bytes(b"PK")
    assert main(["reconstruct", str(bad), "--output", str(tmp_path / "out")]) == 4
    assert "not a facestudio project" in capsys.readouterr().err
