"""The OpenGL renderer: draws a head into the current context, of the app's viewer or an off-screen one.

Core profile 3.3; the shaders are in resources/shaders. Nothing here knows Qt.
"""

import ctypes
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facestudio.render.gl_program import GL, Program
from facestudio.render.gl_textures import Textures
from facestudio.render.lighting import (
    DEEPEST,
    HOLLOW,
    LIGHTINGS,
    LOOKS,
    WIRE_COLOUR,
    Lighting,
    light_directions,
    wrap_of,
)
from facestudio.render.scene import HIDDEN_OPACITY, MARK_LIFT_MM, Background, Marks, Mode, RenderMesh
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray

__all__ = ["GL", "HeadRenderer", "Program"]

_SOURCES = (0, 1, 2, 3)  # of a surface's colour, as in head.frag
_SHOW_NORMALS = 3
_QUICK = (0, 1)  # those that a moving head is drawn with, lit at its vertices
# Vertex attributes, as in head.vert.
_POSITION, _NORMAL, _UV, _SURFACE, _COLOUR = range(5)


def _surface_program(define: str) -> Program:
    return Program("shapes.glsl", "head.vert", "head.frag", shared="head_light.glsl", define=define)


@dataclass
class _Buffers:
    """The vertex arrays of one mesh, and how much of each to draw."""

    surface: Any
    lines: Any
    buffers: dict[str, Any] = field(default_factory=dict[str, Any])
    vertices: int = 0
    corners: int = 0
    line_ends: int = 0
    has_colours: bool = False
    closed: bool = False


class HeadRenderer:
    """Draws one head, its wireframe and marks on it, in the current OpenGL context.

    All methods need the same context to be current that `initialise` was called in.
    """

    def __init__(self) -> None:
        self._programs: dict[str, Program] = {}
        self._mesh: _Buffers | None = None
        self._textures = Textures()
        self._shape_count = 0
        self._weights: FloatArray = np.zeros(0)
        self._marks: Any = None
        self._marks_buffer: Any = None
        self._mark_count = 0
        self._empty: Any = None

    def initialise(self) -> None:
        """Compile the shaders.

        Raises
        ------
        RuntimeError
            If the context is older than OpenGL 3.3, or a shader does not compile.
        """
        version = (GL.glGetIntegerv(GL.GL_MAJOR_VERSION), GL.glGetIntegerv(GL.GL_MINOR_VERSION))
        if tuple(int(n) for n in version) < (3, 3):
            raise RuntimeError(f"OpenGL {version[0]}.{version[1]} is too old: 3.3 is needed")
        self._programs = {
            **{f"head{k}": _surface_program(f"SOURCE {k}") for k in _SOURCES},
            **{f"quick{k}": _surface_program(f"SOURCE {k}, QUICK") for k in _QUICK},
            "lines": Program("shapes.glsl", "lines.vert", "lines.geom", "lines.frag"),
            # Lines of one pixel need no strips, which take software OpenGL twice the time.
            "thin": Program("shapes.glsl", "lines.vert", "lines.frag"),
            "points": Program("points.vert", "points.frag"),
            "background": Program("background.vert", "background.frag"),
        }
        self._empty = GL.glGenVertexArrays(1)

    def upload_mesh(self, mesh: RenderMesh) -> None:
        """Replace the mesh."""
        self._release_mesh()
        data = _Buffers(surface=GL.glGenVertexArrays(1), lines=GL.glGenVertexArrays(1))
        data.vertices, data.closed = len(mesh.positions), mesh.closed
        data.corners, data.line_ends = mesh.triangles.size, mesh.edges.size
        surface = np.stack([mesh.gloss, mesh.occlusion], axis=1)
        GL.glBindVertexArray(data.surface)
        self._attribute(data, "positions", _POSITION, mesh.positions, GL.GL_DYNAMIC_DRAW)
        self._attribute(data, "normals", _NORMAL, mesh.normals, GL.GL_DYNAMIC_DRAW)
        self._attribute(data, "uvs", _UV, mesh.uvs, GL.GL_STATIC_DRAW)
        self._attribute(data, "surface", _SURFACE, surface, GL.GL_STATIC_DRAW)
        if mesh.colours is not None:
            self._attribute(data, "colours", _COLOUR, mesh.colours, GL.GL_STATIC_DRAW)
            data.has_colours = True
        self._indices(data, "triangles", mesh.triangles)
        GL.glBindVertexArray(data.lines)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, data.buffers["positions"])
        self._point_at(_POSITION, 3)
        self._indices(data, "edges", mesh.edges)
        GL.glBindVertexArray(0)
        self._mesh = data

    def update_positions(self, positions: Float32Array, normals: Float32Array) -> None:
        """Move the uploaded mesh, (R, 3) float32 as in RenderMesh each: the fast path of editing."""
        mesh = self._mesh
        if mesh is None or len(positions) != mesh.vertices or len(normals) != mesh.vertices:
            raise ValueError("update_positions: upload a mesh of as many vertices first")
        for name, array in (("positions", positions), ("normals", normals)):
            flat = np.ascontiguousarray(array, dtype=np.float32)
            GL.glBindBuffer(GL.GL_ARRAY_BUFFER, mesh.buffers[name])
            GL.glBufferSubData(GL.GL_ARRAY_BUFFER, 0, flat.nbytes, flat)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, 0)

    def upload_texture(self, pixels: ByteArray | None, name: str = "colour") -> None:
        """Replace a texture: (S, S, 3) uint8 sRGB, row 0 at v = 1; None for none.

        The mode "coverage" shows the one of that name, all others "colour".
        """
        self._textures.upload(pixels, name)

    def upload_shapes(self, movements: Float32Array, normals: Float32Array) -> None:
        """Give the uploaded mesh shapes that `set_weights` adds.

        Parameters
        ----------
        movements, normals
            (K, R, 3) float32 of the mesh's vertices, K at most 52: mm, and the change of the normals.
        """
        if self._mesh is None or movements.shape[1] != self._mesh.vertices:
            raise ValueError("upload_shapes: upload a mesh of as many vertices first")
        self._textures.upload_shapes(movements, normals)
        self._shape_count = len(movements)

    def set_weights(self, weights: FloatArray) -> None:
        """Add the uploaded shapes by these weights (K,) from now on; without shapes nothing happens."""
        self._weights = np.asarray(weights, dtype=np.float64)

    def set_marks(self, marks: Marks | None) -> None:
        """Replace the round marks."""
        self._mark_count = 0 if marks is None else len(marks.positions)
        if marks is None or not self._mark_count:
            return
        data = np.ascontiguousarray(np.concatenate([marks.positions, marks.colours], axis=1), np.float32)
        if self._marks is None:
            self._marks, self._marks_buffer = GL.glGenVertexArrays(1), GL.glGenBuffers(1)
        GL.glBindVertexArray(self._marks)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, self._marks_buffer)
        GL.glBufferData(GL.GL_ARRAY_BUFFER, data.nbytes, data, GL.GL_DYNAMIC_DRAW)
        self._point_at(0, 3, 24, 0)
        self._point_at(1, 3, 24, 12)
        GL.glBindVertexArray(0)

    def draw(
        self,
        view: Float32Array,
        projection: Float32Array,
        *,
        size: tuple[int, int],
        framebuffer: int = 0,
        mode: Mode = "textured",
        lighting: Lighting | None = None,
        background: Background | None = None,
        mark_size: float = 8.0,
        line_width: float = 1.0,
        channels: tuple[bool, bool, bool] = (True, True, True),
        clear: bool = True,
        quick: bool = False,
    ) -> None:
        """Draw the uploaded mesh and marks.

        Parameters
        ----------
        view, projection
            (4, 4) float32, column vectors: head space to eye space, eye space to clip space.
        size
            (width, height) device pixels.
        framebuffer
            The framebuffer object to draw into (Qt's changes from paint to paint).
        mode
            What the surface shows.
        lighting
            None for the mode's own.
        background
            None leaves it transparent (alpha 0).
        mark_size, line_width
            Device pixels.
        channels
            Which of red, green and blue to draw.
        clear
            Begin with an empty picture; otherwise what is there stays where nothing is drawn.
        quick
            Light the surface at its vertices, not at every pixel: for a head that moves, in software OpenGL.
        """
        width, height = size
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, framebuffer)
        GL.glViewport(0, 0, width, height)
        GL.glDepthMask(GL.GL_TRUE)
        GL.glColorMask(GL.GL_TRUE, GL.GL_TRUE, GL.GL_TRUE, GL.GL_TRUE)
        for switch in (
            GL.GL_BLEND,
            GL.GL_CULL_FACE,
            GL.GL_SCISSOR_TEST,
            GL.GL_DEPTH_TEST,
            GL.GL_STENCIL_TEST,
        ):
            GL.glDisable(switch)
        GL.glDisable(GL.GL_FRAMEBUFFER_SRGB)
        GL.glClearColor(0.0, 0.0, 0.0, 0.0)
        GL.glClear(GL.GL_DEPTH_BUFFER_BIT | (GL.GL_COLOR_BUFFER_BIT if clear else 0))
        GL.glColorMask(*channels, GL.GL_TRUE)
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glDepthFunc(GL.GL_LEQUAL)
        if self._mesh is not None:
            self._draw_surface(self._mesh, view, projection, mode, lighting or LIGHTINGS[mode], quick)
        if background is not None:
            # After the surface, at the far end: pixels that the head covers cost nothing.
            self._programs["background"].use(top=background.top, bottom=background.bottom)
            GL.glBindVertexArray(self._empty)
            GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        if self._mesh is not None and mode == "wireframe":
            self._draw_lines(self._mesh, view, projection, size, line_width)
        if self._mark_count:
            self._draw_marks(view, projection, mark_size)
        GL.glDisable(GL.GL_DEPTH_TEST)
        GL.glColorMask(GL.GL_TRUE, GL.GL_TRUE, GL.GL_TRUE, GL.GL_TRUE)
        GL.glBindVertexArray(0)
        GL.glUseProgram(0)

    def _draw_surface(
        self,
        mesh: _Buffers,
        view: Float32Array,
        projection: Float32Array,
        mode: Mode,
        lighting: Lighting,
        quick: bool,
    ) -> None:
        look = LOOKS[mode]
        rotation = np.asarray(view[:3, :3], dtype=np.float64)
        lamps, up = light_directions(np.diag([1.0, -1.0, -1.0]) @ rotation, lighting)
        source = 0
        texture = self._textures.get("coverage" if mode == "coverage" else "colour")
        if look.own_colour:
            source = 1 if texture is not None else 2 if mesh.has_colours else 0
        GL.glActiveTexture(GL.GL_TEXTURE0)
        GL.glBindTexture(GL.GL_TEXTURE_2D, texture if source == 1 else 0)
        lamp_uniforms: dict[str, Any] = {}
        if lighting.lights:
            lamp_uniforms["light_direction"] = lamps
            lamp_uniforms["light_colour"] = np.array([light.colour for light in lighting.lights])
        if mode == "normals":
            source = _SHOW_NORMALS
        scale, offset = wrap_of(look)
        self._programs[f"quick{source}" if quick and source in _QUICK else f"head{source}"].use(
            view=view,
            projection=projection,
            texture=0,
            albedo=look.albedo,
            scatter=look.scatter,
            shine=look.shine,
            eye=-rotation.T @ view[:3, 3],
            up=up,
            sky=lighting.sky,
            ground=lighting.ground,
            light_count=len(lighting.lights),
            sheen=lighting.sheen,
            wrap_scale=scale,
            wrap_offset=offset,
            shoulder=lighting.shoulder,
            occlusion=lighting.occlusion,
            deepest=DEEPEST,
            hollow=HOLLOW,
            **lamp_uniforms,
            **self._shape_uniforms(),
        )
        if mode == "wireframe":
            # Push the surface back a little, so that its own lines lie on top of it.
            GL.glEnable(GL.GL_POLYGON_OFFSET_FILL)
            GL.glPolygonOffset(1.5, 4.0)
        if mesh.closed:
            # No inside can be seen: software OpenGL is a third faster without it.
            GL.glEnable(GL.GL_CULL_FACE)
            GL.glCullFace(GL.GL_BACK)
            GL.glFrontFace(GL.GL_CCW)
        GL.glBindVertexArray(mesh.surface)
        GL.glDrawElements(GL.GL_TRIANGLES, mesh.corners, GL.GL_UNSIGNED_INT, None)
        GL.glDisable(GL.GL_CULL_FACE)
        GL.glDisable(GL.GL_POLYGON_OFFSET_FILL)
        GL.glBindTexture(GL.GL_TEXTURE_2D, 0)

    def _shape_uniforms(self) -> dict[str, Any]:
        """Return the uniforms of shapes.glsl, and bind its texture."""
        active = np.flatnonzero(self._weights[: self._shape_count])
        shapes = self._textures.get("shapes")
        GL.glActiveTexture(GL.GL_TEXTURE1)
        GL.glBindTexture(GL.GL_TEXTURE_2D, 0 if shapes is None else shapes)
        GL.glActiveTexture(GL.GL_TEXTURE0)
        uniforms: dict[str, Any] = {"shapes": 1, "shape_count": len(active)}
        if len(active) and self._mesh is not None:
            uniforms["vertices"] = self._mesh.vertices
            uniforms["shape"] = active.astype(np.int32)[:, None]
            uniforms["weight"] = self._weights[active][:, None]
        return uniforms

    def _draw_lines(
        self,
        mesh: _Buffers,
        view: Float32Array,
        projection: Float32Array,
        size: tuple[int, int],
        line_width: float,
    ) -> None:
        strips: dict[str, Any] = {}
        if line_width > 1.0:
            strips = {"size": (float(size[0]), float(size[1])), "width": float(line_width)}
        self._programs["lines" if strips else "thin"].use(
            view=view,
            projection=projection,
            **strips,
            colour=(*WIRE_COLOUR, 1.0),
            **self._shape_uniforms(),
        )
        GL.glBindVertexArray(mesh.lines)
        GL.glDrawElements(GL.GL_LINES, mesh.line_ends, GL.GL_UNSIGNED_INT, None)

    def _draw_marks(self, view: Float32Array, projection: Float32Array, mark_size: float) -> None:
        GL.glEnable(GL.GL_PROGRAM_POINT_SIZE)
        GL.glEnable(GL.GL_BLEND)
        GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
        GL.glDepthMask(GL.GL_FALSE)
        GL.glBindVertexArray(self._marks)
        # Faint where the head hides them, then full where it does not.
        for test, opacity in ((GL.GL_GREATER, HIDDEN_OPACITY), (GL.GL_LEQUAL, 1.0)):
            GL.glDepthFunc(test)
            self._programs["points"].use(
                view=view, projection=projection, size=float(mark_size), lift=MARK_LIFT_MM, opacity=opacity
            )
            GL.glDrawArrays(GL.GL_POINTS, 0, self._mark_count)
        GL.glDepthFunc(GL.GL_LEQUAL)
        GL.glDepthMask(GL.GL_TRUE)
        GL.glDisable(GL.GL_BLEND)
        GL.glDisable(GL.GL_PROGRAM_POINT_SIZE)

    def _attribute(self, data: _Buffers, name: str, location: int, array: Float32Array, usage: Any) -> None:
        flat = np.ascontiguousarray(array, dtype=np.float32)
        data.buffers[name] = GL.glGenBuffers(1)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, data.buffers[name])
        GL.glBufferData(GL.GL_ARRAY_BUFFER, flat.nbytes, flat, usage)
        self._point_at(location, flat.shape[1])

    @staticmethod
    def _point_at(location: int, components: int, stride: int = 0, offset: int = 0) -> None:
        GL.glEnableVertexAttribArray(location)
        GL.glVertexAttribPointer(
            location, components, GL.GL_FLOAT, GL.GL_FALSE, stride, ctypes.c_void_p(offset)
        )

    @staticmethod
    def _indices(data: _Buffers, name: str, array: IntArray) -> None:
        flat = np.ascontiguousarray(array, dtype=np.uint32)
        data.buffers[name] = GL.glGenBuffers(1)
        GL.glBindBuffer(GL.GL_ELEMENT_ARRAY_BUFFER, data.buffers[name])
        GL.glBufferData(GL.GL_ELEMENT_ARRAY_BUFFER, flat.nbytes, flat, GL.GL_STATIC_DRAW)

    def _release_mesh(self) -> None:
        self._shape_count = 0
        if self._mesh is not None:
            GL.glDeleteVertexArrays(2, [self._mesh.surface, self._mesh.lines])
            buffers = list(self._mesh.buffers.values())
            GL.glDeleteBuffers(len(buffers), buffers)
            self._mesh = None

    def release(self) -> None:
        """Delete everything this renderer made in the context; `initialise` may follow."""
        self._release_mesh()
        self._textures.release()
        if self._marks is not None:
            GL.glDeleteVertexArrays(1, [self._marks])
            GL.glDeleteBuffers(1, [self._marks_buffer])
            self._marks = self._marks_buffer = None
            self._mark_count = 0
        if self._empty is not None:
            GL.glDeleteVertexArrays(1, [self._empty])
            self._empty = None
        for program in self._programs.values():
            program.release()
        self._programs = {}
