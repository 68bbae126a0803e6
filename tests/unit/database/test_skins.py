"""Drawing skins that go with a head's labels."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.database.skin_axes import AXES, skin_values
from facestudio.database.skins import draw_skin, draw_skins


def _mean_value(axis, count=150, **label):
    rows = [draw_skin(label, np.random.default_rng([1, i])) for i in range(count)]
    return float(np.mean([skin_values(row)[axis] for row in rows]))


def test_a_database_has_every_step_of_the_monk_scale_alike():
    labels = load_database().labels
    tones = [skin_values(row)["tone"] for row in draw_skins(labels, 3)]
    counts = np.bincount(np.rint(np.clip(tones, 0.51, 10.49)).astype(int), minlength=11)[1:]
    assert (np.abs(counts - len(labels) / 10) <= 2).all()


def test_age_and_sex_appearance_and_ancestry_show():
    young, old = ({"age": age, "masculinity": 0.9} for age in (0.05, 0.95))
    assert _mean_value("wrinkles", **old) > _mean_value("wrinkles", **young) + 0.6
    assert _mean_value("hair_grey", **old) > _mean_value("hair_grey", **young) + 0.2
    man, woman = ({"masculinity": m, "age": 0.3} for m in (0.95, 0.05))
    assert _mean_value("beard", **man) > _mean_value("beard", **woman) + 0.15
    assert _mean_value("brow_thickness", **man) > _mean_value("brow_thickness", **woman) + 0.5
    shapes = [
        {name: float(name == own) for name in ("african", "asian", "caucasian")}
        for own in ("african", "caucasian")
    ]
    assert _mean_value("tone", **shapes[0]) > _mean_value("tone", **shapes[1]) + 2


@pytest.mark.parametrize(
    "label", [{}, {"appearance": "male"}, {"age": 1.0, "african": 0, "asian": 0, "caucasian": 0}]
)
def test_whatever_labels_lack_is_drawn(label):
    row = draw_skin(label, np.random.default_rng(0))
    assert row.shape == (len(AXES),)
    assert np.isfinite(row).all()


def test_draws_are_repeatable_and_other_seeds_disjoint():
    labels = load_database().labels[:40]
    one, again, other = draw_skins(labels, 1), draw_skins(labels, 1), draw_skins(labels, 2)
    np.testing.assert_array_equal(one, again)
    assert not (one[:, None] == other[None]).all(axis=2).any()
    assert draw_skins([], 1).shape == (0, len(AXES))


def test_dark_skins_have_dark_eyes():
    rng = [np.random.default_rng([4, i]) for i in range(100)]
    dark = [skin_values(draw_skin({}, r, tone=9.0))["iris_dark"] for r in rng]
    light = [skin_values(draw_skin({"caucasian": 1.0}, r, tone=1.5))["iris_dark"] for r in rng]
    assert min(dark) > 0.4
    assert 0.3 < np.mean(np.array(light) < 0.4) < 0.9
