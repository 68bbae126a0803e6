import json
import struct
import sys

import numpy as np
import pytest

from facestudio.errors import ModelError, UsageError
from facestudio.export import check_outputs, export_head, outputs
from facestudio.export.mesh import build_mesh
from facestudio.export.report import camera_values
from facestudio.geometry.camera import project
from facestudio.geometry.mesh import closest_points, signed_volume, triangulate
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.values import Camera


def test_ply_has_the_templates_quads_and_the_textures_colours(head, tmp_path):
    data = export_head(head, tmp_path, "x", formats=["ply"], units="mm")["ply"].read_bytes()
    header, _, body = data.partition(b"end_header\n")
    vertex = np.dtype([("p", "<f4", 3), ("n", "<f4", 3), ("c", "u1", 3)])
    face = np.dtype([("count", "u1"), ("corners", "<i4", 4)])
    n = len(head.vertices)
    assert f"element vertex {n}\n".encode() in header
    rows = np.frombuffer(body, dtype=vertex, count=n)
    quads = np.frombuffer(body, dtype=face, offset=n * vertex.itemsize)
    np.testing.assert_allclose(rows["p"], head.vertices, atol=1e-4)
    np.testing.assert_array_equal(quads["corners"], topology(0).quads)
    assert set(quads["count"]) == {4}
    # The colour of each vertex is that of the texel at one of its UVs.
    topo = topology(0)
    u, v = topo.render_uvs.T
    texels = head.texture.pixels[((1 - v) * 64).astype(int), (u * 64).astype(int)]
    same = (texels == rows["c"][topo.render_vertices]).all(axis=1)
    assert set(np.unique(topo.render_vertices[same])) == set(range(n))


def test_ply_without_a_texture_has_no_colours(bare_head, tmp_path):
    data = export_head(bare_head, tmp_path, "x", formats=["ply"])["ply"].read_bytes()
    assert b"red" not in data.partition(b"end_header")[0]


def test_stl_is_the_same_surface_wound_outward(head, tmp_path):
    data = export_head(head, tmp_path, "x", formats=["stl"], units="mm")["stl"].read_bytes()
    assert not data.startswith(b"solid")
    (count,) = struct.unpack_from("<I", data, 80)
    assert len(data) == 84 + 50 * count
    rows = np.frombuffer(data, dtype=[("n", "<f4", 3), ("p", "<f4", (3, 3)), ("spare", "<u2")], offset=84)
    triangles = triangulate(topology(0).quads)
    np.testing.assert_allclose(rows["p"], head.vertices[triangles], atol=1e-4)
    p = rows["p"].astype(float)
    cross = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    assert (np.einsum("ij,ij->i", cross, rows["n"]) >= 0).all()
    assert signed_volume(p.reshape(-1, 3), np.arange(3 * count, dtype=np.int32).reshape(-1, 3)) > 0


def test_usd_has_quads_uvs_and_a_material_for_each_part(head, tmp_path):
    usd = pytest.importorskip("pxr.Usd", reason="usd-core is not installed")
    from pxr import UsdGeom, UsdShade

    files = export_head(head, tmp_path, "x", formats=["usd"], units="cm")
    assert set(files) == {"usdc", "png", "json"}
    stage = usd.Stage.Open(str(files["usdc"]))
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(0.01)
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/head/mesh"))
    np.testing.assert_allclose(np.array(mesh.GetPointsAttr().Get()) * 10, head.vertices, atol=1e-3)
    topo = topology(0)
    np.testing.assert_array_equal(np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 4), topo.quads)
    st = UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st")
    np.testing.assert_allclose(
        np.array(st.Get())[np.array(st.GetIndices())], topo.uvs[topo.quad_uvs.ravel()], atol=1e-6
    )
    subsets = UsdShade.MaterialBindingAPI(mesh).GetMaterialBindSubsets()
    assert [s.GetPrim().GetName() for s in subsets] == list(load_template().materials)
    for subset in subsets:
        material, _ = UsdShade.MaterialBindingAPI(subset.GetPrim()).ComputeBoundMaterial()
        reader = UsdShade.Shader(stage.GetPrimAtPath(material.GetPath().AppendChild("texture")))
        assert reader.GetInput("file").Get().path == "./x.png"


def test_usd_without_its_library_says_how_to_get_it(head, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="usd-core") as caught:
        check_outputs(tmp_path, "x", ["usd"])
    assert "pip install" in caught.value.hint
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(UsageError, match="usd-core"):
        export_head(head, tmp_path / "deep" / "er", "x", formats=["usd"])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def report(head, tmp_path):
    return json.loads(export_head(head, tmp_path, "x", formats=[], units="cm")["json"].read_text("utf-8"))


def test_report_keeps_its_contract(report, head):
    assert set(report) == {
        "version", "units", "landmarks_2d", "landmarks_3d", "landmarks_3d_posed", "landmark_vertices",
        "camera",
        "expression", "similar_heads", "landmark_method", "retrieval_method", "shape_method", "database",
        "coverage", "poisson", "timings_ms", "advice",
    }  # fmt: skip
    assert report["units"] == "cm"
    assert list(report["expression"]) == list(load_template().expression_names)
    np.testing.assert_allclose(list(report["expression"].values()), head.expression)
    assert report["similar_heads"][1] == {"id": "b-02", "similarity": 0.8, "weight": 0.3}
    assert report["coverage"] == {"seen": 0.5, "mirrored": 0.2, "borrowed": 0.3}
    assert report["timings_ms"] == {"landmarks": 12.346, "texture": 400.0}
    assert set(report["camera"]) == {
        "fx", "fy", "cx", "cy", "rotation", "translation_mm", "image_size", "focal_source"
    }  # fmt: skip


def test_reported_camera_projects_the_posed_landmarks_onto_the_photo(report):
    values = report["camera"]
    camera = Camera(**{**values, "image_size": tuple(values["image_size"])})
    pixels, _ = project(camera, np.array(report["landmarks_3d_posed"]) * 10)
    np.testing.assert_allclose(pixels, report["landmarks_2d"], atol=1e-2)
    assert camera_values(camera) == values


@pytest.mark.parametrize("expression", ["neutral", "posed"])
@pytest.mark.parametrize("level", [0, 1])
def test_reported_landmarks_lie_on_the_exported_surface(head, tmp_path, expression, level):
    files = export_head(head, tmp_path, "x", formats=[], units="mm", expression=expression, subdivision=level)
    report = json.loads(files["json"].read_text("utf-8"))
    mesh = build_mesh(head, level, expression, "mm")
    points = np.array(report["landmarks_3d"])
    distance = closest_points(points, mesh.vertices, triangulate(mesh.topology.quads)).distances
    # At level 0 the landmarks may lie on the other diagonal of a quad than the triangles here.
    assert distance.max() < (0.3 if level == 0 else 2e-4)
    away = np.linalg.norm(mesh.vertices[report["landmark_vertices"]] - points, axis=1)
    assert np.median(away) < 2.5
    assert away.max() < 10  # half a quad where quads are large


def test_a_head_of_another_template_is_refused(head, tmp_path):
    from dataclasses import replace

    with pytest.raises(ModelError, match="template"):
        export_head(replace(head, template_version="other"), tmp_path, "x")
    assert list(tmp_path.iterdir()) == []
