"""Products let a linear regression read what means something else in a face that lies otherwise."""

from dataclasses import replace

import numpy as np

from facestudio.fitting.observer import Description
from facestudio.landmarks.mesh_features import CHANNELS
from facestudio.training.face_description import OVERALL, STRONGEST, with_products
from facestudio.training.ridge import regression
from facestudio.values import Float32Array

POINTS, KEPT, COUNT = 6, 30, 300
MIRROR = np.arange(478, dtype=np.int32)


def _turned(seed: int) -> tuple[Description, Float32Array, Float32Array]:
    """Return a description, features, and what they mean: at every point it turns round with the whole face."""
    rng = np.random.default_rng(seed)
    turn = rng.normal(size=(2 * COUNT, 1))
    shape = rng.normal(size=(2 * COUNT, POINTS, 1))
    features = 0.2 * rng.normal(size=(2 * COUNT, POINTS, CHANNELS))
    features[:, :, :1] += 6 * turn[:, None]
    features[:, :, 1:2] += 3 * shape * np.sign(turn)[:, None]
    channels = np.eye(CHANNELS, KEPT, dtype=np.float32)
    description = Description(np.arange(POINTS), MIRROR, np.zeros((POINTS, CHANNELS)), channels)
    return description, features.astype(np.float32), shape[:, :, 0].astype(np.float32)


def test_products_read_what_turns_round_with_the_face() -> None:
    plain, features, shape = _turned(3)
    x = plain.of(features).reshape(2, COUNT, -1)
    strengths = np.geomspace(0.5, 2, plain.size).astype(np.float32)
    full = with_products(plain, x, strengths)
    assert full.plain == plain.size == POINTS * KEPT
    assert full.size == plain.size + POINTS * OVERALL * STRONGEST
    every = full.of(features)
    assert every.shape == (2 * COUNT, full.size)
    np.testing.assert_array_equal(every[:, : full.plain], plain.of(features))
    photos = np.arange(COUNT, dtype=np.int32)
    weighed = np.concatenate([strengths, np.ones(full.size - len(strengths), dtype=np.float32)])
    wide = (every * weighed).reshape(2, COUNT, -1)
    alone = regression(lambda rows: wide[:, rows, : full.plain], photos, shape).missed
    both = regression(lambda rows: wide[:, rows], photos, shape).missed
    assert np.square(both).mean() < 0.5 * np.square(alone).mean()


def test_products_are_as_strong_as_they_are_to_be() -> None:
    plain, features, _ = _turned(4)
    strengths = np.full(plain.size, 2, dtype=np.float32)
    full = with_products(plain, plain.of(features).reshape(2, COUNT, -1), strengths)
    every = full.of(features)
    own = np.square(2 * (every[:, : full.plain] - every[:, : full.plain].mean(axis=0))).sum(axis=1).mean()
    products = np.square(every[:, full.plain :]).sum(axis=1).mean()
    assert 0.1 < products / own < 0.9


def test_a_description_is_the_same_alone_and_among_others() -> None:
    plain, features, _ = _turned(5)
    full = with_products(plain, plain.of(features).reshape(2, COUNT, -1), np.ones(plain.size, np.float32))
    np.testing.assert_allclose(full.of(features[3:4])[0], full.of(features)[3], rtol=1e-4, atol=1e-4)
    other = replace(full, overall=-full.overall)
    np.testing.assert_allclose(other.of(features)[:, full.plain :], -full.of(features)[:, full.plain :])
