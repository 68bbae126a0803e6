"""Light as photos have it: surroundings as spherical harmonics, and lamps, of which the first throws the shadow."""

from dataclasses import dataclass

import numpy as np

from facestudio.render.photo_scene import PhotoLight
from facestudio.values import Camera, FloatArray

# What surroundings add to each term of the polynomial in PhotoLight.harmonics, from a ball of samples.
_BANDS = (1.0, 2.0 / 3.0, 1.0 / 4.0)  # cosine lobe, R. Ramamoorthi and P. Hanrahan 2001, over pi


@dataclass(frozen=True, eq=False)
class DrawnLight:
    """Light and what it is: indoor, window, sun, overcast, flash, side, coloured, backlit."""

    name: str
    light: PhotoLight


def _sphere(count: int = 400) -> FloatArray:
    i = np.arange(count) + 0.5
    y = 1 - 2 * i / count
    turn = np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(turn), y, r * np.sin(turn)], axis=1)


def irradiance(radiance: FloatArray, directions: FloatArray) -> FloatArray:
    """Return the nine coefficients (9, 3) of the light that surfaces get, over pi.

    Parameters
    ----------
    radiance
        (N, 3) linear, in evenly spread directions.
    directions
        (N, 3) length one.
    """
    x, y, z = directions.T
    terms = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y])
    # Squares of the normalisation of each term over the sphere, times the cosine lobe's band.
    norms = np.array([1, 3, 3, 3, 15, 15, 5 / 4, 15, 15 / 4])
    bands = np.array([_BANDS[0], *[_BANDS[1]] * 3, *[_BANDS[2]] * 5])
    return (norms * bands)[:, None] * np.einsum("tn,nc->tc", terms, radiance) / len(radiance)


def _warmth(kelvin_shift: float) -> FloatArray:
    """Return a colour of light, (3,): negative is cool, positive is warm; green is one."""
    return np.array([1 + 0.35 * kelvin_shift, 1.0, 1 - 0.4 * kelvin_shift])


_KINDS = (
    ("indoor", 0.28),
    ("window", 0.16),
    ("overcast", 0.14),
    ("sun", 0.12),
    ("flash", 0.08),
    ("side", 0.08),
    ("coloured", 0.03),
    ("backlit", 0.05),
    ("studio", 0.04),
)


def draw_light(rng: np.random.Generator, camera: Camera) -> DrawnLight:
    """Draw the light of a photo; directions are drawn before the camera and turned into head space."""
    names = [name for name, _ in _KINDS]
    shares = np.array([share for _, share in _KINDS])
    name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    sphere = _sphere()
    sky = rng.uniform(0.5, 1.0) * _warmth(rng.normal(0, 0.08))
    ground = rng.uniform(0.15, 0.5) * _warmth(rng.normal(0.1, 0.1))
    radiance = ground + (sky - ground) * (0.5 + 0.5 * sphere[:, 1:2])
    for _ in range(int(rng.integers(2, 6))):  # windows, walls, lamps, bright clothes
        to = rng.standard_normal(3) * (1.0, 0.7, 1.0)
        to /= np.linalg.norm(to)
        size = rng.uniform(1.5, 12.0)
        glow = rng.uniform(-0.3, 1.6) * _warmth(rng.normal(0.03, 0.13))
        radiance = radiance + glow * np.exp(size * (sphere @ to - 1))[:, None]
    radiance = np.maximum(radiance, 0.02)

    azimuth, height = np.radians(rng.uniform(-70, 70)), np.radians(rng.uniform(5, 60))
    key, ambient, softness, warmth = (
        rng.uniform(0.35, 0.8),
        0.75,
        rng.uniform(0.012, 0.035),
        rng.normal(0.08, 0.15),
    )
    if name == "window":
        azimuth = np.radians(rng.choice([-1, 1]) * rng.uniform(30, 85))
        key, ambient, softness, warmth = rng.uniform(0.7, 1.3), 0.45, 0.035, rng.normal(-0.1, 0.1)
    elif name == "overcast":
        key, ambient = rng.uniform(0.1, 0.3), 1.0
        height = np.radians(rng.uniform(50, 85))
    elif name == "sun":
        azimuth, height = np.radians(rng.uniform(-100, 100)), np.radians(rng.uniform(20, 75))
        key, ambient, softness, warmth = rng.uniform(1.4, 2.6), 0.5, 0.003, rng.normal(0.15, 0.08)
    elif name == "flash":
        azimuth, height = np.radians(rng.uniform(-8, 8)), np.radians(rng.uniform(0, 14))
        key, ambient, softness, warmth = rng.uniform(0.9, 1.5), 0.3, 0.006, rng.normal(0, 0.04)
    elif name == "side":
        azimuth = np.radians(rng.choice([-1, 1]) * rng.uniform(65, 110))
        key, ambient, softness = rng.uniform(1.0, 1.8), 0.25, rng.uniform(0.004, 0.02)
    elif name == "coloured":
        ambient = 0.5
    elif name == "backlit":
        azimuth = np.radians(rng.choice([-1, 1]) * rng.uniform(120, 165))
        key, ambient = rng.uniform(0.9, 1.8), 0.8
    elif name == "studio":
        azimuth, height = (
            np.radians(rng.choice([-1, 1]) * rng.uniform(25, 50)),
            np.radians(rng.uniform(20, 45)),
        )
        key, ambient, warmth = rng.uniform(0.7, 1.1), 0.5, rng.normal(0, 0.04)
    if name == "indoor" and rng.random() < 0.4:  # from the ceiling
        height = np.radians(rng.uniform(55, 85))

    def direction(turn: float, lift: float) -> FloatArray:
        return np.array([np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift)])

    lamps = [direction(azimuth, height)]
    colours = [key * _warmth(warmth)]
    if name == "coloured":
        colours[0] = rng.uniform(0.35, 1.5, 3) * key
    for _ in range(int(rng.integers(0, 3))):  # fill and rim
        lamps.append(direction(float(rng.uniform(-np.pi, np.pi)), float(np.radians(rng.uniform(-10, 60)))))
        colours.append(rng.uniform(0.05, 0.35) * _warmth(rng.normal(0.05, 0.15)))
        if name == "coloured":
            colours[-1] = rng.uniform(0.0, 0.9, 3)
    to_head = camera.rotation.T @ np.diag([1.0, -1.0, -1.0])
    harmonics = irradiance(radiance, sphere @ to_head.T) * ambient / max(float(radiance.mean()), 0.1) * 0.55
    light = np.stack(colours)
    directions = np.stack(lamps)
    # Cameras expose for the face: what a surface that looks at the lens gets is near the middle of the scale.
    facing = np.array([0.0, 0.25, 0.97])
    front = to_head @ facing
    x, y, z = front
    terms = np.array([1, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y])
    level = terms @ harmonics + (light * np.clip((directions @ facing + 0.15) / 1.15, 0, 1)[:, None]).sum(
        axis=0
    )
    wanted = rng.normal(1.0, 0.16) if name != "backlit" else rng.uniform(0.6, 0.95)
    exposure = float(np.clip(wanted, 0.5, 1.5) / max(float(level @ (0.3, 0.5, 0.2)), 0.05)) * 0.95
    return DrawnLight(
        name,
        PhotoLight(
            harmonics=harmonics,
            directions=directions @ to_head.T,
            colours=light,
            up=to_head @ np.array([0.0, 1.0, 0.0]),
            softness=float(softness),
            exposure=exposure,
        ),
    )
