"""Draws the starter database from MakeHuman's modelling targets (CC0), and writes it."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.database.archive import save_arrays
from facestudio.database.model import DATABASE_FORMAT, FILE_NAME
from facestudio.database.sources.makehuman import MakeHumanSource
from facestudio.geometry.procrustes import similarity
from facestudio.template.model import Template
from facestudio.training.skins_draw import draw_skins
from facestudio.training.template_mesh import HeadCut
from facestudio.values import FloatArray

MODES = 90
_AGES = ("child", "young", "old")
_ANCESTRIES = ("african", "asian", "caucasian")
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


def draw_person(sex: str, rng: np.random.Generator) -> dict[str, Any]:
    """Draw the appearance of one head: positions on MakeHuman's axes, and its size (1 is the mean)."""
    ancestry = rng.dirichlet([0.55, 0.55, 0.55])
    return {
        "appearance": sex,
        "masculinity": float(np.clip(rng.beta(6, 1.6) if sex == "male" else rng.beta(1.6, 6), 0, 1)),
        "age": float(rng.uniform(0.0, 1.0)),  # 0 young adult, 1 old
        "weight": float(np.clip(rng.normal(0, 0.45), -1, 1)),
        "muscle": float(np.clip(rng.normal(0, 0.4), -1, 1)),
        **{name: float(share) for name, share in zip(_ANCESTRIES, ancestry, strict=True)},
        "size": float(np.exp(rng.normal(0.012 if sex == "male" else -0.012, 0.025))),
    }


def macro_weights(person: dict[str, Any]) -> dict[str, float]:
    """Return the weights of MakeHuman's macro targets for a person: products of its positions on the axes."""
    sexes = {"female": 1 - person["masculinity"], "male": person["masculinity"]}
    ages = {"young": 1 - 0.8 * person["age"], "old": 0.8 * person["age"]}
    muscles, builds = _three_way(person["muscle"], "muscle"), _three_way(person["weight"], "weight")
    weights: dict[str, float] = {}
    for (sex, of_sex), (age, of_age) in product(sexes.items(), ages.items()):
        for ancestry in _ANCESTRIES:
            weights[f"macrodetails/{ancestry}-{sex}-{age}"] = of_sex * of_age * person[ancestry]
        for (muscle, of_muscle), (build, of_build) in product(muscles.items(), builds.items()):
            name = f"macrodetails/universal-{sex}-{age}-{muscle}-{build}"
            weights[name] = of_sex * of_age * of_muscle * of_build
    return {name: value for name, value in weights.items() if value > 1e-4}


def _three_way(value: float, what: str) -> dict[str, float]:
    """Return the shares of the least, average and greatest of an axis -1..1."""
    return {
        f"min{what}": max(0.0, -value),
        f"average{what}": 1 - abs(value),
        f"max{what}": max(0.0, value),
    }


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
        self._macros: dict[str, FloatArray] = {}
        face = template.vertices[:, 1] > _NECK_MM
        self._aligned = np.flatnonzero(face & (np.arange(len(face)) < cut.cap_start))

    def _macro(self, name: str) -> FloatArray:
        if name not in self._macros:
            self._macros[name] = self._source.target(name)
        return self._macros[name]

    def draw(self, person: dict[str, Any], rng: np.random.Generator) -> FloatArray:
        """Return a head, (V, 3) mm, head space: rigidly aligned to the template, its size kept."""
        vertices = self._source.base.vertices.copy()
        for name, weight in macro_weights(person).items():
            vertices += weight * self._macro(name)
        values = draw_sliders(self._pairs, rng)
        vertices += np.tensordot(np.maximum(-values, 0), self._ends[:, 0], axes=1)
        vertices += np.tensordot(np.maximum(values, 0), self._ends[:, 1], axes=1)
        head = self._cut.vertices(vertices) * person["size"]
        _, rotation, _ = similarity(head[self._aligned], self._template.vertices[self._aligned])
        head = head @ rotation.T
        return head + (self._template.vertices[self._aligned] - head[self._aligned]).mean(axis=0)


def build_starter_database(
    source: MakeHumanSource,
    template: Template,
    cut: HeadCut,
    count: int,
    seed: int,
    path: Path,
) -> None:
    """Draw `count` heads and write the database to folder `path`.

    Parameters
    ----------
    source, template, cut
        Where heads come from.
    count, seed
        How many, and of which draw. The same seed gives the same bytes.
    path
        The database's folder; its name is the database's name.
    """
    sampler = HeadSampler(source, template, cut)
    people: list[dict[str, Any]] = []
    heads: list[FloatArray] = []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        person = draw_person("female" if i % 2 == 0 else "male", rng)
        people.append(person)
        heads.append(sampler.draw(person, rng))
    mean, basis, coefficients = _principal_components(np.stack(heads), MODES)
    scale = np.abs(basis).max(axis=(1, 2)) / 32767
    meta = {
        "format": DATABASE_FORMAT,
        "name": path.name,
        "version": "1",
        "licence": "CC0-1.0",
        "source": "drawn from MakeHuman / MPFB modelling targets (CC0)",
        "template_version": template.version,
        "ids": [f"{path.name}-{i:04d}" for i in range(count)],
        "labels": [{key: round(v, 3) if isinstance(v, float) else v for key, v in p.items()} for p in people],
        "splits": _draw_splits(count, np.random.default_rng([seed, count])),
    }
    save_arrays(
        path / FILE_NAME,
        {
            "meta": np.array(json.dumps(meta, sort_keys=True)),
            "mean": mean.astype(np.float32),
            "basis": np.round(basis / scale[:, None, None]).astype(np.int16),
            "basis_scale": scale.astype(np.float32),
            "coefficients": coefficients.astype(np.float32),
            "skins": draw_skins(people, seed).astype(np.float32),
        },
    )


def _principal_components(heads: FloatArray, modes: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Decompose heads (N, V, 3) mm into a mean (V, 3), a basis (K, V, 3) and coefficients (N, K).

    The coefficients have unit variance; K is `modes`, or less if there are fewer heads.
    """
    count = len(heads)
    stacked = heads.reshape(count, -1)
    mean = stacked.mean(axis=0)
    u, s, vt = np.linalg.svd(stacked - mean, full_matrices=False)
    k = min(modes, count - 1)
    # Signs are fixed, so that the file does not depend on the linear algebra library.
    sign = np.sign(vt[np.arange(k), np.argmax(np.abs(vt[:k]), axis=1)])
    basis = vt[:k] * (sign * s[:k])[:, None] / np.sqrt(count)
    return mean.reshape(-1, 3), basis.reshape(k, -1, 3), u[:, :k] * sign * np.sqrt(count)


def _draw_splits(count: int, rng: np.random.Generator) -> list[str]:
    """Draw a split for each head: a tenth is for tests, another is held out."""
    splits = ["train"] * count
    for rank, head in enumerate(rng.permutation(count).tolist()):
        if rank < count // 5:
            splits[head] = "test" if rank < count // 10 else "held-out"
    return splits
