"""Loading PyOpenGL so that it agrees with whoever makes the contexts."""

import os
import sys
from typing import Any


def prepare_opengl() -> None:
    """Choose EGL on Linux, for PyOpenGL and for Qt. Call before either is imported.

    PyOpenGL crashes the process if it talks GLX while the context came from EGL, or the other way round.
    """
    if sys.platform.startswith("linux"):
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
        os.environ.setdefault("QT_XCB_GL_INTEGRATION", "xcb_egl")


def load_gl() -> Any:
    """Return PyOpenGL's module OpenGL.GL.

    Raises
    ------
    ImportError
        If PyOpenGL, or the system's OpenGL library, is missing.
    """
    prepare_opengl()
    try:
        from OpenGL import GL
    except ImportError:
        raise
    except Exception as error:  # a missing shared library shows up as AttributeError or OSError
        raise ImportError(f"OpenGL is not usable here: {error}") from error
    return GL
