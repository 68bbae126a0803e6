"""Neck, shoulders and what is worn on them: collars at chance heights, so that no line gives the neck away."""

from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np

from facestudio.geometry.mesh import vertex_normals
from facestudio.render.occlusion import template_occlusion
from facestudio.render.photo_scene import Kind, Surface, pack_vertices
from facestudio.synthesis.labels import Label
from facestudio.synthesis.noise import smooth_noise
from facestudio.synthesis.person import to_linear
from facestudio.template.model import load_template
from facestudio.template.parts import template_parts
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray

_AROUND, _DOWN = 56, 30
_FABRIC = 256
_UNDER = 0.06  # skin reaches so far below the hem, share of the torso
_FOOT = (0.0, 0.4, 1.0)  # where along the rings below the neck's own lie
_OVER_MM = (-1.2, 2.5, 2.5)  # it comes out of the neck, and then covers its foot
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
def _grid(fineness: float = 1.0) -> tuple[FloatArray, FloatArray, IntArray]:
    """Angle around (0 front) and place down (0..1) of the torso's vertices, and its quads."""
    columns, rows = round(_AROUND * fineness) + 1, round(_DOWN * fineness)
    around, along = np.meshgrid(np.linspace(-np.pi, np.pi, columns), np.linspace(0, 1, rows))
    ids = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]], axis=-1).reshape(-1, 4)
    # The front first: what lies behind it need not be shaded.
    order = np.argsort(np.abs(around.ravel()[quads].mean(axis=1)), kind="stable")
    return around.ravel(), along.ravel(), quads[order].astype(np.int32)


@cache
def _foot_rings() -> tuple[IntArray, ...]:
    """Return vertex ids of three rings around the neck, the lowest last, each from behind over the right."""
    template, parts = load_template(), template_parts()
    away = parts.rings_from(parts.collar, len(_FOOT))
    rings: list[IntArray] = []
    for k in reversed(range(len(_FOOT))):
        ring = np.flatnonzero((away == k) & parts.outer)
        off = template.vertices[ring] - template.vertices[ring].mean(axis=0)
        rings.append(ring[np.argsort(np.arctan2(off[:, 0], off[:, 2]))].astype(np.int32))
    return tuple(rings)


def _around_ring(around: FloatArray, ring: FloatArray, values: FloatArray) -> FloatArray:
    """Return what a ring's vertices (R, 3) hold, (R, C), at angles (N,) around its middle, (N, C)."""
    off = ring - ring.mean(axis=0)
    turn = np.arctan2(off[:, 0], off[:, 2])
    columns = [np.interp(around, turn, column, period=2 * np.pi) for column in values.T]
    return np.stack(columns, axis=1)


def _joined(body: FloatArray, around: FloatArray, along: FloatArray, foot: list[FloatArray]) -> FloatArray:
    """Return the torso (N, 3) carried on from the neck: it lies close on the neck's foot and leaves it smoothly.

    Parameters
    ----------
    body
        (N, 3) mm: the torso by itself.
    around, along
        (N,) its grid.
    foot
        The neck's rings, (R, 3) mm each, in the torso's frame, the lowest last.
    """
    at = along * (len(_RINGS) - 1)
    onto = np.stack([_around_ring(around, ring, ring) for ring in foot])
    out = np.stack([np.sin(around), np.zeros(len(around)), np.cos(around)], axis=1)
    onto += np.array(_OVER_MM)[:, None, None] * out
    k = np.minimum(at / _FOOT[-1] * (len(foot) - 1), len(foot) - 1)
    low = np.minimum(k.astype(int), len(foot) - 2)
    share, each = (k - low)[:, None], np.arange(len(around))
    neck = onto[low, each] * (1 - share) + onto[low + 1, each] * share
    # Below the foot the torso's own course goes on from there.
    start = np.stack([np.interp(_FOOT[-1], np.arange(len(_RINGS)), _RINGS[:, c]) for c in range(4)])
    first = np.stack(
        [start[1] * np.sin(around), np.full(len(around), start[0]), start[2] * np.cos(around) + start[3]],
        axis=1,
    )
    t = np.clip((at - _FOOT[-1]) / 3.2, 0, 1)[:, None]
    free = neck + np.where(at[:, None] > _FOOT[-1], body - first, 0.0)
    return free + (body - free) * (t * t * (3 - 2 * t))


def _torso(rng_width: float, lift: float, fineness: float = 1.0) -> FloatArray:
    """Points of the torso grid, (N, 3) mm around the neck's foot."""
    around, along, _ = _grid(fineness)
    at = along * (len(_RINGS) - 1)
    rings = np.stack([np.interp(at, np.arange(len(_RINGS)), _RINGS[:, k]) for k in range(4)], axis=1)
    wide = np.where(rings[:, 1] > 60, 60 + (rings[:, 1] - 60) * rng_width, rings[:, 1])
    deep = rings[:, 2]
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
    picture = np.full((_FABRIC, _FABRIC, 3), np.clip(colour, 3, 250), dtype=np.float32)
    kind = rng.random()
    other = np.clip(
        rng.uniform(10, 245) * (1 + 0.25 * np.cos(rng.uniform(0, 6) - np.array([0, 2.094, 4.189]))), 3, 250
    )
    y, x = np.ogrid[:_FABRIC, :_FABRIC]
    if kind < 0.1:
        picture[(y // int(rng.integers(4, 16))).ravel() % 2 == 0] = other
    elif kind < 0.16:
        picture[:, (x // int(rng.integers(2, 8))).ravel() % 3 == 0] = other
    elif kind < 0.24:
        step = int(rng.integers(5, 14))
        picture = (
            picture
            * (1 - 0.35 * ((x // step) % 2 == 0)[..., None])
            * (1 - 0.35 * ((y // step) % 2 == 0)[..., None])
        ).astype(np.float32)
    elif kind < 0.3:
        spots = smooth_noise(rng, _FABRIC, 28, 2) > rng.uniform(0.3, 1.0)
        picture[spots] = other
    rough = 1 + rng.uniform(0.02, 0.12) * smooth_noise(rng, _FABRIC, 12, 4)
    woven = cv2.multiply(picture, cv2.merge([rough, rough, rough]), dtype=cv2.CV_8U)
    return np.asarray(woven, dtype=np.uint8)


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


def _folds(rng: np.random.Generator) -> Float32Array:
    """Draw how cloth is folded, (_FABRIC, _FABRIC) float32, about -1..1: long folds that run down and aslant."""
    size = _FABRIC // 2
    noise = smooth_noise(rng, _FABRIC, int(rng.integers(26, 60)), 2)
    y, x = np.mgrid[:size, :size] * 2
    lean = rng.uniform(-1.2, 1.2)
    # Left and right lean towards each other.
    u = (x * 2 + lean * np.abs(x - size) + 0.5 * lean * y).astype(np.int32) % _FABRIC
    v = (y * rng.uniform(0.35, 0.8)).astype(np.int32) % _FABRIC
    field = np.tanh(cv2.resize(noise[v, u], (_FABRIC, _FABRIC), interpolation=cv2.INTER_CUBIC))
    return np.asarray(0.6 * field + 0.4 * (1 - 2 * np.abs(field)), dtype=np.float32)  # with ridges


def _sewn(picture: ByteArray, line: FloatArray, style: str, depth: Float32Array) -> ByteArray:
    """Return cloth (_FABRIC, _FABRIC, 3) uint8 with shaded folds, a hem along its neckline, and a shirt's buttons."""
    below = (np.arange(_FABRIC)[:, None] / _FABRIC - line[None]).astype(np.float32)
    band = 0.012 if style in ("v", "scoop", "off", "boat") else 0.022
    shade = 1 - 0.3 * np.exp(-(((below - band) / 0.0045) ** 2)) - 0.18 * np.exp(-below.clip(0) / 0.004)
    shade = np.asarray(shade * (1 + 0.10 * depth), dtype=np.float32)
    cloth: Any = cv2.multiply(picture.astype(np.float32), cv2.merge([shade, shade, shade]))
    if style == "shirt":
        middle = _FABRIC // 2
        cloth[:, [middle - 3, middle + 3]] *= 0.8
        first = int((line[middle] + 0.04) * _FABRIC)
        for row in range(first, _FABRIC, 16):
            button = 0.55 * cloth[row, middle] + 30
            cv2.circle(cloth, (middle, row), 1, tuple(float(c) for c in button), -1)
    return np.asarray(cv2.convertScaleAbs(cloth), dtype=np.uint8)


def torso_surfaces(
    rng: np.random.Generator,
    head: FloatArray,
    pivot: FloatArray,
    turn: FloatArray,
    skin_colour: FloatArray,
    *,
    fineness: float = 1.0,
) -> tuple[str, list[Surface]]:
    """Return what is worn, and the surfaces of neck, shoulders and clothes.

    Parameters
    ----------
    rng
        Source of chance.
    head
        (V, 3) mm, head space: the head's vertices; the shoulders carry on its neck.
    pivot
        (3,) mm, head space: the middle of the neck's foot.
    turn
        (3, 3): rotation of the torso relative to the head.
    skin_colour
        (3,) sRGB 0..255 of the neck.
    fineness
        Of the cloth's grid.
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

    foot = [(head[ring] - pivot) @ turn - np.array([0.0, raise_mm, 0.0]) for ring in _foot_rings()]
    line = _neckline(rng, style)
    torso = _joined(_torso(broad, slope), around, along, foot)
    body = placed(torso)
    normals = vertex_normals(body, quads)
    # The chin shades the neck as it does on the head; next to the hem cloth shades the skin.
    shade = _around_ring(around, foot[0], template_occlusion()[_foot_rings()[0]][:, None].astype(np.float64))
    shade = 0.35 + 0.65 * np.clip(shade[:, 0], 0, 1)
    sky = shade + (0.95 - shade) * np.clip(along * 6, 0, 1)
    above = np.interp(around, np.linspace(-np.pi, np.pi, _FABRIC), line) - along
    bare = (above > -_UNDER)[triangles].any(axis=1)  # under the cloth there is nothing to see
    sky = sky * np.where(above > -0.02, 1 - 0.4 * np.exp(-np.clip(above, 0, None) / 0.02), 1.0)
    out.append(
        Surface(
            Kind.SKIN,
            Label.SKIN,
            pack_vertices(body, normals, uvs, to_linear(skin_colour), sky),
            triangles[bare],
            grain=0.1,
            grain_scale=40.0,
        )
    )
    if fineness != 1.0:
        around, along, quads = _grid(fineness)
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
        uvs = np.stack([around / (2 * np.pi) + 0.5, along], axis=1)
        torso = _joined(_torso(broad, slope, fineness), around, along, foot)
    cloth = torso
    depth = _folds(rng)
    rows, columns = ((x * (_FABRIC - 1)).astype(int) for x in (along, uvs[:, 0]))
    loose = np.clip((along - 0.2) / 0.3, 0, 1)
    out_mm = float(rng.uniform(2.5, 6)) + depth[rows, columns] * (rng.uniform(1.0, 6.0) * loose)
    cloth = placed(cloth + vertex_normals(cloth, quads) * out_mm[:, None])
    picture = _sewn(fabric(rng), line, style, depth)
    # A ramp in place of a step: its middle is a smooth line at any size.
    ramp = 127.5 + 64 * (np.arange(_FABRIC)[:, None] - line[None] * _FABRIC)
    alpha: ByteArray = np.clip(ramp, 0, 255).astype(np.uint8)
    normals = vertex_normals(cloth, quads)
    folds = float(rng.uniform(0.1, 0.5))
    out.append(
        Surface(
            Kind.CLOTH,
            Label.CLOTHES,
            pack_vertices(cloth, normals, uvs, sky=0.9),
            triangles,
            texture=np.asarray(cv2.merge([*cv2.split(picture), alpha]), dtype=np.uint8),
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
