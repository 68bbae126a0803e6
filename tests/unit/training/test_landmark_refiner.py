"""Training of the landmark refiner: it finds what is there, on faces it never saw, and refuses what it cannot use."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.database.shape_model import load_shape_model
from facestudio.landmarks.mesh_features import LAYERS
from facestudio.template.model import load_template
from facestudio.training.landmark_refiner import RefinerSamples, learn_refiner

TEMPLATE, MODEL = load_template(), load_shape_model()
SIDES = dict(zip(LAYERS, (8, 4, 2, 2), strict=True))  # small ones: only proportions count


def _samples(photos: int, seed: int = 3) -> RefinerSamples:
    """Return faces whose layers tell, in one channel each, how far right and how far down the points belong."""
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, 4, size=(photos, 2))
    layers = []
    for name, side in SIDES.items():
        layer = rng.normal(0, 0.3, size=(photos, LAYERS[name], side, side))
        layer[:, 0] += shift[:, 0, None, None]
        layer[:, 1] += shift[:, 1, None, None]
        layers.append(layer.astype(np.float16))
    found = rng.uniform(60, 190, size=(1, 68, 2)) + rng.normal(0, 1, size=(photos, 68, 2))
    return RefinerSamples(
        tuple(layers),
        np.broadcast_to(rng.uniform(40, 210, size=(1, 150, 2)), (photos, 150, 2)).astype(np.float32),
        found,
        found + shift[:, None],
        np.arange(photos, dtype=np.int32),
        np.where(np.arange(photos) % 3, 10.0, 40.0),
        2,
    )


def test_what_the_layers_tell_is_learnt_and_its_errors_are_those_of_photos_left_out() -> None:
    samples = _samples(240)
    refiner, report = learn_refiner(samples, MODEL, TEMPLATE)
    assert (report.samples, report.left_out) == (240, 2)
    for before, after in (report.frontal, report.turned):
        assert after < 0.35 * before
    assert refiner.left.max() < 0.2


def test_nothing_is_learnt_where_there_is_nothing() -> None:
    samples = _samples(240)
    order = np.random.default_rng(1).permutation(240)
    lost = replace(samples, truth=samples.found + (samples.truth - samples.found)[order])
    refiner, _ = learn_refiner(lost, MODEL, TEMPLATE)
    assert refiner.left.min() > 0.7


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (["--data", "{tmp}/none"], 4),
        (["--data", "{tmp}", "--output", "{tmp}/a.txt"], 2),
        (["--data", "{tmp}"], 4),
        ([], 2),
    ],
)
def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], code: int) -> None:
    arguments = [part.replace("{tmp}", str(tmp_path)) for part in extra]
    if "--output" not in arguments:
        arguments += ["--output", str(tmp_path / "out.npz")]
    assert main(["train", "refiner", *arguments]) == code
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_a_damaged_truth_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "000000.npz").write_bytes(b"not a truth")
    arguments = ["--data", str(tmp_path), "--output", str(tmp_path / "o.npz"), "--json"]
    assert main(["train", "refiner", *arguments]) == 4
    captured = capsys.readouterr()
    assert "000000.npz" in captured.err
    assert not captured.out.strip() or "error" in json.loads(captured.out)
