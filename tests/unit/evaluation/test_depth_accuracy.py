"""Depth from statistics beside its rivals: what is linear is found, and the statistics are the best of the six."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.database.model import load_database
from facestudio.errors import UsageError
from facestudio.evaluation.charts import against, bars
from facestudio.evaluation.depth import OURS, RIVALS, SEVEN, evaluate_depth
from facestudio.template.model import load_template


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    database, template = load_database(), load_template()
    return np.stack([template.ibug68.points(database.vertices(row)) for row in range(150)])


def test_statistics_beat_the_rivals_and_know_how_far(points: np.ndarray) -> None:
    report = evaluate_depth(points, 100, 50)
    assert set(report.error) == {*RIVALS, OURS}
    assert all(set(own) == set(SEVEN) for own in report.by_point.values())
    assert report.error[OURS] == min(report.error.values())
    assert report.error[OURS] < 0.9 * report.error["mean depth"]
    assert report.correlation["mean depth"] == 0
    assert 0.5 < report.within < 0.85


def test_what_is_linear_is_found_by_regression_and_statistics() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(300, 3))
    shape = rng.normal(0, 30, (68, 3)) + np.tensordot(codes, rng.normal(0, 4, (3, 68, 3)), axes=1)
    report = evaluate_depth(shape, 200, 100)
    for name in ("linear regression", "coupled dictionary", OURS):
        assert report.error[name] < 0.4 * report.error["mean depth"], name


def test_no_head_is_learnt_from_and_judged_by(points: np.ndarray) -> None:
    doubled = np.repeat(points[:60], 1, axis=0)
    report = evaluate_depth(doubled, 30, 30)
    # A test head among the training heads would be its own nearest neighbour.
    assert report.error["nearest neighbour"] > 0.5
    with pytest.raises(UsageError):
        evaluate_depth(points, 100, 51)


def test_charts_show_what_they_are_given() -> None:
    picture = bars("t", "mm", {"a": {"x": 1.0, "y": 2.0}, "b": {"x": 0.5, "y": 0.0}})
    colour = np.array([148, 163, 184])
    columns = (picture == colour).all(axis=2).sum(axis=0)
    heights = sorted({int(n) for n in columns if n > 100})
    assert heights[-1] == pytest.approx(2 * heights[0], abs=4)
    dots = against("t", "x", "y", np.array([0.0, 1.0]), np.array([0.0, 1.0]), line=True)
    assert dots.dtype == np.uint8
    assert dots.shape[2] == 3


def test_command_draws_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["evaluate", "depth", "--train", "60", "--test", "20", "--output", str(tmp_path / "out")]
    assert main(asked) == 0
    assert "statistics" in capsys.readouterr().out
    for number in (7, 10):
        assert cv2.imread(str(tmp_path / "out" / f"figure-{number}.png")) is not None
    assert main(asked) == 6
    assert main(["evaluate", "depth", "--train", "600"]) == 2
