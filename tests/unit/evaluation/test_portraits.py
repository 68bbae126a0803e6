"""Shape on photos with points set by hand: whose proportions are the people's is told from whose are not."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.database.model import load_database
from facestudio.evaluation.portraits import METHODS, PROPORTIONS, evaluate_portraits
from facestudio.geometry.camera import project
from facestudio.synthesis.studio import studio_photo
from facestudio.template.model import load_template

HEADS = (3, 40, 77, 120, 200, 311)


def _draw(folder: Path, heads: tuple[int, ...] = HEADS) -> Path:
    """Draw photos of database heads, and write their points as if someone had set them."""
    database, template = load_database(), load_template()
    for number in heads:
        shot = studio_photo(
            database.vertices(number), database.skins[number], np.random.default_rng(number), size=384
        )
        points, _ = project(shot.camera, template.ibug68.points(shot.head))
        name = folder / f"person-{number}"
        cv2.imwrite(str(name.with_suffix(".jpg")), shot.photo.pixels[:, :, ::-1])
        lines = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in points)
        name.with_suffix(".pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    return folder


def test_reconstructed_heads_have_the_peoples_proportions(tmp_path: Path) -> None:
    report = evaluate_portraits(_draw(tmp_path))
    assert (report.photos, report.missed) == (len(HEADS), 0)
    assert [row.method for row in report.rows] == list(METHODS)
    by_method = {row.method: row for row in report.rows}
    assert by_method["mean"].ratio_all == 1
    assert by_method["default"].ratio_all < 0.75
    assert [row.name for row in report.proportions] == list(PROPORTIONS)
    assert np.mean([row.correlation for row in report.proportions]) > 0.6
    for row in report.proportions:
        assert row.by_hand == pytest.approx(row.default, rel=0.12)


def test_its_command_tells_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _draw(tmp_path, HEADS[:3])
    assert main(["evaluate", "reconstruction", "--portraits", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["photos"] == 3
    assert {row["name"] for row in told["proportions"]} == set(PROPORTIONS)


def test_too_few_photos_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _draw(tmp_path, HEADS[:2])
    assert main(["evaluate", "reconstruction", "--portraits", str(folder)]) == 4
    assert "3 are needed" in capsys.readouterr().err
    assert main(["evaluate", "reconstruction", "--portraits", str(tmp_path / "none")]) == 4
    assert "Traceback" not in capsys.readouterr().err
