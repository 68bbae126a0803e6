"""Which channels of the landmarker's layers are kept to describe faces."""

import numpy as np

from facestudio.landmarks.landmarker import LAYERS
from facestudio.landmarks.mesh_features import CHANNELS
from facestudio.values import Float32Array

KEPT = {"features_64": 16, "features_32": 32, "features_16": 48, "features_8": 48}
"""How many channels of each layer are kept: principal components that all points share."""


def learn_channels(features: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Learn which channels to keep: principal components of each layer, the layers brought to one strength.

    Parameters
    ----------
    features
        (n, N, CHANNELS) of n pictures at N points; overwritten.

    Returns
    -------
    tuple
        The average at each point (N, CHANNELS), and what is kept of the rest (CHANNELS, C), float32.
    """
    points = features.shape[1]
    mean = features.mean(axis=0)
    features -= mean
    kept: list[Float32Array] = []
    first = 0
    for name, channels in LAYERS.items():
        own = features[:, :, first : first + channels].reshape(-1, channels)
        values, vectors = np.linalg.eigh((own.T @ own).astype(np.float64) / len(own))
        part = np.zeros((CHANNELS, KEPT[name]), dtype=np.float32)
        part[first : first + channels] = vectors[:, ::-1][:, : KEPT[name]] / np.sqrt(
            values.sum() * points * len(LAYERS)
        )
        kept.append(part)
        first += channels
    return mean, np.concatenate(kept, axis=1)
