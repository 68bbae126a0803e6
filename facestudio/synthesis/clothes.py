"""Neck, shoulders and what is worn on them: collars at chance heights, so that no line gives the neck away."""

from collections.abc import Callable
from functools import cache

import numpy as np

from facestudio.geometry.mesh import vertex_normals
from facestudio.render.photo_scene import Kind, Surface, pack_vertices
from facestudio.synthesis.labels import Label
from facestudio.synthesis.noise import smooth_noise
from facestudio.synthesis.person import to_linear
from facestudio.values import ByteArray, FloatArray, IntArray

_AROUND, _DOWN = 56, 30
_FABRIC = 256
# Rings from the neck down: height, half width, half depth, and how far forward, mm.
_RINGS = np.array(
    [
        (12, 38, 38, -6),
        (-2, 52, 50, -6),
        (-14, 66, 60, -6),
        (-27, 90, 68, -8),
        (-38, 130, 78, -8),
        (-52, 172, 88, -8),
        (-75, 202, 98, -4),
        (-120, 222, 110, 2),
        (-200, 220, 116, 8),
        (-420, 205, 122, 8),
    ],
    dtype=np.float64,
)


@cache
def _grid() -> tuple[FloatArray, FloatArray, IntArray]:
    """Angle around (0 front) and place down (0..1) of the torso's vertices, and its triangles."""
    turn = np.linspace(-np.pi, np.pi, _AROUND + 1)
    down = np.linspace(0, 1, _DOWN)
    around, along = np.meshgrid(turn, down)
    ids = np.arange(_DOWN * (_AROUND + 1)).reshape(_DOWN, _AROUND + 1)
    quads = np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], axis=-1).reshape(-1, 4)
    return around.ravel(), along.ravel(), quads.astype(np.int32)


def _torso(rng_width: float, lift: float, out_mm: float) -> FloatArray:
    """Points of the torso grid, (N, 3) mm around the neck's foot; `out_mm` larger than the body."""
    around, along, _ = _grid()
    at = along * (len(_RINGS) - 1)
    rings = np.stack([np.interp(at, np.arange(len(_RINGS)), _RINGS[:, k]) for k in range(4)], axis=1)
    wide = np.where(rings[:, 1] > 60, 60 + (rings[:, 1] - 60) * rng_width, rings[:, 1]) + out_mm
    deep = rings[:, 2] + out_mm
    # Shoulders slope: sides lie lower than front and back of the same ring.
    drop = lift * np.clip((rings[:, 1] - 60) / 100, 0, 1) * np.abs(np.sin(around)) ** 2
    x = wide * np.sign(np.sin(around)) * np.abs(np.sin(around)) ** 0.9
    z = deep * np.sign(np.cos(around)) * np.abs(np.cos(around)) ** 0.9 + rings[:, 3]
    return np.stack([x, rings[:, 0] - drop, z], axis=1)


def fabric(rng: np.random.Generator) -> ByteArray:
    """Draw cloth, (_FABRIC, _FABRIC, 3) uint8."""
    base = np.clip(rng.choice([rng.uniform(15, 60), rng.uniform(60, 170), rng.uniform(180, 240)]), 0, 255)
    hue = rng.uniform(0, 2 * np.pi)
    colour = base * (1 + rng.beta(0.9, 4.5) * np.cos(hue - np.array([0, 2.094, 4.189])))
    picture = np.broadcast_to(np.clip(colour, 3, 250), (_FABRIC, _FABRIC, 3)).astype(np.float32).copy()
    kind = rng.random()
    other = np.clip(
        rng.uniform(10, 245) * (1 + 0.25 * np.cos(rng.uniform(0, 6) - np.array([0, 2.094, 4.189]))), 3, 250
    )
    y, x = np.mgrid[:_FABRIC, :_FABRIC]
    if kind < 0.1:
        picture[(y // int(rng.integers(4, 16))) % 2 == 0] = other
    elif kind < 0.16:
        picture[(x // int(rng.integers(2, 8))) % 3 == 0] = other
    elif kind < 0.24:
        step = int(rng.integers(5, 14))
        picture = (
            picture
            * (1 - 0.35 * ((x // step) % 2 == 0)[..., None])
            * (1 - 0.35 * ((y // step) % 2 == 0)[..., None])
        )
    elif kind < 0.3:
        spots = smooth_noise(rng, _FABRIC, 28, 2) > rng.uniform(0.3, 1.0)
        picture[spots] = other
    picture *= 1 + rng.uniform(0.02, 0.12) * smooth_noise(rng, _FABRIC, 12, 4)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _neckline(rng: np.random.Generator, style: str) -> FloatArray:
    """Return how far down (0..1 of the torso) cloth begins around the neck, from behind over the right, (_FABRIC,)."""
    turn = np.linspace(-np.pi, np.pi, _FABRIC)
    front = np.clip(np.cos(turn), 0, 1)
    high = {
        "crew": rng.uniform(0.19, 0.27),
        "v": 0.22,
        "boat": rng.uniform(0.28, 0.36),
        "shirt": 0.2,
        "turtle": 0.12,
        "scoop": 0.26,
        "off": 0.5,
    }[style]
    line = np.full(_FABRIC, high)
    if style == "v":
        line += rng.uniform(0.2, 0.5) * np.clip(1 - np.abs(turn) / rng.uniform(0.35, 0.7), 0, 1)
    elif style == "shirt":
        line += rng.uniform(0.1, 0.35) * np.clip(1 - np.abs(turn) / rng.uniform(0.2, 0.4), 0, 1)
    elif style in ("scoop", "crew"):
        line += rng.uniform(0.02, 0.14 if style == "scoop" else 0.05) * front**2
    return line


def torso_surfaces(
    rng: np.random.Generator, pivot: FloatArray, turn: FloatArray, skin_colour: FloatArray
) -> tuple[str, list[Surface]]:
    """Return what is worn, and the surfaces of neck, shoulders and clothes.

    Parameters
    ----------
    rng
        Source of chance.
    pivot
        (3,) mm, head space: the middle of the neck's foot.
    turn
        (3, 3): rotation of the torso relative to the head.
    skin_colour
        (3,) sRGB 0..255 of the neck.
    """
    around, along, quads = _grid()
    broad, slope = rng.uniform(0.82, 1.1), rng.uniform(10, 55)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    uvs = np.stack([around / (2 * np.pi) + 0.5, along], axis=1)
    styles = ("crew", "v", "boat", "shirt", "turtle", "scoop", "off")
    style = styles[int(rng.choice(len(styles), p=[0.28, 0.13, 0.06, 0.24, 0.09, 0.15, 0.05]))]
    raise_mm = rng.uniform(-10, 14)
    out: list[Surface] = []

    def placed(points: FloatArray) -> FloatArray:
        return (points + np.array([0.0, raise_mm, 0.0])) @ turn.T + pivot

    body = placed(_torso(broad, slope, 0.0))
    normals = vertex_normals(body, quads)
    out.append(
        Surface(
            Kind.SKIN,
            Label.SKIN,
            pack_vertices(body, normals, uvs, to_linear(skin_colour), 0.95),
            triangles,
            grain=0.1,
            grain_scale=40.0,
        )
    )
    cloth = _torso(broad, slope, float(rng.uniform(3, 7)))
    cloth[:, 1] += 2.0 + rng.uniform(0, 2) * np.sin(around * int(rng.integers(2, 6)) + rng.uniform(0, 6))
    cloth = placed(cloth)
    picture = fabric(rng)
    alpha: ByteArray = np.where(
        np.arange(_FABRIC)[:, None] / _FABRIC >= _neckline(rng, style)[None], 255, 0
    ).astype(np.uint8)
    normals = vertex_normals(cloth, quads)
    folds = float(rng.uniform(0.1, 0.5))
    out.append(
        Surface(
            Kind.CLOTH,
            Label.CLOTHES,
            pack_vertices(cloth, normals, uvs, sky=0.9),
            triangles,
            texture=np.dstack([picture, alpha]).astype(np.uint8),
            grain=folds,
            grain_scale=float(rng.uniform(3, 30)),
            shadow=triangles,
        )
    )
    if style in ("shirt", "turtle") or rng.random() < 0.12:
        out.append(_collar(rng, style, placed, picture))
    return style, out


def _collar(
    rng: np.random.Generator, style: str, placed: Callable[[FloatArray], FloatArray], picture: ByteArray
) -> Surface:
    """Return a band around the neck: a shirt's turned-down collar, or a tube."""
    n = 64
    open_at = rng.uniform(0.12, 0.5) if style == "shirt" else 0.0
    turn = np.linspace(open_at, 2 * np.pi - open_at, n)
    front = np.cos(turn)
    top = rng.uniform(8, 26) if style == "shirt" else rng.uniform(10, 62)
    profile = (
        [(-20, 66), (top, 60), (top + 2, 63), (top - 26, 74), (top - 34, 78)]
        if style == "shirt"
        else [(-22, 68), (0, 62), (top * 0.5, 60), (top, 60), (top + 2, 57)]
    )
    rows: list[FloatArray] = []
    for height, radius in profile:
        low = 10 * np.clip(front, 0, 1) ** 2 if style == "shirt" else 4 * np.clip(front, 0, 1)
        rows.append(
            np.stack(
                [(radius) * np.sin(turn), height - low + 0 * turn, (radius - 2) * np.cos(turn) - 1], axis=1
            )
        )
    points = np.concatenate(rows)
    ids = np.arange(len(points)).reshape(len(profile), n)
    quads = (
        np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], axis=-1)
        .reshape(-1, 4)
        .astype(np.int32)
    )
    where = placed(points)
    uvs = np.stack(
        [np.tile(np.linspace(0, 1, n), len(profile)), np.repeat(np.linspace(0.3, 0.5, len(profile)), n)],
        axis=1,
    )
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    return Surface(
        Kind.CLOTH,
        Label.CLOTHES,
        pack_vertices(where, -vertex_normals(where, quads), uvs, sky=0.85),
        triangles,
        texture=picture,
        grain=0.2,
        grain_scale=20.0,
        shadow=triangles,
    )
