"""Learns by which numbers the shape observer describes a face, how much each counts, and what is strange."""

from dataclasses import replace

import numpy as np

from facestudio.fitting.observer import Description, Novelty
from facestudio.landmarks.mesh_features import CHANNELS
from facestudio.training.channels import learn_channels
from facestudio.training.ridge import Rows, regression
from facestudio.training.shape_samples import ShapeSamples
from facestudio.values import Float32Array, FloatArray, IntArray

SOME = 3000
"""Photos enough to learn channels, products and novelty."""

OVERALL, STRONGEST = 4, 24
"""Numbers of the whole face, and of each point, whose products describe it as well."""

_PRODUCTS = 0.3  # the products' mean square, of that of the other numbers
_DIRECTIONS = 64
_EACH = 3  # every third point tells novelty
_PART = 100  # photos described at a time


def learn_description(
    samples: ShapeSamples, some: IntArray, chosen: IntArray, mirror: IntArray
) -> Description:
    """Learn from some photos which channels are kept: a description without products."""
    features = samples.features[some[:: max(1, len(some) // 1000)]].astype(np.float32)
    mean, channels = learn_channels(features.reshape(-1, len(chosen), CHANNELS))
    return Description(chosen, mirror, _as_stored(mean), channels)


def _as_stored(values: Float32Array) -> Float32Array:
    """Return values as the observer's file keeps them, so that what is learnt fits what is read."""
    return values.astype(np.float16).astype(np.float32)


def described(description: Description, samples: ShapeSamples, strengths: Float32Array | None = None) -> Rows:
    """Return what describes photos and their mirror images, each number as strong as `strengths` (F,) say."""

    def rows(photos: IntArray) -> Float32Array:
        out = np.empty((2, len(photos), description.size), dtype=np.float32)
        for first in range(0, len(photos), _PART):
            own = samples.features[photos[first : first + _PART]].astype(np.float32)
            for side in (0, 1):
                out[side, first : first + _PART] = description.of(own[:, side])
        return out if strengths is None else np.multiply(out, strengths, out=out)

    return rows


def learn_strengths(x: Float32Array, forms: FloatArray, points: int) -> Float32Array:
    """Return how strongly each number of descriptions (2, n, F) without products counts in the regression, (F,).

    Channels are brought half way to one spread; points count by the square of what a first regression takes from
    them, of photos whose faces and their mirror images have the `forms` (2 n, Q). Measured in docs/shape.md.
    """
    few = x[0].reshape(x.shape[1], points, -1)
    spread = np.sqrt(np.square(few - few.mean(axis=0)).mean(axis=(0, 1)))
    channels = np.tile(np.sqrt(spread.mean() / np.maximum(spread, 1e-6 * spread.mean())), points)
    found = regression(lambda rows: x[:, rows] * channels, np.arange(x.shape[1], dtype=np.int32), forms)
    taken = np.square(found.weights).reshape(points, -1).sum(axis=1)
    return np.asarray(channels * np.repeat(taken / taken.mean(), len(channels) // points), dtype=np.float32)


def with_products(description: Description, x: Float32Array, strengths: Float32Array) -> Description:
    """Return the description with products: what a point shows means something else in a face turned aside.

    Parameters
    ----------
    description
        Without products.
    x
        (2, n, F): how it describes some photos and their mirror images.
    strengths
        (F,): how strongly each number counts.
    """
    points = len(description.chosen)
    off = (x * strengths).reshape(-1, x.shape[2])
    off -= off.mean(axis=0)
    fewer = off[:: max(1, len(off) // (2 * _DIRECTIONS * OVERALL))]
    _, along = np.linalg.eigh((fewer @ fewer.T).astype(np.float64))
    overall = fewer.T @ along[:, ::-1][:, :OVERALL].astype(np.float32)
    overall /= np.linalg.norm(overall, axis=0)
    each = off.reshape(len(off), points, -1).transpose(1, 0, 2)
    _, vectors = np.linalg.eigh((each.transpose(0, 2, 1) @ each).astype(np.float64))
    strongest = vectors[:, :, ::-1][:, :, :STRONGEST].astype(np.float32)
    # One factor makes the products as strong, all together, as they are to be.
    states, local = off @ overall, np.square(each @ strongest).sum(axis=(0, 2))
    square = float((np.square(states).sum(axis=1) * local).mean())
    overall *= np.sqrt(_PRODUCTS * float(np.square(off).sum(axis=1).mean()) / square)
    return replace(
        description,
        overall=strengths[:, None] * overall,
        strongest=_as_stored(strengths.reshape(points, -1, 1) * strongest),
    )


def learn_novelty(description: Description, x: Float32Array) -> Novelty:
    """Learn how strange a face is from descriptions (n, F) without products."""
    points = np.arange(0, len(description.chosen), _EACH)
    seen = x.reshape(len(x), len(description.chosen), -1)[:, points].reshape(len(x), -1)
    mean = seen.mean(axis=0)
    off = seen - mean
    values, vectors = np.linalg.eigh((off @ off.T).astype(np.float64))
    kept = min(_DIRECTIONS, len(x) // 4)
    strong, along = np.maximum(values[::-1][:kept], 1e-12), vectors[:, ::-1][:, :kept]
    directions = (off.T @ along) / np.sqrt(strong)
    beyond = float(np.maximum(values[::-1][kept:], 0).sum()) / len(x)
    return Novelty(points.astype(np.int32), mean, directions.T, np.sqrt(strong / len(x)), max(beyond, 1e-12))
