"""The shape model: what is learnt from modes of scans and from MakeHuman's axes, on made-up statistics."""

from pathlib import Path

import numpy as np
import pytest

from facestudio.database.appearance import draw_appearance, draw_head, macro_weights
from facestudio.database.shape_model import load_shape_model, load_shape_model_file
from facestudio.errors import ModelError
from facestudio.template.model import load_template
from facestudio.training import shape_model as learning
from facestudio.training.local_modes import learn_local_modes
from facestudio.training.shape_model import save_shape_model, vertex_weights, without_motion
from facestudio.values import FloatArray


class Targets:
    """MakeHuman's targets on a mesh that is the template itself."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        template = load_template()
        names = macro_weights(draw_appearance("male", rng))
        waves = rng.normal(size=(len(names), 3, 3)) / 60
        self.base = self
        self.vertices = template.vertices
        self._fields = {
            name: 4 * np.sin(template.vertices @ wave) for name, wave in zip(names, waves, strict=True)
        }
        self.target_names = tuple(names)

    def target(self, name: str) -> FloatArray:
        return self._fields[name]


class Cut:
    def vertices(self, base: FloatArray) -> FloatArray:
        return base


@pytest.fixture(scope="module")
def scans() -> FloatArray:
    rng = np.random.default_rng(1)
    places = load_template().vertices
    modes = [3 * np.sin(places @ (rng.normal(size=(3, 3)) / 70) + rng.uniform(0, 6, 3)) for _ in range(40)]
    return np.array(modes)


@pytest.fixture(scope="module")
def model(scans: FloatArray):
    template = load_template()
    return learning.learn_shape_model(template.vertices, scans, Targets(), template, Cut())  # type: ignore[arg-type]


def test_motion_is_taken_out_and_nothing_else(scans: FloatArray) -> None:
    template = load_template()
    weight = vertex_weights(template, template.vertices)
    assert weight.sum() == pytest.approx(1)
    still = without_motion(scans[:4], template.vertices, weight)
    turn = np.cross([0.01, -0.02, 0.03], template.vertices) + np.array([3.0, -2.0, 5.0])
    np.testing.assert_allclose(without_motion(still + turn, template.vertices, weight), still, atol=1e-9)


def test_the_scans_statistics_are_kept(model, scans: FloatArray) -> None:
    """40 modes fit into 50: heads have the covariance of the scans, but for rigid motion."""
    template = load_template()
    weight = vertex_weights(template, template.vertices)
    still = without_motion(scans, template.vertices, weight)
    of_scans = model.basis[[part == "ict" for part in model.parts]].astype(float)
    expected = np.einsum("nva,nvb->vab", still, still)
    found = np.einsum("nva,nvb->vab", of_scans, of_scans)
    off = np.abs(found - expected).max(axis=(1, 2)) / np.abs(expected).max()
    # The parting of the lips is taken out, and modes are smoothed where they would fold quads.
    assert (off < 1e-3).mean() > 0.6
    assert np.median(off) < 1e-4
    assert off.max() < 0.5


def test_people_of_all_appearances_have_unit_variance(model) -> None:
    z = []
    for i in range(1500):
        rng = np.random.default_rng([5, i])
        z.append(draw_head(model, draw_appearance("female" if i % 2 else "male", rng), rng))
    assert np.abs(np.mean(z, axis=0)).max() < 0.12
    variance = np.var(z, axis=0)[[part == "ict" for part in model.parts]]
    assert 0.9 < np.median(variance) < 1.05
    assert (variance < 1.2).all()


def test_an_appearance_moves_the_head_along_its_axis(model) -> None:
    """One target at full weight: the mean of heads drawn for it goes where the target goes."""
    targets = Targets()
    person = draw_appearance("male", np.random.default_rng(2))
    person |= {"masculinity": 1.0, "age": 0.0, "african": 1.0, "asian": 0.0, "caucasian": 0.0}
    other = person | {"african": 0.0, "asian": 1.0}
    field = targets.target("macrodetails/african-male-young") - targets.target(
        "macrodetails/asian-male-young"
    )
    step = np.zeros(len(model.basis))
    for person_, sign in ((person, 1), (other, -1)):
        weights = macro_weights(person_)
        step += sign * np.array([weights[name] for name in model.macro_names]) @ model.macro
    moved = (step @ model.flat_basis).reshape(-1, 3)
    assert (moved * field).sum() / np.linalg.norm(moved) / np.linalg.norm(field) > 0.5


def test_weights_of_an_appearance_are_shares() -> None:
    for i in range(50):
        rng = np.random.default_rng(i)
        weights = macro_weights(draw_appearance("female", rng))
        for group in ("universal", ""):
            total = sum(w for name, w in weights.items() if ("universal" in name) == bool(group))
            assert total == pytest.approx(1)
        assert min(weights.values()) >= 0


def test_local_modes_are_smooth_and_keep_the_eyeballs_whole() -> None:
    template = load_template()
    fields = learn_local_modes(template, template.open_mouthed(), 40)
    for eye in template.eyes:
        assert np.ptp(fields[:, eye.start : eye.stop], axis=1).max() == 0
    skin = template.quads[template.quad_material == 0]
    step = np.abs(fields[:, skin[:, 0]] - fields[:, skin[:, 1]]).max()
    assert 0 < step < 0.35 * np.abs(fields).max()
    spread = np.sqrt((fields.astype(float) ** 2).sum(axis=0))[template.ibug68.nearest_vertices()]
    assert (spread < 0.85).all()


def test_a_model_survives_its_file(model, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_shape_model(model, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = load_shape_model_file(tmp_path / "a.npz")
    assert again.parts == model.parts
    assert again.macro_names == model.macro_names
    z = np.random.default_rng(0).normal(size=len(model.basis))
    np.testing.assert_allclose(again.shape(z), model.shape(z), atol=5e-3)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "torn.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged"):
        load_shape_model_file(tmp_path / "torn.npz")
    with pytest.raises(ModelError, match="missing"):
        load_shape_model_file(tmp_path / "none.npz")


def test_the_shipped_model_is_for_the_shipped_template() -> None:
    shipped, template = load_shape_model(), load_template()
    assert shipped.template_version == template.version
    assert shipped.mean.shape == template.vertices.shape
    assert set(shipped.parts) == {"ict", "makehuman"}
    assert shipped.parts.count("ict") <= 60
