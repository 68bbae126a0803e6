"""Learns the local experts of the ASM, stage by stage, with honest steps for the training samples themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import eigh, solve

from facestudio.landmarks.asm.canvas import direction_maps
from facestudio.landmarks.asm.stages import ExpertStage, Stage, describe_sizes, reduce_descriptors
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray, IntArray

STAGE_CELLS: Final = ((12.0, 6.0), (8.0, 4.0))
"""Sizes of the descriptors' cells, canvas pixels, stage by stage."""

COMPONENTS: Final = (6, 32)
"""Fewest and most principal components of a descriptor; one for every `_SAMPLES_EACH` samples in between."""

NEIGHBOURS: Final = 9
RIDGES: Final = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Pulls of the experts' weights towards 0, in mean variances of the components, that are tried."""

FOLDS: Final = 4
_LARGEST_PCA: Final = 1500
_RIDGE_EVERY: Final = 9  # the ridge is chosen on every ninth point
_SAMPLES_EACH: Final = 12


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Samples on their canvases.

    Attributes
    ----------
    canvases
        (M, SIDE, SIDE) uint8.
    start, truth
        (M, N, 2) float64 canvas pixels: where the search begins, where it should end.
    weights
        (M,) float64: how much each sample counts.
    folds
        (M,) int32: samples of one person share theirs.
    views
        (M, K) float64: the shapes of the meshes; K is 0 where no stage reads them.
    """

    canvases: ByteArray
    start: FloatArray
    truth: FloatArray
    weights: FloatArray
    folds: IntArray
    views: FloatArray

    def __len__(self) -> int:
        return len(self.canvases)

    def only(self, chosen: BoolArray) -> "TrainingSet":
        """Return a part of the samples."""
        return TrainingSet(
            self.canvases[chosen],
            self.start[chosen],
            self.truth[chosen],
            self.weights[chosen],
            self.folds[chosen],
            self.views[chosen],
        )


def components_for(samples: int) -> int:
    """Return how many principal components so many samples bear."""
    return int(np.clip(samples // _SAMPLES_EACH, *COMPONENTS))


def principal(
    descriptors: Float32Array, folds: IntArray, count: int
) -> tuple[Float32Array, Float32Array, FloatArray]:
    """Mean and components of descriptors (M, N, D), and what they leave of people they are not of (N,)."""
    centre = descriptors.mean(axis=0, dtype=np.float64).astype(np.float32)
    points, length = descriptors.shape[1:]
    basis = np.zeros((points, length, min(count, length)), dtype=np.float32)
    spread = np.zeros(points)
    half = folds % 2 == 0
    if half.all() or not half.any():
        half = np.arange(len(folds)) % 2 == 0
    for p in range(points):
        off = (descriptors[:, p] - centre[p]).astype(np.float64)
        basis[p] = _leading(off, basis.shape[2])
        unseen = off[~half]
        explained = unseen @ _leading(off[half], basis.shape[2])
        left = (float((unseen**2).sum()) - float((explained**2).sum())) / max(len(unseen), 1)
        spread[p] = np.sqrt(max(left, 1e-9))
    return centre, basis, spread


def _leading(rows: FloatArray, count: int) -> FloatArray:
    """Return the principal directions of rows (M, D), (D, count), the largest first."""
    size = rows.shape[1]
    if len(rows) < size:
        vectors = np.linalg.svd(rows, full_matrices=len(rows) < count)[2][:count].T
    else:
        vectors = eigh(rows.T @ rows, subset_by_index=(size - count, size - 1))[1][:, ::-1]
    # The sign of an eigenvector is left open: fix it, so that the same data give the same bytes.
    return vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(count)])


def _describe(
    samples: TrainingSet, chosen: IntArray, points: FloatArray, cells: FloatArray, check: Callable[[], None]
) -> Float32Array:
    found: list[Float32Array] = []
    for i in chosen.tolist():
        check()
        found.append(describe_sizes(direction_maps(samples.canvases[i]), points[i], cells))
    return np.stack(found)


_Looking = tuple[FloatArray, Float32Array, Float32Array, FloatArray]


def look_around(
    samples: TrainingSet,
    points: FloatArray,
    cells: Sequence[float],
    count: int,
    rng: np.random.Generator,
    check: Callable[[], None],
) -> tuple[_Looking, Float32Array, FloatArray]:
    """Learn how a stage looks at points (M, N, 2), and look.

    Returns
    -------
    tuple
        Cells, centre, basis and spread of the stage; components (M, N, count); novelty (M, N).
    """
    sizes = np.array(cells)
    few = np.sort(rng.permutation(len(samples))[:_LARGEST_PCA]).astype(np.int32)
    described = _describe(samples, few, points, sizes, check)
    centre, basis, spread = principal(described, samples.folds[few], count)
    known = dict(zip(few.tolist(), described, strict=True))
    components = np.zeros((*points.shape[:2], basis.shape[2]), dtype=np.float32)
    novelty = np.zeros(points.shape[:2])
    for i in range(len(samples)):
        check()
        one = (
            known[i] if i in known else describe_sizes(direction_maps(samples.canvases[i]), points[i], sizes)
        )
        components[i], novelty[i] = reduce_descriptors(one, centre, basis, spread)
    return (sizes, centre, basis, spread), components, novelty


@dataclass(frozen=True, eq=False)
class _Normal:
    """The normal equations of one point's expert, of all samples and of each fold."""

    read: FloatArray
    goal: FloatArray
    grams: FloatArray
    rights: FloatArray

    def solution(self, ridge: float, without: int | None = None) -> FloatArray:
        """Solve for the weights and the bias (last), leaving out a fold."""
        gram, right = self.grams.sum(axis=0), self.rights.sum(axis=0)
        if without is not None:
            gram, right = gram - self.grams[without], right - self.rights[without]
        size = len(gram) - 1
        pull = np.full(size + 1, ridge * float(np.trace(gram[:-1, :-1])) / size)
        pull[-1] = 1e-9 * gram[-1, -1]
        return solve(gram + np.diag(pull), right, assume_a="pos", check_finite=False)

    def unseen(self, ridge: float, folds: Sequence[BoolArray]) -> FloatArray:
        """Return the step of each sample by an expert that has not seen its fold, (M, 2)."""
        if len(folds) < 2:
            return self.read @ self.solution(ridge)
        steps = np.zeros_like(self.goal)
        for k, fold in enumerate(folds):
            steps[fold] = self.read[fold] @ self.solution(ridge, k)
        return steps


def _normal_equations(
    components: Float32Array, goal: FloatArray, samples: TrainingSet, folds: Sequence[BoolArray]
) -> _Normal:
    """Set up one point's equations: components (M, Q, P) of what it reads, goal (M, 2)."""
    read = components.reshape(len(components), -1).astype(np.float64)
    full = np.column_stack([read, np.ones(len(read))])
    weighted = full * samples.weights[:, None]
    grams = np.stack([weighted[fold].T @ full[fold] for fold in folds])
    rights = np.stack([weighted[fold].T @ goal[fold] for fold in folds])
    return _Normal(full, goal, grams, rights)


def _choose_ridge(
    components: Float32Array, target: FloatArray, neighbours: IntArray, samples: TrainingSet
) -> float:
    """Return the ridge that does best on unseen people, tried on some of the points."""
    folds = _folds(samples)
    tried = dict.fromkeys(RIDGES, 0.0)
    for point in range(0, len(neighbours), _RIDGE_EVERY):
        normal = _normal_equations(components[:, neighbours[point]], target[:, point], samples, folds)
        for ridge in RIDGES:
            off = np.linalg.norm(normal.unseen(ridge, folds) - target[:, point], axis=1)
            tried[ridge] += float(off @ samples.weights)
    return min(tried, key=lambda r: tried[r])


def _folds(samples: TrainingSet) -> list[BoolArray]:
    return [samples.folds == f for f in np.unique(samples.folds)]


def _solve(
    components: Float32Array, target: FloatArray, neighbours: IntArray, samples: TrainingSet, ridge: float
) -> tuple[Float32Array, Float32Array, FloatArray]:
    """Fit the experts; weights, bias, and for each sample the step by experts that have not seen its fold."""
    m, n, p = components.shape
    folds = _folds(samples)
    weights = np.zeros((n, neighbours.shape[1] * p, 2), dtype=np.float32)
    bias = np.zeros((n, 2), dtype=np.float32)
    steps = np.zeros((m, n, 2))
    for point in range(n):
        normal = _normal_equations(components[:, neighbours[point]], target[:, point], samples, folds)
        solved = normal.solution(ridge)
        weights[point], bias[point] = solved[:-1], solved[-1]
        steps[:, point] = normal.unseen(ridge, folds)
    return weights, bias, steps


def nearest_points(mean: FloatArray, count: int) -> IntArray:
    """Return each point's nearest points in a shape (N, 2), itself first, (N, count) int32."""
    apart = np.linalg.norm(mean[:, None] - mean[None], axis=2)
    np.fill_diagonal(apart, -1.0)
    return np.argsort(apart, axis=1, kind="stable")[:, :count].astype(np.int32)


def learn_experts(
    samples: TrainingSet,
    mean: FloatArray,
    seed: int,
    *,
    stages: int = len(STAGE_CELLS),
    say: Callable[[str], None] = lambda line: None,
    check: Callable[[], None] = lambda: None,
) -> tuple[ExpertStage, ...]:
    """Learn the stages of the local search.

    Each stage is learnt on where the stages before it bring people they were not learnt from: on their own
    people they do too well, and the next would learn to do nothing. The ridge is chosen at the first stage:
    later, what is left over of one fold depends on the truth of the others, and would mislead the choice.

    Parameters
    ----------
    samples
        To learn from.
    mean
        (N, 2): the shape model's mean.
    seed
        Which samples the principal components are learnt from, if there are many.
    stages
        How many.
    say, check
        Lines of progress; called often, may raise to stop.

    Returns
    -------
    tuple
        The stages.
    """
    neighbours = nearest_points(mean, NEIGHBOURS)
    points = samples.start
    ridge = RIDGES[-1]
    learnt: list[ExpertStage] = []
    rng = np.random.default_rng(seed)
    for number in range(stages):
        count = components_for(len(samples))
        looking, components, _ = look_around(samples, points, STAGE_CELLS[number], count, rng, check)
        if number == 0:
            ridge = _choose_ridge(components, samples.truth - points, neighbours, samples)
        weights, bias, steps = _solve(components, samples.truth - points, neighbours, samples, ridge)
        learnt.append(ExpertStage(*looking, neighbours, weights, bias))
        points = points + steps
        off = np.linalg.norm(points - samples.truth, axis=2).mean(axis=1)
        mean_off = np.average(off, weights=samples.weights)
        say(f"stage {number + 1} of {stages}: mean error {mean_off:.2f} canvas pixels (ridge {ridge:g})")
    return tuple(learnt)


def apply_experts(
    stages: Sequence[Stage], samples: TrainingSet, check: Callable[[], None] = lambda: None
) -> tuple[FloatArray, FloatArray]:
    """Run stages on samples; where they bring the points, (M, N, 2), and the novelty (M, N)."""
    found = samples.start.copy()
    novelty = np.zeros(found.shape[:2])
    for i in range(len(samples)):
        check()
        maps = direction_maps(samples.canvases[i])
        for stage in stages:
            components, unlike = stage.components(maps, found[i])
            found[i] += stage.step(components, samples.views[i])
            novelty[i] += unlike / len(stages)
    return found, novelty
