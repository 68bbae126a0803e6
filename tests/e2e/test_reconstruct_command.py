"""`facestudio reconstruct` from photo to files, as people run it."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from facestudio.cli.main import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, sample_photo: Path) -> Path:
    """The folder with the sample photo's head: face.obj and so on, in neutral pose."""
    out = tmp_path_factory.mktemp("result")
    assert main(["reconstruct", str(sample_photo), "--output", str(out), "--name", "face", "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def report(result: Path) -> dict[str, Any]:
    return json.loads((result / "face.json").read_text(encoding="utf-8"))


def _obj_points(path: Path) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Read the vertices of an OBJ in the file's own order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return np.array([[float(x) for x in line.split()[1:4]] for line in lines if line.startswith("v ")])


def _glb_points(path: Path) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.asarray(trimesh.load_scene(path, process=False).to_geometry().vertices)


def test_it_writes_the_files_of_the_contract(result: Path) -> None:
    assert {p.name for p in result.iterdir()} == {"face.obj", "face.mtl", "face.png", "face.glb", "face.json"}
    mtl = (result / "face.mtl").read_text(encoding="utf-8")
    assert "mtllib face.mtl" in (result / "face.obj").read_text(encoding="utf-8")
    assert "map_Kd face.png" in mtl


def test_the_json_has_everything_the_contract_names(report: dict[str, Any]) -> None:
    names = {
        *("units", "landmarks_2d", "landmarks_3d", "landmarks_3d_posed", "landmark_vertices", "camera"),
        *("expression", "similar_heads", "landmark_method", "retrieval_method", "shape_method", "database"),
        *("coverage", "timings_ms", "version"),
    }
    assert names <= set(report)
    camera = {"fx", "fy", "cx", "cy", "rotation", "translation_mm", "image_size", "focal_source"}
    assert camera <= set(report["camera"])
    assert report["units"] == "cm"
    assert report["database"] == "studio"
    assert np.shape(report["landmarks_2d"]) == (68, 2)
    assert np.shape(report["landmarks_3d"]) == np.shape(report["landmarks_3d_posed"]) == (68, 3)
    assert len(report["expression"]) == 52
    assert all(0 <= weight <= 1 for weight in report["expression"].values())
    assert report["timings_ms"]
    assert all(value >= 0 for value in report["timings_ms"].values())


def test_weights_and_coverage_sum_to_one(report: dict[str, Any]) -> None:
    assert sum(head["weight"] for head in report["similar_heads"]) == pytest.approx(1, abs=1e-6)
    assert {"id", "similarity", "weight"} <= set(report["similar_heads"][0])
    coverage = [report["coverage"][kind] for kind in ("seen", "mirrored", "borrowed")]
    assert sum(coverage) == pytest.approx(1, abs=1e-6)
    assert coverage[0] > 0.1


def test_landmarks_in_3d_lie_on_the_exported_head(result: Path, report: dict[str, Any]) -> None:
    points = np.array(report["landmarks_3d"])
    vertices = _obj_points(result / "face.obj")
    # In centimetres; a landmark lies inside a quad, the nearest vertex is within a quad's size.
    distance = np.linalg.norm(vertices[report["landmark_vertices"]] - points, axis=1)
    assert distance.max() < 1.0


def test_the_camera_projects_the_posed_landmarks_onto_the_photo(report: dict[str, Any]) -> None:
    camera = report["camera"]
    points = np.array(report["landmarks_3d_posed"]) * 10  # cm to mm
    x, y, z = np.array(camera["rotation"]) @ points.T + np.array(camera["translation_mm"])[:, None]
    pixels = np.stack([camera["fx"] * x / z + camera["cx"], camera["fy"] * y / z + camera["cy"]], axis=1)
    found = np.array(report["landmarks_2d"])
    eyes = np.linalg.norm(found[36] - found[45])
    error = np.linalg.norm(pixels - found, axis=1) / eyes
    assert np.median(error) < 0.05
    assert error[17:].max() < 0.2  # the outline of the face slides along the head


def test_obj_in_centimetres_and_glb_in_metres_are_the_same_head(result: Path) -> None:
    obj, glb = _obj_points(result / "face.obj"), _glb_points(result / "face.glb")
    np.testing.assert_allclose(np.ptp(obj, axis=0) / 100, np.ptp(glb, axis=0), rtol=1e-4)
    assert 0.15 < np.ptp(glb[:, 1]) < 0.45  # a head and neck


def test_the_same_photo_gives_the_same_files(sample_photo: Path, tmp_path: Path) -> None:
    reports: list[dict[str, Any]] = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        arguments = ["--output", str(folder), "--name", "face", "--texture-size", "512", "--quiet"]
        assert main(["reconstruct", str(sample_photo), *arguments]) == 0
        reports.append(json.loads((folder / "face.json").read_text(encoding="utf-8")))
    for name in ("face.obj", "face.mtl", "face.png", "face.glb"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert {**reports[0], "timings_ms": None} == {**reports[1], "timings_ms": None}


def test_it_loads_neither_qt_nor_opengl_nor_torch(sample_photo: Path, tmp_path: Path, checkout: Path) -> None:
    code = (
        "import sys\n"
        "from facestudio.cli.main import main\n"
        "code = main(['reconstruct', sys.argv[1], '--output', sys.argv[2], *sys.argv[3:]])\n"
        "heavy = ('PySide6', 'OpenGL', 'torch')\n"
        "print(code, *[m for m in heavy if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            str(sample_photo),
            str(tmp_path / "out"),
            "--quiet",
            "--texture-size",
            "512",
        ],
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    assert done.stderr.split() == ["0"], done.stderr


def test_results_are_on_stdout_and_progress_on_stderr(
    sample_photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(sample_photo, tmp_path / "My photo.jpg")
    out = tmp_path / "out"
    arguments = [str(tmp_path / "My photo.jpg"), "--output", str(out), "--texture-size", "512"]
    assert main(["reconstruct", *arguments]) == 0
    stdout, stderr = capsys.readouterr()
    assert {Path(line) for line in stdout.splitlines()} == set(out.iterdir())
    assert "%" in stderr
    assert {p.stem for p in out.iterdir()} == {"My photo"}


def test_existing_results_are_kept_unless_told_otherwise(
    sample_photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = tmp_path / "face.png"
    keep.write_bytes(b"mine")
    arguments = ["reconstruct", str(sample_photo), "--output", str(tmp_path), "--name", "face", "--quiet"]
    assert main(arguments) == 6
    assert keep.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [keep]
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--texture-size", "512"]) == 0
    assert keep.read_bytes() != b"mine"


def test_several_photos_of_which_one_is_bad(
    sample_photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    out = tmp_path / "out"
    photos = [str(bad), str(sample_photo), str(sample_photo)]
    code = main(["reconstruct", *photos, "--output", str(out), "--texture-size", "512", "--json"])
    stdout, stderr = capsys.readouterr()
    assert code == 7
    document = json.loads(stdout)
    assert [r["name"] for r in document["results"]] == [sample_photo.stem, f"{sample_photo.stem}-2"]
    (failure,) = document["failures"]
    assert failure["exit_code"] == 4
    assert failure["photo"] == str(bad)
    assert "bad.jpg" in stderr
    assert {p.stem for p in out.iterdir()} == {sample_photo.stem, f"{sample_photo.stem}-2"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_cancelled_in_the_middle_it_leaves_nothing_behind(
    number: signal.Signals, sample_photo: Path, tmp_path: Path, checkout: Path
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "facestudio", "reconstruct", str(sample_photo), "--output", str(out)],
        cwd=checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have had the signal ignored, which is inherited.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert process.stderr is not None
    first = process.stderr.readline()  # the work has begun
    process.send_signal(number)
    stdout, rest = process.communicate()
    assert process.returncode == 130, first + rest
    assert stdout == ""
    assert "Traceback" not in rest
    assert not out.exists() or list(out.iterdir()) == []


def test_looks_and_coverage_can_be_chosen(sample_photo: Path, tmp_path: Path) -> None:
    common = [
        "reconstruct",
        str(sample_photo),
        "--quiet",
        "--texture-size",
        "512",
        "--format",
        "obj",
        "--coverage",
    ]
    for number, more in enumerate(
        ([], ["--albedo"], ["--scalp", "bald"], ["--scalp", "stubble"], ["--texture-method", "paste"])
    ):
        assert main([*common, "--output", str(tmp_path / str(number)), "--name", "face", *more]) == 0
    textures = [(tmp_path / str(n) / "face.png").read_bytes() for n in range(5)]
    assert len(set(textures)) == 5
    assert (tmp_path / "0" / "face-coverage.png").stat().st_size > 1000
    report = json.loads((tmp_path / "0" / "face.json").read_text(encoding="utf-8"))
    assert report["poisson"]["relative_residual"] <= 1e-4
    # What is there already is kept, the coverage included.
    for file in (tmp_path / "0").iterdir():
        if file.name != "face-coverage.png":
            file.unlink()
    assert main([*common, "--output", str(tmp_path / "0"), "--name", "face"]) == 6
