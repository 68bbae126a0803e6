"""`facestudio database import | merge | remove`: the user's own head databases."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facestudio.cli.console import Console
from facestudio.cli.options import common, output_name, whole_number
from facestudio.cli.outputs import check_free
from facestudio.errors import PartialFailureError, UnreadableInputError, UsageError, WriteError

if TYPE_CHECKING:
    from facestudio.database.store import NewHeads
    from facestudio.template.model import Template

_ICT_LICENCE = "MIT, ICT Face Model Light, USC Institute for Creative Technologies"


def add_parsers(own: Any) -> None:
    """Add import, merge and remove to the parser of `database`."""
    one = own.add_parser(
        "import",
        parents=[common()],
        help="make one of your own scans",
        description="Make a database of your own heads: ICT-FaceKit's folder (its modes then serve directly), or a "
        "folder of scans (.obj, .ply, .glb, .stl, .off, BJUT-3D style .bjut), with their 68 points beside them or "
        "without. Each scan is registered to the template, its colours are brought to the template's UVs.",
    )
    one.add_argument("source", type=Path, metavar="SOURCE", help="a folder, or one scan")
    one.add_argument("--name", type=output_name, required=True, metavar="NAME", help="what to call it")
    one.add_argument(
        "--heads", type=whole_number(2, 5000), default=200, metavar="N", help="to draw of ICT's modes"
    )
    one.add_argument("--seed", type=whole_number(0), default=3, metavar="S", help="of that draw (default: 3)")
    one.add_argument("--no-textures", action="store_true", help="bring over the shapes alone")
    one.add_argument("--licence", default="your own data", metavar="TEXT", help="what to note as its licence")
    one.add_argument("--overwrite", action="store_true", help="replace the database of that name")
    one.set_defaults(run=run_import)

    one = own.add_parser(
        "merge",
        parents=[common()],
        help="join several to a new one",
        description="Join databases: all their heads, with statistics of all of them.",
    )
    one.add_argument("names", nargs="+", metavar="NAME", help="which")
    one.add_argument(
        "--name", type=output_name, required=True, metavar="NEW", help="what to call the new one"
    )
    one.add_argument("--overwrite", action="store_true", help="replace the database of that name")
    one.set_defaults(run=run_merge)

    one = own.add_parser(
        "remove",
        parents=[common()],
        help="delete one of your own",
        description="Delete a database of your own.",
    )
    one.add_argument("name", metavar="NAME", help="which")
    one.set_defaults(run=run_remove)


def is_ict(source: Path) -> bool:
    """Tell whether a folder is ICT-FaceKit's (or an .npz made of it)."""
    if source.is_file():
        return source.suffix.lower() == ".npz"
    name = "generic_neutral_mesh.obj"
    return (source / name).is_file() or (source / "FaceXModel" / name).is_file()


def _ict_heads(template: "Template", args: argparse.Namespace, console: Console) -> "NewHeads":
    import numpy as np

    from facestudio.database.skins import draw_skins
    from facestudio.database.sources.ict_facekit import load_ict
    from facestudio.database.store import NewHeads
    from facestudio.training.ict_template import register_ict

    console.progress(0.0, "reading ICT-FaceKit")
    found = register_ict(
        template, load_ict(args.source), lambda f: console.progress(0.1 + 0.6 * f, "registering")
    )
    rng = np.random.default_rng([args.seed, 77])
    labels: list[dict[str, Any]] = [{} for _ in range(args.heads)]
    return NewHeads(
        ids=tuple(f"{args.name}-{i:04d}" for i in range(args.heads)),
        labels=tuple(labels),
        splits=("train",) * args.heads,
        mean=found.mean,
        basis=found.modes,
        coefficients=rng.standard_normal((args.heads, len(found.modes))),
        skins=draw_skins(labels, args.seed),
    )


def _store(folder: Path, heads: "NewHeads", licence: str, source: str, console: Console) -> dict[str, Any]:
    """Write heads and their projections; returns what to report."""
    from facestudio.database.model import FILE_NAME, load_database, load_database_file
    from facestudio.database.projections import FILE_NAME as PROJECTIONS
    from facestudio.database.projections import load_projections, render_projections, save_projections
    from facestudio.database.store import save_database
    from facestudio.retrieval.embeddings import make_embeddings
    from facestudio.template.model import load_template

    save_database(folder, heads, template_version=load_template().version, licence=licence, source=source)
    written = load_database_file(folder / FILE_NAME)
    say = "drawing their frontal projections"
    pictures = render_projections(written, progress=lambda f: console.progress(0.8 + 0.2 * f, say))
    try:
        save_projections(folder / PROJECTIONS, pictures, written)
        load_database.cache_clear()
        load_projections.cache_clear()
        make_embeddings(folder.name)
    except OSError as error:
        raise WriteError(f"{folder / PROJECTIONS} cannot be written: {error.strerror or error}") from error
    return {"name": folder.name, "heads": len(written), "folder": folder}


def run_import(args: argparse.Namespace, console: Console) -> int:
    """Import scans or ICT-FaceKit into the user's data folder.

    Raises
    ------
    UnreadableInputError
        If nothing of the source could be imported.
    PartialFailureError
        If some scans could not; the others are in the database.
    WriteError
        If there is such a database already, or it cannot be written.
    """
    from facestudio.database.importing import import_scans
    from facestudio.database.model import FILE_NAME
    from facestudio.database.store import own_folder
    from facestudio.template.model import load_template

    if not args.source.exists():
        raise UnreadableInputError(f"There is no {args.source}")
    folder = own_folder(args.name)
    check_free([folder / FILE_NAME], overwrite=args.overwrite)
    template = load_template()
    if is_ict(args.source):
        heads = _ict_heads(template, args, console)
        report = _store(folder, heads, _ICT_LICENCE, "drawn from ICT-FaceKit's identity modes", console)
        console.result(str(folder))
        console.document({**report, "scans": []})
        return 0
    heads, outcomes = import_scans(
        template,
        args.source,
        textures=not args.no_textures,
        progress=lambda f, name: console.progress(0.8 * f, f"registering {name}"),
    )
    rows = [
        {
            "file": o.file,
            "head": o.head_id,
            "error": o.error,
            "textured": o.textured,
            "unit": o.unit,
            "median_mm": None if o.error else round(o.median_mm, 3),
            "notes": list(o.notes),
        }
        for o in outcomes
    ]
    failed = [o for o in outcomes if o.error]
    for outcome in failed:
        console.note(f"{outcome.file.name}: {outcome.error}")
    if heads is None:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise UnreadableInputError(f"No scan could be imported: {failed[0].error}{more}")
    report = _store(folder, heads, args.licence, f"imported from {len(heads.ids)} scans", console)
    for outcome in outcomes:
        if outcome.head_id:
            kind = "with its texture" if outcome.textured else "without a texture"
            console.result(f"{outcome.head_id}: {kind}, face within {outcome.median_mm:.2f} mm (median)")
    console.result(str(folder))
    console.document({**report, "scans": rows})
    return PartialFailureError.exit_code if failed else 0


def run_merge(args: argparse.Namespace, console: Console) -> int:
    """Join databases to a new one of the user's own.

    Raises
    ------
    ModelError
        If one is missing or damaged.
    UsageError
        If they do not go together.
    WriteError
        If the new one is there already, or cannot be written.
    """
    from facestudio.database.model import FILE_NAME, load_database
    from facestudio.database.store import merge_databases, own_folder

    folder = own_folder(args.name)
    check_free([folder / FILE_NAME], overwrite=args.overwrite)
    if len(set(args.names)) < len(args.names):
        raise UsageError("A database cannot be merged with itself")
    databases = [load_database(name) for name in args.names]
    licences = "; ".join(dict.fromkeys(database.licence for database in databases))
    console.progress(0.1, "learning the statistics of all heads")
    heads = merge_databases(databases)
    report = _store(folder, heads, licences, f"merged from {', '.join(args.names)}", console)
    console.result(str(folder))
    console.document(report)
    return 0


def run_remove(args: argparse.Namespace, console: Console) -> int:
    """Delete a database of the user's own.

    Raises
    ------
    UsageError
        If there is none of that name, or it is an embedded one.
    WriteError
        If it cannot be deleted.
    """
    from facestudio.database.model import load_database
    from facestudio.database.store import remove_database

    folder = remove_database(args.name)
    load_database.cache_clear()
    console.result(str(folder))
    console.document({"name": args.name, "removed": folder})
    return 0
