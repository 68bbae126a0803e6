"""Shader programs of the OpenGL renderer."""

from typing import Any

import numpy as np

from facestudio.paths import resources
from facestudio.render.environment import load_gl

GL: Any = load_gl()


class Program:
    """A linked shader program that remembers where its uniforms are.

    Parameters
    ----------
    files
        Names in resources/shaders: .vert, .geom, .frag; a .glsl file is put at the head of the vertex shader.
    shared
        A .glsl file that is put at the head of all of them; empty for none.
    define
        "NAME" or "NAME VALUE", several separated by commas, for the preprocessor of all of them; empty for none.

    Raises
    ------
    RuntimeError
        If a shader does not compile or they do not link.
    """

    def __init__(self, *files: str, shared: str = "", define: str = "") -> None:
        kinds = {".vert": GL.GL_VERTEX_SHADER, ".geom": GL.GL_GEOMETRY_SHADER, ".frag": GL.GL_FRAGMENT_SHADER}
        folder = resources() / "shaders"
        for_all = (folder / shared).read_text(encoding="utf-8") if shared else ""
        for_vertices = "".join((folder / f).read_text(encoding="utf-8") for f in files if f.endswith(".glsl"))
        self._id = GL.glCreateProgram()
        shaders: list[Any] = []
        for name in files:
            if name.endswith(".glsl"):
                continue
            text = (folder / name).read_text(encoding="utf-8")
            version, rest = text.split("\n", 1)
            head = "".join(f"#define {each.strip()}\n" for each in define.split(",") if each) + for_all
            if name.endswith(".vert"):
                head += for_vertices
            text = f"{version}\n{head}{rest}"
            shaders.append(self._compile(name, text, kinds[name[-5:]]))
        for shader in shaders:
            GL.glAttachShader(self._id, shader)
        GL.glLinkProgram(self._id)
        for shader in shaders:
            GL.glDeleteShader(shader)
        if not GL.glGetProgramiv(self._id, GL.GL_LINK_STATUS):
            raise RuntimeError(f"{', '.join(files)} do not link: {GL.glGetProgramInfoLog(self._id)}")
        self._locations: dict[str, int] = {}

    @staticmethod
    def _compile(name: str, text: str, kind: Any) -> Any:
        shader = GL.glCreateShader(kind)
        GL.glShaderSource(shader, text)
        GL.glCompileShader(shader)
        if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
            raise RuntimeError(f"{name} does not compile: {GL.glGetShaderInfoLog(shader)}")
        return shader

    def use(self, **uniforms: Any) -> None:
        """Make current and set uniforms.

        Parameters
        ----------
        uniforms
            Whole numbers, floats, vectors, (4, 4) matrices, (N, 3) arrays of vectors, (N, 1) arrays of numbers
            (whole ones if of an integer type).
        """
        GL.glUseProgram(self._id)
        for name, value in uniforms.items():
            if name not in self._locations:
                self._locations[name] = GL.glGetUniformLocation(self._id, f"u_{name}")
            at = self._locations[name]
            if isinstance(value, int):
                GL.glUniform1i(at, int(value))
            elif isinstance(value, float):
                GL.glUniform1f(at, value)
            elif isinstance(value, np.ndarray) and value.dtype.kind == "i":
                GL.glUniform1iv(at, len(value), np.ascontiguousarray(value, dtype=np.int32))
            else:
                array = np.ascontiguousarray(value, dtype=np.float32)
                if array.shape == (4, 4):
                    GL.glUniformMatrix4fv(at, 1, GL.GL_TRUE, array)
                elif array.ndim == 2:
                    (GL.glUniform1fv if array.shape[1] == 1 else GL.glUniform3fv)(at, len(array), array)
                else:
                    (GL.glUniform2fv, GL.glUniform3fv, GL.glUniform4fv)[len(array) - 2](at, 1, array)

    def release(self) -> None:
        """Delete the program."""
        GL.glDeleteProgram(self._id)
