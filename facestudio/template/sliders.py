"""Sliders with which a head is shaped by hand: nose, jaw, cheeks, ears, age, weight.

Each is a pair of MakeHuman's modelling targets (CC0), one for either end, as displacements of the template's vertices
that are added to any head. `facestudio train sliders` makes the file.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from facestudio.errors import ModelError, UsageError
from facestudio.paths import resources
from facestudio.template.model import Template
from facestudio.values import FloatArray, IntArray

SLIDERS_FORMAT = 1
SLIDERS_FILE = "sliders.npz"
STEP_MM = 1e-3
"""Unit of the displacements in the file."""

Adjustments = tuple[tuple[str, float], ...]
"""(slider, value -1..1) by name; what is not named stays at 0."""


@dataclass(frozen=True, eq=False)
class Sliders:
    """Displacements of template vertices by name.

    Attributes
    ----------
    names
        The sliders.
    ends
        For each the lower and the upper end: rows (N,) int32 and displacements (N, 3) float64 mm, head space.
    """

    names: tuple[str, ...]
    ends: tuple[tuple[tuple[IntArray, FloatArray], tuple[IntArray, FloatArray]], ...]

    def displacement(self, adjustments: Iterable[tuple[str, float]], count: int) -> FloatArray:
        """Return how far `count` template vertices move, (V, 3) float64 mm.

        Raises
        ------
        UsageError
            If there is no such slider, or a value is not within -1 and 1.
        """
        out = np.zeros((count, 3))
        for name, value in adjustments:
            if name not in self.names:
                raise UsageError(f"There is no slider {name!r}", hint="Sliders: " + ", ".join(self.names))
            if not -1.0 <= value <= 1.0:
                raise UsageError(f"A value of {value} for {name} is not within -1 and 1")
            rows, by = self.ends[self.names.index(name)][int(value > 0)]
            out[rows] += abs(value) * by
        return out


def adjusted(template: Template, vertices: FloatArray, adjustments: Adjustments) -> FloatArray:
    """Return a neutral head (V, 3) mm with sliders moved, its eyeballs seated anew.

    Raises
    ------
    UsageError
        As `Sliders.displacement`.
    ModelError
        If the file of sliders is missing or damaged.
    """
    # Late: the app's window knows sliders, and need not wait for SciPy.
    from facestudio.template.seating import seat_eyeballs

    moved = vertices + load_sliders().displacement(adjustments, len(vertices))
    return seat_eyeballs(template, moved)


def pack_sliders(names: tuple[str, ...], ends: FloatArray) -> dict[str, NDArray[Any]]:
    """Return the arrays of the file for `ends`, (S, 2, V, 3) mm."""
    rows: list[IntArray] = []
    steps: list[NDArray[np.int16]] = []
    for end in ends.reshape(-1, *ends.shape[2:]):
        rounded = np.round(end / STEP_MM).astype(np.int16)
        moving = np.flatnonzero(
            np.abs(rounded).max(axis=1) >= 10
        )  # less than a hundredth of a millimetre is none
        rows.append(moving.astype(np.int32))
        steps.append(rounded[moving])
    return {
        "format": np.array([SLIDERS_FORMAT], dtype=np.int32),
        "names": np.array(names),
        "counts": np.array([len(r) for r in rows], dtype=np.int32),
        "rows": np.concatenate(rows).astype(np.uint16),
        "steps": np.concatenate(steps),
    }


def load_sliders_file(path: Path) -> Sliders:
    """Read a file of sliders.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            if int(data["format"][0]) != SLIDERS_FORMAT:
                raise ValueError("format")
            names = tuple(str(name) for name in data["names"])
            counts, rows, steps = data["counts"], data["rows"].astype(np.int32), data["steps"]
        starts = np.concatenate([[0], np.cumsum(counts)])
        if len(counts) != 2 * len(names) or starts[-1] != len(rows) or steps.shape != (len(rows), 3):
            raise ValueError("sizes")
        parts = [(rows[a:b], steps[a:b].astype(np.float64) * STEP_MM) for a, b in itertools.pairwise(starts)]
        return Sliders(names, tuple((parts[2 * i], parts[2 * i + 1]) for i in range(len(names))))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ModelError(f"{path} is missing or damaged: {error}") from error


@cache
def load_sliders() -> Sliders:
    """Return the shipped sliders. Raises ModelError as `load_sliders_file`."""
    return load_sliders_file(resources() / "template" / SLIDERS_FILE)
