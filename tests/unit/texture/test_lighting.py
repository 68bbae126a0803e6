"""A known light on a drawn head is found, taken out, and made even; the tone stays."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.geometry.mesh import vertex_normals
from facestudio.template.subdivision import topology
from facestudio.texture.atlas import chart_mask, nearest_inside, place_grid, spread
from facestudio.texture.layout import texel_layout
from facestudio.texture.lighting import NO_LIGHT, Light, estimate_light, harmonics, light_gain

SIZE = 256
COEFFICIENTS = np.array([1.0, 0.25, 0.12, 0.2, 0.04, -0.05, 0.03, 0.02, 0.02])


@pytest.fixture(scope="module")
def scene():
    database, layout, surface = load_database(), texel_layout(SIZE), topology(1)
    head = database.vertices(7)
    normals = layout.on_surface(vertex_normals(surface.apply(head), surface.quads))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    places = layout.on_surface(surface.apply(head))
    face = (places[:, 2] > 55) & (places[:, 1] > -80) & (places[:, 1] < 60) & (normals[:, 2] > 0.3)
    rng = np.random.default_rng(0)
    albedo = (np.array([190.0, 140, 120]) + rng.normal(0, 6, (len(layout), 3))).astype(np.float32)
    light = Light(COEFFICIENTS).at(normals)
    lit = 255 * ((albedo / 255) ** 2.2 * light[:, None]) ** (1 / 2.2)
    return layout, normals, face, albedo, np.clip(lit, 0, 255).astype(np.float32)


def _spread_of(colours, albedo, face):
    ratio = (colours[face] / albedo[face]).mean(axis=1)
    return float(ratio.std() / ratio.mean())


def test_albedo_takes_a_known_light_out(scene):
    _, normals, face, albedo, lit = scene
    light = estimate_light(lit, albedo, normals, face)
    bare = lit * light_gain(light, normals, face, "albedo")[:, None]
    assert _spread_of(bare, albedo, face) < 0.2 * _spread_of(lit, albedo, face)


def test_a_beard_does_not_mislead_the_light(scene):
    _, normals, face, albedo, lit = scene
    bearded = lit.copy()
    bearded[np.flatnonzero(face)[::6]] *= 0.3
    light = estimate_light(bearded, albedo, normals, face)
    bare = lit * light_gain(light, normals, face, "albedo")[:, None]
    assert _spread_of(bare, albedo, face) < 0.3 * _spread_of(lit, albedo, face)


def test_even_light_makes_left_and_right_alike_and_keeps_the_tone(scene):
    _, normals, face, albedo, lit = scene
    light = estimate_light(lit, albedo, normals, face)
    even = lit * light_gain(light, normals, face, "even")[:, None]
    left, right = face & (normals[:, 0] > 0.2), face & (normals[:, 0] < -0.2)

    def imbalance(colours):
        return abs(np.median(colours[left]) - np.median(colours[right]))

    assert imbalance(lit) > 10
    assert imbalance(even) < 0.25 * imbalance(lit)
    assert np.median(even[face]) == pytest.approx(np.median(lit[face]), rel=0.03)
    assert light.one_sidedness > 0.1
    assert light.evened().one_sidedness == 0


def test_keep_and_unknown_light_change_nothing(scene):
    _, normals, face, _, _ = scene
    assert (light_gain(Light(COEFFICIENTS), normals, face, "keep") == 1).all()
    assert (light_gain(NO_LIGHT, normals, face, "albedo") == 1).all()
    assert (
        estimate_light(np.zeros((9, 3), np.float32), np.zeros((9, 3), np.float32), normals[:9], face[:9])
        is NO_LIGHT
    )


def test_harmonics_are_orthogonal_on_the_sphere():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(200_000, 3))
    basis = harmonics(points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float64)
    gram = basis.T @ basis / len(points)
    scale = np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    np.testing.assert_allclose(gram / scale, np.eye(9), atol=0.02)


def test_spread_keeps_what_is_known_and_fills_the_rest():
    rng = np.random.default_rng(2)
    values = rng.uniform(10, 20, (64, 64, 3)).astype(np.float32)
    weight = (rng.random((64, 64)) < 0.05).astype(np.float32)
    out = spread(values, weight)
    np.testing.assert_allclose(out[weight == 1], values[weight == 1], rtol=1e-5)
    assert out.min() >= 9.99
    assert out.max() <= 20.01


def test_the_place_grid_agrees_with_the_layout():
    layout, grid, surface = texel_layout(SIZE), place_grid(SIZE), topology(1)
    places = surface.apply(load_database().vertices(7))
    mine = grid.grid(places)[layout.rows, layout.columns]
    np.testing.assert_allclose(mine, layout.on_surface(places), atol=1e-3)
    assert chart_mask(SIZE)[layout.rows, layout.columns].all()
    own = nearest_inside(layout.inside)
    assert layout.inside.ravel()[own].all()
    np.testing.assert_array_equal(own[layout.inside], np.flatnonzero(layout.inside))
