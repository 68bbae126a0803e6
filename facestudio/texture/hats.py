"""Hats, hoods and bands that the segmenter takes for hair in part: what they are made of tells the rest.

A hat is one thing: what has the colour of a part that is called a cover is the hat as well. And hair is neither green,
blue, violet nor scarlet unless it is dyed; but then it has strands, and cloth is smooth.
"""

import cv2
import numpy as np

from facestudio.texture.colours import hair_model, lab
from facestudio.texture.segmenter import SQUARE_MM, SQUARE_SIZE, Part, PhotoParts
from facestudio.values import BoolArray, ByteArray, Float32Array

_BROWS_MM = 32.0  # so far above the square's middle the brows end
_WIDE_MM, _HIGH_MM = 130.0, 230.0  # no hat beyond
_LEAST_MM2 = 500.0
_LIKE, _UNLIKE = 3.0, 4.5
_SURE, _MOST_ALIKE = 0.8, {Part.HAIR: 0.4, Part.SKIN: 0.15}
_BLUEST, _GREENEST, _REDDEST = -8.0, -6.0, 38.0  # of b* and a*: no natural hair is beyond
_STRANDS = 1.7  # how much rougher than skin hair is at least
_FINE = 1.5  # pixels


def _above_the_brows() -> BoolArray:
    at = (np.arange(SQUARE_SIZE) - (SQUARE_SIZE - 1) / 2) * SQUARE_MM
    y, x = at[:, None], at[None]
    return (y < -_BROWS_MM) & (y > -_HIGH_MM) & (np.abs(x) < _WIDE_MM)


def _roughness(values: Float32Array) -> Float32Array:
    """Return how much fine structure of brightness there is around each pixel of a square of L*a*b*, (S, S)."""
    light = values[..., 0]
    fine = np.abs(light - cv2.GaussianBlur(light, (0, 0), _FINE))
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), 3.0), dtype=np.float32)


def hats_told(pixels: ByteArray, parts: PhotoParts) -> PhotoParts:
    """Return the parts with the whole of a hat called a cover.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8: the photo.
    parts
        What the segmenter says.
    """
    square = parts.cut(pixels)
    values = lab(square.reshape(-1, 3).astype(np.float32)).reshape(SQUARE_SIZE, SQUARE_SIZE, 3)
    shares = parts.shares
    top = _above_the_brows()
    cover = top & (shares[..., Part.COVER] > 0.5)
    maybe = shares[..., Part.HAIR] > 0.25
    least = _LEAST_MM2 / SQUARE_MM**2
    hat = np.zeros(top.shape, dtype=np.bool_)
    cloth = hair_model(values[cover], np.ones(int(cover.sum()), np.bool_)) if cover.sum() >= least else None
    if cloth is not None:
        alike = cloth.distance(values.reshape(-1, 3), 0.6, 0.6).reshape(top.shape) < _LIKE
        # A cover that looks as the hair does, or the skin, is a lock, a shine or a shadow of it.
        for part in (Part.HAIR, Part.SKIN):
            sure = shares[..., part] > _SURE
            if sure.sum() >= least and float(alike[sure].mean()) > _MOST_ALIKE[part]:
                alike[:] = False
        # Whatever it is called: what looks like the cloth and not like the face's skin is the hat.
        face = ~top & (shares[..., Part.SKIN] > _SURE)
        bare = hair_model(values[face], np.ones(int(face.sum()), np.bool_))
        apart = (
            bare.distance(values.reshape(-1, 3), 0.7, 0.3).reshape(top.shape)
            if bare is not None
            else alike * 0.0
        )
        hat |= top & alike & (maybe | (shares[..., Part.SKIN] < 0.5) | (apart > _UNLIKE))
    red, blue = values[..., 1], -values[..., 2]
    unnatural = top & maybe & ((blue > -_BLUEST) | (red < _GREENEST) | (red > _REDDEST))
    if unnatural.sum() >= least:
        rough = _roughness(values)
        skin = shares[..., Part.SKIN] > 0.8
        usual = float(np.median(rough[skin])) if skin.any() else 1.0
        if float(np.median(rough[unnatural])) < _STRANDS * max(usual, 0.3):
            hat |= unnatural
    if not hat.any():
        return parts
    if cloth is None and hat.sum() >= least:
        return hats_told(pixels, _covered(parts, hat | cover))
    return _covered(parts, hat | cover)


def _covered(parts: PhotoParts, hat: BoolArray) -> PhotoParts:
    """Return the parts with pixels (S, S) called a cover."""
    shares = parts.shares
    smooth = cv2.morphologyEx(hat.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    share = cv2.GaussianBlur(smooth.astype(np.float32), (0, 0), 1.0)[..., None]
    whole = np.zeros_like(shares)
    whole[..., Part.COVER] = 1
    told = np.clip(share, 0, 1)
    return PhotoParts(
        np.asarray(shares + (whole - shares) * told, dtype=np.float32), parts.to_photo, parts.square
    )
