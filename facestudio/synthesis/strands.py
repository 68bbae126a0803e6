"""Strands: guides grown over a head, children around them, and ribbons that face the camera."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from facestudio.render.photo_scene import Kind, Surface, pack_vertices
from facestudio.synthesis.scalp import CENTRE, HeadReach
from facestudio.values import BoolArray, FloatArray

_STRAY = 0.07  # share of strands that go ways of their own
Comb = Callable[[FloatArray], FloatArray]
"""From places (N, 3) mm to the direction hair is combed in there, (N, 3)."""


@dataclass(frozen=True, eq=False)
class Growth:
    """How strands grow.

    Attributes
    ----------
    length
        mm.
    steps
        Points along a strand.
    rise
        0 flat on the skin .. 1 straight out of it at the root.
    comb
        Where to.
    hold
        How much the comb still counts after the root, 0..1.
    weight
        How much strands hang.
    volume
        mm above the skin.
    waves, wave_mm
        Turns of a curl over the length, and its radius.
    clump
        0 every strand for itself .. 1 strands meet at their tips.
    mess
        Spread of directions.
    off_face
        Keep eyes, nose and mouth free.
    """

    length: float
    steps: int
    rise: float
    comb: Comb
    hold: float
    weight: float
    volume: float
    waves: float = 0.0
    wave_mm: float = 0.0
    clump: float = 0.4
    mess: float = 0.12
    off_face: bool = True


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def grow(
    rng: np.random.Generator,
    roots: FloatArray,
    normals: FloatArray,
    growth: Growth,
    reach: HeadReach,
    down: FloatArray,
    guides: int = 260,
) -> FloatArray:
    """Grow strands.

    Parameters
    ----------
    rng
        Source of chance.
    roots, normals
        (N, 3) mm and outward directions.
    growth
        How.
    reach
        The head they stay outside of.
    down
        (3,) the direction of gravity, head space.
    guides
        How many strands are grown step by step; the others follow the nearest of them.

    Returns
    -------
    numpy.ndarray
        (N, steps, 3) mm.
    """
    count = min(guides, len(roots))
    first = np.arange(count)  # roots come in random order
    path = _grow_guides(rng, roots[first], normals[first], growth, reach, down)
    if count == len(roots):
        return path
    near = np.asarray(KDTree(roots[first]).query(roots)[1], dtype=np.intp)
    t = np.linspace(0, 1, growth.steps)
    spread = 1 - growth.clump * t**1.3
    own = roots - roots[first][near]
    stretch = rng.uniform(0.58, 1.08, len(roots))
    ride = path[near] - roots[first][near][:, None]
    strands = roots[:, None] + ride * stretch[:, None, None] + own[:, None] * (spread - 1)[None, :, None]
    astray = np.where(rng.random(len(roots)) < _STRAY, 3.0, 1.0)
    strands += (rng.normal(0, 1, (len(roots), 1, 3)) * astray[:, None, None]) * (
        growth.mess * 0.09 * growth.length * t**1.5
    )[None, :, None]
    if growth.wave_mm > 0:
        strands += _waves(rng, strands, near, growth)
    clearance = 0.6 + growth.volume * 0.25 * rng.random((len(roots), 1)) * t[None]
    strands[:, 1:] = reach.outside(strands[:, 1:], clearance[:, 1:])
    return strands


def _grow_guides(
    rng: np.random.Generator,
    roots: FloatArray,
    normals: FloatArray,
    growth: Growth,
    reach: HeadReach,
    down: FloatArray,
) -> FloatArray:
    count, step = len(roots), growth.length / (growth.steps - 1)
    lengths = step * rng.uniform(0.82, 1.05, (count, 1))
    lift = growth.volume * rng.uniform(0.25, 1.0, count)

    def combed(places: FloatArray) -> FloatArray:
        """Return the comb's direction along the head."""
        out = _unit(places - CENTRE)
        wanted = _unit(growth.comb(places))
        return _unit(wanted - out * ((wanted * out).sum(axis=1, keepdims=True) * 0.9))

    heading = _unit(
        growth.rise * normals + (1 - growth.rise) * combed(roots) + rng.normal(0, growth.mess, (count, 3))
    )
    path = np.empty((count, growth.steps, 3))
    path[:, 0] = here = roots
    for k in range(1, growth.steps):
        t = k / (growth.steps - 1)
        pull = growth.hold * (1 - 0.6 * t) * combed(here) + growth.weight * (0.3 + t) * down
        heading = _unit(0.75 * heading + pull + rng.normal(0, growth.mess * 0.3, (count, 3)))
        there = here + heading * lengths
        if growth.off_face:
            low = (there[:, 1] < 48) & (there[:, 2] > 45)
            side = np.where(there[:, 0] >= 0, 1.0, -1.0)
            free = 60 + 12 * lift / max(growth.volume, 1e-6)
            there[:, 0] = np.where(low & (np.abs(there[:, 0]) < free), side * free, there[:, 0])
        there = reach.outside(there, np.minimum(lift, 1.0 + lift * t * 2.5))
        heading = _unit(there - here)
        # Strands keep their length when the head pushes them away.
        here = reach.outside(here + heading * lengths, 0.8)
        path[:, k] = here
    return path


def _waves(
    rng: np.random.Generator, strands: FloatArray, clump: NDArray[np.integer[Any]], growth: Growth
) -> FloatArray:
    """Return how curls move the points of strands (N, K, 3)."""
    t = np.linspace(0, 1, growth.steps)
    along = _unit(strands[:, -1] - strands[:, 0])
    across = _unit(np.cross(along, (0.3, 0.2, 0.93)))
    third = np.cross(along, across)
    groups = int(clump.max()) + 1
    phase = rng.uniform(0, 2 * np.pi, groups)[clump] + rng.normal(0, 0.35, len(clump))
    turns = growth.waves * rng.uniform(0.75, 1.25, groups)[clump]
    angle = 2 * np.pi * turns[:, None] * t[None] + phase[:, None]
    size = growth.wave_mm * np.minimum(t * 4, 1)[None] * rng.uniform(0.6, 1.2, (len(clump), 1))
    return (size * np.cos(angle))[..., None] * across[:, None] + (size * np.sin(angle))[..., None] * third[
        :, None
    ]


def ribbons(
    rng: np.random.Generator,
    strands: FloatArray,
    eye: FloatArray,
    colour: FloatArray,
    width_mm: float,
    label: int,
    *,
    variety: float = 0.2,
    grey: float = 0.0,
    gloss: float = 0.6,
    root_sky: float = 0.4,
    taper: float = 0.08,
    shadow_every: int = 3,
    hidden: BoolArray | None = None,
) -> Surface:
    """Return strands (N, K, 3) mm as ribbons that face the camera.

    Parameters
    ----------
    rng
        Source of chance.
    strands
        (N, K, 3) mm.
    eye
        (3,) mm: where the lens is, head space.
    colour
        (3,) linear.
    width_mm
        At the root's side of the middle.
    label
        Of the pixels.
    variety
        How much strands differ in brightness.
    grey
        Share of grey strands.
    gloss
        Of the highlights.
    root_sky
        Share of the sky seen at the roots.
    taper
        Width at the tip as a share.
    shadow_every
        Every so many strands throw a shadow.
    hidden
        (N,) strands that need not be drawn, but throw shadows.
    """
    count, steps, _ = strands.shape
    along = np.empty_like(strands)
    along[:, 1:-1] = strands[:, 2:] - strands[:, :-2]
    along[:, 0], along[:, -1] = strands[:, 1] - strands[:, 0], strands[:, -1] - strands[:, -2]
    along = _unit(along)
    side = _unit(np.cross(along, eye - strands))
    t = np.linspace(0, 1, steps)
    wide = width_mm / 2 * rng.uniform(0.5, 1.5, count)[:, None] * (1 - (1 - taper) * t**3)[None]
    # One vertex a step, left and right in turn: half the triangles of a ribbon with two.
    sign = np.where(np.arange(steps) % 2 == 0, -1.3, 1.3)
    points = strands + side * (wide * sign)[..., None]
    tone = np.exp(rng.normal(0, variety, count))
    tint = colour * tone[:, None] * np.exp(rng.normal(0, 0.04, (count, 3)))
    is_grey = rng.random(count) < grey
    tint[is_grey] = np.minimum(0.34, 0.05 + 4 * float(colour.mean())) * tone[is_grey, None]
    brighter = 0.8 + 0.35 * t
    sky = (root_sky + (1 - root_sky) * np.minimum(t * 1.6, 1))[None] * rng.uniform(0.7, 1.0, (count, 1))
    tints = np.minimum(tint[:, None] * brighter[None, :, None], 0.8)
    vertices = pack_vertices(
        points.reshape(-1, 3), along.reshape(-1, 3), tint=tints.reshape(-1, 3), sky=sky.ravel()
    )
    start = np.arange(count)[:, None] * steps + np.arange(steps - 2)[None]
    triangles = start[..., None] + np.arange(3)
    return Surface(
        Kind.HAIR,
        label,
        vertices,
        (triangles if hidden is None else triangles[~hidden]).reshape(-1, 3).astype(np.int32),
        gloss=gloss,
        shadow=triangles[::shadow_every].reshape(-1, 3).astype(np.int32),
    )
