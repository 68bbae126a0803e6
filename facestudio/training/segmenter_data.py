"""Squares around drawn heads with their masks, and how they are varied: what a segmenter of photos learns from.

Drawn photos differ from real ones. What must not matter is varied widely: colours of hair, skin and surroundings,
light, blur, noise, what stands before the face; shapes stay as drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.photo import load_photo
from facestudio.synthesis.truth import read_truth
from facestudio.texture.segmenter import SQUARE_SIZE, Part, cut_square, inner_square, square_around
from facestudio.values import ByteArray, Float32Array, FloatArray

PART_OF = np.array(
    [
        Part.BACKGROUND,  # background
        *(Part.SKIN,) * 4,  # skin, brows, lips, eyes
        Part.HAIR,
        Part.BEARD,
        Part.COVER,  # glasses
        Part.COVER,  # occluder
        Part.COVER,  # clothes, hats
        Part.SKIN,  # mouth
    ],
    dtype=np.uint8,
)
_HAIR_TONES = np.array(
    [
        (22, 20, 22), (40, 30, 26), (70, 48, 34), (104, 74, 50), (150, 112, 72), (196, 160, 108), (222, 200, 150),
        (150, 66, 30), (184, 92, 46), (120, 40, 30), (150, 148, 146), (215, 212, 208), (90, 30, 100), (40, 70, 140),
    ],
    dtype=np.float32,
)  # fmt: skip
_FEWEST = 20
_STRANDS, _DENSE = 1.3, 2.0  # pixels; how much more than skin strands count


@dataclass(frozen=True, eq=False)
class Scenes:
    """Drawn photos, all of one size.

    Attributes
    ----------
    images
        (N, H, W, 3) uint8 RGB.
    parts
        (N, H, W) uint8, `Part`.
    to_photo
        (N, 2, 3): where the upright square around each head lies.
    """

    images: ByteArray
    parts: ByteArray
    to_photo: FloatArray


@dataclass(frozen=True, eq=False)
class Example:
    """What the segmenter learns from at once: the square and its middle (S, S, 3), and the square's parts (S, S)."""

    square: ByteArray
    inner: ByteArray
    parts: ByteArray


def read_scenes(folders: list[Path], most: int, say: Callable[[str], None] = lambda line: None) -> Scenes:
    """Read synthetic photos and their masks; one that cannot be read, or of another size, is left out.

    Parameters
    ----------
    folders
        From `facestudio synthesize`.
    most
        So many of them at most, evenly chosen.
    say
        Called with a line of progress.

    Raises
    ------
    UnreadableInputError
        If there are fewer than twenty.
    """
    files = [file for folder in folders for file in sorted(folder.rglob("*.npz"))]
    files = files[:: max(1, -(-len(files) // most))]
    images: list[ByteArray] = []
    parts: list[ByteArray] = []
    places: list[FloatArray] = []
    for file in files:
        labels = cv2.imread(str(file.with_name(f"{file.stem}_labels.png")), cv2.IMREAD_GRAYSCALE)
        try:
            truth, photo = read_truth(file), load_photo(file.with_suffix(".jpg"))
        except FacestudioError:
            continue
        if labels is None or labels.shape != photo.pixels.shape[:2] or labels.max() >= len(PART_OF):
            continue
        if images and images[0].shape != photo.pixels.shape:
            continue
        images.append(photo.pixels)
        parts.append(_whole(PART_OF[np.asarray(labels, dtype=np.uint8)]))
        places.append(square_around(truth.camera))
        if len(images) % 500 == 0:
            say(f"{len(images)} of {len(files)} photos")
    if len(images) < _FEWEST:
        raise UnreadableInputError(f"There are {len(images)} usable synthetic photos: {_FEWEST} are needed")
    return Scenes(np.stack(images), np.stack(parts), np.stack(places))


def _whole(parts: ByteArray) -> ByteArray:
    """Return a mask (S, S) in which skin that shows between strands belongs to the hair or beard around it."""
    share = np.stack(
        [cv2.GaussianBlur((parts == part).astype(np.float32), (0, 0), _STRANDS) for part in Part]
    )
    share[[Part.HAIR, Part.BEARD]] *= _DENSE
    between = (parts == Part.SKIN) & np.isin(share.argmax(axis=0), (Part.HAIR, Part.BEARD))
    single = np.isin(parts, (Part.HAIR, Part.BEARD)) & (share.argmax(axis=0) == Part.SKIN)
    out = np.where(between, share.argmax(axis=0), parts)
    return np.where(single, np.uint8(Part.SKIN), out).astype(np.uint8)


def _cut(image: ByteArray, parts: ByteArray, to_photo: FloatArray) -> Example:
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    mask = cv2.warpAffine(
        parts, to_photo, (SQUARE_SIZE, SQUARE_SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    square, inner = cut_square(image, to_photo), cut_square(image, inner_square(to_photo))
    return Example(square, inner, np.asarray(mask, dtype=np.uint8))


def plain(scenes: Scenes, number: int) -> Example:
    """Return a photo as it is."""
    return _cut(scenes.images[number], scenes.parts[number], scenes.to_photo[number])


def varied(scenes: Scenes, number: int, rng: np.random.Generator) -> Example:
    """Return a photo, moved, turned, mirrored, and with other colours."""
    image: Any = scenes.images[number].astype(np.float32)
    part = scenes.parts[number]
    hair = (part == Part.HAIR) | (part == Part.BEARD)
    if rng.random() < 0.35 and hair.any():
        image = _dyed(image, hair, rng)
    if rng.random() < 0.35:
        tint = rng.normal(1.0, 0.12, 3) * rng.uniform(0.6, 1.25)
        soft = cv2.GaussianBlur((part == Part.SKIN).astype(np.float32), (0, 0), 0.8)[..., None]
        image = image * (1 + soft * (tint.astype(np.float32) - 1))
    if rng.random() < 0.5:
        image = _before(image, part, scenes, rng)
    if rng.random() < 0.1:
        image, part = _covered(image, part, rng)
    return _cut(developed(image, rng), part, _moved(scenes.to_photo[number], rng))


def _moved(to_photo: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a square moved, turned, scaled and, every other time, mirrored, (2, 3)."""
    angle, scale = rng.normal(0, 0.1), np.exp(rng.normal(0, 0.07))
    mirror = rng.choice((-1.0, 1.0))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * (mirror, 1.0)
    middle = np.full(2, (SQUARE_SIZE - 1) / 2)
    axes = to_photo[:, :2] @ turn
    at = to_photo[:, :2] @ (middle + rng.normal(0, 4.0, 2)) + to_photo[:, 2]
    return np.column_stack([axes, at - axes @ middle])


def _grid(shape: tuple[int, ...]) -> tuple[Float32Array, Float32Array]:
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    return y, x


def _dyed(image: Any, hair: np.ndarray, rng: np.random.Generator) -> Any:
    tone = _HAIR_TONES[rng.integers(len(_HAIR_TONES))] * np.float32(np.exp(rng.normal(0, 0.25)))
    grey = image.mean(axis=2)
    relative = (grey / max(float(grey[hair].mean()), 4.0)) ** np.float32(rng.uniform(0.4, 1.3))
    soft = cv2.GaussianBlur(hair.astype(np.float32), (0, 0), 0.8)[..., None]
    return image + (tone * np.clip(relative, 0, 3)[..., None] - image) * soft


def _before(image: Any, part: ByteArray, scenes: Scenes, rng: np.random.Generator) -> Any:
    """Put the head before other surroundings: plain, graded, noisy or a piece of another photo."""
    kind = rng.random()
    height, width = part.shape
    if kind < 0.3:
        other = scenes.images[rng.integers(len(scenes.images))]
        small = cv2.resize(other, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
        place = rng.integers(0, min(small.shape[:2]) // 2, 2)
        piece = small[place[0] :, place[1] :]
        scene = cv2.resize(piece, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    else:
        if kind < 0.5:
            # The colour of what it must be told from.
            wanted = part == (Part.HAIR if rng.random() < 0.5 and (part == Part.HAIR).any() else Part.SKIN)
            tone = image[wanted].mean(axis=0) if wanted.any() else np.full(3, 128.0)
            tone = tone + rng.normal(0, 18.0, 3)
        elif kind < 0.75:
            tone = np.full(3, rng.uniform(0, 255)) + rng.normal(0, 12.0, 3)
        else:
            tone = rng.uniform(0, 255, 3)
        y, x = _grid(part.shape)
        slope = rng.normal(0, 25.0, (2, 3)).astype(np.float32)
        scene = tone.astype(np.float32) + x[..., None] * slope[0] + y[..., None] * slope[1]
        rough = rng.standard_normal((height // 16, width // 16, 1)).astype(np.float32) * rng.uniform(0, 20)
        scene = scene + cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    soft = cv2.GaussianBlur((part == Part.BACKGROUND).astype(np.float32), (0, 0), 0.6)[..., None]
    return image + (scene - image) * soft


def _covered(image: Any, part: ByteArray, rng: np.random.Generator) -> tuple[Any, ByteArray]:
    """Lay a smooth shape of any colour over the picture."""
    count = int(rng.integers(4, 8))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    height, width = part.shape
    middle = rng.uniform([0.15 * width, 0.15 * height], [0.85 * width, 0.85 * height])
    spokes = rng.uniform(0.03, 0.2) * height * rng.uniform(0.5, 1.2, count)
    corners = middle + np.stack([np.cos(angle), np.sin(angle)], axis=1) * spokes[:, None]
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1)
    grain = rng.standard_normal(image.shape).astype(np.float32) * rng.uniform(0, 12)
    tone = rng.uniform(0, 255, 3).astype(np.float32) + cv2.GaussianBlur(grain, (0, 0), 1.0) * 2
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)[..., None]
    return image + (tone - image) * soft, np.where(mask > 0, np.uint8(Part.COVER), part)


def developed(image: Any, rng: np.random.Generator) -> ByteArray:
    """Vary light, exposure, colours, sharpness and noise of a picture (S, S, 3) 0..255."""
    if rng.random() < 0.35:
        y, x = _grid(image.shape)
        angle = rng.uniform(0, 2 * np.pi)
        ramp = np.cos(angle) * x + np.sin(angle) * y
        image = image * np.exp(np.float32(rng.normal(0, 0.35)) * ramp)[..., None]
    image = np.clip(image, 0, 255) / 255
    image = image ** np.float32(np.exp(rng.normal(0, 0.28)))
    grey = image.mean(axis=2, keepdims=True)
    amount = 0.0 if rng.random() < 0.07 else rng.uniform(0.5, 1.5)
    image = grey + (image - grey) * np.float32(amount)
    image = image * rng.normal(1.0, 0.1, 3).astype(np.float32) * np.float32(rng.uniform(0.7, 1.3))
    middle = np.float32(image.mean())
    image = middle + (image - middle) * np.float32(np.exp(rng.normal(0, 0.2)))
    image = np.clip(image, 0, 1) * 255
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.0))
    if rng.random() < 0.4:
        noise = rng.standard_normal(image.shape).astype(np.float32)
        if rng.random() < 0.5:
            noise = cv2.GaussianBlur(noise, (0, 0), 0.7) * 2
        image = image + noise * rng.uniform(1, 12)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
