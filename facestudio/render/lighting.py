"""Light and surface: the values both renderers shade with, and the software renderer's formula.

The formula is also in resources/shaders/head.frag; tests hold the two together. Light is added up in linear
light: hemisphere ambient, wrapped diffuse (light that enters skin leaves it a little farther on, red
farthest), highlights as spherical gaussians about the mirrored view, which like the faint reflection of the
surroundings grow towards grazing angles (C. Schlick, "An Inexpensive BRDF Model for Physically-based Rendering",
1994), a soft shoulder in place of clipping, then the sRGB curve.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from facestudio.geometry.mesh import normalised
from facestudio.render.scene import Marks, Mode
from facestudio.values import ByteArray, Camera, Float32Array, FloatArray

Colour: TypeAlias = tuple[float, float, float]

MAX_LIGHTS = 4
# What is left of the light in the deepest hollow: never black.
DEEPEST = 0.25
# Hollows of skin turn reddish: what half-lit ones keep more (or less), per channel.
HOLLOW: Colour = (0.22, -0.05, -0.08)
# How far light wraps round skin, per channel; scaled by Look.scatter.
WRAP: Colour = (0.45, 0.28, 0.22)


@dataclass(frozen=True)
class Light:
    """A lamp far away.

    Attributes
    ----------
    direction
        Towards the lamp, seen by the viewer: x right, y up, z to the viewer. Any length.
    colour
        Linear light; 1 shows a facing white surface as white.
    """

    direction: Colour
    colour: Colour


@dataclass(frozen=True)
class Lighting:
    """All light of a scene: hemisphere ambient, from the picture's top to its foot, and up to four lamps.

    Attributes
    ----------
    sky, ground
        Linear ambient light on surfaces that look up and down in the picture.
    lights
        At most MAX_LIGHTS.
    shoulder
        Linear light above this is compressed so that highlights keep their form; 1 only clips.
    occlusion
        How much hollows lose, 0..1.
    sheen
        How much of sky and ground surfaces reflect, 0..1.
    """

    sky: Colour
    ground: Colour
    lights: tuple[Light, ...] = ()
    shoulder: float = 0.82
    occlusion: float = 1.0
    sheen: float = 1.0

    def __post_init__(self) -> None:
        if len(self.lights) > MAX_LIGHTS:
            raise ValueError(f"{len(self.lights)} lamps: at most {MAX_LIGHTS} are drawn")


# A large soft key from the upper left, a weak fill, a rim from behind: form shows, and skin facing the key has its
# texture's colour.
STUDIO = Lighting(
    sky=(0.37, 0.38, 0.40),
    ground=(0.19, 0.175, 0.165),
    lights=(
        Light((-0.62, 0.55, 0.75), (0.62, 0.60, 0.57)),  # key
        Light((0.85, 0.05, 0.60), (0.13, 0.14, 0.16)),  # fill
        Light((0.45, 0.50, -0.80), (0.34, 0.35, 0.38)),  # rim
        Light((-0.36, 0.30, 0.90), (0.12, 0.12, 0.12)),  # catch-light: below the lid's edge on the eye
    ),
)
# More contrast, to judge a shape by.
SCULPTURE = Lighting(
    sky=(0.24, 0.25, 0.28),
    ground=(0.10, 0.09, 0.08),
    lights=(
        Light((-0.65, 0.70, 0.65), (0.80, 0.77, 0.72)),
        Light((0.90, 0.05, 0.50), (0.18, 0.20, 0.24)),
        Light((0.35, 0.45, -0.85), (0.35, 0.36, 0.40)),
    ),
)
# A window at one side.
WINDOW = Lighting(
    sky=(0.22, 0.23, 0.25),
    ground=(0.12, 0.11, 0.10),
    lights=(
        Light((-1.0, 0.25, 0.35), (0.95, 0.93, 0.90)),
        Light((0.9, 0.1, 0.4), (0.07, 0.08, 0.10)),
    ),
)
# High sun: warm, hard, from above.
SUN = Lighting(
    sky=(0.34, 0.38, 0.46),
    ground=(0.16, 0.13, 0.10),
    lights=(Light((0.35, 0.95, 0.45), (0.95, 0.86, 0.70)),),
)
# From behind, for the outline and the ears.
RIM = Lighting(
    sky=(0.10, 0.11, 0.13),
    ground=(0.05, 0.05, 0.06),
    lights=(
        Light((-0.9, 0.35, -0.45), (0.95, 0.95, 1.0)),
        Light((0.9, 0.35, -0.45), (0.95, 0.90, 0.85)),
        Light((0.0, 0.2, 1.0), (0.16, 0.16, 0.16)),
    ),
)
# Every surface shows its own colour.
FLAT = Lighting(sky=(1.0, 1.0, 1.0), ground=(1.0, 1.0, 1.0), shoulder=1.0, occlusion=0.0, sheen=0.0)


@dataclass(frozen=True)
class Look:
    """How a surface answers light.

    Attributes
    ----------
    albedo
        Linear colour where there is neither texture nor vertex colour, or where they do not count.
    scatter
        0 (plaster) to 1 (skin): how far light wraps round.
    shine
        Factor of the highlight.
    own_colour
        Use the texture or the vertex colours.
    """

    albedo: Colour
    scatter: float
    shine: float
    own_colour: bool


LOOKS: dict[Mode, Look] = {
    "textured": Look((0.55, 0.34, 0.25), scatter=1.0, shine=1.0, own_colour=True),
    "clay": Look((0.52, 0.49, 0.45), scatter=0.15, shine=0.7, own_colour=False),
    "wireframe": Look((0.36, 0.38, 0.42), scatter=0.15, shine=0.0, own_colour=False),
    "normals": Look((1.0, 1.0, 1.0), scatter=0.0, shine=0.0, own_colour=False),
    "unlit": Look((0.55, 0.34, 0.25), scatter=0.0, shine=0.0, own_colour=True),
    "coverage": Look((0.52, 0.49, 0.45), scatter=0.15, shine=0.0, own_colour=True),
}
LIGHTINGS: dict[Mode, Lighting] = {
    "textured": STUDIO,
    "clay": SCULPTURE,
    "wireframe": SCULPTURE,
    "normals": FLAT,
    "unlit": FLAT,
    "coverage": STUDIO,
}
LIGHT_PRESETS: dict[str, Lighting] = {
    "studio": STUDIO,
    "sculpture": SCULPTURE,
    "window": WINDOW,
    "sun": SUN,
    "rim": RIM,
    "even": FLAT,
}
WIRE_COLOUR: Colour = (0.06, 0.07, 0.09)  # sRGB


@dataclass(frozen=True)
class Style:
    """How a picture is drawn.

    Attributes
    ----------
    mode
        What the surface shows.
    lighting
        None for the mode's own.
    marks
        Landmarks to draw on top.
    mark_size, line_width
        Pixels of the result.
    supersample
        Each pixel is the mean of so many squared.
    """

    mode: Mode = "textured"
    lighting: Lighting | None = None
    marks: Marks | None = None
    mark_size: float = 8.0
    line_width: float = 1.0
    supersample: int = 2

    @property
    def light(self) -> Lighting:
        """The lighting asked for, or the mode's own."""
        return self.lighting or LIGHTINGS[self.mode]


def srgb_to_linear(values: Float32Array) -> Float32Array:
    """Return linear light of sRGB values 0..1, any shape (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(values: Float32Array) -> Float32Array:
    """Return sRGB values of linear light 0..1, any shape (IEC 61966-2-1)."""
    safe = np.maximum(values, np.float32(0.0031308))
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * safe ** (1 / 2.4) - 0.055).astype(np.float32)


_LINEAR = srgb_to_linear((np.arange(256) / 255).astype(np.float32))


def bytes_to_linear(pixels: ByteArray) -> Float32Array:
    """Return linear light of 8-bit sRGB pixels, any shape."""
    return _LINEAR[pixels]


def light_directions(camera_rotation: FloatArray, lighting: Lighting) -> tuple[FloatArray, FloatArray]:
    """Return the lamps' directions (L, 3) and the sky's (3,), float64, in head space, length one.

    Parameters
    ----------
    camera_rotation
        (3, 3) head space to camera space.
    lighting
        Its lamps are placed as the viewer sees them.
    """
    to_head = (np.diag([1.0, -1.0, -1.0]) @ camera_rotation).T
    lamps = np.array([light.direction for light in lighting.lights], dtype=np.float64).reshape(-1, 3)
    return normalised(lamps @ to_head.T), to_head @ np.array([0.0, 1.0, 0.0])


def wrap_of(look: Look) -> tuple[Float32Array, Float32Array]:
    """Return scale and offset, (3,) each, that turn the cosine to a lamp into the wrapped one: 0 at -WRAP, 1 at 1."""
    wrap = np.array(WRAP, dtype=np.float32) * np.float32(look.scatter)
    scale = (1 / (1 + wrap)).astype(np.float32)
    return scale, (wrap * scale).astype(np.float32)


def shade(
    albedo: Float32Array,
    normals: Float32Array,
    to_viewer: Float32Array,
    gloss: Float32Array,
    occlusion: Float32Array,
    lighting: Lighting,
    look: Look,
    camera: Camera,
) -> Float32Array:
    """Return the colour of surface points; the same formula as head.frag.

    Parameters
    ----------
    albedo
        (P, 3) linear.
    normals, to_viewer
        (P, 3) head space, length one; normals turned to the viewer.
    gloss, occlusion
        (P,), as in RenderMesh.
    lighting, look
        What to shade with.
    camera
        Only its rotation counts: it says where the lamps are.

    Returns
    -------
    numpy.ndarray
        (P, 3) float32 sRGB 0..1.
    """
    lamps, up = light_directions(camera.rotation, lighting)
    sky, ground = np.array(lighting.sky, dtype=np.float32), np.array(lighting.ground, dtype=np.float32)
    upward = up.astype(np.float32)
    gloss = gloss[:, None]
    wet = gloss**2
    towards = np.einsum("pk,pk->p", normals, to_viewer)[:, None]
    grazing = (1.0 - np.clip(towards, 0.0, 1.0)) ** 4
    mirrored = 2.0 * towards * normals - to_viewer
    diffuse = ground + (sky - ground) * (0.5 + 0.5 * (normals @ upward))[:, None]
    reflected = ground + (sky - ground) * (0.5 + 0.5 * (mirrored @ upward))[:, None]
    shine = lighting.sheen * (0.05 * wet + (0.05 + 0.25 * wet) * grazing) * reflected
    scale, offset = wrap_of(look)
    sharpness = 9.0 + 60.0 * wet + 530.0 * wet**2
    strength = look.shine * (0.02 + 0.30 * gloss + 7.0 * wet**2) * (0.6 + 0.8 * grazing)
    for lamp, light in zip(lamps.astype(np.float32), lighting.lights, strict=True):
        colour = np.array(light.colour, dtype=np.float32)
        facing = (normals @ lamp)[:, None]
        diffuse += colour * np.clip(facing * scale + offset, 0.0, 1.0)
        glint = np.exp2(sharpness * ((mirrored @ lamp)[:, None] - 1.0))
        shine += colour * (strength * glint * np.clip(4.0 * facing, 0.0, 1.0))
    left = np.maximum(1 + lighting.occlusion * (DEEPEST + (1 - DEEPEST) * occlusion - 1), 0)[:, None]
    reaches = left + look.scatter * left * (1 - left) * np.array(HOLLOW, dtype=np.float32)
    linear = albedo * diffuse * reaches + shine * (left + (np.sqrt(left) - left) * wet)
    room = max(1.0 - lighting.shoulder, 1e-6)
    over = np.maximum(linear - lighting.shoulder, 0.0)
    soft = np.minimum(linear, lighting.shoulder) + over * room / (over + room)
    return linear_to_srgb(soft.astype(np.float32))
