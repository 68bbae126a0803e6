"""Where results go: names, what is there already, and writing all files or none."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from facestudio.errors import UsageError, WriteError

# The endings of each format; the report (json) is always written.
ENDINGS: dict[str, tuple[str, ...]] = {
    "obj": (".obj", ".mtl", ".png"),
    "glb": (".glb",),
    "ply": (".ply",),
    "stl": (".stl",),
    "usd": (".usdc", ".png"),
}
FORMATS = tuple(ENDINGS)
REPORT_ENDING = ".json"
COVERAGE_ENDING = "-coverage.png"
_LONGEST_NAME = 200  # bytes: file systems take 255, and the longest ending and a temporary name must fit


def check_name(name: str) -> None:
    """Refuse a name that is not that of a file in the output folder.

    Raises
    ------
    UsageError
        If it is empty, has a folder or a control character in it, or is too long.
    """
    bad = (
        not name.strip()
        or name in (".", "..")
        or any(c in "/\\" or not c.isprintable() for c in name)
        or (os.name == "nt" and any(c in ':*?"<>|' for c in name))
    )
    if bad:
        raise UsageError(f"{name!r} cannot be the name of the results", hint="Give another one with --name")
    if len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
        raise UsageError(f"The name {name[:40]!r}… is too long", hint="Give a shorter one with --name")


def planned_files(
    output_dir: Path, name: str, formats: Sequence[str], *, coverage: bool = False
) -> dict[str, Path]:
    """Return the files that an export may write, by ending without its dot (`coverage.png` is the coverage).

    Raises
    ------
    UsageError
        If a format is unknown or the name is not one.
    """
    check_name(name)
    unknown = [f for f in formats if f not in ENDINGS]
    if unknown:
        raise UsageError(f'There is no format "{unknown[0]}"', hint=f"Formats: {', '.join(FORMATS)}")
    endings = [e for f in dict.fromkeys(formats) for e in ENDINGS[f]] + [REPORT_ENDING]
    if coverage:
        endings.append(COVERAGE_ENDING)
    return {ending[1:]: output_dir / (name + ending) for ending in endings}


def check_outputs(
    output_dir: Path,
    name: str,
    formats: Sequence[str],
    overwrite: bool = False,
    *,
    coverage: bool = False,
) -> None:
    """Refuse an export that cannot succeed, before the work that leads to it.

    Raises
    ------
    UsageError
        If a format is unknown, its library is missing, or the name is not one.
    WriteError
        If a file is there already and is not to be overwritten, or the folder cannot be written to.
    """
    files = planned_files(output_dir, name, formats, coverage=coverage)
    if "usd" in formats and find_spec("pxr") is None:
        raise UsageError("Writing USD needs the package usd-core", hint='pip install "facestudio[usd]"')
    for path in files.values():
        if path.is_dir():
            raise WriteError(f"{path} is a folder")
        if os.path.lexists(path) and not overwrite:
            raise WriteError(f"{path} is there already", hint="Use --overwrite, or another --name")
    folder = output_dir
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise WriteError(f"{folder} is not a folder, so nothing can be written to {output_dir}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WriteError(f"No permission to write to {folder}")


def _explain(error: OSError, folder: Path) -> WriteError:
    """Return the error in words for people."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WriteError(f"The disk is full: nothing was written to {folder}", hint="Free some space")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return WriteError(f"No permission to write to {folder}")
    return WriteError(f"Cannot write to {folder}: {error.strerror or error}")


def _missing_parents(folder: Path) -> list[Path]:
    """Return the folders that would have to be made, outermost first."""
    missing: list[Path] = []
    while not folder.exists():
        missing.insert(0, folder)
        folder = folder.parent
    return missing


@contextmanager
def all_or_nothing(output_dir: Path) -> Generator[Path, None, None]:
    """Yield a temporary folder whose files move into the output folder together at the end.

    If anything fails, the output folder is as it was: half of the files never appear, and files that were
    about to be replaced are put back.

    Raises
    ------
    WriteError
        If something cannot be written.
    """
    made: list[Path] = []
    staging: Path | None = None
    try:
        made = _missing_parents(output_dir)
        output_dir.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".facestudio-", dir=output_dir))
        yield staging
        _move(sorted(staging.iterdir()), output_dir, staging)
    except BaseException as error:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            raise _explain(error, output_dir) from error
        raise
    shutil.rmtree(staging, ignore_errors=True)


def _move(files: Iterable[Path], output_dir: Path, staging: Path) -> None:
    """Move files into place; on failure take back what was moved and put back what was there."""
    files = list(files)
    kept = Path(tempfile.mkdtemp(prefix="kept-", dir=staging))
    done: list[Path] = []
    try:
        for file in files:
            target = output_dir / file.name
            if os.path.lexists(target):
                target.replace(kept / file.name)
            done.append(file)
            file.replace(target)
    except BaseException:
        for file in reversed(done):
            target = output_dir / file.name
            if (kept / file.name).exists():
                (kept / file.name).replace(target)
            else:
                target.unlink(missing_ok=True)
        raise
