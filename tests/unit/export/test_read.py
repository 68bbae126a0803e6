import json
import struct

import numpy as np
import pytest

from facestudio.errors import UnreadableInputError
from facestudio.export import export_head, load_head_mesh
from facestudio.geometry.mesh import open_edges, unique_edges
from facestudio.render.occlusion import template_occlusion
from facestudio.render.scene import mesh_of_head
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology


@pytest.mark.parametrize("ending", ["obj", "glb"])
@pytest.mark.parametrize("expression", ["neutral", "posed"])
@pytest.mark.parametrize("level", [0, 1])
def test_exported_heads_come_back_as_they_are_drawn(head, tmp_path, ending, expression, level):
    files = export_head(head, tmp_path, "x", formats=[ending], expression=expression, subdivision=level)
    mesh, texture = load_head_mesh(files[ending])
    shape = head.vertices if expression == "neutral" else head.posed_vertices()
    drawn = mesh_of_head(topology(level), shape, load_template().materials)
    assert texture.shape == head.texture.pixels.shape
    assert np.abs(texture.astype(int) - head.texture.pixels).mean() < (0.001 if ending == "obj" else 2)
    assert len(mesh.triangles) == len(drawn.triangles)
    assert len(mesh.edges) == len(drawn.edges)  # quads, without their diagonals
    # Both number their rows by vertex and uv.
    np.testing.assert_allclose(mesh.positions, drawn.positions, atol=2e-3)
    np.testing.assert_allclose(mesh.uvs, drawn.uvs, atol=1e-5)
    np.testing.assert_allclose(mesh.gloss, drawn.gloss)
    np.testing.assert_allclose(mesh.occlusion, drawn.occlusion, atol=1e-6)
    assert np.einsum("ij,ij->i", mesh.normals, drawn.normals).mean() > 0.999


@pytest.mark.parametrize("units", ["mm", "cm", "m"])
@pytest.mark.parametrize("ending", ["obj", "ply", "stl"])
@pytest.mark.parametrize("with_report", [True, False])
def test_any_unit_comes_back_as_millimetres(bare_head, tmp_path, units, ending, with_report):
    files = export_head(bare_head, tmp_path, "x", formats=[ending], units=units)
    if not with_report:
        files["json"].unlink()
    mesh, texture = load_head_mesh(files[ending])
    assert texture is None
    np.testing.assert_allclose(np.ptp(mesh.positions, axis=0), np.ptp(bare_head.vertices, axis=0), atol=1e-2)


def test_stl_gets_its_corners_joined(bare_head, tmp_path):
    mesh, _ = load_head_mesh(export_head(bare_head, tmp_path, "x", formats=["stl"])["stl"])
    template = load_template()
    assert len(mesh.positions) == len(template.vertices)
    assert len(open_edges(mesh.triangles)) == len(open_edges(template.quads))
    assert (mesh.occlusion == 1).all()  # the template's order is gone


def test_ply_brings_its_colours(head, tmp_path):
    mesh, texture = load_head_mesh(export_head(head, tmp_path, "x", formats=["ply"])["ply"])
    assert texture is None
    assert mesh.colours.shape == mesh.positions.shape
    assert np.ptp(mesh.colours) > 0.3
    np.testing.assert_allclose(mesh.occlusion, template_occlusion(), atol=1e-6)


def test_a_foreign_report_does_not_matter(bare_head, tmp_path):
    files = export_head(bare_head, tmp_path, "x", formats=["obj"])
    for text in ("[1, 2]", "not json", '{"units": "parsec"}', '{"units": ["cm"]}'):
        files["json"].write_text(text)
        mesh, _ = load_head_mesh(files["obj"])
        assert np.ptp(mesh.positions[:, 1]) == pytest.approx(np.ptp(bare_head.vertices[:, 1]), abs=0.01)


def test_foreign_obj_of_many_kinds_of_faces(tmp_path):
    path = tmp_path / "x.obj"
    path.write_text(
        "# polygons, relative numbers, missing uvs, colours, points and lines\n"
        "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nv 0 1 0 1 1 1\nv 0.5 0.5 1 0 0 0\n"
        "vt 0 0\nvt 1 0 0\nvt 0.5\n"
        "p 1\nl 1 2\n"
        "f 1/1 2/2 3/3 4/1\nf -5 -4 -1\nf 2//1 3//1 5//1\nf 3/-1 4/1 5/2\n"
    )
    mesh, texture = load_head_mesh(path)
    assert texture is None
    assert len(mesh.triangles) == 2 + 3
    assert len(mesh.edges) == 4 + 4  # of a pyramid
    assert mesh.colours is not None
    assert mesh.positions.max() == pytest.approx(1000)  # of 1 unit: metres
    assert len(unique_edges(mesh.triangles)) >= len(mesh.edges)


def test_glb_of_another_program(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    box = trimesh.creation.box((0.1, 0.2, 0.3))
    path = tmp_path / "box.glb"
    path.write_bytes(box.export(file_type="glb"))
    mesh, texture = load_head_mesh(path)
    assert texture is None
    np.testing.assert_allclose(np.ptp(mesh.positions, axis=0), (100, 200, 300), rtol=1e-5)


def test_textured_glb_of_another_program(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    from PIL import Image

    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[:4] = (255, 0, 0)  # the upper half
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    square = trimesh.Trimesh(
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]],
        [[0, 1, 2], [0, 2, 3]],
        process=False,
        visual=trimesh.visual.TextureVisuals(
            uv=uv, material=trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(pixels))
        ),
    )
    path = tmp_path / "square.glb"
    path.write_bytes(square.export(file_type="glb"))
    mesh, texture = load_head_mesh(path)
    np.testing.assert_array_equal(texture, pixels)
    np.testing.assert_allclose(mesh.uvs, uv, atol=1e-6)


def _damaged():
    triangle = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
    glb_json = json.dumps(
        {"asset": {"version": "2.0", "generator": "facestudio 9"}, "meshes": [{"primitives": []}]}
    )
    glb_json += " " * (-len(glb_json) % 4)
    chunk = struct.pack("<I4s", len(glb_json), b"JSON") + glb_json.encode()
    return {
        "empty.obj": b"",
        "text.obj": b"hello\nworld\n",
        "points.obj": triangle.encode(),
        "number.obj": b"v a b c\n",
        "short.obj": b"v 1 2\n",
        "faces.obj": (triangle + "f 1 2 9\n").encode(),
        "zero.obj": (triangle + "f 0 1 2\n").encode(),
        "uvs.obj": (triangle + "f 1/5 2/5 3/5\n").encode(),
        "nan.obj": b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
        "inf.obj": b"v inf 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
        "binary.obj": bytes(range(256)) * 50,
        "empty.glb": b"",
        "text.glb": b"glTF is a nice format",
        "cut.glb": b"glTF\x02\x00\x00\x00\xff\xff\x00\x00",
        "hollow.glb": struct.pack("<4sII", b"glTF", 2, 12 + len(chunk)) + chunk,
        "empty.ply": b"",
        "cut.ply": b"ply\nformat ascii 1.0\nelement vertex 5\nproperty float x\nend_header\n1\n",
        "text.ply": b"not a ply at all",
        "empty.stl": b"",
        "cut.stl": b"\0" * 80 + b"\xff\xff\0\0" + b"\0" * 30,
        "head.fbx": b"Kaydara FBX Binary",
        "head.json": b"{}",
    }


@pytest.mark.parametrize("name", sorted(_damaged()))
def test_damaged_files_are_refused_by_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(_damaged()[name])
    with pytest.raises(UnreadableInputError, match=name):
        load_head_mesh(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "none.obj", tmp_path):
        with pytest.raises(UnreadableInputError, match="no file"):
            load_head_mesh(path)


def test_a_cut_off_glb_of_ours_is_refused(head, tmp_path):
    path = export_head(head, tmp_path, "x", formats=["glb"])["glb"]
    data = path.read_bytes()
    for keep in (12, 100, len(data) // 2, len(data) - 40_000):
        path.write_bytes(data[:keep])
        with pytest.raises(UnreadableInputError, match=r"x\.glb"):
            load_head_mesh(path)


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_texture_that_cannot_be_read_is_named(head, tmp_path, damage):
    files = export_head(head, tmp_path, "x", formats=["obj"])
    if damage == "missing":
        files["png"].unlink()
    else:
        files["png"].write_bytes(files["png"].read_bytes()[:60])
    with pytest.raises(UnreadableInputError, match=rf"x\.png is {damage}"):
        load_head_mesh(files["obj"])
