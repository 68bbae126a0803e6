"""Hair: what the photo shows of it is carried on over the scalp.

The photo shows the front of the scalp at best. From it come the colour, spread smoothly over the rest, and the fine
structure of the largest square of hair (`Exemplar`), which is laid over the scalp in overlapping patches, each turned
so that its strands run away from the crown, and blended by weights that keep the variance. Patches lie in the surface,
so no chart seam shows.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from facestudio.database.albedo import load_albedo
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.atlas import place_grid, threefold
from facestudio.texture.layout import SURFACE_LEVEL, texel_layout
from facestudio.texture.look import PhotoLook
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray, Photo, read_only

HAIR_SIZE = 1024
"""Fine structure of hair is made at this size at most."""

_HAIRLINE_SOFTNESS = 0.006  # in edge lengths of the atlas
_SPACING_MM = 11.0  # between the middles of patches
_REACH_MM = 17.0
_OVERLAP = 4
_ROW = 1 << 14  # remap takes pictures of limited width
_FINE_MM = 0.33  # a pixel of the exemplar
_SIDE_MM, _LEAST_SIDE_MM = 34.0, 9.0
_LOWER = 0.03  # edge lengths of the atlas
_TILE = 256  # pixels of the structure's period
_STRANDS_MM = 1.8  # coarser structure is light and shade
_PLAIN = 6.0  # standard deviation of strands that are not the photo's
_STRONGEST = 10.0  # standard deviation of fine structure, 0..255


@lru_cache(maxsize=4)
def scalp(size: int) -> Float32Array:
    """Return how much hair grows at each texel of a layout on most heads, (N,) 0..1."""
    layout = texel_layout(size)
    return np.where(layout.main, scalp_grid(size)[layout.rows, layout.columns], np.float32(0))


@lru_cache(maxsize=4)
def scalp_grid(size: int) -> Float32Array:
    """Return how much hair grows on most heads over the atlas, (size, size) float32 0..1."""
    mask = cv2.resize(load_albedo().hair, (size, size), interpolation=cv2.INTER_LINEAR)
    mask = cv2.GaussianBlur(mask, (0, 0), _HAIRLINE_SOFTNESS * size)
    return read_only(mask.astype(np.float32) / 255, np.float32)


@dataclass(frozen=True, eq=False)
class Exemplar:
    """The fine structure of the photo's hair.

    Attributes
    ----------
    pixels
        (M, M, 3) float32 with mean zero, 0..255 units, periodic; a pixel is _FINE_MM wide, strands run along rows.
    """

    pixels: Float32Array


@lru_cache(maxsize=1)
def plain_exemplar() -> Exemplar:
    """Return strands of no one in particular, for hair of which too little is seen to copy any."""
    noise = np.random.default_rng(4).standard_normal((_TILE, _TILE, 1)).astype(np.float32)
    strands = cv2.GaussianBlur(np.tile(noise, (3, 3, 1)), (0, 0), sigmaX=9.0, sigmaY=0.9)[
        _TILE:-_TILE, _TILE:-_TILE
    ]
    strands *= _PLAIN / float(strands.std())
    return Exemplar(read_only(np.repeat(strands[..., None], 3, axis=2), np.float32))


def find_exemplar(photo: Photo, look: PhotoLook, hair: BoolArray, px_per_mm: float) -> Exemplar | None:
    """Cut the largest square of hair out of the photo.

    Parameters
    ----------
    photo, look
        The photo, and its texels.
    hair
        (N,) bool: texels that show hair.
    px_per_mm
        Pixels of the photo in a millimetre at the head.

    Returns
    -------
    Exemplar or None
        None if no square of 9 mm is seen.
    """
    places = look.projection.pixels[hair]
    if len(places) < 60:
        return None
    low = places.min(axis=0)
    cell = px_per_mm * 1.5  # texels are about a millimetre apart: at this raster they leave no gaps
    spot = np.floor((places - low) / cell).astype(np.int32)
    mask = np.zeros(spot.max(axis=0)[::-1] + 1, np.uint8)
    mask[spot[:, 1], spot[:, 0]] = 1
    mask = cv2.morphologyEx(
        cv2.copyMakeBorder(mask, 2, 2, 2, 2, cv2.BORDER_CONSTANT), cv2.MORPH_CLOSE, np.ones((3, 3))
    )
    depth = cv2.distanceTransform(mask, cv2.DIST_C, 3)
    y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
    side = min(_SIDE_MM, 2 * (float(depth[y, x]) - 0.5) * 1.5)
    if side < _LEAST_SIDE_MM:
        return None
    middle = (np.array([x, y], dtype=np.float64) - 2 + 0.5) * cell + low
    count = round(side / _FINE_MM)
    step = px_per_mm * _FINE_MM
    shift = middle - step * (count - 1) / 2
    affine = np.array([[step, 0, shift[0]], [0, step, shift[1]]])
    picture = photo.pixels
    if step > 1.5:
        reach = int(np.ceil(2 * step))
        x0, y0 = np.maximum(np.floor(shift).astype(int) - reach, 0)
        x1, y1 = np.ceil(shift + step * count).astype(int) + reach
        picture = cv2.blur(np.ascontiguousarray(picture[y0:y1, x0:x1]), (max(1, round(step)),) * 2)
        affine[:, 2] -= x0, y0
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(picture, affine, (count, count), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    pixels = patch.astype(np.float32)
    fine = pixels - cv2.GaussianBlur(
        pixels, (0, 0), _STRANDS_MM / _FINE_MM, borderType=cv2.BORDER_REFLECT_101
    )
    deviation = max(float(fine.mean(axis=2).std()), 1e-3)
    np.clip(fine, -2.2 * deviation, 2.2 * deviation, out=fine)  # gaps that show the background, and glints
    return Exemplar(_random_phase(fine, _strand_angle(fine.mean(axis=2))))


def _random_phase(fine: Float32Array, angle: float) -> Float32Array:
    """Return a periodic texture (_TILE, _TILE, 3) with the spectrum of a small square, its strands along the rows.

    Random phase noise after B. Galerne, Y. Gousseau, J.-M. Morel, "Random phase textures: theory and synthesis", 2011:
    one random phase for all channels keeps their correlation.
    """
    count = len(fine)
    turn = cv2.getRotationMatrix2D(((count - 1) / 2,) * 2, float(np.degrees(angle)), 1.0)
    turned = cv2.warpAffine(fine, turn, (count, count), borderMode=cv2.BORDER_REFLECT_101)
    window = np.hanning(count + 2)[1:-1].astype(np.float32)
    spot = np.zeros((_TILE, _TILE, 3), dtype=np.float32)
    spot[:count, :count] = turned * (window[:, None] * window)[..., None]
    noise = np.fft.rfft2(np.random.default_rng(3).standard_normal((_TILE, _TILE)))
    phase = noise / np.maximum(np.abs(noise), 1e-9)
    out = np.fft.irfft2(np.fft.rfft2(spot, axes=(0, 1)) * phase[..., None], s=(_TILE, _TILE), axes=(0, 1))
    deviation = max(float(out.mean(axis=2).std()), 1e-6)
    wanted = min(float(fine.mean(axis=2).std()), _STRONGEST)
    return np.asarray(out * (wanted / deviation), dtype=np.float32)


def _strand_angle(grey: Float32Array) -> float:
    """Return the direction along which a picture changes least, radians, from its structure tensor."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    across = 0.5 * np.arctan2(2 * float((dx * dy).mean()), float((dx * dx).mean() - (dy * dy).mean()))
    return across + np.pi / 2


@dataclass(frozen=True, eq=False)
class ScalpPatches:
    """Overlapping patches over the scalp of the rest head.

    Attributes
    ----------
    flat
        (N,) int32: texels of the scalp, row * S + column.
    maps
        K pairs as of cv2.convertMaps, (R, C): where each texel is in an exemplar's first period, a pixel on, from its
        K nearest patches.
        The texels are laid out in rows; the last ones stand for nothing.
    weights
        (K, R, C) float32: squares sum to one, so that the variance of what is laid over is kept.
    """

    flat: IntArray
    maps: tuple[tuple[NDArray[np.int16], NDArray[np.uint16]], ...]
    weights: Float32Array


@lru_cache(maxsize=2)
def scalp_patches(size: int) -> ScalpPatches:
    """Return the patches for an atlas of a size (computed once)."""
    template, grid = load_template(), place_grid(size)
    # A person's hair may begin some centimetres lower than most people's.
    near = cv2.GaussianBlur(scalp_grid(size), (0, 0), _LOWER * size)
    chosen = np.flatnonzero(near.reshape(-1)[grid.flat] > 0.02)
    dense = topology(SURFACE_LEVEL).apply(template.vertices).astype(np.float32)
    corners, weights = grid.corners[chosen], grid.weights[chosen]
    places = np.einsum("nkc,nk->nc", dense[corners], weights, optimize=True)
    rng = np.random.default_rng(5)
    centres = _spaced(places, rng)
    top = float(dense[:, 1].max())
    crown = np.array([0.0, top, float(places[places[:, 1] > 0.6 * top, 2].mean()) - 25.0], dtype=np.float32)
    outward = centres - np.array([0.0, 15.0, 0.0], dtype=np.float32)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    flow = centres - crown
    flow -= (flow * outward).sum(axis=1, keepdims=True) * outward
    flow /= np.maximum(np.linalg.norm(flow, axis=1, keepdims=True), 1e-3)
    side = np.cross(outward, flow)
    shift = rng.uniform(-200, 200, (len(centres), 2)).astype(np.float32)
    distance, patch = KDTree(centres).query(places, k=_OVERLAP, workers=-1)
    away = places[:, None] - centres[patch]
    along = np.einsum("nkc,nkc->kn", away, flow[patch]) + shift[patch, 0].T
    across = np.einsum("nkc,nkc->kn", away, side[patch]) + shift[patch, 1].T
    near = np.clip(1 - distance / _REACH_MM, 0.02, 1).astype(np.float32) ** 2
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    rows = -(-len(chosen) // _ROW)

    def laid_out(values: FloatArray | Float32Array) -> Float32Array:
        out = np.zeros((len(values), rows * _ROW), dtype=np.float32)
        out[:, : len(chosen)] = values
        return out.reshape(len(values), rows, _ROW)

    # Within the first period, and a pixel on: remap is slow where it must wrap around by itself.
    x, y = (laid_out(np.mod(mm / _FINE_MM, _TILE) + 1) for mm in (along, across))
    return ScalpPatches(
        read_only(grid.flat[chosen], np.int32),
        tuple(cv2.convertMaps(x[k], y[k], cv2.CV_16SC2) for k in range(len(x))),
        read_only(laid_out(near.T), np.float32),
    )


def _spaced(places: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Choose places about _SPACING_MM apart, (P, 3)."""
    sample = places[rng.permutation(len(places))[:6000]]
    tree = KDTree(sample)
    left = np.ones(len(sample), dtype=np.bool_)
    chosen: list[int] = []
    for number in range(len(sample)):
        if left[number]:
            chosen.append(number)
            left[tree.query_ball_point(sample[number], _SPACING_MM)] = False
    return sample[chosen]


def strands(exemplar: Exemplar, size: int) -> Float32Array:
    """Lay an exemplar's fine structure over the scalp, (size, size, 3) float32, zero elsewhere."""
    patches = scalp_patches(size)
    total = np.zeros((*patches.weights.shape[1:], 3), dtype=np.float32)
    periodic = cv2.copyMakeBorder(exemplar.pixels, 1, 2, 1, 2, cv2.BORDER_WRAP)
    for (whole, part), weight in zip(patches.maps, patches.weights, strict=True):
        found = cv2.remap(periodic, whole, part, cv2.INTER_LINEAR)
        total += cv2.multiply(found, threefold(weight))
    out = np.zeros((size * size, 3), dtype=np.float32)
    out[patches.flat] = total.reshape(-1, 3)[: len(patches.flat)]
    return out.reshape(size, size, 3)
