"""What the photo shows at every texel of an atlas of one size."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facestudio.geometry.camera import project
from facestudio.geometry.mesh import vertex_normals
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.layout import SURFACE_LEVEL, TexelLayout, texel_layout
from facestudio.texture.projection import Projection, feature_shift, project_texels, sample_photo
from facestudio.texture.regions import in_openings, oval_distance
from facestudio.values import BoolArray, Camera, Float32Array, FloatArray, Photo


@dataclass(frozen=True, eq=False)
class PhotoLook:
    """The texels and the photo.

    Attributes
    ----------
    layout
        N texels.
    projection
        Their places in the photo, and whether they are visible.
    colours
        (N, 3) float32 0..255: the photo there.
    opening
        (N,) bool: the photo shows an eyeball or the inside of the mouth there.
    inside_oval
        (N,) float32: signed distance to the face oval, UV units.
    rest
        (N, 3) float32 mm: places on the rest head.
    normals
        (N, 3) float32: of the head as posed, head space.
    places
        (V_1, 2) float32 pixels: where the photo shows the dense vertices, features where they are (`feature_shift`).
    """

    layout: TexelLayout
    projection: Projection
    colours: Float32Array
    opening: BoolArray
    inside_oval: Float32Array
    rest: Float32Array
    normals: Float32Array
    places: Float32Array


@lru_cache(maxsize=6)
def static_maps(size: int) -> tuple[Float32Array, Float32Array]:
    """Return each texel's signed distance to the face oval (N,) and its place on the rest head (N, 3) mm."""
    template, layout = load_template(), texel_layout(size)
    rest = layout.on_surface(topology(SURFACE_LEVEL).apply(template.vertices))
    return oval_distance(template, layout), rest.astype(np.float32)


def look_at(
    photo: Photo, camera: Camera, vertices: FloatArray, mesh: FloatArray | None, size: int
) -> PhotoLook:
    """Project an atlas of a size into the photo and sample it.

    Parameters
    ----------
    photo, camera
        The photo and its fitted camera.
    vertices
        (V, 3) mm: the head as posed in the photo.
    mesh
        (478, 2) located mesh points, or None.
    size
        Edge length of the atlas.
    """
    layout, surface = texel_layout(size), topology(SURFACE_LEVEL)
    dense = surface.apply(vertices)
    at_vertices = vertex_normals(dense, surface.quads)
    shift = None if mesh is None else feature_shift(vertices, dense, camera, mesh, load_template())
    projection = project_texels(layout, dense, at_vertices, camera, shift)
    colours = sample_photo(photo, layout, projection)
    opening = np.zeros(len(layout), dtype=np.bool_) if mesh is None else in_openings(projection.pixels, mesh)
    places = np.nan_to_num(project(camera, dense)[0]).astype(np.float32)
    if shift is not None:
        places += shift
    normals = layout.on_surface(at_vertices)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.float32(1e-6))
    return PhotoLook(layout, projection, colours, opening, *static_maps(size), normals, places)
