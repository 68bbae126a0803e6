"""Hats, caps, hoods and headscarves, made to the measure of the head."""

from dataclasses import dataclass

import numpy as np

from facestudio.render.photo_scene import Kind, Surface
from facestudio.synthesis.clothes import fabric
from facestudio.synthesis.labels import Label
from facestudio.synthesis.scalp import CENTRE, HeadReach
from facestudio.synthesis.shapes import sheet
from facestudio.values import ByteArray, FloatArray

_WHITE = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Hat:
    """What is on the head: its name, how high its rim sits in front (radians), and what of the hair it hides.

    `below` is the height on the rest head (mm) above which hair is hidden; None hides all.
    """

    name: str
    front: float
    below: float | None


def draw_hat(rng: np.random.Generator) -> Hat:
    """Draw a hat."""
    name = str(
        rng.choice(
            ["beanie", "cap", "brimmed", "headscarf", "hood", "headband"],
            p=[0.26, 0.28, 0.14, 0.14, 0.1, 0.08],
        )
    )
    front = float(np.radians(rng.uniform(21, 33)))
    below = {"headscarf": None, "hood": None, "headband": 400.0}.get(
        name, 20 + 110 * float(np.tan(front)) - 6
    )
    return Hat(name, front, below)


def _dome(reach: HeadReach, front: float, back: float, off: float, high: float, rows: int = 16) -> FloatArray:
    """Grid over the skull from the rim up, (rows, 49, 3) mm."""
    turn = np.linspace(-np.pi, np.pi, 49)
    rim = back + (front - back) * (0.5 + 0.5 * np.cos(turn))
    t = np.linspace(0, 1, rows)[:, None]
    height = rim[None] + (np.pi / 2 - rim[None]) * t
    radius = reach.at(np.broadcast_to(turn, height.shape), height)
    for _ in range(3):  # even out what the map of a single head has in bumps
        radius[:, 1:-1] = (radius[:, 2:] + radius[:, 1:-1] + radius[:, :-2]) / 3
        radius[1:-1] = (radius[2:] + radius[1:-1] + radius[:-2]) / 3
    radius = radius + off + high * np.sin(height) ** 2 * t
    out = np.stack([np.cos(height) * np.sin(turn), np.sin(height), np.cos(height) * np.cos(turn)], axis=-1)
    return CENTRE + out * radius[..., None]


def _around_face(reach: HeadReach, off: float, wide: float, top: float, foot: float) -> FloatArray:
    """Grid from an oval around the face to the back of the head and down the neck, (14, 65, 3) mm."""
    turn = np.linspace(0, 2 * np.pi, 65)
    azimuth = wide * np.sin(turn)
    height = np.where(np.cos(turn) > 0, top, foot) * np.abs(np.cos(turn))
    edge = np.stack(
        [np.cos(height) * np.sin(azimuth), np.sin(height), np.cos(height) * np.cos(azimuth)], axis=-1
    )
    rows: list[FloatArray] = []
    for t in np.linspace(0, 1, 14):
        toward = edge * np.cos(t * 1.9) + np.array([0, 0, -1.0]) * np.sin(t * 1.9) * 1.0
        toward = toward / np.linalg.norm(toward, axis=1, keepdims=True)
        turned, lifted = np.arctan2(toward[:, 0], toward[:, 2]), np.arcsin(np.clip(toward[:, 1], -1, 1))
        radius = np.minimum(reach.at(turned, lifted), 175.0) + off * (0.5 + t)
        rows.append(CENTRE + toward * radius[:, None])
    grid = np.stack(rows)
    for _ in range(2):
        grid[1:-1, 1:-1] = (
            grid[1:-1, 1:-1] * 2 + grid[2:, 1:-1] + grid[:-2, 1:-1] + grid[1:-1, 2:] + grid[1:-1, :-2]
        ) / 6
    return grid


def hat_surfaces(rng: np.random.Generator, hat: Hat, reach: HeadReach) -> list[Surface]:
    """Return the surfaces of a hat on a head."""
    cloth: ByteArray = fabric(rng)
    label = Label.CLOTHES
    back = float(np.radians(rng.uniform(-22, 2)))
    if hat.name == "beanie":
        crown = _dome(reach, hat.front, back, 7.0, rng.uniform(4, 34))
        band = _dome(reach, hat.front, back, 10.5, 0.0)[:5]
        return [
            sheet(Kind.CLOTH, label, g[:, ::-1], _WHITE, picture=cloth, grain=0.8, grain_scale=16.0)
            for g in (crown, band)
        ]
    if hat.name == "headband":
        band = _dome(reach, hat.front, back + 0.2, 5.0, 0.0, rows=20)[: int(rng.integers(4, 8))]
        return [sheet(Kind.CLOTH, label, band[:, ::-1], _WHITE, picture=cloth, grain=0.4)]
    if hat.name in ("hood", "headscarf"):
        loose = rng.uniform(18, 34) if hat.name == "hood" else rng.uniform(5, 10)
        wide = np.radians(rng.uniform(62, 76) if hat.name == "hood" else rng.uniform(56, 66))
        top = hat.front + (0.15 if hat.name == "hood" else 0.0)
        foot = float(np.radians(rng.uniform(-58, -50)))
        grid = _around_face(reach, loose, float(wide), top, foot)
        return [sheet(Kind.CLOTH, label, grid, _WHITE, picture=cloth, grain=0.3, grain_scale=4.0, sky=0.85)]
    crown = _dome(
        reach, hat.front, back, 6.5, rng.uniform(6, 22) if hat.name == "cap" else rng.uniform(15, 45)
    )
    out = [sheet(Kind.CLOTH, label, crown[:, ::-1], _WHITE, picture=cloth, grain=0.15)]
    rim = crown[0]
    if hat.name == "cap":
        backwards = rng.random() < 0.12
        turn = np.linspace(-1.05, 1.05, 25) + (np.pi if backwards else 0)
        at = ((turn + np.pi) / (2 * np.pi) % 1.0 * 48).astype(int)
        length, tilt = rng.uniform(55, 78), rng.uniform(-0.05, 0.35)
        share = np.cos((turn - (np.pi if backwards else 0)) / 1.05 * np.pi / 2) ** 0.6
        ahead = np.array([0, -tilt, -1.0 if backwards else 1.0]) * length
        t = np.linspace(0, 1, 7)[:, None, None]
        bow = -0.10 * np.abs(rim[at][:, 0]) ** 1.3 * 0.25
        bill = (
            rim[at][None]
            + t * share[None, :, None] * ahead
            + t * np.stack([0 * bow, bow, 0 * bow], axis=1)[None]
        )
        out.append(sheet(Kind.CLOTH, label, bill, _WHITE, picture=cloth, grain=0.1))
    else:
        wide, curl = rng.uniform(35, 85), rng.uniform(-0.25, 0.5)
        outward = rim - CENTRE
        outward[:, 1] = 0
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        t = np.linspace(0, 1, 7)[:, None, None]
        lift = curl * np.abs(outward[:, 0]) - 0.12
        brim = (
            rim[None]
            + t * wide * outward[None]
            + t**2 * wide * np.stack([0 * lift, lift, 0 * lift], axis=1)[None]
        )
        out.append(sheet(Kind.CLOTH, label, brim, _WHITE, picture=cloth, grain=0.1))
    return out
