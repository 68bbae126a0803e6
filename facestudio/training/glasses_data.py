"""Windows around the eyes with masks of glasses, and how they are varied: what the glasses' network learns from.

Half of the glasses are those of synthetic photos. The others are drawn flat onto faces without any, drawn and real:
no two sources show the same kind of mistake, and the network must see what they have in common.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.photo import load_photo
from facestudio.pipeline.request import Request
from facestudio.pipeline.runner import Runner
from facestudio.synthesis.glasses import SHAPES, lens_outline
from facestudio.synthesis.labels import Label
from facestudio.synthesis.truth import read_truth
from facestudio.texture.glasses import WINDOW, window_around
from facestudio.texture.regions import OPENINGS
from facestudio.texture.segmenter import cut_square
from facestudio.training.segmenter_data import developed
from facestudio.values import ByteArray, FloatArray

MARGIN = (40, 32)
"""Pixels more on each side than the window has, so that it can be moved."""

_FEWEST = 20
_WIDE = (WINDOW[0] + 2 * MARGIN[0], WINDOW[1] + 2 * MARGIN[1])
_MOUTH, _SIDES = (61, 291), (234, 454)
_EYES_APART, _EYES_TO_MOUTH = 63.0, 68.0  # mm
_FINE = 4  # glasses are drawn so many times finer
_DRAWN = 0.5  # share of the faces without glasses that get some


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows with a margin, of H x W pixels.

    Attributes
    ----------
    images
        (N, H, W, 3) uint8 RGB.
    frames
        (N, H, W) uint8: 255 on frames and dark lenses.
    mesh
        (N, 478, 2): mesh478 points, pixels of the window with its margin.
    worn
        (N,) bool: whether there are glasses.
    """

    images: ByteArray
    frames: ByteArray
    mesh: FloatArray
    worn: Any

    def __len__(self) -> int:
        return len(self.images)


def _with_margin(to_photo: FloatArray) -> FloatArray:
    wide = to_photo.copy()
    wide[:, 2] -= to_photo[:, :2] @ np.array(MARGIN, dtype=np.float64)
    return wide


def _in_window(points: FloatArray, to_photo: FloatArray) -> FloatArray:
    inverse = cv2.invertAffineTransform(to_photo)
    return points @ inverse[:, :2].T + inverse[:, 2]


def read_windows(folders: list[Path], most: int, say: Callable[[str], None] = lambda line: None) -> Windows:
    """Read synthetic photos: as many with glasses as without, `most` at most.

    Raises
    ------
    UnreadableInputError
        If fewer than twenty are usable.
    """
    files = [file for folder in folders for file in sorted(folder.rglob("*.npz"))]
    files = files[:: max(1, len(files) // (3 * most))]
    found: list[tuple[ByteArray, ByteArray, FloatArray, bool]] = []
    count = {True: 0, False: 0}
    for file in files:
        try:
            truth = read_truth(file)
            worn = bool(truth.notes["glasses"])
            if count[worn] >= (most + 1) // 2:
                continue
            photo = load_photo(file.with_suffix(".jpg"))
        except FacestudioError:
            continue
        labels = cv2.imread(str(file.with_name(f"{file.stem}_labels.png")), cv2.IMREAD_GRAYSCALE)
        if labels is None or labels.shape != photo.pixels.shape[:2]:
            continue
        to_photo = _with_margin(window_around(truth.camera, truth.vertices))
        mask = np.where(labels == Label.GLASSES, np.uint8(255), np.uint8(0))
        frames = cut_square(np.asarray(mask, dtype=np.uint8), to_photo, _WIDE)
        image = cut_square(photo.pixels, to_photo, _WIDE)
        found.append((image, frames, _in_window(truth.mesh478, to_photo), worn))
        count[worn] += 1
        if len(found) % 500 == 0:
            say(f"{len(found)} photos")
    return _stacked(found)


def read_portraits(folders: list[Path], say: Callable[[str], None] = lambda line: None) -> Windows:
    """Read real portraits of people without glasses.

    Raises
    ------
    UnreadableInputError
        If fewer than twenty show a face.
    """
    run = Runner()
    found: list[tuple[ByteArray, ByteArray, FloatArray, bool]] = []
    for file in sorted(file for folder in folders for file in folder.rglob("*.jpg")):
        try:
            photo = load_photo(file)
            outcome = run.run(Request(photo, texture_size=0))
        except FacestudioError:
            continue
        head, mesh = outcome.head, outcome.faces[0].mesh.points
        to_photo = _with_margin(window_around(head.camera, head.posed_vertices()))
        image = cut_square(photo.pixels, to_photo, _WIDE)
        found.append((image, np.zeros(image.shape[:2], np.uint8), _in_window(mesh, to_photo), False))
        if len(found) % 50 == 0:
            say(f"{len(found)} portraits")
    return _stacked(found)


def _stacked(found: list[tuple[ByteArray, ByteArray, FloatArray, bool]]) -> Windows:
    if len(found) < _FEWEST:
        raise UnreadableInputError(f"There are {len(found)} usable photos: {_FEWEST} are needed")
    images, frames, mesh, worn = zip(*found, strict=True)
    return Windows(np.stack(images), np.stack(frames), np.stack(mesh), np.array(worn, dtype=np.bool_))


def joined(parts: list[Windows]) -> Windows:
    """Return several sets of windows as one."""
    return Windows(
        np.concatenate([one.images for one in parts]),
        np.concatenate([one.frames for one in parts]),
        np.concatenate([one.mesh for one in parts]),
        np.concatenate([one.worn for one in parts]),
    )


def plain(windows: Windows, number: int) -> tuple[ByteArray, ByteArray]:
    """Return a window and its frames as they are, (96, 256, 3) and (96, 256) uint8."""
    x, y = MARGIN
    inner = slice(y, y + WINDOW[1]), slice(x, x + WINDOW[0])
    return windows.images[number][inner], windows.frames[number][inner]


def varied(windows: Windows, number: int, rng: np.random.Generator) -> tuple[ByteArray, ByteArray]:
    """Return a window and its frames, moved, turned, scaled, mirrored, in other colours, perhaps with drawn glasses."""
    image: Any = windows.images[number].astype(np.float32)
    frames = windows.frames[number]
    if not windows.worn[number] and rng.random() < _DRAWN:
        image, frames = with_drawn_glasses(image, windows.mesh[number], rng)
    angle, scale = rng.normal(0, 0.09), float(np.exp(rng.normal(0, 0.1)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    turn[:, 0] *= rng.choice((-1.0, 1.0))
    middle = (np.array(_WIDE) - 1) / 2 + rng.normal(0, 4.0, 2) * (1.5, 1.0)
    place = np.column_stack([turn, middle - turn @ ((np.array(WINDOW) - 1) / 2)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    image, frames = (
        cv2.warpAffine(p, place, WINDOW, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        for p in (image, frames)
    )
    return developed(image, rng), np.asarray(frames, dtype=np.uint8)


def with_drawn_glasses(image: Any, mesh: FloatArray, rng: np.random.Generator) -> tuple[Any, ByteArray]:
    """Draw glasses flat onto a face.

    Parameters
    ----------
    image
        (H, W, 3) float32 0..255.
    mesh
        (478, 2) pixels.
    rng
        Source of chance.

    Returns
    -------
    tuple
        The picture, and (H, W) uint8: 255 on frames and dark lenses.
    """
    right, left = (mesh[list(outline)].mean(axis=0) for outline in OPENINGS[:2])
    middle = (right + left) / 2
    across = (left - right) / _EYES_APART
    up = (middle - mesh[list(_MOUTH)].mean(axis=0)) / _EYES_TO_MOUTH
    shape = list(SHAPES)[int(rng.integers(len(SHAPES)))]
    outline = lens_outline(shape, float(rng.uniform(0.85, 1.15)))
    half = float(np.abs(outline[:, 0]).max())
    apart = max(_EYES_APART / 2 + rng.uniform(-1.5, 3.0), half + rng.uniform(5.0, 9.0))
    shift = np.array([rng.normal(0, 1.5), rng.uniform(-9.0, 2.0)])

    def placed(points: FloatArray) -> Any:
        at = middle + (points[:, :1] + shift[0]) * across + (points[:, 1:] + shift[1]) * up
        return np.rint(at * _FINE * 16).astype(np.int32)

    size = (image.shape[0] * _FINE, image.shape[1] * _FINE)
    frames, glass = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    px_mm = float(np.sqrt(abs(np.linalg.det(np.stack([across, up], axis=1)))))
    thick = max(1, round(float(np.exp(rng.uniform(np.log(0.9), np.log(5.0)))) * px_mm * _FINE))
    dark, rimless, half_rim = rng.random() < 0.12, rng.random() < 0.1, rng.random() < 0.15

    def line(points: FloatArray, width: int, closed: bool = False) -> None:
        cv2.polylines(frames, [placed(points)], closed, 255, width, cv2.LINE_AA, 4)

    for side, inner in ((1.0, _SIDES[1]), (-1.0, _SIDES[0])):
        lens = np.column_stack([side * (apart + outline[:, 0]), outline[:, 1]])
        cv2.fillPoly(glass, [placed(lens)], 255, cv2.LINE_AA, 4)
        if half_rim and not rimless:
            line(lens[outline[:, 1] >= -1.0][np.argsort(lens[outline[:, 1] >= -1.0][:, 0])], thick)
        elif not rimless:
            line(lens, thick, closed=True)
        corner = np.array([side * (apart + half), float(outline[:, 1].max()) * rng.uniform(0.2, 0.6)])
        ear = _in_plane(mesh[inner], middle, across, up) + np.array([side * 4.0, rng.uniform(8.0, 20.0)])
        line(np.stack([corner, ear]), max(1, round(thick * 0.8)))
    bridge = np.linspace(-1, 1, 9)
    height = float(outline[:, 1].max()) * rng.uniform(0.1, 0.6)
    line(
        np.column_stack([bridge * (apart - half), height + 2.5 * (1 - bridge**2)]), max(1, round(thick * 0.9))
    )
    if dark:
        frames = np.maximum(frames, glass)
    mask, lens_share = (
        cv2.resize(p, image.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        for p in (frames, glass)
    )
    return _painted(image, mask, lens_share, rng), np.asarray(np.rint(255 * mask), dtype=np.uint8)


def _in_plane(point: FloatArray, middle: FloatArray, across: FloatArray, up: FloatArray) -> FloatArray:
    """Return a place of the picture in the glasses' plane, (2,) mm."""
    return np.asarray(np.linalg.solve(np.stack([across, up], axis=1), point - middle), dtype=np.float64)


def _painted(image: Any, mask: Any, lenses: Any, rng: np.random.Generator) -> Any:
    """Lay frames' shadow, lenses with their tint and glare, and frames over a picture."""
    shade = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 2.5))
    move = np.array([[1, 0, rng.normal(0, 1.5)], [0, 1, rng.uniform(0.5, 5.0)]])
    shade = cv2.warpAffine(shade, move, image.shape[1::-1])
    image = image * (1 - rng.uniform(0.0, 0.5) * np.clip(shade, 0, 1))[..., None]
    tint = rng.uniform(0, 255, 3).astype(np.float32)
    image = image + (tint - image) * (rng.uniform(0, 0.15) * lenses)[..., None]
    if rng.random() < 0.5:
        # Glare: a soft window or lamp that the lenses mirror.
        y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
        angle, width = rng.uniform(0, np.pi), rng.uniform(8.0, 40.0)
        place = np.cos(angle) * (x - rng.uniform(60, 210)) + np.sin(angle) * (y - rng.uniform(50, 110))
        band = np.exp(-0.5 * (place / width) ** 2) * rng.uniform(0.0, 0.6)
        image = image + (255.0 - image) * (band * lenses)[..., None]
    tone = rng.random()
    colour = np.full(3, rng.uniform(5, 60))
    if tone > 0.75:
        colour = np.full(3, rng.uniform(120, 255)) + rng.normal(0, 12, 3)
    elif tone > 0.45:
        colour = rng.uniform(20, 230) * np.array([1.0, rng.uniform(0.4, 1.0), rng.uniform(0.2, 1.0)])
    # Metal and plastic shine along the frame.
    rough = rng.standard_normal((image.shape[0] // 8, image.shape[1] // 8)).astype(np.float32)
    shine = cv2.resize(rough, image.shape[1::-1], interpolation=cv2.INTER_CUBIC) * rng.uniform(0, 50)
    frame = np.clip(colour.astype(np.float32) + np.maximum(shine, -20)[..., None], 0, 255)
    return image + (frame - image) * (mask * rng.uniform(0.75, 1.0))[..., None]
