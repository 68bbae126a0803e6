"""The methods that the paper's table 1 compares with: eigenfaces, Gabor filters, local binary patterns, AdaBoost, SVM.

Each learns from labelled grey faces and names the people of others. They need the extra `evaluate` (scikit-learn).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.extras import extra_module
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray

Describe = Callable[[ByteArray], Float32Array]
"""From a grey face (S, S) uint8 to its features (F,)."""

_PIXELS = 48
_GABOR_SIZE, _GABOR_GRID = 64, 8
_LBP_SIZE, _LBP_CELLS = 128, 8
_UNIFORM = 59
_COMPONENTS = 150
_BOOSTED = 300
_ROUNDS, _PAIRS = 100, 2000


def eigenface_pixels(face: ByteArray) -> Float32Array:
    """Return the pixels of a face, contrast evened out (M. Turk, A. Pentland, "Eigenfaces for Recognition", 1991)."""
    small = cv2.resize(face, (_PIXELS, _PIXELS), interpolation=cv2.INTER_AREA).astype(np.float32)
    return ((small - small.mean()) / (small.std() + 1e-6)).ravel()


def gabor_energies(face: ByteArray) -> Float32Array:
    """Return the answers of 5 x 8 Gabor filters on a coarse grid (C. Liu, H. Wechsler, 2002)."""
    small = cv2.resize(face, (_GABOR_SIZE, _GABOR_SIZE), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = (small - small.mean()) / (small.std() + 1e-6)
    parts: list[NDArray[Any]] = []
    for scale in range(5):
        wave = 4.0 * 2 ** (scale / 2)
        for turn in range(8):
            pair = [
                cv2.filter2D(
                    small,
                    cv2.CV_32F,
                    cv2.getGaborKernel((31, 31), 0.56 * wave, np.pi * turn / 8, wave, 1.0, phase),
                )
                for phase in (0.0, np.pi / 2)
            ]
            energy = np.sqrt(pair[0] ** 2 + pair[1] ** 2)
            parts.append(cv2.resize(energy, (_GABOR_GRID, _GABOR_GRID), interpolation=cv2.INTER_AREA).ravel())
    return np.concatenate(parts).astype(np.float32)


def _uniform_codes() -> IntArray:
    """Return the bin of each of the 256 patterns: those of at most two changes have bins of their own."""
    table = np.full(256, _UNIFORM - 1, dtype=np.int32)
    following = 0
    for code in range(256):
        bits = [(code >> k) & 1 for k in range(8)]
        if sum(bits[k] != bits[k - 1] for k in range(8)) <= 2:
            table[code] = following
            following += 1
    return table


_TABLE = _uniform_codes()


def binary_patterns(face: ByteArray) -> Float32Array:
    """Return histograms of uniform local binary patterns in 8 x 8 cells (T. Ahonen, A. Hadid, M. Pietikäinen, 2006)."""
    small = cv2.resize(face, (_LBP_SIZE, _LBP_SIZE), interpolation=cv2.INTER_AREA).astype(np.int16)
    middle = small[1:-1, 1:-1]
    code = np.zeros(middle.shape, dtype=np.int32)
    steps = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
    for bit, (dy, dx) in enumerate(steps):
        beside = small[1 + dy : _LBP_SIZE - 1 + dy, 1 + dx : _LBP_SIZE - 1 + dx]
        code |= (beside >= middle).astype(np.int32) << bit
    bins = _TABLE[code]
    at = (np.arange(middle.shape[0]) * _LBP_CELLS) // middle.shape[0]
    cell = at[:, None] * _LBP_CELLS + at[None]
    count = np.bincount((cell * _UNIFORM + bins).ravel(), minlength=_LBP_CELLS**2 * _UNIFORM)
    histograms = count.reshape(-1, _UNIFORM).astype(np.float32)
    return np.sqrt(histograms / histograms.sum(axis=1, keepdims=True)).ravel()


@dataclass(frozen=True)
class Rival:
    """A method of table 1: its features, whether AdaBoost selects them, whether PCA follows, and what decides."""

    name: str
    describe: Describe
    boosted: bool
    components: bool
    svm: bool


RIVALS = (
    Rival("PCA", eigenface_pixels, boosted=False, components=True, svm=False),
    Rival("Gabor+PCA", gabor_energies, boosted=False, components=True, svm=False),
    Rival("AdaBoost+LBP+PCA+SVM", binary_patterns, boosted=True, components=True, svm=True),
    Rival("AdaBoost+LBP+SVM", binary_patterns, boosted=True, components=False, svm=True),
    Rival("LBP+PCA+SVM", binary_patterns, boosted=False, components=True, svm=True),
)


class TrainedRival:
    """A rival that has learnt people's faces.

    Parameters
    ----------
    rival
        Which.
    features
        (N, F) float32: what `rival.describe` says of the training faces.
    labels
        (N,) whose they are.
    seed
        Of the pairs that AdaBoost learns from.
    """

    def __init__(self, rival: Rival, features: Float32Array, labels: IntArray, seed: int) -> None:
        self._rival = rival
        self._chosen = _boosted(features, labels, seed) if rival.boosted else None
        used = features if self._chosen is None else features[:, self._chosen]
        self._pca: Any = None
        if rival.components:
            decomposition = extra_module("sklearn.decomposition", "evaluate", "Table 1")
            count = min(_COMPONENTS, len(used) - 1, used.shape[1])
            self._pca = decomposition.PCA(count, whiten=True, svd_solver="randomized", random_state=seed).fit(
                used
            )
            used = self._pca.transform(used)
        self._known: FloatArray = _directions(used)
        self._labels = labels
        self._svm: Any = None
        if rival.svm:
            svm = extra_module("sklearn.svm", "evaluate", "Table 1")
            self._svm = svm.LinearSVC(C=0.1, random_state=seed, max_iter=300, tol=1e-2).fit(
                self._known, labels
            )

    def recognise(self, features: Float32Array) -> IntArray:
        """Return whose the faces described by features (M, F) are, (M,)."""
        used = features if self._chosen is None else features[:, self._chosen]
        if self._pca is not None:
            used = self._pca.transform(used)
        used = _directions(used)
        if self._svm is not None:
            return np.asarray(self._svm.predict(used), dtype=np.int32)
        return self._labels[np.argmax(used @ self._known.T, axis=1)]


def _directions(features: Any) -> FloatArray:
    values = np.asarray(features, dtype=np.float64)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _boosted(features: Float32Array, labels: IntArray, seed: int) -> IntArray:
    """Return which features AdaBoost selects to tell pairs of one person from pairs of two."""
    ensemble = extra_module("sklearn.ensemble", "evaluate", "Table 1")
    tree = extra_module("sklearn.tree", "evaluate", "Table 1")
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(labels), _PAIRS)
    second = rng.integers(0, len(labels), _PAIRS)
    for i in range(0, _PAIRS, 2):  # every other pair is of one person
        own = np.flatnonzero(labels == labels[first[i]])
        second[i] = rng.choice(own)
    differences = np.abs(features[first] - features[second])
    same = labels[first] == labels[second]
    boost = ensemble.AdaBoostClassifier(
        tree.DecisionTreeClassifier(max_depth=1), n_estimators=_ROUNDS, random_state=seed
    ).fit(differences, same)
    # Where stumps repeat themselves, the next best that separate alone fill up.
    gap = np.abs(differences[same].mean(axis=0) - differences[~same].mean(axis=0))
    strength = gap / (differences.std(axis=0) + 1e-9)
    ranked = np.argsort(-(strength + 1e3 * (boost.feature_importances_ > 0)), kind="stable")
    return np.sort(ranked[:_BOOSTED]).astype(np.int32)
