"""Writes a series of synthetic photos into a folder: by several processes, to be continued after a stop.

A photo is three files: NNNNNN.jpg, NNNNNN_labels.png and, written last, NNNNNN.npz. Each is written beside its place
and moved there, so a photo whose three files are there is whole.
"""

import json
import os
import signal
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from facestudio import __version__
from facestudio.errors import FacestudioError, UsageError, WriteError
from facestudio.synthesis.generate import check_size, draw_photo, new_renderer
from facestudio.synthesis.truth import write_truth

if TYPE_CHECKING:
    from facestudio.render.photo_gl import PhotoRenderer

SERIES = "series.json"
SERIES_FORMAT = 1
_MOST_WORKERS = 64
# Drawing is spread over processes: inside each, one thread is fastest.
_ONE_THREAD = {
    "LP_NUM_THREADS": "0",  # of llvmpipe: drawn in the thread that asks
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Series:
    """What tells one series of photos from another: photo i depends on nothing else."""

    seed: int
    size: int
    held_out: bool


@dataclass(frozen=True)
class Written:
    """What `write_series` did: photos written now, and photos that were there already."""

    written: int
    kept: int


def photo_files(folder: Path, index: int) -> tuple[Path, Path, Path]:
    """Return the files of a photo: picture, label mask, truth."""
    name = f"{index:06d}"
    return folder / f"{name}.jpg", folder / f"{name}_labels.png", folder / f"{name}.npz"


def is_whole(folder: Path, index: int) -> bool:
    """Tell whether a photo's files are all there."""
    return all(path.is_file() for path in photo_files(folder, index))


def write_photo(renderer: "PhotoRenderer", folder: Path, series: Series, index: int) -> None:
    """Draw and write one photo.

    Raises
    ------
    WriteError
        If a file cannot be written; what was half written is removed.
    """
    picture, mask, truth = photo_files(folder, index)
    shot = draw_photo(renderer, series.seed, index, series.size, held_out=series.held_out)
    quality = [cv2.IMWRITE_JPEG_QUALITY, shot.quality]
    try:
        _replace(picture, _encoded(".jpg", cv2.cvtColor(shot.image, cv2.COLOR_RGB2BGR), quality))
        _replace(mask, _encoded(".png", shot.labels, [cv2.IMWRITE_PNG_COMPRESSION, 4]))
        try:
            write_truth(truth, shot.truth)
        finally:
            truth.with_suffix(".tmp").unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"{picture.with_suffix('')} cannot be written: {error.strerror or error}") from error


def _encoded(ending: str, pixels: Any, options: list[int]) -> bytes:
    return bytes(cv2.imencode(ending, pixels, options)[1])


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def open_series(folder: Path, series: Series, *, overwrite: bool = False) -> None:
    """Make or check a folder for a series.

    Parameters
    ----------
    folder
        Made if it is missing.
    series
        What is to be in it.
    overwrite
        Remove the photos of another series that are there.

    Raises
    ------
    WriteError
        If it cannot be written to, or another series is there.
    """
    wanted = {"format": SERIES_FORMAT, "version": __version__, **asdict(series)}
    note = folder / SERIES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if note.exists():
            try:
                found = json.loads(note.read_text(encoding="utf-8"))
            except ValueError:
                found = None
            if found != wanted or overwrite:
                if not overwrite:
                    raise WriteError(
                        f"{folder} holds another series of photos ({_described(found)})",
                        hint="Name another folder, or --overwrite to replace it",
                    )
                for pattern in ("[0-9]*.jpg", "[0-9]*_labels.png", "[0-9]*.npz"):
                    for path in folder.glob(pattern):
                        path.unlink()
        for pattern in (".*.part", "*.tmp"):  # what a killed run left behind
            for path in folder.glob(pattern):
                path.unlink(missing_ok=True)
        _replace(note, (json.dumps(wanted, indent=2, sort_keys=True) + "\n").encode())
    except OSError as error:
        raise WriteError(f"The folder {folder} cannot be written to: {error.strerror or error}") from error


def _described(found: Any) -> str:
    if not isinstance(found, dict):
        return f"its {SERIES} is damaged"
    return ", ".join(f"{key} {found.get(key)}" for key in ("seed", "size", "held_out", "version"))


def write_series(
    folder: Path,
    count: int,
    series: Series,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the photos 0 .. count - 1 of a series; those that are there already are kept.

    Parameters
    ----------
    folder
        Where to.
    count
        How many photos the folder shall hold at least.
    series
        Seed, size and population.
    workers
        How many processes; one for each processor by default. The files do not depend on it.
    overwrite
        Replace what is there.
    progress
        Called with how many are done, of how many.

    Raises
    ------
    UsageError
        If there is no OpenGL here, or the size cannot be drawn.
    WriteError
        If the folder holds another series or cannot be written to.
    ModelError
        If the template, the database or the AlbedoModel is missing or damaged.
    """
    check_size(series.size)
    open_series(folder, series, overwrite=overwrite)
    missing = [index for index in range(count) if not is_whole(folder, index)]
    kept = count - len(missing)
    if not missing:
        return Written(0, kept)
    new_renderer().close()  # no OpenGL: say so here, once
    number = max(1, min(workers or os.cpu_count() or 1, _MOST_WORKERS, len(missing)))
    with _one_thread_each():
        pool = ProcessPoolExecutor(number, get_context("spawn"), _start_worker, (str(folder), series))
        try:
            left = iter(missing)
            # A few ahead for each process: stopping is then quick, and no process waits.
            running = {pool.submit(_work, index) for index in islice(left, 3 * number)}
            done = 0
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    done += 1
                    index = next(left, None)
                    if index is not None:
                        running.add(pool.submit(_work, index))
                if progress is not None:
                    progress(kept + done, count)
        except BrokenProcessPool as error:
            raise UsageError(
                "A process that draws photos was ended from outside",
                hint="Perhaps memory ran out: try fewer --workers; what is done is kept",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return Written(len(missing), kept)


@contextmanager
def _one_thread_each() -> Generator[None]:
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_worker: tuple["PhotoRenderer", Path, Series] | None = None


def _start_worker(folder: str, series: Series) -> None:
    """Open what a process needs for all its photos."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the work
    cv2.setNumThreads(1)
    _worker = (new_renderer(), Path(folder), series)


def _work(index: int) -> int:
    assert _worker is not None
    try:
        write_photo(*_worker, index)
    except FacestudioError:
        raise
    except MemoryError as error:
        raise UsageError("Out of memory", hint="Try fewer --workers or a smaller --size") from error
    return index
