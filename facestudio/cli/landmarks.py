"""`facestudio landmarks`: where the 68 points of faces are."""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facestudio.cli.console import Console
from facestudio.cli.options import common
from facestudio.cli.outputs import check_free, check_picture_name, make_folder, write_picture
from facestudio.cli.planning import Job, each, plan
from facestudio.errors import NoFaceError, UsageError

if TYPE_CHECKING:
    from facestudio.values import FaceBox, Landmarks, Photo

# As in facestudio.landmarks.combine, which is too heavy to import for the help.
LANDMARK_METHODS = ("combined", "asm", "asm-classic", "mesh478")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "landmarks",
        parents=[common()],
        help="locate the 68 points of faces",
        description="Locate the 68 points (ibug68) of the largest face of each photo, or of all faces.",
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a picture")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--output", type=Path, metavar="FILE", help="for one photo: a .json or .pts file")
    where.add_argument("--output-dir", type=Path, metavar="DIR", help="folder for one .json file a photo")
    parser.add_argument("--overlay", type=Path, metavar="FILE.png", help="draw the points on the photo")
    parser.add_argument("--all-faces", action="store_true", help="all faces, also small ones")
    parser.add_argument(
        "--method",
        choices=LANDMARK_METHODS,
        default=LANDMARK_METHODS[0],
        help="how they are located: asm and mesh together, one of them, or the classical profile search "
        "(default: combined)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE.npz",
        help="an Active Shape Model of your own (facestudio train asm)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that are already there")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Found:
    photo: "Photo"
    faces: "list[tuple[FaceBox, Landmarks]]"
    timings_ms: dict[str, float]
    seen: int


def run(args: argparse.Namespace, console: Console) -> int:
    """Locate and write the landmarks of each photo.

    Raises
    ------
    UsageError
        If the options do not go together.
    """
    jobs = plan(args.photos, None)
    if len(jobs) > 1:
        for option in ("output", "overlay"):
            if getattr(args, option) is not None:
                raise UsageError(f"--{option} is for one photo", hint="Several photos: --output-dir DIR")
    if args.output is not None:
        if args.output.suffix.lower() not in {".json", ".pts"}:
            raise UsageError(f"{args.output.name}: the file must end in .json or .pts")
        if args.output.suffix.lower() == ".pts" and args.all_faces:
            raise UsageError("A .pts file holds one face", hint="Use .json with --all-faces")
    if args.overlay is not None:
        check_picture_name(args.overlay)
    return each(jobs, console, lambda job, where: _one(job, args, console, where))


def _one(job: Job, args: argparse.Namespace, console: Console, where: str) -> dict[str, Any]:
    from facestudio.landmarks.files import faces_document, save_faces, save_landmarks
    from facestudio.landmarks.overlay import draw_landmarks

    output: Path = args.output or args.output_dir / f"{job.name}.json"
    outputs = [output, *([args.overlay] if args.overlay is not None else [])]
    check_free(outputs, overwrite=args.overwrite)
    console.progress(0.0, f"{where}locating faces")
    found = _locate(job.photo, args.method, args.model, all_faces=args.all_faces)
    make_folder(output.parent)
    if output.suffix.lower() == ".pts":
        if not found.faces:
            raise NoFaceError(f"No face was found in {job.photo}")
        save_landmarks(output, found.faces[0][1])
    else:
        save_faces(output, found.faces, found.timings_ms)
    if args.overlay is not None:
        write_picture(args.overlay, draw_landmarks(found.photo, [points for _, points in found.faces]))
    if not found.faces:
        console.note(f"{where}no face was found")
    elif found.seen > len(found.faces):
        console.note(f"{where}{found.seen} faces; this is the largest. --all-faces gives all of them.")
    for path in outputs:
        console.result(str(path))
    return {
        "photo": job.photo,
        "outputs": outputs,
        "landmark_method": args.method,
        **faces_document(found.faces, found.timings_ms),
    }


def _locate(path: Path, method: str, model: Path | None, *, all_faces: bool) -> _Found:
    from facestudio.landmarks.asm.model import load_asm_file
    from facestudio.landmarks.combine import locate_landmarks
    from facestudio.landmarks.mesh478 import locate_faces
    from facestudio.photo import load_photo

    asm = load_asm_file(model) if model is not None else None
    times = [time.perf_counter()]
    photo = load_photo(path)
    times.append(time.perf_counter())
    faces = locate_faces(photo, small_faces=all_faces)
    times.append(time.perf_counter())
    chosen = faces if all_faces else faces[:1]
    points = [(face.box, locate_landmarks(photo, face, method, model=asm)) for face in chosen]
    times.append(time.perf_counter())
    names = ("photo", "mesh", "landmarks")
    spans = {name: 1000 * (b - a) for name, a, b in zip(names, times, times[1:], strict=False)}
    return _Found(photo, points, spans, len(faces))
