"""Draws skins: who a head's skin belongs to: tone, age, sex appearance and ancestry decide, chance does the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facestudio.database.skin_axes import AXES, skin_coefficients
from facestudio.values import FloatArray

MONK_STEPS = 10
# Steps of the Monk scale that are usual for the three shapes of MakeHuman's axes.
_USUAL_TONES = {"african": (6.2, 10.4), "asian": (2.6, 7.0), "caucasian": (0.6, 5.2)}


def _between(
    rng: np.random.Generator, middle: float, spread: float, low: float = 0.0, high: float = 1.0
) -> float:
    return float(np.clip(rng.normal(middle, spread), low, high))


def draw_tone(label: Mapping[str, Any], rng: np.random.Generator) -> float:
    """Draw a tone, in steps of the Monk scale, that goes with the ancestry of a head's shape.

    Ancestry only leans: any shape may have any tone, so that tone and shape are not learnt as one.
    """
    shares = np.array([float(label.get(name, 1 / 3)) for name in _USUAL_TONES])
    total = shares.sum()
    if not total > 0 or rng.random() < 0.2:
        return float(rng.uniform(0.5, 10.5))
    ranges = np.array(list(_USUAL_TONES.values()))
    low, high = (shares / total) @ ranges
    return float(rng.uniform(low, high))


def matched_tones(labels: Sequence[Mapping[str, Any]], rng: np.random.Generator) -> FloatArray:
    """Return tones (N,) spread evenly over the Monk scale, given to heads in the order of tones that suit their labels.

    Parameters
    ----------
    labels
        Of the heads.
    rng
        Of the draw.
    """
    wanted = np.array([draw_tone(label, rng) for label in labels])
    steps = (np.arange(len(labels)) + rng.uniform(0, 1, len(labels))) / max(len(labels), 1)
    tones = np.empty(len(labels))
    tones[np.argsort(wanted, kind="stable")] = 0.5 + MONK_STEPS * steps
    return tones


def draw_skin(label: Mapping[str, Any], rng: np.random.Generator, tone: float | None = None) -> FloatArray:
    """Draw a skin for a head.

    Parameters
    ----------
    label
        The head's labels (docs/formats/database.md): `masculinity` 0..1 (or `appearance`), `age` -1..1 (0 young
        adult), and the shares `african`, `asian`, `caucasian`. What is missing is drawn.
    rng
        Everything else comes from it.
    tone
        The tone in steps of the Monk scale, 0.5..10.5; None draws one that goes with the label.

    Returns
    -------
    numpy.ndarray
        (J,) float64: coefficients in the AlbedoModel.
    """
    if "masculinity" in label:
        male = float(label["masculinity"])
    elif "appearance" in label:
        male = 0.85 if label["appearance"] == "male" else 0.15
    else:
        male = float(rng.uniform(0, 1))
    # Children (below 0) have the skin of the young, and no beard.
    years = float(label["age"]) if "age" in label else float(rng.uniform(0, 1))
    age, grown = max(years, 0.0), float(years > -0.05)
    drawn = draw_tone(label, rng)
    tone = drawn if tone is None else tone
    light = float(np.clip(1 - (tone - 1) / 9, 0, 1))
    asian = float(label.get("asian", 0.0))
    man = float(rng.random() < 1 / (1 + np.exp(-9 * (male - 0.5))))
    values: dict[str, float] = {
        "tone": tone,
        "undertone": _between(rng, 0.2 + 0.4 * asian, 0.6 + 0.6 * (1 - light), -1.0 - (1 - light), 2.0),
        "seed": float(rng.integers(2**20)),
        **{f"mode_{k}": _between(rng, 0, 0.4, -1.0, 1.0) for k in range(4)},
        **_surface(rng, age, man, light),
        **_hair(rng, age, man * grown, tone, asian),
        **_lips_and_eyes(rng, age, man, tone, asian),
    }
    return skin_coefficients(values)


def draw_skins(labels: Sequence[Mapping[str, Any]], seed: int) -> FloatArray:
    """Draw the skins of a whole database: as `draw_skin`, with tones spread evenly over the Monk scale.

    Parameters
    ----------
    labels
        Of the heads.
    seed
        Of the draw; another seed gives other skins for the same labels, none of them the same.

    Returns
    -------
    numpy.ndarray
        (N, J) float64: coefficients in the AlbedoModel.
    """
    tones = matched_tones(labels, np.random.default_rng([seed, 2**31]))
    rows = [
        draw_skin(label, np.random.default_rng([seed, i, 2**31]), float(tone))
        for i, (label, tone) in enumerate(zip(labels, tones, strict=True))
    ]
    return np.stack(rows) if rows else np.zeros((0, len(AXES)))


def _surface(rng: np.random.Generator, age: float, man: float, light: float) -> dict[str, float]:
    freckled = rng.random() < 0.28 * light**1.5
    return {
        "red_cheeks": _between(rng, 0.3 + 0.3 * light + 0.1 * age, 0.25, 0, 1.6),
        "red_nose": _between(rng, 0.3 + 0.35 * age + 0.15 * man, 0.25, 0, 1.8),
        "red_ears": _between(rng, 0.5, 0.25, 0, 1.6),
        "blotches": _between(rng, 0.4 + 0.4 * age, 0.25, 0, 1.6),
        "mottling": _between(rng, 0.35 + 0.55 * age, 0.2, 0, 1.7),
        "pores": _between(rng, 0.5 + 0.25 * man + 0.2 * age, 0.2, 0.1, 1.6),
        "sun": _between(rng, 0.3, 0.35, -0.5, 1.3),
        "freckles": _between(rng, 0.55, 0.22) if freckled else _between(rng, 0.03, 0.05),
        "moles": float(np.clip(rng.gamma(1.2, 0.13), 0, 1)),
        "age_spots": float(np.clip((age - 0.5) * rng.uniform(0, 1.6), 0, 1)),
        "wrinkles": _between(rng, -0.25 + 1.45 * age, 0.15, -0.4, 1.5),
        "under_eyes": _between(rng, 0.3 + 0.4 * age, 0.25, 0, 1.4),
        "lids": _between(rng, 0.25 + 0.2 * (1 - man), 0.3, -0.3, 1.3),
    }


def _hair(rng: np.random.Generator, age: float, man: float, tone: float, asian: float) -> dict[str, float]:
    if tone > 5 or rng.random() < 0.75 * asian:
        dark = _between(rng, 0.93, 0.07, 0.7)
    else:
        dark = float(np.clip(rng.beta(2.0, 1.5) + 0.05 * (tone - 3), 0, 1))
    # Clean shaven, a shadow, stubble.
    shaven = rng.random()
    beard = float(np.interp(shaven, [0, 0.35, 0.75, 1.0], [0.06, 0.2, 0.45, 1.0])) * (1 - 0.45 * asian)
    grey = float(np.clip((age - 0.35) * rng.uniform(0.2, 2.4), 0, 1))
    balding = rng.random() < 0.55
    return {
        "hair_dark": dark,
        "hair_red": _between(rng, 0.75, 0.2) if tone < 4 and rng.random() < 0.14 else _between(rng, 0.1, 0.1),
        "hair_grey": grey,
        "hair_density": _between(rng, 0.86 - 0.15 * age * man, 0.1, 0.2),
        "hair_loss": float(np.clip((0.15 + 0.85 * age) * rng.uniform(0.2, 1.1), 0, 1)) * man * balding,
        "hairline": _between(rng, 0.4 * (1 - man), 0.8, -2, 2),
        "beard": beard * man,
        "moustache": _between(rng, 0, 0.3, -1, 1),
        "brow_density": _between(rng, 0.6 + 0.2 * man - 0.1 * age, 0.15, 0.2, 1.1),
        "brow_thickness": _between(rng, -0.7 + 1.5 * man, 0.8, -2.2, 2.2),
        "brow_arch": _between(rng, 0.6 - 1.1 * man, 0.8, -2, 2),
        "brow_height": _between(rng, 0.3 - 0.6 * man, 0.8, -2, 2),
    }


def _lips_and_eyes(
    rng: np.random.Generator, age: float, man: float, tone: float, asian: float
) -> dict[str, float]:
    pale_chance = float(np.interp(tone, [1, 4, 6, 7], [0.75, 0.3, 0.02, 0.0])) * (1 - 0.9 * asian)
    pale = rng.random() < pale_chance
    return {
        "lip_red": _between(rng, 0.6 - 0.2 * man - 0.2 * age, 0.25, -0.2, 1.4),
        "lip_dark": _between(rng, 0.25 + 0.05 * tone * rng.random(), 0.2, -0.2, 1.2),
        "lip_edge": _between(rng, 0.25 + 0.06 * tone, 0.2, 0, 1.1),
        "lashes": _between(rng, 0.5 - 0.4 * man, 0.2),
        "iris_dark": _between(rng, 0.2, 0.17) if pale else _between(rng, 0.6 + 0.035 * tone, 0.1, 0.45),
        "iris_hue": float(rng.random()) ** 1.6,
        "sclera_red": _between(rng, 0.2 + 0.25 * age, 0.15),
        "sclera_yellow": _between(rng, 0.1 + 0.2 * age + 0.02 * tone, 0.12),
        "teeth_yellow": _between(rng, 0.2 + 0.45 * age, 0.18),
    }
