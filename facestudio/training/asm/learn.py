"""Learns the model of one kind of photos, drawn or real, from its samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Final

import numpy as np

from facestudio.errors import UnreadableInputError
from facestudio.landmarks.asm.model import AsmModel
from facestudio.landmarks.asm.reader import FaceReader
from facestudio.landmarks.asm.shape import learn_shape_model
from facestudio.landmarks.asm.stages import Stage
from facestudio.landmarks.asm.view import PoseShift
from facestudio.landmarks.schemes import LandmarkScheme, load_scheme
from facestudio.training.asm.annotated import AnnotatedPhoto
from facestudio.training.asm.cut import CutSamples, cut_samples, with_mirror_images
from facestudio.training.asm.errors import Unseen, expert_sigma, held, learn_errors
from facestudio.training.asm.experts import FOLDS, TrainingSet, apply_experts, learn_experts
from facestudio.training.asm.kinds import learn_shift, learn_view
from facestudio.training.asm.network import learn_networks
from facestudio.training.asm.options import AsmOptions, person_folds
from facestudio.training.asm.profiles import learn_profiles
from facestudio.training.asm.reader import SeenSamples, learn_reader, see_samples
from facestudio.training.asm.samples import draw_samples
from facestudio.training.asm.starts import eye_corners, learn_start, learn_starts
from facestudio.values import FloatArray, IntArray

FEWEST: Final = 10
"""Fewer photos make no model."""

MANY: Final = 300
"""So many people bear networks and show the pose."""

_START_SAMPLES: Final = 400

Say = Callable[[str], None]
Check = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Kind:
    """What was learnt of one kind of photos, real or drawn.

    Attributes
    ----------
    model
        For photos of this kind.
    cut
        The samples.
    samples
        The same as the stages learnt from them.
    unseen
        What the stages do on people they have not seen.
    """

    model: AsmModel
    cut: CutSamples
    samples: TrainingSet
    unseen: Unseen


def learn_drawn(photos: Sequence[AnnotatedPhoto], options: AsmOptions, say: Say, check: Check) -> Kind:
    """Learn from drawn photos: many bear networks and show what turning a head does, few get local experts.

    Raises
    ------
    UnreadableInputError
        If the landmarker sees a face in too few of them.
    """
    scheme = load_scheme(photos[0].scheme)
    say(f"drawing samples of {len(photos)} synthetic photos")
    shape = learn_shape_model(np.stack([photo.points for photo in photos]), scheme.mirror)
    copies = [options.synthetic_copies] * len(photos)
    # They are many: the landmarker need not look at their mirror images, it sees these nearly alike.
    stream = draw_samples(
        photos, copies, options.seed, how=options.augmentation, mirror=False, say=say, check=check
    )
    first = list(islice(stream, _START_SAMPLES))
    _enough({s.source for s in first})
    start = learn_start(first, photos)
    profiles = learn_profiles([s for s in first if not s.changed], photos, scheme, shape)
    one = np.zeros(len(photos), dtype=np.int32)
    cut = cut_samples(chain(first, stream), photos, [start], one, shape.mean)
    cut = with_mirror_images(cut, scheme)
    del first
    people = [photo.person for photo in photos]
    folds = person_folds(people, min(FOLDS, len(set(people))), options.seed)
    shift: PoseShift | None = None
    begin, views = cut.begin, np.zeros((len(cut.begin), 0))
    if len(set(people)) >= MANY and all({"yaw", "pitch"} <= photo.traits.keys() for photo in photos):
        view = learn_view(cut.meshes, np.radians(cut.yaw), np.radians(cut.pitch))
        shift = learn_shift(view, cut.meshes, cut.truth, start)
        meshes = cut.meshes.astype(np.float64)
        begin = begin + np.stack([shift.apply(mesh) for mesh in meshes])
        views = np.stack([view.coefficients(mesh) for mesh in meshes])
    samples = _training_set(cut, begin, folds, views)
    # Errors are measured by the distance of the eyes: those of turned faces count for more.
    right, left = eye_corners(scheme.name)
    eyes = np.linalg.norm(cut.truth[:, left] - cut.truth[:, right], axis=1)
    samples = replace(samples, weights=np.clip(np.median(eyes) / np.maximum(eyes, 1.0), 0.5, 2.5))
    stages: tuple[Stage, ...]
    if shift is not None:
        stages, unseen = learn_networks(samples, options.seed, say=say, check=check)
    else:
        stages = learn_experts(samples, shape.mean, options.seed, say=say, check=check)
        unseen = _unseen(samples, shape.mean, options.seed, check)
    sigma = expert_sigma(unseen)
    if shift is None:
        unseen = held(unseen, shape, sigma)
    errors = learn_errors([unseen])
    used = len(np.unique(cut.sources))
    told = provenance(options, used, used, len(begin))
    model = AsmModel(scheme.name, shape, start, stages, sigma, errors, profiles, told, shift)
    return Kind(model, cut, samples, unseen)


def learn_synthetic(
    photos: Sequence[AnnotatedPhoto], known: AsmModel | None, options: AsmOptions, say: Say, check: Check
) -> Kind:
    """Learn from drawn photos, or take a `known` model for them as it is; see `learn_drawn` and `learn_known`."""
    if known is None:
        return learn_drawn(photos, options, say, check)
    return learn_known(photos, known, options, say, check)


def learn_known(
    photos: Sequence[AnnotatedPhoto], model: AsmModel, options: AsmOptions, say: Say, check: Check
) -> Kind:
    """Take a model for drawn photos as it is; synthetic photos show it what it has not seen.

    Raises
    ------
    UnreadableInputError
        If its points are of another scheme, or the landmarker sees a face in too few of the photos.
    """
    if photos[0].scheme != model.scheme:
        raise UnreadableInputError(
            f"The model for drawn photos has points of {model.scheme}, the photos of {photos[0].scheme}"
        )
    say(f"drawing samples of {len(photos)} synthetic photos")
    stream = draw_samples(photos, [0] * len(photos), options.seed, mirror=False, say=say, check=check)
    one = np.zeros(len(photos), dtype=np.int32)
    cut = cut_samples(stream, photos, [model.start], one, model.shape.mean)
    _enough(set(cut.sources.tolist()))
    cut = with_mirror_images(cut, load_scheme(model.scheme))
    meshes = cut.meshes.astype(np.float64)
    begin = np.stack([model.begin(mesh) for mesh in meshes])
    views = np.stack([model.view(mesh) for mesh in meshes])
    samples = _training_set(cut, begin, one, views)
    found, novelty = apply_experts(model.stages, samples, check)
    return Kind(model, cut, samples, Unseen(begin, found, samples.truth, novelty, samples.weights))


def learn_real(
    photos: Sequence[AnnotatedPhoto], options: AsmOptions, drawn: Kind | None, say: Say, check: Check
) -> Kind:
    """Learn from real photos, and from drawn ones (if there are many) what turning a head does to the points.

    Raises
    ------
    UnreadableInputError
        If the landmarker sees a face in too few of them.
    """
    scheme = load_scheme(photos[0].scheme)
    say(f"drawing samples of {len(photos)} photos")
    copies = [options.copies] * len(photos)
    drawings = list(
        draw_samples(photos, copies, options.seed, how=options.augmentation, say=say, check=check)
    )
    _enough({s.source for s in drawings})
    plain = [s for s in drawings if not s.changed]
    shape = learn_shape_model(np.stack([s.points for s in plain]))
    people = [photo.person for photo in photos]
    folds = person_folds(people, min(FOLDS, len(set(people))), options.seed)
    start, starts = learn_starts(drawings, photos, folds)
    shift: PoseShift | None = None
    if drawn is not None and drawn.model.shift is not None:
        jaw = scheme.parts["jaw"]
        shift = learn_shift(drawn.model.shift.view, drawn.cut.meshes, drawn.cut.truth, start, jaw)
    say(f"cutting {len(drawings)} samples")
    cut = cut_samples(drawings, photos, starts, folds, shape.mean, shift)
    profiles = learn_profiles(plain, photos, scheme, shape)
    seen = see_samples(drawings)
    del drawings, plain
    samples = _training_set(cut, cut.begin, folds, np.zeros((len(cut.begin), 0)))
    stages = learn_experts(samples, shape.mean, options.seed, say=say, check=check)
    say("measuring the errors on people left out")
    unseen = _unseen(samples, shape.mean, options.seed, check)
    told = provenance(options, len(np.unique(cut.sources)), 0, len(cut.begin))
    sigma = expert_sigma(unseen)
    unseen = held(unseen, shape, sigma)
    reader: FaceReader | None = None
    if len(np.unique(samples.folds)) > 1:
        reader, unseen = _with_reader(seen, cut, samples.folds, unseen, scheme, say)
    errors = learn_errors([unseen])
    model = AsmModel(scheme.name, shape, start, stages, sigma, errors, profiles, told, shift, reader=reader)
    return Kind(model, cut, samples, unseen)


def _with_reader(
    seen: SeenSamples, cut: CutSamples, folds: IntArray, unseen: Unseen, scheme: LandmarkScheme, say: Say
) -> tuple[FaceReader, Unseen]:
    """Learn the reader; returns it, and what experts and reader together do on people that neither has seen."""
    jaw = np.array(scheme.parts["jaw"], dtype=np.int32)
    parts = (jaw, np.setdiff1d(np.arange(scheme.count, dtype=np.int32), jaw))
    turns = cut.to_canvas @ seen.turns  # from the crop to the canvas
    goal = np.einsum("mij,mnj->mni", np.linalg.inv(turns), cut.truth - cut.begin)
    read = learn_reader(seen, goal, folds, parts)
    found = cut.begin + np.einsum("mij,mnj->mni", turns, read.shifts)
    together = unseen.found + read.reader.share[:, None] * (found - unseen.found)
    off = [np.linalg.norm(f - unseen.truth, axis=2).mean() for f in (unseen.found, found, together)]
    say(f"experts {off[0]:.2f}, reader {off[1]:.2f}, both {off[2]:.2f} canvas pixels (ridges {read.ridges})")
    return read.reader, replace(unseen, found=together)


def provenance(options: AsmOptions, photos: int, synthetic: int, samples: int) -> dict[str, Any]:
    """Return what a model says of its making."""
    return {
        "version": 2,
        "photos": photos,
        "synthetic": synthetic,
        "samples": samples,
        "seed": options.seed,
        **options.provenance,
    }


def _training_set(cut: CutSamples, begin: FloatArray, folds: Any, views: FloatArray) -> TrainingSet:
    return TrainingSet(cut.canvases, begin, cut.truth, np.ones(len(begin)), folds[cut.sources], views)


def _enough(used: set[int]) -> None:
    if len(used) < FEWEST:
        raise UnreadableInputError(
            f"The landmarker sees a face in {len(used)} photos: at least {FEWEST} are needed"
        )


def _unseen(samples: TrainingSet, mean: FloatArray, seed: int, check: Check) -> Unseen:
    """See how experts of one half of the people do on the other, and the other way round."""
    found = np.zeros_like(samples.start)
    novelty = np.zeros(samples.start.shape[:2])
    half = samples.folds % 2 == 0
    for known in (half, ~half):
        stages = learn_experts(samples.only(known), mean, seed, check=check)
        found[~known], novelty[~known] = apply_experts(stages, samples.only(~known), check)
    return Unseen(samples.start, found, samples.truth, novelty, samples.weights)
