"""Sliders: what they move, what they leave, symmetric sides, bad values, a damaged file."""

from pathlib import Path

import numpy as np
import pytest

from facestudio.database.archive import save_arrays
from facestudio.errors import ModelError, UsageError
from facestudio.template.model import load_template
from facestudio.template.sliders import adjusted, load_sliders, load_sliders_file, pack_sliders


def test_nothing_moved_is_the_head_with_its_eyes_seated() -> None:
    template = load_template()
    moved = adjusted(template, template.vertices, ())
    skin = template.material_vertices("skin")
    assert np.allclose(moved[skin], template.vertices[skin])


@pytest.mark.parametrize("name", load_sliders().names)
def test_ends_go_opposite_ways_and_both_sides_alike(name: str) -> None:
    template, sliders = load_template(), load_sliders()
    count = len(template.vertices)
    low, high = (sliders.displacement([(name, value)], count) for value in (-1.0, 1.0))
    for end in (low, high):
        assert 0.5 < np.linalg.norm(end, axis=1).max() < 25.0
        # Left and right: the mean of the sideways motion is none.
        assert abs(end[:, 0].sum()) < 0.02 * np.abs(end).sum() + 1e-9
    assert float((low * high).sum()) < 0
    assert np.allclose(sliders.displacement([(name, 0.5)], count), high / 2)


def test_a_nose_slider_leaves_the_ears_alone() -> None:
    template, sliders = load_template(), load_sliders()
    by = sliders.displacement([("noseTip", 1.0)], len(template.vertices))
    assert not by[np.abs(template.vertices[:, 0]) > 50].any()
    tip = template.ibug68.nearest_vertices()[30]
    assert by[tip, 1] > 2.0


def test_names_and_values_that_cannot_be() -> None:
    template = load_template()
    with pytest.raises(UsageError, match="no slider"):
        adjusted(template, template.vertices, (("horns", 0.5),))
    for value in (1.5, -2.0, float("nan")):
        with pytest.raises(UsageError, match="not within"):
            adjusted(template, template.vertices, (("age", value),))


def test_a_file_round_trip_and_damaged_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    ends = rng.normal(size=(2, 2, 50, 3))
    path = tmp_path / "sliders.npz"
    arrays = pack_sliders(("a", "b"), ends)
    save_arrays(path, arrays)
    sliders = load_sliders_file(path)
    assert np.allclose(sliders.displacement([("b", -1.0)], 50), ends[1, 0], atol=6e-4)
    save_arrays(path, {**arrays, "counts": arrays["counts"][:-1]})
    with pytest.raises(ModelError, match="damaged"):
        load_sliders_file(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ModelError, match="damaged"):
        load_sliders_file(path)
    with pytest.raises(ModelError, match="missing"):
        load_sliders_file(tmp_path / "none.npz")
