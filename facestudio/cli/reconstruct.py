"""`facestudio reconstruct`: photos become heads."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facestudio.cli.console import Console
from facestudio.cli.options import TEXTURE_SIZES, common, formats, output_name, whole_number
from facestudio.cli.planning import Job, each, plan
from facestudio.errors import UsageError

if TYPE_CHECKING:
    from facestudio.pipeline.request import Outcome
    from facestudio.pipeline.runner import Runner
    from facestudio.values import Landmarks

# As in facestudio.pipeline.request, which is too heavy to import for the help.
METHODS = ("default", "map", "paper", "mean")

MOST_PHOTOS = 5  # of one person

SCALPS = ("photo", "stubble", "bald")
TEXTURE_METHODS = ("fused", "paste")

# When each stage begins and how long it takes, as fractions of the whole.
PROGRESS = {"landmarks": (0.0, 0.1), "retrieval": (0.1, 0.1), "shape": (0.2, 0.1), "texture": (0.3, 0.65)}


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "reconstruct",
        parents=[common()],
        help="make a textured 3D head from a photo",
        description="Make a complete, textured, closed 3D head from a photo; several photos give one each.",
    )
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="a picture with a face, or a project of the app"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument("--name", type=output_name, help="name of the results (default: the photo's)")
    parser.add_argument(
        "--format",
        type=formats,
        default=("obj", "glb"),
        metavar="LIST",
        help="obj, glb, ply, stl, usd, joined by commas (default: obj,glb; NAME.json is always written)",
    )
    parser.add_argument(
        "--texture-size",
        type=int,
        choices=TEXTURE_SIZES,
        default=2048,
        help="texels a side (default: 2048)",
    )
    parser.add_argument(
        "--scalp",
        choices=SCALPS,
        help="carry the photo's hair on over the scalp (the default), show stubble in its colour, or skin",
    )
    parser.add_argument("--albedo", action="store_true", help="take the photo's light out of the texture")
    parser.add_argument(
        "--texture-method",
        choices=TEXTURE_METHODS,
        default=TEXTURE_METHODS[0],
        help="fused (the default), or paste: the photo laid on without fusion, for comparison",
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="also write NAME-coverage.png: where each texel comes from, and how far it is to be trusted",
    )
    parser.add_argument(
        "--units", choices=("cm", "m", "mm"), default="cm", help="of all but GLB (default: cm)"
    )
    parser.add_argument(
        "--subdivision", type=int, choices=(0, 1, 2), default=0, help="Catmull-Clark level (default: 0)"
    )
    parser.add_argument(
        "--landmarks", type=Path, metavar="FILE", help="use these points (.json, .pts or .tem)"
    )
    parser.add_argument(
        "--database", default="studio", metavar="NAME", help="head database (default: studio)"
    )
    parser.add_argument(
        "--expression",
        choices=("neutral", "posed"),
        default="neutral",
        help="write the neutral head or the photo's expression (default: neutral)",
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="how the shape is found: the best there is (the default), the paper's recipe, or the mean head",
    )
    parser.add_argument(
        "--face", type=whole_number(1), metavar="N", help="which face, counted from the largest (default: 1)"
    )
    parser.add_argument(
        "--same-person",
        action="store_true",
        help=f"the photos show one person: make one head of all of them (2 to {MOST_PHOTOS} photos)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace results that are already there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Reconstruct each photo; the others go on when one fails.

    Raises
    ------
    UsageError
        If the options do not go together.
    """
    if args.same_person:
        _check_same_person(args)
        # Named after the first photo, unless a name is given.
        jobs = plan(args.photos[:1], args.name)
    else:
        jobs = plan(args.photos, args.name)
    if args.landmarks is not None and len(jobs) > 1:
        raise UsageError("--landmarks is for one photo")
    from facestudio.pipeline.runner import Runner

    runner = Runner()
    return each(jobs, console, lambda job, where: _one(runner, job, args, console, where))


def _check_same_person(args: argparse.Namespace) -> None:
    if not 2 <= len(args.photos) <= MOST_PHOTOS:
        raise UsageError(f"--same-person takes 2 to {MOST_PHOTOS} photos")
    if args.landmarks is not None:
        raise UsageError(
            "--landmarks is for one photo", hint="Correct points in the app, and use its project"
        )
    if args.face is not None:
        raise UsageError("--face is for one photo: of several, the largest face of each is used")
    if any(Path(photo).suffix.lower() == ".facestudio" for photo in args.photos):
        raise UsageError("--same-person takes photos; a project holds its own")
    if args.method != METHODS[0]:
        raise UsageError(f"--same-person needs the method {METHODS[0]}")


def _one(
    runner: "Runner", job: Job, args: argparse.Namespace, console: Console, where: str
) -> dict[str, Any]:
    from facestudio.export import check_outputs, export_head
    from facestudio.photo import load_photo
    from facestudio.pipeline.project import SUFFIX, load_project
    from facestudio.pipeline.request import CancelToken, Event, FurtherPhoto, Request

    check_outputs(args.output, job.name, args.format, args.overwrite, coverage=args.coverage)
    if job.photo.suffix.lower() == SUFFIX:
        project = load_project(job.photo)
        request = project.request(texture_size=args.texture_size, method=args.method)
        # What is said on the command line counts before what the project says.
        given = _landmarks(args, project.photo.size)
        request = replace(request, face=args.face or request.face, landmarks=given or request.landmarks)
    else:
        photo = load_photo(job.photo)
        request = Request(
            photo,
            face=args.face or 1,
            landmarks=_landmarks(args, photo.size),
            database=args.database,
            texture_size=args.texture_size,
            method=args.method,
            more=tuple(FurtherPhoto(load_photo(Path(name))) for name in args.photos[1:])
            if args.same_person
            else (),
        )
    request = replace(
        request, scalp=args.scalp or request.scalp, albedo=args.albedo, texture_method=args.texture_method
    )

    def report(event: Event) -> None:
        begin, share = PROGRESS[event.stage.value]
        console.progress(begin + share * event.fraction, where + event.message)

    outcome = runner.run(request, report, CancelToken())
    console.progress(0.95, f"{where}Writing")
    files = export_head(
        outcome.head,
        args.output,
        job.name,
        formats=args.format,
        units=args.units,
        subdivision=args.subdivision,
        expression=args.expression,
        overwrite=args.overwrite,
        coverage=args.coverage,
    )
    console.done()
    _notes(outcome, args, console, where)
    for path in files.values():
        console.result(str(path))
    return {
        "photo": job.photo,
        **({"photos": [Path(name) for name in args.photos]} if args.same_person else {}),
        "name": job.name,
        "outputs": dict(files),
        "faces": len(outcome.faces),
        "notes": list(outcome.notes),
        "timings_ms": outcome.head.timings_ms,
    }


def _landmarks(args: argparse.Namespace, image_size: tuple[int, int]) -> "Landmarks | None":
    """Read the landmarks named, as ibug68."""
    if args.landmarks is None:
        return None
    from facestudio.landmarks.files import load_landmarks
    from facestudio.landmarks.schemes import to_ibug68

    points = load_landmarks(args.landmarks, image_size=image_size, face=(args.face or 1) - 1)
    if points.scheme == "mesh478":
        return to_ibug68(points)
    if points.scheme != "ibug68":
        raise UsageError(f"{args.landmarks} holds {points.scheme} points; the 68 points of ibug68 are needed")
    return points


def _notes(outcome: "Outcome", args: argparse.Namespace, console: Console, where: str) -> None:
    for note in outcome.notes:
        console.note(where + note)
    if len(outcome.faces) > 1 and args.face is None:
        console.note(f"{where}Choose another face with --face N:")
        for number, face in enumerate(outcome.faces, start=1):
            box = face.box
            console.note(f"  {number}: x {box.x0:.0f} to {box.x1:.0f}, y {box.y0:.0f} to {box.y1:.0f}")
