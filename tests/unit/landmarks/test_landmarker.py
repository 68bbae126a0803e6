"""Looking at a face: the last look is kept, and never mistaken for another one."""

import numpy as np

from facestudio.landmarks import landmarker
from facestudio.landmarks.detector import detect_faces
from facestudio.landmarks.landmarker import LAYERS, look_at
from facestudio.landmarks.mesh478 import locate_face
from facestudio.landmarks.region import Region
from facestudio.values import DetectedFace, Photo


def test_the_layers_behind_the_points_of_a_face_are_at_hand(collins: Photo) -> None:
    (candidate,) = detect_faces(collins)
    face = locate_face(collins, candidate)
    assert face.region is not None
    region = Region(*face.region)
    kept = look_at(collins.pixels, region)
    assert kept is look_at(collins.pixels, region)
    assert [layer.shape[0] for layer in kept.layers] == list(LAYERS.values())
    landmarker._last = None
    anew = look_at(collins.pixels, region)
    assert anew is not kept
    for one, other in zip((*kept.layers, kept.points), (*anew.layers, anew.points), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_region_photo_or_mirror_image_is_looked_at_anew(
    collins: Photo, collins_face: DetectedFace
) -> None:
    assert collins_face.region is not None
    x, y, side, angle = collins_face.region
    kept = look_at(collins.pixels, Region(x, y, side, angle))
    assert look_at(collins.pixels, Region(x + 1, y, side, angle)) is not kept
    kept = look_at(collins.pixels, Region(x, y, side, angle))
    mirrored = look_at(collins.pixels, kept.region, mirrored=True)
    assert np.abs(mirrored.layers[0] - kept.layers[0]).max() > 0.1
    assert look_at(collins.pixels, kept.region) is kept


def test_a_picture_that_can_change_is_always_looked_at(collins: Photo, collins_face: DetectedFace) -> None:
    assert collins_face.region is not None
    region = Region(*collins_face.region)
    pixels = collins.pixels.copy()
    before = look_at(pixels, region)
    pixels[:] = 255 - pixels
    after = look_at(pixels, region)
    assert np.abs(after.points - before.points).max() > 0.5
