"""The shipped template: topology, UVs, ARKit shapes, point maps."""

import numpy as np
import pytest

from facestudio.errors import ModelError
from facestudio.geometry.mesh import is_watertight, signed_volume, triangulate
from facestudio.geometry.raster import rasterise, uv_to_texel
from facestudio.template.model import load_template, load_template_file
from facestudio.values import ARKIT_NAMES


@pytest.fixture(scope="module")
def template():
    return load_template()


def _quads(template, *names):
    return template.quads[np.isin(template.quad_material, [template.materials.index(n) for n in names])]


def test_skin_and_mouth_make_one_watertight_piece(template):
    head = _quads(template, "skin", "mouth")
    assert is_watertight(head)
    assert (
        3e6 < signed_volume(template.vertices, head) < 6e6
    )  # cubic millimetres: three to six litres, outward


def test_eyes_and_tongue_are_closed(template):
    assert is_watertight(_quads(template, "eyes"))
    assert is_watertight(_quads(template, "tongue"))


def test_every_face_is_a_quad_of_four_vertices(template):
    assert template.quads.shape[1] == 4
    assert (np.diff(np.sort(template.quads, axis=1), axis=1) > 0).all()


def test_the_head_is_symmetric(template):
    partner = template.mirror
    assert (partner[partner] == np.arange(len(partner))).all()
    mirrored = template.vertices[partner] * [-1, 1, 1]
    assert np.abs(mirrored - template.vertices).max() < 0.5


def test_charts_do_not_overlap_and_fill_the_square(template):
    assert template.uvs.min() >= 0
    assert template.uvs.max() <= 1
    texels = uv_to_texel(template.uvs, 1024)
    triangles = triangulate(template.quad_uvs)
    a, b, c = (texels[triangles[:, i]] for i in range(3))
    area = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    assert (area < 0).all()  # texel rows run down: all charts lie with the same side up
    covered = rasterise(texels, np.zeros(len(texels)), triangles, (1024, 1024)).covered.sum()
    # Where charts overlapped, the sum of the areas would be larger than what they cover.
    assert abs(-area.sum() - covered) < 0.002 * covered
    assert covered > 0.6 * 1024**2


def test_charts_keep_a_gutter(template):
    """Charts stay eight texels apart at 2048."""
    size = 1024
    texels = uv_to_texel(template.uvs, size)
    import cv2

    names = np.zeros((size, size), np.uint8)
    for number, quads in enumerate(_islands(template), start=1):
        triangles = triangulate(template.quad_uvs[quads])
        mask = rasterise(texels, np.zeros(len(texels)), triangles, (size, size)).covered
        near = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        assert not ((names > 0) & near).any()
        names[mask] = number


def _islands(template):
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    corners = template.quad_uvs
    sides = np.concatenate([corners[:, [i, (i + 1) % 4]] for i in range(4)])
    graph = coo_array((np.ones(len(sides)), (sides[:, 0], sides[:, 1])), shape=(len(template.uvs),) * 2)
    _, label = connected_components(graph, directed=False)
    of_quad = label[corners[:, 0]]
    return [np.flatnonzero(of_quad == name) for name in np.unique(of_quad)]


def test_skin_chart_stretches_little(template):
    from facestudio.training.template_uv import stretch

    skin = max(_islands(template), key=len)
    values = stretch(template.vertices, template.quads[skin], template.quad_uvs[skin], template.uvs)
    assert np.median(values) < 1.5
    assert np.percentile(values, 95) < 3.2


def test_has_the_52_arkit_shapes_in_order(template):
    assert template.expression_names == ARKIT_NAMES
    moved = np.abs(template.expression_deltas).max(axis=(1, 2))
    assert (moved > 0.5).all()  # millimetres


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_blink_moves_the_upper_lid_of_its_own_side_down(template, side):
    delta = template.expression_deltas[ARKIT_NAMES.index("eyeBlink" + side)]
    lids = template.ibug68.points(delta)
    upper = {"Left": [43, 44], "Right": [37, 38]}
    other = {"Left": [37, 38], "Right": [43, 44]}
    assert (lids[upper[side], 1] < -4).all()
    assert np.abs(lids[other[side]]).max() < 0.5


def test_shapes_of_both_sides_mirror_each_other(template):
    for name in ("eyeBlink", "mouthSmile", "browDown", "noseSneer"):
        left, right = (template.expression_deltas[ARKIT_NAMES.index(name + s)] for s in ("Left", "Right"))
        assert np.abs(left[template.mirror] * [-1, 1, 1] - right).max() < 1.5


@pytest.mark.parametrize("name", ["ibug68", "mesh478"])
def test_point_maps_are_barycentric(template, name):
    points = getattr(template, name)
    assert len(points) == int(name[-2:]) if name == "ibug68" else 478
    np.testing.assert_allclose(points.weights.sum(axis=1), 1, atol=1e-5)
    assert points.weights.min() >= -1e-6
    assert points.vertex_ids.max() < len(template.vertices)


def test_landmarks_lie_where_they_are_named(template):
    p = template.ibug68.points(template.vertices)
    assert p[8, 1] == p[:, 1].min()  # the chin is lowest
    assert np.argmax(p[:, 2]) in (29, 30, 33)  # the nose stands out furthest
    assert p[36, 0] < p[39, 0] < 0 < p[42, 0] < p[45, 0]  # the sitter's right eye is at -x
    assert 55 < np.linalg.norm(p[36:42].mean(0) - p[42:48].mean(0)) < 70  # eyes, mm
    assert p[51, 1] > p[57, 1] + 8  # outer lips, mm
    assert (p[17:27, 1] > p[36, 1]).all()  # brows above eyes


def test_irises_are_of_adult_size(template):
    points = template.mesh478.points(template.vertices)
    for first in (468, 473):
        across = np.linalg.norm(points[first + 1] - points[first + 3])
        assert 11.0 < across < 12.2


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "newer"])
def test_a_damaged_template_is_a_model_error(tmp_path, damage):
    path = tmp_path / "head.npz"
    if damage == "truncated":
        from facestudio.paths import resources

        path.write_bytes((resources() / "template" / "studio-head.npz").read_bytes()[:5000])
    elif damage == "text":
        path.write_text("not a template")
    elif damage == "newer":
        np.savez(path, meta=np.array('{"format": 99}'))
    with pytest.raises(ModelError):
        load_template_file(path)


def test_jaw_lines_pass_through_the_jaw_and_run_from_front_to_back(template):
    lines = template.jaw_lines.points(template.vertices).reshape(17, 9, 3)
    jaw = template.ibug68.points(template.vertices)[:17]
    assert np.linalg.norm(lines[:, 4] - jaw, axis=1).max() < 1.0
    sides = [0, 1, 2, 3, 4, 12, 13, 14, 15, 16]
    assert (np.diff(lines[sides, :, 2], axis=1) < 0.5).all()  # towards the back
    assert (lines[sides, 0, 2] - lines[sides, -1, 2] > 20).all()


def test_each_lip_keeps_its_points_when_the_mouth_opens(template):
    opened, closed = template.open_mouthed(), template.vertices
    drop = template.ibug68.points(opened)[:, 1] - template.ibug68.points(closed)[:, 1]
    assert (drop[[61, 62, 63]] > -4).all()  # inner upper lip stays
    assert (drop[[65, 66, 67]] < -10).all()  # inner lower lip goes down with the jaw
    mesh = template.mesh478.points(opened)[:, 1] - template.mesh478.points(closed)[:, 1]
    assert mesh[13] > -4
    assert mesh[14] < -12
