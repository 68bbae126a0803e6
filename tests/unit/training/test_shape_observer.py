"""Training of the shape observer: it finds what is there, says how well, and refuses what it cannot use."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.database.shape_model import load_shape_model
from facestudio.landmarks.mesh_features import CHANNELS
from facestudio.template.model import load_template
from facestudio.training.face_description import learn_strengths
from facestudio.training.held_back import held_back
from facestudio.training.ridge import regression
from facestudio.training.shape_observer import face_metric, learn_observer, mirrored_identities
from facestudio.training.shape_samples import POINTS, ShapeSamples, mirrored_points

TEMPLATE, MODEL = load_template(), load_shape_model()
MODES = len(MODEL.basis)
MIRROR = mirrored_points(TEMPLATE.mesh478.points(MODEL.mean))
WAYS = np.random.default_rng(2).normal(size=(MODES, POINTS * CHANNELS)).astype(np.float32) / np.sqrt(MODES)
FIELDS = np.random.default_rng(3).normal(size=(MODES, 478, 2)) / 3


def _samples(photos: int, noise: float, seed: int = 5) -> ShapeSamples:
    """Return samples in which features and displacements depend on identity, with some noise."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(photos, MODES))
    both = np.stack([z, z @ mirrored_identities(MODEL, TEMPLATE)], axis=1).astype(np.float32)
    features = both @ WAYS + noise * rng.normal(size=(photos, 2, POINTS * CHANNELS)).astype(np.float32)
    return ShapeSamples(
        features.reshape(photos, 2, POINTS, CHANNELS).astype(np.float16),
        z,
        np.tensordot(z, FIELDS, axes=1),
        np.full(photos, 0.9),
        np.array([["sun" if i % 3 else "side", "short", "light"] for i in range(photos)]),
        3,
    )


def test_what_is_there_is_found_and_its_errors_are_those_of_photos_left_out() -> None:
    observer, report = learn_observer(_samples(160, 0.5), MODEL, TEMPLATE)
    assert (report.photos, report.left_out) == (160, 3)
    assert report.explained > 0.3
    assert report.curve[-1][1] > report.curve[1][1]
    assert report.points_mm[1] < 0.9 * report.points_mm[0]
    fresh = _samples(60, 0.5, seed=9)
    metric = face_metric(MODEL, TEMPLATE)
    missed = []
    for features, z in zip(fresh.features, fresh.identities, strict=True):
        said, _ = observer.said(observer.description.of(features.astype(np.float32)))
        missed.append(said - z)
    real = np.einsum("ni,ij,nj->n", missed, metric, missed).mean()
    # What it says of its errors, from photos left out one by one, holds for heads it never saw.
    assert np.trace(metric @ observer.covariance) == pytest.approx(real, rel=0.25)


def test_what_tells_more_counts_more() -> None:
    rng = np.random.default_rng(11)
    count, points, channels = 150, 40, 12
    forms = rng.normal(size=(2 * count, 6))
    ways = rng.normal(size=(6, points, channels))
    ways[:, 8:] = 0  # only the first points know anything
    seen = np.tensordot(forms, ways, axes=1) + 3 * rng.normal(size=(2 * count, points, channels))
    spread = np.geomspace(4, 0.25, channels)
    x = (seen * spread).reshape(2, count, -1).astype(np.float32)
    strengths = learn_strengths(x, forms, points).reshape(points, channels)
    assert strengths.dtype == np.float32
    assert strengths[:8].mean() > 4 * strengths[8:].mean()
    # Channels come half way to one spread.
    np.testing.assert_allclose(strengths[0] / strengths[0, 0], np.sqrt(spread[0] / spread), rtol=0.15)
    every = np.arange(count, dtype=np.int32)
    alike = np.square(regression(lambda rows: x[:, rows], every, forms).missed).mean()
    weighed = np.square(regression(lambda rows: x[:, rows] * strengths.ravel(), every, forms).missed).mean()
    assert weighed < 0.9 * alike


def test_nothing_is_found_where_there_is_nothing() -> None:
    samples = _samples(120, 0.1)
    order = np.random.default_rng(1).permutation(120)
    lost = replace(samples, identities=samples.identities[order], shifts=samples.shifts[order])
    _, report = learn_observer(lost, MODEL, TEMPLATE)
    assert report.explained < 0.05


def test_photos_of_a_kind_held_back_are_read_by_a_regression_that_never_saw_it() -> None:
    samples = _samples(540, 0.5)
    # Another light turns what the layers say about: only who has seen it knows.
    side = samples.kinds[:, 0] == "side"
    features = samples.features.copy()
    features[side] = -features[side]
    rows = held_back(replace(samples, features=features), MODEL, TEMPLATE)
    told = {(row.what, row.kind): row for row in rows}
    assert set(told) == {("light", "sun"), ("light", "side")}  # of hair and skin there is one kind alone
    one = told["light", "side"]
    assert one.photos > 60
    assert one.unseen < one.seen
    assert told["light", "sun"].photos > one.photos


def test_points_and_their_mirror_images_take_each_others_places() -> None:
    assert (MIRROR[MIRROR] == np.arange(478)).all()
    points = TEMPLATE.mesh478.points(MODEL.mean)
    assert np.linalg.norm(points[MIRROR] * [-1.0, 1.0, 1.0] - points, axis=1).max() < 6.0


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
