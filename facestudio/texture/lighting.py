"""The photo's light: a low-order estimate from the fitted normals, and what evens it out or takes it away.

Light that comes from far away onto a matt surface is a function of the normal that nine spherical harmonics describe to
within a few per cent (R. Ramamoorthi, P. Hanrahan, "An efficient representation for irradiance environment
maps", 2001). Here: photo (linear) = albedo x sum of k_i B_i(normal), with the albedo of a database skin in the face's
tone, solved for k by robust least squares over the face's skin. Only brightness is modelled: a person's tone is not to
be taken for coloured light.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from facestudio.values import BoolArray, Float32Array, FloatArray

Relight: TypeAlias = Literal["even", "albedo", "keep"]

GAMMA = 2.2
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_ODD = (1, 4, 5)  # terms that change sign from left to right
_RIDGE = np.array([0.0, *(0.01,) * 3, *(0.03,) * 5])
_ROUNDS = 5
_GAIN = (0.55, 2.4)  # of linear light: what is darker has too little left to be made bright
_KEPT = 0.3  # exponent of the symmetric light in mode `even`
_ENOUGH = 200


def harmonics(normals: FloatArray | Float32Array) -> Float32Array:
    """Return the nine real spherical harmonics up to order 2, without their constants, (N, 9), of normals (N, 3)."""
    x, y, z = np.asarray(normals, dtype=np.float32).T
    terms = (np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1)
    return np.stack(terms, axis=1)


@dataclass(frozen=True, eq=False)
class Light:
    """Light as a function of the normal.

    Attributes
    ----------
    coefficients
        (9,) float64 of `harmonics`; 1 is the light that shows the face in its tone.
    """

    coefficients: FloatArray

    def at(self, normals: FloatArray | Float32Array) -> Float32Array:
        """Return the light on normals (N, 3), (N,) float32, at least 0.02."""
        return np.maximum(harmonics(normals) @ self.coefficients.astype(np.float32), np.float32(0.02))

    def evened(self) -> "Light":
        """Return this light's symmetric part: as much from the left as from the right."""
        out = self.coefficients.copy()
        out[list(_ODD)] = 0.0
        return Light(out)

    @property
    def one_sidedness(self) -> float:
        """How much of the light comes from one side, as a share of the mean light (0: even)."""
        return float(np.linalg.norm(self.coefficients[list(_ODD)]) / max(self.coefficients[0], 1e-6))


NO_LIGHT = Light(np.array([1.0, *(0.0,) * 8]))
"""Light that is the same everywhere: what is known before anything was seen."""


def _linear(colours: Float32Array | FloatArray) -> FloatArray:
    return np.clip(np.asarray(colours, dtype=np.float64) / 255.0, 0.0, 1.0) ** GAMMA


def estimate_light(
    colours: Float32Array, albedo: Float32Array, normals: Float32Array, skin: BoolArray
) -> Light:
    """Estimate the light on a face.

    Parameters
    ----------
    colours
        (N, 3) 0..255: the photo at the texels.
    albedo
        (N, 3) 0..255: a skin without light, in any tone.
    normals
        (N, 3) of the head as posed in the photo, head space, length one.
    skin
        (N,) bool: where the photo shows the face's skin.

    Returns
    -------
    Light
        `NO_LIGHT` if too little skin was seen.
    """
    rows = np.flatnonzero(skin)
    if len(rows) < _ENOUGH:
        return NO_LIGHT
    rows = rows[:: max(1, len(rows) // 20000)]
    seen, base = _linear(colours[rows]) @ _LUMINANCE, _linear(albedo[rows]) @ _LUMINANCE
    ratio = seen / np.maximum(base, 1e-3)
    level = float(np.median(ratio))
    if level <= 0:
        return NO_LIGHT
    ratio = ratio / level
    basis = harmonics(normals[rows]).astype(np.float64)
    # Clipped highlights say nothing, and dark pixels are brows, lips, beard or shadow that no low order describes.
    start = np.where(seen > 0.93, 0.0, 1.0)
    weight = start.copy()
    coefficients = NO_LIGHT.coefficients
    for _ in range(_ROUNDS):
        normal = basis.T @ (basis * weight[:, None])
        normal += np.diag(_RIDGE) * weight.sum()
        coefficients = np.linalg.solve(normal, basis.T @ (ratio * weight))
        away = ratio / np.maximum(basis @ coefficients, 0.05) - 1
        scale = 1.4826 * float(np.median(np.abs(away))) + 1e-3
        weight = start / (1 + (away / (1.5 * scale)) ** 2)  # Cauchy's weights
    return Light(coefficients)


def light_gain(light: Light, normals: Float32Array, skin: BoolArray, mode: Relight) -> Float32Array:
    """Return what photo colours (0..255, gamma 2.2) are multiplied by, (N,) float32.

    Parameters
    ----------
    light
        As estimated.
    normals
        (N, 3) head space.
    skin
        (N,) bool: the face's skin: its median brightness stays, the person's tone is kept.
    mode
        `even` makes left and right alike and softens the rest of the light, `albedo` takes all of it out, `keep` none.
    """
    if mode == "keep" or light is NO_LIGHT:
        return np.ones(len(normals), dtype=np.float32)
    here = light.at(normals)
    # Most of what is symmetric goes even in mode `even`: the head is lit again where it is shown, and cheeks must meet
    # the borrowed skin beside them, which has no light.
    wanted = light.evened().at(normals) ** np.float32(_KEPT) if mode == "even" else np.float32(1)
    gain = wanted / here
    if skin.any():
        # What a texel of middle light showed it shows again.
        gain = gain / np.float32(np.median(gain[skin]))
    return (np.clip(gain, *_GAIN) ** np.float32(1 / GAMMA)).astype(np.float32)
