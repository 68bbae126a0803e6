"""Cuts samples to the canvas where the search of the ASM would begin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facestudio.landmarks.asm.canvas import SIDE, cut_canvas
from facestudio.landmarks.asm.view import PoseShift
from facestudio.landmarks.schemes import LandmarkMap, LandmarkScheme, load_scheme
from facestudio.training.asm.annotated import AnnotatedPhoto
from facestudio.training.asm.samples import Sample
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class CutSamples:
    """Samples on their canvases; lengths are canvas pixels.

    Attributes
    ----------
    canvases
        (M, SIDE, SIDE) uint8.
    begin, truth
        (M, N, 2) float64: where the search begins, where it should end.
    meshes
        (M, 478, 2) float32.
    sources
        (M,) int32: numbers of the annotated photos.
    changed
        (M,) bool.
    to_canvas
        (M, 2, 2) float64: from vectors in the sample's picture to vectors on the canvas.
    yaw, pitch
        (M,) float64 degrees; 0 where they are not known.
    """

    canvases: ByteArray
    begin: FloatArray
    truth: FloatArray
    meshes: Float32Array
    sources: IntArray
    changed: BoolArray
    to_canvas: FloatArray
    yaw: FloatArray
    pitch: FloatArray


def with_mirror_images(cut: CutSamples, scheme: LandmarkScheme) -> CutSamples:
    """Return samples and their mirror images: canvases cut by a symmetric start are symmetric too."""
    edge = SIDE - 1

    def flipped(points: FloatArray, mirror: IntArray) -> FloatArray:
        other = points[:, mirror].copy()
        other[..., 0] = edge - other[..., 0]
        return other

    meshes = flipped(cut.meshes.astype(np.float64), load_scheme("mesh478").mirror).astype(np.float32)
    return CutSamples(
        np.concatenate([cut.canvases, cut.canvases[:, :, ::-1]]),
        np.concatenate([cut.begin, flipped(cut.begin, scheme.mirror)]),
        np.concatenate([cut.truth, flipped(cut.truth, scheme.mirror)]),
        np.concatenate([cut.meshes, meshes]),
        np.tile(cut.sources, 2),
        np.tile(cut.changed, 2),
        np.concatenate([cut.to_canvas, cut.to_canvas * np.array([[-1.0], [1.0]])]),
        np.concatenate([cut.yaw, -cut.yaw]),
        np.tile(cut.pitch, 2),
    )


def cut_samples(
    samples: Iterable[Sample],
    photos: Sequence[AnnotatedPhoto],
    starts: Sequence[LandmarkMap],
    folds: IntArray,
    mean: FloatArray,
    shift: PoseShift | None = None,
) -> CutSamples:
    """Cut samples, one after the other: pictures need not be held all at once.

    Parameters
    ----------
    samples
        In any order.
    photos
        That they are of.
    starts, folds
        For each fold of the photos, (number of photos,), the start of the others.
    mean
        (N, 2): of the shape model.
    shift
        By the pose.
    """
    canvases: list[ByteArray] = []
    places: list[tuple[FloatArray, FloatArray, Float32Array]] = []
    turns: list[FloatArray] = []
    known: list[tuple[int, bool, float, float]] = []
    for sample in samples:
        start = starts[folds[sample.source]].apply(sample.mesh)
        canvas = cut_canvas(sample.picture, start, mean)
        begin = start if shift is None else start + shift.apply(sample.mesh)
        canvases.append(canvas.pixels)
        turns.append(canvas.to_canvas[:, :2])
        mesh = canvas.place(sample.mesh).astype(np.float32)
        places.append((canvas.place(begin), canvas.place(sample.points), mesh))
        traits = photos[sample.source].traits
        turn = -1.0 if sample.mirrored else 1.0
        yaw, pitch = turn * float(traits.get("yaw", 0.0)), float(traits.get("pitch", 0.0))
        known.append((sample.source, sample.changed, yaw, pitch))
    begins, truths, meshes = (np.stack(column) for column in zip(*places, strict=True))
    sources, changed, yaws, pitches = (np.array(column) for column in zip(*known, strict=True))
    return CutSamples(
        np.stack(canvases),
        begins,
        truths,
        meshes.astype(np.float32),
        sources.astype(np.int32),
        changed.astype(np.bool_),
        np.stack(turns),
        yaws.astype(np.float64),
        pitches.astype(np.float64),
    )
