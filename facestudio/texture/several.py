"""One texture of several photos: each texel from the photo that saw it best, in one light and tone, without seams.

Each photo has a whole texture of its own. Where two photos saw the same skin, the difference of their tones is known:
it is taken off. Then they are blended band by band (P. J. Burt, E. H. Adelson, "A multiresolution spline with
application to image mosaics", 1983): fine structure from the photo that saw it best, smooth colour mixed widely.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from facestudio.texture.atlas import chart_mask, spread
from facestudio.texture.fuse import BORROWED, MIRRORED, SEEN
from facestudio.texture.hair import scalp_grid
from facestudio.texture.lighting import GAMMA
from facestudio.values import BoolArray, ByteArray, Coverage, Float32Array, Texture

_LEVELS = 6
_SHARPNESS = 4.0  # exponent of confidence: how decidedly the better view wins
_WORTH = {SEEN: 1.0, MIRRORED: 0.02, BORROWED: 0.0005}
_WEIGHT_SIZE = 512  # weights vary slowly
_SEAM = 2.0  # texels of the weights
_SURE = 110  # of 255: what is seen better than this tells a photo's tone
_ENOUGH = 200
_TONE = (0.5, 2.0)
_SCALP_SLOPE, _NOT_ITS_HAIR = 2.0, 1e-6


def blended(
    textures: Sequence[Texture],
    detail: Sequence[float],
    check: Callable[[], None] = lambda: None,
    hair: int | None = None,
) -> Texture:
    """Blend whole textures of one head by how well each photo saw each texel.

    Parameters
    ----------
    textures
        All of one size; the first one's tone is kept, and its eyes and mouth.
    detail
        Of each photo, pixels per millimetre of the face: among equal views the finer one counts more.
    check
        Called between the steps: may raise to cancel.
    hair
        The one whose scalp is taken whole, if the photos show different hair.
    """
    if len(textures) == 1:
        return textures[0]
    size = textures[0].size
    most = max(detail)
    worth = [_worth(texture.coverage, fine / most) for texture, fine in zip(textures, detail, strict=True)]
    if hair is not None:
        worth = _one_hair(worth, hair)
    check()
    weights = _shares(worth, size)
    pictures = [textures[0].pixels]
    for texture in textures[1:]:
        check()
        pictures.append(_in_tone(texture, textures[0]))
    out = _bands(pictures, weights, check)
    skin = chart_mask(size)
    pixels = np.where(skin[..., None], out, textures[0].pixels).astype(np.uint8)
    # The gutter around the skin's charts goes on from them where the first texture's does.
    near = (cv2.dilate(skin.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~skin
    gutter = near & (np.abs(out.astype(np.int16) - textures[0].pixels).max(axis=2) < 60)
    pixels[gutter] = out[gutter]
    coverage = _coverage([texture.coverage for texture in textures], worth, skin)
    return replace(textures[0], pixels=pixels, coverage=coverage)


def _worth(coverage: Coverage, detail: float) -> Float32Array:
    """Return how much each texel is worth taking, (W, W) float32 > 0."""
    size = (min(_WEIGHT_SIZE, len(coverage.labels)),) * 2
    table = np.array([1e-6, _WORTH[SEEN], _WORTH[MIRRORED], _WORTH[BORROWED]], dtype=np.float32)
    labels = np.asarray(cv2.resize(coverage.labels, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    worth = table[labels]
    if coverage.confidence is not None:
        sure = cv2.resize(coverage.confidence, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        worth = worth * (0.05 + sure) ** np.float32(_SHARPNESS)
    return np.asarray(worth * np.float32(detail) ** 2, dtype=np.float32)


def _one_hair(worth: Sequence[Float32Array], hair: int) -> list[Float32Array]:
    """Return worths by which the scalp is taken from one texture, whatever the others saw of theirs."""
    scalp = np.clip(_SCALP_SLOPE * scalp_grid(len(worth[0])), 0, 1)
    others = (_NOT_ITS_HAIR**scalp).astype(np.float32)
    # Nobody's worth is far below that of the one: where it saw nothing its own carried on hair stays.
    own = np.maximum(worth[hair], np.where(scalp > 0.5, np.float32(_WORTH[MIRRORED]), np.float32(0)))
    return [own if number == hair else one * others for number, one in enumerate(worth)]


def _shares(worth: Sequence[Float32Array], size: int) -> list[Float32Array]:
    """Return each texture's share of each texel, (W, W) float32; they sum to one and go on beyond the charts."""
    side = len(worth[0])
    inside = cv2.resize(chart_mask(size).astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    known = (inside > 0.5).astype(np.float32)
    stack = np.stack(worth, axis=2)
    stack = spread(np.asarray(stack / stack.sum(axis=2, keepdims=True), dtype=np.float32), known)
    soft = np.asarray(cv2.GaussianBlur(stack, (0, 0), _SEAM), dtype=np.float32)
    soft /= soft.sum(axis=2, keepdims=True)
    return [np.ascontiguousarray(soft[..., i]) for i in range(len(worth))]


def _surely_seen(texture: Texture) -> BoolArray:
    coverage = texture.coverage
    seen = coverage.labels == SEEN
    return seen if coverage.confidence is None else seen & (coverage.confidence > _SURE)


def _in_tone(texture: Texture, first: Texture) -> ByteArray:
    """Return a texture in the tone of the first one: their ratio, in linear light, where both photos saw skin."""
    both = np.flatnonzero(_surely_seen(texture) & _surely_seen(first))
    if len(both) < _ENOUGH:  # they saw different sides: compare what each has made of the whole
        both = np.flatnonzero(chart_mask(first.size))
    both = both[:: max(1, len(both) // 20000)]
    own = texture.pixels.reshape(-1, 3)[both].astype(np.float32) / 255
    other = first.pixels.reshape(-1, 3)[both].astype(np.float32) / 255
    ratio = np.median(other**GAMMA, axis=0) / np.maximum(np.median(own**GAMMA, axis=0), 1e-4)
    gain = np.clip(ratio, *_TONE) ** (1 / GAMMA)
    table = np.clip(np.rint(np.arange(256)[:, None] * gain), 0, 255).astype(np.uint8)
    return np.dstack([table[:, i][texture.pixels[..., i]] for i in range(3)])


def _bands(
    pictures: Sequence[ByteArray], weights: Sequence[Float32Array], check: Callable[[], None]
) -> ByteArray:
    """Blend pictures (S, S, 3) band by band."""
    size = len(pictures[0])
    levels = min(_LEVELS, int(np.log2(size)) - 3)
    total: list[Float32Array] = []
    shares: list[Float32Array] = []
    for picture, weight in zip(pictures, weights, strict=True):
        check()
        here = picture.astype(np.float32)
        share = np.asarray(cv2.resize(weight, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
        for level in range(levels):
            small = here if level == levels - 1 else cv2.pyrDown(here)
            band = here if level == levels - 1 else here - cv2.pyrUp(small, dstsize=here.shape[1::-1])
            if level == len(total):
                total.append(np.zeros_like(here))
                shares.append(np.zeros_like(share))
            total[level] += band * share[..., None]
            shares[level] += share
            here, share = np.asarray(small, np.float32), np.asarray(cv2.pyrDown(share), np.float32)
    out = total[-1] / np.maximum(shares[-1], 1e-6)[..., None]
    for band, share in zip(reversed(total[:-1]), reversed(shares[:-1]), strict=True):
        check()
        out = cv2.pyrUp(out, dstsize=band.shape[1::-1]) + band / np.maximum(share, 1e-6)[..., None]
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _coverage(each: Sequence[Coverage], worth: Sequence[Float32Array], skin: BoolArray) -> Coverage:
    """Return where each texel comes from: from the texture that gives the most of it."""
    size = len(skin)
    best: ByteArray = cv2.resize(
        np.argmax(np.stack(worth), axis=0).astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST
    )
    labels = np.choose(best, [coverage.labels for coverage in each]).astype(np.uint8)
    confidence = None
    if all(coverage.confidence is not None for coverage in each):
        confidence = np.choose(best, [np.asarray(coverage.confidence) for coverage in each]).astype(np.uint8)
    count = np.bincount(labels.reshape(-1), minlength=4)[1:4] / max(int((labels > 0).sum()), 1)
    seen, mirrored = float(count[0]), float(count[1])
    return Coverage(labels, seen, mirrored, max(0.0, 1.0 - seen - mirrored), confidence, best)
