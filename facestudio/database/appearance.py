"""Appearance: positions on MakeHuman's axes (masculinity, age, build, ancestry), and heads drawn for them.

They describe what a head looks like, as an artist would; they say nothing about a person.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from facestudio.database.shape_model import ShapeModel
from facestudio.values import FloatArray

ANCESTRIES = ("african", "asian", "caucasian")
_CHILD_SHARE = 0.08
_CLIP = 3.0


def draw_appearance(sex: str, rng: np.random.Generator) -> dict[str, Any]:
    """Draw the appearance of one head.

    Parameters
    ----------
    sex
        `female` or `male`: the half of the masculinity axis it is drawn from.
    rng
        Where chance comes from.

    Returns
    -------
    dict
        `appearance` (sex), `masculinity` (0..1), `age` (-1 child, 0 young adult, 1 old), `weight` and `muscle`
        (-1..1), and the shares of `african`, `asian` and `caucasian`, which sum to one.
    """
    ancestry = rng.dirichlet([0.5] * len(ANCESTRIES))
    child = rng.random() < _CHILD_SHARE
    age = rng.uniform(-0.9, -0.2) if child else rng.uniform(0.0, 1.0)
    masculinity = rng.beta(6, 1.6) if sex == "male" else rng.beta(1.6, 6)
    return {
        "appearance": sex,
        "masculinity": float(max(masculinity, 0.5) if sex == "male" else min(masculinity, 0.5)),
        "age": float(age),
        "weight": float(np.clip(rng.normal(0, 0.4), -1, 1)),
        "muscle": float(np.clip(rng.normal(0, 0.35), -1, 1)),
        **{name: float(share) for name, share in zip(ANCESTRIES, ancestry, strict=True)},
    }


def macro_weights(appearance: Mapping[str, Any]) -> dict[str, float]:
    """Return the weights of MakeHuman's macro targets for an appearance: products of its positions on the axes."""
    sexes = {"female": 1 - appearance["masculinity"], "male": appearance["masculinity"]}
    age = appearance["age"]
    ages = {"child": max(0.0, -age), "young": 1 - max(-age, 0.8 * age), "old": max(0.0, 0.8 * age)}
    muscles = _three_way(appearance["muscle"], "muscle")
    builds = _three_way(appearance["weight"], "weight")
    weights: dict[str, float] = {}
    for (sex, of_sex), (name, of_age) in product(sexes.items(), ages.items()):
        for ancestry in ANCESTRIES:
            weights[f"macrodetails/{ancestry}-{sex}-{name}"] = of_sex * of_age * appearance[ancestry]
        for (muscle, of_muscle), (build, of_build) in product(muscles.items(), builds.items()):
            target = f"macrodetails/universal-{sex}-{name}-{muscle}-{build}"
            weights[target] = of_sex * of_age * of_muscle * of_build
    return weights


def _three_way(value: float, what: str) -> dict[str, float]:
    """Return the shares of the least, average and greatest of an axis -1..1."""
    return {
        f"min{what}": max(0.0, -value),
        f"average{what}": 1 - abs(value),
        f"max{what}": max(0.0, value),
    }


def draw_head(model: ShapeModel, appearance: Mapping[str, Any], rng: np.random.Generator) -> FloatArray:
    """Draw a head of an appearance; returns its coefficients (K,) in the shape model.

    The appearance decides the mean, and what heads of one appearance differ in is added: over all appearances
    the coefficients have (nearly) unit variance, as the model says.
    """
    weights = macro_weights(appearance)
    middle = np.array([weights[name] for name in model.macro_names]) @ model.macro
    chance = np.clip(rng.standard_normal(len(model.basis)), -_CLIP, _CLIP)
    return middle + chance @ model.own
