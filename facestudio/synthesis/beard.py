"""Beards: stubble, moustaches, goatees and full beards, rooted on the face and following its expression."""

from dataclasses import dataclass

import numpy as np

from facestudio.render.photo_scene import Surface
from facestudio.synthesis.labels import Label
from facestudio.synthesis.person import Person
from facestudio.synthesis.scalp import HeadReach, root_sites
from facestudio.synthesis.skin import beard_region
from facestudio.synthesis.strands import Growth, grow, ribbons
from facestudio.values import FloatArray

_STYLES = {
    "shaved": 0.5,
    "stubble": 0.2,
    "short": 0.1,
    "full": 0.07,
    "long": 0.02,
    "moustache": 0.05,
    "goatee": 0.06,
}


@dataclass(frozen=True)
class Beard:
    """A beard: its style, how high it grows on the cheeks (mm), and how dark the shaved skin is (0..1)."""

    style: str
    cheek: float
    shade: float
    length: float


def draw_beard(rng: np.random.Generator, person: Person) -> Beard:
    """Draw a beard, or a shaved face, for a person."""
    if person.beard_growth == 0:
        return Beard("none", 0.0, 0.0, 0.0)
    shares = np.array(list(_STYLES.values()))
    style = list(_STYLES)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    dark = float(np.clip(1.2 - 2.2 * person.brow_colour.mean(), 0.3, 1)) * person.beard_growth
    shade = {"shaved": 0.35 * rng.random(), "stubble": 0.8}.get(
        style, 0.95 if style in ("short", "full", "long") else 0.4
    )
    length = {
        "stubble": rng.uniform(1.5, 3.5),
        "short": rng.uniform(4, 9),
        "full": rng.uniform(10, 28),
        "long": rng.uniform(40, 110),
    }.get(style, rng.uniform(5, 14))
    return Beard(style, float(rng.normal(0, 6)), float(shade * dark), float(length))


def _region(style: str, places: FloatArray, cheek: float) -> FloatArray:
    density = beard_region(places, cheek).astype(np.float64)
    x, y = np.abs(places[:, 0]), places[:, 1]
    moustache = (y > -44.5 + 0.012 * x**2 * -1) & (x < 29) & (y > -60)
    chin = (x < 21) & (y < -40)
    if style == "moustache":
        density *= moustache & (y > -50)
    elif style == "goatee":
        density *= ((x < 27) & (y < -34) & ((x > 18) | (y > -48) | (y < -66))) | chin
    return density


def beard_surface(
    rng: np.random.Generator,
    beard: Beard,
    person: Person,
    posed: FloatArray,
    normals: FloatArray,
    on_lips: FloatArray,
    reach: HeadReach,
    eye: FloatArray,
    down: FloatArray,
    detail: float = 1.0,
) -> Surface | None:
    """Grow a beard.

    Parameters
    ----------
    rng
        Source of chance.
    beard, person
        What grows, in which colour.
    posed, normals
        (V, 3) mm and outward directions.
    on_lips
        (N,) 0..1: which root sites are lips, where nothing grows.
    reach
        The posed head.
    eye, down
        (3,) the lens (mm) and gravity, head space.
    detail
        Share of the strands that are drawn.
    """
    if beard.style in ("none", "shaved"):
        return None
    sites = root_sites()
    density = _region(beard.style, sites.places, beard.cheek) * (1 - on_lips)
    wanted = {"stubble": 2200, "short": 3000, "full": 2600, "long": 2400}.get(beard.style, 1500)
    count = min(round(wanted * detail * (0.5 + 0.5 * person.beard_growth)), int((density > 0.01).sum()))
    if count < 30:
        return None
    chosen = rng.choice(len(density), count, replace=False, p=density / density.sum())
    growth = Growth(
        length=beard.length,
        steps=3 if beard.length < 10 else 6,
        rise=0.55,
        comb=lambda p: np.stack([p[:, 0] * 0.012, np.full(len(p), -1.0), np.full(len(p), 0.25)], axis=1),
        hold=0.5,
        weight=0.5,
        volume=min(beard.length * 0.5, 9.0),
        waves=1.5,
        wave_mm=min(beard.length * 0.06, 1.6),
        clump=0.25,
        mess=0.28,
        off_face=False,
    )
    strands = grow(rng, sites.on(posed, chosen), sites.on(normals, chosen), growth, reach, down, guides=500)
    width = {"stubble": 0.26, "short": 0.42}.get(beard.style, 0.45 if beard.length < 10 else 0.7)
    return ribbons(
        rng,
        strands,
        eye,
        np.minimum(person.brow_colour * rng.uniform(0.9, 2.0), 0.4),
        width / np.sqrt(max(detail, 0.2)),
        Label.BEARD,
        variety=0.3,
        grey=max(0.0, person.age - 0.45) * float(rng.uniform(0, 1.2)),
        gloss=0.35,
        root_sky=0.55,
        shadow_every=4,
    )
