"""Databases drawn from the shape model: the same seed the same bytes, shares, splits, and what heads are."""

from pathlib import Path

import numpy as np
import pytest

from facestudio.database.appearance import draw_appearance, draw_head
from facestudio.database.draw import draw_database
from facestudio.database.model import FILE_NAME, load_database, load_database_file, verify_database
from facestudio.database.shape_model import load_shape_model
from facestudio.geometry.folds import folded_quads
from facestudio.template.model import load_template


def _skin(appearances, seed):
    rng = np.random.default_rng(seed)
    return np.array([[one["african"], rng.normal(), 0.5] for one in appearances])


def _drawn(folder: Path, count: int = 20, seed: int = 3):
    draw_database(load_shape_model(), _skin, load_template().quads, count, seed, folder)
    return folder / FILE_NAME


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    files = [
        _drawn(tmp_path / name, seed=seed).read_bytes() for name, seed in (("a/x", 3), ("b/x", 3), ("c/x", 4))
    ]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_a_database_holds_the_heads_that_were_drawn(tmp_path):
    template, model = load_template(), load_shape_model()
    database = load_database_file(_drawn(tmp_path / "tiny"))
    assert verify_database(database, len(template.vertices), template.version) == []
    assert database.ids == tuple(f"tiny-{i:04d}" for i in range(20))
    for i in (0, 1, 19):
        rng = np.random.default_rng([3, i])
        person = draw_appearance("male" if i % 2 else "female", rng)
        head = model.shape(draw_head(model, person, rng))
        np.testing.assert_allclose(database.vertices(i), head, atol=0.01)  # mm
        assert database.skins[i, 0] == pytest.approx(person["african"], abs=1e-6)
        assert database.labels[i]["age"] == pytest.approx(person["age"], abs=1e-3)


def test_splits_have_equal_shares_of_each_appearance(tmp_path):
    database = load_database_file(_drawn(tmp_path / "many", count=100))
    for sex in ("female", "male"):
        rows = [i for i, label in enumerate(database.labels) if label["appearance"] == sex]
        splits = [database.splits[i] for i in rows]
        assert (splits.count("train"), splits.count("test"), splits.count("held-out")) == (25, 20, 5)


def test_drawing_can_be_stopped_and_leaves_nothing(tmp_path):
    class StopError(Exception):
        pass

    def stop(fraction):
        if fraction > 0.5:
            raise StopError

    with pytest.raises(StopError):
        draw_database(load_shape_model(), _skin, load_template().quads, 20, 1, tmp_path / "none", stop)
    assert not (tmp_path / "none").exists()


def test_the_embedded_heads_are_those_that_are_drawn():
    database, model = load_database(), load_shape_model()
    for i in (0, 7, 499):
        rng = np.random.default_rng([1, i])
        person = draw_appearance("male" if i % 2 else "female", rng)
        np.testing.assert_allclose(
            database.vertices(i), model.shape(draw_head(model, person, rng)), atol=0.01
        )


def test_no_embedded_head_has_a_folded_quad_or_open_lips():
    database, template = load_database(), load_template()
    for i in range(len(database)):
        head = database.vertices(i)
        assert not folded_quads(head, template.quads).any(), database.ids[i]
        points = template.ibug68.points(head)
        assert abs(points[62, 1] - points[66, 1]) < 1.6, database.ids[i]
