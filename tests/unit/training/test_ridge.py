"""Ridge regression in blocks: photos left out are left out, few and many samples are solved alike, in any blocks."""

import numpy as np
import pytest

from facestudio.training import ridge
from facestudio.training.ridge import RIDGE, Rows, regression
from facestudio.values import Float32Array


def _rows(x: Float32Array) -> Rows:
    return lambda photos: x[:, photos]


@pytest.mark.parametrize("size", [300, 30])
def test_errors_of_photos_left_out_are_those_of_a_regression_without_them(size: int) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(40, size)).astype(np.float32)
    y = rng.normal(size=(40, 5))
    x -= x.mean(axis=0)
    y -= y.mean(axis=0)
    photos = np.arange(20, dtype=np.int32)
    missed = regression(_rows(x.reshape(2, 20, -1)), photos, y).missed
    strength = float((x.astype(np.float64) ** 2).sum()) / len(x)
    for photo in (0, 7):
        own = np.array([photo, photo + 20])
        rest = np.setdiff1d(np.arange(40), own)
        gram = x[rest].astype(np.float64) @ x[rest].T / strength + RIDGE * np.eye(38)
        said = x[own].astype(np.float64) @ x[rest].T / strength @ np.linalg.solve(gram, y[rest])
        np.testing.assert_allclose(missed[own], y[own] - said, atol=2e-3)


def test_few_and_many_samples_are_solved_alike() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(60, 50)).astype(np.float32)
    y = x[:, :4] @ rng.normal(size=(4, 3)) + rng.normal(size=(60, 3))
    off = ((x - x.mean(axis=0)) / np.sqrt(50)).reshape(2, 30, -1)
    y = (y - y.mean(axis=0)).astype(np.float32)

    def centred(photos: np.ndarray) -> Float32Array:
        return off[:, photos].reshape(2 * len(photos), -1)

    one, missed = ridge._by_photos(centred, 30, y)
    other, too = ridge._by_numbers(centred, 30, y)
    np.testing.assert_allclose(one, other, atol=2e-4)
    np.testing.assert_allclose(missed, too, atol=2e-3)


@pytest.mark.parametrize("size", [200, 20])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    rng = np.random.default_rng(8)
    x = (rng.normal(size=(2, 50, size)) + 3).astype(np.float32)
    photos = rng.permutation(50)[:33].astype(np.int32)
    y = x[:, photos, :4].reshape(66, 4) + rng.normal(size=(66, 4))
    whole = regression(_rows(x), photos, y)
    monkeypatch.setattr(ridge, "_BLOCK", 7)
    monkeypatch.setattr(ridge, "_PART", 6)
    parts = regression(_rows(x), photos, y)
    np.testing.assert_allclose(parts.weights, whole.weights, atol=1e-4)
    np.testing.assert_allclose(parts.intercept, whole.intercept, atol=1e-3)
    np.testing.assert_allclose(parts.missed, whole.missed, atol=1e-3)
    # What is left out is missed by more than what is fitted.
    fitted = y - whole.intercept - (x[:, photos] @ whole.weights).reshape(66, 4)
    assert np.square(fitted).mean() < np.square(whole.missed).mean()
