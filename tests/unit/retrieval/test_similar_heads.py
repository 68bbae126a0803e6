"""Retrieval by the shape of the face."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.errors import UsageError
from facestudio.geometry.camera import head_rotation
from facestudio.retrieval.gallery import aligned_to, face_gallery
from facestudio.retrieval.regions import REGION_POINTS, closest_per_region
from facestudio.retrieval.similar_heads import similar_heads, weighted_coefficients
from facestudio.template.model import load_template

DATABASE, TEMPLATE = load_database(), load_template()
GALLERY = face_gallery(DATABASE, TEMPLATE)


def _face(vertices):
    return TEMPLATE.mesh478.points(vertices)[:468]


def test_a_head_is_most_similar_to_itself_whatever_its_size_and_place():
    moved = 1.2 * _face(DATABASE.vertices(42)) @ head_rotation(0.1, 0.2, -0.1).T + [3, 4, 5]
    heads = similar_heads(DATABASE, GALLERY, moved)
    assert heads[0].id == "studio-0042"
    assert heads[0].similarity == pytest.approx(1.0, abs=1e-4)
    assert heads[0].weight > 0.5
    assert len(heads) == 10
    assert sum(h.weight for h in heads) == pytest.approx(1.0)
    weights = [h.weight for h in heads]
    assert weights == sorted(weights, reverse=True)
    assert min(weights) >= 0


def test_excluded_heads_are_not_used():
    face = _face(DATABASE.vertices(42))
    heads = similar_heads(DATABASE, GALLERY, face, excluded=frozenset({"studio-0042"}))
    assert "studio-0042" not in {h.id for h in heads}
    few = similar_heads(DATABASE, GALLERY, face, excluded=frozenset(DATABASE.ids[3:]))
    assert {h.id for h in few} == set(DATABASE.ids[:3])
    with pytest.raises(UsageError, match="excluded"):
        similar_heads(DATABASE, GALLERY, face, excluded=frozenset(DATABASE.ids))


def test_statistical_model_is_the_weighted_mean():
    heads = similar_heads(DATABASE, GALLERY, _face(DATABASE.vertices(7)) + 0.5)
    expected = sum(h.weight * DATABASE.vertices(DATABASE.index(h.id)) for h in heads)
    np.testing.assert_allclose(DATABASE.shape(weighted_coefficients(DATABASE, heads)), expected, atol=1e-6)


def test_the_mean_of_the_heads_is_nearer_to_the_face_than_the_nearest_heads_mean_and_the_mean_of_all():
    """Of heads left out: that is what choosing them together is for."""

    def off(face, rows, weights=None):
        mean = np.average(GALLERY.faces[rows], axis=0, weights=weights)
        return np.linalg.norm(aligned_to(face, mean) - face, axis=1).mean()

    ratios = []
    for row in range(0, 500, 25):
        face = _face(DATABASE.vertices(row))
        heads = similar_heads(DATABASE, GALLERY, face, excluded=frozenset({DATABASE.ids[row]}))
        rows = [DATABASE.index(h.id) for h in heads]
        distance = np.linalg.norm(GALLERY.faces - GALLERY.aligned(face), axis=2).mean(axis=1)
        nearest = [i for i in np.argsort(distance) if i != row][:10]
        together = off(face, rows, [h.weight for h in heads])
        assert together < off(face, slice(None))
        ratios.append(together / off(face, nearest))
    assert np.mean(ratios) < 0.95


def test_the_closest_head_of_a_region_is_the_one_it_was_taken_from():
    landmarks = GALLERY.landmarks[7].copy()
    mouth = list(REGION_POINTS["mouth"])
    landmarks[mouth] = 1.1 * GALLERY.landmarks[11][mouth] + [0, 0, 2]
    closest = {one.region: one for one in closest_per_region(DATABASE, GALLERY, landmarks)}
    assert set(closest) == {"eyes", "nose", "mouth", "jaw"}
    assert closest["mouth"].id == DATABASE.ids[11]
    assert closest["mouth"].distance_mm == pytest.approx(0, abs=1e-6)
    assert {closest[r].id for r in ("eyes", "nose", "jaw")} == {DATABASE.ids[7]}
    others = closest_per_region(DATABASE, GALLERY, landmarks, frozenset({DATABASE.ids[7]}))
    assert DATABASE.ids[7] not in {one.id for one in others}
