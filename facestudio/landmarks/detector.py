"""Finds faces: MediaPipe's short-range BlazeFace (128x128), decoded here.

Frames: the network's coordinates are continuous (the first pixel covers 0..1); everything returned is in the
image frame (the centre of the first pixel is 0), so half a pixel is taken off on the way out.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np

from facestudio.landmarks.sessions import open_shipped
from facestudio.values import ByteArray, FaceBox, FloatArray, Photo, read_only

KEYPOINT_NAMES: Final = ("eye_right", "eye_left", "nose_tip", "mouth", "ear_right", "ear_left")

_SIZE: Final = 128
_OVERLAP: Final = 0.3
_SURE: Final = 0.8  # upright faces score 0.78 and more, others up to that when the photo lies on its side
_CREDIBLE: Final = 0.75  # many looks see many things that score less and are no face
_TILES: Final = (2, 4, 8)
_SMALLEST: Final = (
    60  # pixels: faces down to this width are looked for in tiles, if not asked for smaller ones
)
_SEEN_FROM: Final = 0.11  # a face at least this wide, of a tile, is seen
_OVERLAPPING: Final = 0.36  # of neighbouring tiles: larger faces are seen in larger tiles
_PLAIN: Final = 4.0  # grey levels: tiles of less contrast hold no face
_HALVED: Final = 2  # pictures that shrink more are halved first
_DARK: Final = 90  # a picture of which 99 % is darker is brightened for the detector
_STRIDES: Final = ((8, 2), (16, 6))  # cell size in pixels, anchors in each cell


@dataclass(frozen=True, eq=False)
class FaceCandidate:
    """What the detector says of one face.

    Attributes
    ----------
    box
        Image frame.
    keypoints
        (6, 2) float64 pixels, image frame: see `KEYPOINT_NAMES`; right and left are the sitter's.
    """

    box: FaceBox
    keypoints: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "keypoints", read_only(self.keypoints, np.float64))


@cache
def _anchors() -> FloatArray:
    """Centres of the 896 anchors, (896, 2) in 0..1: row by row, the 8-pixel cells first."""
    grids: list[FloatArray] = []
    for stride, repeats in _STRIDES:
        n = _SIZE // stride
        centres = (np.arange(n) + 0.5) / n
        x, y = np.meshgrid(centres, centres)
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(grids)


def _letterbox(pixels: ByteArray, fill: float) -> tuple[ByteArray, float, FloatArray]:
    """Shrink an image into the middle of a black 128x128 square of which its long side takes `fill`.

    Returns
    -------
    tuple
        The square; pixels of the image per pixel of the square; (2,) offset of the image in the square.
    """
    height, width = pixels.shape[:2]
    scale = max(width, height) / (_SIZE * fill)
    w, h = (max(1, round(n / scale)) for n in (width, height))
    shrink = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    while pixels.shape[0] > _HALVED * h and pixels.shape[1] > _HALVED * w:
        # Halving is fast, other ratios are not; a row or column more or less does not matter.
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        even = pixels[: 2 * half[1], : 2 * half[0]]
        pixels = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    x, y = (_SIZE - w) // 2, (_SIZE - h) // 2
    square = np.zeros((_SIZE, _SIZE, 3), np.uint8)
    square[y : y + h, x : x + w] = _brightened(
        np.asarray(cv2.resize(pixels, (w, h), interpolation=shrink), dtype=np.uint8)
    )
    return square, scale, np.array([x, y], dtype=np.float64)


def _brightened(pixels: ByteArray) -> ByteArray:
    """Return a dark picture with its brightest hundredth made nearly white; any other as it is."""
    bright = float(np.percentile(pixels[::2, ::2], 99))
    if bright >= _DARK:
        return pixels
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=230 / max(bright, 8.0)), dtype=np.uint8)


def _infer(square: ByteArray, min_score: float) -> tuple[FloatArray, FloatArray]:
    """Run the network on a 128x128 square.

    Returns
    -------
    tuple
        Points (K, 8, 2) in the square's continuous pixels (two corners, then six keypoints); scores (K,).
    """
    image = square[None].astype(np.float32) / np.float32(127.5) - np.float32(1)
    output = open_shipped("face_detector").run({"image": image})
    logits = np.clip(output["scores"].reshape(-1).astype(np.float64), -100, 100)
    scores = 1 / (1 + np.exp(-logits))
    chosen = scores >= min_score
    raw = output["boxes"].reshape(-1, 8, 2)[chosen].astype(np.float64)
    centres = _anchors()[chosen] * _SIZE
    middle, size = raw[:, 0] + centres, raw[:, 1]
    corners = np.stack([middle - size / 2, middle + size / 2], axis=1)
    return np.concatenate([corners, raw[:, 2:] + centres[:, None]], axis=1), scores[chosen]


def _shared(box: FloatArray, boxes: FloatArray, *, of_smaller: bool = False) -> FloatArray:
    """Intersection of one (2, 2) box with (K, 2, 2) boxes over their union or over the smaller of the two."""
    low = np.maximum(box[0], boxes[:, 0])
    high = np.minimum(box[1], boxes[:, 1])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(np.maximum(boxes[:, 1] - boxes[:, 0], 0), axis=1)
    area = np.prod(box[1] - box[0])
    whole = np.minimum(area, areas) if of_smaller else area + areas - shared
    return shared / np.maximum(whole, 1e-12)


def _merge(points: FloatArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted non-maximum suppression: overlapping boxes become their mean, weighted by score."""
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    merged: list[FloatArray] = []
    best: list[float] = []
    while len(scores):
        group = _shared(points[0, :2], points[:, :2]) > _OVERLAP
        group[0] = True
        merged.append(np.average(points[group], axis=0, weights=scores[group]))
        best.append(float(scores[0]))
        points, scores = points[~group], scores[~group]
    return np.array(merged).reshape(-1, 8, 2), np.array(best)


def _strongest(looks: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Keep the best of what overlaps in several looks: their mean would mean nothing.

    A box also gives way to a better one that half covers it: it saw part of a face.
    """
    points = np.concatenate([p for p, _ in looks])
    scores = np.concatenate([s for _, s in looks])
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if not kept or _shared(points[i, :2], points[kept, :2], of_smaller=True).max() <= 0.5:
            kept.append(i)
    return points[kept], scores[kept]


def _scan(pixels: ByteArray, min_score: float, fill: float) -> tuple[FloatArray, FloatArray]:
    """Detect in one image, turned by quarters where the upright look is not sure.

    Returns
    -------
    tuple
        Points (K, 8, 2) in the image's continuous pixels; scores (K,).
    """
    square, scale, offset = _letterbox(pixels, fill)
    looks = [_merge(*_infer(square, min_score))]
    if looks[0][1].max(initial=0.0) < _SURE:
        for quarters in (1, 2, 3):
            turned = np.ascontiguousarray(np.rot90(square, quarters))
            points, scores = _merge(*_infer(turned, max(min_score, _CREDIBLE)))
            x, y = points[..., 0], points[..., 1]
            back = {1: (_SIZE - y, x), 2: (_SIZE - x, _SIZE - y), 3: (y, _SIZE - x)}[quarters]
            points = np.stack(back, axis=-1)
            corners = points[:, :2]
            points[:, :2] = np.stack([corners.min(axis=1), corners.max(axis=1)], axis=1)
            looks.append((points, scores))
    points, scores = _strongest(looks)
    return (points - offset) * scale, scores


def _scan_tiles(pixels: ByteArray, min_score: float, parts: int) -> tuple[FloatArray, FloatArray]:
    """Detect in overlapping square tiles, each 1/parts of the long side."""
    height, width = pixels.shape[:2]
    scale = max(width, height) / (_SIZE * parts)
    if scale < 0.5:  # enlarging twice and more shows nothing new
        return np.empty((0, 8, 2)), np.empty(0)
    w, h = (max(1, round(n / scale)) for n in (width, height))
    shrink = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    small: ByteArray = np.asarray(cv2.resize(pixels, (w, h), interpolation=shrink), dtype=np.uint8)
    found_points, found_scores = [np.empty((0, 8, 2))], [np.empty(0)]
    for y in _starts(h):
        for x in _starts(w):
            tile = small[y : y + _SIZE, x : x + _SIZE]
            if float(tile[::4, ::4].std(axis=(0, 1)).max()) < _PLAIN:
                continue
            square, enlarged, offset = _letterbox(tile, 1.0)
            points, scores = _infer(square, max(min_score, _CREDIBLE))
            found_points.append(((points - offset) * enlarged + np.array([x, y])) * scale)
            found_scores.append(scores)
    return _merge(np.concatenate(found_points), np.concatenate(found_scores))


def _starts(length: int) -> list[int]:
    """Evenly spread starts of tiles of the network's size that overlap by at least `_OVERLAPPING` of it."""
    if length <= _SIZE:
        return [0]
    count = math.ceil((length - _SIZE) / (_SIZE * (1 - _OVERLAPPING))) + 1
    return [round(i * (length - _SIZE) / (count - 1)) for i in range(count)]


def _candidates(found: tuple[FloatArray, FloatArray]) -> tuple[FaceCandidate, ...]:
    candidates: list[FaceCandidate] = []
    for points, score in zip(found[0] - 0.5, found[1].tolist(), strict=True):
        (x0, y0), (x1, y1) = points[:2].tolist()
        candidates.append(FaceCandidate(FaceBox(x0, y0, x1, y1, score), points[2:]))
    return tuple(candidates)


def search_faces(photo: Photo, *, min_score: float = 0.5) -> Iterator[tuple[FaceCandidate, ...]]:
    """Look at a photo ever more thoroughly; yields what each look finds, perhaps nothing.

    First the whole photo, which is enough for faces of about a tenth of its long side or more, turned by
    quarters if nothing is sure; then the same from further away (a face that fills the photo); then in ever
    smaller tiles, until faces of 60 pixels would be seen. Take the next look only if the last one was in vain.

    Parameters
    ----------
    photo
        The photo.
    min_score
        Boxes of a lower score are dropped.

    Raises
    ------
    ModelError
        If the detector or ONNX Runtime is missing.
    """
    for fill in (1.0, 0.5):
        yield _candidates(_scan(photo.pixels, min_score, fill))
    before = 1
    for parts in _TILES:
        # Not where the tiles before already show the smallest faces large enough.
        if max(photo.size) * _SEEN_FROM > _SMALLEST * before:
            yield _candidates(_scan_tiles(photo.pixels, min_score, parts))
        before = parts


def detect_faces(
    photo: Photo, *, min_score: float = 0.5, small_faces: bool = False
) -> tuple[FaceCandidate, ...]:
    """Find the faces of a photo, the surest first.

    Parameters
    ----------
    photo
        The photo.
    min_score
        Boxes of a lower score are dropped.
    small_faces
        Take all looks of `search_faces`, not just the first that finds something: also finds the small faces
        beside a large one (about half a second more).

    Returns
    -------
    tuple of FaceCandidate
        No two of them overlap by more than 30 % (intersection over union). Empty: no face.

    Raises
    ------
    ModelError
        If the detector or ONNX Runtime is missing.
    """
    if not small_faces:
        return next((found for found in search_faces(photo, min_score=min_score) if found), ())
    looks = [_scan(photo.pixels, min_score, 1.0)]
    looks += [_scan_tiles(photo.pixels, min_score, parts) for parts in _TILES]
    return _candidates(_strongest(looks))
