"""Glasses: frames of several shapes, lenses that mirror, sunglasses."""

import numpy as np

from facestudio.render.photo_scene import Kind, Surface
from facestudio.synthesis.labels import Label
from facestudio.synthesis.scalp import HeadReach
from facestudio.synthesis.shapes import sheet, tube
from facestudio.values import FloatArray

_OUTLINE = 44
SHAPES = {
    "round": (22.5, 22.0, 2.0, 0.0),
    "oval": (25.0, 17.5, 2.2, 0.0),
    "rectangle": (27.0, 17.0, 4.5, 0.0),
    "square": (26.0, 22.0, 3.6, 0.0),
    "aviator": (28.0, 24.0, 2.6, 0.25),
    "cat": (27.0, 18.0, 2.8, -0.3),
    "narrow": (26.0, 13.0, 3.5, 0.0),
}


def lens_outline(shape: str, scale: float) -> FloatArray:
    """Return points around a lens of one of `SHAPES`, (44, 2) mm, x outwards, y up."""
    wide, high, power, droop = SHAPES[shape]
    turn = np.linspace(0, 2 * np.pi, _OUTLINE, endpoint=False)
    c, s = np.cos(turn), np.sin(turn)
    x = wide * np.sign(c) * np.abs(c) ** (2 / power)
    y = high * np.sign(s) * np.abs(s) ** (2 / power)
    if droop > 0:
        x = x * (1 + droop * np.where(y < 0, 0.35 * y / high, 0))
        y = y - 2
    elif droop < 0:
        y = y - droop * 0.45 * np.maximum(y, 0) * (x / wide)
    return np.stack([x, y], axis=1) * scale


def glasses_surfaces(
    rng: np.random.Generator, mesh: FloatArray, eyes: FloatArray, reach: HeadReach
) -> tuple[str, list[Surface]]:
    """Return the glasses' name and surfaces.

    Parameters
    ----------
    rng
        Source of chance.
    mesh
        (478, 3) mm: the posed mesh points.
    eyes
        (2, 3) mm: middles of the eyeballs, left first.
    reach
        The head.
    """
    shape = list(SHAPES)[int(rng.integers(len(SHAPES)))]
    dark = rng.random() < 0.14
    apart = float(np.abs(eyes[0, 0] - eyes[1, 0])) / 2
    scale = apart / 31.0 * rng.uniform(0.92, 1.14) * (1.08 if dark else 1.0)
    outline = lens_outline(shape, scale)
    half = float(np.abs(outline[:, 0]).max())
    middle = max(apart + rng.uniform(-1, 2.5), half + 7.5)
    slip = rng.uniform(-7, 1) if rng.random() < 0.8 else rng.uniform(-13, -7)
    height = float(eyes[:, 1].mean()) + slip + 1.0
    front = max(
        float(mesh[[105, 334, 66, 296], 2].max()) + 1.0, float(eyes[:, 2].mean()) + rng.uniform(26, 31)
    )
    wrap = rng.uniform(3, 9)
    thick = float(rng.choice([0.7, 1.0, 1.7, 2.6])) * rng.uniform(0.85, 1.2)
    tone = rng.random()
    colour = np.array([0.012, 0.011, 0.011])
    if tone > 0.5:
        colour = rng.uniform(0.01, 0.5) * np.array([1.0, rng.uniform(0.45, 1.0), rng.uniform(0.2, 1.0)])
    elif tone > 0.35:
        colour = np.array([0.45, 0.43, 0.40]) * rng.uniform(0.4, 1.2)
    kind = Kind.SHINY

    def placed(x: FloatArray, y: FloatArray, sign: float) -> FloatArray:
        across = sign * (middle + x)
        lean = -0.09 * y
        return np.stack([across, height + y, front - wrap * (across / 62) ** 2 + lean], axis=-1)

    out: list[Surface] = []
    tint = (0.03, 0.03, 0.035) if rng.random() < 0.6 else (0.05, 0.03, 0.015)
    for sign in (1.0, -1.0):
        rim = placed(outline[:, 0], outline[:, 1], sign)
        if not (shape in ("aviator", "oval") and thick < 0.9 and rng.random() < 0.3):
            out.append(
                sheet(kind, Label.GLASSES, tube(rim, thick, flat=1.3, closed=True), colour, around=True)
            )
        share = np.linspace(0.02, 1, 5)[:, None, None]
        disc = placed(outline[:, 0] * 0, outline[:, 1] * 0, sign)[None] * (1 - share)
        bowl = disc + share * np.concatenate([rim, rim[:1]])[None, :_OUTLINE]
        bowl = np.concatenate([bowl, bowl[:, :1]], axis=1)
        bowl[..., 2] += 1.6 * (1 - share[..., 0] ** 2)
        if sign > 0:
            bowl = bowl[::-1]
        out.append(
            sheet(
                Kind.SHINY if dark else Kind.LENS,
                Label.GLASSES,
                bowl,
                tint if dark else (0.85, 0.9, 0.9),
                opacity=float(rng.uniform(0.0, 0.06)),
                shadow=dark,
                solid=dark,
                gloss=0.9,
            )
        )
        # The arm runs from the outer rim back over the ear.
        corner = placed(np.array([half]), np.array([outline[:, 1].max() * 0.45]), sign)[0]
        side = float(reach.at(np.array([sign * np.pi / 2]), np.array([0.0]))[0]) + 3.5
        ear = np.array([sign * side, max(corner[1] + 2, 18.0), -2.0])
        hook = ear + np.array([-sign * 4.0, -26.0, -22.0])
        t = np.linspace(0, 1, 14)[:, None]
        arm = corner + (ear - corner) * t
        arm[:, 0] += sign * 3.0 * np.sin(np.pi * t[:, 0])
        out.append(
            sheet(
                kind,
                Label.GLASSES,
                tube(np.concatenate([arm, hook[None]]), max(thick * 0.8, 0.8), flat=1.6),
                colour,
                around=True,
            )
        )
    inner = float(outline[:, 0].min())
    bend = np.linspace(-1, 1, 9)
    x = bend * (middle + inner)
    y = height + outline[:, 1].max() * rng.uniform(0.15, 0.55) + 2.5 * (1 - bend**2)
    bridge = np.stack([x, y, np.full(9, front) + 1.5 * (1 - bend**2)], axis=1)
    out.append(sheet(kind, Label.GLASSES, tube(bridge, max(thick * 0.9, 0.8)), colour, around=True))
    return ("sunglasses, " if dark else "") + shape, out
