"""Trains an Active Shape Model from annotated photos (`facestudio train asm`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from facestudio.errors import UnreadableInputError
from facestudio.landmarks.asm.canvas import SIDE, cut_canvas
from facestudio.landmarks.asm.model import AsmModel
from facestudio.landmarks.asm.shape import PointDistributionModel, learn_shape_model
from facestudio.landmarks.schemes import LandmarkMap, face_frame, load_scheme
from facestudio.training.asm.annotated import AnnotatedPhoto
from facestudio.training.asm.augment import Augmentation
from facestudio.training.asm.errors import Unseen, expert_sigma, learn_errors
from facestudio.training.asm.experts import FOLDS, TrainingSet, apply_experts, learn_experts
from facestudio.training.asm.profiles import learn_profiles
from facestudio.training.asm.samples import Sample, draw_samples
from facestudio.training.landmark_map import AnnotatedFace, compact_map, fit_weights
from facestudio.values import BoolArray, FloatArray, IntArray

FEWEST: Final = 10
"""Fewer photos make no model."""

_PRIOR_FACES: Final = 20  # so many real photos are enough to learn the start from them alone
_START_POINTS: Final = 3
_FRONTAL: Final = 15.0  # degrees


@dataclass(frozen=True)
class AsmOptions:
    """How to train.

    Attributes
    ----------
    seed
        Of everything drawn at random.
    copies
        Changed copies of each photo and of its mirror image.
    synthetic_copies
        The same of a synthetic photo.
    real_share
        Weight of all real samples together, where there are synthetic ones too, 0..1.
    augmentation
        How strongly copies are changed.
    provenance
        Written into the model: source, licence, command.
    """

    seed: int = 1
    copies: int = 20
    synthetic_copies: int = 0
    real_share: float = 0.5
    augmentation: Augmentation = field(default_factory=Augmentation)
    provenance: dict[str, str] = field(default_factory=dict[str, str])


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


def person_folds(people: Sequence[str], count: int, seed: int) -> IntArray:
    """Share people out to `count` folds, (M,) int32 for the M photos; the same people give the same folds."""
    names = sorted(set(people))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[i]: place % count for place, i in enumerate(order.tolist())}
    return np.array([fold[name] for name in people], dtype=np.int32)


def eye_corners(scheme: str) -> tuple[int, int]:
    """Return the numbers of the outer eye corners, the sitter's right one first."""
    names = load_scheme(scheme).point_names
    return names.index("eye_right_outer"), names.index("eye_left_outer")


def learn_start(samples: Sequence[Sample], photos: Sequence[AnnotatedPhoto]) -> LandmarkMap:
    """Learn how the points follow from the mesh, from unchanged samples; see `training.landmark_map`."""
    scheme = photos[0].scheme
    right, left = eye_corners(scheme)
    plain = [s for s in samples if not s.changed]
    real = [s for s in plain if not photos[s.source].synthetic]
    faces: list[AnnotatedFace] = []
    for s in real if len(real) >= _PRIOR_FACES else plain:
        unit, axes = face_frame(s.mesh)
        origin = (s.mesh[33] + s.mesh[263]) / 2
        mesh = np.column_stack([(s.mesh - origin) @ axes, s.mesh_z]) / unit
        eyes = float(np.linalg.norm(s.points[left] - s.points[right])) / unit
        faces.append(AnnotatedFace("", mesh, (s.points - origin) @ axes / unit, eyes))
    prior = None if scheme == "ibug68" else nearest_map(faces)
    weights = fit_weights(faces, scheme, prior)
    errors = np.stack([weights @ face.mesh[:, :2] - face.points for face in faces])
    return compact_map(weights, np.einsum("fni,fnj->nij", errors, errors) / len(errors))


def learn_starts(
    samples: Sequence[Sample], photos: Sequence[AnnotatedPhoto], folds: IntArray
) -> tuple[LandmarkMap, tuple[LandmarkMap, ...]]:
    """Learn the start of all samples, and for each fold that of the others: its own people's would be too good.

    The covariance of the first is that of the errors of the others.
    """
    whole = learn_start(samples, photos)
    count = int(folds.max()) + 1
    if count < 2:
        return whole, (whole,)
    others = tuple(learn_start([s for s in samples if folds[s.source] != f], photos) for f in range(count))
    plain = [s for s in samples if not s.changed]
    covariance = np.zeros_like(whole.covariance)
    for s in plain:
        unit, axes = face_frame(s.mesh)
        off = (others[folds[s.source]].apply(s.mesh) - s.points) @ axes / unit
        covariance += off[:, :, None] * off[:, None, :] / len(plain)
    return LandmarkMap(whole.points, whole.weights, covariance), others


def nearest_map(faces: Sequence[AnnotatedFace]) -> LandmarkMap:
    """Return a map that makes each point the mean of the mesh points that lie nearest to it on average."""
    mesh = np.mean([face.mesh[:, :2] for face in faces], axis=0)
    points = np.mean([face.points for face in faces], axis=0)
    apart = np.linalg.norm(points[:, None] - mesh[None], axis=2)
    near = np.argsort(apart, axis=1, kind="stable")[:, :_START_POINTS].astype(np.int32)
    weights = np.full(near.shape, 1 / _START_POINTS)
    return LandmarkMap(near, weights, np.tile(np.eye(2) * 0.03**2, (len(near), 1, 1)))


def make_training_set(
    samples: Sequence[Sample],
    photos: Sequence[AnnotatedPhoto],
    shape: PointDistributionModel,
    starts: Sequence[LandmarkMap],
    folds: IntArray,
    real_share: float,
) -> TrainingSet:
    """Cut every sample to the canvas where the search would begin; `starts` are those of the folds."""
    canvases = np.zeros((len(samples), SIDE, SIDE), dtype=np.uint8)
    begin = np.zeros((len(samples), len(shape.mean), 2))
    truth = np.zeros_like(begin)
    for i, sample in enumerate(samples):
        points = starts[folds[sample.source]].apply(sample.mesh)
        canvas = cut_canvas(sample.picture, points, shape.mean)
        canvases[i] = canvas.pixels
        begin[i], truth[i] = canvas.place(points), canvas.place(sample.points)
    sources = np.array([s.source for s in samples])
    synthetic = np.array([photos[s].synthetic for s in sources])
    weights = np.ones(len(samples))
    if synthetic.any() and not synthetic.all():
        weights[~synthetic] = real_share / (~synthetic).mean()
        weights[synthetic] = (1 - real_share) / synthetic.mean()
    return TrainingSet(canvases, begin, truth, weights, folds[sources], synthetic)


def in_one_convention(
    training: TrainingSet, photos: Sequence[AnnotatedPhoto], samples: Sequence[Sample]
) -> TrainingSet:
    """Move the points of synthetic samples to where people put them.

    A head's map and people do not quite agree on where a brow ends or how the jaw is divided. The difference is
    estimated from the mesh, which sees both kinds alike: the median of true points minus start over synthetic faces
    seen from the front, minus that over real ones; canvas pixels, a constant for each point.
    """
    if training.synthetic.all() or not training.synthetic.any():
        return training
    off = training.truth - training.start
    frontal = np.array([abs(float(photos[s.source].traits.get("yaw", 0.0))) < _FRONTAL for s in samples])
    plain = np.array([not s.changed for s in samples])
    drawn = training.synthetic & frontal & plain
    if drawn.sum() < FEWEST:
        return training
    constant = np.median(off[drawn], axis=0) - np.median(off[~training.synthetic & plain], axis=0)
    truth = training.truth - training.synthetic[:, None, None] * constant
    return replace(training, truth=truth)


def train_asm(
    photos: Sequence[AnnotatedPhoto],
    options: AsmOptions,
    *,
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
    scheme = load_scheme(photos[0].scheme)
    copies = [options.synthetic_copies if photo.synthetic else options.copies for photo in photos]
    say(f"drawing samples of {len(photos)} photos")
    samples = list(draw_samples(photos, copies, options.seed, how=options.augmentation, say=say, check=check))
    used = {s.source for s in samples}
    if len(used) < FEWEST:
        raise UnreadableInputError(
            f"The landmarker sees a face in {len(used)} photos: at least {FEWEST} are needed"
        )
    shape = learn_shape_model(np.stack([s.points for s in samples if not s.changed]))
    people = [photo.person for photo in photos]
    folds = person_folds(people, min(FOLDS, len(set(people))), options.seed)
    start, starts = learn_starts(samples, photos, folds)
    say(f"cutting {len(samples)} samples")
    training = make_training_set(samples, photos, shape, starts, folds, options.real_share)
    training = in_one_convention(training, photos, samples)
    stages = learn_experts(training, shape.mean, options.seed, say=say, check=check)
    say("measuring the errors on people left out")
    honest = _unseen(training, training.folds % 2 == 0, shape.mean, options.seed, check)
    sigma = expert_sigma(honest)
    parts = [honest]
    if training.synthetic.any() and not training.synthetic.all():
        say("and on the kind of photos left out")
        parts.append(_unseen(training, training.synthetic, shape.mean, options.seed, check))
    plain = [s for s in samples if not s.changed]
    profiles = learn_profiles(plain, photos, scheme, shape)
    provenance = {
        "version": 1,
        "photos": len(used),
        "synthetic": sum(photos[i].synthetic for i in used),
        "samples": len(samples),
        "seed": options.seed,
        **options.provenance,
    }
    model = AsmModel(scheme.name, shape, start, stages, sigma, learn_errors(parts), profiles, provenance)
    unchanged = np.array([not s.changed for s in samples])
    if not training.synthetic.all():
        unchanged &= ~training.synthetic
    report = AsmReport(
        len(used),
        int(provenance["synthetic"]),
        len(samples),
        _median_error(training.start, training.truth, unchanged, scheme.name),
        _median_error(honest.found, training.truth, unchanged, scheme.name),
    )
    return model, report


def _unseen(
    training: TrainingSet, half: BoolArray, mean: FloatArray, seed: int, check: Callable[[], None]
) -> Unseen:
    """See how experts of one half of the samples do on the other, and the other way round."""
    found = np.zeros_like(training.start)
    novelty = np.zeros(training.start.shape[:2])
    for known in (half, ~half):
        stages = learn_experts(training.only(known), mean, seed, check=check)
        found[~known], novelty[~known] = apply_experts(stages, training.only(~known), check)
    return Unseen(training.start, found, training.truth, novelty, training.weights)


def _median_error(found: FloatArray, truth: FloatArray, chosen: Any, scheme: str) -> float:
    right, left = eye_corners(scheme)
    eyes = np.linalg.norm(truth[:, left] - truth[:, right], axis=1)
    errors = 100 * np.linalg.norm(found - truth, axis=2).mean(axis=1) / eyes
    return float(np.median(errors[chosen]))
