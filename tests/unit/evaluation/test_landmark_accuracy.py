"""`facestudio evaluate landmarks`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.cli.main import main
from facestudio.database.model import load_database
from facestudio.evaluation.landmarks import (
    METHODS,
    OFFSET,
    constant_offset,
    error_curve,
    point_errors,
    summarise,
)
from facestudio.geometry.camera import project
from facestudio.landmarks.files import save_landmarks
from facestudio.landmarks.schemes import prior_landmark_map
from facestudio.synthesis.studio import studio_photo
from facestudio.template.model import load_template
from facestudio.values import Landmarks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn photos with points, and one without a face."""
    folder = tmp_path_factory.mktemp("photos")
    database, template = load_database(), load_template()
    for i in range(3):
        shot = studio_photo(database.vertices(i), database.skins[i], np.random.default_rng([6, i]), size=320)
        points, _ = project(shot.camera, template.ibug68.points(shot.posed()))
        Image.fromarray(shot.photo.pixels).save(folder / f"p{i}.png")
        save_landmarks(folder / f"p{i}.pts", Landmarks.of("ibug68", points, sigma=1, method="file"))
    Image.new("RGB", (320, 320), "grey").save(folder / "wall.png")
    (folder / "wall.pts").write_bytes((folder / "p0.pts").read_bytes())
    return folder


def test_errors_are_per_cent_of_the_outer_eye_distance() -> None:
    truth = np.random.default_rng(0).uniform(0, 200, (68, 2))
    truth[36], truth[45] = (50, 80), (150, 80)
    np.testing.assert_allclose(point_errors(truth + np.array([3, 4]), truth, "ibug68"), 5.0)


def test_a_summary_counts_what_it_should() -> None:
    inner, jaw = np.full(51, 1.0), np.full(17, 4.0)
    good, bad = np.concatenate([jaw, inner]), np.concatenate([jaw, inner]) + 10
    summary = summarise("x", [good, good, bad, None])
    mean = float(good.mean())
    assert (summary.photos, summary.missed) == (4, 1)
    assert summary.median == pytest.approx(mean)
    assert (summary.inner_median, summary.jaw_median) == pytest.approx((1, 4))
    assert summary.failures == pytest.approx(50)  # the bad one and the one without a face
    assert summary.auc == pytest.approx(0.5 * (8 - mean) / 8, abs=0.01)
    assert summarise("x", [None]).failures == 100


def test_the_curve_rises_to_the_share_that_did_not_fail() -> None:
    steps, share = error_curve([np.full(68, 2.0), np.full(68, 30.0)])
    assert (np.diff(share) >= 0).all()
    assert share[steps < 1.9].max() == 0
    assert share[-1] == 0.5


def test_a_constant_offset_is_taken_off_exactly() -> None:
    rng = np.random.default_rng(1)
    mesh = rng.uniform(0, 100, (478, 2))
    mesh[33], mesh[263] = (30, 50), (70, 50)
    truth = prior_landmark_map().apply(mesh) + np.array([2, -4])
    np.testing.assert_allclose(constant_offset([(mesh, truth)]), np.tile([0.05, -0.1], (68, 1)), atol=1e-12)


def test_the_command_compares_all_methods(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curve, sheet = tmp_path / "curve.png", tmp_path / "sheet.png"
    command = ["evaluate", "landmarks", "--data", str(folder), "--curve", str(curve), "--sheet", str(sheet)]
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["method"]: row for row in document["results"]}
    assert set(rows) == set(METHODS)
    for method in ("combined", "asm", "mesh478", OFFSET):
        assert rows[method]["median"] < 6
        assert rows[method]["missed"] == 1
        assert rows[method]["failures"] >= 25
    for path in (curve, sheet):
        with Image.open(path) as picture:
            assert min(picture.size) > 300
            assert np.asarray(picture).std() > 10
    assert main([*command, "--quiet"]) == 6
    assert main([*command, "--overwrite", "--limit", "1"]) == 0
    assert "combined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (["--curve", "a.txt"], 2),
        (["--folds", "3", "--model", "m.npz"], 2),
        (["--model", "nowhere.npz"], 5),
    ],
)
def test_wrong_options_are_told(folder: Path, extra: list[str], code: int) -> None:
    assert main(["evaluate", "landmarks", "--data", str(folder), "--quiet", *extra]) == code


def test_a_folder_without_points_is_told(tmp_path: Path) -> None:
    assert main(["evaluate", "landmarks", "--data", str(tmp_path), "--quiet"]) == 4
    assert main(["evaluate", "landmarks", "--data", str(tmp_path / "no"), "--quiet"]) == 4
