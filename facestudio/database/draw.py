"""Draws a database of new heads from the ShapeModel, and writes it."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.database.appearance import draw_appearance, draw_head
from facestudio.database.archive import save_arrays
from facestudio.database.model import DATABASE_FORMAT, FILE_NAME
from facestudio.database.shape_model import ShapeModel
from facestudio.geometry.folds import folded_quads
from facestudio.values import FloatArray, IntArray

TEST_SHARE, HELD_OUT_SHARE = 0.4, 0.1
_TRIES = 20  # one head in forty has a folded quad

DrawSkins = Callable[[Sequence[Mapping[str, Any]], int], FloatArray]
"""Draws the AlbedoModel's coefficients (N, J) for appearances and a seed."""


def draw_database(
    model: ShapeModel,
    draw_skins: DrawSkins,
    quads: IntArray,
    count: int,
    seed: int,
    path: Path,
    check: Callable[[float], None] = lambda fraction: None,
) -> None:
    """Draw `count` heads, half of female and half of male appearance, and write the database to folder `path`.

    Parameters
    ----------
    model
        Where heads come from; its basis becomes the database's.
    draw_skins
        Where skins come from.
    quads
        (F, 4) of the template: heads on which one is folded are drawn again.
    count, seed
        How many, and of which draw. The same seed gives the same bytes.
    path
        The database's folder; its name is the database's name.
    check
        Called with the fraction done; may raise to cancel.
    """
    people: list[dict[str, Any]] = []
    heads: list[FloatArray] = []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        person = draw_appearance("female" if i % 2 == 0 else "male", rng)
        people.append(person)
        heads.append(_draw_sound_head(model, person, rng, quads))
        check(i / count)
    meta = {
        "format": DATABASE_FORMAT,
        "name": path.name,
        "version": model.version,
        "licence": model.licence,
        "source": f"drawn from the shape model, seed {seed}: {model.source}",
        "template_version": model.template_version,
        "ids": [f"{path.name}-{i:04d}" for i in range(count)],
        "labels": [{key: round(v, 3) if isinstance(v, float) else v for key, v in p.items()} for p in people],
        "splits": draw_splits([p["appearance"] for p in people], np.random.default_rng([seed, count])),
    }
    scale = np.abs(model.basis).max(axis=(1, 2)) / 32767
    save_arrays(
        path / FILE_NAME,
        {
            "meta": np.array(json.dumps(meta, sort_keys=True)),
            "mean": model.mean.astype(np.float32),
            "basis": np.round(model.basis / scale[:, None, None]).astype(np.int16),
            "basis_scale": scale.astype(np.float32),
            "coefficients": np.stack(heads).astype(np.float32),
            "skins": draw_skins(people, seed).astype(np.float32),
        },
    )


def _draw_sound_head(
    model: ShapeModel, person: Mapping[str, Any], rng: np.random.Generator, quads: IntArray
) -> FloatArray:
    for _ in range(_TRIES - 1):
        head = draw_head(model, person, rng)
        if not folded_quads(model.shape(head), quads).any():
            return head
    return draw_head(model, person, rng)


def draw_splits(appearances: list[str], rng: np.random.Generator) -> list[str]:
    """Draw a split for each head: 40 % for tests, 10 % held out, equally of each appearance."""
    splits = ["train"] * len(appearances)
    for sex in sorted(set(appearances)):
        rows = [i for i, one in enumerate(appearances) if one == sex]
        test, held_out = round(TEST_SHARE * len(rows)), round(HELD_OUT_SHARE * len(rows))
        for rank, row in enumerate(rng.permutation(rows).tolist()):
            if rank < test + held_out:
                splits[row] = "test" if rank < test else "held-out"
    return splits
