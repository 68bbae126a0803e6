"""Pictures of database heads, and whose eyes, nose, mouth and jaw are nearest; made where the pipeline runs. No Qt."""

from facestudio.values import ByteArray, FloatArray

THUMBNAIL = (64, 80)


def draw_heads(database: str, ids: tuple[str, ...], ratio: float) -> dict[str, ByteArray]:
    """Draw database heads from the front as clay, (H, W, 3) uint8 each, `ratio` pixels to one of THUMBNAIL."""
    from dataclasses import replace

    from facestudio.app.viewer.figure import VIEW_LEVEL, base_mesh
    from facestudio.database.model import load_database
    from facestudio.geometry.mesh import vertex_normals
    from facestudio.render.lighting import Style
    from facestudio.render.offscreen import OffscreenRenderer
    from facestudio.render.scene import VIEWS, cameras_of_views
    from facestudio.template.subdivision import topology

    heads, level, mesh = load_database(database), topology(VIEW_LEVEL), base_mesh()
    size = (round(THUMBNAIL[0] * ratio), round(THUMBNAIL[1] * ratio))
    result: dict[str, ByteArray] = {}
    with OffscreenRenderer() as renderer:
        for name in ids:
            fine = level.apply(heads.vertices(heads.index(name)))
            normals = vertex_normals(fine, level.quads)
            rows = level.render_vertices
            shown = replace(mesh, positions=fine[rows], normals=normals[rows])
            renderer.set_mesh(shown)
            (camera,) = cameras_of_views(shown, [VIEWS["front"]], size)
            result[name] = renderer.picture(camera, Style(mode="clay"))
    return result


def closest_heads(
    database: str, landmarks: FloatArray, excluded: frozenset[str]
) -> tuple[tuple[str, str, float], ...]:
    """Return (region, head, distance mm) for the eyes, the nose, the mouth and the jaw.

    Parameters
    ----------
    database
        Its name.
    landmarks
        (68, 3) mm: ibug68 on the neutral head.
    excluded
        Heads that may not be named.
    """
    from facestudio.database.model import load_database
    from facestudio.retrieval.gallery import face_gallery
    from facestudio.retrieval.regions import closest_per_region
    from facestudio.template.model import load_template

    heads = load_database(database)
    found = closest_per_region(heads, face_gallery(heads, load_template()), landmarks, excluded)
    return tuple((closest.region, closest.id, closest.distance_mm) for closest in found)
