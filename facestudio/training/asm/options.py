"""How an Active Shape Model is trained, and how people are shared out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facestudio.training.asm.augment import Augmentation
from facestudio.values import IntArray


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
    augmentation
        How strongly copies are changed.
    provenance
        Written into the model: source, licence, command.
    """

    seed: int = 1
    copies: int = 20
    synthetic_copies: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    provenance: dict[str, str] = field(default_factory=dict[str, str])


def person_folds(people: Sequence[str], count: int, seed: int) -> IntArray:
    """Share people out to `count` folds, (M,) int32 for the M photos; the same people give the same folds."""
    names = sorted(set(people))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[i]: place % count for place, i in enumerate(order.tolist())}
    return np.array([fold[name] for name in people], dtype=np.int32)
