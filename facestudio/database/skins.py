"""Draws skins: coefficients in the AlbedoModel for an appearance."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.values import FloatArray


def draw_skin(appearance: Mapping[str, Any], rng: np.random.Generator) -> FloatArray:
    """Draw the skin of a head of an appearance, (J,): any tone, whatever the shape."""
    return np.clip(rng.standard_normal(len(load_albedo().modes)), -1.6, 1.6)
