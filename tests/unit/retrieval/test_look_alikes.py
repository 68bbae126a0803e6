"""Retrieval by looks: the paper's network on pictures of the database's own heads."""

import numpy as np
import pytest

from facestudio.database.albedo import load_albedo
from facestudio.database.model import load_database
from facestudio.database.projections import draw_projection, projection_camera
from facestudio.errors import UsageError
from facestudio.geometry.camera import project
from facestudio.render.offscreen import OffscreenRenderer
from facestudio.retrieval.look_alikes import look_alikes
from facestudio.template.model import load_template

DATABASE = load_database()


@pytest.fixture(scope="module")
def pictures():
    """Projections of ten heads, three times as large, and their landmarks in them."""
    template, out = load_template(), {}
    with OffscreenRenderer() as renderer:
        for row in range(0, 500, 50):
            picture = draw_projection(renderer, DATABASE, row, 600, load_albedo())
            vertices = DATABASE.vertices(row)
            camera = projection_camera(template, vertices, 600)
            out[row] = picture, project(camera, template.ibug68.points(vertices))[0]
    return out


def test_a_head_looks_most_like_itself(pictures):
    first = [look_alikes(DATABASE, *pictures[row])[0].id == DATABASE.ids[row] for row in pictures]
    assert np.mean(first) >= 0.9


def test_weights_follow_likeness(pictures):
    heads = look_alikes(DATABASE, *pictures[100])
    assert len(heads) == 10
    assert sum(h.weight for h in heads) == pytest.approx(1.0)
    for values in ([h.similarity for h in heads], [h.weight for h in heads]):
        assert values == sorted(values, reverse=True)
        assert min(values) >= 0


def test_heads_that_are_excluded_or_left_out_are_not_found(pictures):
    best = look_alikes(DATABASE, *pictures[100])[0].id
    others = look_alikes(DATABASE, *pictures[100], excluded=frozenset({best}))
    assert best not in {h.id for h in others}
    left = look_alikes(DATABASE.without(best), *pictures[100])
    assert [h.id for h in left] == [h.id for h in others]
    with pytest.raises(UsageError, match="excluded"):
        look_alikes(DATABASE, *pictures[100], excluded=frozenset(DATABASE.ids))
