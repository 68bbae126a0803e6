from dataclasses import replace

import cv2
import numpy as np
import pytest

from facestudio.errors import UsageError
from facestudio.geometry.camera import head_rotation, project
from facestudio.geometry.mesh import triangulate
from facestudio.geometry.raster import rasterise
from facestudio.render import offscreen
from facestudio.render.lighting import FLAT, Light, Lighting, Style
from facestudio.render.offscreen import (
    OffscreenRenderer,
    background_picture,
    over,
    render_photo,
    render_views,
)
from facestudio.render.scene import (
    MODES,
    VIEWS,
    Background,
    Marks,
    camera_of_view,
    frame_mesh,
    mesh_of_faces,
)
from facestudio.values import Camera


@pytest.fixture
def camera():
    """A lens that is neither centred nor square, and a turned head."""
    return Camera(
        fx=820.0,
        fy=790.0,
        cx=150.0,
        cy=112.0,
        rotation=head_rotation(0.35, 0.1, -0.2),
        translation_mm=np.array([14.0, -9.0, 900.0]),
        image_size=(320, 240),
    )


def _tags():
    """Small squares in different places of head space, all facing +Z: (their centres, a mesh of them)."""
    rng = np.random.default_rng(0)
    centres = rng.uniform((-70, -60, -40), (70, 60, 40), (12, 3))
    corners = np.array([[-1.5, -1.5, 0], [1.5, -1.5, 0], [1.5, 1.5, 0], [-1.5, 1.5, 0]])
    vertices = (centres[:, None] + corners).reshape(-1, 3)
    return centres, vertices, np.arange(48, dtype=np.int32).reshape(12, 4)


def test_pinhole_camera_is_exact(renderer, camera):
    """The centre of gravity of each square's picture is where its middle is projected to."""
    centres, vertices, quads = _tags()
    expected, _ = project(camera, centres)
    for centre, quad in zip(expected, quads, strict=True):
        renderer.set_mesh(mesh_of_faces(vertices[quad], np.array([[0, 1, 2, 3]], dtype=np.int32)))
        alpha = renderer.layer(camera, Style(supersample=4))[..., 3].astype(float)
        y, x = np.mgrid[:240, :320]
        found = np.array([(alpha * x).sum(), (alpha * y).sum()]) / alpha.sum()
        np.testing.assert_allclose(found, centre, atol=0.1)


def test_coverage_is_that_of_the_z_buffer(renderer, ball_mesh, camera):
    renderer.set_mesh(ball_mesh)
    alpha = renderer.layer(camera, Style(supersample=1))[..., 3]
    pixels, depth = project(camera, ball_mesh.positions)
    raster = rasterise(pixels, depth, ball_mesh.triangles, camera.image_size, perspective=True)
    assert set(np.unique(alpha)) == {0, 255}
    # OpenGL rounds corners to 1/256 pixel: centres that close to the outline may differ.
    assert ((alpha > 0) != raster.covered).mean() < 1e-3


@pytest.mark.gl
@pytest.mark.parametrize("mode", MODES)
def test_both_renderers_agree(gl_renderer, ball_mesh, checks, mode):
    framing = frame_mesh(ball_mesh.positions, (256, 192))
    marks = Marks(ball_mesh.positions[::150], np.array([1.0, 0.4, 0.2]))
    with OffscreenRenderer("software") as software:
        for r in (gl_renderer, software):
            r.set_mesh(ball_mesh)
            r.set_texture(checks)
        for name in ("front", "45-left", "top"):
            view = camera_of_view(VIEWS[name], framing, (256, 192))
            one, other = (
                r.layer(view, Style(mode=mode, marks=marks)).astype(int) for r in (gl_renderer, software)
            )
            difference = np.abs(one - other)
            assert difference.mean() < (1.5 if mode == "wireframe" else 0.3)
            assert (difference.max(axis=2) > 24).mean() < (0.03 if mode == "wireframe" else 0.002)


@pytest.mark.gl
@pytest.mark.parametrize("mode", ["textured", "clay"])
def test_both_renderers_shade_by_one_formula(gl_renderer, ball_mesh, mode):
    """Wet and matt, open and hidden places, every lamp: no pixel away from the outline differs visibly."""
    height, side = (ball_mesh.positions[:, 1:2] / 120).T[0], (ball_mesh.positions[:, 0:1] / 80).T[0]
    mesh = replace(
        ball_mesh, gloss=np.clip(0.5 + 0.5 * height, 0, 1), occlusion=np.clip(0.5 + 0.5 * side, 0, 1)
    )
    framing = frame_mesh(mesh.positions, (160, 160))
    with OffscreenRenderer("software") as software:
        for r in (gl_renderer, software):
            r.set_mesh(mesh)
        for name in ("front", "45", "back", "top"):
            view = camera_of_view(VIEWS[name], framing, (160, 160))
            one, other = (r.layer(view, Style(mode=mode, supersample=1)) for r in (gl_renderer, software))
            both = cv2.erode(np.minimum(one, other)[..., 3], np.ones((5, 5))) == 255
            difference = np.abs(one.astype(int) - other)[both]
            assert len(difference) > 4000
            assert difference.max() <= 3
            assert difference.mean() < 0.3


@pytest.mark.gl
def test_both_renderers_agree_on_a_texture_seen_small(gl_renderer, ball_mesh):
    """Far more texels than pixels: both must average them (a fine checkerboard becomes one even tone)."""
    board = (np.indices((2048, 2048)).sum(axis=0) % 2)[..., None] * np.uint8([200, 200, 200])
    framing = frame_mesh(ball_mesh.positions, (96, 96))
    view = camera_of_view(VIEWS["front"], framing, (96, 96))
    with OffscreenRenderer("software") as software:
        for r in (gl_renderer, software):
            r.set_mesh(ball_mesh)
            r.set_texture(board.astype(np.uint8))
            middle = r.layer(view, Style(lighting=FLAT))[30:66, 36:60, :3]
            assert middle.std() < 12


def test_flat_light_shows_the_textures_own_colour(renderer, ball_mesh, camera):
    renderer.set_mesh(ball_mesh)
    renderer.set_texture(np.full((64, 64, 3), (200, 120, 40), dtype=np.uint8))
    layer = renderer.layer(camera, Style(lighting=FLAT))
    inside = layer[layer[..., 3] == 255][:, :3].astype(int)
    assert len(inside) > 1000
    assert np.abs(inside - (200, 120, 40)).max() <= 1


def test_vertex_colours_stand_in_for_a_texture(renderer, ball, camera):
    vertices, quads, _ = ball
    colours = np.broadcast_to(np.float32([0.2, 0.6, 0.4]), vertices.shape)
    renderer.set_mesh(mesh_of_faces(vertices, quads, colours=colours))
    layer = renderer.layer(camera, Style(lighting=FLAT))
    inside = layer[layer[..., 3] == 255][:, :3].astype(int)
    assert np.abs(inside - (51, 153, 102)).max() <= 1


def test_texture_is_the_right_way_up(renderer, ball_mesh):
    texture = np.full((64, 64, 3), (10, 20, 200), dtype=np.uint8)
    texture[:32] = (200, 20, 10)  # the upper half, v > 0.5
    texture[:, :8] = (0, 255, 0)  # u near 0: the person's right, the left of the picture
    framing = frame_mesh(ball_mesh.positions, (120, 120))
    renderer.set_mesh(ball_mesh)
    renderer.set_texture(texture)
    picture = renderer.layer(camera_of_view(VIEWS["front"], framing, (120, 120)), Style(lighting=FLAT))
    row, column = np.nonzero(picture[..., 3] == 255)
    assert picture[row.min() + 2, 60, 0] > picture[row.min() + 2, 60, 2]
    assert picture[row.max() - 2, 60, 2] > picture[row.max() - 2, 60, 0]
    assert picture[60, column.min(), 1] > 200
    assert picture[60, column.max(), 1] < 60


def test_lamps_stand_where_the_viewer_sees_them(renderer, ball_mesh):
    """A lamp on the viewer's left lights the left of the picture, in every view."""
    left = Lighting((0.1,) * 3, (0.1,) * 3, (Light((-1, 0, 0.3), (0.8,) * 3),))
    framing = frame_mesh(ball_mesh.positions, (100, 100))
    renderer.set_mesh(ball_mesh)
    for name in ("front", "side", "back", "left"):
        picture = renderer.layer(
            camera_of_view(VIEWS[name], framing, (100, 100)), Style(mode="clay", lighting=left)
        )
        row = picture[50, picture[50, :, 3] == 255, 0].astype(int)
        assert row[: len(row) // 2].mean() > 1.4 * row[len(row) // 2 :].mean()


def test_views_face_where_they_say(renderer, ball_mesh):
    """The nose points right in the right view, left in the left one; front and back are alike in outline."""
    framing = frame_mesh(ball_mesh.positions, (200, 200))
    renderer.set_mesh(ball_mesh)

    def outline(name):
        alpha = renderer.layer(camera_of_view(VIEWS[name], framing, (200, 200)))[..., 3] > 127
        columns = np.flatnonzero(alpha.any(axis=0))
        rows = np.flatnonzero(alpha.any(axis=1))
        return columns[0], columns[-1], rows[0], rows[-1]

    right, left, back = outline("right"), outline("left"), outline("back")
    assert right[1] - 100 > 100 - left[1] + 5 or right[1] == 199 - left[0]
    assert outline("side") == right
    assert right[0] == pytest.approx(199 - left[1], abs=1)
    nose_right = ball_mesh.positions[np.argmax(ball_mesh.positions[:, 2])]
    assert project(camera_of_view(VIEWS["right"], framing, (200, 200)), nose_right[None])[0][0, 0] > 160
    assert project(camera_of_view(VIEWS["45"], framing, (200, 200)), nose_right[None])[0][0, 0] > 130
    assert back[0] == pytest.approx(199 - back[1], abs=1)


@pytest.mark.parametrize("size", [(320, 200), (200, 320), (64, 64)])
def test_every_view_fits_the_picture(ball_mesh, size):
    framing = frame_mesh(ball_mesh.positions, size)
    reach = []
    for view in VIEWS.values():
        pixels, depth = project(camera_of_view(view, framing, size), ball_mesh.positions)
        assert depth.min() > 0
        assert (pixels > 0).all()
        assert (pixels < np.array(size) - 1).all()
        reach.append(np.ptp(pixels, axis=0) / size)
    assert np.max(reach) > 0.75


def test_back_faces_are_lit_as_seen(renderer, ball, camera):
    """An open surface seen from behind is as bright as a surface that faces the viewer."""
    vertices, quads, _ = ball
    triangles = triangulate(quads)
    pictures = []
    for faces, sign in ((triangles, 1), (triangles[:, ::-1], -1)):
        mesh = mesh_of_faces(vertices, faces)
        assert np.sign((mesh.normals * vertices).sum(axis=1)).mean() == pytest.approx(sign)
        renderer.set_mesh(mesh)
        pictures.append(renderer.layer(camera, Style(mode="clay")).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 3


def test_marks_are_round_in_place_and_fade_behind_the_head(renderer, ball_mesh):
    framing = frame_mesh(ball_mesh.positions, (200, 200))
    view = camera_of_view(VIEWS["front"], framing, (200, 200))
    tip = ball_mesh.positions[np.argmax(ball_mesh.positions[:, 2])]
    behind = np.array([30.0, 40.0, -40.0])
    places, _ = project(view, np.stack([tip, behind]))
    renderer.set_mesh(ball_mesh)
    plain = renderer.layer(view, Style(mode="clay")).astype(int)
    marked = renderer.layer(
        view,
        Style(mode="clay", marks=Marks(np.stack([tip, behind]), np.array([1.0, 0.0, 0.0])), mark_size=10),
    ).astype(int)
    changed = np.abs(marked - plain).sum(axis=2)
    y, x = np.mgrid[:200, :200]
    for place in places:
        near = np.hypot(x - place[0], y - place[1]) < 8
        weight = changed * near
        centre = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        np.testing.assert_allclose(centre, place, atol=0.35)
        # The disc fills most of its bounding circle: pi * 5^2 pixels.
        assert 55 < (weight > 20).sum() < 100
    (tx, ty), (bx, by) = np.rint(places).astype(int)
    assert marked[ty, tx, 0] > 240
    assert marked[ty, tx, 1] < 15
    assert changed[ty, tx] > 2 * changed[by, bx] > 0
    far = np.minimum(*(np.hypot(x - p[0], y - p[1]) for p in places)) > 8
    assert changed[far].max() == 0


def test_wireframe_shows_quads_without_diagonals(renderer):
    square = np.array([[-40, -40, 0], [40, -40, 0], [40, 40, 0], [-40, 40, 0]], dtype=float)
    mesh = mesh_of_faces(square, np.array([[0, 1, 2, 3]], dtype=np.int32))
    assert len(mesh.edges) == 4
    framing = frame_mesh(mesh.positions, (120, 120))
    view = camera_of_view(VIEWS["front"], framing, (120, 120))
    renderer.set_mesh(mesh)
    picture = renderer.layer(view, Style(mode="wireframe", line_width=2)).astype(int)
    (x0, y0), (x1, y1) = project(view, square[[3, 1]])[0]
    inside = picture[int(y0) + 4 : int(y1) - 3, int(x0) + 4 : int(x1) - 3, :3]
    assert np.ptp(inside) < 60  # even: no diagonal
    assert inside.mean() > picture[60, round(x0), :3].mean() + 60


def test_layer_and_picture_belong_together(renderer, ball_mesh, camera):
    renderer.set_mesh(ball_mesh)
    backdrop = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    layer = renderer.layer(camera)
    picture = renderer.picture(camera, background=backdrop)
    np.testing.assert_array_equal(picture, over(layer, backdrop))
    outside, inside = layer[..., 3] == 0, layer[..., 3] == 255
    np.testing.assert_array_equal(picture[outside], backdrop[outside])
    np.testing.assert_array_equal(picture[inside], layer[inside][:, :3])
    assert (layer[..., :3] <= layer[..., 3:]).all()  # premultiplied


def test_a_new_mesh_and_no_texture_replace_the_old(renderer, ball, ball_mesh, checks, camera):
    renderer.set_mesh(ball_mesh)
    first = renderer.layer(camera)
    renderer.set_texture(checks)
    assert (renderer.layer(camera) != first).any()
    vertices, quads, uvs = ball
    renderer.set_mesh(mesh_of_faces(vertices * 0.5, quads, uvs=uvs))
    assert renderer.layer(camera)[..., 3].sum() < 0.5 * first[..., 3].sum()
    renderer.set_mesh(ball_mesh)
    renderer.set_texture(None)
    np.testing.assert_array_equal(renderer.layer(camera), first)


def test_same_picture_twice_is_the_same(renderer, ball_mesh, checks, camera):
    renderer.set_mesh(ball_mesh)
    renderer.set_texture(checks)
    np.testing.assert_array_equal(renderer.picture(camera), renderer.picture(camera))


def test_render_views_and_photo(ball_mesh, checks, camera):
    pictures = render_views(
        ball_mesh, checks, [VIEWS["front"], VIEWS["45"]], (80, 60), backend="software", background=(9, 8, 7)
    )
    assert [p.shape for p in pictures] == [(60, 80, 3)] * 2
    assert {p.dtype for p in pictures} == {np.dtype(np.uint8)}
    assert all((p[0, 0] == (9, 8, 7)).all() for p in pictures)
    photo = render_photo(ball_mesh, checks, camera, backend="software", mode="clay", supersample=1)
    assert photo.shape == (240, 320, 3)


def test_backgrounds():
    gradient = background_picture(Background((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), (40, 100))
    assert gradient.shape == (100, 40, 3)
    assert gradient[0, :, 0].min() > 250
    assert gradient[-1, :, 2].min() > 250
    np.testing.assert_array_equal(background_picture(None, (8, 6)), background_picture(None, (8, 6)))
    with pytest.raises(ValueError, match="background"):
        background_picture(np.zeros((5, 5, 3), dtype=np.uint8), (8, 6))


def test_without_opengl_auto_draws_in_software_and_gl_says_why(monkeypatch, ball_mesh, camera):
    def refuse():
        raise RuntimeError("no driver")

    monkeypatch.setattr(offscreen, "_GlTarget", refuse)
    with OffscreenRenderer("auto") as renderer:
        assert renderer.backend == "software"
        renderer.set_mesh(ball_mesh)
        assert renderer.layer(camera)[..., 3].any()
    with pytest.raises(UsageError, match="no driver"):
        OffscreenRenderer("gl")


def test_a_layer_needs_a_mesh(renderer, camera):
    with pytest.raises(ValueError, match="mesh"):
        renderer.layer(camera)


@pytest.mark.gl
def test_contexts_can_be_nested(gl_renderer, ball_mesh, camera):
    """A second renderer gives the first its context back."""
    gl_renderer.set_mesh(ball_mesh)
    before = gl_renderer.layer(camera)
    with OffscreenRenderer("gl") as other:
        other.set_mesh(ball_mesh)
        np.testing.assert_array_equal(other.layer(camera), before)
        np.testing.assert_array_equal(gl_renderer.layer(camera), before)
    np.testing.assert_array_equal(gl_renderer.layer(camera), before)
