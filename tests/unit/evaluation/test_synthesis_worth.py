"""The worth of synthetic photos: a correction that is there is found, and folders without photos are refused."""

import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.errors import UnreadableInputError
from facestudio.evaluation.synthesis import (
    EarlyTest,
    LocatedPhotos,
    SynthesisReport,
    early_test,
    learn_correction,
    locate_photos,
    scatter_by_point,
)
from facestudio.landmarks.schemes import load_scheme, prior_landmark_map
from facestudio.training.landmark_map import AnnotatedFace


def _photos(rng, count, noise=0.001):
    """Meshes that vary in eight ways, and an error that follows two of them."""
    mean = rng.uniform(-1, 1, (478, 2))
    ways = rng.normal(0, 0.05, (8, 478, 2))
    error_ways = rng.normal(0, 0.02, (2, 478, 2))
    weights = rng.standard_normal((count, 8))
    mesh = mean + np.tensordot(weights, ways, axes=1)
    error = 0.03 + np.tensordot(weights[:, :2], error_ways, axes=1) + rng.normal(0, noise, mesh.shape)
    return mesh, mesh - error


def _located(mesh, truth, seen=None):
    count = len(mesh)
    return LocatedPhotos(
        count,
        count,
        mesh,
        truth,
        np.zeros((count, 68, 2)),
        np.ones((count, 478), dtype=bool) if seen is None else seen,
        np.ones(count, dtype=bool),
        np.arange(count) % 2 == 0,
        np.ones(count),
    )


def test_an_error_that_follows_the_shape_is_taken_off():
    mesh, truth = _photos(np.random.default_rng(0), 900)
    correction = learn_correction(_located(mesh[:700], truth[:700]), ridge=1.0)
    before = np.linalg.norm(mesh[700:] - truth[700:], axis=2).mean()
    after = np.linalg.norm(correction.apply(mesh[700:]) - truth[700:], axis=2).mean()
    assert after < 0.1 * before
    assert correction.covariance.shape == (478, 2, 2)
    assert (np.linalg.eigvalsh(correction.covariance) > 0).all()


def test_hidden_points_and_blunders_teach_nothing():
    rng = np.random.default_rng(1)
    mesh, truth = _photos(rng, 500)
    seen = np.ones((500, 478), dtype=bool)
    seen[:250, 7] = False
    wrong = truth.copy()
    wrong[:250, 7] += 0.05  # hidden
    wrong[::9, 8] += 3.0  # a blunder
    honest = learn_correction(_located(mesh, truth, seen))
    misled = learn_correction(_located(mesh, wrong, seen))
    assert np.allclose(honest.slope.reshape(-1, 478, 2)[:, 7], misled.slope.reshape(-1, 478, 2)[:, 7])
    assert np.abs(honest.bias.reshape(478, 2)[8] - misled.bias.reshape(478, 2)[8]).max() < 0.01


def test_scatter_is_what_a_constant_offset_leaves():
    rng = np.random.default_rng(2)
    truth = rng.uniform(-1, 1, (3000, 478, 2))
    mesh = truth + np.array([0.4, -0.2]) + rng.normal(0, 0.01, truth.shape)
    mesh[1::2] += rng.normal(0, 0.02, truth[1::2].shape)  # the photos that are no portraits
    photos = _located(mesh, truth)
    of_portraits = scatter_by_point(photos, photos.portraits)
    assert of_portraits == pytest.approx(100 * 0.01 * np.sqrt(np.pi / 2), rel=0.07)
    assert (scatter_by_point(photos) > 1.4 * of_portraits).all()


def test_the_early_test_sees_what_a_correction_gains():
    mesh, truth = _photos(np.random.default_rng(3), 700)
    to68 = prior_landmark_map().matrix()
    faces = [
        AnnotatedFace(f"{i // 2:03d}_{i % 2}", np.column_stack([m, np.zeros(478)]), to68 @ t + 0.01, 1.0)
        for i, (m, t) in enumerate(zip(mesh[600:], truth[600:], strict=True))
    ]
    report = early_test(_located(mesh[:600], truth[:600]), faces)
    assert report.photos == 100
    assert report.both[0] < 0.6 * report.offset[0]
    assert report.offset[0] < report.located[0]
    parts = load_scheme("ibug68").parts
    every = sum(report.parts[name] * len(numbers) for name, numbers in parts.items()) / 68
    assert every == pytest.approx(report.offset[0])


def test_all_kinds_portraits_and_real_ones_are_printed_beside_each_other(monkeypatch, tmp_path, capsys):
    one = (1.0, 1.0)
    early = EarlyTest(87, one, one, one, one, {}, {"jaw": 3.75})
    parts, alike = {"jaw": 5.25, "iris": 1.5}, {"jaw": 4.25, "iris": 0.875}
    report = SynthesisReport(9, 9, np.ones(478), parts, 30, np.ones(478), alike, early)
    monkeypatch.setattr("facestudio.evaluation.synthesis.evaluate_synthesis", lambda *_: report)
    assert main(["evaluate", "synthesis", "--photos", str(tmp_path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["jaw", "5.25", "4.25", "3.75"] in rows
    assert ["iris", "1.50", "0.88", "-"] in rows


def test_folders_without_photos_are_refused(tmp_path, capsys):
    with pytest.raises(UnreadableInputError):
        locate_photos(tmp_path)
    assert main(["evaluate", "synthesis", "--photos", str(tmp_path / "none")]) == 4
    assert main(["evaluate", "synthesis", "--photos", str(tmp_path)]) == 4
    (tmp_path / "000000.npz").write_bytes(b"no truth")
    assert main(["evaluate", "synthesis", "--photos", str(tmp_path)]) == 4
    assert "Traceback" not in capsys.readouterr().err
