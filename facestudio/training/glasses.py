"""Trains the small network that tells where glasses are in a window around the eyes.

A U-Net (O. Ronneberger, P. Fischer, T. Brox, 2015) of three levels, by cross-entropy and the Dice overlap.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.extras import extra_module
from facestudio.texture.glasses import WINDOW, GlassesWindow
from facestudio.training.glasses_data import Windows, plain, varied
from facestudio.training.optimise import Schedule, export_onnx, optimise

_WIDTHS = (16, 24, 40)
_BATCH, _RATE, _DECAY, _WARM = 16, 4e-3, 1e-3, 0.05
_RARE = 2.0  # frames are few pixels


@dataclass(frozen=True)
class GlassesReport:
    """How the training went.

    Attributes
    ----------
    photos, steps
        Learnt from, and taken.
    overlap
        Intersection over union of frames, on photos left out.
    found
        Share of the photos left out with glasses in which some are found.
    false_alarms
        Share of those without in which some are.
    """

    photos: int
    steps: int
    overlap: float
    found: float
    false_alarms: float


def _library(name: str) -> Any:
    return extra_module(name, "train", "Training the network that tells glasses")


def make_network() -> Any:
    """Return an untrained network: windows (N, 3, 96, 256) of 0..1 to scores (N, 1, 96, 256)."""
    torch = _library("torch")
    nn = torch.nn

    def block(before: int, after: int) -> Any:
        parts: list[Any] = []
        for channels in (before, after):
            parts += [nn.Conv2d(channels, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*parts)

    class Reader(nn.Module):  # pyright: ignore[reportUntypedBaseClass]
        def __init__(self) -> None:
            super().__init__()
            fine, mid, coarse = _WIDTHS
            self.fold, self.unfold = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
            self.down = nn.ModuleList([block(12, fine), block(fine, mid), block(mid, coarse)])
            self.deep = block(coarse, coarse)
            self.up = nn.ModuleList(
                [block(coarse + coarse, mid), block(mid + mid, fine), block(fine + fine, fine)]
            )
            self.shrink = nn.MaxPool2d(2)
            self.grow = nn.Upsample(scale_factor=2, mode="nearest")
            self.score = nn.Conv2d(fine, 4, 1)

        def forward(self, image: Any) -> Any:
            # At half the size: its pixels hold all of the window's.
            x = self.fold(2 * image - 1)
            kept: list[Any] = []
            for part in self.down:
                x = part(x)
                kept.append(x)
                x = self.shrink(x)
            x = self.deep(x)
            for part, side in zip(self.up, reversed(kept), strict=True):
                x = part(torch.cat([self.grow(x), side], 1))
            return self.unfold(self.score(x))

    return Reader()


def _tensors(pairs: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    torch = _library("torch")
    images = torch.from_numpy(np.stack([one[0] for one in pairs])).permute(0, 3, 1, 2).float() / 255
    frames = torch.from_numpy(np.stack([one[1] for one in pairs])).float()[:, None] / 255
    return images, frames


def train_glasses(
    windows: Windows,
    left_out: Windows,
    steps: int,
    seed: int,
    kept: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Any, GlassesReport]:
    """Train the network.

    Parameters
    ----------
    windows, left_out
        To learn from, and to measure on.
    steps
        Of 16 windows each.
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
    cross_entropy = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(_RARE))

    def loss(rng: np.random.Generator) -> Any:
        chosen = rng.integers(0, len(windows), _BATCH)
        images, frames = _tensors([varied(windows, int(number), rng) for number in chosen])
        scores = network(images)
        shares = torch.sigmoid(scores)
        both = (shares * frames).sum() + 1
        return cross_entropy(scores, frames) + 1 - 2 * both / (shares.sum() + frames.sum() + 2)

    optimise(network, loss, Schedule(steps, seed, _RATE, _DECAY, _WARM, kept), say)
    return network, measured(network, windows, left_out, steps)


def measured(network: Any, windows: Windows, left_out: Windows, steps: int) -> GlassesReport:
    """Measure a network on windows left out, as they are."""
    torch = _library("torch")
    network.eval()
    both = either = 0
    said: dict[bool, list[bool]] = {True: [], False: []}
    with torch.no_grad():
        for number in range(len(left_out)):
            image, frames = _tensors([plain(left_out, number)])
            shares = torch.sigmoid(network(image))[0, 0].numpy()
            mask = frames[0, 0].numpy() > 0.5
            both += int((mask & (shares > 0.5)).sum())
            either += int((mask | (shares > 0.5)).sum())
            said[bool(mask.any())].append(GlassesWindow(shares, np.eye(2, 3)).worn)
    rates = [float(np.mean(said[worn])) if said[worn] else 0.0 for worn in (True, False)]
    return GlassesReport(len(windows), steps, both / max(either, 1), *rates)


def save_onnx(network: Any, report: GlassesReport, path: Path) -> None:
    """Write a trained network: input `image` (1, 3, 96, 256) RGB 0..1, output `shares` (1, 1, 96, 256)."""
    torch = _library("torch")

    class Whole(torch.nn.Module):  # pyright: ignore[reportUntypedBaseClass]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Any) -> Any:
            return torch.sigmoid(self.network(image))

    shape = (1, 3, WINDOW[1], WINDOW[0])
    export_onnx(Whole(), {"image": shape}, "shares", {"photos": str(report.photos)}, path)
