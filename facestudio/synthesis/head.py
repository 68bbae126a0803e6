"""The head's surfaces: skin, eyes, mouth and lashes, ready to draw."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import KDTree

from facestudio.render.occlusion import template_occlusion
from facestudio.render.photo_scene import Kind, Surface, pack_vertices
from facestudio.synthesis.labels import Label
from facestudio.synthesis.patches import Patches, patches_of, shown, to_pixels, towards
from facestudio.synthesis.person import Person, to_linear
from facestudio.synthesis.skin import PaintedSkin
from facestudio.synthesis.skinmaps import LID_LOWER, LID_UPPER, LIPS_INNER, LIPS_OUTER, smooth_line
from facestudio.template.model import Template, load_template
from facestudio.template.parts import template_parts
from facestudio.template.subdivision import topology
from facestudio.texture.eyes import iris_fibres, paint_eye
from facestudio.texture.inner import paint_inner
from facestudio.values import ByteArray, Camera, FloatArray, IntArray

_EYE_REACH = 1.15  # angle from the pupil at the border of an eyeball's picture, radians
_GROUPS = {"skin": ("skin",), "eyes": ("eyes",), "mouth": ("mouth", "teeth", "tongue")}


@dataclass(frozen=True, eq=False)
class _Group:
    """The part of a level's render topology that is of some materials."""

    vertices: IntArray  # render vertices
    triangles: IntArray
    uvs: FloatArray  # v down
    coarse: IntArray  # triangles of level 0 on these vertices: good enough for shadows
    patches: Patches | None  # of level 1

    def drawn(
        self, points: FloatArray, normals: FloatArray, camera: Camera, *, closed: bool = True
    ) -> IntArray:
        """Return the triangles (M, 3) a camera needs of places (R, 3) mm; of a closed part, those of its near side."""
        pixels = to_pixels(points, camera)
        if pixels is None:
            return self.triangles
        triangles = self.triangles
        if self.patches is not None:
            triangles = self.patches.triangles(shown(self.patches, points, normals, camera))
        return towards(triangles, pixels) if closed else triangles


@cache
def _groups(level: int) -> dict[str, _Group]:
    template, surface = load_template(), topology(level)
    found: dict[str, _Group] = {}
    for name, materials in _GROUPS.items():
        wanted = [template.materials.index(m) for m in materials]
        chosen = surface.triangles[np.repeat(np.isin(surface.quad_material, wanted), 2)]
        used, inverse = np.unique(chosen, return_inverse=True)
        # Subdivision keeps each quad's corner as the first of its four quads' corners.
        triangles = inverse.reshape(-1, 3).astype(np.int32)
        coarse = triangles
        if level == 1:
            corners = triangles.reshape(-1, 4, 2, 3)[:, :, 0, 0]
            coarse = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]])
        uvs = surface.render_uvs[used] * (1, -1) + (0, 1)
        vertices = surface.render_vertices[used].astype(np.int32)
        patches = patches_of(triangles, vertices) if level == 1 else None
        found[name] = _Group(vertices, triangles, uvs, coarse, patches)
    return found


@cache
def _eye_uvs(level: int) -> FloatArray:
    """UVs of the eyes' render vertices in the picture of one eyeball, (R, 2), v down."""
    template, group = load_template(), _groups(level)["eyes"]
    uvs = group.uvs * (1, -1) + (0, 1)
    out = np.zeros_like(uvs)
    centres = np.array([chart.centre for chart in template.eyes])
    nearest = np.argmin(np.linalg.norm(uvs[:, None] - centres, axis=2), axis=1)
    for side, chart in enumerate(template.eyes):
        own = nearest == side
        angle = (uvs[own] - centres[side]) * chart.radians_per_uv
        length = np.maximum(np.linalg.norm(angle, axis=1, keepdims=True), 1e-9)
        angle *= np.minimum(1, 0.99 * _EYE_REACH / length)
        out[own] = 0.5 + 0.5 * angle * (1, -1) / _EYE_REACH
    return out


@cache
def _open_sky(level: int) -> FloatArray:
    """Return the share of the sky that vertices of a level see, (V_k,)."""
    return 0.35 + 0.65 * np.clip(topology(level).apply(template_occlusion().astype(np.float64)), 0, 1)


@cache
def _mouth_texture() -> ByteArray:
    atlas = np.full((256, 256, 3), 120, np.uint8)
    paint_inner(atlas, load_template())
    atlas.flags.writeable = False
    return atlas


def through_vertices(vertices: FloatArray) -> FloatArray:
    """Return level-0 vertices (V, 3) whose level-1 surface passes through the ones given.

    Subdivision shrinks; the landmarks are places on the given vertices, and what is drawn must lie there.
    """
    rule = _rule()
    control = vertices
    for _ in range(2):
        control = control + (vertices - rule @ control)
    return control


@cache
def _rule() -> csr_array:
    """Return the rows of level 1 that move the vertices of level 0."""
    return topology(1).matrix[: len(load_template().vertices)]


@cache
def _lining() -> tuple[IntArray, IntArray, FloatArray]:
    """Return the mouth's lining away from the lips (L,), the skin vertex nearest to each, and its least depth, mm."""
    template = load_template()
    skin = np.flatnonzero(template_parts(template).outer).astype(np.int32)
    lining = np.setdiff1d(template.material_vertices("mouth"), template.material_vertices("skin")).astype(
        np.int32
    )
    away, near = KDTree(template.vertices[skin]).query(template.vertices[lining])
    near = skin[near]
    lips = template.mesh478.points(template.vertices)[[*LIPS_OUTER, *LIPS_INNER]]
    covered = KDTree(lips).query(template.vertices[near])[0] > 6.0
    return lining[covered], near[covered], np.minimum(0.8 * away[covered], 4.0)


def tuck_lining(posed: FloatArray, normals: FloatArray) -> FloatArray:
    """Return the head (V, 3) mm with the lining of its mouth below the skin, where a shape drove it out.

    Parameters
    ----------
    posed, normals
        (V, 3) mm and outward directions.
    """
    lining, skin, least = _lining()
    depth = ((posed[skin] - posed[lining]) * normals[skin]).sum(axis=1)
    out = posed.copy()
    out[lining] -= np.maximum(least - depth, 0.0)[:, None] * normals[skin]
    return out


def eye_axes(template: Template, posed: FloatArray, side: int) -> tuple[FloatArray, float, FloatArray]:
    """Return an eyeball's middle (3,), radius mm and axes (3, 3): its own left, up and out of the pupil, as rows."""
    chart = template.eyes[side]
    ball = posed[chart.start : chart.stop]
    middle = (ball[0] + ball[-1]) / 2
    forward = ball[0] - ball[-1]
    radius = float(np.linalg.norm(forward)) / 2
    forward = forward / (2 * radius)
    left = np.cross((0.0, 1.0, 0.0), forward)
    left /= np.linalg.norm(left)
    return middle, radius, np.stack([left, np.cross(forward, left), forward])


def iris_angles(template: Template, neutral: FloatArray, person: Person) -> FloatArray:
    """Return the angle of the limbus from the axis for both eyes, (2,) radians."""
    radii = np.array([eye_axes(template, neutral, side)[1] for side in (0, 1)])
    return np.arcsin(np.clip(person.iris_mm / 2 / radii, 0.2, 0.9))


def iris_points(template: Template, posed: FloatArray, angles: FloatArray) -> FloatArray:
    """Return the mesh points 468 to 477 on the eyeballs as drawn, (10, 3) mm.

    MediaPipe's order: the sitter's right eye first; its middle, then the rim towards the picture's right, top, left
    and foot; the left eye with right and left exchanged, as in the template's map.
    """
    out: list[FloatArray] = []
    for side, signs in ((1, (1, -1)), (0, (1, -1))):
        middle, radius, (left, up, forward) = eye_axes(template, posed, side)
        c, s = np.cos(angles[side]), np.sin(angles[side])
        out.append(middle + radius * forward)
        out += [
            middle + radius * (c * forward + s * direction)
            for direction in (signs[0] * left, up, signs[1] * left, -up)
        ]
    return np.stack(out)


def head_surfaces(
    rng: np.random.Generator,
    posed: FloatArray,
    normals: FloatArray,
    skin: PaintedSkin,
    person: Person,
    angles: FloatArray,
    camera: Camera,
    level: int,
    eye_texels: int = 192,
) -> list[Surface]:
    """Return skin, eyes, mouth and lashes.

    Parameters
    ----------
    rng
        Source of chance.
    posed
        (V, 3) mm, with its expression.
    normals
        (V, 3): outward, length one.
    skin
        The painted skin.
    person
        Colours of eyes and lashes.
    angles
        (2,) radians: the irises' limbus, left eye first.
    camera
        Whose sight decides where the surface must be fine.
    level
        Of subdivision, 0 or 1.
    eye_texels
        Edge of an eyeball's picture.
    """
    template, surface = load_template(), topology(level)
    dense = surface.apply(through_vertices(posed)) if level else posed
    normals = surface.apply(normals)  # the shader makes them of length one
    sky = _open_sky(level)
    mesh = template.mesh478.points(posed)
    groups = _groups(level)
    out: list[Surface] = []

    part = groups["skin"]
    points = dense[part.vertices]
    out.append(
        Surface(
            Kind.SKIN,
            Label.SKIN,
            pack_vertices(points, normals[part.vertices], part.uvs, sky=sky[part.vertices]),
            part.drawn(points, normals[part.vertices], camera),
            texture=skin.pixels,
            labels=skin.labels,
            grain=float(rng.uniform(0.06, 0.22) + 0.14 * person.age),
            grain_scale=float(rng.uniform(12, 18)),
            gloss=float(rng.beta(1.6, 2.6)),
            shadow=part.coarse,
            closed=True,
        )
    )
    part = groups["eyes"]
    lids = np.concatenate([smooth_line(mesh[list(line)], 18) for line in LID_UPPER])
    low_lids = np.concatenate([smooth_line(mesh[list(line)], 18) for line in LID_LOWER])
    ball = dense[part.vertices]
    below, above = _away(ball, lids), _away(ball, low_lids)
    lit = np.clip(0.4 + below / 6.0, 0, 1) * np.clip(0.65 + above / 6.0, 0, 1)
    out.append(
        Surface(
            Kind.EYE,
            Label.EYES,
            pack_vertices(ball, normals[part.vertices], _eye_uvs(level), (0.8, 0.79, 0.78), lit),
            part.drawn(ball, normals[part.vertices], camera),
            texture=_eye_texture(rng, person, float(angles.mean()), eye_texels),
        )
    )
    part = groups["mouth"]
    points = dense[part.vertices]
    opening = float(np.linalg.norm(mesh[13] - mesh[14]))
    deep = (mesh[[13, 14], 2].mean() - points[:, 2]) / (7.0 + 1.1 * opening)
    lit = np.clip(1.05 - 0.75 * deep, 0.03, 0.95)
    white = np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.78, 1.0)]) * rng.uniform(0.75, 1.0)
    out.append(
        Surface(
            Kind.WET,
            Label.MOUTH,
            pack_vertices(points, normals[part.vertices], part.uvs, white, lit),
            part.drawn(points, normals[part.vertices], camera, closed=False),
            texture=_mouth_texture(),
        )
    )
    out.append(_lashes(rng, mesh, person))
    return out


def _away(points: FloatArray, others: FloatArray) -> FloatArray:
    """Return how far points (N, 3) are from the nearest of others (M, 3), (N,)."""
    squares = (points**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None] - 2 * (points @ others.T)
    return np.sqrt(np.maximum(squares.min(axis=1), 0.0))


def _eye_texture(rng: np.random.Generator, person: Person, limbus: float, texels: int) -> ByteArray:
    """Paint an eyeball's front, (texels, texels, 3)."""
    x, angle, azimuth, fibres = _eye_grid(texels)
    pupil = float(rng.uniform(0.26, 0.5))
    colour = paint_eye(angle, azimuth, person.iris, limbus, pupil, fibres)
    tint = 1 - rng.uniform(0, 0.14) * np.array([0.2, 1.0, 1.0]) * np.clip(np.abs(x) / 0.8, 0, 1)[:, None]
    tint = tint * rng.uniform(0.85, 1.0)
    colour *= np.where((angle > limbus)[..., None], tint[None], 1.0)
    return np.clip(colour, 0, 255).astype(np.uint8)


@cache
def _eye_grid(texels: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Columns (T,), angles from the pupil, azimuths and fibres of the iris (T, T) of an eyeball's picture."""
    t = ((np.arange(texels) + 0.5) / texels * 2 - 1) * _EYE_REACH
    x, y = np.meshgrid(t, -t)
    angle, azimuth = np.hypot(x, y), np.arctan2(y, x)
    return t, angle, azimuth, iris_fibres(azimuth, angle)


def _lashes(rng: np.random.Generator, mesh: FloatArray, person: Person) -> Surface:
    """Grow lashes from the edges of the lids."""
    points: list[FloatArray] = []
    along: list[FloatArray] = []
    thick = rng.uniform(0.10, 0.17) * (1 + 0.8 * person.made_up)
    for lines, lift, reach, count in ((LID_UPPER, 0.55, 7.5, 46), (LID_LOWER, -0.55, 3.6, 26)):
        reach = reach * rng.uniform(0.75, 1.1) * (1 + 0.25 * person.made_up)
        for line in lines:
            edge = smooth_line(mesh[list(line)], 60)
            middle = edge.mean(axis=0)
            at = np.clip(rng.uniform(3, 55, count).astype(int), 1, 58)
            root = edge[at]
            run = edge[at + 1] - edge[at - 1]
            run /= np.linalg.norm(run, axis=1, keepdims=True) + 1e-9
            out = root - middle
            fan = np.stack([0.045 * out[:, 0], np.full(count, 0.12 * lift), np.ones(count)], axis=1)
            fan += rng.normal(0, 0.1, (count, 3))
            fan /= np.linalg.norm(fan, axis=1, keepdims=True)
            length = (reach * rng.uniform(0.6, 1.0, count))[:, None]
            bent = root + fan * length * 0.55
            tip = root + fan * length * 0.9 + np.array([0, 1.0, 0]) * length * lift * 0.75
            side = run * thick
            points.append(
                np.stack([root - side, root + side, bent - side * 0.7, bent + side * 0.7, tip], axis=1)
            )
            along.append(np.repeat((tip - root)[:, None], 5, axis=1))
    vertices, direction = np.concatenate(points), np.concatenate(along)
    direction /= np.linalg.norm(direction, axis=2, keepdims=True) + 1e-9
    triangles = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4]])
    ids = (np.arange(len(vertices)) * 5)[:, None, None] + triangles
    tint = np.minimum(person.brow_colour * 0.5, 0.03) * (1 - 0.6 * person.made_up)
    return Surface(
        Kind.HAIR,
        Label.EYES,
        pack_vertices(vertices.reshape(-1, 3), direction.reshape(-1, 3), tint=to_linear(np.zeros(3)) + tint),
        ids.reshape(-1, 3).astype(np.int32),
        solid=False,
    )
