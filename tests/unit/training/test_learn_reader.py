"""The face reader: a ridge regression on what the landmarker saw, and its share beside the experts."""

import numpy as np

from facestudio.landmarks.mesh_features import CHANNELS
from facestudio.training.asm.reader import SeenSamples, learn_reader
from facestudio.values import FloatArray

COUNT = 5
PARTS = (np.array([0, 1], np.int32), np.array([2, 3, 4], np.int32))


def seen_samples(people: int, each: int, noise: float) -> tuple[SeenSamples, FloatArray, np.ndarray]:
    """Samples whose points follow from twelve things that the layers show."""
    rng = np.random.default_rng(4)
    hidden = np.repeat(rng.normal(size=(people, 12)), each, axis=0)
    shown = rng.normal(size=(12, 20, CHANNELS)) / 4
    seen = np.einsum("mk,kpc->mpc", hidden, shown) + rng.normal(0, 0.05, (len(hidden), 20, CHANNELS))
    ways = rng.normal(size=(12, COUNT * 2))
    goal = (hidden @ ways).reshape(-1, COUNT, 2) + 3.0
    goal[:, PARTS[1]] += rng.normal(0, noise, (len(hidden), 3, 2))
    turns = np.tile(np.eye(2), (len(hidden), 1, 1))
    folds = np.repeat(np.arange(people) % 4, each).astype(np.int32)
    return SeenSamples(np.arange(20, dtype=np.int32), seen.astype(np.float16), turns), goal, folds


def test_what_the_layers_show_is_read_in_people_never_seen() -> None:
    samples, goal, folds = seen_samples(60, 3, 0.0)
    read = learn_reader(samples, goal, folds, PARTS)
    left = np.linalg.norm(read.shifts - goal, axis=2).mean()
    assert left < 0.1 * np.linalg.norm(goal - goal.mean(axis=0), axis=2).mean()
    # The reader itself says of a sample what the layers tell: it learnt from all.
    said = np.stack(
        [read.reader.step.shift(s.astype(np.float32), read.reader.channels) for s in samples.seen]
    )
    assert np.linalg.norm(said - goal, axis=2).mean() < 1.5 * left


def test_what_cannot_be_told_is_pulled_harder_towards_the_mean() -> None:
    samples, goal, folds = seen_samples(40, 2, 8.0)
    sure, unsure = learn_reader(samples, goal, folds, PARTS).ridges
    assert unsure > sure


def test_the_same_samples_give_the_same_reader() -> None:
    samples, goal, folds = seen_samples(12, 2, 1.0)
    one, other = (learn_reader(samples, goal, folds, PARTS).reader.step for _ in range(2))
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.fields, other.fields)
