"""Pictures of heads without a window: named views, and exactly what a pinhole camera sees.

OpenGL is used where there is an EGL without a display (Linux), the software renderer elsewhere.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import cv2
import numpy as np

from facestudio.errors import UsageError
from facestudio.geometry.camera import scale_camera
from facestudio.render.lighting import Lighting, Style
from facestudio.render.scene import (
    Background,
    Marks,
    Mode,
    RenderMesh,
    View,
    cameras_of_views,
    clip_planes,
    projection_matrix,
    view_matrix,
)
from facestudio.values import ByteArray, Camera

Backend: TypeAlias = Literal["auto", "gl", "software"]
Backdrop: TypeAlias = Background | ByteArray | tuple[int, int, int] | None

_PLAIN = Style()


class OffscreenRenderer:
    """Draws one mesh after another into arrays; a context manager, to be used in one thread.

    Parameters
    ----------
    backend
        "auto" takes OpenGL if it works here.

    Raises
    ------
    UsageError
        If "gl" was asked for and there is none.
    """

    def __init__(self, backend: Backend = "auto") -> None:
        self._gl: _GlTarget | None = None
        self._mesh: RenderMesh | None = None
        self._texture: ByteArray | None = None
        if backend != "software":
            try:
                self._gl = _GlTarget()
            except (ImportError, RuntimeError) as error:
                if backend == "gl":
                    raise UsageError(
                        f"OpenGL cannot be used here: {error}", hint="The software renderer always works"
                    ) from error

    @property
    def backend(self) -> Literal["gl", "software"]:
        """What draws."""
        return "software" if self._gl is None else "gl"

    def set_mesh(self, mesh: RenderMesh) -> None:
        """Draw this mesh from now on."""
        self._mesh = mesh
        if self._gl is not None:
            self._gl.set_mesh(mesh)

    def set_texture(self, texture: ByteArray | None) -> None:
        """Use this texture from now on: (S, S, 3) uint8 sRGB, row 0 at v = 1; None for none."""
        self._texture = texture
        if self._gl is not None:
            self._gl.set_texture(texture)

    def layer(self, camera: Camera, style: Style = _PLAIN) -> ByteArray:
        """Draw the mesh as a pinhole camera sees it, without a background.

        Parameters
        ----------
        camera
            Its image_size is the picture's; centres of pixels are whole numbers.
        style
            How to draw.

        Returns
        -------
        numpy.ndarray
            (H, W, 4) uint8: sRGB multiplied by alpha, and alpha (how much of the pixel the head covers).
        """
        if self._mesh is None:
            raise ValueError("OffscreenRenderer: set a mesh first")
        if self._gl is not None:
            return self._gl.layer(self._mesh, camera, style)
        from facestudio.render.software import render_layer

        return render_layer(self._mesh, self._texture, camera, style)

    def picture(self, camera: Camera, style: Style = _PLAIN, background: Backdrop = None) -> ByteArray:
        """Draw the mesh in front of a background; the rest as in `layer`.

        Parameters
        ----------
        camera, style
            As in `layer`.
        background
            See `background_picture`.

        Returns
        -------
        numpy.ndarray
            (H, W, 3) uint8 sRGB.
        """
        return over(self.layer(camera, style), background_picture(background, camera.image_size))

    def close(self) -> None:
        """Give the OpenGL context back."""
        if self._gl is not None:
            self._gl.close()
            self._gl = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def background_picture(background: Backdrop, size: tuple[int, int]) -> ByteArray:
    """Return a background as a picture (H, W, 3) uint8.

    Parameters
    ----------
    background
        A gradient (None for the usual one), a picture (H, W, 3) uint8 of this size, or one sRGB colour
        0..255.
    size
        (width, height) pixels.

    Raises
    ------
    ValueError
        If a picture of another size was given.
    """
    width, height = size
    if isinstance(background, np.ndarray):
        if background.shape != (height, width, 3):
            raise ValueError(f"background of shape {background.shape}, expected {(height, width, 3)}")
        return background
    if background is None or isinstance(background, Background):
        gradient = background or Background()
        t = (np.arange(height, dtype=np.float32)[:, None, None] + 0.5) / height
        colour = (1 - t) * np.array(gradient.top, dtype=np.float32) + t * np.array(
            gradient.bottom, dtype=np.float32
        )
        # Fixed noise of one step hides the bands of a slow gradient.
        noise = np.random.default_rng(0).random((height, width, 1), dtype=np.float32)
        return np.floor(np.clip(colour * 255 + noise, 0, 255)).astype(np.uint8)
    return np.broadcast_to(np.array(background, dtype=np.uint8), (height, width, 3))


def over(layer: ByteArray, background: ByteArray) -> ByteArray:
    """Lay a premultiplied layer (H, W, 4) over a picture (H, W, 3), both uint8; returns (H, W, 3) uint8."""
    clear = 255 - layer[..., 3:].astype(np.uint16)
    return (layer[..., :3] + (background * clear + 127) // 255).clip(0, 255).astype(np.uint8)


def render_views(
    mesh: RenderMesh,
    texture: ByteArray | None,
    views: Iterable[View],
    size: tuple[int, int],
    *,
    mode: Mode = "textured",
    lighting: Lighting | None = None,
    background: Backdrop = None,
    marks: Marks | None = None,
    supersample: int = 2,
    backend: Backend = "auto",
) -> list[ByteArray]:
    """Draw views of a mesh, all framed alike.

    Parameters
    ----------
    mesh
        In head space.
    texture
        (S, S, 3) uint8 sRGB or None.
    views
        Where from.
    size
        (width, height) pixels.
    mode, lighting, background, marks, supersample, backend
        As in OffscreenRenderer.

    Returns
    -------
    list of numpy.ndarray
        (H, W, 3) uint8 each.
    """
    style = Style(mode=mode, lighting=lighting, marks=marks, supersample=supersample)
    with OffscreenRenderer(backend) as renderer:
        renderer.set_mesh(mesh)
        renderer.set_texture(texture)
        return [renderer.picture(camera, style, background) for camera in cameras_of_views(mesh, views, size)]


def render_photo(
    mesh: RenderMesh,
    texture: ByteArray | None,
    camera: Camera,
    *,
    mode: Mode = "textured",
    lighting: Lighting | None = None,
    background: Backdrop = None,
    marks: Marks | None = None,
    supersample: int = 2,
    backend: Backend = "auto",
) -> ByteArray:
    """Draw exactly what a pinhole camera sees; the parameters are those of `render_views`.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8 of the camera's size.
    """
    style = Style(mode=mode, lighting=lighting, marks=marks, supersample=supersample)
    with OffscreenRenderer(backend) as renderer:
        renderer.set_mesh(mesh)
        renderer.set_texture(texture)
        return renderer.picture(camera, style, background)


class _GlTarget:
    """An EGL context with a framebuffer and a HeadRenderer in it."""

    def __init__(self) -> None:
        from facestudio.render.egl import EglContext

        self._context = EglContext()
        try:
            from facestudio.render.gl import GL, HeadRenderer

            self._api: Any = GL
            self._renderer = HeadRenderer()
            with self._current():
                self._renderer.initialise()
                self._limit = int(GL.glGetIntegerv(GL.GL_MAX_RENDERBUFFER_SIZE))
        except BaseException as error:
            self._context.close()
            if isinstance(error, (ImportError, RuntimeError)) or not isinstance(error, Exception):
                raise
            # A driver that fails in its own way is as good as none.
            raise RuntimeError(f"the driver fails: {type(error).__name__}") from error

    @contextmanager
    def _current(self) -> Generator[None]:
        self._context.enter()
        try:
            yield
        finally:
            self._context.leave()

    def set_mesh(self, mesh: RenderMesh) -> None:
        with self._current():
            self._renderer.upload_mesh(mesh)

    def set_texture(self, texture: ByteArray | None) -> None:
        with self._current():
            self._renderer.upload_texture(texture)

    def layer(self, mesh: RenderMesh, camera: Camera, style: Style) -> ByteArray:
        times = max(1, min(style.supersample, self._limit // max(camera.image_size)))
        fine = scale_camera(camera, times)
        near, far = clip_planes(camera, mesh.positions)
        with self._current(), self._framebuffer(fine.image_size) as framebuffer:
            self._renderer.set_marks(style.marks)
            self._renderer.draw(
                view_matrix(fine),
                projection_matrix(fine, near, far),
                size=fine.image_size,
                framebuffer=framebuffer,
                mode=style.mode,
                lighting=style.lighting,
                mark_size=style.mark_size * times,
                line_width=style.line_width * times,
            )
            layer = self._read(fine.image_size)
        if times > 1:
            layer = cv2.resize(layer, camera.image_size, interpolation=cv2.INTER_AREA)
        return np.asarray(layer, dtype=np.uint8)

    @contextmanager
    def _framebuffer(self, size: tuple[int, int]) -> Generator[int]:
        gl = self._api
        framebuffer = gl.glGenFramebuffers(1)
        colour, depth = gl.glGenRenderbuffers(2)
        try:
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, framebuffer)
            for buffer, kind, place in (
                (colour, gl.GL_RGBA8, gl.GL_COLOR_ATTACHMENT0),
                (depth, gl.GL_DEPTH_COMPONENT32F, gl.GL_DEPTH_ATTACHMENT),
            ):
                gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, buffer)
                gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, kind, *size)
                gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, place, gl.GL_RENDERBUFFER, buffer)
            if gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER) != gl.GL_FRAMEBUFFER_COMPLETE:
                raise RuntimeError(f"OpenGL gives no framebuffer of {size[0]}x{size[1]} pixels")
            yield int(framebuffer)
        finally:
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
            gl.glDeleteFramebuffers(1, [framebuffer])
            gl.glDeleteRenderbuffers(2, [colour, depth])

    def _read(self, size: tuple[int, int]) -> ByteArray:
        gl = self._api
        width, height = size
        pixels = np.empty((height, width, 4), dtype=np.uint8)
        gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
        gl.glReadPixels(0, 0, width, height, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, pixels)
        return pixels[::-1]  # OpenGL's first row is the lowest

    def close(self) -> None:
        with self._current():
            self._renderer.release()
        self._context.close()
