"""Trains the segmenter of photos.

It reads the layers of two networks that were trained on real people (see `texture.segmenter`), from coarse to fine, as
U-Nets do (O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image segmentation",
2015). Only the reader learns; the networks stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.extras import extra_module
from facestudio.texture.segmenter import FACE_LAYERS, PERSON_LAYERS, SQUARE_SIZE, Part, seen_layers
from facestudio.training.optimise import Schedule, export_onnx, optimise
from facestudio.training.segmenter_data import Example, Scenes, plain, varied

_WIDTHS = {128: 16, 64: 24, 32: 32, 16: 48}  # channels of the reader at each number of places a side
_FACE_WIDTHS = {64: 12, 32: 16, 16: 24, 8: 32}  # channels that the landmarker's layers are reduced to
_WEIGHTS = (1.0, 1.0, 1.3, 1.7, 1.7)  # of the parts: what is rare counts more
_BATCH, _RATE, _DECAY = 8, 4e-3, 1e-3
_WARM = 0.05
_FORGOTTEN = (
    0.15  # share of the layers' channels that are left out at random, so that it relies on none alone
)


@dataclass(frozen=True)
class SegmenterReport:
    """How the training went.

    Attributes
    ----------
    photos, steps
        Learnt from, and taken.
    overlap
        Intersection over union of each `Part` on the squares left out, by name.
    """

    photos: int
    steps: int
    overlap: dict[str, float]


def _library(name: str) -> Any:
    return extra_module(name, "train", "Training the segmenter")


def make_network() -> Any:
    """Return an untrained reader: a dictionary of layers (see `seen_layers`) to the parts' scores (N, 5, S, S)."""
    torch = _library("torch")
    nn = torch.nn

    def block(before: int, after: int, kernel: int = 3) -> Any:
        return nn.Sequential(
            nn.Conv2d(before, after, kernel, 1, kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()
        )

    def taken(channels: int, wanted: int) -> Any:
        # The layers have any scale: they are brought to one first.
        return nn.Sequential(
            nn.BatchNorm2d(channels, affine=False), nn.Dropout2d(_FORGOTTEN), block(channels, wanted, 1)
        )

    class Reader(nn.Module):  # pyright: ignore[reportUntypedBaseClass]
        def __init__(self) -> None:
            super().__init__()
            self.fold, self.unfold = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
            self.face, self.person, self.read = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
            before = 0
            for person, face in zip(reversed(PERSON_LAYERS), reversed(FACE_LAYERS), strict=True):
                side, half = _side(person), _side(face)
                width = _WIDTHS[side]
                self.person[person] = taken(PERSON_LAYERS[person], width)
                self.face[face] = taken(FACE_LAYERS[face], _FACE_WIDTHS[half])
                joined = before + width + _FACE_WIDTHS[half] + (12 if side == 128 else 0)
                self.read[person] = nn.Sequential(
                    block(joined, width, 1), block(width, width), block(width, width)
                )
                before = width
            self.score = nn.Conv2d(before, 4 * len(Part), 1)
            self.grow = nn.Upsample(scale_factor=2, mode="nearest")

        def forward(self, layers: dict[str, Any]) -> Any:
            up = None
            for person, face in zip(reversed(PERSON_LAYERS), reversed(FACE_LAYERS), strict=True):
                edge = _side(face) // 2
                parts = [
                    self.person[person](layers[person]),
                    nn.functional.pad(self.face[face](layers[face]), (edge,) * 4),
                ]
                if up is not None:
                    parts.append(self.grow(up))
                if _side(person) == 128:
                    parts.append(self.fold(2 * layers["image"] - 1))
                up = self.read[person](torch.cat(parts, 1))
            return self.unfold(self.score(up))

    return Reader()


def _side(layer: str) -> int:
    return int(layer.rsplit("_", 1)[1])


def _tensors(examples: list[Example]) -> tuple[dict[str, Any], Any]:
    torch = _library("torch")
    seen = [seen_layers(one.square, one.inner) for one in examples]
    layers = {name: torch.from_numpy(np.concatenate([one[name] for one in seen])) for name in seen[0]}
    return layers, torch.from_numpy(np.stack([one.parts for one in examples])).long()


def train_segmenter(
    scenes: Scenes,
    left_out: Scenes,
    steps: int,
    seed: int,
    kept: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Any, SegmenterReport]:
    """Train a segmenter.

    Parameters
    ----------
    scenes, left_out
        To learn from, and to measure on.
    steps
        Of 8 photos each.
    seed
        Of weights, order and variations.
    kept
        Where the state is kept every 100 steps, and taken up again; None for nowhere.
    say
        Called with a line of progress.
    """
    torch = _library("torch")
    torch.manual_seed(seed)
    network = make_network()
    loss_of = torch.nn.CrossEntropyLoss(weight=torch.tensor(_WEIGHTS))

    def loss(rng: np.random.Generator) -> Any:
        chosen = rng.integers(0, len(scenes.images), _BATCH)
        layers, part = _tensors([varied(scenes, int(number), rng) for number in chosen])
        return loss_of(network(layers), part)

    optimise(network, loss, Schedule(steps, seed, _RATE, _DECAY, _WARM, kept), say)
    return network, SegmenterReport(len(scenes.images), steps, overlaps(network, left_out))


def overlaps(network: Any, scenes: Scenes) -> dict[str, float]:
    """Return the intersection over union of each part on photos as they are, by name."""
    torch = _library("torch")
    network.eval()
    table = np.zeros((len(Part), len(Part)), dtype=np.int64)
    with torch.no_grad():
        for number in range(len(scenes.images)):
            layers, part = _tensors([plain(scenes, number)])
            found = network(layers).argmax(dim=1).numpy()
            np.add.at(table, (part.numpy().reshape(-1), found.reshape(-1)), 1)
    both = np.diag(table)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    return {part.name.lower(): float(both[part] / max(int(either[part]), 1)) for part in Part}


def save_onnx(network: Any, report: SegmenterReport, path: Path) -> None:
    """Write a trained segmenter: the inputs are the layers of `seen_layers` by name, the output `shares` (1, 5, S, S).

    Weights are kept in half precision.
    """
    torch = _library("torch")
    inputs = {"image": (1, 3, SQUARE_SIZE, SQUARE_SIZE)}
    inputs |= {name: (1, n, _side(name), _side(name)) for name, n in (PERSON_LAYERS | FACE_LAYERS).items()}

    class Whole(torch.nn.Module):  # pyright: ignore[reportUntypedBaseClass]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *layers: Any) -> Any:
            return torch.softmax(self.network(dict(zip(inputs, layers, strict=True))), dim=1)

    texts = {"parts": ",".join(part.name.lower() for part in Part), "photos": str(report.photos)}
    export_onnx(Whole(), inputs, "shares", texts, path, _halve)


def _halve(model: Any) -> None:
    """Keep the large weights of an ONNX model in half precision, with a cast back before they are used."""
    onnx, numpy_helper = _library("onnx"), _library("onnx.numpy_helper")
    for one in list(model.graph.initializer):
        values = numpy_helper.to_array(one)
        if values.dtype != np.float32 or values.size < 256:
            continue
        name = one.name
        half = numpy_helper.from_array(values.astype(np.float16), name + ".half")
        model.graph.initializer.remove(one)
        model.graph.initializer.append(half)
        model.graph.node.insert(
            0, onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT)
        )
