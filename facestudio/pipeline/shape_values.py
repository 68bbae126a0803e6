"""What the stages landmarks and shape find."""

from dataclasses import dataclass

from facestudio.values import Camera, DetectedFace, Float32Array, FloatArray, Landmarks, with_expression


@dataclass(frozen=True, eq=False)
class Located:
    """What stage landmarks found: the face (None if points were given and none was found) and the 68 points."""

    face: DetectedFace | None
    located: Landmarks | None
    landmarks: Landmarks


@dataclass(frozen=True, eq=False)
class Shape:
    """What stage shape found.

    Camera, neutral vertices (V, 3) mm, expression (52,), its shapes (52, V, 3) mm, and how far each vertex may be off,
    (V,) mm.
    """

    camera: Camera
    vertices: FloatArray
    expression: FloatArray
    expression_deltas: Float32Array
    method: str
    uncertainty_mm: Float32Array

    def posed(self) -> FloatArray:
        """Return the head as it stands in the photo, (V, 3) mm."""
        return with_expression(self.vertices, self.expression, self.expression_deltas)
