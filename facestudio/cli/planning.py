"""Several photos in one call: a name for each, and the others go on when one fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.errors import CancelledError, FacestudioError, ModelError, PartialFailureError, UsageError


@dataclass(frozen=True)
class Job:
    """One photo and the name of its results."""

    photo: Path
    name: str


def plan(photos: Sequence[str], name: str | None) -> list[Job]:
    """Give each photo's results a name of their own: the file's, with a number where two would be the same.

    Parameters
    ----------
    photos
        Files.
    name
        The name wanted, for one photo; None for the file's.

    Raises
    ------
    UsageError
        If one name is given for several photos.
    """
    paths = [Path(photo) for photo in photos]
    if name is not None:
        if len(paths) > 1:
            raise UsageError("--name is for one photo; several photos are named after their files")
        return [Job(paths[0], name)]
    jobs: list[Job] = []
    taken: set[str] = set()
    for path in paths:
        base = path.stem or "photo"
        unique, number = base, 2
        while unique.casefold() in taken:  # some file systems do not tell A from a
            unique, number = f"{base}-{number}", number + 1
        taken.add(unique.casefold())
        jobs.append(Job(path, unique))
    return jobs


def each(jobs: Sequence[Job], console: Console, work: Callable[[Job, str], dict[str, Any]]) -> int:
    """Do the work for each photo, and report.

    Parameters
    ----------
    jobs
        What `plan` returned.
    console
        Gets the document with `results` and `failures`.
    work
        Called with a job and with what to put before messages about it; returns the job's result.

    Returns
    -------
    int
        The exit code: 0, or 7 if some failed.

    Raises
    ------
    FacestudioError
        What the work raised, if there is only one photo; a ModelError in any case: the others would fail in
        the same way.
    """
    results: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for number, job in enumerate(jobs, start=1):
        try:
            results.append(work(job, f"[{number}/{len(jobs)}] {job.name}: " if len(jobs) > 1 else ""))
        except FacestudioError as error:
            if len(jobs) == 1 or isinstance(error, ModelError | CancelledError):
                raise
            console.error(f"{job.photo}: {error}" + (f" ({error.hint})" if error.hint else ""))
            failures.append(
                {
                    "photo": job.photo,
                    "message": str(error),
                    "hint": error.hint,
                    "exit_code": error.exit_code,
                }
            )
        console.done()
    console.document({"results": results, "failures": failures})
    if failures:
        console.error(f"{len(failures)} of {len(jobs)} photos failed")
        return PartialFailureError.exit_code
    return 0
