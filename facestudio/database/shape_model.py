"""The ShapeModel: what is known of head shapes before any photo is seen, as a mean and independent modes."""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from facestudio.errors import ModelError
from facestudio.paths import resources
from facestudio.values import Float32Array, FloatArray, read_only

SHAPE_MODEL_FORMAT = 1
SHAPE_MODEL_FILE = "shape-model.npz"


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """Heads are mean + z @ basis, z of independent standard normal coefficients, plus local deformations.

    Attributes
    ----------
    version, licence, source
        What it is and where it comes from.
    template_version
        The template whose vertex order it follows.
    mean
        (V, 3) float64 mm, head space.
    basis
        (K, V, 3) float32 mm per standard deviation.
    parts
        K names, where each mode comes from: `ict` (statistics of real scans) or `makehuman` (modelling targets,
        for what those scans lack: children, old age, extremes of build).
    local
        (L, V) float32 mm per standard deviation: smooth fields of limited reach. Each stands for three modes,
        along X, Y and Z; none of them is in `basis`.
    macro_names
        M names of MakeHuman's macro targets (appearance by ancestry, sex, age and build).
    macro
        (M, K) float64: the coefficients that each of them adds at weight 1, counted from the mean appearance.
    own
        (K, K) float64: a square root of what varies between heads of one appearance, so that heads of all
        appearances together have coefficients of unit variance.
    """

    version: str
    licence: str
    source: str
    template_version: str
    mean: FloatArray
    basis: Float32Array
    parts: tuple[str, ...]
    local: Float32Array
    macro_names: tuple[str, ...]
    macro: FloatArray
    own: FloatArray

    def __post_init__(self) -> None:
        for name, dtype in (
            ("mean", np.float64),
            ("basis", np.float32),
            ("local", np.float32),
            ("macro", np.float64),
            ("own", np.float64),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))
        modes = len(self.basis)
        if self.basis.shape[1:] != self.mean.shape or self.local.shape[1:] != self.mean.shape[:1]:
            raise ModelError("shape model: its tables differ in their vertices")
        if (
            len(self.parts) != modes
            or self.own.shape != (modes, modes)
            or self.macro.shape != (len(self.macro_names), modes)
        ):
            raise ModelError("shape model: its tables differ in their modes")

    @cached_property
    def flat_basis(self) -> FloatArray:
        """The basis as (K, 3 V) float64."""
        return self.basis.reshape(len(self.basis), -1).astype(np.float64)

    @cached_property
    def _places(self) -> FloatArray:
        """The local fields as (V, L) float64."""
        return np.ascontiguousarray(self.local.T, dtype=np.float64)

    def shape(self, coefficients: FloatArray, local: FloatArray | None = None) -> FloatArray:
        """Return the vertices of coefficients (K,) and, if given, local ones (L, 3): (V, 3) float64 mm."""
        vertices = self.mean + (coefficients @ self.flat_basis).reshape(-1, 3)
        return vertices if local is None else vertices + self._places @ local


def load_shape_model_file(path: Path) -> ShapeModel:
    """Read a shape model (docs/formats/shape-model.md).

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > SHAPE_MODEL_FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            basis_scale, local_scale = data["basis_scale"], data["local_scale"]
            return ShapeModel(
                version=meta["version"],
                licence=meta["licence"],
                source=meta["source"],
                template_version=meta["template_version"],
                mean=data["mean"],
                basis=data["basis"].astype(np.float32) * basis_scale[:, None, None],
                parts=tuple(meta["parts"]),
                local=data["local"].astype(np.float32) * local_scale[:, None],
                macro_names=tuple(meta["macro_names"]),
                macro=data["macro"],
                own=data["own"],
            )
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not a usable model
        raise ModelError(f"The shape model {path} is missing or damaged: {error}") from error


@cache
def load_shape_model() -> ShapeModel:
    """Return the shipped shape model (read once).

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_shape_model_file(resources() / "database" / SHAPE_MODEL_FILE)
