"""Trains the network stages of the ASM: small networks on the descriptors of all points, with plain numpy."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np

from facestudio.landmarks.asm.stages import NetworkStage, forward, network_inputs
from facestudio.training.asm.errors import Unseen
from facestudio.training.asm.experts import STAGE_CELLS, TrainingSet, look_around
from facestudio.values import Float32Array, FloatArray

COMPONENTS: Final = 16
"""Principal components of a descriptor."""

HIDDEN: Final = 384
EPOCHS: Final = 16
_BATCH: Final = 256
_RATE: Final = 2e-3
_WARM: Final = 0.3  # share of the steps in which the rate rises
_DECAY: Final = 1e-2
_DROPPED: Final = (0.15, 0.3, 0.3)  # shares of the inputs and of the hidden units that a step does without
_UNIT: Final = 2.0  # canvas pixels: displacements are of this size
_BLUNT: Final = 0.03  # displacements below this many units count by their square


def train_layers(
    inputs: Float32Array,
    goal: FloatArray,
    weights: FloatArray,
    seed: int,
    *,
    epochs: int = EPOCHS,
    check: Callable[[], None] = lambda: None,
) -> tuple[Float32Array, ...]:
    """Train a network of two hidden layers by Adam with decoupled decay, dropping units out.

    It minimises the weighted mean distance of points from where they should be. D. Kingma and J. Ba, "Adam: A
    Method for Stochastic Optimization", 2015; I. Loshchilov and F. Hutter, "Decoupled Weight Decay
    Regularization", 2019; the rate rises and falls once, L. Smith, "Super-Convergence", 2018.

    Parameters
    ----------
    inputs
        (M, D) float32.
    goal
        (M, N, 2) displacements, canvas pixels.
    weights
        (M,) how much each sample counts.
    seed
        Of the first weights, the order and what is dropped.
    epochs
        How often each sample is seen.
    check
        Called at every step; may raise to stop.

    Returns
    -------
    tuple
        See `NetworkStage.layers`.
    """
    rng = np.random.default_rng(seed)
    scale = np.float32(max(float(inputs[:2000].std()), 1e-6))
    x = inputs / scale
    y = (goal / _UNIT).reshape(len(goal), -1).astype(np.float32)
    sizes = (x.shape[1], HIDDEN, HIDDEN, y.shape[1])
    layers: list[Float32Array] = []
    for before, after in pairwise(sizes):
        layers.append(rng.normal(0, math.sqrt(2 / before), (before, after)).astype(np.float32))
        layers.append(np.zeros(after, np.float32))
    layers[4] *= np.float32(0.1)
    first = [np.zeros_like(a) for a in layers]
    second = [np.zeros_like(a) for a in layers]
    batches = max(len(x) // _BATCH, 1)
    steps = epochs * batches
    each = (weights / weights.mean()).astype(np.float32)
    for step in range(steps):
        check()
        if step % batches == 0:
            order = rng.permutation(len(x))
        chosen = order[(step % batches) * _BATCH :][:_BATCH]  # pyright: ignore[reportPossiblyUnboundVariable]
        slopes = _slopes(layers, x[chosen], y[chosen], each[chosen], rng)
        at = (step + 1) / steps
        rise = at / _WARM if at < _WARM else 0.5 + 0.5 * math.cos(math.pi * (at - _WARM) / (1 - _WARM))
        rate = _RATE * max(rise, 1e-3)
        unbias = (1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1))
        for layer, slope, m, v in zip(layers, slopes, first, second, strict=True):
            m += np.float32(0.1) * (slope - m)
            v += np.float32(0.001) * (slope * slope - v)
            if layer.ndim == 2:
                layer *= np.float32(1 - rate * _DECAY)
            layer -= (
                np.float32(rate / unbias[0]) * m / (np.sqrt(v / np.float32(unbias[1])) + np.float32(1e-8))
            )
    layers[0] /= scale
    layers[4] *= np.float32(_UNIT)
    layers[5] *= np.float32(_UNIT)
    return tuple(layers)


def _slopes(
    layers: list[Float32Array], x: Float32Array, y: Float32Array, each: Float32Array, rng: np.random.Generator
) -> list[Float32Array]:
    """Return the derivatives of the loss of a batch by every weight."""
    value = x
    inputs: list[Float32Array] = []
    masks: list[Float32Array] = []
    for i, dropped in enumerate(_DROPPED):
        if i:
            value = np.maximum(value @ layers[2 * i - 2] + layers[2 * i - 1], np.float32(0))
        mask: Float32Array = (rng.random(value.shape, dtype=np.float32) >= dropped).astype(
            np.float32
        ) / np.float32(1 - dropped)
        masks.append(mask if i == 0 else np.asarray(mask * (value > 0), dtype=np.float32))
        value = value * mask
        inputs.append(value)
    off = (value @ layers[4] + layers[5] - y).reshape(len(x), -1, 2)
    length = np.sqrt((off**2).sum(axis=2, keepdims=True) + np.float32(_BLUNT**2))
    back = (off / length * (each / np.float32(len(x) * off.shape[1]))[:, None, None]).reshape(len(x), -1)
    slopes: list[Float32Array] = []
    for i in (2, 1, 0):
        slopes = [inputs[i].T @ back, back.sum(axis=0), *slopes]
        if i:
            back = (back @ layers[2 * i].T) * masks[i]
    return slopes


def learn_networks(
    samples: TrainingSet,
    seed: int,
    *,
    say: Callable[[str], None] = lambda line: None,
    check: Callable[[], None] = lambda: None,
) -> tuple[tuple[NetworkStage, ...], Unseen]:
    """Learn the stages of a local search that sees the whole face.

    As with local experts, a stage is learnt where those before it bring people they were not learnt from: each half
    of the people by a network of the other half.

    Returns
    -------
    tuple
        The stages; what the networks of one half do on the other.
    """
    rng = np.random.default_rng(seed)
    half = samples.folds % 2 == 0
    points = samples.start
    novelty = np.zeros(points.shape[:2])
    stages: list[NetworkStage] = []
    for number, cells in enumerate(STAGE_CELLS):
        looking, components, unlike = look_around(samples, points, cells, COMPONENTS, rng, check)
        inputs = network_inputs(components, samples.views)
        goal = samples.truth - points
        steps = np.zeros_like(points)
        for known in (half, ~half):
            layers = train_layers(
                inputs[known], goal[known], samples.weights[known], seed + number, check=check
            )
            steps[~known] = forward(layers, inputs[~known]).reshape(-1, *points.shape[1:])
        layers = train_layers(inputs, goal, samples.weights, seed + number, check=check)
        novelty += unlike / len(STAGE_CELLS)
        stages.append(NetworkStage(*looking, layers))
        points = points + steps
        off = np.linalg.norm(points - samples.truth, axis=2).mean(axis=1)
        say(f"network {number + 1} of {len(STAGE_CELLS)}: mean error {off.mean():.2f} canvas pixels")
    return tuple(stages), Unseen(samples.start, points, samples.truth, novelty, samples.weights)
