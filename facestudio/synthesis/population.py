"""Who is in a synthetic photo: the one place that knows where identities and skins come from.

People are drawn anew from the shape model, by other seeds for the two populations; the few who are a database head
are of the splits train and test in the training population, and held-out heads in the held-out one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.database.appearance import draw_appearance, draw_head
from facestudio.database.model import HeadDatabase, load_database
from facestudio.database.shape_model import load_shape_model
from facestudio.database.skin_axes import with_values
from facestudio.database.skins import draw_skin as draw_coefficients
from facestudio.template.model import load_template
from facestudio.template.seating import seat_eyeballs
from facestudio.values import ByteArray, FloatArray

_AS_IS = 0.12  # share of people who are a database head as it is
_LOCAL = 0.6  # standard deviations of the local modes


@dataclass(frozen=True, eq=False)
class Identity:
    """One person's shape.

    Attributes
    ----------
    vertices
        (V, 3) float64 mm, head space, neutral.
    coefficients
        (K,) float64 in the shape model (of the basis of the database named, which is the model's).
    head_id
        The database head this is, or an empty string if it is a person of its own.
    database
        Name and version of the database.
    appearance
        Positions on the axes it was drawn from (see `facestudio.database.appearance`).
    """

    vertices: FloatArray
    coefficients: FloatArray
    head_id: str
    database: str
    appearance: Mapping[str, Any]


@cache
def _sources(held_out: bool) -> tuple[HeadDatabase, tuple[int, ...]]:
    database = load_database()
    wanted = ("held-out",) if held_out else ("train", "test")
    return database, tuple(i for i, split in enumerate(database.splits) if split in wanted)


def source_heads(held_out: bool) -> tuple[str, ...]:
    """Return the ids of the database heads that a population is mixed from."""
    database, rows = _sources(held_out)
    return tuple(database.ids[i] for i in rows)


def draw_identity(rng: np.random.Generator, held_out: bool = False) -> Identity:
    """Draw a person: now and then a database head as it is, else a new head of the shape model.

    New heads get some of the local modes too: real people leave the span of any few modes, and what learns from
    the photos should not count on it.

    Parameters
    ----------
    rng
        Source of chance.
    held_out
        Of the population kept for judging.

    Raises
    ------
    ModelError
        If the database or the shape model is missing or damaged.
    """
    database, rows = _sources(held_out)
    model = load_shape_model()
    person = draw_appearance("female" if rng.random() < 0.5 else "male", rng)
    coefficients, head_id = draw_head(model, person, rng), ""
    local = _LOCAL * rng.standard_normal((len(model.local), 3))
    as_is, row = rng.random() < _AS_IS, int(rng.choice(rows))
    if as_is:
        coefficients, head_id, person = database.coefficients[row], database.ids[row], database.labels[row]
        shape = database.vertices(row)
    else:
        shape = seat_eyeballs(load_template(), model.shape(coefficients, local))
    # Rounded: sums differ in their last bits with the number of threads, and the same seed gives the same bytes.
    shape = np.round(shape, 4)
    return Identity(shape, np.asarray(coefficients), head_id, f"{database.name} {database.version}", person)


def draw_skin(rng: np.random.Generator, size: int) -> ByteArray:
    """Draw a hairless skin, (size, size, 3) uint8 RGB; not a head's own: that would give its shape away."""
    # Drawn anew for each photo: the two populations have other generators, and no skin in common.
    drawn = draw_coefficients({}, rng)
    return load_albedo().skin(with_values(drawn, hair_density=0.0, brow_density=0.0, beard=0.0), size)
