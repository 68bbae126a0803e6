"""How much lower one way's mean error is than another's, measured on the same photos, and how sure that is."""

from dataclasses import dataclass

import numpy as np

from facestudio.values import FloatArray

_DRAWS = 2000


@dataclass(frozen=True)
class Gain:
    """How much lower a mean error is than another's: a share of it, and its interval of 95 % confidence."""

    share: float
    low: float
    high: float


def gain_over(base: FloatArray, own: FloatArray, seed: int = 1) -> Gain:
    """Return what a way's errors `own` (N,) gain over the errors `base` (N,) on the same photos.

    The interval is by bootstrap over the photos, drawn with a `seed`.
    """
    drawn = np.random.default_rng(seed).integers(0, len(base), (_DRAWS, len(base)))
    gains = 1 - own[drawn].mean(axis=1) / base[drawn].mean(axis=1)
    low, high = np.percentile(gains, [2.5, 97.5]).tolist()
    return Gain(float(1 - own.mean() / base.mean()), low, high)
