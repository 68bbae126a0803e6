"""Builds the template (resources/template/studio-head.npz): mesh, UVs, ARKit shapes, point maps."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from facestudio.database.archive import save_arrays
from facestudio.database.sources.makehuman import BaseMesh, MakeHumanSource
from facestudio.template.model import TEMPLATE_FORMAT, EyeChart, PointMap, Template
from facestudio.training.template_mesh import (
    EYE_SEGMENTS,
    MATERIALS,
    MOUTH_SEED,
    HeadCut,
    cut_head,
    eye_angles,
    eye_azimuths,
    mirror_map,
    sides,
    uv_island,
)
from facestudio.training.template_uv import flatten, stretch
from facestudio.values import ARKIT_NAMES, BoolArray, FloatArray, IntArray

VERSION = "1"
_ANCESTRIES = ("african", "asian", "caucasian")
_CROWN = 881  # base vertex on the midline at the top of the skull: the seam starts behind it
# Rectangles (x0, y0, x1, y1) of the small charts; the skin fills the rest of the square from below.
_RECTANGLES = {
    "eye_left": (0.010, 0.792, 0.205, 0.987),
    "eye_right": (0.217, 0.792, 0.412, 0.987),
    "mouth": (0.424, 0.792, 0.600, 0.987),
    "socket_left": (0.612, 0.792, 0.700, 0.895),
    "socket_right": (0.712, 0.792, 0.800, 0.895),
    "teeth_upper": (0.612, 0.907, 0.700, 0.987),
    "teeth_lower": (0.712, 0.907, 0.800, 0.987),
    "tongue": (0.812, 0.792, 0.890, 0.987),
    "cap": (0.902, 0.880, 0.990, 0.987),
}
_SKIN_WIDTH, _SKIN_TOP = 0.984, 0.782  # what the skin chart may take, from below
_MARGIN = 0.008


def mean_adult(source: MakeHumanSource) -> FloatArray:
    """Return the base vertices of the mean of MakeHuman's young adults of both sexes, (V, 3) mm."""
    vertices = source.base.vertices.copy()
    for sex in ("female", "male"):
        for ancestry in _ANCESTRIES:
            vertices += source.target(f"macrodetails/{ancestry}-{sex}-young") / 6
        vertices += source.target(f"macrodetails/universal-{sex}-young-averagemuscle-averageweight") / 2
    return vertices


def head_origin(cut: HeadCut, vertices: FloatArray) -> FloatArray:
    """Return the point between the ears (middle of the ears' bounding boxes), (3,) in the frame of `vertices`."""
    skin = vertices[: cut.cap_start]
    # The ears are what stands out furthest to the sides above the jaw.
    ear = np.abs(skin[:, 0]) > 0.93 * np.abs(skin[:, 0]).max()
    return np.array([0.0, skin[ear, 1].mean(), skin[ear, 2].mean()])


def _back_seam(cut: HeadCut, vertices: FloatArray, quads: IntArray) -> tuple[int, IntArray]:
    """Walk the midline from the crown down the back to the collar: the crown, the vertices after it."""
    crown = int(np.searchsorted(cut.base_vertices, _CROWN))
    neighbours: dict[int, set[int]] = {}
    for quad in quads.tolist():
        for a, b in sides(quad):
            if abs(vertices[a, 0]) < 0.1 and abs(vertices[b, 0]) < 0.1:
                neighbours.setdefault(a, set()).add(b)
                neighbours.setdefault(b, set()).add(a)
    path = [crown, min(neighbours[crown], key=lambda n: vertices[n, 2])]
    while ahead := neighbours[path[-1]] - set(path):
        path.append(ahead.pop())
    return crown, np.array(path[1:], dtype=np.int32)


def _into(points: FloatArray, name: str) -> FloatArray:
    """Scale and move chart points (N, 2) into the middle of a chart's rectangle."""
    x0, y0, x1, y1 = _RECTANGLES[name]
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min((x1 - x0) / (high[0] - low[0]), (y1 - y0) / (high[1] - low[1]))
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + (points - (low + high) / 2) * scale


def _density(vertices: FloatArray, quads: IntArray, origin: FloatArray) -> FloatArray:
    """Return the wanted texel density of skin quads: the face gets about five times the texels per area."""
    face = origin + np.array([0.0, -18.0, 82.0])
    radius = np.linalg.norm((vertices[quads].mean(axis=1) - face) / np.array([74.0, 96.0, 88.0]), axis=1)
    return 0.72 + 0.95 / (1 + np.exp((radius - 1.0) / 0.12))


def _where(chosen: BoolArray) -> IntArray:
    return np.flatnonzero(chosen).astype(np.int32)


def _named_charts(base: BaseMesh, cut: HeadCut) -> dict[str, IntArray]:
    """Return the template quads of each chart; 'skin' is the large one."""
    from_base = cut.base_quads >= 0
    islands = {"mouth": uv_island(base, MOUTH_SEED)}
    of_body = np.unique(base.quads[base.quads_of("body")])
    for side, helper in zip(("left", "right"), cut.eye_helpers, strict=True):
        # The socket's lining holds the body vertex nearest to a place just behind the middle of the eyeball.
        place = base.vertices[helper].mean(axis=0) - np.array([0.0, 0.0, 8.0])
        behind = of_body[np.argmin(np.linalg.norm(base.vertices[of_body] - place, axis=1))]
        islands[f"socket_{side}"] = uv_island(base, int(behind))
    for name in ("upper", "lower"):
        islands[f"teeth_{name}"] = base.quads_of(f"helper-{name}-teeth")
    charts = {name: _where(np.isin(cut.base_quads, quads) & from_base) for name, quads in islands.items()}
    charts["tongue"] = _where(cut.quad_material == MATERIALS.index("tongue"))
    charts["cap"] = _where(~from_base & (cut.quad_material == MATERIALS.index("skin")))
    eyes = _where(cut.quad_material == MATERIALS.index("eyes"))
    charts["eye_left"], charts["eye_right"] = np.split(eyes, 2)
    small = np.zeros(len(cut.quads), dtype=np.bool_)
    small[np.concatenate(list(charts.values()))] = True
    charts["skin"] = _where(~small)
    return charts


def layout_uvs(
    base: BaseMesh, cut: HeadCut, vertices: FloatArray
) -> tuple[FloatArray, IntArray, dict[str, float]]:
    """Lay out all charts in the unit square.

    Parameters
    ----------
    base, cut
        Where the template comes from.
    vertices
        (V, 3) mm: the template's, in the base mesh's frame.

    Returns
    -------
    uvs
        (T, 2) float64.
    quad_uvs
        (F, 4) int32.
    measures
        Anisotropy of the skin chart: median and 95th percentile (p95).
    """
    uvs: list[FloatArray] = []
    quad_uvs = np.zeros_like(cut.quads)
    count = 0
    measures: dict[str, float] = {}
    for name, members in _named_charts(base, cut).items():
        if name == "skin":
            points, corners, measures = _skin_chart(cut, vertices, cut.quads[members])
        else:
            points, corners = _small_chart(name, base, cut, vertices, members)
        uvs.append(points)
        quad_uvs[members] = corners + count
        count += len(points)
    return np.concatenate(uvs), quad_uvs.astype(np.int32), measures


def _skin_chart(
    cut: HeadCut, vertices: FloatArray, quads: IntArray
) -> tuple[FloatArray, IntArray, dict[str, float]]:
    crown, seam = _back_seam(cut, vertices, quads)
    density = _density(vertices, quads, head_origin(cut, vertices))
    corners, points = flatten(vertices, quads, seam, crown, density)
    anisotropy = stretch(vertices, quads, corners, points)
    measures = {"median": float(np.median(anisotropy)), "p95": float(np.percentile(anisotropy, 95))}
    points = points - points.min(axis=0)
    points *= min(_SKIN_WIDTH / points[:, 0].max(), (_SKIN_TOP - _MARGIN) / points[:, 1].max())
    points += [(1 - points[:, 0].max()) / 2, _MARGIN]
    return points, corners, measures


def _small_chart(
    name: str, base: BaseMesh, cut: HeadCut, vertices: FloatArray, members: IntArray
) -> tuple[FloatArray, IntArray]:
    quads = cut.quads[members]
    if name.startswith("eye"):
        return _eye_chart(name, quads)
    if name == "cap":
        used, corners = np.unique(quads, return_inverse=True)
        points = vertices[used][:, [0, 2]]
    else:
        used, corners = np.unique(base.quad_uvs[cut.base_quads[members]], return_inverse=True)
        points = base.uvs[used]
    return _into(points, name), corners.reshape(-1, 4).astype(np.int32)


def _eye_chart(name: str, quads: IntArray) -> tuple[FloatArray, IntArray]:
    """Lay out an eyeball: equidistant from the pupil, its hidden back as a small disc of its own."""
    used, corners = np.unique(quads, return_inverse=True)
    corners = corners.reshape(-1, 4).astype(np.int32)
    angle, azimuth = eye_angles(), eye_azimuths()
    direction = np.column_stack([np.cos(azimuth), np.sin(azimuth)])
    front = _into(angle[:-1, None] / angle[-2] * direction[:-1], name)
    rim = np.flatnonzero(angle[:-1] == angle[-2])
    x0, y0, *_ = _RECTANGLES[name]
    back = np.array([x0, y0]) + 0.012 * (1 + np.concatenate([direction[rim] * [-1, 1], [[0.0, 0.0]]]))
    behind = (corners == len(used) - 1).any(axis=1)
    renumber = np.arange(len(used), dtype=np.int32)
    renumber[rim] = len(front) + np.arange(len(rim))
    renumber[-1] = len(front) + len(rim)
    corners[behind] = renumber[corners[behind]]
    return np.concatenate([front, back]), corners


def expression_deltas(source: MakeHumanSource, cut: HeadCut, rest: FloatArray) -> FloatArray:
    """Return the 52 ARKit shapes on the template, (52, V, 3) mm; `rest` are the mean adult's base vertices."""
    neutral = cut.vertices(rest)
    return np.stack([cut.vertices(rest + source.face_unit(name)) - neutral for name in ARKIT_NAMES])


def build_mesh(source: MakeHumanSource) -> tuple[Template, HeadCut, dict[str, float]]:
    """Build the template without its point maps (`facestudio.training.template_points` finds them).

    Returns
    -------
    template
        In head space.
    cut
        How its vertices follow from the base mesh.
    measures
        As in `layout_uvs`.
    """
    rest = mean_adult(source)
    cut = cut_head(source.base, rest)
    vertices = cut.vertices(rest)
    uvs, quad_uvs, measures = layout_uvs(source.base, cut, vertices)
    unknown = PointMap(np.zeros((0, 3), np.int32), np.zeros((0, 3)))
    template = Template(
        version=VERSION,
        vertices=vertices - head_origin(cut, vertices),
        quads=cut.quads,
        quad_uvs=quad_uvs,
        uvs=uvs,
        materials=MATERIALS,
        quad_material=cut.quad_material,
        expression_names=ARKIT_NAMES,
        expression_deltas=expression_deltas(source, cut, rest).astype(np.float32),
        mirror=mirror_map(vertices),
        ibug68=unknown,
        mesh478=unknown,
        eyes=_eye_charts(cut, uvs, quad_uvs),
        jaw_lines=unknown,
    )
    return template, cut, measures


def _eye_charts(cut: HeadCut, uvs: FloatArray, quad_uvs: IntArray) -> tuple[EyeChart, EyeChart]:
    angle = eye_angles()
    # A vertex of the last ring but one gives the scale: the last ring is the chart's edge and lies in both charts.
    measured = len(angle) - 3 - EYE_SEGMENTS

    def chart(start: int) -> EyeChart:
        pole, rim = (uvs[quad_uvs[cut.quads == start + k][0]] for k in (0, measured))
        per_uv = float(angle[measured] / np.linalg.norm(rim - pole))
        return EyeChart(start, start + len(angle), (float(pole[0]), float(pole[1])), per_uv)

    return chart(cut.eye_start), chart(cut.eye_start + len(angle))


def save_template(template: Template, path: Path) -> None:
    """Write a template file (docs/formats/template.md), byte for byte the same for the same template."""
    meta = {
        "format": TEMPLATE_FORMAT,
        "version": template.version,
        "materials": template.materials,
        "expression_names": template.expression_names,
        "eyes": [asdict(eye) for eye in template.eyes],
    }
    save_arrays(
        path,
        {
            "meta": np.array(json.dumps(meta)),
            "vertices": template.vertices.astype(np.float32),
            "quads": template.quads.astype(np.uint16),
            "quad_uvs": template.quad_uvs.astype(np.uint16),
            "uvs": template.uvs.astype(np.float32),
            "quad_material": template.quad_material.astype(np.uint8),
            "expression_deltas": template.expression_deltas.astype(np.float16),
            "mirror": template.mirror.astype(np.uint16),
            "ibug68_vertices": template.ibug68.vertex_ids.astype(np.uint16),
            "ibug68_weights": template.ibug68.weights.astype(np.float32),
            "jaw_lines_vertices": template.jaw_lines.vertex_ids.astype(np.uint16),
            "jaw_lines_weights": template.jaw_lines.weights.astype(np.float32),
            "mesh478_vertices": template.mesh478.vertex_ids.astype(np.uint16),
            "mesh478_weights": template.mesh478.weights.astype(np.float32),
        },
    )
