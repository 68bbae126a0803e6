"""Seen, mirrored, borrowed: mirrored is the mirror image, what covers the face stays out, hair is carried on."""

import cv2
import numpy as np
import pytest

from facestudio.database.model import load_database
from facestudio.database.skin_axes import with_values
from facestudio.errors import CancelledError
from facestudio.geometry.camera import project
from facestudio.photo import load_photo
from facestudio.pipeline.request import Request
from facestudio.pipeline.runner import Runner
from facestudio.retrieval.gallery import face_gallery
from facestudio.retrieval.similar_heads import similar_heads
from facestudio.synthesis.studio import draw_head, head_atlas
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.atlas import chart_mask, nearest_inside, work_size
from facestudio.texture.beard import beard, beard_amount
from facestudio.texture.colours import lab, skin_model
from facestudio.texture.coverage import COLOURS, coverage_picture
from facestudio.texture.crown import find_rim
from facestudio.texture.fuse import Sitting, make_texture
from facestudio.texture.hair import scalp_grid
from facestudio.texture.layout import texel_layout
from facestudio.texture.look import look_at
from facestudio.texture.masks import core_texels
from facestudio.texture.options import TextureOptions
from facestudio.training.template_points import studio_camera
from facestudio.values import Photo

SIZE = 512
HAIR = np.array([70, 42, 25])


@pytest.fixture(scope="module")
def heads():
    database, template = load_database(), load_template()
    gallery = face_gallery(database, template)
    return similar_heads(database, gallery, gallery.faces[5], excluded=frozenset({"studio-0005"}))


def _sitting(yaw=0.0, paint=None, hair=False, tilt=0.0, ambient=1.0, grown=None):
    """Draw head 5, with something painted on its atlas or on the photo; the fit is exact."""
    database, template = load_database(), load_template()
    head = database.vertices(5)
    skin = database.skins[np.argsort(database.skins[:, 0])[60]]
    if grown is not None:
        skin = with_values(skin, beard=grown)
    atlas = head_atlas(template, head, skin, np.array([70.0, 110, 140]), 1024)
    if hair:
        noise = np.random.default_rng(0).normal(0, 12, (1024, 1024, 1))
        strands = np.clip(HAIR + cv2.GaussianBlur(noise, (0, 0), 1.0)[..., None] * 3, 0, 255)
        share = np.clip(3 * scalp_grid(1024) - 1, 0, 1)[..., None]
        atlas = (atlas + (strands - atlas) * share).astype(np.uint8)
    camera = studio_camera(yaw, 0, 900)
    pixels = draw_head(topology(1), head, atlas, camera, tilt=tilt, ambient=ambient)
    mesh = project(camera, template.mesh478.points(head))[0]
    if paint is not None:
        pixels = paint(pixels.copy(), mesh)
    return Sitting(Photo(pixels, "drawn"), camera, head, head, mesh)


def _made(sitting, heads, **options):
    return make_texture(sitting, load_database(), heads, TextureOptions(SIZE, **options))


def test_coverage_sums_to_one_and_matches_its_labels(heads):
    coverage = _made(_sitting(), heads).coverage
    assert coverage.seen + coverage.mirrored + coverage.borrowed == pytest.approx(1)
    inside = chart_mask(SIZE)
    assert (coverage.labels[~inside] == 0).all()
    assert (coverage.labels[inside] > 0).all()
    for label, share in enumerate((coverage.seen, coverage.mirrored, coverage.borrowed), start=1):
        assert (coverage.labels[inside] == label).mean() == pytest.approx(share)
    assert coverage.confidence is not None
    trust = [coverage.confidence[coverage.labels == label].mean() for label in (1, 3)]
    assert trust[0] > 2 * trust[1]
    picture = coverage_picture(coverage)
    assert (picture[~inside] == 0).all()
    assert picture[coverage.labels == 1].max(axis=0).tolist() <= list(COLOURS["seen"])


def test_a_turned_head_is_mirrored_and_the_image_is_exact(heads):
    """Far from the border of what is seen, a mirrored texel is the seen texel on the other side plus a smooth level."""
    texture = _made(_sitting(40.0), heads, relight="keep")
    assert texture.coverage.mirrored > 0.03
    labels = texture.coverage.labels
    sure = cv2.erode((labels == 2).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    sure &= labels[:, ::-1] == 1
    assert sure.sum() > 300
    mine, source = texture.pixels.astype(np.float64), texture.pixels[:, ::-1].astype(np.float64)
    change = (mine - source).mean(axis=2)
    assert np.abs(np.median(change[sure])) < 12
    smooth = cv2.blur(change * sure, (9, 9)) / np.maximum(cv2.blur(sure.astype(np.float64), (9, 9)), 1e-6)
    assert np.abs(change - smooth)[sure].mean() < 1.5


def test_no_texel_is_empty_and_the_gutter_goes_on(heads):
    texture = _made(_sitting(), heads)
    inside = chart_mask(SIZE)
    wide = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert texture.pixels[wide].max(axis=1).min() > 0
    rim = wide & ~inside
    near = texture.pixels.reshape(-1, 3)[nearest_inside(inside)[rim]].astype(int)
    assert np.abs(texture.pixels[rim] - near).mean() < 5
    assert 0 < texture.poisson_residual <= 1e-4
    assert texture.poisson_size == work_size(SIZE) // 2


@pytest.mark.parametrize("thickness", [4, 9])
def test_frames_of_glasses_stay_out(heads, thickness):
    def glasses(pixels, mesh):
        span = np.linalg.norm(mesh[33] - mesh[263])
        for corners in ((33, 133), (263, 362)):
            middle = mesh[list(corners)].mean(axis=0) + np.array([0, 0.04 * span])
            low, high = middle - span * np.array([0.29, 0.2]), middle + span * np.array([0.29, 0.22])
            cv2.rectangle(
                pixels, low.astype(int).tolist(), high.astype(int).tolist(), (20, 20, 25), thickness
            )
        bridge = (mesh[133] + mesh[362]) / 2
        cv2.line(
            pixels,
            (bridge - np.array([18, 0])).astype(int).tolist(),
            (bridge + np.array([18, 0])).astype(int).tolist(),
            (20, 20, 25),
            thickness,
        )
        return pixels

    def dark(texture):
        layout = texel_layout(SIZE)
        places = layout.on_surface(topology(1).apply(load_template().vertices))
        # Below the eyes and on the bridge: no brows, no lashes.
        cheek = (places[:, 1] < 9) & (places[:, 1] > -45) & (places[:, 2] > 60) & (np.abs(places[:, 0]) < 60)
        pixels = texture.pixels[layout.rows, layout.columns][cheek].astype(float)
        return (pixels.mean(axis=1) < 0.55 * np.median(pixels.mean(axis=1))).sum()

    plain, with_frames = _made(_sitting(), heads), _made(_sitting(paint=glasses), heads)
    pasted = _made(_sitting(paint=glasses), heads, method="paste")
    assert dark(pasted) > dark(plain) + 250
    assert dark(with_frames) < dark(plain) + 0.1 * (dark(pasted) - dark(plain))


def test_what_covers_one_cheek_is_mirrored_from_the_other(heads):
    def blob(pixels, mesh):
        cv2.circle(pixels, mesh[425].astype(int).tolist(), 35, (40, 90, 220), -1)
        return pixels

    texture = _made(_sitting(paint=blob), heads)
    pixels = texture.pixels[chart_mask(SIZE)].astype(int)
    assert (pixels[:, 2] > pixels[:, 0] + 40).sum() == 0
    assert texture.coverage.mirrored > 0.003


def test_the_photos_hair_is_carried_on_over_the_scalp(heads):
    sitting = _sitting(hair=True)
    layout = texel_layout(SIZE)
    back = (scalp_grid(SIZE)[layout.rows, layout.columns] > 0.9) & layout.main
    places = layout.on_surface(topology(1).apply(load_template().vertices))
    back &= places[:, 2] < -20
    found = {mode: _made(sitting, heads, scalp=mode) for mode in ("photo", "stubble", "bald")}
    colour = {mode: t.pixels[layout.rows, layout.columns][back].mean(axis=0) for mode, t in found.items()}
    face = found["bald"].pixels[layout.rows, layout.columns][places[:, 2] > 90].mean(axis=0)
    assert np.abs(colour["photo"] - HAIR).max() < 25
    assert colour["photo"].mean() < colour["stubble"].mean() < colour["bald"].mean()
    assert np.abs(colour["bald"] - face).max() < 45
    # Strands, not a flat colour.
    grey = found["photo"].pixels.astype(np.float32).mean(axis=2)
    fine = (grey - cv2.GaussianBlur(grey, (0, 0), 2.0))[layout.rows, layout.columns][back]
    assert fine.std() > 1.0


def _without_light(sitting):
    look = look_at(sitting.photo, sitting.camera, sitting.vertices, sitting.mesh, SIZE)
    return look, look.colours


def test_the_hairs_colour_is_read_off_the_rim_of_the_head():
    """Though a band of a loud colour covers most of it, and the fitted skull is too small."""

    def band(pixels, mesh):
        top, low = mesh[10], mesh[152]
        height = low[1] - top[1]
        centre = (int(top[0]), int(top[1] - 0.16 * height))
        cv2.ellipse(pixels, centre, (int(0.3 * height), int(0.09 * height)), 0, 180, 360, (60, 40, 190), -1)
        return pixels

    for paint in (None, band):
        sitting = _sitting(hair=True, paint=paint)
        look, colours = _without_light(sitting)
        skin = skin_model(lab(colours), core_texels(look))
        rim = find_rim(look, sitting.photo.pixels, skin, lab(np.full((1, 3), 118, dtype=np.float32)))
        assert rim is not None
        assert rim.hair
        assert np.abs(rim.tone - HAIR).max() < 25
    bald = _sitting()
    look, colours = _without_light(bald)
    skin = skin_model(lab(colours), core_texels(look))
    rim = find_rim(look, bald.photo.pixels, skin, lab(np.full((1, 3), 118, dtype=np.float32)))
    assert rim is None or np.linalg.norm(rim.tone - HAIR) > 60
    assert find_rim(look, bald.photo.pixels, None, np.zeros((0, 3), np.float32)) is None


def test_a_beard_goes_on_where_the_photo_does_not_show_it(heads):
    """The borrowed jaw of a bearded sitter is darker than the neck, a shaven one's is not."""
    layout = texel_layout(SIZE)
    density = beard(SIZE)
    found = {}
    for amount in (0.0, 1.0):
        sitting = _sitting(grown=amount)
        look, colours = _without_light(sitting)
        assert (beard_amount(look, colours, core_texels(look)) > 0.5) == (amount > 0)
        texture = _made(sitting, heads)
        grey = texture.pixels[layout.rows, layout.columns].mean(axis=1)
        borrowed = texture.coverage.labels[layout.rows, layout.columns] == 3
        below = (look.rest[:, 1] < -110) & (density < 0.02) & layout.main
        found[amount] = float(grey[borrowed & (density > 0.6)].mean() / grey[borrowed & below].mean())
    assert found[1.0] < 0.92 * found[0.0]


@pytest.mark.parametrize("hair", [False, True])
def test_background_is_no_hair_where_the_fit_is_too_large(heads, hair):
    """The fitted skull reaches 8 mm beyond the photo's: what shows there is a loud background."""

    def loud(pixels, mesh):
        pixels[(pixels == 118).all(axis=2)] = [255, 0, 255]
        return pixels

    sitting = _sitting(paint=loud, hair=hair)
    large = sitting.vertices.copy()
    large[:, 1] *= 1 + 0.09 * np.clip((large[:, 1] - 30) / 60, 0, 1)
    texture = _made(Sitting(sitting.photo, sitting.camera, large, large, sitting.mesh), heads)
    pixels = texture.pixels[chart_mask(SIZE)].astype(int)
    magenta = (pixels[:, 0] > pixels[:, 1] + 70) & (pixels[:, 2] > pixels[:, 1] + 70)
    assert magenta.sum() == 0


def test_paste_is_the_photo_on_an_unmatched_skin(heads):
    texture = _made(_sitting(), heads, method="paste")
    assert texture.poisson_size == 0
    assert texture.coverage.mirrored == 0


def test_a_photo_without_a_visible_face_gives_a_whole_texture(heads):
    """A camera that looks at the back of the head."""
    sitting = _sitting(180.0)
    texture = _made(Sitting(sitting.photo, sitting.camera, sitting.vertices, sitting.neutral, None), heads)
    assert texture.coverage.seen < 0.02
    assert texture.pixels[chart_mask(SIZE)].max(axis=1).min() > 0


def test_can_be_cancelled_inside(heads):
    sitting = _sitting()
    for last in (1, 4, 8, 16):
        calls = iter(range(1, 1000))

        def stop(calls=calls, last=last):
            if next(calls) == last:
                raise CancelledError("cancelled")

        with pytest.raises(CancelledError):
            make_texture(sitting, load_database(), heads, TextureOptions(SIZE), stop)


def test_the_same_input_gives_the_same_texture(heads):
    sitting = _sitting(hair=True)
    one, other = _made(sitting, heads), _made(sitting, heads)
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_no_bald_spots_within_the_photos_hair(checkout):
    """Shining hair of the bundled portrait is as pale as its skin."""
    photo = load_photo(checkout / "resources" / "samples" / "collins.jpg")
    texture = Runner().run(Request(photo, texture_size=512)).head.texture
    assert texture is not None
    layout = texel_layout(512)
    places = layout.on_surface(topology(1).apply(load_template().vertices))
    crown = (scalp_grid(512)[layout.rows, layout.columns] > 0.9) & layout.main & (places[:, 1] > 60)
    colours = texture.pixels[layout.rows, layout.columns].astype(float)
    # Blue against red tells skin from blond hair, however bright either is.
    tint = colours[:, 2] / np.maximum(colours[:, 0], 1)
    face, hair = np.median(tint[layout.main & (places[:, 2] > 90)]), np.median(tint[crown])
    assert hair < 0.55 * face
    assert (tint[crown] > 0.88 * face).mean() < 0.05


def test_hard_shine_is_taken_off_unless_the_light_is_kept(heads):
    """A white spot on the forehead loses most of what it is brighter by; the cheeks stay as they are."""

    def flash(pixels, mesh):
        spot = np.zeros(pixels.shape[:2], np.float32)
        cv2.circle(spot, tuple(np.rint(mesh[151]).astype(int).tolist()), 30, 1.0, -1)
        share = 0.8 * cv2.GaussianBlur(spot, (0, 0), 6)[..., None]
        return (dark(pixels, mesh) * (1 - share) + 255 * share).astype(np.uint8)

    def dark(pixels, mesh):
        return pixels // 2

    def change(relight):
        lit, plain = (_made(_sitting(paint=paint), heads, relight=relight).pixels for paint in (flash, dark))
        return lit.astype(np.float64).mean(axis=2) - plain.mean(axis=2)

    kept, dulled = change("keep"), change("even")
    spot = kept > 25
    assert spot.sum() > 50
    assert dulled[spot].mean() < 0.6 * kept[spot].mean()
    assert np.abs(dulled[~spot]).mean() < 1.5


def test_a_hat_is_no_hair(heads):
    """What stands on the head in the photo leaves no trace on the scalp, and the forehead below it is kept."""
    red = (190, 25, 30)

    def hat(pixels, mesh):
        brows, chin = mesh[[70, 300]].mean(axis=0), mesh[152]
        height = np.linalg.norm(chin - brows)
        middle = brows - np.array([0, 0.75 * height])
        shade = np.linspace(0.75, 1.1, pixels.shape[1])[None, :, None]
        mask = np.zeros(pixels.shape[:2], np.uint8)
        axes = (int(0.85 * height), int(0.55 * height))
        cv2.ellipse(mask, middle.astype(int).tolist(), axes, 0, 0, 360, 1, -1)
        return np.where(mask[..., None] > 0, np.clip(np.array(red) * shade, 0, 255), pixels).astype(np.uint8)

    texture = _made(_sitting(paint=hat), heads)
    pixels = texture.pixels[chart_mask(SIZE)].astype(float)
    assert (pixels[:, 0] > 2.2 * np.maximum(pixels[:, 1], 20)).mean() < 0.002
    assert texture.coverage.seen > 0.1
