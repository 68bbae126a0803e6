"""Draws heads from MakeHuman's modelling targets (CC0) alone: macro targets and sliders of head and face."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from facestudio.database.appearance import macro_weights
from facestudio.database.sources.makehuman import MakeHumanSource
from facestudio.geometry.procrustes import similarity
from facestudio.template.model import Template
from facestudio.training.template_mesh import HeadCut
from facestudio.values import FloatArray

_FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek", "neck")
_ENDINGS = {
    "decr": "incr",
    "down": "up",
    "in": "out",
    "backward": "forward",
    "concave": "convex",
    "compress": "uncompress",
}
_SPREAD = 0.27  # standard deviation of a slider whose ends are -1 and 1
_SPREADS = {"head": 0.17, "ears": 0.3, "neck": 0.18, "eyes": 0.2}
_SIZE_BY_SEX, _SIZE_SPREAD = 0.012, 0.025  # of the logarithm of a head's size
_SHARED_BY_SIDES = 0.93  # correlation of the left and the right slider of a pair
_NECK_MM = -95.0  # heads are aligned by what lies above this height
_SKIPPED = ("age", "neck-height", "head-trans", "neck-trans", "head-fat")


def slider_pairs(source: MakeHumanSource) -> list[tuple[str, str]]:
    """Return the pairs of opposite targets of the head's folders, (lower end, upper end)."""
    names = set(source.target_names)
    pairs: list[tuple[str, str]] = []
    for name in source.target_names:
        folder, _, leaf = name.partition("/")
        if folder not in _FOLDERS or any(word in leaf for word in _SKIPPED):
            continue
        for low, high in _ENDINGS.items():
            if leaf.endswith("-" + low) and (other := name[: -len(low)] + high) in names:
                pairs.append((name, other))
    return pairs


def draw_sliders(pairs: list[tuple[str, str]], rng: np.random.Generator) -> FloatArray:
    """Draw a value in -1..1 for each pair, left and right sides alike but for a little asymmetry, (P,)."""
    values = np.empty(len(pairs))
    shared: dict[str, float] = {}
    for i, (low, _) in enumerate(pairs):
        folder, _, leaf = low.partition("/")
        own = rng.standard_normal()
        if leaf[:2] in ("l-", "r-"):
            both = shared.setdefault(folder + leaf[2:], rng.standard_normal())
            own = _SHARED_BY_SIDES * both + np.sqrt(1 - _SHARED_BY_SIDES**2) * own
        values[i] = own * _SPREADS.get(folder, _SPREAD)
    return np.clip(values, -0.9, 0.9)


class HeadSampler:
    """Draws heads on the template from MakeHuman's targets.

    Parameters
    ----------
    source
        The targets.
    template, cut
        The template and how it follows from MakeHuman's mesh.
    """

    def __init__(self, source: MakeHumanSource, template: Template, cut: HeadCut) -> None:
        self._source, self._template, self._cut = source, template, cut
        self._pairs = slider_pairs(source)
        self._ends = np.stack([[source.target(low), source.target(high)] for low, high in self._pairs])
        self._known = frozenset(source.target_names)
        self._macros: dict[str, FloatArray] = {}
        face = template.vertices[:, 1] > _NECK_MM
        self._aligned = np.flatnonzero(face & (np.arange(len(face)) < cut.cap_start))

    def _macro(self, name: str) -> FloatArray:
        if name not in self._macros:
            self._macros[name] = self._source.target(name)
        return self._macros[name]

    def draw(self, person: Mapping[str, Any], rng: np.random.Generator) -> FloatArray:
        """Return a head of an appearance, (V, 3) mm, head space: rigidly aligned to the template, its size kept."""
        vertices = self._source.base.vertices.copy()
        for name, weight in macro_weights(person).items():
            if weight > 1e-4 and name in self._known:
                vertices += weight * self._macro(name)
        values = draw_sliders(self._pairs, rng)
        vertices += np.tensordot(np.maximum(-values, 0), self._ends[:, 0], axes=1)
        vertices += np.tensordot(np.maximum(values, 0), self._ends[:, 1], axes=1)
        size = np.exp(
            rng.normal(_SIZE_BY_SEX if person["appearance"] == "male" else -_SIZE_BY_SEX, _SIZE_SPREAD)
        )
        head = self._cut.vertices(vertices) * size
        _, rotation, _ = similarity(head[self._aligned], self._template.vertices[self._aligned])
        head = head @ rotation.T
        return head + (self._template.vertices[self._aligned] - head[self._aligned]).mean(axis=0)
