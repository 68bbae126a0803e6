import io
import json
import struct

import numpy as np
import pytest
from PIL import Image

from facestudio.export import export_head
from facestudio.geometry.mesh import face_area_vectors
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology

_TYPES = {5126: "<f4", 5123: "<u2", 5125: "<u4"}
_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}


class _Glb:
    """A GLB taken apart by the letter of the specification, independent of the product's own reader."""

    def __init__(self, data):
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        assert size % 4 == 0
        self.json = json.loads(data[20 : 20 + size])
        bin_size, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0"
        self.blob = data[28 + size :]
        assert len(self.blob) == bin_size
        assert bin_size - self.json["buffers"][0]["byteLength"] in range(4)

    def view(self, index):
        view = self.json["bufferViews"][index]
        start = view.get("byteOffset", 0)
        assert start % 4 == 0
        return self.blob[start : start + view["byteLength"]]

    def values(self, index):
        accessor = self.json["accessors"][index]
        width, kind = _WIDTH[accessor["type"]], _TYPES[accessor["componentType"]]
        out = np.zeros((accessor["count"], width), dtype=kind)
        if "bufferView" in accessor:
            out[:] = np.frombuffer(self.view(accessor["bufferView"]), dtype=kind).reshape(-1, width)
        else:
            assert "byteOffset" not in accessor
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            rows = np.frombuffer(
                self.view(sparse["indices"]["bufferView"]), dtype=_TYPES[sparse["indices"]["componentType"]]
            )
            assert (np.diff(rows.astype(int)) > 0).all()
            assert len(rows) == sparse["count"]
            out[rows] = np.frombuffer(self.view(sparse["values"]["bufferView"]), dtype=kind).reshape(
                -1, width
            )
        if "min" in accessor:
            np.testing.assert_array_equal(np.float32(accessor["min"]), out.min(axis=0))
            np.testing.assert_array_equal(np.float32(accessor["max"]), out.max(axis=0))
        return out


@pytest.fixture(scope="module")
def exported(head, tmp_path_factory):
    folder = tmp_path_factory.mktemp("glb")
    # The unit asked for is the OBJ's: a GLB is in metres.
    return _Glb(export_head(head, folder, "Zoë", formats=["glb"], units="cm")["glb"].read_bytes())


def test_one_mesh_with_a_primitive_for_each_material(exported, head):
    template, topo = load_template(), topology(0)
    (mesh,) = exported.json["meshes"]
    (node,) = exported.json["nodes"]
    assert set(node) <= {"mesh", "name"}  # no transform: +Y up, +Z out of the face
    assert mesh["name"] == node["name"] == "Zoë"
    names = [exported.json["materials"][p["material"]]["name"] for p in mesh["primitives"]]
    assert names == list(template.materials)
    for number, primitive in enumerate(mesh["primitives"]):
        assert primitive.get("mode", 4) == 4
        triangles = exported.values(primitive["indices"]).reshape(-1, 3)
        expected = topo.triangles[np.repeat(topo.quad_material, 2) == number]
        np.testing.assert_array_equal(triangles, expected)


def test_vertices_are_metres_and_wound_outward(exported, head):
    topo = topology(0)
    primitive = exported.json["meshes"][0]["primitives"][0]
    positions = exported.values(primitive["attributes"]["POSITION"])
    np.testing.assert_allclose(positions * 1000, head.vertices[topo.render_vertices], atol=1e-4)
    accessor = exported.json["accessors"][primitive["attributes"]["POSITION"]]
    assert set(accessor) >= {"min", "max"}
    normals = exported.values(primitive["attributes"]["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    triangles = exported.values(primitive["indices"]).reshape(-1, 3).astype(np.int32)
    outward = face_area_vectors(positions.astype(float), triangles)
    agree = np.einsum("ij,ikj->ik", outward, normals[triangles].astype(float)) > 0
    assert agree.mean() > 0.995
    uvs = exported.values(primitive["attributes"]["TEXCOORD_0"])
    np.testing.assert_allclose(uvs, np.c_[topo.render_uvs[:, 0], 1 - topo.render_uvs[:, 1]], atol=1e-6)


def test_52_named_morph_targets_are_the_heads_own(exported, head):
    template, topo = load_template(), topology(0)
    (mesh,) = exported.json["meshes"]
    assert mesh["extras"]["targetNames"] == list(template.expression_names)
    assert mesh["weights"] == [0.0] * 52
    assert {len(p["targets"]) for p in mesh["primitives"]} == {52}
    for delta, target in zip(head.expression_deltas, mesh["primitives"][0]["targets"], strict=True):
        accessor = exported.json["accessors"][target["POSITION"]]
        assert {"min", "max"} <= set(accessor)
        offsets = exported.values(target["POSITION"])
        np.testing.assert_allclose(offsets * 1000, delta[topo.render_vertices], atol=1.1e-4)


def test_morphed_normals_are_those_of_the_morphed_surface(exported, head):
    from facestudio.geometry.mesh import vertex_normals

    template, topo = load_template(), topology(0)
    jaw = template.expression_names.index("jawOpen")
    primitive = exported.json["meshes"][0]["primitives"][0]
    normals = exported.values(primitive["attributes"]["NORMAL"]) + exported.values(
        primitive["targets"][jaw]["NORMAL"]
    )
    expected = vertex_normals(head.vertices + head.expression_deltas[jaw], topo.quads)[topo.render_vertices]
    np.testing.assert_allclose(normals, expected, atol=2e-3)


def test_sparse_accessors_save_space(exported):
    dense = 52 * 2 * 12 * len(topology(0).render_vertices)
    sparse = sum("sparse" in a for a in exported.json["accessors"])
    assert sparse > 50
    assert len(exported.blob) < 0.6 * dense


def test_texture_is_embedded(exported, head):
    (image,) = exported.json["images"]
    assert image["mimeType"] == "image/jpeg"
    with Image.open(io.BytesIO(exported.view(image["bufferView"]))) as picture:
        assert picture.format == "JPEG"
        assert np.abs(np.asarray(picture).astype(int) - head.texture.pixels).mean() < 2
    for material in exported.json["materials"]:
        look = material["pbrMetallicRoughness"]
        assert look["baseColorTexture"]["index"] == 0
        assert look["metallicFactor"] == 0


def test_posed_export_starts_with_the_expression(head, tmp_path):
    glb = _Glb(export_head(head, tmp_path, "x", formats=["glb"], expression="posed")["glb"].read_bytes())
    (mesh,) = glb.json["meshes"]
    np.testing.assert_allclose(mesh["weights"], head.expression)
    positions = glb.values(mesh["primitives"][0]["attributes"]["POSITION"])
    np.testing.assert_allclose(positions * 1000, head.vertices[topology(0).render_vertices], atol=1e-4)


def test_without_a_texture_there_are_colours(bare_head, tmp_path):
    glb = _Glb(export_head(bare_head, tmp_path, "x", formats=["glb"])["glb"].read_bytes())
    assert "images" not in glb.json or not glb.json["images"]
    colours = {tuple(m["pbrMetallicRoughness"]["baseColorFactor"]) for m in glb.json["materials"]}
    assert len(colours) == 5


def test_subdivided_head_needs_wide_indices_when_large(head, tmp_path):
    glb = _Glb(export_head(head, tmp_path, "x", formats=["glb"], subdivision=2)["glb"].read_bytes())
    primitive = glb.json["meshes"][0]["primitives"][0]
    assert glb.json["accessors"][primitive["indices"]]["componentType"] == 5125
    topo = topology(2)
    positions = glb.values(primitive["attributes"]["POSITION"])
    np.testing.assert_allclose(positions * 1000, topo.apply(head.vertices)[topo.render_vertices], atol=1e-4)
