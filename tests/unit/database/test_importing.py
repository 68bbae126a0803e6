"""Scans into databases: sources, textures, storing, merging, removing, and crashes in between."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image

from facestudio import paths
from facestudio.cli.main import main
from facestudio.database import importing
from facestudio.database.albedo import load_albedo
from facestudio.database.model import FILE_NAME, load_database, load_database_file, verify_database
from facestudio.database.registration.register import RegionResidual, Registration
from facestudio.database.sources.bjut3d import read_bjut3d, write_bjut3d
from facestudio.database.sources.scans import ScanFile, find_scans, read_points, read_scan
from facestudio.database.store import decompose, head_texture, merge_databases, own_texture
from facestudio.errors import UnreadableInputError, UsageError
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology

TURN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's data folder, empty."""
    monkeypatch.setattr(paths, "user_data", lambda: tmp_path / "data")
    for module in ("model", "store"):
        monkeypatch.setattr(f"facestudio.database.{module}.user_data", lambda: tmp_path / "data")
    load_database.cache_clear()
    yield tmp_path / "data" / "databases"
    load_database.cache_clear()


@pytest.fixture
def quick(monkeypatch):
    """Registration and drawing replaced: every scan is head 5 of the embedded database, turned and in centimetres."""
    vertices = load_database("studio").vertices(5)

    def register(template, scan, **_):
        if len(scan.vertices) < 100:
            raise UnreadableInputError(f"{scan.name} is too small")
        return Registration(
            vertices=vertices,
            seen=np.ones(len(vertices), dtype=bool),
            residuals={"face": RegionResidual(0.1, 0.3, 1.0)},
            accepted="odd" not in scan.name,
            reason="it is odd" if "odd" in scan.name else "",
            unit="cm",
            scale=10.0,
            rotation=TURN.T,
            shift=np.zeros(3),
        )

    monkeypatch.setattr(importing, "register_scan", register)
    monkeypatch.setattr(importing, "TEXTURE_SIZE", 128)
    monkeypatch.setattr(
        "facestudio.database.projections.render_projections",
        lambda database, **_: np.zeros((len(database), 8, 8, 3), dtype=np.uint8),
    )


def _textured_scan(folder, name="scan"):
    """Write head 5 as a textured OBJ, turned and in centimetres; returns its atlas."""
    database, surface = load_database("studio"), topology(1)
    atlas = load_albedo().texture(database.skins[5], 1024, database.vertices(5))
    places = surface.apply(database.vertices(5))[surface.render_vertices] @ TURN.T / 10
    visual = trimesh.visual.TextureVisuals(uv=surface.render_uvs, image=Image.fromarray(atlas))
    mesh = trimesh.Trimesh(places, surface.triangles, process=False, visual=visual)
    folder.mkdir(exist_ok=True)
    mesh.export(folder / f"{name}.obj")
    return atlas


def test_bjut3d_files_round_trip(tmp_path):
    rng = np.random.default_rng(1)
    places, triangles = (
        rng.normal(0, 50, (40, 3)),
        rng.permuted(np.tile(np.arange(40), (30, 1)), axis=1)[:, :3],
    )
    colours = rng.integers(0, 256, (40, 3)) / 255
    write_bjut3d(tmp_path / "a.bjut", places, triangles, colours)
    scan = read_bjut3d(tmp_path / "a.bjut")
    np.testing.assert_allclose(scan.vertices, places, atol=5e-5)
    np.testing.assert_array_equal(scan.triangles, triangles)
    np.testing.assert_allclose(scan.colours, colours, atol=1e-6)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line"),
        ("head\n", "first line"),
        ("5 3\n0 0 0 1 2 3\n", "says 5 vertices but holds 1"),
        ("3 2\n0 0 0 1 2 3\n1 0 0 1 2 3\n0 1 0 1 2 3\n1 2 3\n", "says 2 triangles but holds 1"),
        ("3 1\n0 0 0 1 2 3\n1 0 0 1 2\n0 1 0 1 2 3\n1 2 3\n", "vertex 2 is not 6 numbers"),
        ("3 1\nnan 0 0 1 2 3\n1 0 0 1 2 3\n0 1 0 1 2 3\n1 2 3\n", "not numbers"),
        ("3 1\n0 0 0 1 2 3\n1 0 0 1 2 3\n0 1 0 1 2 3\n1 2 4\n", "do not exist"),
        ("3 1\n0 0 0 1 2 3\n1 0 0 1 2 3\n0 1 0 1 2 300\n1 2 3\n", "0 to 255"),
        ("3 1\n0 0 0 1 2 3\n1 0 0 1 2 3\n0 1 0 1 2 3\n1 2 3\n1 2 3\n", "more than its counts"),
        ("3 99999999\n", "no head"),
    ],
)
def test_broken_bjut3d_files_are_said_so(tmp_path, text, message):
    (tmp_path / "b.bjut").write_text(text)
    with pytest.raises(UnreadableInputError, match=message):
        read_bjut3d(tmp_path / "b.bjut")


def test_a_bjut3d_file_that_is_no_text_is_said_so(tmp_path):
    (tmp_path / "b.bjut").write_bytes(bytes(range(256)))
    with pytest.raises(UnreadableInputError, match="no text"):
        read_bjut3d(tmp_path / "b.bjut")


def test_points_are_found_beside_their_scan(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.obj", "sub/b.ply", "notes.pdf"):
        (tmp_path / name).write_text("")
    points = np.arange(204.0).reshape(68, 3)
    np.savetxt(tmp_path / "a.txt", points)
    (tmp_path / "sub" / "b.json").write_text(json.dumps({"landmarks_3d": points.tolist()}))
    scans = find_scans(tmp_path)
    assert [scan.mesh.name for scan in scans] == ["a.obj", "b.ply"]
    for scan in scans:
        assert scan.points is not None
        np.testing.assert_array_equal(read_points(scan.points), points)
    with pytest.raises(UnreadableInputError, match="no scans"):
        find_scans(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["1 2 3\n" * 67, "1 2 nan\n" * 68, "x y z\n" * 68, "1 2\n" * 68])
def test_broken_points_are_said_so(tmp_path, text):
    (tmp_path / "p.txt").write_text(text)
    with pytest.raises(UnreadableInputError, match="points"):
        read_points(tmp_path / "p.txt")


def test_a_missing_texture_is_said_so_unless_none_is_wanted(tmp_path):
    _textured_scan(tmp_path / "s")
    (texture,) = (tmp_path / "s").glob("*.png")
    file = ScanFile(tmp_path / "s" / "scan.obj", None)
    texture.write_text("no picture")
    with pytest.raises(UnreadableInputError, match="no picture"):
        read_scan(file)
    texture.unlink()
    with pytest.raises(UnreadableInputError, match="missing"):
        read_scan(file)
    scan, colours = read_scan(file, textures=False)
    assert len(scan.vertices) > 1000
    assert colours is None


def test_a_scans_texture_comes_back_in_the_templates_uvs(own, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "TEXTURE_SIZE", 512)
    atlas = cv2.resize(_textured_scan(tmp_path / "scans"), (512, 512), interpolation=cv2.INTER_AREA)
    assert main(["database", "import", str(tmp_path / "scans"), "--name", "mine"]) == 0
    database = load_database("mine")
    assert database.ids == ("scan",)
    assert verify_database(database, len(database.mean), load_template().version) == []
    np.testing.assert_allclose(database.vertices(0), load_database("studio").vertices(5), atol=1e-3)
    texture = own_texture(database, "scan")
    assert texture is not None
    face = np.s_[175:425:2, 125:390:2]
    difference = np.abs(texture[face].astype(int) - atlas[face]).max(axis=2)
    assert np.median(difference) <= 10  # JPEG, and the texture's finest structure sampled at places
    assert np.percentile(difference, 90) < 40
    assert head_texture(database, 0, 256).shape == (256, 256, 3)


def test_one_bad_scan_does_not_stop_the_others(own, quick, tmp_path, capsys):
    folder = tmp_path / "scans"
    _textured_scan(folder)
    (folder / "broken.bjut").write_text("5 3\n")
    _textured_scan(folder, "odd")
    command = ["database", "import", str(folder), "--name", "mine", "--json", "--no-textures"]
    assert main(command) == 7
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert {row["file"].rsplit("/", 1)[-1]: bool(row["error"]) for row in report["scans"]} == {
        "broken.bjut": True,
        "odd.obj": True,
        "scan.obj": False,
    }
    assert "it is odd" in captured.err
    assert load_database("mine").textures is None
    assert main(command) == 6  # it is there already
    (folder / "scan.obj").unlink()
    (folder / "odd.obj").unlink()
    assert main([*command, "--overwrite"]) == 4
    assert load_database_file(own / "mine" / FILE_NAME).ids == ("scan",)
    assert main(["database", "import", str(tmp_path / "nothing"), "--name", "x"]) == 4
    assert main(["database", "import", str(folder), "--name", "studio"]) == 2


def test_databases_are_merged_and_removed(own, quick, tmp_path):
    _textured_scan(tmp_path / "scans")
    assert main(["database", "import", str(tmp_path / "scans"), "--name", "mine"]) == 0
    assert main(["database", "merge", "mine", "studio", "--name", "both"]) == 0
    both, studio = load_database("both"), load_database("studio")
    assert len(both) == 501
    assert both.ids[1:] == studio.ids
    for row in (0, 77, 199):
        np.testing.assert_allclose(both.vertices(1 + row), studio.vertices(row), atol=0.05)
    assert own_texture(both, "scan") is not None
    assert own_texture(both, studio.ids[3]) is None
    assert main(["database", "merge", "mine", "mine", "--name", "twice"]) == 2
    assert main(["database", "remove", "both"]) == 0
    assert not (own / "both").exists()
    assert main(["database", "remove", "both"]) == 2
    assert main(["database", "remove", "studio"]) == 2


def test_heads_of_different_templates_do_not_merge():
    studio = load_database("studio")
    with pytest.raises(UsageError, match="templates"):
        merge_databases([studio, replace(studio, template_version="0")])


def test_decomposed_heads_come_back(tmp_path):
    heads = np.random.default_rng(0).normal(0, 50, (6, 30, 3))
    mean, basis, coefficients = decompose(heads)
    assert len(basis) == 5
    np.testing.assert_allclose(coefficients.std(axis=0), 1)
    np.testing.assert_allclose(mean + np.tensordot(coefficients, basis, axes=1), heads, atol=1e-9)
    assert decompose(heads[:1])[1].shape == (0, 30, 3)


_CRASH = """
import os, signal, sys
from pathlib import Path
from dataclasses import replace
import numpy as np
from facestudio.database import archive, store
from facestudio.database.model import load_database
studio = load_database("studio")
def crash(self, target):
    os.kill(os.getpid(), signal.SIGKILL)
def writing(path, arrays):
    Path.replace = crash
    archive.save_arrays(path, arrays)
store.save_arrays = writing
heads = store.NewHeads(studio.ids, studio.labels, studio.splits, studio.mean, studio.basis,
                       studio.coefficients, studio.skins, {})
store.save_database(Path(sys.argv[1]), heads, template_version="x", licence="l", source="s")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_killed_while_writing_the_old_database_opens(own, quick, tmp_path):
    _textured_scan(tmp_path / "scans")
    assert main(["database", "import", str(tmp_path / "scans"), "--name", "mine"]) == 0
    before = (own / "mine" / FILE_NAME).read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", _CRASH, str(own / "mine")],
        check=False,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == -signal.SIGKILL
    assert (own / "mine" / FILE_NAME).read_bytes() == before
    load_database.cache_clear()
    database = load_database("mine")
    assert database.ids == ("scan",)
    assert own_texture(database, "scan") is not None
    # And the next import goes through.
    assert main(["database", "import", str(tmp_path / "scans"), "--name", "mine", "--overwrite"]) == 0
    studio = load_database("studio")
    assert studio.ids


def test_only_the_newest_textures_stay(own, quick, tmp_path):
    _textured_scan(tmp_path / "scans")
    command = ["database", "import", str(tmp_path / "scans"), "--name", "mine", "--overwrite"]
    assert main(command) == 0
    assert main([*command, "--no-textures"]) == 0
    assert not list((own / "mine").glob("textures-*"))
