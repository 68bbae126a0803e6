"""Shader programs: compiled from resources/shaders."""

from typing import Any

import numpy as np

from facestudio.paths import resources
from facestudio.render.environment import load_gl

GL: Any = load_gl()


class Program:
    """A linked shader program that remembers where its uniforms are; its text may get a `define`."""

    def __init__(self, *files: str, define: str = "") -> None:
        kinds = {".vert": GL.GL_VERTEX_SHADER, ".geom": GL.GL_GEOMETRY_SHADER, ".frag": GL.GL_FRAGMENT_SHADER}
        folder = resources() / "shaders"
        self._id = GL.glCreateProgram()
        shaders = [self._compile(folder / name, kinds[name[-5:]], define) for name in files]
        for shader in shaders:
            GL.glAttachShader(self._id, shader)
        GL.glLinkProgram(self._id)
        for shader in shaders:
            GL.glDeleteShader(shader)
        if not GL.glGetProgramiv(self._id, GL.GL_LINK_STATUS):
            raise RuntimeError(f"{', '.join(files)} do not link: {GL.glGetProgramInfoLog(self._id)}")
        self._locations: dict[str, int] = {}

    @staticmethod
    def _compile(path: Any, kind: Any, define: str) -> Any:
        shader = GL.glCreateShader(kind)
        text = path.read_text(encoding="utf-8")
        if define:  # after the line that names the version
            text = text.replace("\n", f"\n#define {define}\n", 1)
        GL.glShaderSource(shader, text)
        GL.glCompileShader(shader)
        if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
            raise RuntimeError(f"{path.name} does not compile: {GL.glGetShaderInfoLog(shader)}")
        return shader

    def use(self, **uniforms: Any) -> None:
        """Make current and set uniforms: whole numbers, floats, vectors, (4, 4) matrices, (N, 3) arrays."""
        GL.glUseProgram(self._id)
        for name, value in uniforms.items():
            if name not in self._locations:
                self._locations[name] = GL.glGetUniformLocation(self._id, f"u_{name}")
            at = self._locations[name]
            if isinstance(value, int):
                GL.glUniform1i(at, int(value))
            elif isinstance(value, float):
                GL.glUniform1f(at, value)
            else:
                array = np.ascontiguousarray(value, dtype=np.float32)
                if array.shape == (4, 4):
                    GL.glUniformMatrix4fv(at, 1, GL.GL_TRUE, array)
                elif array.ndim == 2:
                    GL.glUniform3fv(at, len(array), array)
                else:
                    (GL.glUniform2fv, GL.glUniform3fv, GL.glUniform4fv)[len(array) - 2](at, 1, array)

    def release(self) -> None:
        """Delete the program."""
        GL.glDeleteProgram(self._id)
