"""Who is in a synthetic photo: the one place that knows where identities and skins come from.

The training population is mixed from the database's heads of the splits train and test, the held-out one from its
held-out heads alone: no head, and no blend of a head, is in both.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.database.model import HeadDatabase, load_database
from facestudio.values import ByteArray, FloatArray

_AS_IS = 0.12  # share of people who are a database head as it is
_PARENTS = 3
_OWN_SHARE = 0.35  # how much of a person is no database head's: directions of the basis alone


@dataclass(frozen=True, eq=False)
class Identity:
    """One person's shape.

    Attributes
    ----------
    vertices
        (V, 3) float64 mm, head space, neutral.
    coefficients
        (K,) float64 in the basis of the database named.
    head_id
        The database head this is, or an empty string if it is a person of its own.
    database
        Name and version of the database.
    """

    vertices: FloatArray
    coefficients: FloatArray
    head_id: str
    database: str


@cache
def _sources(held_out: bool) -> tuple[HeadDatabase, tuple[int, ...]]:
    database = load_database()
    wanted = ("held-out",) if held_out else ("train", "test")
    return database, tuple(i for i, split in enumerate(database.splits) if split in wanted)


def source_heads(held_out: bool) -> tuple[str, ...]:
    """Return the ids of the database heads that a population is mixed from."""
    database, rows = _sources(held_out)
    return tuple(database.ids[i] for i in rows)


def _mixed(table: FloatArray, rows: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return a blend of some rows that keeps their spread: weights on the unit sphere, around their mean."""
    chosen = rng.choice(rows, min(_PARENTS, len(rows)), replace=False)
    weights = np.abs(rng.standard_normal(len(chosen))) + 0.05
    weights /= np.linalg.norm(weights)
    middle = table[list(rows)].mean(axis=0)
    return middle + weights @ (table[chosen] - middle)


def draw_identity(rng: np.random.Generator, held_out: bool = False) -> Identity:
    """Draw a person.

    Parameters
    ----------
    rng
        Source of chance.
    held_out
        Of the population kept for judging.

    Raises
    ------
    ModelError
        If the database is missing or damaged.
    """
    database, rows = _sources(held_out)
    as_is = rng.random() < _AS_IS
    row = int(rng.choice(rows))
    blend = _mixed(database.coefficients, rows, rng)
    own = rng.standard_normal(blend.shape)
    if as_is:
        coefficients, head_id = database.coefficients[row], database.ids[row]
    else:
        coefficients = np.sqrt(1 - _OWN_SHARE**2) * blend + _OWN_SHARE * own
        head_id = ""
    # Rounded: sums differ in their last bits with the number of threads, and the same seed gives the same bytes.
    shape = np.round(database.shape(coefficients), 4)
    return Identity(shape, np.asarray(coefficients), head_id, f"{database.name} {database.version}")


def draw_skin(rng: np.random.Generator, held_out: bool, size: int) -> ByteArray:
    """Draw a skin in the template's atlas, (size, size, 3) uint8 RGB; not a head's own, which gives shape away."""
    database, rows = _sources(held_out)
    return load_albedo().skin(_mixed(database.skins, rows, rng) * rng.uniform(0.7, 1.15), size)
