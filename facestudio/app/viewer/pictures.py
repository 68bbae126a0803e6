"""Draws screenshots and sheets; for a thread, not for the UI."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.app.viewer.figure import Figure, base_mesh
from facestudio.errors import WriteError
from facestudio.geometry.camera import scale_camera
from facestudio.render.lighting import Style
from facestudio.render.offscreen import OffscreenRenderer, render_views
from facestudio.render.scene import VIEWS, Background, Marks, Mode, RenderMesh
from facestudio.render.sheet import compose_sheet
from facestudio.values import ByteArray, Camera, Photo

_LABELS = {
    "front": "Front",
    "45": "45°",
    "side": "Side",
    "45-left": "45° left",
    "45-right": "45° right",
    "left": "Left",
    "right": "Right",
    "back": "Back",
}


def mesh_of(figure: Figure) -> RenderMesh:
    """Return a figure's mesh to draw."""
    from dataclasses import replace

    return replace(
        base_mesh(open_mouth=figure.open_mouth), positions=figure.positions, normals=figure.normals
    )


def _shown(figure: Figure, mode: Mode, uncertain: bool) -> tuple[ByteArray | None, Any]:
    """Return the texture and the mode with which a figure is drawn."""
    if mode == "coverage":
        texture = figure.uncertainty if uncertain else figure.coverage
        return (texture, "clay" if texture is None else "textured")
    return figure.texture, "clay" if mode == "textured" and figure.texture is None else mode


def draw_view(
    figure: Figure,
    camera: Camera,
    mode: Mode,
    background: Background,
    marks: Marks | None,
    times: int,
    *,
    uncertain: bool = False,
) -> ByteArray:
    """Return what a camera sees, `times` larger, (H, W, 3) uint8."""
    texture, drawn = _shown(figure, mode, uncertain)
    fine = scale_camera(camera, times)
    style = Style(mode=drawn, marks=marks, mark_size=8.0 * times, line_width=1.0 * times)
    with OffscreenRenderer() as renderer:
        renderer.set_mesh(mesh_of(figure))
        renderer.set_texture(texture)
        return renderer.picture(fine, style, background)


def draw_sheet(
    figure: Figure,
    views: tuple[str, ...],
    height: int,
    mode: Mode,
    background: Background,
    marks: Marks | None,
    photo: Photo | None,
    *,
    uncertain: bool = False,
) -> ByteArray:
    """Return labelled views side by side, after the photo if there is one, (H, W, 3) uint8."""
    texture, drawn = _shown(figure, mode, uncertain)
    size = (round(height * 0.82), height)
    pictures = render_views(
        mesh_of(figure),
        texture,
        [VIEWS[name] for name in views],
        size,
        mode=drawn,
        background=background,
        marks=marks,
    )
    labelled: list[tuple[str, ByteArray]] = [
        (_LABELS.get(name, name), picture) for name, picture in zip(views, pictures, strict=True)
    ]
    if photo is not None:
        labelled.insert(0, ("Photo", photo.pixels))
    return compose_sheet(labelled, height=height)


def save_png(pixels: ByteArray, file: Path, *, overwrite: bool) -> Path:
    """Write a picture (H, W, 3) uint8; the file is complete or not there.

    Raises
    ------
    WriteError
        If there is such a file already and it may not be replaced, or it cannot be written.
    """
    from PIL import Image

    if file.exists() and not overwrite:
        raise WriteError(f"{file.name} is there already", hint="Give another name, or tick to replace it.")
    beside: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as handle:
            beside = Path(handle.name)
            Image.fromarray(np.asarray(pixels)).save(handle, format="PNG")
        beside.replace(file)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise WriteError(f"{file} cannot be written: {error.strerror or error}") from error
    return file
