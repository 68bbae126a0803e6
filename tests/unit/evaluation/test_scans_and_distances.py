"""Accuracy on one's own scans, and from selfie distances: on drawn people, whose scans are exact."""

import json

import cv2
import numpy as np
import pytest
import trimesh

from facestudio.cli.main import main
from facestudio.database.model import load_database
from facestudio.errors import UnreadableInputError
from facestudio.evaluation import scans
from facestudio.evaluation.distances import DISTANCES_CM, evaluate_distances, selfie_camera
from facestudio.evaluation.scans import evaluate_scans
from facestudio.geometry.camera import camera_position, project
from facestudio.geometry.mesh import triangulate
from facestudio.synthesis.studio import studio_photo
from facestudio.template.model import load_template


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """A person: scan in metres, turned, and photo; then what must be left out."""
    folder = tmp_path_factory.mktemp("scans")
    database, template = load_database(), load_template()
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    triangles = triangulate(template.quads[template.quad_material == 0])
    for row in (3,):
        head = database.vertices(row)
        used, faces = np.unique(triangles, return_inverse=True)
        scan = trimesh.Trimesh(head[used] @ turn / 1000 + 1.5, faces.reshape(triangles.shape), process=False)
        scan.export(folder / f"p{row}.ply")
        points = template.ibug68.points(head) @ turn / 1000 + 1.5
        (folder / f"p{row}.json").write_text(json.dumps({"landmarks_3d": points.tolist()}))
        shot = studio_photo(head, database.skins[row], np.random.default_rng(row))
        cv2.imwrite(str(folder / f"p{row}_a.png"), shot.photo.pixels[..., ::-1])
    cv2.imwrite(str(folder / "p3_wall.png"), np.full((200, 200, 3), 90, np.uint8))
    (folder / "lonely.ply").write_bytes((folder / "p3.ply").read_bytes())
    (folder / "bad.ply").write_text("ply\nnonsense")
    (folder / "bad.json").write_text("[]")
    (folder / "bad.png").write_bytes((folder / "p3_a.png").read_bytes())
    return folder


def test_scans_are_met_by_those_who_know_the_person(scanned, monkeypatch):
    monkeypatch.setattr(scans, "METHODS", ("mean", "default"))
    report = evaluate_scans(scanned)
    assert (report.scans, report.photos) == (1, 1)
    rows = {row.method: row for row in report.results}
    # The database holds this very head.
    assert rows["default"].ratio < 0.9
    assert rows["mean"].ratio == 1.0
    # Fitting the size makes the squares least: the medians need not follow.
    assert all(np.hypot(*row.metric_mm[1:]) >= np.hypot(*row.scaled_mm[1:]) for row in report.results)
    # Metres were known as such: errors are millimetres.
    assert 0.2 < rows["mean"].scaled_mm[0] < 4
    assert sorted(report.by_photo) == ["p3_a.png"]
    assert {line.split(":")[0] for line in report.left_out} == {"bad.ply", "lonely.ply", "p3_wall.png"}


def test_scans_of_nobody_are_refused(tmp_path, capsys):
    with pytest.raises(UnreadableInputError):
        evaluate_scans(tmp_path)
    assert main(["evaluate", "reconstruction", "--scans", str(tmp_path / "none")]) == 4
    assert main(["evaluate", "reconstruction", "--scans", str(tmp_path)]) == 4
    wrong = ["evaluate", "reconstruction", "--distances", "--reliability", str(tmp_path / "r.png")]
    assert main(wrong) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_selfie_cameras_stand_where_they_say():
    template = load_template()
    points = template.ibug68.points(template.vertices)
    heights = []
    for distance in DISTANCES_CM:
        camera = selfie_camera(distance, points, np.random.default_rng(0))
        away = np.linalg.norm(camera_position(camera) - points[30])
        assert away == pytest.approx(10 * distance, abs=1e-6)
        pixels, _ = project(camera, points)
        heights.append(np.ptp(pixels[:, 1]))
    assert max(heights) < 1.3 * min(heights)  # the face fills all of them alike


def test_the_same_person_gives_the_same_head_from_all_distances(capsys):
    known, unknown = evaluate_distances(count=1)
    for result in (known, unknown):
        assert result.people == 1
        assert result.spread_mm < min(result.error_mm.values())
        assert max(result.error_mm.values()) < result.mean_head_mm
