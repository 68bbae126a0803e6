"""Whose hair: of several photos of a person that show different hair, one is taken for all of the scalp."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.errors import ModelError
from facestudio.geometry.camera import camera_position, head_angles, project
from facestudio.geometry.mesh import vertex_normals
from facestudio.template.model import load_template
from facestudio.texture.hats import hats_told
from facestudio.texture.segmenter import Part, photo_parts
from facestudio.values import ByteArray, Camera, FloatArray, IntArray

_SCALP = 0.5  # of the albedo model's map of hair
_FACING = 0.1
_LEAST = 12  # vertices of the scalp
_HAT = 0.3
_HAIR_APART = 0.35


@dataclass(frozen=True)
class HairSeen:
    """What a photo shows of the scalp.

    Attributes
    ----------
    hair, cover
        0..1: shares of the scalp in view that are hair, and that a hat or something else covers.
    seen
        0..1: how much of the scalp is in view.
    yaw
        How far the head is turned, radians.
    """

    hair: float
    cover: float
    seen: float
    yaw: float

    @property
    def hat(self) -> bool:
        """Whether a hat or a band is worn."""
        return self.cover > _HAT

    @property
    def worth(self) -> float:
        """How good this photo is to take the hair from: from the front, much in view, nothing over it."""
        return float(np.cos(self.yaw) ** 2 * self.seen * (1 - self.cover) ** 4)


@cache
def _scalp_vertices() -> IntArray:
    """Return the template's vertices on the scalp, (N,) int32."""
    template, hair = load_template(), load_albedo().hair
    skin = template.quad_material == template.materials.index("skin")
    vertices, uvs = template.quads[skin].ravel(), template.uvs[template.quad_uvs[skin].ravel()]
    size = len(hair)
    column = np.clip(uvs[:, 0] * size, 0, size - 1).astype(int)
    row = np.clip((1 - uvs[:, 1]) * size, 0, size - 1).astype(int)
    return np.unique(vertices[hair[row, column] > 255 * _SCALP]).astype(np.int32)


def hair_seen(pixels: ByteArray, camera: Camera, posed: FloatArray) -> HairSeen | None:
    """Tell what a photo shows of the scalp; None if it shows none of it, or the segmenter is missing.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8.
    camera, posed
        As fitted; (V, 3) mm.
    """
    scalp = _scalp_vertices()
    normals = vertex_normals(posed, load_template().quads)[scalp]
    towards = camera_position(camera) - posed[scalp]
    towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    places, depth = project(camera, posed[scalp])
    inside = (depth > 0) & (places >= 0).all(axis=1) & (places < camera.image_size).all(axis=1)
    shown = inside & (np.einsum("nc,nc->n", normals, towards) > _FACING)
    if shown.sum() < _LEAST:
        return None
    try:
        parts = hats_told(pixels, photo_parts(pixels, camera))
    except ModelError:
        return None
    shares = parts.at(places[shown].astype(np.float32)).mean(axis=0)
    yaw, _, _ = head_angles(camera.rotation)
    return HairSeen(float(shares[Part.HAIR]), float(shares[Part.COVER]), float(shown.mean()), yaw)


def chosen_hair(each: Sequence[HairSeen | None]) -> int | None:
    """Return the number of the photo whose hair is to be taken; None if the photos agree, or tell too little."""
    known = [(number, one) for number, one in enumerate(each) if one is not None]
    if len(known) < 2:
        return None
    shares = [one.hair for _, one in known if not one.hat]
    differ = len({one.hat for _, one in known}) > 1 or (bool(shares) and np.ptp(shares) > _HAIR_APART)
    if not differ:
        return None
    return max(known, key=lambda pair: (not pair[1].hat, pair[1].worth))[0]
