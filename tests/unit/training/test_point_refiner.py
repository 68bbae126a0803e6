"""Training of the point refiner on drawn squares: what the picture shows of the error is taken off."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from facestudio.cli.main import main
from facestudio.database.shape_model import load_shape_model
from facestudio.template.model import load_template
from facestudio.training.point_refiner import RefinerSamples, learn_refiner, mirrored_points


def test_mirrored_points_are_pairs() -> None:
    rest = load_template().mesh478.points(load_shape_model().mean)
    mirror = mirrored_points(rest)
    np.testing.assert_array_equal(mirror[mirror], np.arange(478))
    np.testing.assert_allclose(rest[mirror] * [-1, 1, 1], rest, atol=3.0)


def test_errors_that_the_picture_shows_are_taken_off(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rest = load_template().mesh478.points(load_shape_model().mean)
    true = rest[:, :2] * [1.0, -1.0] + [110.0, 110.0]
    files, located = [], []
    y, x = np.mgrid[0:220, 0:220]
    for number in range(120):
        missed = rng.normal(0, 3, 2)
        grey = np.where((np.abs(x - 110) < 45) & (np.abs(y - 110) < 30), 180, 60) + rng.normal(0, 4, x.shape)
        file = tmp_path / f"{number:03d}.png"
        cv2.imwrite(str(file), np.clip(grey, 0, 255).astype(np.uint8))
        files.append(file)
        located.append(true + missed)
    samples = RefinerSamples(tuple(files), np.stack(located), np.tile(true, (len(files), 1, 1)))
    refiner, report = learn_refiner(samples, load_shape_model(), load_template())
    assert report.photos == 120
    assert len(refiner.stages) == 2
    assert report.rms_mm[-1] < 0.5 * report.rms_mm[0]
    assert refiner.noise.sigma.shape == (478, 2)
    assert (refiner.noise.sigma > 0).all()


def test_folders_without_photos_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.npz"
    assert main(["train", "points", "--data", str(tmp_path), "--output", str(out)]) == 4
    assert main(["train", "points", "--data", str(tmp_path / "none"), "--output", str(out)]) == 4
    assert main(["train", "points", "--data", str(tmp_path), "--output", str(tmp_path / "out.txt")]) == 2
    assert not out.exists()
    assert "Traceback" not in capsys.readouterr().err
