"""HeadRenderer in a context made by someone else, as the viewer uses it."""

import numpy as np
import pytest

from facestudio.render.scene import (
    VIEWS,
    Background,
    camera_of_view,
    clip_planes,
    frame_mesh,
    mesh_of_faces,
    projection_matrix,
    view_matrix,
)

pytestmark = pytest.mark.gl

SIZE = (96, 64)


@pytest.fixture
def context():
    """An EGL context with a framebuffer bound: (renderer, draw) where draw returns (H, W, 4)."""
    try:
        from facestudio.render.egl import EglContext

        egl = EglContext()
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"no OpenGL here: {error}")
    from facestudio.render.gl import GL, HeadRenderer

    egl.enter()
    framebuffer = GL.glGenFramebuffers(1)
    GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, framebuffer)
    buffers = GL.glGenRenderbuffers(2)
    for buffer, kind, place in zip(
        buffers,
        (GL.GL_RGBA8, GL.GL_DEPTH24_STENCIL8),
        (GL.GL_COLOR_ATTACHMENT0, GL.GL_DEPTH_STENCIL_ATTACHMENT),
        strict=True,
    ):
        GL.glBindRenderbuffer(GL.GL_RENDERBUFFER, buffer)
        GL.glRenderbufferStorage(GL.GL_RENDERBUFFER, kind, *SIZE)
        GL.glFramebufferRenderbuffer(GL.GL_FRAMEBUFFER, place, GL.GL_RENDERBUFFER, buffer)
    renderer = HeadRenderer()
    renderer.initialise()

    def draw(mesh, **options):
        camera = camera_of_view(VIEWS["front"], frame_mesh(mesh.positions, SIZE), SIZE)
        projection = projection_matrix(camera, *clip_planes(camera, mesh.positions))
        renderer.draw(view_matrix(camera), projection, size=SIZE, framebuffer=int(framebuffer), **options)
        pixels = np.empty((SIZE[1], SIZE[0], 4), dtype=np.uint8)
        GL.glReadPixels(0, 0, *SIZE, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, pixels)
        return pixels[::-1].astype(int)

    yield renderer, draw
    renderer.release()
    assert GL.glGetError() == GL.GL_NO_ERROR
    egl.leave()
    egl.close()


def test_moved_positions_draw_like_a_new_mesh(context, ball):
    renderer, draw = context
    vertices, quads, uvs = ball
    moved = mesh_of_faces(vertices * (1.2, 0.7, 1.0), quads, uvs=uvs)
    original = mesh_of_faces(vertices, quads, uvs=uvs)
    renderer.upload_mesh(moved)
    expected = draw(moved, mode="clay")
    renderer.upload_mesh(original)
    assert (draw(moved, mode="clay") != expected).any()
    renderer.update_positions(moved.positions, moved.normals)
    np.testing.assert_array_equal(draw(moved, mode="clay"), expected)


def test_a_moving_head_looks_as_one_at_rest(context, ball_mesh, checks):
    """Lit at its vertices, with roots in place of powers; a ball of few triangles is the hardest case."""
    renderer, draw = context
    renderer.upload_mesh(ball_mesh)
    for texture in (checks, None):
        renderer.upload_texture(texture)
        for mode in ("textured", "clay", "unlit"):
            quick, full = draw(ball_mesh, mode=mode, quick=True), draw(ball_mesh, mode=mode)
            np.testing.assert_array_equal(quick[..., 3], full[..., 3])
            inside = full[..., 3] == 255
            apart = np.abs(quick - full)[inside][:, :3]
            assert apart.mean() < 4
            if mode == "unlit":
                assert apart.max() <= 3
    np.testing.assert_array_equal(
        draw(ball_mesh, mode="normals", quick=True), draw(ball_mesh, mode="normals")
    )


def test_positions_of_another_mesh_are_refused(context, ball_mesh):
    renderer, _ = context
    with pytest.raises(ValueError, match="upload"):
        renderer.update_positions(ball_mesh.positions, ball_mesh.normals)
    renderer.upload_mesh(ball_mesh)
    with pytest.raises(ValueError, match="upload"):
        renderer.update_positions(ball_mesh.positions[1:], ball_mesh.normals[1:])


def test_background_gradient_fills_the_picture(context, ball_mesh):
    renderer, draw = context
    empty = draw(ball_mesh, background=Background((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    assert (empty[..., 3] == 255).all()
    assert empty[0, :, 0].min() > 250
    assert empty[-1, :, 2].min() > 250
    assert (np.diff(empty[:, 5, 0]) <= 1).all()
    renderer.upload_mesh(ball_mesh)
    assert (draw(ball_mesh)[0, 0] == 0).all()  # none: transparent


def test_what_others_left_switched_on_does_not_show(context, ball, ball_mesh):
    """Qt's own painting leaves blending, culling, scissors and masks as it likes."""
    from facestudio.render.gl import GL

    renderer, draw = context
    renderer.upload_mesh(ball_mesh)
    expected = draw(ball_mesh, mode="clay")
    # Something nearer was drawn before.
    renderer.upload_mesh(mesh_of_faces(ball[0] * 1.3, ball[1]))
    draw(ball_mesh)
    renderer.upload_mesh(ball_mesh)
    for switch in (GL.GL_BLEND, GL.GL_CULL_FACE, GL.GL_SCISSOR_TEST, GL.GL_STENCIL_TEST):
        GL.glEnable(switch)
    GL.glScissor(0, 0, 5, 5)
    GL.glCullFace(GL.GL_FRONT)
    GL.glDepthMask(GL.GL_FALSE)
    GL.glColorMask(GL.GL_FALSE, GL.GL_TRUE, GL.GL_FALSE, GL.GL_TRUE)
    GL.glDepthFunc(GL.GL_NEVER)
    np.testing.assert_array_equal(draw(ball_mesh, mode="clay"), expected)


def test_offscreen_pictures_between_paints_do_not_disturb(context, ball_mesh):
    """A screenshot is drawn in a context of its own and gives the viewer's back."""
    from facestudio.render.offscreen import OffscreenRenderer

    renderer, draw = context
    renderer.upload_mesh(ball_mesh)
    expected = draw(ball_mesh, mode="clay")
    camera = camera_of_view(VIEWS["45"], frame_mesh(ball_mesh.positions, SIZE), SIZE)
    with OffscreenRenderer("gl") as other:
        other.set_mesh(ball_mesh)
        assert other.layer(camera)[..., 3].any()
        np.testing.assert_array_equal(draw(ball_mesh, mode="clay"), expected)
    np.testing.assert_array_equal(draw(ball_mesh, mode="clay"), expected)


def test_release_and_initialise_again(context, ball_mesh, checks):
    renderer, draw = context
    renderer.upload_mesh(ball_mesh)
    renderer.upload_texture(checks)
    expected = draw(ball_mesh)
    renderer.release()
    renderer.initialise()
    renderer.upload_mesh(ball_mesh)
    renderer.upload_texture(checks)
    np.testing.assert_array_equal(draw(ball_mesh), expected)
