"""`facestudio evaluate texture`: how true the textures are."""

import argparse
from pathlib import Path
from typing import Any

from facestudio.cli.console import Console
from facestudio.cli.options import TEXTURE_SIZES, common, whole_number
from facestudio.cli.outputs import check_free, check_picture_name, write_picture


def add_parser(commands: Any) -> None:
    """Add the command to those of `evaluate`."""
    one = commands.add_parser(
        "texture",
        parents=[common()],
        help="truth of the texture",
        description="Leave database heads out one by one, draw a photo of each, make its texture, and compare it "
        "with the true one and with the baseline `paste`: colour step at the border of what was seen, borrowed ears, "
        "views from 45 degrees, empty texels, times.",
    )
    one.add_argument(
        "--count", type=whole_number(1), default=12, metavar="N", help="how many heads (default: 12)"
    )
    one.add_argument(
        "--seed", type=whole_number(0), default=11, metavar="S", help="of the photos (default: 11)"
    )
    one.add_argument("--database", default="studio", metavar="NAME", help="head database (default: studio)")
    one.add_argument(
        "--texture-size", type=int, choices=TEXTURE_SIZES, default=2048, help="texels a side (default: 2048)"
    )
    one.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE.png",
        help="also draw photo, true head, fused and paste side by side",
    )
    one.add_argument("--overwrite", action="store_true", help="replace a sheet that is already there")
    one.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure the truth of the texture, and print a table.

    Raises
    ------
    ModelError
        If the database is missing or damaged.
    WriteError
        If the sheet is there already, or cannot be written.
    """
    if args.sheet is not None:
        check_picture_name(args.sheet)
        check_free([args.sheet], overwrite=args.overwrite)
    from facestudio.evaluation.texture import evaluate_texture
    from facestudio.evaluation.texture_sheet import TextureSheet

    sheet = TextureSheet()
    report = evaluate_texture(
        args.count,
        args.seed,
        args.database,
        size=args.texture_size,
        say=console.note,
        show=sheet.add if args.sheet is not None else lambda trial, views: None,
    )
    if args.sheet is not None and sheet.rows:
        write_picture(args.sheet, sheet.picture())
        console.result(str(args.sheet))
    console.result(
        f"{report.heads} heads, {report.missed} without a located face; textures of {report.texture_size}"
    )
    console.result(f"{'method':<8} {'seam':>6} {'inside':>7} {'ratio':>6} {'ears dE':>8} {'views':>6}")
    for row in report.results:
        console.result(
            f"{row.method:<8} {row.seam_step:6.2f} {row.seen_variation:7.2f} {row.ratio:6.2f} {row.ears:8.2f} "
            f"{row.views:6.2f}"
        )
    console.result(f"empty texels: {report.empty_texels}; Poisson residual: {report.poisson_residual:.1e}")
    for size, own in report.texture_ms.items():
        console.result(
            f"{size}: texture {own:.0f} ms, from landmarks {report.from_landmarks_ms[size]:.0f} ms"
        )
    if report.peak_memory_mb is not None:
        console.result(f"peak memory: {report.peak_memory_mb:.0f} MB")
    console.document(report.as_dict())
    return 0
