"""Composes a skin from the AlbedoModel's layers: pigment, blood, creases, spots, brows, lips, stubble, hair.

Colours are added up as logarithms of sRGB: what absorbs light multiplies it. Blood and pigment have a colour each
(measured off the painted skins), and change dark skin less than light skin.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np

from facestudio.database.skin_axes import hair_colour_of, tone_colour
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray

Layers: TypeAlias = dict[str, ByteArray]

COARSE_SIZE = 512
REGIONS = ("cheeks", "nose", "ears", "chin", "forehead", "under_eyes", "lids", "sun")
MOTTLES = ("mottle_0", "mottle_1", "mottle_2")
LAYERS = (
    *(
        "relief",
        "wrinkles",
        "lashes",
        "lips",
        *REGIONS,
        "beard",
        "moustache",
        *MOTTLES,
        "hairline",
        "baldness",
    ),
    *("freckles", "freckle_owner", "moles", "mole_owner", "brow_along", "brow_above", "brow_hairs"),
)
_BLOOD = np.array([-0.02, -0.24, -0.19], dtype=np.float32)
_PIGMENT = np.array([-0.20, -0.34, -0.46], dtype=np.float32)
_BRUISE = np.array([-0.20, -0.28, -0.20], dtype=np.float32)
# Blood, spots and pores darken the face by this at its median: the tone counts what is seen.
_LIFT = np.array([0.028, 0.058, 0.060])
_FINEST = 2048  # the fine noise is made at this size, and brought down


@dataclass(frozen=True, eq=False)
class Canvas:
    """The layers at one size, ready to be added up.

    Attributes
    ----------
    size
        Edge length S.
    coarse
        (c * c, R) float32: regions and mottling at low resolution.
    relief
        (S, S, 3) float32: logarithm of what all skins share.
    wrinkles, lashes, lips, pores
        (S, S) float32.
    stubble, strands
        (S, S) float32 0..1: fine noise that stubble and hair are made of.
    hair, beard, brow
        Flat indices (M,) of the texels that may bear hair, with the values there.
    """

    size: int
    coarse: Float32Array
    relief: Float32Array
    wrinkles: Float32Array
    lashes: Float32Array
    lips: Float32Array
    pores: Float32Array
    stubble: Float32Array
    strands: Float32Array
    freckles: tuple[IntArray, Float32Array, ByteArray]
    moles: tuple[IntArray, Float32Array, ByteArray]
    hair: tuple[IntArray, Float32Array, Float32Array]
    beard: tuple[IntArray, Float32Array, Float32Array]
    brow: tuple[IntArray, Float32Array, Float32Array, Float32Array]


def _scaled(layer: ByteArray, size: int, low: float, high: float) -> Float32Array:
    """Return a layer at a size as values low..high, (S, S) or (S, S, 3) float32."""
    method = (
        cv2.INTER_AREA if size < len(layer) else cv2.INTER_CUBIC if len(layer) >= 1024 else cv2.INTER_LINEAR
    )
    resized = layer if size == len(layer) else cv2.resize(layer, (size, size), interpolation=method)
    return (resized.astype(np.float32) * ((high - low) / 255) + low).astype(np.float32)


def _spots(profile: ByteArray, owner: ByteArray, size: int) -> tuple[IntArray, Float32Array, ByteArray]:
    """Return where spots are at a size: flat texels (M,), how much (M,) 0..1, and whose (M,)."""
    share = _scaled(profile, size, 0.0, 1.0)
    block = max(len(owner) // size, 1)
    whose = owner
    if block > 1 and size * block == len(owner):
        # The largest number in a block: a spot's rim must not fall to nobody.
        whose = owner.reshape(size, block, size, block).max(axis=(1, 3))
    elif size != len(owner):
        whose = np.asarray(cv2.resize(owner, (size, size), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    index = np.flatnonzero((share > 0.02) & (whose > 0)).astype(np.int32)
    return index, share.ravel()[index], whose.ravel()[index]


def _coarse(size: int) -> int:
    """Return the resolution of regions and mottling for a skin of a size."""
    return min(COARSE_SIZE, max(size // 2, 64))


@lru_cache(maxsize=1)
def _fine_noise() -> Float32Array:
    """White noise slightly blurred, of unit variance, at the finest size: structure below the layers' resolution.

    It is made in the atlas, not in space: neighbouring texels are independent, so that a seam cannot show in it.
    """
    rng = np.random.default_rng(77)
    field = rng.standard_normal((_FINEST, _FINEST), dtype=np.float32)
    field = cv2.GaussianBlur(field, (0, 0), 0.8)
    return np.asarray(field / field.std(), dtype=np.float32)


def build_canvas(layers: Layers, size: int) -> Canvas:
    """Bring the layers to a size (64 to 2048 texels)."""
    coarse = _coarse(size)
    columns = [_scaled(layers[name], coarse, 0.0, 1.0).ravel() for name in REGIONS]
    columns += [_scaled(layers[name], coarse, -3.0, 3.0).ravel() for name in MOTTLES]
    fine = _fine_noise()
    method = cv2.INTER_AREA if size < _FINEST else cv2.INTER_CUBIC
    noise = fine if size == _FINEST else cv2.resize(fine, (size, size), interpolation=method)
    noise = np.asarray(noise / max(float(noise.std()), 1e-6), dtype=np.float32)
    middle = cv2.GaussianBlur(noise, (0, 0), size / 1024)
    pores = 0.6 * noise + 0.7 * middle / max(float(middle.std()), 1e-6)
    pores = np.where(pores < 0, pores, 0.4 * pores).astype(np.float32)  # pores are dark
    stubble = np.clip(0.5 + 0.33 * (0.75 * noise + 0.66 * middle / max(float(middle.std()), 1e-6)), 0, 1)
    length = max(3, 2 * round(size / 400) + 1)  # hair lies along the atlas' columns
    strands = np.asarray(cv2.blur(noise, (1, length)), dtype=np.float32)
    hairline = _scaled(layers["hairline"], size, -64.0, 64.0).ravel()
    hairy = np.flatnonzero(hairline > -22).astype(np.int32)
    baldness = _scaled(layers["baldness"], size, 0.0, 1.0).ravel()
    beard = _scaled(layers["beard"], size, 0.0, 1.0).ravel()
    bearded = np.flatnonzero(beard > 0.02).astype(np.int32)
    moustache = _scaled(layers["moustache"], size, 0.0, 1.0).ravel()
    along = _scaled(layers["brow_along"], size, -0.25, 1.25).ravel()
    above = _scaled(layers["brow_above"], size, -14.0, 14.0).ravel()
    browed = np.flatnonzero((np.abs(above) < 12.5) & (along > -0.15) & (along < 1.15)).astype(np.int32)
    strokes = _scaled(layers["brow_hairs"], size, 0.0, 1.0).ravel()
    return Canvas(
        size=size,
        coarse=np.stack(columns, axis=1),
        relief=_scaled(layers["relief"], size, -0.5, 0.5),
        wrinkles=_scaled(layers["wrinkles"], size, -0.5, 0.5),
        lashes=_scaled(layers["lashes"], size, -1.0, 1.0),
        lips=_scaled(layers["lips"], size, 0.0, 1.0),
        pores=pores,
        stubble=stubble.astype(np.float32),
        strands=np.clip(0.5 + 0.33 * strands / max(float(strands.std()), 1e-6), 0, 1).astype(np.float32),
        freckles=_spots(layers["freckles"], layers["freckle_owner"], size),
        moles=_spots(layers["moles"], layers["mole_owner"], size),
        hair=(hairy, hairline[hairy], baldness[hairy]),
        beard=(bearded, beard[bearded], moustache[bearded]),
        brow=(browed, along[browed], above[browed], strokes[browed]),
    )


def _step(low: float, high: float, x: Float32Array | FloatArray) -> Float32Array:
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def _broad_colour(canvas: Canvas, modes: Float32Array, values: dict[str, float]) -> Float32Array:
    """Return the logarithm of the smooth colour relative to the tone, (c, c, 3): regions, mottling, modes."""
    rng = np.random.default_rng(int(values["seed"]))
    # Old skin is the more uneven; dark skin shows blood less.
    dark = (values["tone"] - 1) / 9
    blood, pigment = _BLOOD * (1 - 0.6 * dark), _PIGMENT * (1 - 0.35 * dark)
    weight: dict[str, FloatArray | Float32Array] = dict.fromkeys((*REGIONS, *MOTTLES), np.zeros(3))
    weight["cheeks"] = 0.48 * values["red_cheeks"] * blood
    weight["nose"] = 0.6 * values["red_nose"] * blood
    weight["ears"] = (0.1 + 0.4 * values["red_ears"]) * blood
    weight["chin"] = 0.22 * values["red_cheeks"] * blood
    weight["under_eyes"] = values["under_eyes"] * (0.42 * _BRUISE + 0.25 * pigment * dark)
    weight["lids"] = values["lids"] * (0.3 * _BRUISE + 0.25 * pigment)
    weight["sun"] = 0.18 * values["sun"] * (pigment + 0.8 * blood)
    weight["forehead"] = -0.06 * values["sun"] * pigment
    for name, mix in zip(MOTTLES, np.clip(rng.normal(0, 0.7, (3, 2)), -1.2, 1.2), strict=True):
        weight[name] = (
            0.075 * values["blotches"] * mix[0] * blood + 0.045 * values["mottling"] * mix[1] * pigment
        )
    table = np.stack([weight[name] for name in (*REGIONS, *MOTTLES)]).astype(np.float32)
    edge = _coarse(canvas.size)
    total = (canvas.coarse @ table).reshape(edge, edge, 3)
    share = np.array([values[f"mode_{k}"] for k in range(len(modes))], dtype=np.float32)
    smooth = np.tensordot(share, modes, axes=1)
    return total + cv2.resize(smooth, (edge, edge), interpolation=cv2.INTER_LINEAR)


def _lip_colour(values: dict[str, float]) -> Float32Array:
    """Return the logarithm of the lips' colour relative to the skin, (3,)."""
    dark = (values["tone"] - 1) / 9
    light_lips = np.array([-0.10, -0.42, -0.29]) * (0.32 + 0.75 * values["lip_red"])
    dark_lips = np.array([0.02, -0.15, -0.06]) * (0.3 + 1.4 * values["lip_red"])
    share = float(np.clip(dark * 1.25 - 0.1, 0, 1))
    shade = np.array([-0.30, -0.30, -0.26]) * values["lip_dark"] * (0.5 + 0.6 * share)
    return (light_lips * (1 - share) + dark_lips * share + shade).astype(np.float32)


def _cover(colour: Float32Array, where: IntArray, share: Float32Array, paint: FloatArray) -> None:
    """Lay paint (3,) 0..255 over the texels `where` of a flat picture (S * S, 3); it is changed here."""
    under = colour[where]
    colour[where] = under + (paint.astype(np.float32) - under) * share[:, None]


def _soft(
    canvas: Canvas, spots: tuple[IntArray, Float32Array, ByteArray], kept: Float32Array
) -> Float32Array:
    """Return how much of some spots there is in every texel, (S * S,), or (0,) if there is none anywhere.

    Where neighbours cut them off they are soft.
    """
    index, share, whose = spots
    if not kept.any():
        return np.zeros(0, dtype=np.float32)
    plane = np.zeros((canvas.size, canvas.size), dtype=np.float32)
    plane.ravel()[index] = kept[whose] * share
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), 0.35 + canvas.size / 2500), dtype=np.float32).ravel()


def _spotted(log: Float32Array, canvas: Canvas, values: dict[str, float]) -> None:
    """Add freckles, age spots and moles to a flat picture of logarithms (S * S, 3); it is changed here."""
    rng = np.random.default_rng([int(values["seed"]), 1])
    dark = (values["tone"] - 1) / 9
    order = rng.permutation(255) / 255
    kept = np.zeros(256, dtype=np.float32)
    kept[1:] = np.clip((values["freckles"] - 0.85 * order) * 3, 0, 1) * (0.15 + 0.6 * rng.random(255))
    kept[1:] = np.maximum(kept[1:], np.where(order > 1 - 0.22 * values["age_spots"], 0.9, 0.0))
    amount = _soft(canvas, canvas.freckles, kept)
    some = np.flatnonzero(amount > 0.01)
    log[some] += amount[some, None] * (_PIGMENT * (1.0 - 0.45 * dark))
    kept = np.zeros(256, dtype=np.float32)
    number = int(rng.poisson(18 * values["moles"] ** 1.3))
    kept[1 + rng.choice(255, min(number, 60), replace=False)] = rng.uniform(0.3, 1.0, min(number, 60))
    amount = np.minimum(_soft(canvas, canvas.moles, kept) * 1.6, 1.0)
    some = np.flatnonzero(amount > 0.01)
    log[some] += amount[some, None] * np.array([-0.75, -0.95, -1.05], dtype=np.float32) * (1 - 0.35 * dark)


def _brows(colour: Float32Array, canvas: Canvas, values: dict[str, float], hair: FloatArray) -> None:
    """Draw the brows into a flat picture (S * S, 3) 0..255; it is changed here."""
    if values["brow_density"] == 0:
        return
    where, along, above, strokes = canvas.brow
    thick = 1 + 0.16 * values["brow_thickness"]
    half = (
        3.6 * thick * np.interp(along, [-0.07, 0.0, 0.18, 0.6, 0.95, 1.02], [0.1, 0.68, 1.0, 0.8, 0.3, 0.05])
    )
    arch = 0.75 * values["brow_arch"] * np.exp(-((along - 0.66) ** 2) / 0.07)
    middle = 0.55 * values["brow_height"] + arch - 0.5 - 0.5 * values["brow_arch"] * along
    # Lower at the nose looks angry, higher looks sad.
    middle = middle + 0.5 * (1 - _step(0.0, 0.5, along))
    off = np.abs(above - middle)
    body = 1 - _step(0.0, 1.0, ((off - 0.3 * half) / (0.9 * half + 0.6)).astype(np.float32))
    ends = _step(-0.1, 0.2, along) * (1 - _step(0.82, 1.02, along))
    inner = 0.55 + 0.45 * _step(0.0, 0.35, along)
    share = values["brow_density"] * body * ends * inner * (0.10 + 1.1 * strokes)
    _cover(colour, where, np.clip(share, 0, 0.86).astype(np.float32), hair)


def _beard_and_hair(colour: Float32Array, canvas: Canvas, values: dict[str, float], hair: FloatArray) -> None:
    """Draw stubble and hair into a flat picture (S * S, 3) 0..255; it is changed here."""
    stubble = canvas.stubble.ravel()
    if values["beard"] > 0.01:
        where, field, moustache = canvas.beard
        amount = values["beard"] * field * (1 + 0.6 * values["moustache"] * moustache)
        grain = stubble[where]
        shadow = amount * (0.16 + 0.62 * _step(0.25, 0.95, grain) * (0.35 + 0.65 * amount))
        # Hair under the skin scatters bluish.
        paint = 0.75 * hair + 0.25 * np.array([70.0, 76.0, 84.0])
        _cover(colour, where, np.clip(shadow, 0, 0.85).astype(np.float32), paint)
    if values["hair_density"] == 0:
        return
    where, far, bald = canvas.hair
    grain = canvas.strands.ravel()[where]
    edge = far + 4.0 * values["hairline"] + 7.0 * (grain - 0.5) - 42.0 * values["hair_loss"] * bald
    cover = _step(-12.0, 14.0, edge) * values["hair_density"]
    cover *= 1 - np.float32(np.clip(1.15 * values["hair_loss"], 0, 1)) * bald
    # Towards the edge single hairs, then a closed cover with some structure.
    share = np.clip(
        cover * (0.80 + 0.35 * cover) - (1 - 0.55 * cover) * 0.55 * (1 - grain) * _step(0.0, 0.5, cover),
        0,
        0.96,
    )
    _cover(colour, where, share.astype(np.float32), hair)
    colour[where] *= (1 + share * (0.36 * grain - 0.18))[:, None].astype(np.float32)


def paint_skin(canvas: Canvas, modes: Float32Array, values: dict[str, float]) -> ByteArray:
    """Compose a skin.

    Parameters
    ----------
    canvas
        The layers at the wanted size.
    modes
        (T, s, s, 3) float32: smooth differences of the logarithm.
    values
        The value of every axis.

    Returns
    -------
    numpy.ndarray
        (S, S, 3) uint8 RGB.
    """
    size = canvas.size
    dark = (values["tone"] - 1) / 9
    base = np.log(tone_colour(values["tone"])) + _LIFT * (1 - 0.55 * dark)
    base = base + values["undertone"] * np.array([-0.008, 0.022, -0.045])
    broad = cv2.resize(_broad_colour(canvas, modes, values), (size, size), interpolation=cv2.INTER_LINEAR)
    log: Any = cv2.add(
        broad + base.astype(np.float32), canvas.relief
    )  # cv2's stubs do not know what it returns
    depth = values["wrinkles"]
    grey = canvas.pores * np.float32(0.020 * values["pores"]) + canvas.wrinkles * np.float32(depth)
    grey += canvas.lashes * np.float32(0.6 + 1.2 * values["lashes"])
    log = cv2.add(log, cv2.merge([grey, grey, grey]))
    rows, columns = (np.flatnonzero(canvas.lips.any(axis=axis)) for axis in (1, 0))
    some = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else np.s_[:0, :0]
    lips = canvas.lips[some]
    rim = lips * (1 - lips) * np.float32(-0.55 * values["lip_edge"] * (0.5 + dark))
    log[some] += lips[..., None] * _lip_colour(values) + rim[..., None]
    flat = log.reshape(-1, 3)
    _spotted(flat, canvas, values)
    colour = np.asarray(cv2.exp(log), dtype=np.float32).reshape(-1, 3)
    hair = hair_colour_of(values)
    brow = hair_colour_of({**values, "hair_grey": 0.6 * values["hair_grey"]}) * 0.82
    _brows(colour, canvas, values, brow)
    _beard_and_hair(colour, canvas, values, hair)
    # Rounded down, as astype() does, and held to 255 by cv2.
    return np.asarray(cv2.convertScaleAbs(colour, alpha=1.0, beta=-0.5), dtype=np.uint8).reshape(
        size, size, 3
    )
