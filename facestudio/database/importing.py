"""Makes a database of a folder of scans: each registered to the template, its colours resampled."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.database.registration.register import Registration, register_scan
from facestudio.database.resample import TEXTURE_SIZE, resample_texture, skin_like
from facestudio.database.skin_axes import MONK_SKIN
from facestudio.database.sources.scans import ScanFile, find_scans, read_scan
from facestudio.database.store import NewHeads, decompose
from facestudio.errors import FacestudioError, UnreadableInputError
from facestudio.template.model import Template
from facestudio.values import ByteArray, FloatArray


@dataclass(frozen=True)
class ScanOutcome:
    """What became of one scan.

    Attributes
    ----------
    file
        The mesh file.
    head_id
        The head it became, or an empty string.
    error
        Why it did not, or an empty string.
    textured
        Whether its colours were resampled.
    unit
        The unit its lengths were taken to be in.
    median_mm
        Median distance between head and scan on the face, mm; NaN if it failed.
    notes
        What was found and done, in plain words.
    """

    file: Path
    head_id: str
    error: str = ""
    textured: bool = False
    unit: str = ""
    median_mm: float = float("nan")
    notes: tuple[str, ...] = ()


def head_id_of(path: Path, taken: set[str]) -> str:
    """Return an id for a scan's head from its file name, unlike those taken."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.") or "head"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def import_scans(
    template: Template,
    folder: Path,
    *,
    textures: bool = True,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[NewHeads | None, list[ScanOutcome]]:
    """Register every scan of a folder; one that fails is told, the others go on.

    Parameters
    ----------
    template
        The template.
    folder
        A folder of scans (facestudio.database.sources.scans), or one file.
    textures
        Whether colours are brought over.
    progress
        Called with the share that is done and what is being done.
    cancelled
        Asked between steps.

    Returns
    -------
    heads
        The heads to store, or None if no scan succeeded.
    outcomes
        One for each scan, in order of their names.

    Raises
    ------
    UnreadableInputError
        If there is no scan.
    CancelledError
        If `cancelled` says so.
    """
    files = find_scans(folder)
    outcomes: list[ScanOutcome] = []
    shapes: list[FloatArray] = []
    skins: list[FloatArray] = []
    pictures: dict[str, ByteArray] = {}
    for number, file in enumerate(files):

        def tell(share: float, at: int = number, name: str = file.mesh.name) -> None:
            if progress is not None:
                progress((at + share) / len(files), name)

        taken = {outcome.head_id for outcome in outcomes}
        head = head_id_of(file.mesh, taken)
        try:
            done, picture, skin = _import_one(template, file, head, textures, tell, cancelled)
        except FacestudioError as error:
            if error.exit_code == 130:
                raise
            outcomes.append(ScanOutcome(file.mesh, "", error=str(error)))
            continue
        residual = done.residuals["face"].median_mm if "face" in done.residuals else float("nan")
        outcomes.append(
            ScanOutcome(file.mesh, head, "", picture is not None, done.unit, residual, done.notes)
        )
        shapes.append(done.vertices)
        skins.append(skin)
        if picture is not None:
            pictures[head] = picture
    if not shapes:
        return None, outcomes
    mean, basis, coefficients = decompose(np.stack(shapes))
    ids = tuple(outcome.head_id for outcome in outcomes if outcome.head_id)
    heads = NewHeads(
        ids=ids,
        labels=tuple({} for _ in ids),
        splits=("train",) * len(ids),
        mean=mean,
        basis=basis,
        coefficients=coefficients,
        skins=np.stack(skins),
        textures=pictures,
    )
    return heads, outcomes


def _import_one(
    template: Template,
    file: ScanFile,
    head: str,
    textures: bool,
    tell: Callable[[float], None],
    cancelled: Callable[[], bool] | None,
) -> tuple[Registration, ByteArray | None, FloatArray]:
    """Register one scan; returns it with its texture and its skin.

    Raises
    ------
    FacestudioError
        If it cannot be read, or not registered well enough.
    """
    tell(0.0)
    scan, colours = read_scan(file, textures=textures)
    done = register_scan(template, scan, progress=lambda f: tell(0.85 * f), cancelled=cancelled)
    if not done.accepted:
        raise UnreadableInputError(f"{file.mesh.name} was not accepted: {done.reason}")
    rng = np.random.default_rng(list(hashlib.sha256(head.encode()).digest()[:8]))
    found = (
        None
        if colours is None
        else resample_texture(template, done, colours, load_albedo(), rng, TEXTURE_SIZE)
    )
    tell(1.0)
    if found is None:
        return done, None, skin_like(MONK_SKIN[int(rng.integers(len(MONK_SKIN)))], rng)
    return done, found[0], found[1]
