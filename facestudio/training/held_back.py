"""How well the shape observer reads photos of kinds it never saw: kinds of light, hair and skin held back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facestudio.database.shape_model import ShapeModel
from facestudio.fitting.observer import Description
from facestudio.landmarks.mesh_features import CHANNELS
from facestudio.template.model import Template
from facestudio.training.channels import learn_channels
from facestudio.training.face_description import described
from facestudio.training.ridge import regression
from facestudio.training.shape_observer import explained, face_metric, mirrored_identities
from facestudio.training.shape_samples import KINDS, ShapeSamples, chosen_points, mirrored_points
from facestudio.values import BoolArray, FloatArray, IntArray

LEARNT = 3000
"""Photos that each regression learns from: as many with the kind as without."""

FEWEST = 40
"""Photos of a kind, of those that are judged on."""


@dataclass(frozen=True)
class HeldBack:
    """Share of the variance of faces explained on photos of a kind, by who learnt of all kinds and of all others.

    `what` is one of `KINDS`, `kind` its value, `photos` how many were judged on.
    """

    what: str
    kind: str
    photos: int
    seen: float
    unseen: float


def held_back(
    samples: ShapeSamples,
    model: ShapeModel,
    template: Template,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[HeldBack, ...]:
    """Hold back each kind of light, hair and skin, and read photos of it.

    Every other photo is judged on, the rest is learnt from, by descriptions without products.

    Parameters
    ----------
    samples
        From `read_samples`.
    model, template
        What was drawn.
    say
        Called with a line of progress.
    """
    chosen = chosen_points(model, template)
    mirror = mirrored_points(template.mesh478.points(model.mean))
    metric, mirrored = face_metric(model, template), mirrored_identities(model, template)
    order = np.random.default_rng(0).permutation(len(samples.identities)).astype(np.int32)
    judged, rest = np.sort(order[::2]), order[1::2]
    some = samples.features[rest[:1000]].astype(np.float32).reshape(-1, len(chosen), CHANNELS)
    describe = described(Description(chosen, mirror, *learn_channels(some)), samples)

    def missed(learnt: IntArray, asked: IntArray) -> FloatArray:
        """Return what a regression that learnt from some photos misses of the coefficients of others."""
        own = samples.identities[learnt]
        found = regression(describe, learnt, np.concatenate([own, own @ mirrored]))
        one, other = found.intercept + describe(asked) @ found.weights
        said = (one + np.linalg.solve(mirrored.T, other.T).T) / 2
        return np.asarray(samples.identities[asked] - said, dtype=np.float64)

    size = min(LEARNT, len(rest))
    by_all = missed(np.sort(rest[:size]), judged)
    rows: list[HeldBack] = []
    for column, what in enumerate(KINDS):
        names: NDArray[np.str_] = samples.kinds[:, column]
        for kind in np.unique(names).tolist():
            own: BoolArray = names[judged] == kind
            others = rest[names[rest] != kind][:size]
            if own.sum() < FEWEST or len(others) < 2 * FEWEST:
                continue
            asked = judged[own]
            identities = samples.identities[asked]
            unseen = explained(missed(np.sort(others), asked), identities, metric)
            seen = explained(by_all[own], identities, metric)
            rows.append(HeldBack(what, str(kind), int(own.sum()), seen, unseen))
            say(f"{what} {kind}: {seen:.1%} of who has seen such, {unseen:.1%} of who has not")
    return tuple(rows)
