"""What the ShapeModel can represent: its own heads nearly, strange ones less, and better with local modes."""

import json
from pathlib import Path

import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.database.shape_model import load_shape_model
from facestudio.evaluation.representation import representation
from facestudio.template.model import load_template

TEMPLATE, MODEL = load_template(), load_shape_model()


def test_its_own_heads_are_represented_and_bumps_only_by_local_modes():
    rng = np.random.default_rng(4)
    heads = np.stack([MODEL.shape(rng.normal(size=len(MODEL.basis))) for _ in range(4)])
    own = representation(MODEL, TEMPLATE, "own", heads, local=False)
    assert own.heads == 4
    assert own.face < 0.3 < own.mean_head
    nose = TEMPLATE.ibug68.points(MODEL.mean)[30]
    bump = 6 * np.exp(-((MODEL.mean - nose) ** 2).sum(axis=1) / (2 * 12.0**2))
    bumped = heads + bump[:, None] * [0.0, 0.0, 1.0]
    without = representation(MODEL, TEMPLATE, "bumped", bumped, local=False)
    with_local = representation(MODEL, TEMPLATE, "bumped", bumped, local=True)
    assert without.face > own.face
    assert with_local.face < without.face


def test_the_command_prints_every_population(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "representation", "--count", "3", "--json", "--quiet"]) == 0
    rows = json.loads(capsys.readouterr().out)["representation"]
    assert [row["local_modes"] for row in rows] == [False, True]
    assert all(row["heads"] == 3 and row["face"] < row["mean_head"] for row in rows)


def test_a_missing_source_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "representation", "--count", "1", "--ict", str(tmp_path / "none.npz")]) == 4
    assert "none.npz" in capsys.readouterr().err
