"""The textures of the OpenGL renderer."""

from typing import Any

import numpy as np

from facestudio.render.gl_program import GL
from facestudio.values import ByteArray, Float32Array

# As in resources/shaders/shapes.glsl.
MAX_SHAPES, SHAPES_WIDTH = 52, 2048


class Textures:
    """Named textures of the current context."""

    def __init__(self) -> None:
        self._ids: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return a texture's number, or None."""
        return self._ids.get(name)

    def upload(self, pixels: ByteArray | None, name: str) -> None:
        """Replace a texture by (S, S, 3) uint8 sRGB pixels, row 0 at v = 1, with mipmaps; None removes it."""
        if pixels is None:
            if name in self._ids:
                GL.glDeleteTextures([self._ids.pop(name)])
            return
        height, width = pixels.shape[:2]
        self._bind(name)
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        GL.glTexImage2D(
            *(GL.GL_TEXTURE_2D, 0, GL.GL_SRGB8, width, height, 0),
            *(GL.GL_RGB, GL.GL_UNSIGNED_BYTE, np.ascontiguousarray(pixels)),
        )
        GL.glGenerateMipmap(GL.GL_TEXTURE_2D)
        self._finish(GL.GL_LINEAR_MIPMAP_LINEAR, GL.GL_LINEAR)

    def upload_shapes(self, movements: Float32Array, normals: Float32Array) -> None:
        """Store shapes as shapes.glsl reads them: (K, R, 3) mm, and the change of the normals, as half floats."""
        count, rows = movements.shape[:2]
        if count > MAX_SHAPES:
            raise ValueError(f"{count} shapes: at most {MAX_SHAPES} are drawn")
        height = -(-2 * count * rows // SHAPES_WIDTH)
        texels = np.zeros((height * SHAPES_WIDTH, 3), dtype=np.float16)
        texels[0 : 2 * count * rows : 2] = movements.reshape(-1, 3)
        texels[1 : 2 * count * rows : 2] = normals.reshape(-1, 3)
        self._bind("shapes")
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        GL.glTexImage2D(
            *(GL.GL_TEXTURE_2D, 0, GL.GL_RGB16F, SHAPES_WIDTH, height, 0),
            *(GL.GL_RGB, GL.GL_HALF_FLOAT, texels),
        )
        self._finish(GL.GL_NEAREST, GL.GL_NEAREST)

    def release(self) -> None:
        """Delete them all."""
        for name in list(self._ids):
            self.upload(None, name)

    def _bind(self, name: str) -> None:
        if name not in self._ids:
            self._ids[name] = GL.glGenTextures(1)
        GL.glBindTexture(GL.GL_TEXTURE_2D, self._ids[name])

    @staticmethod
    def _finish(smaller: Any, larger: Any) -> None:
        """Set how the bound texture is read, and that it ends at its edges."""
        for parameter, value in (
            (GL.GL_TEXTURE_MIN_FILTER, smaller),
            (GL.GL_TEXTURE_MAG_FILTER, larger),
            (GL.GL_TEXTURE_WRAP_S, GL.GL_CLAMP_TO_EDGE),
            (GL.GL_TEXTURE_WRAP_T, GL.GL_CLAMP_TO_EDGE),
        ):
            GL.glTexParameteri(GL.GL_TEXTURE_2D, parameter, value)
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 4)
        GL.glBindTexture(GL.GL_TEXTURE_2D, 0)
