"""Synthetic photos one by one: draw a person, a camera, light and all around, render, and keep the truth."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache

import cv2
import numpy as np

from facestudio.errors import UsageError
from facestudio.geometry.camera import camera_position, head_angles, head_rotation, project
from facestudio.geometry.mesh import vertex_normals
from facestudio.render.photo_gl import PhotoRenderer
from facestudio.render.photo_scene import PhotoLayers, Surface
from facestudio.synthesis.background import draw_background
from facestudio.synthesis.beard import beard_surface, draw_beard
from facestudio.synthesis.camera import draw_camera
from facestudio.synthesis.clothes import torso_surfaces
from facestudio.synthesis.expression import draw_expression, pose_head
from facestudio.synthesis.glasses import glasses_surfaces
from facestudio.synthesis.hair import draw_hair, hair_surface
from facestudio.synthesis.hats import draw_hat, hat_surfaces
from facestudio.synthesis.head import eye_axes, head_surfaces, iris_angles, iris_points, tuck_lining
from facestudio.synthesis.lens import apply_finish, draw_finish
from facestudio.synthesis.light import draw_light
from facestudio.synthesis.noise import grain
from facestudio.synthesis.occluders import occluder_surfaces
from facestudio.synthesis.person import draw_person
from facestudio.synthesis.population import draw_identity, draw_skin
from facestudio.synthesis.scalp import head_reach, root_sites
from facestudio.synthesis.skin import mean_face_colour, neck_colour, paint_skin
from facestudio.synthesis.skinmaps import point_texels, skin_maps
from facestudio.synthesis.truth import SyntheticPhoto, Truth, ibug68_points, rounded, visibility
from facestudio.template.model import PointMap, load_template
from facestudio.values import ByteArray, Camera, Float32Array, FloatArray

SMALLEST, LARGEST = 64, 2048
_GLASSES, _HAT, _OCCLUDER = 0.22, 0.09, 0.08  # shares of photos
_FINENESS = 1.375


@lru_cache(maxsize=1)
def _root_lips() -> FloatArray:
    """How much each root site is lip, (N,) 0..1."""
    sites, size = root_sites(), 256
    texels = point_texels(load_template(), PointMap(sites.vertices, sites.weights), size)
    lips = cv2.dilate(skin_maps(size).lips, np.ones((3, 3), np.uint8))
    x, y = np.clip(np.rint(texels), 0, size - 1).astype(int).T
    return np.asarray(lips, dtype=np.float64)[y, x] / 255.0


def new_renderer() -> PhotoRenderer:
    """Return a renderer for `draw_photo`; it can draw any number of photos in one thread.

    Raises
    ------
    UsageError
        If there is no OpenGL here.
    """
    return PhotoRenderer(grain())


def check_size(size: int) -> None:
    """Refuse sizes that cannot be drawn.

    Raises
    ------
    UsageError
        If it is not from SMALLEST to LARGEST.
    """
    if not SMALLEST <= size <= LARGEST:
        raise UsageError(f"photos of {size} pixels: from {SMALLEST} to {LARGEST} can be drawn")


def draw_photo(
    renderer: PhotoRenderer, seed: int, index: int, size: int = 512, *, held_out: bool = False
) -> SyntheticPhoto:
    """Draw one photo. It depends on seed, index, size and population alone.

    Parameters
    ----------
    renderer
        From `new_renderer`.
    seed, index
        Which photo: index counts from 0.
    size
        Edge, pixels.
    held_out
        Of the population kept for judging.

    Raises
    ------
    UsageError
        If the size cannot be drawn.
    ModelError
        If the template, the database or the AlbedoModel is missing or damaged.
    """
    check_size(size)
    template = load_template()
    rng = np.random.default_rng([seed, index, int(held_out)])
    atlas = 896 if size > 640 else 640 if size > 320 else 448 if size > 256 else 320
    identity = draw_identity(rng, held_out)
    skin = draw_skin(rng, atlas)
    person = draw_person(rng, 1 - float(mean_face_colour(skin).mean()) / 255)
    camera = draw_camera(rng, size)
    eye = camera_position(camera)
    neutral = rounded(identity.vertices)
    middle = np.mean([eye_axes(template, neutral, side)[0] for side in (0, 1)], axis=0)
    to_lens = eye - middle
    towards = (
        float(np.arctan2(to_lens[0], to_lens[2])),
        float(np.arctan2(to_lens[1], np.hypot(*to_lens[[0, 2]]))),
    )
    expression = draw_expression(rng, towards)
    posed = pose_head(template, neutral, expression)
    normals = vertex_normals(posed, template.quads)
    posed = rounded(tuck_lining(posed, normals))

    hat = draw_hat(rng) if rng.random() < _HAT else None
    hair = draw_hair(rng, person, under_hat=hat is not None)
    beard = draw_beard(rng, person)
    painted = paint_skin(rng, skin, person, stubble=beard.shade, hair=hair.cover)
    angles = iris_angles(template, neutral, person)
    light = draw_light(rng, camera)
    texels = 192 if size > 640 else 128 if size > 320 else 96
    level = 1 if size > 320 else 0
    surfaces = head_surfaces(rng, posed, normals, painted, person, angles, camera, level, texels)
    reach = head_reach(posed)
    down, detail = -light.light.up, 1.0 if size > 320 else 0.5 if size > 256 else 0.4
    mesh = template.mesh478.points(posed)
    mesh[468:] = iris_points(template, posed, angles)
    worn: dict[str, str] = {"cut": hair.cut, "beard": beard.style, "hat": "", "glasses": "", "occluder": ""}
    if hat is None or hat.below is not None:
        grown = hair_surface(
            rng,
            hair,
            person,
            posed,
            normals,
            reach,
            eye,
            down,
            detail=detail,
            below=hat.below if hat else None,
        )
        surfaces += [grown] if grown is not None else []
    grown = beard_surface(rng, beard, person, posed, normals, _root_lips(), reach, eye, down, detail)
    surfaces += [grown] if grown is not None else []
    if hat is not None:
        worn["hat"] = hat.name
        surfaces += hat_surfaces(rng, hat, reach)
    if rng.random() < _GLASSES * (0.7 + 0.6 * person.age):
        middles = np.stack([eye_axes(template, posed, side)[0] for side in (0, 1)])
        worn["glasses"], found = glasses_surfaces(rng, mesh, middles, reach)
        surfaces += found
    colour = mean_face_colour(painted.pixels)
    if rng.random() < _OCCLUDER:
        worn["occluder"], found = occluder_surfaces(rng, mesh, reach, colour)
        surfaces += found
    worn["clothes"], found = _torso(
        rng, posed, camera, neck_colour(painted.pixels), 1.3 if size > 320 else 1.0
    )
    surfaces += found

    centre = np.array([0.0, 0.0, 15.0])
    layers = renderer.draw(surfaces, camera, light.light, centre, _FINENESS)
    background, picture = draw_background(rng, size)
    finish = draw_finish(rng, size)
    image = apply_finish(rng, _over(layers, picture), finish)

    jaw_points, anchored = ibug68_points(template, posed, camera)
    yaw, pitch, roll = np.degrees(head_angles(camera.rotation))
    distance = float(np.linalg.norm(eye - middle))
    truth = Truth(
        camera=camera,
        neutral=neutral,
        vertices=posed,
        identity=identity.coefficients,
        expression=expression.weights,
        gaze=expression.gaze,
        ibug68=project(camera, jaw_points)[0],
        ibug68_visibility=visibility(jaw_points, camera, layers.depth, layers.labels),
        jaw_anchored=project(camera, anchored)[0],
        mesh478=project(camera, mesh)[0],
        mesh478_visibility=visibility(mesh, camera, layers.depth, layers.labels),
        light=light.light,
        notes={
            "seed": seed,
            "index": index,
            "population": "held-out" if held_out else "training",
            "head_id": identity.head_id,
            "database": identity.database,
            "template_version": template.version,
            **worn,
            "background": background,
            "light": light.name,
            "expression": expression.name,
            "iris_mm": person.iris_mm,
            "hair": person.hair_name,
            "skin": [round(float(c), 1) for c in colour],
            "age": person.age,
            "distance_mm": distance,
            "yaw": float(yaw),
            "pitch": float(pitch),
            "roll": float(roll),
            "finish": asdict(finish),
        },
    )
    return SyntheticPhoto(image, layers.labels, finish.quality, truth)


def _torso(
    rng: np.random.Generator, posed: FloatArray, camera: Camera, colour: FloatArray, fineness: float
) -> tuple[str, list[Surface]]:
    """Neck and shoulders: they turn with the head only in part, and stay upright."""
    yaw, pitch, roll = head_angles(camera.rotation)
    follow = rng.uniform(0.25, 1.0)
    upright = head_rotation(
        yaw * follow + rng.normal(0, 0.12), pitch * rng.uniform(0.4, 0.9), roll * rng.uniform(0.1, 0.6)
    )
    pivot = posed[list(_neck_rim())].mean(axis=0)
    return torso_surfaces(rng, posed, pivot, camera.rotation.T @ upright, colour, fineness=fineness)


@lru_cache(maxsize=1)
def _neck_rim() -> tuple[int, ...]:
    """Return the template's vertices at the foot of the neck."""
    template = load_template()
    skin = template.material_vertices("skin")
    low = template.vertices[skin, 1] < -115
    return tuple(int(v) for v in skin[low])


def _over(layers: PhotoLayers, background: ByteArray) -> Float32Array:
    clear = cv2.cvtColor(cv2.bitwise_not(layers.colour[..., 3]), cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(background, clear, scale=1 / 255)
    return np.asarray(
        cv2.add(behind, cv2.cvtColor(layers.colour, cv2.COLOR_RGBA2RGB), dtype=cv2.CV_32F), dtype=np.float32
    )


def generate(
    count: int, seed: int, *, size: int = 512, held_out: bool = False, first: int = 0
) -> Iterator[SyntheticPhoto]:
    """Draw photos without writing them.

    Parameters
    ----------
    count
        How many.
    seed
        Of the series: photo i of a seed is always the same.
    size
        Edge, pixels.
    held_out
        From the population kept for judging, of which no head, skin or draw is in the other.
    first
        Index of the first photo.

    Raises
    ------
    UsageError
        If there is no OpenGL here, or the size cannot be drawn.
    ModelError
        If the template, the database or the AlbedoModel is missing or damaged.
    """
    check_size(size)
    with new_renderer() as renderer:
        for index in range(first, first + count):
            yield draw_photo(renderer, seed, index, size, held_out=held_out)
