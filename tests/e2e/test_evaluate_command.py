"""`facestudio evaluate`."""

import json
from pathlib import Path

import pytest

from facestudio.cli.main import main

pytestmark = pytest.mark.slow


def test_reconstruction_compares_every_method_with_the_mean_head(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "reconstruction", "--count", "2", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["heads"] + report["missed"] == 2
    rows = {row["method"]: row for row in report["results"]}
    assert {"mean", "paper", "default"} <= set(rows)
    assert rows["mean"]["ratio"] == 1
    assert all(
        row["ratio"] == pytest.approx(row["mean_mm"] / rows["mean"]["mean_mm"]) for row in rows.values()
    )
    assert 0 < rows["default"]["mean_mm"] < rows["mean"]["mean_mm"] < 10
    assert err.count("mm") == 2  # a line for each head


def test_the_same_seed_measures_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    reports: list[str] = []
    for seed in ("1", "1", "2"):
        assert main(["evaluate", "reconstruction", "--count", "1", "--seed", seed, "--quiet"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        reports.append(out)
    assert reports[0] == reports[1] != reports[2]


def test_an_unknown_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "reconstruction", "--database", "nowhere"]) == 5
    assert "nowhere" in capsys.readouterr().err


def test_speed_times_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "speed", "--count", "2", "--texture-size", "512", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["count"] == 2
    assert list(report["median_ms"]) == ["landmarks", "retrieval", "shape", "texture"]
    assert set(report["first_ms"]) == set(report["median_ms"])
    assert all(value > 0 for value in report["median_ms"].values())
    assert report["moved_landmark_p95_ms"] >= report["moved_landmark_ms"] > 0
    assert report["fit_ms"] > 0


def test_speed_of_a_photo_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "speed", str(tmp_path / "missing.jpg")]) == 4
    assert "missing.jpg" in capsys.readouterr().err


def test_texture_is_compared_with_paste(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.png"
    command = [
        "evaluate",
        "texture",
        "--count",
        "1",
        "--texture-size",
        "1024",  # at 512 a band of 8 pixels reaches far beyond the border
        "--json",
        "--sheet",
        str(sheet),
    ]
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {row["method"]: row for row in report["results"]}
    assert rows["fused"]["seam_step"] < 0.25 * rows["paste"]["seam_step"]
    assert rows["fused"]["views"] < rows["paste"]["views"]
    assert rows["fused"]["ears"] < 6
    assert report["empty_texels"] == 0
    assert report["poisson_residual"] <= 1e-4
    assert set(report["texture_ms"]) == {"1024", "2048", "4096"}
    assert sheet.stat().st_size > 10_000
    assert main(command) == 6  # the sheet is there already
