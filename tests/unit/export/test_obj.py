import numpy as np
import pytest
from PIL import Image

from facestudio.export import export_head
from facestudio.geometry.mesh import vertex_normals
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology


def _parse(text):
    """An OBJ as plain lists, independent of the product's own reader."""
    out = {"v": [], "vt": [], "vn": [], "f": [], "material": [], "o": [], "mtllib": []}
    material = None
    for line in text.splitlines():
        keyword, _, rest = line.partition(" ")
        if keyword in ("v", "vt", "vn"):
            out[keyword].append([float(n) for n in rest.split()])
        elif keyword == "f":
            out["f"].append([[int(n) - 1 for n in corner.split("/")] for corner in rest.split()])
            out["material"].append(material)
        elif keyword == "usemtl":
            material = rest
        elif keyword in ("o", "mtllib"):
            out[keyword].append(rest)
    return {k: np.array(v) for k, v in out.items()}


@pytest.mark.parametrize(("units", "per_mm"), [("mm", 1.0), ("cm", 0.1), ("m", 0.001)])
def test_positions_survive_in_every_unit(head, tmp_path, units, per_mm):
    files = export_head(head, tmp_path, "x", formats=["obj"], units=units)
    parsed = _parse(files["obj"].read_text("utf-8"))
    np.testing.assert_allclose(parsed["v"] / per_mm, head.vertices, atol=1e-4)


@pytest.mark.parametrize("level", [0, 1])
def test_quads_uvs_and_materials_are_the_templates(head, tmp_path, level):
    topo, template = topology(level), load_template()
    files = export_head(head, tmp_path, "x", formats=["obj"], subdivision=level)
    parsed = _parse(files["obj"].read_text("utf-8"))
    faces = parsed["f"]
    assert faces.shape == (len(topo.quads), 4, 3)  # every face is a quad with v, vt and vn
    order = np.argsort(topo.quad_material, kind="stable")
    np.testing.assert_array_equal(faces[:, :, 0], topo.quads[order])
    np.testing.assert_array_equal(faces[:, :, 1], topo.quad_uvs[order])
    assert parsed["material"].tolist() == [template.materials[m] for m in topo.quad_material[order]]
    np.testing.assert_allclose(parsed["vt"], topo.uvs, atol=1e-6)
    assert parsed["vt"].min() >= 0
    assert parsed["vt"].max() <= 1
    normals = vertex_normals(parsed["v"], faces[:, :, 0].astype(np.int32))
    assert (np.einsum("ij,ij->i", normals, parsed["vn"]) > 0.999).all()


def test_posed_export_has_the_expression_in_its_vertices(head, tmp_path):
    files = export_head(head, tmp_path, "x", formats=["obj"], units="mm", expression="posed")
    parsed = _parse(files["obj"].read_text("utf-8"))
    np.testing.assert_allclose(parsed["v"], head.posed_vertices(), atol=1e-4)
    assert np.abs(parsed["v"] - head.vertices).max() > 1


@pytest.mark.parametrize("name", ["plain", "with space", "Zoë 頭"])
def test_materials_name_the_texture_that_lies_beside_them(head, tmp_path, name):
    files = export_head(head, tmp_path, name, formats=["obj"])
    parsed = _parse(files["obj"].read_text("utf-8"))
    assert parsed["mtllib"].tolist() == [files["mtl"].name]
    mtl = files["mtl"].read_text("utf-8").splitlines()
    made = [line[7:] for line in mtl if line.startswith("newmtl ")]
    maps = [line[7:] for line in mtl if line.startswith("map_Kd ")]
    assert set(parsed["material"]) == set(made)
    assert maps == [files["png"].name] * len(made)
    with Image.open(tmp_path / maps[0]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), head.texture.pixels)


def test_without_a_texture_materials_have_colours_and_no_map(bare_head, tmp_path):
    files = export_head(bare_head, tmp_path, "x", formats=["obj"])
    assert set(files) == {"obj", "mtl", "json"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.json", "x.mtl", "x.obj"]
    assert "map_Kd" not in files["mtl"].read_text("utf-8")
