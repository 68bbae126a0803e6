"""The values that travel between the stages: frozen, with read-only arrays.

Frames (see CONTEXT.md): *image* is pixels, x right, y down, the centre of the first pixel at (0, 0), after EXIF
rotation. *Head space* is right-handed, millimetres, +Y up, +Z out of the face, origin between the ears.
*Camera space* is OpenCV's: millimetres, x right, y down, z away from the lens. Colours are RGB.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Float32Array: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int32]
BoolArray: TypeAlias = NDArray[np.bool_]
ByteArray: TypeAlias = NDArray[np.uint8]

_T = TypeVar("_T", bound=np.generic)

FocalSource = Literal["exif", "default", "given", "estimated"]

ARKIT_NAMES: tuple[str, ...] = (
    *("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft"),
    *("eyeSquintLeft", "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight"),
    *("eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft"),
    *("jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft"),
    *("mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper"),
    *("mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft"),
    *("mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight"),
    *("browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft"),
    *("cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
"""The 52 ARKit expression shapes in the order of ARKit's documentation; left and right are the sitter's."""


def read_only(array: ArrayLike, dtype: type[_T]) -> NDArray[_T]:
    """Return a C-contiguous read-only view or copy of an array.

    Parameters
    ----------
    array, dtype
        Any shape; the scalar type wanted.

    Returns
    -------
    numpy.ndarray
        Same shape; the caller's own array stays writable (it is copied if it was).
    """
    result: NDArray[_T] = np.ascontiguousarray(array, dtype=dtype)
    if result.flags.writeable:
        if result is array or (isinstance(array, np.ndarray) and np.shares_memory(result, array)):
            result = result.copy()
        result.flags.writeable = False
    return result


def _freeze(value: object, **arrays: Any) -> None:
    """Replace array fields of a frozen dataclass by read-only ones: name=(dtype, shape with None for any)."""
    for name, (dtype, shape) in arrays.items():
        array = read_only(getattr(value, name), dtype)
        if len(shape) != array.ndim or any(
            n not in (None, m) for n, m in zip(shape, array.shape, strict=True)
        ):
            raise ValueError(f"{type(value).__name__}.{name}: shape {array.shape}, expected {shape}")
        object.__setattr__(value, name, array)


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as handed in, after EXIF rotation.

    Attributes
    ----------
    pixels
        (H, W, 3) uint8 RGB, read-only.
    name
        Short name without folder or ending; outputs are named after it.
    path
        The file it came from, if any.
    focal_px
        Focal length in pixels of `pixels`, from EXIF; None if unknown.
    """

    pixels: ByteArray
    name: str = "photo"
    path: Path | None = None
    focal_px: float | None = None

    def __post_init__(self) -> None:
        _freeze(self, pixels=(np.uint8, (None, None, 3)))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True)
class FaceBox:
    """Where a face is: corners in pixels of the image frame, and the detector's score 0..1."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return max(0.0, self.x1 - self.x0) * max(0.0, self.y1 - self.y0)


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points of one face in the image frame.

    Attributes
    ----------
    scheme
        Name of the LandmarkScheme: ibug68, xm2vts68, webmorph189 or mesh478.
    points, covariance
        (N, 2) float64, pixels; (N, 2, 2) float64, square pixels: how far a point may be off.
    moved
        (N,) bool: set by hand.
    method
        How they were found: mesh478, asm, combined, file, manual.
    drawn
        0..1, how likely the photo is drawn: there points lie where the template has them, else where people put them.
    """

    scheme: str
    points: FloatArray
    covariance: FloatArray
    moved: BoolArray
    method: str
    drawn: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.points)
        _freeze(
            self,
            points=(np.float64, (n, 2)),
            covariance=(np.float64, (n, 2, 2)),
            moved=(np.bool_, (n,)),
        )

    @classmethod
    def of(cls, scheme: str, points: ArrayLike, *, sigma: float, method: str) -> "Landmarks":
        """Make landmarks (N, 2) px with the same isotropic noise for all points, `sigma` px in each coordinate."""
        p = np.asarray(points, dtype=np.float64)
        covariance = np.broadcast_to(np.eye(2) * sigma**2, (len(p), 2, 2))
        return cls(scheme, p, covariance, np.zeros(len(p), dtype=np.bool_), method)

    def with_moved(self, index: int | NDArray[np.intp], position: ArrayLike) -> "Landmarks":
        """Return a copy with one or several points set by hand to `position` ((2,) or (K, 2) pixels)."""
        points = self.points.copy()
        moved = self.moved.copy()
        points[index] = np.asarray(position, dtype=np.float64)
        moved[index] = True
        return replace(self, points=points, moved=moved)


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """One face as the landmarker sees it.

    Attributes
    ----------
    box
        The detector's box, image frame.
    mesh
        Landmarks of scheme mesh478, pixels.
    mesh_z
        (478,) float64: MediaPipe's relative depth in pixels (towards the viewer is negative); not metric.
    expression
        (52,) float64, 0..1: ARKit coefficients in the order of the template's expression names (tongueOut is 0).
    presence
        0..1: how sure the landmarker is that it looks at a face.
    region
        The square it looked at: centre x, y and side, pixels, and turn, radians. None: that of the mesh.
    """

    box: FaceBox
    mesh: Landmarks
    mesh_z: FloatArray
    expression: FloatArray
    presence: float
    region: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        _freeze(self, mesh_z=(np.float64, (478,)), expression=(np.float64, (52,)))


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera, OpenCV convention: x_cam = rotation @ x_head + translation_mm; u = fx x/z + cx.

    Attributes
    ----------
    fx, fy, cx, cy
        Pixels, image frame.
    rotation
        (3, 3) float64, head space to camera space. A frontal upright face has diag(1, -1, -1).
    translation_mm
        (3,) float64, camera space.
    image_size
        (width, height) pixels.
    focal_source
        exif, default, given or estimated.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    rotation: FloatArray
    translation_mm: FloatArray
    image_size: tuple[int, int]
    focal_source: FocalSource = "default"

    def __post_init__(self) -> None:
        _freeze(self, rotation=(np.float64, (3, 3)), translation_mm=(np.float64, (3,)))


@dataclass(frozen=True)
class SimilarHead:
    """A database head found similar: its id, similarity 0..1 and weight (all weights sum to one)."""

    id: str
    similarity: float
    weight: float


@dataclass(frozen=True, eq=False)
class Coverage:
    """Where each texel of the skin came from.

    Attributes
    ----------
    labels
        (S, S) uint8, row 0 at the top (v = 1): 0 outside the skin's charts, 1 seen, 2 mirrored, 3 borrowed.
    seen, mirrored, borrowed
        Fractions of the skin's texels; they sum to one.
    confidence
        (S, S) uint8: how far each texel is to be trusted to be the sitter's, 0 to 255; None if that is not known.
    photos
        (S, S) uint8: which of several photos each texel comes from, counted from 0; None if there is but one.
    """

    labels: ByteArray
    seen: float
    mirrored: float
    borrowed: float
    confidence: ByteArray | None = None
    photos: ByteArray | None = None

    def __post_init__(self) -> None:
        _freeze(self, labels=(np.uint8, (None, None)))
        for name in ("confidence", "photos"):
            if getattr(self, name) is not None:
                _freeze(self, **{name: (np.uint8, self.labels.shape)})


@dataclass(frozen=True, eq=False)
class Texture:
    """The texture of a head.

    Attributes
    ----------
    pixels
        (S, S, 3) uint8 RGB, row 0 at v = 1.
    coverage
        Where each texel comes from.
    poisson_residual, poisson_size
        Relative residual of Poisson fusion, and the edge of the atlas it was solved on; 0 if there was none.
    donor
        Id of the database head whose skin is borrowed.
    hair_photo
        Of several photos with different hair: the number of the one whose hair was taken, from 0; else None.
    """

    pixels: ByteArray
    coverage: Coverage
    poisson_residual: float = 0.0
    poisson_size: int = 0
    donor: str = ""
    hair_photo: int | None = None

    def __post_init__(self) -> None:
        _freeze(self, pixels=(np.uint8, (None, None, 3)))

    @property
    def size(self) -> int:
        """Edge length in texels."""
        return self.pixels.shape[0]


@dataclass(frozen=True)
class Advice:
    """What about a photo limits its head: a word for programs, and for people a title, a sentence, what would help."""

    topic: str
    title: str
    text: str
    help: str


@dataclass(frozen=True, eq=False)
class PhotoFit:
    """One of several photos of a person, as the head was fitted to it; the fields are as in Photo and Head."""

    name: str
    camera: Camera
    expression: FloatArray
    landmarks: Landmarks

    def __post_init__(self) -> None:
        _freeze(self, expression=(np.float64, (52,)))


def with_expression(vertices: FloatArray, weights: FloatArray, deltas: NDArray[Any]) -> FloatArray:
    """Return vertices (V, 3) with expression shapes (52, V, 3) added by their weights (52,), mm; most are none."""
    out = np.array(vertices, dtype=np.float64)
    for shape in np.flatnonzero(weights):  # one by one: nothing is copied
        out += weights[shape] * deltas[shape]
    return out


@dataclass(frozen=True, eq=False)
class Head:
    """The result: a complete head on the template's topology, in head space, millimetres.

    Attributes
    ----------
    template_version
        Version of the template whose vertex order this follows.
    vertices
        (V, 3) float64 mm, neutral expression.
    expression
        (52,) float64 weights 0..1 of the ARKit shapes seen in the photo.
    expression_deltas
        (52, V, 3) float32 mm: this head's own ARKit shapes.
    camera
        The fitted camera of the photo.
    landmarks
        ibug68 points of the photo, pixels.
    landmarks_3d, landmarks_3d_posed
        (68, 3) float64 mm, the same points on the neutral and on the posed head.
    landmark_vertices
        (68,) int32: the template vertex nearest to each landmark.
    texture
        None while only the geometry is there.
    uncertainty_mm
        (V,) float32 mm: how far each vertex of the neutral head may be off, root mean square; None if not known.
    photos, advice
        All photos in their order, if there are several (the fields above are one's); what about them limits the head.
    """

    template_version: str
    vertices: FloatArray
    expression: FloatArray
    expression_deltas: Float32Array
    camera: Camera
    landmarks: Landmarks
    landmarks_3d: FloatArray
    landmarks_3d_posed: FloatArray
    landmark_vertices: IntArray
    similar_heads: tuple[SimilarHead, ...]
    landmark_method: str
    retrieval_method: str
    shape_method: str
    database: str
    texture: Texture | None = None
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])
    uncertainty_mm: Float32Array | None = None
    photos: tuple[PhotoFit, ...] = ()
    advice: tuple[Advice, ...] = ()

    def __post_init__(self) -> None:
        v = len(self.vertices)
        if self.uncertainty_mm is not None:
            _freeze(self, uncertainty_mm=(np.float32, (v,)))
        _freeze(
            self,
            vertices=(np.float64, (v, 3)),
            expression=(np.float64, (52,)),
            expression_deltas=(np.float32, (52, v, 3)),
            landmarks_3d=(np.float64, (68, 3)),
            landmarks_3d_posed=(np.float64, (68, 3)),
            landmark_vertices=(np.int32, (68,)),
        )

    def posed_vertices(self) -> FloatArray:
        """Return the vertices with the photo's expression, (V, 3) float64 mm, head space."""
        return with_expression(self.vertices, self.expression, self.expression_deltas)
