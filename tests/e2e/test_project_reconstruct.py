"""`facestudio reconstruct PROJECT` makes the head that was decided on, without the app."""

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.geometry.camera import project
from facestudio.photo import load_photo
from facestudio.pipeline.project import Project, save_project
from facestudio.template.model import load_template
from facestudio.template.pins import Pin
from facestudio.values import Camera


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


def test_pins_of_a_project_are_met_by_the_command_as_installed(
    sample_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (script,) = entry_points(group="console_scripts", name="facestudio")
    photo, template = load_photo(sample_photo), load_template()
    vertex = int(np.argmax(template.vertices[:, 1]))
    width, height = photo.size
    pin = Pin(vertex, 0.52 * width, 0.06 * height)
    file = tmp_path / "pinned.facestudio"
    save_project(Project(photo, pins=(pin,)), file)
    common = ["--format", "obj", "--units", "mm", "--subdivision", "0", "--texture-size", "512", "--quiet"]
    monkeypatch.setattr(
        sys,
        "argv",
        ["facestudio", "reconstruct", str(file), "--output", str(tmp_path), "--expression", "posed", *common],
    )
    assert script.load()() == 0
    told = json.loads((tmp_path / "pinned.json").read_text())["camera"]
    camera = Camera(
        *(told["fx"], told["fy"], told["cx"], told["cy"], np.array(told["rotation"])),
        *(np.array(told["translation_mm"]), tuple(told["image_size"]), told["focal_source"]),
    )
    rows = [
        line.split()[1:4] for line in (tmp_path / "pinned.obj").read_text().splitlines() if line[:2] == "v "
    ]
    place, _ = project(camera, np.array(rows, dtype=float)[vertex][None])
    np.testing.assert_allclose(place[0], (pin.x, pin.y), atol=0.05)


def test_a_damaged_project_exits_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.facestudio"
    bad.write_bytes(b"PK")
    assert main(["reconstruct", str(bad), "--output", str(tmp_path / "out")]) == 4
    assert "not a facestudio project" in capsys.readouterr().err
