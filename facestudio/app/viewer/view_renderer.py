"""The renderer of the viewer: can draw the same surface with a quarter of the triangles while it moves."""

from typing import Any

import numpy as np

from facestudio.app.viewer.figure import coarse_triangles
from facestudio.render.gl import GL, HeadRenderer
from facestudio.render.scene import RenderMesh


class ViewRenderer(HeadRenderer):
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
