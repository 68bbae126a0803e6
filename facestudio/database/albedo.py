"""AlbedoModel: skins in the template's UVs as a mean at full resolution and a few smooth modes."""

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np

from facestudio.errors import ModelError
from facestudio.paths import resources
from facestudio.values import ByteArray, Float32Array, FloatArray, read_only

ALBEDO_FORMAT = 1


@dataclass(frozen=True, eq=False)
class AlbedoModel:
    """Skins as mean + coefficients @ modes.

    Attributes
    ----------
    version, licence, source
        Provenance.
    mean
        (S, S, 3) uint8 RGB in the template's atlas.
    modes
        (J, s, s, 3) float32, 0..255 per unit of coefficient, at lower resolution (they vary smoothly).
    hair
        (h, h) uint8: where hair grows on the scalp, 0..255.
    """

    version: str
    licence: str
    source: str
    mean: ByteArray
    modes: Float32Array
    hair: ByteArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", read_only(self.mean, np.uint8))
        object.__setattr__(self, "modes", read_only(self.modes, np.float32))
        object.__setattr__(self, "hair", read_only(self.hair, np.uint8))

    def skin(self, coefficients: FloatArray, size: int) -> ByteArray:
        """Return a skin, (size, size, 3) uint8 RGB, for coefficients (J,)."""
        change = np.tensordot(np.asarray(coefficients, dtype=np.float32), self.modes, axes=1)
        change = cv2.resize(change, (size, size), interpolation=cv2.INTER_LINEAR)
        method = cv2.INTER_AREA if size < len(self.mean) else cv2.INTER_CUBIC
        base = cv2.resize(self.mean, (size, size), interpolation=method)
        return np.clip(base + change, 0, 255).astype(np.uint8)


def load_albedo_file(path: Path) -> AlbedoModel:
    """Read an AlbedoModel file (docs/formats/albedo.md).

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > ALBEDO_FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            mean = cv2.imdecode(data["mean_png"], cv2.IMREAD_COLOR_RGB)
            if mean is None:
                raise ModelError(f"The albedo model {path} is damaged: its mean skin is not a picture")
            scale = data["modes_scale"].astype(np.float32)
            return AlbedoModel(
                version=meta["version"],
                licence=meta["licence"],
                source=meta["source"],
                mean=np.asarray(mean, dtype=np.uint8),
                modes=data["modes"].astype(np.float32) * scale[:, None, None, None],
                hair=data["hair"],
            )
    except ModelError:
        raise
    except Exception as error:  # zip, json, key and picture errors all mean: not a usable model
        raise ModelError(f"The albedo model {path} is missing or damaged: {error}") from error


@cache
def load_albedo() -> AlbedoModel:
    """Return the shipped AlbedoModel (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_albedo_file(resources() / "database" / "albedo.npz")


@lru_cache(maxsize=8)
def shipped_skin(coefficients: tuple[float, ...], size: int) -> ByteArray:
    """Return a skin of the shipped AlbedoModel (the last few are kept), (size, size, 3) uint8, read-only."""
    return read_only(load_albedo().skin(np.array(coefficients), size), np.uint8)
