"""Where people put the 68 points, against where the template has them."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from facestudio.errors import ModelError
from facestudio.paths import resources
from facestudio.values import FloatArray, read_only

CONVENTION_FORMAT = 1
CONVENTION_FILE = "ibug68-people.npz"


def load_convention_file(path: Path) -> FloatArray:
    """Read a file of offsets (docs/formats/landmark-convention.md), (68, 3) float64 mm, head space.

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            if json.loads(str(data["meta"]))["format"] > CONVENTION_FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio")
            offsets = read_only(data["offsets"], np.float64)
            if offsets.shape != (68, 3) or not np.isfinite(offsets).all():
                raise ValueError(f"offsets of shape {offsets.shape}")
            return offsets
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not a usable file
        raise ModelError(f"The landmark convention {path} is missing or damaged: {error}") from error


@cache
def people_offsets() -> FloatArray:
    """Return the shipped offsets (read once): people's points minus the template's, (68, 3) mm, head space.

    Raises
    ------
    ModelError
        If the file is missing or damaged.
    """
    return load_convention_file(resources() / "schemes" / CONVENTION_FILE)
