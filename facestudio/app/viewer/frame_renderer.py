"""Draws shots in the current OpenGL context, and uploads only what changed since the last one."""

from typing import Any

import numpy as np

from facestudio.app.viewer.figure import base_mesh, coarse_triangles, expression_shapes
from facestudio.app.viewer.shot import Shot
from facestudio.geometry.camera import to_camera_space
from facestudio.render.gl import GL, HeadRenderer
from facestudio.render.scene import RenderMesh, clip_planes, projection_matrix, view_matrix
from facestudio.values import ARKIT_NAMES, Camera

_EYES_MM = 62.0
_MOVED_AT_MOST_MM = 60.0  # by any expression: the clipping planes leave that much room


_JAW_OPEN = ARKIT_NAMES.index("jawOpen")
_OPENS = 0.15


class _TwoLists(HeadRenderer):
    """A HeadRenderer with a second list of triangles over the same vertices.

    Software OpenGL spends much of its time on triangles. The coarse ones join the vertices that the template
    has itself, with the same normals: only the outline shows it, and only until the picture comes to rest.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lists: dict[bool, tuple[Any, int]] = {}
        self._coarse = False

    def upload_mesh(self, mesh: RenderMesh) -> None:
        """Replace the mesh; it must be `facestudio.app.viewer.figure.base_mesh()`."""
        self._drop_list()
        super().upload_mesh(mesh)
        data = self._mesh
        if data is None:
            return
        flat = np.ascontiguousarray(coarse_triangles(), dtype=np.uint32)
        buffer = GL.glGenBuffers(1)
        GL.glBindVertexArray(0)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, buffer)
        GL.glBufferData(GL.GL_ARRAY_BUFFER, flat.nbytes, flat, GL.GL_STATIC_DRAW)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, 0)
        self._lists = {False: (data.buffers["triangles"], data.corners), True: (buffer, flat.size)}
        self._coarse = False

    def set_coarse(self, coarse: bool) -> None:
        """Draw fewer triangles from now on, or all of them."""
        data = self._mesh
        if data is None or coarse == self._coarse or coarse not in self._lists:
            return
        buffer, data.corners = self._lists[coarse]
        GL.glBindVertexArray(data.surface)
        GL.glBindBuffer(GL.GL_ELEMENT_ARRAY_BUFFER, buffer)
        GL.glBindVertexArray(0)
        self._coarse = coarse

    def release(self) -> None:
        """Delete everything this renderer made in the context."""
        self._drop_list()
        super().release()

    def _drop_list(self) -> None:
        if self._lists:
            self.set_coarse(False)
            GL.glDeleteBuffers(1, [self._lists[True][0]])
            self._lists = {}


class FrameRenderer:
    """Draws shots, each as far as it differs from the one before. All methods need the same context."""

    def __init__(self) -> None:
        self._renderer = _TwoLists()
        self._open_mouth: bool | None = None  # of the mesh that was uploaded
        self._figure: Any = None
        self._textures: dict[str, Any] = {}
        self._marks: Any = None
        self._shapes: Any = None

    def initialise(self) -> None:
        """Compile the shaders. Raises RuntimeError as HeadRenderer does."""
        self._renderer.initialise()

    def release(self) -> None:
        """Delete everything in the context."""
        self._renderer.release()

    def draw(
        self, shot: Shot, camera: Camera, framebuffer: int, *, scale: float = 1.0, coarse: bool = False
    ) -> None:
        """Draw a shot.

        Parameters
        ----------
        shot
            What.
        camera
            From where; its picture is the framebuffer's.
        framebuffer
            Into which.
        scale
            Device pixels of this picture to one logical pixel: for the sizes of marks and lines.
        coarse
            With a quarter of the triangles, lit at their corners.
        """
        self._upload(shot)
        self._renderer.set_coarse(coarse)
        eyes: tuple[tuple[Camera, tuple[bool, bool, bool]], ...] = ((camera, (True, True, True)),)
        if shot.anaglyph:
            eyes = (
                (_beside(camera, shot, -_EYES_MM / 2), (True, False, False)),
                (_beside(camera, shot, _EYES_MM / 2), (False, True, True)),
            )
        for number, (eye, channels) in enumerate(eyes):
            near, far = clip_planes(eye, shot.figure.positions)
            if shot.weights.any():
                near, far = max(near - _MOVED_AT_MOST_MM, far * 1e-3), far + _MOVED_AT_MOST_MM
            self._renderer.draw(
                view_matrix(eye),
                projection_matrix(eye, near, far),
                size=eye.image_size,
                framebuffer=framebuffer,
                mode=shot.shown_mode,
                lighting=shot.lighting,
                background=shot.background,
                mark_size=8.0 * scale,
                line_width=max(1.0, scale),
                channels=channels,
                clear=number == 0,
                quick=coarse,
            )

    def _upload(self, shot: Shot) -> None:
        renderer, figure = self._renderer, shot.figure
        # Sliders that open the jaw let light in as well.
        open_mouth = figure.open_mouth or bool(shot.weights[_JAW_OPEN : _JAW_OPEN + 1].sum() > _OPENS)
        if open_mouth != self._open_mouth:
            renderer.upload_mesh(base_mesh(open_mouth=open_mouth))
            self._open_mouth, self._figure, self._shapes = open_mouth, None, None
        if figure is not self._figure:
            if self._figure is None or figure.positions is not self._figure.positions:
                renderer.update_positions(figure.positions, figure.normals)
            self._figure = figure
        if shot.shown_mode in ("textured", "unlit"):
            self._upload_texture("colour", figure.texture)
        elif shot.shown_mode == "coverage":
            self._upload_texture("coverage", figure.uncertainty if shot.uncertain else figure.coverage)
        if shot.marks is not self._marks:
            self._marks = shot.marks
            renderer.set_marks(shot.marks)
        if shot.weights.any():
            deltas = figure.head.expression_deltas
            if deltas is not self._shapes:
                self._shapes = deltas
                renderer.upload_shapes(*expression_shapes(deltas))
        renderer.set_weights(shot.weights)

    def _upload_texture(self, name: str, pixels: Any) -> None:
        if pixels is not self._textures.get(name):
            self._textures[name] = pixels
            self._renderer.upload_texture(pixels, name)


def _beside(camera: Camera, shot: Shot, aside_mm: float) -> Camera:
    """Return the camera of one eye: moved aside, with what is at the head's middle unmoved in the picture."""
    from dataclasses import replace

    depth = float(to_camera_space(camera, shot.framing.target)[2])
    # Eyes farther apart than a thirtieth of the distance strain.
    aside = aside_mm * min(1.0, depth / 30.0 / _EYES_MM)
    moved = camera.translation_mm - (aside, 0.0, 0.0)
    return replace(camera, translation_mm=moved, cx=camera.cx + camera.fx * aside / depth)
