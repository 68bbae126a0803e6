"""Trains an Active Shape Model from annotated photos (`facestudio train asm`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from facestudio.errors import UnreadableInputError
from facestudio.landmarks.asm.canvas import SIDE, canvas_frame, direction_maps
from facestudio.landmarks.asm.model import AsmModel
from facestudio.landmarks.asm.shape import align, transform
from facestudio.training.asm.annotated import AnnotatedPhoto
from facestudio.training.asm.errors import Unseen, held, learn_errors
from facestudio.training.asm.experts import TrainingSet, apply_experts
from facestudio.training.asm.kinds import in_real_convention, learn_kind
from facestudio.training.asm.learn import FEWEST, Kind, learn_real, learn_synthetic, provenance
from facestudio.training.asm.options import AsmOptions
from facestudio.training.asm.starts import eye_corners
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray

_DRAWN_SAMPLES: Final = 3000
"""Drawn samples that the experts for real photos are tried on, at most."""

_OTHER_KIND: Final = 0.15
"""How much these count against the real ones in learning to be wary. Measured on real people left out: up to 0.25 costs
nothing there, 1 a fifth of the experts' gain; from 0.1 on the combination is no worse than the mesh on drawn photos."""


@dataclass(frozen=True)
class AsmReport:
    """What was used and measured; errors in per cent of the outer-eye distance, photos as they are, real if any.

    Attributes
    ----------
    photos, synthetic, samples
        How many.
    mesh_error, asm_error
        Median over the photos of the mean error of the start, and of experts of the other half of the people.
    """

    photos: int
    synthetic: int
    samples: int
    mesh_error: float
    asm_error: float


def train_asm(
    photos: Sequence[AnnotatedPhoto],
    options: AsmOptions,
    *,
    drawn: Kind | None = None,
    known: AsmModel | None = None,
    say: Callable[[str], None] = lambda line: None,
    check: Callable[[], None] = lambda: None,
) -> tuple[AsmModel, AsmReport]:
    """Train an Active Shape Model.

    Parameters
    ----------
    photos
        With points, all of one scheme.
    options
        How.
    drawn
        What was learnt of synthetic photos before (`learn_drawn`), if `photos` are all real.
    known
        A model for drawn photos that is taken as it is; synthetic photos show then only what turning a head does, and
        how unlike real ones they are.
    say, check
        Lines of progress; called often, may raise to stop.

    Returns
    -------
    tuple
        The model and what was measured.

    Raises
    ------
    UnreadableInputError
        If there are too few photos, or points of two schemes.
    ModelError
        If the landmarker or ONNX Runtime is missing.
    """
    if len(photos) < FEWEST:
        raise UnreadableInputError(f"{len(photos)} photos with points: at least {FEWEST} are needed")
    if len({photo.scheme for photo in photos}) > 1:
        raise UnreadableInputError("The photos have points of two schemes (ibug68 and xm2vts68)")
    real = [photo for photo in photos if not photo.synthetic]
    synthetic = [photo for photo in photos if photo.synthetic]
    if known is not None and not (real and synthetic):
        raise UnreadableInputError("With a model for drawn photos, real and synthetic photos are needed")
    if synthetic:
        drawn = learn_synthetic(synthetic, known, options, say, check)
    if not real:
        assert drawn is not None
        return drawn.model, _report(drawn, drawn.model)
    one = learn_real(real, options, drawn, say, check)
    model = one.model if drawn is None else join_kinds(one, drawn, options, say, check)
    return model, _report(one, model)


def join_kinds(
    real: Kind, drawn: Kind, options: AsmOptions, say: Callable[[str], None], check: Callable[[], None]
) -> AsmModel:
    """Make one model of what was learnt of both kinds of photos.

    How wary the experts for real photos must be of what they do not know is learnt on drawn ones too: that is the
    nearest thing at hand to a photo of a kind never seen.
    """
    say("trying the experts on the other kind of photos")
    order = np.random.default_rng(options.seed).permutation(len(drawn.samples))
    chosen = np.sort(order[:_DRAWN_SAMPLES]).astype(np.int32)
    there = _recut(real.model, drawn, chosen)
    truth = in_real_convention(
        (real.samples.start, real.samples.truth), (there.start, there.truth), drawn.cut.yaw[chosen]
    )
    found, novelty = apply_experts(real.model.stages, there, check)
    share = _OTHER_KIND * float(real.unseen.weights.sum()) / len(chosen)
    other = Unseen(there.start, found, truth, novelty, share * there.weights)
    errors = learn_errors([real.unseen, held(other, real.model.shape, real.model.expert_sigma)])
    kind = learn_kind(_first(real.model, real.samples, check), _first(real.model, there, check))
    counted = drawn.model.provenance
    told = provenance(
        options,
        int(real.model.provenance["photos"]) + int(counted["photos"]),
        int(counted["photos"]),
        len(real.samples) + len(drawn.samples),
    )
    return replace(real.model, errors=errors, drawn=drawn.model, kind=kind, provenance=told)


def _recut(model: AsmModel, drawn: Kind, chosen: IntArray) -> TrainingSet:
    """Cut drawn samples to the canvas of the model for real photos."""
    cut = drawn.cut
    frame = canvas_frame(model.shape.mean)
    canvases = np.zeros((len(chosen), SIDE, SIDE), dtype=np.uint8)
    begin, truth = (np.zeros((len(chosen), *cut.truth.shape[1:])) for _ in range(2))
    for k, i in enumerate(chosen.tolist()):
        mesh = cut.meshes[i].astype(np.float64)
        matrix = align(model.start.apply(mesh), frame)
        canvases[k] = cv2.warpAffine(
            cut.canvases[i], matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        begin[k] = transform(matrix, model.begin(mesh))
        truth[k] = transform(matrix, cut.truth[i])
    ones, views = np.ones(len(chosen)), np.zeros((len(chosen), 0))
    return TrainingSet(canvases, begin, truth, ones, drawn.samples.folds[chosen], views)


def _first(model: AsmModel, samples: TrainingSet, check: Callable[[], None]) -> Float32Array:
    """Return the components of the descriptors where the search begins, (M, N, P)."""
    found: list[Float32Array] = []
    for canvas, start in zip(samples.canvases, samples.start, strict=True):
        check()
        found.append(model.stages[0].components(direction_maps(canvas), start)[0])
    return np.stack(found)


def _report(kind: Kind, model: AsmModel) -> AsmReport:
    plain = ~kind.cut.changed
    truth = kind.samples.truth
    told = model.provenance
    return AsmReport(
        int(told["photos"]),
        int(told["synthetic"]),
        int(told["samples"]),
        _median_error(kind.samples.start, truth, plain, model.scheme),
        _median_error(kind.unseen.found, truth, plain, model.scheme),
    )


def _median_error(found: FloatArray, truth: FloatArray, chosen: BoolArray, scheme: str) -> float:
    right, left = eye_corners(scheme)
    eyes = np.linalg.norm(truth[:, left] - truth[:, right], axis=1)
    errors = 100 * np.linalg.norm(found - truth, axis=2).mean(axis=1) / eyes
    return float(np.median(errors[chosen]))
