"""Things before the face: hands, phones, masks, scarves, cups, microphones."""

import numpy as np
from scipy.spatial.transform import Rotation

from facestudio.render.photo_scene import Kind, Surface
from facestudio.synthesis.clothes import fabric
from facestudio.synthesis.labels import Label
from facestudio.synthesis.person import to_linear
from facestudio.synthesis.scalp import CENTRE, HeadReach
from facestudio.synthesis.shapes import box, capsule, sheet, tube
from facestudio.values import FloatArray

_WHITE = (1.0, 1.0, 1.0)
_SHARES = {"hand": 0.34, "mask": 0.22, "phone": 0.13, "scarf": 0.15, "cup": 0.08, "microphone": 0.08}


def occluder_surfaces(
    rng: np.random.Generator, mesh: FloatArray, reach: HeadReach, skin_colour: FloatArray
) -> tuple[str, list[Surface]]:
    """Return an occluder's name and surfaces.

    Parameters
    ----------
    rng
        Source of chance.
    mesh
        (478, 3) mm: the posed mesh points.
    reach
        The posed head.
    skin_colour
        (3,) sRGB 0..255, for hands.
    """
    name = list(_SHARES)[int(rng.choice(len(_SHARES), p=list(_SHARES.values())))]
    if name == "hand":
        return name, _hand(rng, mesh, to_linear(skin_colour))
    if name == "mask":
        return name, _mask(rng, reach)
    if name == "scarf":
        return name, _scarf(rng)
    if name == "phone":
        size = np.array([rng.uniform(66, 78), rng.uniform(135, 160), 8.0])
        place = mesh[rng.choice([152, 234, 454, 61, 291, 5])] + np.array(
            [rng.normal(0, 18), rng.normal(0, 18), rng.uniform(25, 70)]
        )
        grid = box(size) @ Rotation.from_euler("zyx", rng.normal(0, (0.5, 0.25, 0.25))).as_matrix().T + place
        colour = rng.uniform(0.005, 0.12) * np.ones(3) if rng.random() < 0.7 else rng.uniform(0.05, 0.6, 3)
        return name, [sheet(Kind.SHINY, Label.OCCLUDER, grid, colour, around=True, gloss=0.8)]
    mouth: FloatArray = mesh[[13, 14]].mean(axis=0)
    colour = rng.uniform(0.02, 0.7) * rng.uniform(0.6, 1.0, 3)
    if name == "cup":
        base = mouth + np.array([rng.normal(0, 12), -58 + rng.normal(0, 8), rng.uniform(38, 48)])
        path = base + np.linspace(0, 1, 6)[:, None] * np.array([rng.normal(0, 8), 62.0, -12.0])
        return name, [
            sheet(Kind.SHINY, Label.OCCLUDER, tube(path, np.linspace(33, 40, 6)), colour, around=True)
        ]
    tip = mouth + np.array([rng.normal(0, 10), rng.uniform(-28, -8), rng.uniform(28, 45)])
    away = tip + np.array([rng.normal(0, 40), -150.0, rng.uniform(-20, 60)])
    return name, [
        sheet(
            Kind.SHINY,
            Label.OCCLUDER,
            capsule(tip, tip + (away - tip) * 0.9, 11.0),
            colour * 0.1,
            around=True,
        ),
        sheet(
            Kind.CLOTH,
            Label.OCCLUDER,
            capsule(tip, tip + (away - tip) * 0.16, 20.0),
            (0.02, 0.02, 0.02),
            around=True,
            grain=0.6,
        ),
    ]


def _hand(rng: np.random.Generator, mesh: FloatArray, colour: FloatArray) -> list[Surface]:
    """Four fingers, thumb and palm, laid on the face."""
    target = mesh[int(rng.choice([61, 291, 152, 50, 280, 10, 13, 234, 454, 205]))] + rng.normal(0, 6, 3)
    away = target - np.array([0.0, -10.0, 20.0])
    away /= np.linalg.norm(away)
    turn = Rotation.from_euler("z", rng.uniform(-0.9, 0.9) - np.sign(target[0]) * 0.5).as_matrix()
    up = turn @ np.array([0.0, 1.0, 0.0])
    up = up - away * (up @ away)
    up /= np.linalg.norm(up)
    side = np.cross(up, away) * rng.choice([-1.0, 1.0])
    base = target + away * rng.uniform(11, 26)
    tint = colour * rng.uniform(0.85, 1.1)
    out: list[Surface] = []

    def part(start: FloatArray, stop: FloatArray, radius: float, end: float) -> None:
        out.append(
            sheet(
                Kind.SKIN,
                Label.OCCLUDER,
                capsule(start, stop, radius, end),
                tint,
                around=True,
                grain=0.12,
                grain_scale=5.0,
                gloss=0.35,
                sky=0.85,
            )
        )

    bend = rng.uniform(0.0, 0.7)
    for k, length in enumerate((68.0, 76.0, 72.0, 58.0)):
        knuckle = base + side * (k - 1.5) * 17.5
        joint = knuckle + up * length * 0.5 + side * (k - 1.5) * rng.uniform(0.5, 2.5) + away * 3
        tip = joint + (up * np.cos(bend) - away * np.sin(bend) * 0.6) * length * 0.5
        part(knuckle, joint, 9.0, 8.2)
        part(joint, tip, 8.2, 6.6)
    palm = base - up * 42
    for k in range(4):
        part(base + side * (k - 1.5) * 17, palm + side * (k - 1.5) * 13 - away * 2, 10.5, 13.0)
    part(palm - side * 24 + up * 4, base - side * 44 + up * 16, 12.0, 8.5)
    part(palm - up * 10, palm - up * 160 + away * 20, 27.0, 33.0)
    return out


def _mask(rng: np.random.Generator, reach: HeadReach) -> list[Surface]:
    """Return a cloth over mouth and nose, with its loops."""
    wide, low = np.radians(rng.uniform(52, 62)), np.radians(rng.uniform(-53, -48))
    high = np.radians(rng.uniform(-13, -5)) if rng.random() < 0.8 else np.radians(-24.0)
    turn = np.linspace(-wide, wide, 33)
    share = np.abs(turn) / wide
    t = np.linspace(0, 1, 18)[:, None]
    top = high - 0.16 * share**1.5
    foot = low + 0.22 * share**2
    height = top[None] + (foot - top)[None] * t
    radius = reach.at(np.broadcast_to(turn, height.shape), height)
    full = radius.copy()
    for _ in range(5):
        full[:, 1:-1] = np.maximum(full[:, 1:-1], 0.5 * (full[:, 2:] + full[:, :-2]))
        full[1:-1] = np.maximum(full[1:-1], 0.5 * (full[2:] + full[:-2]))
    for _ in range(3):
        full[:, 1:-1] = (full[:, 2:] + full[:, 1:-1] + full[:, :-2]) / 3
        full[1:-1] = (full[2:] + full[1:-1] + full[:-2]) / 3
    radius = np.maximum(full, radius) + 3.5 + rng.uniform(0, 5) * np.sin(np.pi * t) * (1 - share**2)[None]
    out = np.stack([np.cos(height) * np.sin(turn), np.sin(height), np.cos(height) * np.cos(turn)], axis=-1)
    grid = CENTRE + out * radius[..., None]
    colours = (
        [0.55, 0.72, 0.85],
        [0.82, 0.83, 0.84],
        [0.02, 0.02, 0.025],
        [0.6, 0.75, 0.68],
        [0.8, 0.5, 0.55],
    )
    colour = np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.8, 1.1)
    picture = fabric(rng) if rng.random() < 0.2 else None
    pleats = 1 - 0.12 * (np.sin(np.linspace(0, 6 * np.pi, 64)) > 0.6)
    if picture is None and rng.random() < 0.7:
        picture = np.clip(255 * pleats[:, None, None] * np.ones((64, 64, 3)), 0, 255).astype(np.uint8)
    tint = _WHITE if picture is not None and picture.shape[0] > 64 else colour
    found = [sheet(Kind.CLOTH, Label.OCCLUDER, grid, tint, picture=picture, grain=0.15, grain_scale=8.0)]
    for column, sign in ((0, -1.0), (-1, 1.0)):
        side = float(reach.at(np.array([sign * np.pi / 2]), np.array([0.0]))[0])
        for row in (1, -2):
            start = grid[row, column]
            ear = np.array([sign * (side + 4), 10.0 if row == 1 else -12.0, -8.0])
            path = start + (ear - start) * np.linspace(0, 1, 8)[:, None]
            path[:, 0] += sign * 5 * np.sin(np.pi * np.linspace(0, 1, 8))
            found.append(sheet(Kind.CLOTH, Label.OCCLUDER, tube(path, 1.0), (0.7, 0.7, 0.7), around=True))
    return found


def _scarf(rng: np.random.Generator) -> list[Surface]:
    """Return a thick cloth around the neck, sometimes up to the mouth."""
    cloth = fabric(rng)
    found: list[Surface] = []
    height = rng.uniform(-150, -108)
    for k in range(int(rng.integers(1, 4))):
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        wave = rng.uniform(0, 9) * np.sin(turn * int(rng.integers(1, 4)) + rng.uniform(0, 6))
        ring = rng.uniform(68, 84)
        path = np.stack(
            [ring * np.sin(turn), height + 22 * k + wave - 12 * np.cos(turn), (ring + 6) * np.cos(turn) + 8],
            axis=1,
        )
        radius = rng.uniform(20, 30) * (1 + 0.12 * np.sin(turn * 7 + rng.uniform(0, 6)))
        found.append(
            sheet(
                Kind.CLOTH,
                Label.OCCLUDER,
                tube(path, radius, flat=0.8, closed=True),
                _WHITE,
                around=True,
                picture=cloth,
                grain=0.7,
                grain_scale=9.0,
            )
        )
    return found
