"""What a person brings along beside the shape of the head: colours, hair, age, things worn."""

from dataclasses import dataclass

import numpy as np

from facestudio.values import FloatArray

# Hair in linear light, from black over brown and red to blond and grey.
_HAIR = {
    "black": (0.010, 0.008, 0.007),
    "dark brown": (0.028, 0.016, 0.010),
    "brown": (0.075, 0.040, 0.022),
    "light brown": (0.16, 0.095, 0.052),
    "blond": (0.36, 0.25, 0.13),
    "light blond": (0.52, 0.40, 0.25),
    "red": (0.24, 0.075, 0.028),
    "grey": (0.26, 0.25, 0.245),
    "white": (0.55, 0.54, 0.52),
    "dyed": (0.30, 0.05, 0.12),
}
_IRIS = (
    (74, 48, 30),
    (92, 64, 40),
    (58, 38, 26),
    (112, 96, 58),
    (92, 112, 128),
    (110, 132, 146),
    (84, 104, 84),
)


@dataclass(frozen=True, eq=False)
class Person:
    """Looks that are drawn with the person.

    Attributes
    ----------
    hair_colour, brow_colour
        (3,) linear.
    hair_name
        Which of the colours.
    iris
        (3,) sRGB 0..255.
    iris_mm
        Diameter of the iris.
    age
        0 young .. 1 old.
    beard_growth
        0 none .. 1: how much grows at all.
    made_up
        0 .. 1: make-up.
    """

    hair_colour: FloatArray
    brow_colour: FloatArray
    hair_name: str
    iris: FloatArray
    iris_mm: float
    age: float
    beard_growth: float
    made_up: float


def draw_person(rng: np.random.Generator, darkness: float) -> Person:
    """Draw a person's looks; `darkness` 0 light .. 1 dark is the skin's: dark skin goes with dark hair and eyes."""
    age = float(rng.beta(1.3, 1.6))
    names = list(_HAIR)
    shares = np.array([0.18, 0.24, 0.2, 0.12, 0.09, 0.04, 0.04, 0.0, 0.0, 0.02])
    shares[names.index("grey")] = 0.25 * max(age - 0.45, 0)
    shares[names.index("white")] = 0.3 * max(age - 0.6, 0)
    if darkness > 0.45:
        shares[2:7] *= 0.12
        shares[0] += 0.5
    name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    hair = np.array(_HAIR[name]) * np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.05, 3))
    if name == "dyed":
        hair = np.array([rng.uniform(0.02, 0.4) for _ in range(3)])
    brow = np.array(_HAIR["dark brown" if name in ("dyed", "white") and rng.random() < 0.6 else name])
    brow = np.minimum(brow * rng.uniform(0.5, 1.0), 0.16)
    iris = np.array(_IRIS[int(rng.choice(3 if darkness > 0.45 else len(_IRIS)))], dtype=np.float64)
    masculine = rng.random() < 0.52
    return Person(
        hair_colour=np.clip(hair, 0.004, 0.75),
        brow_colour=brow,
        hair_name=name,
        iris=np.clip(iris * np.exp(rng.normal(0, 0.15)) + rng.normal(0, 5, 3), 15, 190),
        iris_mm=float(np.clip(rng.normal(11.7, 0.4), 10.6, 12.8)),
        age=age,
        beard_growth=float(rng.uniform(0.3, 1)) if masculine else 0.0,
        made_up=0.0 if masculine or rng.random() < 0.4 else float(rng.uniform(0.2, 1)),
    )


def to_linear(srgb: FloatArray) -> FloatArray:
    """Return linear light 0..1 of sRGB 0..255."""
    c = np.asarray(srgb, dtype=np.float64) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: FloatArray) -> FloatArray:
    """Return sRGB 0..255 of linear light 0..1."""
    c = np.clip(np.asarray(linear, dtype=np.float64), 0, 1)
    return 255 * np.where(c <= 0.0031308, c * 12.92, 1.055 * c ** (1 / 2.4) - 0.055)
