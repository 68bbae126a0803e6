"""`facestudio database`: the head databases at hand."""

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

from facestudio.cli.console import Console
from facestudio.cli.database_own import add_parsers
from facestudio.cli.options import common, output_name, whole_number
from facestudio.cli.outputs import check_free, make_folder
from facestudio.errors import ModelError, UsageError, WriteError

if TYPE_CHECKING:
    from facestudio.database.model import HeadDatabase


def add_parser(commands: Any) -> None:
    """Add the command and its own commands to the parser."""
    text = "list, check, make and import head databases"
    parser = commands.add_parser(
        "database", help=text, description="List, check, make and import head databases."
    )
    own = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = own.add_parser("list", parents=[common()], help="what there is", description="List the databases.")
    one.set_defaults(run=run_list)

    one = own.add_parser(
        "info", parents=[common()], help="what one holds", description="Show what a database holds."
    )
    one.add_argument("name", nargs="?", default=None, metavar="NAME", help="default: the embedded one")
    one.set_defaults(run=run_info)

    one = own.add_parser(
        "verify",
        parents=[common()],
        help="check that they are sound",
        description="Check databases: complete, undamaged, made for this version's template.",
    )
    one.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    one.set_defaults(run=run_verify)

    one = own.add_parser(
        "build",
        parents=[common()],
        help="draw a new one",
        description="Draw a database of new heads from the shape model, half of female and half of male "
        "appearance, and keep it among your own.",
    )
    one.add_argument("name", type=output_name, metavar="NAME", help="what to call it")
    one.add_argument(
        "--heads", type=whole_number(20, 5000), default=500, metavar="N", help="how many (default: 500)"
    )
    one.add_argument("--seed", type=whole_number(0), default=2, metavar="S", help="of the draw (default: 2)")
    one.add_argument("--overwrite", action="store_true", help="replace the database of that name")
    one.set_defaults(run=run_build)

    one = own.add_parser(
        "embed",
        parents=[common()],
        help="let the encoder see its heads",
        description="Make the embeddings of a database's heads anew: how the encoder sees their projections.",
    )
    one.add_argument("name", nargs="?", default="studio", metavar="NAME", help="default: studio")
    one.set_defaults(run=run_embed)

    add_parsers(own)


def _summary(database: "HeadDatabase") -> dict[str, Any]:
    return {
        "name": database.name,
        "version": database.version,
        "heads": len(database),
        "bytes": database.bytes,
        "licence": database.licence,
    }


def run_list(args: argparse.Namespace, console: Console) -> int:
    """List the databases; one that cannot be read is listed with the reason."""
    from facestudio.database.model import database_folders, load_database

    rows: list[dict[str, Any]] = []
    for name, folder in database_folders().items():
        try:
            row = _summary(load_database(name))
            console.result(
                f"{name}: {row['heads']} heads, version {row['version']}, {row['licence']}, {folder}"
            )
        except ModelError as error:
            row = {"name": name, "error": str(error)}
            console.result(f"{name}: {error}")
        rows.append({**row, "folder": folder})
    console.document({"databases": rows})
    return 0


def run_info(args: argparse.Namespace, console: Console) -> int:
    """Show one database.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    from facestudio.database.model import DEFAULT_DATABASE, database_folders, load_database

    name: str = args.name or DEFAULT_DATABASE
    database = load_database(name)
    details = {
        **_summary(database),
        "source": database.source,
        "template_version": database.template_version,
        "vertices": len(database.mean),
        "modes": len(database.basis),
        **Counter(str(label["appearance"]) for label in database.labels if "appearance" in label),
        "splits": dict(Counter(database.splits)),
        "folder": database_folders()[name],
    }
    for key, value in details.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType]
        console.result(f"{key.replace('_', ' ')}: {shown}")
    console.document(details)
    return 0


def run_verify(args: argparse.Namespace, console: Console) -> int:
    """Check databases; exits with 5 if one is not sound."""
    from facestudio.database.model import database_folders, load_database, verify_database
    from facestudio.template.model import load_template

    template = load_template()
    names: list[str] = args.names or list(database_folders())
    if not names:
        raise ModelError("There is no database", hint="Install facestudio again.")
    found: list[dict[str, Any]] = []
    for name in names:
        try:
            problems = verify_database(load_database(name), len(template.vertices), template.version)
        except ModelError as error:
            problems = [str(error), *([error.hint] if error.hint else [])]
        found.append({"name": name, "problems": problems})
        console.result(f"{name}: {'sound' if not problems else '; '.join(problems)}")
    console.document({"databases": found})
    return ModelError.exit_code if any(row["problems"] for row in found) else 0


def run_build(args: argparse.Namespace, console: Console) -> int:
    """Draw a database into the user's data folder.

    Raises
    ------
    ModelError
        If the shape model is missing or damaged.
    UsageError
        If the name is that of an embedded database.
    WriteError
        If there is such a database already, or it cannot be written.
    """
    from facestudio.database.draw import draw_database
    from facestudio.database.model import FILE_NAME, database_folders, load_database, load_database_file
    from facestudio.database.projections import FILE_NAME as PROJECTIONS
    from facestudio.database.projections import load_projections, render_projections, save_projections
    from facestudio.database.shape_model import load_shape_model
    from facestudio.database.skins import draw_skins
    from facestudio.paths import user_data
    from facestudio.retrieval.embeddings import make_embeddings
    from facestudio.template.model import load_template

    folder = user_data() / "databases" / args.name
    if args.name in database_folders() and database_folders()[args.name] != folder:
        raise UsageError(f"{args.name} is the name of an embedded database", hint="Choose another name")
    check_free([folder / FILE_NAME], overwrite=args.overwrite)
    model = load_shape_model()
    make_folder(folder)
    try:
        draw_database(
            model,
            draw_skins,
            load_template().quads,
            args.heads,
            args.seed,
            folder,
            lambda done: console.progress(0.3 * done, f"drawing {args.heads} heads"),
        )
        say = "drawing their frontal projections"
        built = load_database_file(folder / FILE_NAME)
        pictures = render_projections(built, progress=lambda share: console.progress(0.3 + 0.7 * share, say))
        save_projections(folder / PROJECTIONS, pictures, built)
        load_database.cache_clear()
        load_projections.cache_clear()
        make_embeddings(args.name)
    except OSError as error:
        raise WriteError(f"{folder / FILE_NAME} cannot be written: {error.strerror or error}") from error
    summary = _summary(load_database(args.name))
    console.result(str(folder))
    console.document({**summary, "folder": folder})
    return 0


def run_embed(args: argparse.Namespace, console: Console) -> int:
    """Make the embeddings of a database.

    Raises
    ------
    ModelError
        If the database, its projections or the encoder is missing or damaged.
    WriteError
        If they cannot be written.
    """
    from facestudio.retrieval.embeddings import make_embeddings

    try:
        path = make_embeddings(args.name)
    except OSError as error:
        raise WriteError(f"The embeddings cannot be written: {error.strerror or error}") from error
    console.result(str(path))
    console.document({"database": args.name, "output": path})
    return 0
