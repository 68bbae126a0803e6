"""`facestudio render`: pictures of a head from several sides."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, picture_size
from facestudio.cli.outputs import check_free, check_picture_name, write_picture
from facestudio.errors import UsageError

# As in facestudio.render.scene, which is too heavy to import for the help.
MODES = ("textured", "clay", "wireframe", "normals")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "render",
        parents=[common()],
        help="pictures of a head from several sides",
        description="Draw a head from several sides, without a screen: a picture a view, or one sheet.",
    )
    parser.add_argument("head", type=Path, metavar="HEAD", help="an .obj, .glb, .ply or .stl file")
    parser.add_argument(
        "--views",
        default="front,45,side",
        metavar="LIST",
        help="front, 45, 45-left, side, left, right, back, top, or degrees as YAW or YAW/PITCH "
        "(default: front,45,side)",
    )
    parser.add_argument(
        "--size", type=picture_size, default=(1280, 960), metavar="WxH", help="of a view (default: 1280x960)"
    )
    parser.add_argument("--mode", choices=MODES, default=MODES[0], help="what the surface shows")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for one picture a view")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="one picture with all views")
    parser.add_argument("--photo", type=Path, metavar="PHOTO", help="put this photo first on the sheet")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are already there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Draw the views and write them.

    Raises
    ------
    UsageError
        If the options do not go together.
    """
    if args.output is None and args.sheet is None:
        raise UsageError(
            "Nothing to write", hint="Name a folder with --output, a sheet with --sheet, or both"
        )
    if args.photo is not None and args.sheet is None:
        raise UsageError("--photo is for the sheet", hint="Name it with --sheet FILE.png")
    if args.sheet is not None:
        check_picture_name(args.sheet)
    from facestudio.export import load_head_mesh
    from facestudio.photo import load_photo
    from facestudio.render.offscreen import render_views
    from facestudio.render.scene import parse_views
    from facestudio.render.sheet import compose_sheet

    views = parse_views(args.views)
    single = (
        {view.name: args.output / f"{args.head.stem}-{view.name}.png" for view in views}
        if args.output
        else {}
    )
    check_free([*single.values(), *([args.sheet] if args.sheet else [])], overwrite=args.overwrite)
    console.progress(0.0, f"reading {args.head.name}")
    photo = load_photo(args.photo) if args.photo is not None else None
    mesh, texture = load_head_mesh(args.head)
    console.progress(0.2, "drawing")
    pictures = render_views(mesh, texture, views, args.size, mode=args.mode)
    for view, pixels in zip(views, pictures, strict=True):
        if view.name in single:
            write_picture(single[view.name], pixels)
            console.result(str(single[view.name]))
    if args.sheet is not None:
        labels = [(_label(view.name), pixels) for view, pixels in zip(views, pictures, strict=True)]
        first = [("photo", photo.pixels)] if photo is not None else []
        write_picture(args.sheet, compose_sheet(first + labels, height=args.size[1]))
        console.result(str(args.sheet))
    console.document({"head": args.head, "views": single, "sheet": args.sheet})
    return 0


def _label(name: str) -> str:
    """Return a view's name for people: angles get their sign."""
    return f"{name}°" if name.replace(".", "").lstrip("+-").isdigit() else name
