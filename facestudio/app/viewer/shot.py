"""What the view shows, as one value: whoever draws needs nothing else, in whatever thread."""

from dataclasses import dataclass, field

import numpy as np

from facestudio.app.viewer.figure import Figure
from facestudio.app.viewer.orbit import Pose, camera_of
from facestudio.geometry.camera import fitted_camera
from facestudio.render.lighting import Lighting
from facestudio.render.scene import Background, Framing, Marks, Mode
from facestudio.values import Camera, FloatArray


def _no_weights() -> FloatArray:
    return np.zeros(52)


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture of a head.

    Attributes
    ----------
    number
        Of the figure: higher is newer.
    figure
        The head.
    pose, framing
        Where from.
    photo_area
        (x0, y0, x1, y1) pixels of the photo: seen from the photo's own camera, with this area fitted into the
        picture; None to look from `pose`.
    mode, lighting
        What the surface shows, and in which light (None for the mode's own).
    uncertain
        In place of the coverage, show how far each part may be off.
    background, marks
        Behind it and on it.
    weights
        (52,) float64: added to the expression that the figure has.
    anaglyph
        For red and cyan glasses.
    """

    number: int
    figure: Figure
    pose: Pose
    framing: Framing
    photo_area: tuple[float, float, float, float] | None = None
    mode: Mode = "textured"
    lighting: Lighting | None = None
    background: Background = field(default_factory=Background)
    marks: Marks | None = None
    weights: FloatArray = field(default_factory=_no_weights)
    anaglyph: bool = False
    uncertain: bool = False

    @property
    def shown_mode(self) -> Mode:
        """The mode that can be drawn: without a texture, clay."""
        if self.uncertain and self.figure.uncertainty is None:
            return "clay"
        needs_texture = self.mode in ("textured", "unlit", "coverage")
        return "clay" if needs_texture and self.figure.texture is None else self.mode

    def camera(self, size: tuple[int, int]) -> Camera:
        """Return the camera for a picture (width, height) of pixels."""
        if self.photo_area is not None:
            return fitted_camera(self.figure.head.camera, self.photo_area, size)
        return camera_of(self.pose, self.framing, size)
