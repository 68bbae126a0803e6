"""The texture of a drawn head with a known skin: the photo where it was seen, nothing empty, eyes of their colour."""

import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.geometry.camera import project
from facestudio.geometry.mesh import vertex_normals
from facestudio.landmarks.mesh478 import locate_faces
from facestudio.retrieval.gallery import face_gallery
from facestudio.retrieval.similar_heads import similar_heads
from facestudio.synthesis.studio import StudioPhoto, draw_head, head_atlas
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.atlas import work_size
from facestudio.texture.eyes import iris_colour
from facestudio.texture.fuse import Sitting, make_texture
from facestudio.texture.layout import texel_layout
from facestudio.texture.options import TextureOptions
from facestudio.texture.projection import project_texels
from facestudio.texture.regions import in_openings
from facestudio.training.template_points import studio_camera
from facestudio.values import Photo

SIZE = 512
IRIS = np.array([70.0, 110.0, 140.0])


@pytest.fixture(scope="module")
def shot():
    database, template = load_database(), load_template()
    head = database.vertices(5)
    atlas = head_atlas(template, head, database.skins[np.argsort(database.skins[:, 0])[60]], IRIS, 1024)
    camera = studio_camera(10, 0, 900)
    pixels = draw_head(topology(1), head, atlas, camera, ambient=1.0)
    return StudioPhoto(Photo(pixels, "drawn"), camera, head, np.zeros(52), atlas)


@pytest.fixture(scope="module")
def mesh(shot):
    return project(shot.camera, load_template().mesh478.points(shot.head))[0]


@pytest.fixture(scope="module")
def heads():
    database = load_database()
    gallery = face_gallery(database, load_template())
    return similar_heads(database, gallery, gallery.faces[5], excluded=frozenset({"studio-0005"}))


@pytest.fixture(scope="module")
def texture(shot, mesh, heads):
    sitting = Sitting(shot.photo, shot.camera, shot.head, shot.head, mesh)
    return make_texture(sitting, load_database(), heads, TextureOptions(SIZE))


def test_seen_texels_show_the_photo(shot, texture):
    import cv2

    truth = cv2.resize(shot.atlas, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float64)
    labels = texture.coverage.labels
    difference = np.abs(texture.pixels.astype(np.float64) - truth).mean(axis=2)
    assert np.median(difference[labels == 1]) < 4
    assert np.percentile(difference[labels == 1], 95) < 25


def test_the_face_is_seen_and_the_back_is_borrowed(texture):
    layout = texel_layout(SIZE)
    from facestudio.template.subdivision import topology

    places = layout.on_surface(topology(1).apply(load_template().vertices))
    label = texture.coverage.labels[layout.rows, layout.columns]
    cheek = (np.abs(places[:, 0]) < 45) & (places[:, 2] > 80) & (np.abs(places[:, 1] + 25) < 15)
    assert (label[cheek] == 1).mean() > 0.75  # a nostril's wing may be the other's mirror image
    assert (label[cheek] == 3).mean() < 0.12  # nostrils
    assert (label[places[:, 2] < -20] == 3).all()
    coverage = texture.coverage
    assert coverage.seen + coverage.mirrored + coverage.borrowed == pytest.approx(1.0)
    assert coverage.seen == pytest.approx((label == 1).mean(), abs=2e-3)
    assert 0.15 < coverage.seen < 0.5


def test_no_texel_is_empty(texture):
    assert texture.pixels.max(axis=2).min() > 0
    assert texture.poisson_residual <= 1e-4


def test_borrowed_skin_takes_the_sitters_tone(shot, texture):
    import cv2

    truth = cv2.resize(shot.atlas, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float64)
    layout = texel_layout(SIZE)
    places = layout.on_surface(topology(1).apply(load_template().vertices))
    neck = (places[:, 1] < -110) & layout.main
    mine = texture.pixels[layout.rows, layout.columns][neck].mean(axis=0)
    true = truth[layout.rows, layout.columns][neck].mean(axis=0)
    assert np.abs(mine - true).mean() < 28


def test_a_small_texture_shows_what_a_large_one_does(shot, mesh, heads):
    """Though it is worked out on a smaller atlas."""
    import cv2

    sitting = Sitting(shot.photo, shot.camera, shot.head, shot.head, mesh)
    small, large = (make_texture(sitting, load_database(), heads, TextureOptions(n)) for n in (1024, 2048))
    assert work_size(1024) < work_size(2048)
    inside = small.coverage.labels > 0
    half = cv2.resize(large.pixels, (1024, 1024), interpolation=cv2.INTER_AREA)
    difference = np.abs(small.pixels.astype(np.float64) - half).mean(axis=2)[inside]
    assert difference.mean() < 2.0
    assert np.percentile(difference, 99) < 15
    assert small.coverage.seen == pytest.approx(large.coverage.seen, abs=0.02)
    same = small.coverage.labels == cv2.resize(
        large.coverage.labels, (1024, 1024), interpolation=cv2.INTER_NEAREST
    )
    assert same[inside].mean() > 0.97


def test_iris_colour_is_read_from_the_photo(shot, mesh):
    for side in (0, 1):
        found = iris_colour(shot.photo.pixels, mesh, side)
        assert np.argmax(found) == 2  # blue, as painted
        assert np.abs(found - IRIS).max() < 45


def test_hidden_texels_are_not_visible(shot):
    layout = texel_layout(SIZE)
    surface = topology(1)
    dense = surface.apply(shot.head)
    side = project_texels(layout, dense, vertex_normals(dense, surface.quads), studio_camera(60, 0, 900))
    places = layout.on_surface(dense)
    # Turned so that the nose points to the right of the picture, the sitter's left cheek is hidden.
    cheek = (places[:, 2] > 50) & (places[:, 1] > -60) & (places[:, 1] < 0)
    left, right = cheek & (places[:, 0] > 50), cheek & (places[:, 0] < -50)
    assert side.visible[right].mean() > 0.8
    assert side.visible[left].mean() < 0.2


def test_openings_hold_pupils_and_not_cheeks(shot, mesh):
    pupils = mesh[[468, 473]].astype(np.float32)
    assert in_openings(pupils, mesh).all()
    assert not in_openings(mesh[[50, 280, 10, 152]].astype(np.float32), mesh).any()


def test_background_stays_out(shot, mesh):
    """Before a loud background no texel takes its colour."""
    loud = shot.photo.pixels.copy()
    loud[(loud == 118).all(axis=2)] = [255, 0, 255]
    database, template = load_database(), load_template()
    gallery = face_gallery(database, template)
    heads = similar_heads(database, gallery, gallery.faces[5])
    # Even if the outline is off by two pixels.
    shifted = np.roll(loud, 2, axis=1)
    sitting = Sitting(Photo(shifted, "loud"), shot.camera, shot.head, shot.head, mesh)
    out = make_texture(sitting, database, heads, TextureOptions(SIZE))
    pixels = out.pixels[texel_layout(SIZE).rows, texel_layout(SIZE).columns].astype(int)
    magenta = (pixels[:, 0] > pixels[:, 1] + 70) & (pixels[:, 2] > pixels[:, 1] + 70)
    assert magenta.sum() == 0


def test_landmarker_agrees_with_the_drawn_photo(shot, mesh):
    face = locate_faces(shot.photo, max_faces=1)[0]
    eyes = np.linalg.norm(mesh[33] - mesh[263])
    assert np.median(np.linalg.norm(face.mesh.points - mesh, axis=1)) < 0.05 * eyes
