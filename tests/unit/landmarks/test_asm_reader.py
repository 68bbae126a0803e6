"""The face reader's step, from the picture looked at to the photo."""

from dataclasses import replace

import numpy as np

from facestudio.landmarks.asm.reader import FaceReader
from facestudio.landmarks.mesh_features import CHANNELS
from facestudio.landmarks.refiner import RefinerStep
from facestudio.landmarks.region import Region
from facestudio.values import DetectedFace, Photo

POINTS, COUNT = 150, 5


def test_a_step_of_the_reader_turns_and_grows_with_the_face(
    collins: Photo, collins_face: DetectedFace
) -> None:
    """Its step is in pixels of the crop, upright; in the photo it is turned as the face is."""
    mesh = collins_face.mesh.points
    assert collins_face.region is not None
    region = Region(*collins_face.region)
    fields = np.zeros((1, 2 * COUNT), np.float32)
    step = RefinerStep(
        np.zeros((POINTS, CHANNELS), np.float32),
        np.zeros((POINTS * 2, 1), np.float32),
        fields,
        np.tile([2.0, 0], COUNT),
    )
    chosen = np.arange(POINTS, dtype=np.int32)
    reader = FaceReader(chosen, np.zeros((CHANNELS, 2), np.float32), step, np.ones(COUNT))
    assert reader.fits
    assert not replace(reader, chosen=chosen[:-1]).fits
    begin = mesh[:COUNT]
    moved = reader.read(collins.pixels, region, mesh, begin) - begin
    along = 2 * region.side / 256 * np.array([np.cos(region.angle), np.sin(region.angle)])
    np.testing.assert_allclose(moved, np.tile(along, (COUNT, 1)), atol=1e-9)
