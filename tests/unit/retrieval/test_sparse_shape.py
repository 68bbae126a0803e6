"""Retrieval by sparse shape."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import UsageError
from facestudio.retrieval.sparse_shape import similar_heads, weighted_coefficients
from facestudio.template.model import load_template


@pytest.fixture(scope="module")
def points():
    database, template = load_database(), load_template()
    return np.stack([template.ibug68.points(database.vertices(i)) for i in range(len(database))])


def test_a_head_is_most_similar_to_itself(points):
    heads = similar_heads(load_database(), points, points[42])
    assert heads[0].id == "studio-0042"
    assert heads[0].similarity == pytest.approx(1.0)
    assert len(heads) == 10
    assert sum(h.weight for h in heads) == pytest.approx(1.0)
    weights = [h.weight for h in heads]
    assert weights == sorted(weights, reverse=True)


def test_excluded_heads_are_not_used(points):
    heads = similar_heads(load_database(), points, points[42], excluded=frozenset({"studio-0042"}))
    assert "studio-0042" not in {h.id for h in heads}
    everyone = frozenset(load_database().ids)
    with pytest.raises(UsageError, match="excluded"):
        similar_heads(load_database(), points, points[42], excluded=everyone)


def test_statistical_model_is_the_weighted_mean(points):
    database = load_database()
    heads = similar_heads(database, points, points[7] + 0.5)
    expected = sum(h.weight * database.vertices(database.index(h.id)) for h in heads)
    np.testing.assert_allclose(database.shape(weighted_coefficients(database, heads)), expected, atol=1e-6)
