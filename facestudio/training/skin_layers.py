"""Makes the AlbedoModel's layers: what 14 painted skins share, learnt, and what is drawn by procedure.

The painted skins hold some light: broad shading is left out (only their colour is kept at large scale), and so are
their brows and hair, which every head gets of its own.
"""

import cv2
import numpy as np
from scipy.spatial import KDTree

from facestudio.template.model import Template
from facestudio.template.subdivision import Topology
from facestudio.training.skin_places import (
    SkinPlaces,
    as_grid,
    brow_coordinates,
    lip_mask,
    noise,
    region_fields,
    skin_places,
    smooth_step,
)
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray, IntArray

FINE, MIDDLE, COARSE = 2048, 1024, 512
TONE_MODES = 4
TONE_MODE_SIZE = 96
_BROAD_MM = 6.5  # shading broader than this is light, not colour
_FRECKLES, _MOLES = 5200, 250


def _filled(where: SkinPlaces, grid: Float32Array) -> Float32Array:
    """Give small charts (eye sockets, collar's cap) the values of the skin they join, the outside those beside it."""
    layout = where.layout
    texels = grid[layout.rows, layout.columns]
    grid = layout.grid(texels[layout.anchors])
    outside = layout.grid(np.ones(len(layout), dtype=np.uint8)) == 0
    _, found = cv2.distanceTransformWithLabels(
        outside.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.asarray(found, dtype=np.int32)
    lookup = np.zeros((labels.max() + 1, *grid.shape[2:]), dtype=np.float32)
    lookup[labels[~outside]] = grid[~outside]
    return lookup[labels]


def to_bytes(grid: Float32Array, low: float, high: float) -> ByteArray:
    """Store values low..high as 0..255."""
    return np.rint(np.clip((grid - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def _blur(values: Float32Array, inside: BoolArray, sigma: float) -> Float32Array:
    """Blur values (S, S, C) within the charts."""
    share = inside.astype(np.float32)
    weight = np.maximum(cv2.GaussianBlur(share, (0, 0), sigma), 1e-3)
    blurred = cv2.GaussianBlur(values * share[..., None], (0, 0), sigma)
    return np.asarray(blurred.reshape(values.shape) / weight[..., None], dtype=np.float32)


def _fine_fields(where: SkinPlaces, hair: Float32Array) -> dict[str, Float32Array]:
    """Return where the learnt layers count, (S, S) each: off the scalp, on the face, around the eyes, on the lips."""
    y, z = where.places[:, 1], where.places[:, 2]
    scalp = cv2.resize(hair, where.layout.inside.shape[::-1], interpolation=cv2.INTER_LINEAR)
    scalp = cv2.dilate(scalp, np.ones((25, 25), np.uint8))
    skin = 1 - np.clip(cv2.GaussianBlur(scalp, (0, 0), 10) * 1.3, 0, 1)
    face = smooth_step(15, 45, z) * smooth_step(-108, -92, y)
    eyes = where.near({159: 8.0, 386: 8.0, 145: 7.0, 374: 7.0, 33: 6.0, 263: 6.0})
    mouth = where.near({0: 8.0, 17: 8.0, 61: 5.0, 291: 5.0, 37: 8.0, 267: 8.0, 84: 8.0, 314: 8.0})
    ears = region_fields(where)["ears"]
    # Painted skins have roots of hair at the temples (skin there would look scarred) and a frown between the brows.
    temples = smooth_step(50, 60, np.abs(where.places[:, 0])) * smooth_step(-8, 10, y)
    frown = where.near({9: 8.0, 107: 7.0, 336: 7.0})
    fields = {
        "front": smooth_step(-35, 35, z),
        "face": face,
        "neck": smooth_step(-100, -80, y),
        "eyes": eyes,
        "mouth": mouth,
        "ears": ears,
        "temples": temples,
        "frown": frown,
    }
    out = {name: np.nan_to_num(as_grid(where, field)) for name, field in fields.items()}
    return {**out, "skin": skin.astype(np.float32)}


def learnt_layers(
    skins: list[ByteArray], ages: list[float], females: list[bool], where: SkinPlaces, hair: ByteArray
) -> tuple[dict[str, ByteArray], Float32Array]:
    """Learn what painted skins share and how they differ.

    Parameters
    ----------
    skins
        (1024, 1024, 3) uint8 RGB each, in the template's UVs.
    ages, females
        What their painters meant, one for each: 0 young .. 1 old.
    where
        The skin's texels at 1024.
    hair
        (h, h) uint8: where hair grows.

    Returns
    -------
    layers
        relief (3 channels), wrinkles, lashes, lips: see docs/formats/albedo.md.
    modes
        (TONE_MODES, s, s, 3) float32: smooth differences of the logarithm, of unit variance over the skins.
    """
    inside = np.isfinite(as_grid(where, where.places)[..., 0])
    fields = _fine_fields(where, (hair / 255).astype(np.float32))
    y = np.nan_to_num(as_grid(where, where.places))[..., 1]
    face = (fields["face"] > 0.9) & (y < 55) & (y > -85) & inside
    mm = 0.43  # per texel on the face
    # What lips are redder by must not make the skin around them greener.
    plain = inside & (lip_mask(where) < 0.1)
    total = np.zeros((*inside.shape, 3), dtype=np.float32)
    by_age: dict[bool, list[Float32Array]] = {True: [], False: []}
    women: list[Float32Array] = []
    men: list[Float32Array] = []
    smooth: list[Float32Array] = []
    for pixels, age, female in zip(skins, ages, females, strict=True):
        log = np.log(np.maximum(pixels, 3).astype(np.float32) / 255)
        log -= np.median(log[face], axis=0)
        fine = log - _blur(log, plain, _BROAD_MM / mm)
        grey = fine.mean(axis=2)
        colour = log - log.mean(axis=2, keepdims=True)
        # Of the colour what is broad is the light's too, but for the parts of the face.
        total += grey[..., None] + 0.85 * (colour - _blur(colour, plain, 20 / mm))
        by_age[age > 0.8].append(grey)
        if age < 0.2:
            (women if female else men).append(grey)
        middle = _blur(log, inside, _BROAD_MM / mm) - _blur(log, inside, 28 / mm)
        mode = (0.5 * middle.mean(axis=2, keepdims=True) + _blur(colour, inside, 6 / mm)) * (
            fields["skin"] * fields["neck"] * fields["front"]
        )[..., None]
        mode = _filled(where, mode)
        small = cv2.resize(mode, (TONE_MODE_SIZE, TONE_MODE_SIZE), interpolation=cv2.INTER_AREA)
        smooth.append(np.asarray(small, dtype=np.float32))
    mean = total / len(skins)
    fade = fields["skin"] * (0.08 + 0.92 * fields["neck"])
    fade = fade * (0.35 + 0.65 * np.maximum(fields["face"], fields["ears"]))
    calm = (1 - 0.6 * fields["temples"]) * (1 - 0.4 * fields["frown"])
    fade = (fade * calm)[..., None]
    # Darker than this lies deep in a hollow: that is shade; much lighter is a painted highlight.
    relief = (np.minimum(np.maximum(mean, -0.42), 0.09 + 0.25 * np.maximum(mean - 0.09, 0)) * fade).astype(
        np.float32
    )
    old, young = np.mean(by_age[True], axis=0), np.mean(by_age[False], axis=0)
    wrinkles = (old - young) * fields["skin"] * fields["face"]
    wrinkles *= (1 - 0.85 * fields["mouth"] ** 0.5) * np.clip(1.35 - 1.3 * fields["eyes"], 0.0, 1)
    wrinkles *= (1 - 0.9 * fields["temples"]) * (1 - 0.5 * fields["frown"])
    wrinkles = np.clip(cv2.GaussianBlur(wrinkles, (0, 0), 0.6), -0.4, 0.16)
    lashes = (np.mean(women, axis=0) - np.mean(men, axis=0)) * np.clip(2.2 * fields["eyes"] - 0.5, 0, 1)
    lips = lip_mask(where)
    # The lips' own colour is added by their layer: take the painted one out, but not its structure.
    relief -= _blur(relief, inside, 6.0) * (0.85 * lips)[..., None]

    def stored(values: Float32Array, low: float, high: float) -> ByteArray:
        masked = np.where(inside if values.ndim == 2 else inside[..., None], values, np.nan)
        return to_bytes(_filled(where, masked.astype(np.float32)), low, high)

    flat = np.stack(smooth).reshape(len(skins), -1)
    flat = flat - flat.mean(axis=0)
    _, s, vt = np.linalg.svd(flat.astype(np.float64), full_matrices=False)
    sign = np.sign(vt[np.arange(TONE_MODES), np.argmax(np.abs(vt[:TONE_MODES]), axis=1)])
    modes = vt[:TONE_MODES] * (sign * s[:TONE_MODES] / np.sqrt(len(skins)))[:, None]
    return {
        "relief": stored(relief, -0.5, 0.5),
        "wrinkles": stored(wrinkles, -0.5, 0.5),
        "lashes": stored(np.clip(lashes, -0.9, 0.1), -1.0, 1.0),
        "lips": stored(lips, 0.0, 1.0),
    }, modes.reshape(TONE_MODES, TONE_MODE_SIZE, TONE_MODE_SIZE, 3).astype(np.float32)


def coarse_layers(where: SkinPlaces, hair: ByteArray) -> dict[str, ByteArray]:
    """Draw the smooth layers: regions, mottling, and how far (mm) from the hairline a texel lies."""
    layers = {
        name: to_bytes(_filled(where, as_grid(where, field)), 0, 1)
        for name, field in region_fields(where).items()
    }
    for i, (first, second) in enumerate(((17.0, 7.0), (11.0, 5.0), (26.0, 9.0))):
        field = 0.75 * noise(where.places, first, 11 + i) + 0.66 * noise(where.places, second, 21 + i)
        layers[f"mottle_{i}"] = to_bytes(_filled(where, as_grid(where, field)), -3, 3)
    size = where.layout.size
    grown = cv2.resize(hair, (size, size), interpolation=cv2.INTER_LINEAR) > 127
    mm = 860.0 / size / 2
    far = cv2.distanceTransform(grown.astype(np.uint8), cv2.DIST_L2, 5)
    near = cv2.distanceTransform((~grown).astype(np.uint8), cv2.DIST_L2, 5)
    field = cv2.GaussianBlur((far - near) * mm, (0, 0), 1.5)
    layers["hairline"] = to_bytes(_filled(where, field.astype(np.float32)), -64, 64)
    # Where men go bald: the temples first, then the crown.
    crown = np.exp(-((where.places - np.array([0.0, 118.0, -45.0])) ** 2).sum(axis=1) / (2 * 38.0**2))
    temples = np.exp(-((np.abs(where.places[:, 0]) - 48) ** 2) / (2 * 16.0**2)) * smooth_step(
        30, 60, where.places[:, 2]
    )
    front = smooth_step(20, 70, where.places[:, 2]) * smooth_step(40, 70, where.places[:, 1])
    field = np.clip(0.75 * front + 0.6 * temples + 0.8 * crown, 0, 1)
    layers["baldness"] = to_bytes(_filled(where, as_grid(where, field)), 0, 1)
    return layers


def _stamp(
    where: SkinPlaces, tree: KDTree, share: FloatArray, count: int, radii: tuple[float, float], seed: int
) -> tuple[ByteArray, ByteArray]:
    """Draw round spots; returns their profile 0..255 and their number 1..255 (0: none), (S, S) uint8 each."""
    rng = np.random.default_rng(seed)
    centres = rng.choice(len(share), count, p=share / share.sum())
    number = 1 + rng.permutation(count) % 255
    radius = np.exp(rng.uniform(np.log(radii[0]), np.log(radii[1]), count))
    profile = np.zeros(len(share), dtype=np.float32)
    owner = np.zeros(len(share), dtype=np.uint8)
    stretch = rng.normal(0, 0.25, (count, 3))
    for k, texel in enumerate(centres):
        inside = np.array(tree.query_ball_point(where.places[texel], 2.2 * radius[k]), dtype=np.int64)
        off = (where.places[inside] - where.places[texel]) * (1 + stretch[k]) / radius[k]
        value = np.exp(-(np.einsum("nk,nk->n", off, off) ** 1.4)).astype(np.float32)
        better = value > profile[inside]
        profile[inside[better]], owner[inside[better]] = value[better], number[k]
    owner[profile < 0.03] = 0
    profile[profile < 0.03] = 0
    grid = where.layout.grid
    return np.rint(grid(profile) * 255).astype(np.uint8), grid(owner)


def fine_layers(where: SkinPlaces) -> dict[str, ByteArray]:
    """Draw the small things at full resolution: freckles and moles, each with the number that says whose they are."""
    y, z = where.places[:, 1], where.places[:, 2]
    tree = KDTree(where.places)
    face = smooth_step(0, 60, z) * smooth_step(-95, -60, y) * (1 - smooth_step(75, 95, y))
    middle = np.maximum(where.near({50: 20.0, 280: 20.0, 4: 14.0, 195: 14.0}), where.near({151: 26.0}, 0.5))
    bare = where.near({0: 8.0, 17: 8.0, 61: 6.0, 291: 6.0, 159: 5.0, 386: 5.0})
    share = np.where(where.layout.main, np.maximum(face * (0.08 + middle**1.5) * (1 - bare), 0), 0)
    freckles, whose = _stamp(where, tree, share, _FRECKLES, (0.4, 1.25), 51)
    share = where.layout.main * (0.15 + face) * smooth_step(-130, -100, y) * (1 - bare)
    moles, which = _stamp(where, tree, share, _MOLES, (0.6, 1.7), 52)
    return {"freckles": freckles, "freckle_owner": whose, "moles": moles, "mole_owner": which}


def brow_layers(where: SkinPlaces, fine: SkinPlaces) -> dict[str, ByteArray]:
    """Draw the brows' coordinates (at the size of `where`) and their hairs (at that of `fine`)."""
    along, above = np.full(len(where.places), np.nan), np.full(len(where.places), np.nan)
    canvas = np.zeros(fine.layout.inside.shape, dtype=np.uint8)
    for side in (0, 1):
        u, v = brow_coordinates(where, side)
        here = np.isfinite(u)
        along[here], above[here] = u[here], v[here]
        u, v = brow_coordinates(fine, side)
        here = np.isfinite(u) & (np.abs(v) < 11) & (u > -0.1) & (u < 1.08)
        _draw_hairs(canvas, u[here], v[here], fine.layout.columns[here], fine.layout.rows[here], 61 + side)
    return {
        "brow_along": to_bytes(np.nan_to_num(as_grid(where, along), nan=-1.0), -0.25, 1.25),
        "brow_above": to_bytes(np.nan_to_num(as_grid(where, above), nan=-99.0), -14, 14),
        "brow_hairs": canvas,
    }


def _terms(u: FloatArray, v: FloatArray) -> FloatArray:
    return np.stack([u**i * v**j for i in range(4) for j in range(3)], axis=-1)


def _draw_hairs(
    canvas: ByteArray, u: FloatArray, v: FloatArray, columns: IntArray, rows: IntArray, seed: int
) -> None:
    """Draw the hairs of one brow; coordinates (N,) and the texels they belong to. The canvas is changed here."""
    rng = np.random.default_rng(seed)
    # From the brow's coordinates back to the atlas: a polynomial is exact to a fraction of a texel here.
    scale = 10.0
    texel = np.stack([columns, rows], axis=1).astype(np.float64)
    solution, *_ = np.linalg.lstsq(_terms(u, v / scale), texel, rcond=None)
    count = 1500
    root_u = rng.uniform(-0.06, 1.0, count)
    root_v = np.clip(rng.normal(-1.5, 3.4, count), -9, 6)
    # At the nose hairs stand up; further out they lie along the brow, the upper ones pointing down.
    angle = np.radians(np.interp(root_u, [-0.1, 0.12, 0.4, 1.1], [88, 55, 25, 2]) + rng.normal(0, 10, count))
    angle -= np.radians(np.clip(root_v, -6, 6) * np.interp(root_u, [0, 0.3, 1], [2, 5, 5]))
    length = rng.uniform(4.5, 8.0, count) * np.interp(root_u, [0, 0.2, 0.8, 1.1], [0.8, 1, 1, 0.8])
    t = np.linspace(0, 1, 9)[:, None]
    mm_along = 46.0
    for k in np.argsort(rng.random(count)):
        bend = angle[k] - np.radians(18) * t
        hair_u = root_u[k] + (length[k] / mm_along) * t * np.cos(bend)
        hair_v = np.clip(root_v[k] + length[k] * t * np.sin(bend), -10, 10)
        at = (_terms(hair_u, hair_v / scale) @ solution)[:, 0, :]
        shade = int(rng.integers(120, 256))
        low = np.floor(at.min(axis=0)).astype(int) - 2
        size = np.ceil(at.max(axis=0)).astype(int) + 3 - low
        if (low < 0).any() or (size > 200).any():
            continue
        layer = np.zeros((size[1], size[0]), np.uint8)
        points = np.rint((at - low) * 16).astype(np.int32)
        cv2.polylines(layer, [points], False, shade, 1, cv2.LINE_AA, 4)
        block = canvas[low[1] : low[1] + size[1], low[0] : low[0] + size[0]]
        np.maximum(block, layer[: block.shape[0], : block.shape[1]], out=block)


def build_layers(
    template: Template,
    surface: Topology,
    skins: list[ByteArray],
    ages: list[float],
    females: list[bool],
    hair: ByteArray,
) -> tuple[dict[str, ByteArray], Float32Array]:
    """Make all layers and the smooth modes; the parameters are those of `learnt_layers`."""
    middle = skin_places(template, surface, MIDDLE)
    layers, modes = learnt_layers(skins, ages, females, middle, hair)
    layers |= coarse_layers(skin_places(template, surface, COARSE), hair)
    fine = skin_places(template, surface, FINE)
    layers |= fine_layers(fine)
    layers |= brow_layers(middle, fine)
    return layers, modes
