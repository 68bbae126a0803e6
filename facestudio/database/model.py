"""The 3D head database: heads on the template's topology as coefficients of a shared basis."""

import json
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.errors import ModelError, UsageError
from facestudio.paths import resources, user_data
from facestudio.values import Float32Array, FloatArray, read_only

DATABASE_FORMAT = 1
DEFAULT_DATABASE = "studio"
FILE_NAME = "heads.npz"


@dataclass(frozen=True, eq=False)
class HeadDatabase:
    """Database heads, all aligned, on one topology.

    Attributes
    ----------
    name, version, licence, source
        What it is and where it comes from.
    template_version
        The template whose vertex order it follows.
    ids
        N head ids, none twice.
    mean
        (V, 3) float64 mm, head space: the mean head.
    basis
        (K, V, 3) float32 mm per unit of coefficient; coefficients of the heads have unit variance.
    coefficients
        (N, K) float64: head n is mean + coefficients[n] @ basis.
    labels
        A dictionary per head: positions on the axes it was drawn from (appearance, not identity).
    splits
        train, test or held-out, one per head.
    skins
        (N, J) float64: coefficients in the AlbedoModel.
    bytes
        Size of the file it was read from, 0 if it was not.
    textures
        The folder with the heads' own textures (ID.jpg), of imported scans; None if there are none.
    """

    name: str
    version: str
    licence: str
    source: str
    template_version: str
    ids: tuple[str, ...]
    mean: FloatArray
    basis: Float32Array
    coefficients: FloatArray
    labels: tuple[dict[str, Any], ...]
    splits: tuple[str, ...]
    skins: FloatArray
    bytes: int = 0
    textures: Path | None = None

    def __post_init__(self) -> None:
        for name, dtype in (
            ("mean", np.float64),
            ("basis", np.float32),
            ("coefficients", np.float64),
            ("skins", np.float64),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))
        n, k = len(self.ids), len(self.basis)
        if self.coefficients.shape != (n, k) or len(self.skins) != n or len(self.splits) != n:
            raise ModelError(f"database {self.name}: its tables do not agree on the number of heads")
        if self.basis.shape[1:] != self.mean.shape:
            raise ModelError(f"database {self.name}: basis and mean differ in their vertices")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def flat_basis(self) -> FloatArray:
        """The basis as (K, 3 V) float64."""
        return self.basis.reshape(len(self.basis), self.mean.size).astype(np.float64)

    def index(self, head_id: str) -> int:
        """Return a head's row.

        Raises
        ------
        UsageError
            If there is no such head.
        """
        try:
            return self.ids.index(head_id)
        except ValueError:
            raise UsageError(f"database {self.name} has no head {head_id}") from None

    def shape(self, coefficients: FloatArray) -> FloatArray:
        """Return the vertices of coefficients (K,), (V, 3) float64 mm, head space."""
        return self.mean + (coefficients @ self.flat_basis).reshape(-1, 3)

    def vertices(self, index: int) -> FloatArray:
        """Return head number `index`, (V, 3) float64 mm, head space."""
        return self.shape(self.coefficients[index])

    def without(self, *head_ids: str) -> "HeadDatabase":
        """Return the database without some heads: absent from heads, mean, basis and statistics alike.

        The basis is learnt anew from the heads that are left (the old one is orthogonal, so the coefficients
        alone are decomposed).
        """
        keep = [i for i, head in enumerate(self.ids) if head not in head_ids]
        left = self.coefficients[keep]
        middle = left.mean(axis=0)
        length = np.linalg.norm(self.flat_basis, axis=1)
        u, s, vt = np.linalg.svd((left - middle) * length, full_matrices=False)
        k = int((s > 1e-6 * s[0]).sum())
        spread = np.sqrt(len(keep))
        basis = ((vt[:k] * (s[:k] / spread)[:, None]) / length) @ self.flat_basis
        return replace(
            self,
            ids=tuple(self.ids[i] for i in keep),
            mean=self.shape(middle),
            basis=basis.reshape(k, *self.mean.shape).astype(np.float32),
            coefficients=u[:, :k] * spread,
            labels=tuple(self.labels[i] for i in keep),
            splits=tuple(self.splits[i] for i in keep),
            skins=self.skins[keep],
        )

    def mean_head(self) -> FloatArray:
        """Return the mean of the heads present, (V, 3) float64 mm: the baseline of every accuracy figure."""
        return self._mean_head

    @cached_property
    def _mean_head(self) -> FloatArray:
        return read_only(self.shape(self.coefficients.mean(axis=0)), np.float64)


def load_database_file(path: Path) -> HeadDatabase:
    """Read a database file (docs/formats/database.md).

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer format.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            if meta["format"] > DATABASE_FORMAT:
                raise ModelError(f"{path} was written by a newer facestudio (format {meta['format']})")
            scale = data["basis_scale"].astype(np.float32)
            return HeadDatabase(
                name=meta["name"],
                version=meta["version"],
                licence=meta["licence"],
                source=meta["source"],
                template_version=meta["template_version"],
                ids=tuple(meta["ids"]),
                mean=data["mean"],
                basis=data["basis"].astype(np.float32) * scale[:, None, None],
                coefficients=data["coefficients"],
                labels=tuple(meta["labels"]),
                splits=tuple(meta["splits"]),
                skins=data["skins"],
                bytes=path.stat().st_size,
                textures=path.parent / meta["textures"] if meta.get("textures") else None,
            )
    except ModelError:
        raise
    except Exception as error:  # zip, json and key errors all mean: not a usable database
        raise ModelError(f"The database {path} is missing or damaged: {error}") from error


def database_folders() -> dict[str, Path]:
    """Return the databases at hand by name: the embedded ones and the user's own."""
    found: dict[str, Path] = {}
    for root in (resources() / "database", user_data() / "databases"):
        if root.is_dir():
            for file in sorted(root.glob(f"*/{FILE_NAME}")):
                found[file.parent.name] = file.parent
    return found


@lru_cache(maxsize=4)
def load_database(name: str = DEFAULT_DATABASE) -> HeadDatabase:
    """Return a database by name (read once).

    Raises
    ------
    ModelError
        If there is no such database or it is damaged.
    """
    folders = database_folders()
    if name not in folders:
        known = ", ".join(sorted(folders)) or "none"
        raise ModelError(f"There is no database called {name}", hint=f"Databases here: {known}")
    return load_database_file(folders[name] / FILE_NAME)


def verify_database(database: HeadDatabase, template_vertices: int, template_version: str) -> list[str]:
    """Check a database; returns what is wrong in plain words (empty if sound)."""
    problems: list[str] = []
    if database.template_version != template_version:
        problems.append(
            f"made for template {database.template_version}, this facestudio has {template_version}"
        )
    if len(database.mean) != template_vertices:
        problems.append(f"{len(database.mean)} vertices a head, the template has {template_vertices}")
    if len(set(database.ids)) != len(database.ids):
        problems.append("head ids repeat")
    problems += [
        f"{name} holds values that are not numbers"
        for name in ("mean", "basis", "coefficients", "skins")
        if not np.isfinite(getattr(database, name)).all()
    ]
    if set(database.splits) - {"train", "test", "held-out"}:
        problems.append("unknown split names")
    if not problems:
        height = float(np.ptp(database.mean[:, 1]))
        if not 150 < height < 450:
            problems.append(f"the mean head is {height:.0f} mm tall")
    return problems
