"""The face reader: what the landmarker's own network saw says at once where all points of a face are.

The local experts look at edges around each point; the layers of the network know folds, outlines and light of the whole
face. A linear reading of them at points spread over the mesh, learnt from few photos, finds the points about as well as
the experts do, and errs elsewhere: the mean of both is better than either (docs/adr/0045).
"""

from dataclasses import dataclass

import numpy as np

from facestudio.landmarks.mesh_features import see_region
from facestudio.landmarks.refiner import RefinerStep
from facestudio.landmarks.region import Region
from facestudio.values import ByteArray, Float32Array, FloatArray, IntArray, read_only


@dataclass(frozen=True, eq=False)
class FaceReader:
    """Reads the points of a face from what the landmarker saw.

    Attributes
    ----------
    chosen
        (P,) int32: the mesh points at which the layers are read.
    channels
        (CHANNELS, C) float32: what is kept of them.
    step
        From what is seen at P points to the way of each point from where the search begins, crop pixels.
    share
        (N,) 0..1: how much the reader counts for each point; the rest is the experts'.
    """

    chosen: IntArray
    channels: Float32Array
    step: RefinerStep
    share: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "chosen", read_only(self.chosen, np.int32))
        object.__setattr__(self, "channels", read_only(self.channels, np.float32))
        object.__setattr__(self, "share", read_only(self.share, np.float64))

    def read(self, pixels: ByteArray, region: Region, mesh: FloatArray, begin: FloatArray) -> FloatArray:
        """Return where the points are.

        Parameters
        ----------
        pixels
            (H, W, 3) uint8 RGB.
        region
            What the landmarker looked at when it saw the mesh.
        mesh
            (478, 2) pixels.
        begin
            (N, 2) pixels: where the search begins.

        Returns
        -------
        numpy.ndarray
            (N, 2) float64 pixels.

        Raises
        ------
        ModelError
            If the landmarker's model or ONNX Runtime is missing.
        """
        face = see_region(pixels, region)
        seen = face.at(face.places(mesh, np.arange(len(mesh), dtype=np.int32))[self.chosen])
        matrix = region.crop_to_image()
        return begin + self.step.shift(seen, self.channels) @ matrix[:, :2].T

    @property
    def fits(self) -> bool:
        """Whether its tables fit together."""
        return self.step.fits(len(self.chosen), self.channels, len(self.share))
