"""Draws synthetic photos with OpenGL: several surfaces, shadow maps, labels and depth, off screen."""

import ctypes
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from facestudio.errors import UsageError
from facestudio.geometry.camera import scale_camera
from facestudio.render.photo_scene import (
    TONES,
    Kind,
    PhotoLayers,
    PhotoLight,
    Surface,
    depth_mm,
    encoded_texture,
    has_holes,
    is_soft,
    light_matrix,
    map_sizes,
    scene_planes,
    shader_flags,
    shadow_lookup,
)
from facestudio.render.scene import projection_matrix, view_matrix
from facestudio.values import ByteArray, Camera, Float32Array, FloatArray

_BIAS_MM, _SKY_BIAS_MM = 2.5, 6.0
_UNITS = {"texture": 0, "labels": 1, "grain": 2, "key_shadow": 3, "sky_shadow": 4}
_COLUMNS = ((0, 3, 0), (1, 3, 12), (2, 2, 24), (3, 4, 32))  # location, components, offset in bytes
_STRIDE = 48
_DEPTH_FIRST = (
    600  # pixels of the longer side: smaller pictures are shaded in less time than their depth takes
)
_LEVELS = 5  # of textures, each half as large as the one before


class PhotoRenderer:
    """Draws one scene after another; a context manager, to be used in one thread.

    Parameters
    ----------
    grain
        (G, G, 2) uint8: slopes of pores and threads, tiled over surfaces; 128 is flat.

    Raises
    ------
    UsageError
        If there is no OpenGL here.
    """

    def __init__(self, grain: ByteArray) -> None:
        try:
            from facestudio.render.egl import EglContext

            self._context = EglContext()
            from facestudio.render.gl import GL
            from facestudio.render.gl_program import Program
        except (ImportError, RuntimeError) as error:
            raise UsageError(
                f"OpenGL cannot be used here: {error}",
                hint="Synthetic photos need OpenGL 3.3; on Debian and Ubuntu: apt-get install libegl1 libgl1-mesa-dri",
            ) from error
        self._gl: Any = GL
        self._targets: dict[tuple[int, int], Any] = {}
        self._maps: dict[int, tuple[Any, Any]] = {}
        self._context.enter()
        try:
            self._programs: dict[str, Program] = {}
            self._depth = Program("photo_depth.vert", "photo_shadow.frag")
            self._shadow = Program("photo_shadow.vert", "photo_shadow.frag")
            self._array = GL.glGenVertexArrays(1)
            self._buffers = GL.glGenBuffers(2)
            self._textures = GL.glGenTextures(3)
            self._grain(grain)
        finally:
            self._context.leave()

    def _program(self, define: str) -> Any:
        """Return the program of surfaces alike; compiled when it is first needed."""
        if define not in self._programs:
            from facestudio.render.gl_program import Program

            files = ("photo.vert", "photo.frag")
            self._programs[define] = Program(*files, shared="photo_light.glsl", define=define)
            self._programs[define].use(**_UNITS)
        return self._programs[define]

    def _grain(self, grain: ByteArray) -> None:
        gl = self._gl
        gl.glActiveTexture(gl.GL_TEXTURE0 + _UNITS["grain"])
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._textures[2])
        gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
        size = len(grain)
        gl.glTexImage2D(
            gl.GL_TEXTURE_2D,
            0,
            gl.GL_RG8,
            size,
            size,
            0,
            gl.GL_RG,
            gl.GL_UNSIGNED_BYTE,
            np.ascontiguousarray(grain),
        )
        gl.glGenerateMipmap(gl.GL_TEXTURE_2D)
        gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR_MIPMAP_LINEAR)

    def _shadow_map(self, size: int) -> tuple[Any, Any]:
        """Return the framebuffer and the texture of a shadow map of a size; made when it is first needed."""
        if size in self._maps:
            return self._maps[size]
        gl = self._gl
        texture = gl.glGenTextures(1)
        gl.glActiveTexture(gl.GL_TEXTURE0 + _UNITS["key_shadow"])
        gl.glBindTexture(gl.GL_TEXTURE_2D, texture)
        kind = gl.GL_DEPTH_COMPONENT
        gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, gl.GL_DEPTH_COMPONENT24, size, size, 0, kind, gl.GL_FLOAT, None)
        for name, value in (
            (gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR),
            (gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR),
            (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_EDGE),
            (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE),
            (gl.GL_TEXTURE_COMPARE_MODE, gl.GL_COMPARE_REF_TO_TEXTURE),
            (gl.GL_TEXTURE_COMPARE_FUNC, gl.GL_LEQUAL),
        ):
            gl.glTexParameteri(gl.GL_TEXTURE_2D, name, value)
        framebuffer = gl.glGenFramebuffers(1)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, framebuffer)
        gl.glFramebufferTexture2D(gl.GL_FRAMEBUFFER, gl.GL_DEPTH_ATTACHMENT, gl.GL_TEXTURE_2D, texture, 0)
        gl.glDrawBuffer(gl.GL_NONE)
        gl.glReadBuffer(gl.GL_NONE)
        self._maps[size] = framebuffer, texture
        return framebuffer, texture

    def _target(self, size: tuple[int, int]) -> Any:
        """Return the framebuffer of a size."""
        if size not in self._targets:
            gl = self._gl
            framebuffer = gl.glGenFramebuffers(1)
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, framebuffer)
            for kind, place in (
                (gl.GL_RGBA8, gl.GL_COLOR_ATTACHMENT0),
                (gl.GL_R8UI, gl.GL_COLOR_ATTACHMENT1),
                (gl.GL_DEPTH_COMPONENT32F, gl.GL_DEPTH_ATTACHMENT),
            ):
                buffer = gl.glGenRenderbuffers(1)
                gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, buffer)
                gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, kind, *size)
                gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, place, gl.GL_RENDERBUFFER, buffer)
            gl.glDrawBuffers(2, [gl.GL_COLOR_ATTACHMENT0, gl.GL_COLOR_ATTACHMENT1])
            if gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER) != gl.GL_FRAMEBUFFER_COMPLETE:
                raise UsageError(f"OpenGL gives no framebuffer of {size[0]}x{size[1]} pixels")
            self._targets[size] = framebuffer
        return self._targets[size]

    def draw(
        self,
        surfaces: list[Surface],
        camera: Camera,
        light: PhotoLight,
        centre: FloatArray,
        fineness: float = 1.5,
    ) -> PhotoLayers:
        """Draw a scene.

        Parameters
        ----------
        surfaces
            What is there; lenses and other surfaces that are not solid are drawn last, in their order.
        camera
            From where; centres of pixels are whole numbers.
        light
            The light.
        centre
            (3,) mm, head space: what the shadow maps are centred on.
        fineness
            How many times finer than the picture it is drawn, for smooth edges.
        """
        self._context.enter()
        try:
            colour, labels, depth, planes = self._draw(
                surfaces, scale_camera(camera, fineness), light, centre
            )
        finally:
            self._context.leave()
        width, height = camera.image_size
        x = ((np.arange(width) + 0.5) * fineness).astype(np.intp)
        # OpenGL's first row is the last.
        y = len(labels) - 1 - ((np.arange(height) + 0.5) * fineness).astype(np.intp)
        if fineness != 1.0:
            colour = cv2.resize(colour, camera.image_size, interpolation=cv2.INTER_LINEAR)
        colour = np.asarray(cv2.LUT(cv2.flip(colour, 0), TONES), dtype=np.uint8)
        depth = depth_mm(np.ascontiguousarray(depth[y][:, x]), *planes)
        return PhotoLayers(colour, np.ascontiguousarray(labels[y][:, x]), depth)

    def _draw(
        self, surfaces: list[Surface], camera: Camera, light: PhotoLight, centre: FloatArray
    ) -> tuple[ByteArray, ByteArray, Float32Array, tuple[float, float]]:
        """Return encoded colour, labels and OpenGL's depth, from below to above, and the near and far planes, mm."""
        gl = self._gl
        data = np.concatenate([s.vertices for s in surfaces])
        starts = np.cumsum([0, *(len(s.vertices) for s in surfaces)])
        index = np.concatenate([s.triangles + start for s, start in zip(surfaces, starts[:-1], strict=True)])
        spans = np.cumsum([0, *(s.triangles.size for s in surfaces)])
        gl.glBindVertexArray(self._array)
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, self._buffers[0])
        gl.glBufferData(gl.GL_ARRAY_BUFFER, data.nbytes, data, gl.GL_STREAM_DRAW)
        for location, components, offset in _COLUMNS:
            gl.glEnableVertexAttribArray(location)
            gl.glVertexAttribPointer(
                location, components, gl.GL_FLOAT, gl.GL_FALSE, _STRIDE, ctypes.c_void_p(offset)
            )
        shadows: list[Any] = []
        casts: list[tuple[bool, int, int]] = []  # closed ones by themselves, the others together
        for is_closed in (True, False):
            begin = at = index.size + sum(s.size for s in shadows)
            for s, start in zip(surfaces, starts[:-1], strict=True):
                if s.shadow is not None and s.closed == is_closed:
                    shadows.append(s.shadow + start)
                    at += s.shadow.size
            casts += [(is_closed, begin, at)] if at > begin else []
        flat = np.ascontiguousarray(np.concatenate([index, *shadows]), dtype=np.uint32)
        gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, self._buffers[1])
        gl.glBufferData(gl.GL_ELEMENT_ARRAY_BUFFER, flat.nbytes, flat, gl.GL_STREAM_DRAW)
        gl.glEnable(gl.GL_DEPTH_TEST)
        gl.glDepthFunc(gl.GL_LEQUAL)
        gl.glDepthMask(gl.GL_TRUE)
        gl.glDisable(gl.GL_BLEND)
        key = light_matrix(light.directions[0], light.up, centre, 260.0)
        sky = light_matrix(light.up + np.array([0.0, 0.0, 0.45]), light.directions[0], centre, 260.0)
        soft = is_soft(light)
        sizes = map_sizes(camera, soft)
        maps = [self._shadow_map(size) for size in sizes]  # made before any is bound
        for unit, size, (framebuffer, texture), matrix in zip((3, 4), sizes, maps, (key, sky), strict=True):
            gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
            gl.glBindTexture(gl.GL_TEXTURE_2D, texture)
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, framebuffer)
            gl.glViewport(0, 0, size, size)
            gl.glClear(gl.GL_DEPTH_BUFFER_BIT)
            self._shadow.use(matrix=matrix)
            for closed, start, stop in casts:
                (gl.glEnable if closed else gl.glDisable)(gl.GL_CULL_FACE)
                self._elements(start, stop)
        near, far = scene_planes(data, camera)
        width, height = camera.image_size
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._target(camera.image_size))
        gl.glViewport(0, 0, width, height)
        gl.glClearBufferfv(gl.GL_COLOR, 0, np.zeros(4, np.float32))
        gl.glClearBufferuiv(gl.GL_COLOR, 1, np.zeros(4, np.uint32))
        gl.glClear(gl.GL_DEPTH_BUFFER_BIT)
        view, projection = view_matrix(camera), projection_matrix(camera, near, far)
        if max(width, height) > _DEPTH_FIRST:
            self._draw_depth(surfaces, spans, view, projection)
        common: dict[str, Any] = {
            "view": view,
            "projection": projection,
            "key_matrix": shadow_lookup(key, _BIAS_MM),
            "sky_matrix": shadow_lookup(sky, _SKY_BIAS_MM),
            "eye": -camera.rotation.T @ camera.translation_mm,
            "harmonics": light.harmonics,
            "light_count": len(light.directions),
            "light_direction": light.directions,
            "light_colour": light.colours,
            "key_softness": float(light.softness),
            "exposure": float(light.exposure),
        }
        flags = [shader_flags(s, soft) for s in surfaces]
        for define in dict.fromkeys(flags):
            self._program(define).use(**common)
        order = sorted(
            range(len(surfaces)), key=lambda i: (not surfaces[i].solid, surfaces[i].kind != Kind.HAIR)
        )
        solid = True
        for number in order:
            if solid and not surfaces[number].solid:  # what is not solid leaves depth and labels alone
                solid = False
                gl.glColorMaski(1, gl.GL_FALSE, gl.GL_FALSE, gl.GL_FALSE, gl.GL_FALSE)
                gl.glDepthMask(gl.GL_FALSE)
            self._surface(surfaces[number], flags[number], spans, number)
        gl.glColorMaski(1, gl.GL_TRUE, gl.GL_TRUE, gl.GL_TRUE, gl.GL_TRUE)
        gl.glDepthMask(gl.GL_TRUE)
        gl.glDisable(gl.GL_BLEND)
        gl.glDisable(gl.GL_CULL_FACE)
        colour = np.empty((height, width, 4), np.uint8)
        labels = np.empty((height, width), np.uint8)
        depth = np.empty((height, width), np.float32)
        gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
        for place, form, kind, out in (
            (gl.GL_COLOR_ATTACHMENT0, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, colour),
            (gl.GL_COLOR_ATTACHMENT1, gl.GL_RED_INTEGER, gl.GL_UNSIGNED_BYTE, labels),
            (gl.GL_COLOR_ATTACHMENT0, gl.GL_DEPTH_COMPONENT, gl.GL_FLOAT, depth),
        ):
            gl.glReadBuffer(place)
            gl.glReadPixels(0, 0, width, height, form, kind, out)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, 0)
        gl.glBindVertexArray(0)
        return colour, labels, depth, (near, far)

    def _draw_depth(self, surfaces: list[Surface], spans: Any, view: Any, projection: Any) -> None:
        """Draw depth alone: what is hidden is then never shaded. But hair is cheaper to shade than to draw twice."""
        gl = self._gl
        self._depth.use(view=view, projection=projection)
        gl.glColorMask(gl.GL_FALSE, gl.GL_FALSE, gl.GL_FALSE, gl.GL_FALSE)
        for number, surface in enumerate(surfaces):
            if surface.solid and surface.kind != Kind.HAIR and not has_holes(surface):
                self._cull(surface)
                self._elements(spans[number], spans[number + 1])
        gl.glColorMask(gl.GL_TRUE, gl.GL_TRUE, gl.GL_TRUE, gl.GL_TRUE)

    def _elements(self, start: Any, stop: Any) -> None:
        gl = self._gl
        count = int(stop) - int(start)
        gl.glDrawElements(gl.GL_TRIANGLES, count, gl.GL_UNSIGNED_INT, ctypes.c_void_p(4 * int(start)))

    def _cull(self, surface: Surface) -> None:
        """Leave out the far side of what is closed."""
        (self._gl.glEnable if surface.closed else self._gl.glDisable)(self._gl.GL_CULL_FACE)

    def _surface(self, surface: Surface, flags: str, spans: Any, number: int) -> None:
        gl = self._gl
        if surface.texture is not None:
            self._upload(0, encoded_texture(surface.texture), mipmaps=True)
        if surface.labels is not None:
            self._upload(1, surface.labels, mipmaps=False)
        self._program(flags).use(
            label=int(surface.label),
            grain_scale=float(surface.grain_scale),
            grain_strength=float(surface.grain),
            gloss=float(surface.gloss),
            opacity=float(surface.opacity),
        )
        if surface.kind == Kind.LENS:
            gl.glEnable(gl.GL_BLEND)
            gl.glBlendFunc(gl.GL_ONE, gl.GL_ONE_MINUS_SRC_ALPHA)
        else:
            gl.glDisable(gl.GL_BLEND)
        self._cull(surface)
        self._elements(spans[number], spans[number + 1])

    def _upload(self, unit: int, pixels: ByteArray, *, mipmaps: bool) -> None:
        gl = self._gl
        gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._textures[unit])
        gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
        if pixels.ndim == 2:
            inner, form = gl.GL_R8, gl.GL_RED
        elif pixels.shape[2] == 4:
            inner, form = gl.GL_RGBA8, gl.GL_RGBA
        else:
            inner, form = gl.GL_RGB8, gl.GL_RGB
        picture: Any = np.ascontiguousarray(pixels)
        levels = _LEVELS if mipmaps and min(pixels.shape[:2]) >= 2**_LEVELS else 1
        gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAX_LEVEL, levels - 1)
        for level in range(levels):  # a software driver takes longer to make them
            height, width = picture.shape[:2]
            gl.glTexImage2D(
                gl.GL_TEXTURE_2D, level, inner, width, height, 0, form, gl.GL_UNSIGNED_BYTE, picture
            )
            picture = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        gl.glTexParameteri(
            gl.GL_TEXTURE_2D,
            gl.GL_TEXTURE_MIN_FILTER,
            gl.GL_LINEAR_MIPMAP_NEAREST if mipmaps else gl.GL_NEAREST,
        )
        gl.glTexParameteri(
            gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR if mipmaps else gl.GL_NEAREST
        )

    def close(self) -> None:
        """Give the OpenGL context back, with all that was made in it."""
        self._context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
