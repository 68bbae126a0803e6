"""Writing a head: every format asked for and the report, all of them or none."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from facestudio import __version__
from facestudio.export.mesh import PER_MM, Expression, Units, build_mesh, check_template
from facestudio.export.outputs import all_or_nothing, check_outputs, planned_files
from facestudio.values import ByteArray, Head


def export_head(
    head: Head,
    output_dir: Path,
    name: str,
    *,
    formats: Sequence[str] = ("obj", "glb"),
    units: Units = "cm",
    subdivision: int = 0,
    expression: Expression = "neutral",
    overwrite: bool = False,
    coverage: bool = False,
) -> dict[str, Path]:
    """Write a head and its report.

    Parameters
    ----------
    head
        On the shipped template.
    output_dir
        Is made if it is not there.
    name
        Of all files, without ending.
    formats
        Of obj, glb, ply, stl and usd; none writes the report alone.
    units
        Of every format but GLB, which is in metres.
    subdivision
        Catmull-Clark level, 0 to 2.
    expression
        Neutral, or the photo's. A GLB always has the neutral shape; its weights show the expression.
    overwrite
        Replace files that are there.
    coverage
        Also write where each texel comes from, as NAME-coverage.png (`facestudio.texture.coverage`).

    Returns
    -------
    dict
        The files written, by ending: obj, mtl, png, glb, ply, stl, usdc, json, coverage.png.

    Raises
    ------
    UsageError
        If a format is unknown or lacks its library, or the name is not one.
    WriteError
        If a file is there already, or cannot be written; nothing is left half done.
    ModelError
        If the head was made on another template.
    """
    check_outputs(output_dir, name, formats, overwrite, coverage=coverage)
    check_template(head)
    planned = planned_files(output_dir, name, formats, coverage=coverage)
    pixels = None if head.texture is None else head.texture.pixels
    texture_file = None if pixels is None else f"{name}.png"
    comment = f"facestudio {__version__}; unit: {units}"
    with all_or_nothing(output_dir) as folder:
        mesh = build_mesh(head, subdivision, expression, units)
        if "obj" in formats:
            from facestudio.export.obj import mtl_text, obj_text

            text = obj_text(mesh, name, units, comment=f"facestudio {__version__}")
            _write(folder / f"{name}.obj", text)
            _write(folder / f"{name}.mtl", mtl_text(mesh, texture_file))
        if pixels is not None and "png" in planned:
            _write(folder / f"{name}.png", _encoded(pixels, ".png"))
        if coverage and head.texture is not None:
            from facestudio.texture.coverage import coverage_picture

            _write(
                folder / planned["coverage.png"].name,
                _encoded(coverage_picture(head.texture.coverage), ".png"),
            )
        if "glb" in formats:
            _write(folder / f"{name}.glb", _glb(head, name, subdivision, expression))
        if "ply" in formats:
            from facestudio.export.plain import ply_bytes

            _write(folder / f"{name}.ply", ply_bytes(mesh, pixels, comment=comment))
        if "stl" in formats:
            from facestudio.export.plain import stl_bytes

            _write(folder / f"{name}.stl", stl_bytes(mesh))
        if "usd" in formats:
            from facestudio.export.usd import write_usd

            write_usd(folder / f"{name}.usdc", mesh, units, texture_file)
        from facestudio.export.report import report_text

        _write(folder / f"{name}.json", report_text(head, mesh, units, expression))
        written = {file.name for file in folder.iterdir()}
    return {ending: path for ending, path in planned.items() if path.name in written}


def _glb(head: Head, name: str, subdivision: int, expression: Expression) -> bytes:
    from facestudio.export.glb import glb_bytes
    from facestudio.template.model import load_template

    return glb_bytes(
        build_mesh(head, subdivision, "neutral", "m"),
        name,
        deltas=head.expression_deltas * np.float32(PER_MM["m"]),
        target_names=load_template().expression_names,
        weights=head.expression if expression == "posed" else np.zeros_like(head.expression),
        texture=None if head.texture is None else _encoded(head.texture.pixels, ".jpg"),
        texture_type="image/jpeg",
    )


def _encoded(pixels: ByteArray, ending: str) -> bytes:
    """Return pixels (H, W, 3) RGB as a PNG, or as a JPEG without chroma subsampling that looks the same."""
    options = {
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 4],
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111],
    }
    # cv2 has BGR.
    done, data = cv2.imencode(ending, np.ascontiguousarray(pixels[..., ::-1]), options[ending])
    if not done:
        raise OSError(f"the texture cannot be encoded as {ending[1:]}")
    return data.tobytes()


def _write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
