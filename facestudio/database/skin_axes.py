"""The axes a skin is described by: one number each, all readable; a database head's skin is a row of them.

A coefficient counts from the axis' middle in units of its spread, so that zeros are an average skin.
"""

from dataclasses import dataclass

import numpy as np

from facestudio.values import FloatArray


@dataclass(frozen=True)
class Axis:
    """One axis of the AlbedoModel.

    Attributes
    ----------
    name
        What it is.
    middle, spread
        Its value is middle + coefficient * spread, held between `low` and `high`.
    low, high
        Its ends.
    """

    name: str
    middle: float
    spread: float
    low: float
    high: float


def _share(name: str, middle: float, spread: float = 0.25) -> Axis:
    return Axis(name, middle, spread, 0.0, 1.0)


AXES: tuple[Axis, ...] = (
    Axis("tone", 5.5, 2.5, 0.5, 10.5),  # steps of the Monk scale, 1 lightest .. 10 darkest
    Axis("undertone", 0.0, 1.0, -2.5, 2.5),  # rosy .. olive
    Axis("red_cheeks", 0.5, 0.35, 0.0, 2.0),
    Axis("red_nose", 0.5, 0.35, 0.0, 2.0),
    Axis("red_ears", 0.5, 0.3, 0.0, 2.0),
    Axis("blotches", 0.5, 0.3, 0.0, 2.0),  # unevenness of the blood's colour
    Axis("mottling", 0.5, 0.3, 0.0, 2.0),  # unevenness of the pigment
    Axis("pores", 0.6, 0.25, 0.0, 2.0),
    Axis("sun", 0.3, 0.3, -1.0, 1.5),  # face darker than the neck
    _share("freckles", 0.05),
    _share("moles", 0.15),
    _share("age_spots", 0.03),
    Axis("wrinkles", 0.35, 0.35, -0.5, 1.8),
    Axis("under_eyes", 0.4, 0.3, 0.0, 1.5),
    Axis("lids", 0.3, 0.3, -0.5, 1.5),
    _share("beard", 0.15),
    Axis("moustache", 0.0, 0.4, -1.0, 1.0),  # relative to the beard
    Axis("brow_density", 0.6, 0.2, 0.0, 1.2),
    Axis("brow_thickness", 0.0, 1.0, -2.5, 2.5),
    Axis("brow_arch", 0.0, 1.0, -2.5, 2.5),
    Axis("brow_height", 0.0, 1.0, -2.5, 2.5),
    Axis("hair_density", 0.75, 0.15, 0.0, 1.0),
    _share("hair_loss", 0.1),
    Axis("hairline", 0.0, 1.0, -2.5, 2.5),  # higher .. lower
    _share("hair_dark", 0.7),  # blond .. black
    _share("hair_red", 0.1),
    _share("hair_grey", 0.1),
    Axis("lip_red", 0.5, 0.3, -0.3, 1.6),
    Axis("lip_dark", 0.3, 0.3, -0.3, 1.5),
    Axis("lip_edge", 0.3, 0.3, 0.0, 1.2),
    _share("lashes", 0.3),
    _share("iris_dark", 0.65),  # pale .. dark brown
    _share("iris_hue", 0.5),  # blue .. green
    _share("sclera_red", 0.3),
    _share("sclera_yellow", 0.2),
    _share("teeth_yellow", 0.35),
    Axis("mode_0", 0.0, 1.0, -2.5, 2.5),
    Axis("mode_1", 0.0, 1.0, -2.5, 2.5),
    Axis("mode_2", 0.0, 1.0, -2.5, 2.5),
    Axis("mode_3", 0.0, 1.0, -2.5, 2.5),
    Axis("seed", 0.0, 1.0, 0.0, float(2**20)),  # a whole number: which freckles, moles and fibres
)
NAMES: tuple[str, ...] = tuple(axis.name for axis in AXES)
_MIDDLE, _SPREAD, _LOW, _HIGH = np.array([(a.middle, a.spread, a.low, a.high) for a in AXES]).T

# sRGB of the face for the steps of the Monk scale. The scale's own swatches are what people are matched to; its
# light ones reflect more than any skin does, so these are skin colours of evenly falling lightness instead.
MONK_SKIN: FloatArray = np.array(
    [
        [236, 206, 190],
        [229, 195, 175],
        [220, 183, 159],
        [207, 167, 139],
        [189, 146, 115],
        [167, 121, 90],
        [137, 94, 68],
        [107, 71, 52],
        [81, 54, 42],
        [60, 41, 34],
    ],
    dtype=float,
)


def skin_values(coefficients: FloatArray) -> dict[str, float]:
    """Return the value of each axis for coefficients (J,).

    Raises
    ------
    ValueError
        If J is not the number of axes.
    """
    row = np.asarray(coefficients, dtype=np.float64)
    if row.shape != (len(AXES),):
        raise ValueError(f"a skin has {len(AXES)} coefficients, not {row.shape}")
    values = np.clip(_MIDDLE + np.nan_to_num(row) * _SPREAD, _LOW, _HIGH)
    return dict(zip(NAMES, values.tolist(), strict=True))


def skin_coefficients(values: dict[str, float]) -> FloatArray:
    """Return the coefficients (J,) of axis values; axes that are not named take their middle.

    Raises
    ------
    KeyError
        If a name is no axis.
    """
    row = np.zeros(len(AXES))
    for name, value in values.items():
        k = NAMES.index(name) if name in NAMES else -1
        if k < 0:
            raise KeyError(name)
        row[k] = (float(np.clip(value, _LOW[k], _HIGH[k])) - _MIDDLE[k]) / _SPREAD[k]
    return row


def with_values(coefficients: FloatArray, **values: float) -> FloatArray:
    """Return the coefficients (J,) of a skin of which some axes have other values.

    Raises
    ------
    KeyError
        If a name is no axis.
    """
    return skin_coefficients({**skin_values(coefficients), **values})


def tone_colour(tone: float) -> FloatArray:
    """Return the sRGB colour (3,) 0..255 of a tone, in steps of the Monk scale; between steps they are mixed."""
    position = float(np.clip(tone, 0.5, 10.5)) - 1.0
    k = int(np.clip(np.floor(position), 0, len(MONK_SKIN) - 2))
    log = np.log(MONK_SKIN)
    return np.exp(log[k] + (log[k + 1] - log[k]) * (position - k))


def hair_colour_of(values: dict[str, float]) -> FloatArray:
    """Return the sRGB colour (3,) 0..255 of a skin's hair."""
    shades = np.array(
        [[196, 160, 112], [150, 112, 74], [98, 70, 48], [58, 42, 33], [26, 22, 21]], dtype=float
    )
    dark = values["hair_dark"] * (len(shades) - 1)
    k = min(int(dark), len(shades) - 2)
    colour = shades[k] + (shades[k + 1] - shades[k]) * (dark - k)
    red = np.clip(values["hair_red"], 0, 1) * (1 - values["hair_dark"] ** 3)
    colour = colour * (1 + red * np.array([0.12, -0.14, -0.3]))
    grey = np.array([186.0, 184.0, 180.0])
    return colour + (grey - colour) * values["hair_grey"] * 0.85


def iris_colour_of(values: dict[str, float]) -> FloatArray:
    """Return the mean sRGB colour (3,) 0..255 of a skin's irises."""
    hue = values["iris_hue"]
    pale = np.array([98.0, 118.0, 136.0]) * (1 - hue) + np.array([104.0, 114.0, 84.0]) * hue
    hazel, brown, dark = (np.array(c) for c in ([132.0, 104.0, 62.0], [92.0, 60.0, 34.0], [46.0, 29.0, 20.0]))
    stops = np.stack([pale, pale, hazel, brown, dark])
    position = float(np.clip(values["iris_dark"], 0, 1)) * (len(stops) - 1)
    k = min(int(position), len(stops) - 2)
    return stops[k] + (stops[k + 1] - stops[k]) * (position - k)
