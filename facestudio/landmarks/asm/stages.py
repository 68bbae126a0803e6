"""The stages of the local search: what each point's surroundings look like, and where the points go.

A stage looks at each point with descriptors of two sizes, reduced to their principal components. Of *local
experts* each reads the components of its point and of its neighbours, and a ridge regression says where the point
really is: for this a hundred photos are enough. A *network* reads those of all points and the shape of the mesh,
and needs thousands.
"""

from dataclasses import dataclass

import numpy as np

from facestudio.landmarks.asm.canvas import describe
from facestudio.values import Float32Array, FloatArray, IntArray, read_only


def describe_sizes(maps: Float32Array, points: FloatArray, cells: FloatArray) -> Float32Array:
    """Return the descriptors of points in several sizes, side by side, (N, C * LENGTH) float32."""
    return np.concatenate([describe(maps, points, cell) for cell in cells.tolist()], axis=1)


def reduce_descriptors(
    descriptors: Float32Array, centre: Float32Array, basis: Float32Array, spread: FloatArray
) -> tuple[Float32Array, FloatArray]:
    """Return the components (N, P) of descriptors (N, D), and their novelty (N,).

    The novelty is the length of what the components leave of a descriptor, relative to training's: 1 is usual.
    """
    off = descriptors - centre
    components = np.asarray((off[:, None] @ basis)[:, 0], dtype=np.float32)
    left = np.maximum((off**2).sum(axis=1) - (components**2).sum(axis=1), 0)
    return components, np.sqrt(left.astype(np.float64)) / spread


@dataclass(frozen=True, eq=False)
class Looking:
    """How a stage looks at the points; lengths are canvas pixels.

    Attributes
    ----------
    cells
        (C,) float64: sizes of the descriptors' cells.
    centre
        (N, D) float32: mean of the descriptors, D = C * LENGTH.
    basis
        (N, D, P) float32: their principal components.
    spread
        (N,) float64: root mean square of what the components leave of a descriptor, over training.
    """

    cells: FloatArray
    centre: Float32Array
    basis: Float32Array
    spread: FloatArray

    def __post_init__(self) -> None:
        for name in ("centre", "basis"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        for name in ("cells", "spread"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    def components(self, maps: Float32Array, points: FloatArray) -> tuple[Float32Array, FloatArray]:
        """Return the components (N, P) of the points' descriptors, and how unlike training each is, (N,)."""
        return reduce_descriptors(
            describe_sizes(maps, points, self.cells), self.centre, self.basis, self.spread
        )


@dataclass(frozen=True, eq=False)
class ExpertStage(Looking):
    """A stage of local experts.

    Attributes
    ----------
    neighbours
        (N, Q) int32: whose components each expert reads, its own first.
    weights
        (N, Q * P, 2) float32.
    bias
        (N, 2) float32.
    """

    neighbours: IntArray
    weights: Float32Array
    bias: Float32Array

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("weights", "bias"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))
        object.__setattr__(self, "neighbours", read_only(self.neighbours, np.int32))

    def step(self, components: Float32Array, view: FloatArray) -> FloatArray:
        """Return the displacement (N, 2) that the experts propose; they do not need the mesh's shape."""
        read = components[self.neighbours].reshape(len(self.neighbours), 1, -1)
        return (read @ self.weights)[:, 0].astype(np.float64) + self.bias


@dataclass(frozen=True, eq=False)
class NetworkStage(Looking):
    """A stage that looks at the whole face at once: two hidden layers of rectified units.

    Attributes
    ----------
    layers
        Weights (inputs, outputs) and biases (outputs,) float32, in turn, three times. Inputs are the components of
        all points and the shape of the mesh, outputs the displacements (x, y of each point).
    """

    layers: tuple[Float32Array, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "layers", tuple(read_only(a, np.float32) for a in self.layers))

    def step(self, components: Float32Array, view: FloatArray) -> FloatArray:
        """Return the displacement (N, 2) of the points, given their components and the mesh's shape (K,)."""
        inputs = network_inputs(components[None], view[None])
        return forward(self.layers, inputs)[0].reshape(-1, 2).astype(np.float64)


Stage = ExpertStage | NetworkStage


def network_inputs(components: Float32Array, view: FloatArray) -> Float32Array:
    """Return the inputs (M, N P + K) of components (M, N, P) and shapes of the mesh (M, K)."""
    flat = components.reshape(len(components), -1)
    return np.concatenate([flat, view.astype(np.float32)], axis=1, dtype=np.float32)


def forward(layers: tuple[Float32Array, ...], inputs: Float32Array) -> Float32Array:
    """Return the outputs (M, 2 N) of inputs (M, D)."""
    value = inputs
    for i in range(0, len(layers) - 2, 2):
        value = np.maximum(value @ layers[i] + layers[i + 1], np.float32(0))
    return np.asarray(value @ layers[-2] + layers[-1], dtype=np.float32)
