"""What one way gains over another on the same photos."""

import numpy as np
import pytest

from facestudio.evaluation.gain import gain_over


def test_the_interval_holds_the_true_gain_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        base = rng.uniform(0.5, 1.5, 80)  # photos are hard or easy for both
        gain = gain_over(base, 0.9 * base + rng.normal(0, 0.1, 80), seed=trial)
        held += gain.low <= 0.1 <= gain.high
    assert 0.9 < held / 200 < 0.99


def test_it_is_paired():
    base = np.random.default_rng(1).uniform(0.1, 5.0, 50)
    gain = gain_over(base, 0.8 * base)
    assert (gain.share, gain.low, gain.high) == pytest.approx((0.2, 0.2, 0.2))
    assert gain_over(base, base[::-1]).share == pytest.approx(0.0)
    assert gain_over(base, base[::-1]).low < -0.05
