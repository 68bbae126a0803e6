"""Training of the shape observer: it finds what is there, says how well, and refuses what it cannot use."""

import json
from pathlib import Path

import numpy as np
import pytest

import facestudio.training.shape_observer as module
from facestudio.cli.main import main
from facestudio.database.shape_model import load_shape_model
from facestudio.fitting.face_chip import FEATURES
from facestudio.template.model import load_template
from facestudio.training.shape_observer import ShapeSamples, learn_observer, mirrored_identities

TEMPLATE, MODEL = load_template(), load_shape_model()
MODES = len(MODEL.basis)


def _samples(photos: int, noise: float) -> tuple[ShapeSamples, np.ndarray]:
    """Return samples whose descriptions depend on identity along a few directions, and the share of noise in them."""
    rng = np.random.default_rng(2)
    z = np.repeat(rng.normal(size=(photos, MODES)), 2, axis=0)
    ways = rng.normal(size=(MODES, FEATURES)) / np.sqrt(MODES)
    descriptions = z @ ways + noise * rng.normal(size=(2 * photos, FEATURES))
    which = np.repeat(np.arange(photos), 2).astype(np.int32)
    return ShapeSamples(descriptions.astype(np.float32), z, which, 3), ways


def test_what_is_there_is_found_and_its_errors_are_those_of_people_left_out(monkeypatch):
    monkeypatch.setattr(module, "RIDGES", (0.01,))
    samples, ways = _samples(260, 0.3)
    observer, report = learn_observer(samples, MODEL, TEMPLATE)
    assert (report.photos, report.left_out) == (260, 3)
    assert report.explained > 0.8
    rng = np.random.default_rng(9)
    fresh = rng.normal(size=(80, MODES))
    seen = fresh @ ways + 0.3 * rng.normal(size=(80, FEATURES)) - observer.mean
    missed = observer.intercept + seen @ observer.weights - fresh
    # What it says of its errors holds for heads it never saw.
    assert np.trace(observer.covariance) == pytest.approx((missed**2).sum(axis=1).mean(), rel=0.5)
    shares = [share for _, share in report.curve]
    assert shares[-1] > shares[0]


def test_nothing_is_found_where_there_is_nothing(monkeypatch):
    monkeypatch.setattr(module, "RIDGES", (10.0,))
    samples, _ = _samples(120, 0.0)
    shuffled = samples.identities[np.random.default_rng(1).permutation(len(samples.identities))]
    lost = ShapeSamples(samples.descriptions, shuffled, samples.photos, 0)
    _, report = learn_observer(lost, MODEL, TEMPLATE)
    assert report.explained < 0.05


def test_a_mirrored_head_has_mirrored_coefficients():
    matrix = mirrored_identities(MODEL, TEMPLATE)
    z = np.random.default_rng(3).normal(size=MODES)
    head = MODEL.shape(z)
    flipped = (head - MODEL.mean)[TEMPLATE.mirror] * [-1.0, 1.0, 1.0]
    again = MODEL.shape(z @ matrix) - MODEL.mean
    error = np.linalg.norm(again - flipped, axis=1)
    assert np.median(error) < 0.35 * np.median(np.linalg.norm(flipped, axis=1))
    np.testing.assert_allclose(z @ matrix @ matrix, z, atol=1.0)


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
    assert main(["train", "shape", *arguments]) == code
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_a_damaged_truth_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "000000.npz").write_bytes(b"not a truth")
    code = main(["train", "shape", "--data", str(tmp_path), "--output", str(tmp_path / "o.npz"), "--json"])
    assert code == 4
    captured = capsys.readouterr()
    assert "000000.npz" in captured.err
    assert not captured.out.strip() or "error" in json.loads(captured.out)
