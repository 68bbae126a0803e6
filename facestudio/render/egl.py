"""An OpenGL context without a window or a display, through EGL."""

import contextlib
import ctypes
import sys
from typing import Any

from facestudio.render.environment import load_gl

_SURFACELESS_MESA = 0x31DD
_MAJOR_VERSION, _MINOR_VERSION, _PROFILE_MASK, _CORE_PROFILE = 0x3098, 0x30FB, 0x30FD, 0x1


def _ints(egl: Any, *values: int) -> Any:
    return (egl.EGLint * (len(values) + 1))(*values, egl.EGL_NONE)


class EglContext:
    """A core profile 3.3 context; current on the thread between `enter` and `leave`.

    Raises
    ------
    ImportError
        If PyOpenGL or the system's libEGL is missing, or PyOpenGL talks to another window system already.
    RuntimeError
        If the driver gives no such context.
    """

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise ImportError("EGL is used on Linux only")
        load_gl()
        try:
            import OpenGL.platform
            from OpenGL import EGL
        except ImportError:
            raise
        except Exception as error:  # a missing libEGL shows up as AttributeError or OSError
            raise ImportError(f"EGL is not usable here: {error}") from error
        if type(OpenGL.platform.PLATFORM).__name__ != "EGLPlatform":
            raise ImportError("PyOpenGL was loaded for another window system than EGL")
        self._egl: Any = EGL
        self._previous: tuple[Any, Any, Any, Any] | None = None
        try:
            self._display, config = self._open_display()
            EGL.eglBindAPI(EGL.EGL_OPENGL_API)
            wanted = _ints(EGL, _MAJOR_VERSION, 3, _MINOR_VERSION, 3, _PROFILE_MASK, _CORE_PROFILE)
            self._context: Any = EGL.eglCreateContext(self._display, config, EGL.EGL_NO_CONTEXT, wanted)
        except EGL.EGLError as error:
            raise RuntimeError(f"EGL gives no OpenGL 3.3 context ({error.err})") from error
        if not self._context:
            raise RuntimeError("EGL gives no OpenGL 3.3 context")

    def _open_display(self) -> tuple[Any, Any]:
        """Return an initialised display and a configuration; it is shared by the process and never closed."""
        egl = self._egl
        for display in self._displays():
            major, minor = egl.EGLint(), egl.EGLint()
            configs, count = (egl.EGLConfig * 1)(), egl.EGLint()
            wanted = _ints(egl, egl.EGL_RENDERABLE_TYPE, egl.EGL_OPENGL_BIT, egl.EGL_SURFACE_TYPE, 0)
            try:
                if (
                    egl.eglInitialize(display, major, minor)
                    and egl.eglChooseConfig(display, wanted, configs, 1, count)
                    and count.value
                ):
                    return display, configs[0]
            except egl.EGLError:
                continue
        raise RuntimeError("EGL finds no display to draw on")

    def _displays(self) -> list[Any]:
        egl = self._egl
        found: list[Any] = []
        try:
            from OpenGL.EGL.EXT.platform_base import eglGetPlatformDisplayEXT

            found.append(eglGetPlatformDisplayEXT(_SURFACELESS_MESA, ctypes.c_void_p(0), None))
        except Exception:  # an old EGL without the extension: the default display may still do
            pass
        with contextlib.suppress(egl.EGLError):
            found.append(egl.eglGetDisplay(egl.EGL_DEFAULT_DISPLAY))
        return [display for display in found if display]

    def enter(self) -> None:
        """Make current, remembering what was current before (the app's viewer, perhaps)."""
        egl = self._egl
        self._previous = (
            egl.eglGetCurrentDisplay(),
            egl.eglGetCurrentSurface(egl.EGL_DRAW),
            egl.eglGetCurrentSurface(egl.EGL_READ),
            egl.eglGetCurrentContext(),
        )
        egl.eglBindAPI(egl.EGL_OPENGL_API)
        if not egl.eglMakeCurrent(self._display, egl.EGL_NO_SURFACE, egl.EGL_NO_SURFACE, self._context):
            raise RuntimeError("The EGL context cannot be made current")

    def leave(self) -> None:
        """Make what was current before `enter` current again."""
        egl = self._egl
        if self._previous is not None and self._previous[0] and self._previous[3]:
            egl.eglMakeCurrent(*self._previous)
        else:
            egl.eglMakeCurrent(self._display, egl.EGL_NO_SURFACE, egl.EGL_NO_SURFACE, egl.EGL_NO_CONTEXT)
        self._previous = None

    def close(self) -> None:
        """Destroy the context."""
        if self._context:
            self._egl.eglDestroyContext(self._display, self._context)
            self._context = None
