"""Hair on the head: cuts from bald to long, with hairlines and partings at chance places."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from facestudio.render.photo_scene import Surface
from facestudio.synthesis.labels import Label
from facestudio.synthesis.person import Person
from facestudio.synthesis.scalp import (
    Hairline,
    HeadReach,
    Scalp,
    draw_hairline,
    hair_cover,
    root_scalp,
    root_sites,
    scalp_of,
)
from facestudio.synthesis.skinmaps import skin_maps
from facestudio.synthesis.strands import Comb, Growth, grow, ribbons
from facestudio.values import Float32Array, FloatArray

_FIELD = 256
_CUTS = {
    "bald": (0.05, 0.01),
    "shaved": (0.05, 0.01),
    "buzz": (0.12, 0.02),
    "short": (0.30, 0.06),
    "parted": (0.18, 0.08),
    "brushed back": (0.10, 0.04),
    "fringe": (0.06, 0.12),
    "bob": (0.02, 0.16),
    "long": (0.03, 0.30),
    "curly": (0.05, 0.10),
    "afro": (0.02, 0.03),
    "bun": (0.02, 0.12),
}
"""Share of each cut among people with and without a growth of beard."""


@dataclass(frozen=True, eq=False)
class Hair:
    """A head of hair.

    Attributes
    ----------
    cut
        Name.
    cover
        (F, F) float32 over the skin's atlas: where the scalp is darkened; None for a bald head.
    line
        The hairline.
    growth
        How strands grow; None if there are none.
    count, width_mm
        How many strands, and how wide each is drawn.
    root_sky
        Share of the sky seen at the roots.
    """

    cut: str
    cover: Float32Array | None
    line: Hairline
    growth: Growth | None
    count: int
    width_mm: float
    root_sky: float = 0.35


def _from_crown(crown: FloatArray, lean: FloatArray) -> Comb:
    return lambda p: (p - crown) / 80.0 + lean


def _parted(at: float, forward: float) -> Comb:
    def comb(p: FloatArray) -> FloatArray:
        side = np.tanh((p[:, 0] - at) / 24.0)
        return np.stack([side, np.full(len(p), -0.25), np.full(len(p), forward)], axis=1)

    return comb


def _back(places: FloatArray) -> FloatArray:
    level = np.ones(len(places))
    return np.stack([places[:, 0] * 0.006, 0.25 * level, -level], axis=1)


def _towards(place: FloatArray) -> Comb:
    return lambda p: (place - p) / 60.0


@cache
def _skin_scalp() -> Scalp:
    """Return the skin's texels as hairlines see them."""
    maps = skin_maps(_FIELD)
    return scalp_of(maps.place[maps.skin])


def draw_hair(rng: np.random.Generator, person: Person, under_hat: bool = False) -> Hair:
    """Draw a cut for a person."""
    column = 0 if person.beard_growth > 0 else 1
    names = list(_CUTS)
    shares = np.array([_CUTS[name][column] for name in names])
    if under_hat:
        shares[[names.index(n) for n in ("afro", "bun", "brushed back", "curly")]] = 0
    cut = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    receding = max(0.0, person.age * rng.uniform(-0.2, 1.1)) if column == 0 else 0.0
    line = draw_hairline(rng, float(np.clip(receding, 0, 1)) if cut not in ("fringe", "long", "bob") else 0.0)
    crown = np.array([rng.uniform(-15, 15), 118.0, rng.uniform(-60, -20)])
    growth: Growth | None = None
    count, width, dark, sky = 2600, 1.25, 0.9, 0.35
    if cut == "shaved":
        dark = rng.uniform(0.25, 0.6)
    elif cut == "buzz":
        growth = Growth(
            rng.uniform(4, 13), 3, 0.75, _from_crown(crown, np.zeros(3)), 0.2, 0.05, 3.0, mess=0.25
        )
        count, width, sky = 5200, 0.7, 0.6
    elif cut == "short":
        lean = np.array([rng.normal(0, 0.5), 0.0, rng.normal(0.1, 0.3)])
        growth = Growth(
            rng.uniform(16, 48),
            6,
            rng.uniform(0.3, 0.7),
            _from_crown(crown, lean),
            0.7,
            0.15,
            rng.uniform(4, 14),
            clump=rng.uniform(0.3, 0.8),
            mess=rng.uniform(0.1, 0.3),
            waves=rng.uniform(0, 1.5),
            wave_mm=rng.uniform(0, 2),
        )
        count = 3400
    elif cut == "parted":
        growth = Growth(
            rng.uniform(50, 110),
            8,
            rng.uniform(0.3, 0.55),
            _parted(rng.uniform(-38, 38), rng.uniform(-0.5, 0.3)),
            0.9,
            0.35,
            rng.uniform(6, 18),
            clump=rng.uniform(0.3, 0.7),
            mess=rng.uniform(0.05, 0.15),
        )
    elif cut == "brushed back":
        growth = Growth(
            rng.uniform(50, 110),
            8,
            rng.uniform(0.2, 0.6),
            _back,
            0.9,
            0.2,
            rng.uniform(4, 18),
            clump=rng.uniform(0.4, 0.85),
            mess=0.06,
        )
    elif cut == "fringe":
        lean = np.array([rng.normal(0, 0.35), -0.1, 0.4])
        growth = Growth(
            rng.uniform(70, 150),
            9,
            0.3,
            _from_crown(crown, lean),
            0.7,
            0.5,
            rng.uniform(5, 12),
            clump=0.5,
            mess=0.07,
            off_face=False,
        )
        width, count = 1.5, 2700
    elif cut in ("bob", "long"):
        length = rng.uniform(170, 240) if cut == "bob" else rng.uniform(260, 420)
        growth = Growth(
            length,
            11,
            0.3,
            _parted(rng.uniform(-35, 35), rng.uniform(-0.45, 0.05)),
            0.75,
            1.5,
            rng.uniform(6, 20),
            waves=rng.uniform(0, 4),
            wave_mm=rng.choice([0, 0, 2, 5]) * rng.uniform(0.5, 1.4),
            clump=rng.uniform(0.2, 0.6),
            mess=rng.uniform(0.03, 0.1),
        )
        width, count = 1.6, 2800
    elif cut == "curly":
        growth = Growth(
            rng.uniform(60, 230),
            13,
            0.6,
            _parted(rng.uniform(-30, 30), 0.0),
            0.5,
            0.9,
            rng.uniform(14, 36),
            waves=rng.uniform(3, 7),
            wave_mm=rng.uniform(4, 8),
            clump=0.55,
            mess=0.15,
        )
        width, count = 1.3, 3000
    elif cut == "afro":
        growth = Growth(
            rng.uniform(25, 75),
            9,
            1.0,
            _from_crown(np.array([0, 20.0, 0]), np.zeros(3)),
            0.8,
            0.0,
            2.0,
            waves=5,
            wave_mm=4.0,
            clump=0.2,
            mess=0.3,
        )
        width, count, sky = 1.3, 3600, 0.3
    elif cut == "bun":
        knot = np.array([0.0, rng.uniform(20, 140), -rng.uniform(60, 105)])
        growth = Growth(rng.uniform(120, 190), 9, 0.12, _towards(knot), 2.5, 0.0, 5.0, clump=0.3, mess=0.03)
        width = 1.3
    cover = None
    if cut != "bald":
        cover = np.zeros((_FIELD, _FIELD), np.float32)
        cover[skin_maps(_FIELD).skin] = hair_cover(_skin_scalp(), line) * np.float32(dark)
    return Hair(cut, cover, line, growth, count, width, sky)


def hair_surface(
    rng: np.random.Generator,
    hair: Hair,
    person: Person,
    neutral: FloatArray,
    normals: FloatArray,
    reach: HeadReach,
    eye: FloatArray,
    down: FloatArray,
    *,
    detail: float = 1.0,
    below: float | None = None,
) -> Surface | None:
    """Grow a head of hair.

    Parameters
    ----------
    rng
        Source of chance.
    hair, person
        What grows, in which colour.
    neutral, normals
        (V, 3) mm and outward directions of the head's vertices.
    reach
        The head.
    eye, down
        (3,) where the lens is (mm), and gravity; head space.
    detail
        Share of the strands that are drawn, as ribbons so much wider.
    below
        Under a hat: hair shows only where the rest head is lower than this, mm.
    """
    if hair.growth is None:
        return None
    sites = root_sites()
    density = hair_cover(root_scalp(), hair.line).astype(np.float64)
    if below is not None:
        density *= sites.places[:, 1] < below - 0.3 * sites.places[:, 2] + 20
    if density.sum() < 50:
        return None
    count = min(round(hair.count * detail), int((density > 0).sum()))
    chosen = rng.choice(len(density), count, replace=False, p=density / density.sum())
    growth = (
        hair.growth if below is None else replace(hair.growth, volume=min(hair.growth.volume, 5.0), rise=0.2)
    )
    strands = grow(rng, sites.on(neutral, chosen), sites.on(normals, chosen), growth, reach, down)
    return ribbons(
        rng,
        strands,
        eye,
        person.hair_colour,
        hair.width_mm / np.sqrt(max(detail, 0.2)),
        Label.HAIR,
        variety=float(rng.uniform(0.12, 0.32)),
        grey=max(0.0, person.age - 0.55) * float(rng.uniform(0, 0.9)),
        gloss=float(rng.uniform(0.3, 1.1)),
        root_sky=hair.root_sky,
        hidden=np.asarray(reach.hides(eye, strands).all(axis=1)),
    )
