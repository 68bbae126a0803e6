"""Composes the texture at full size, strip by strip: the smooth from the work atlas, the fine from the photo."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.texture.atlas import threefold
from facestudio.texture.layers import Layers
from facestudio.texture.regions import OPENINGS
from facestudio.values import ByteArray, Float32Array, FloatArray, Photo

_STRIP = 32  # rows of the work atlas: small enough for the processor's cache
_MARGIN = 2  # rows more, so that strips meet exactly
_WORKERS = 2


@dataclass(frozen=True, eq=False)
class PhotoPatch:
    """The part of the photo that is sampled.

    Attributes
    ----------
    pixels
        (h, w, 4) uint8: RGB, and 255 where the photo shows neither an eyeball nor the inside of the mouth.
    scale, shift
        Place in the patch = place in the photo * scale + shift, (2,) each.
    """

    pixels: ByteArray
    scale: FloatArray
    shift: FloatArray


def cut_photo(
    photo: Photo, places: Float32Array, used: Float32Array, mesh: FloatArray | None, size: int
) -> PhotoPatch | None:
    """Cut out what is sampled, shrunk if a texel is larger than a pixel.

    Parameters
    ----------
    photo
        The photo.
    places
        (S, S, 2) pixels: the texels' places in the photo.
    used
        (W, W) 0..1: how much of the photo is used.
    mesh
        (478, 2) located mesh points or None.
    size
        Of the texture.

    Returns
    -------
    PhotoPatch or None
        None if nothing of the photo is used.
    """
    # A few pixels' margin makes up for places that are passed over.
    apart = max(1, len(places) // len(used))
    places = places[::apart, ::apart]
    weight = cv2.resize(used, places.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    if not weight.any():
        return None
    at = places[weight]
    limit = np.array(photo.size) - 1
    low = np.clip(np.floor(at.min(axis=0)).astype(int) - 8, 0, limit)
    high = np.clip(np.ceil(at.max(axis=0)).astype(int) + 9, low + 1, limit + 1)
    crop = photo.pixels[low[1] : high[1], low[0] : high[0]]
    inner = weight[:, 1:] & weight[:, :-1]
    step = float(np.median(np.linalg.norm(np.diff(places, axis=1)[inner], axis=1))) if inner.any() else 1.0
    step *= places.shape[0] / size
    scale = np.ones(2)
    if step > 1.5:
        whole = (max(8, round(crop.shape[1] / step)), max(8, round(crop.shape[0] / step)))
        scale = np.array(whole) / np.array(crop.shape[1::-1])
        crop = cv2.resize(crop, whole, interpolation=cv2.INTER_AREA)
    shift = (0.5 - low) * scale - 0.5
    closed = np.full(crop.shape[:2], 255, np.uint8)
    if mesh is not None:
        for opening in OPENINGS:
            polygon = np.rint((mesh[list(opening)] * scale + shift) * 16).astype(np.int32)
            cv2.fillPoly(closed, [polygon], 0, cv2.LINE_AA, 4)
    pixels = np.dstack([np.asarray(crop, dtype=np.uint8), closed])
    return PhotoPatch(pixels, scale, shift)


def _rows(picture: Float32Array, first: int, last: int, size: int) -> Float32Array:
    """Return rows of a square picture enlarged to `size`, given as rows of the work atlas' 1/S; (h, size[, C])."""
    side = len(picture)
    times = size // side
    low, high = max(0, first // times - _MARGIN), min(side, -(-last // times) + _MARGIN)
    part = picture[low:high]
    if times > 1:
        part = cv2.resize(part, (size, (high - low) * times), interpolation=cv2.INTER_LINEAR)
    return np.asarray(part[first - low * times : last - low * times], dtype=np.float32)


def compose(
    layers: Layers,
    patch: PhotoPatch | None,
    places: Float32Array,
    fine: NDArray[np.int8] | None,
    fine_gain: float,
    strands: Float32Array | None,
    size: int,
    check: Callable[[], None] = lambda: None,
) -> ByteArray:
    """Return the texture, (size, size, 3) uint8.

    Parameters
    ----------
    layers
        On the work atlas.
    patch, places
        The part of the photo to sample, and the texels' places (P, P, 2) in the photo; no patch: nothing is seen.
    fine, fine_gain
        Fine structure of the borrowed skin (size, size, 3), and its strength; None at the work atlas' size.
    strands
        (H, H, 3) fine structure of the hair, H at most `size`, or None. Changed in place.
    size
        Edge length, a multiple of the work atlas'.
    check
        Called for each strip: may raise to cancel.
    """
    work = len(layers.base)
    times = size // work
    out = np.empty((size, size, 3), dtype=np.uint8)
    hair = strands if layers.hair.any() else None
    if hair is not None:
        share = cv2.resize(layers.hair, (len(hair),) * 2, interpolation=cv2.INTER_LINEAR)
        hair *= threefold(np.asarray(share, dtype=np.float32))
    used = np.maximum(layers.seen, layers.mirrored)

    def strip(top: int) -> None:
        check()
        first, last = top * times, min(top + _STRIP, work) * times
        part = np.array(_rows(layers.base, first, last, size))
        if fine is not None:
            share = threefold(fine_gain * _rows(layers.fine, first, last, size))
            part += cv2.multiply(fine[first:last], share, dtype=cv2.CV_32F)
        if hair is not None and hair[first * len(hair) // size : last * len(hair) // size].any():
            part += _rows(hair, first, last, size)
        busy = np.flatnonzero(used[max(top - 1, 0) : top + _STRIP + 1].any(axis=0))
        if patch is not None and len(busy):
            # Symmetric, so that the mirrored photo lies in the same columns.
            left = max(0, min(int(busy[0]), work - 1 - int(busy[-1])) - 1)
            columns = slice(left * times, (work - left) * times)
            _paste(part[:, columns], layers, patch, places, first, last, size, columns)
        out[first:last] = cv2.addWeighted(
            part, 1.0, part, 0.0, 0.0, dtype=cv2.CV_8U
        )  # rounded, and held to 0..255

    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        list(pool.map(strip, range(0, work, _STRIP)))
    return out


def _paste(
    part: Float32Array,
    layers: Layers,
    patch: PhotoPatch,
    places: Float32Array,
    first: int,
    last: int,
    size: int,
    columns: slice,
) -> None:
    """Lay the mirrored and the seen photo over a strip (h, w, 3) in place."""
    at = _rows(places, first, last, size)[:, columns]
    x = at[..., 0] * np.float32(patch.scale[0]) + np.float32(patch.shift[0])
    y = at[..., 1] * np.float32(patch.scale[1]) + np.float32(patch.shift[1])
    found = cv2.remap(patch.pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    *channels, shut = cv2.split(found)
    closed = np.asarray(shut, dtype=np.float32) / np.float32(255)
    colours = cv2.multiply(
        cv2.merge(channels),
        threefold(_rows(layers.gain, first, last, size)[:, columns]),
        dtype=cv2.CV_32F,
    )
    colours += _rows(layers.lift, first, last, size)[:, columns]
    mirrored = np.asarray(_rows(layers.mirrored, first, last, size)[:, columns] * closed[:, ::-1], np.float32)
    if mirrored.any():
        image = colours[:, ::-1] + _rows(layers.offset, first, last, size)[:, columns]
        image -= part
        image *= threefold(mirrored)
        part += image
    seen = np.asarray(_rows(layers.seen, first, last, size)[:, columns] * closed, np.float32)
    colours -= part
    colours *= threefold(seen)
    part += colours
