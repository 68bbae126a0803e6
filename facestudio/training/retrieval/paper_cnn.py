"""The paper's network: 224 x 224 input, three convolutions and poolings, two inner products, softmax."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facestudio.database.archive import replace_file
from facestudio.errors import UsageError
from facestudio.extras import extra_module
from facestudio.training.retrieval.pictures import LabelledFaces
from facestudio.values import ByteArray, Float32Array

MAPS = (8, 16, 32)
POOLS = (2, 2, 4)
EMBEDDING = 256
SCHEDULE = (
    "shortened"  # the paper lowers the learning rate each 100,000 steps; here after shares of the epochs
)
_DROPOUT = 0.3
_MOMENTUM, _WEIGHT_DECAY, _RATE = 0.9, 5e-4, 0.01
_LOWER_AT = (0.6, 0.85)
_BATCH = 20
_SCALE = 1 / 64
_SHIFT, _BRIGHTNESS, _TINT = 6, 0.25, 0.06


@dataclass(frozen=True)
class Schedule:
    """How long, and of which draw: epochs over all pictures, seed."""

    epochs: int = 12
    seed: int = 1


@dataclass(frozen=True)
class EpochResult:
    """What an epoch came to: loss and rank-1 on training pictures as they were learnt, rank-1 on those left out."""

    epoch: int
    rate: float
    loss: float
    train_rank1: float
    test_rank1: float


def _library(name: str) -> Any:
    return extra_module(name, "train", "Training a network")


def _network(people: int, mean_image: Float32Array) -> Any:
    torch, nn = _library("torch"), _library("torch.nn")

    class PaperCnn(nn.Module):  # pyright: ignore[reportUntypedBaseClass]
        """Takes (N, 3, 224, 224) float32 0..255 RGB; the mean image is part of it."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean_image", torch.tensor(mean_image.transpose(2, 0, 1)[None].copy()))
            one, two, three = MAPS
            self.features = nn.Sequential(
                nn.Conv2d(3, one, 3),
                nn.ReLU(),
                nn.MaxPool2d(POOLS[0]),
                nn.Conv2d(one, two, 3),
                nn.ReLU(),
                nn.MaxPool2d(POOLS[1]),
                nn.Conv2d(two, three, 3),
                nn.AvgPool2d(POOLS[2]),
                nn.Flatten(),
            )
            side = mean_image.shape[0]
            for pool in POOLS:
                side = (side - 2) // pool
            self.inner = nn.Linear(three * side * side, EMBEDDING)
            self.dropout = nn.Dropout(_DROPOUT)
            self.people = nn.Linear(EMBEDDING, people)
            for layer in self.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    nn.init.xavier_uniform_(layer.weight)
                    nn.init.zeros_(layer.bias)

        def forward(self, image: Any) -> tuple[Any, Any]:
            embedding = self.inner(self.features((image - self.mean_image) * _SCALE))
            return embedding, self.people(self.dropout(embedding))

    # Few maps on large pictures: with the channels last a step takes half the time.
    return PaperCnn().to(memory_format=torch.channels_last)


def train_paper_cnn(
    train: LabelledFaces,
    test: LabelledFaces,
    schedule: Schedule,
    work: Path,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Any, tuple[EpochResult, ...]]:
    """Train the network; what was stopped goes on after the last whole epoch.

    Parameters
    ----------
    train, test
        Pictures of the same people.
    schedule
        Epochs and seed.
    work
        Where `checkpoint.pt` and `log.jsonl` are kept.
    say
        Called with a line for each epoch.

    Returns
    -------
    tuple
        The network, and what each epoch came to.

    Raises
    ------
    UsageError
        If the folder has a checkpoint of another training.
    """
    torch = _library("torch")
    cross_entropy = _library("torch.nn.functional").cross_entropy
    torch.manual_seed(schedule.seed)
    torch.set_num_threads(
        1
    )  # the layers are small: a second thread makes them slower, and sums depend on the number
    mean_image = train.faces.mean(axis=0, dtype=np.float64).astype(np.float32)
    network = _network(len(train.people), mean_image)
    optimiser = torch.optim.SGD(
        network.parameters(), lr=_RATE, momentum=_MOMENTUM, weight_decay=_WEIGHT_DECAY
    )
    key = {**asdict(schedule), "pictures": len(train.faces), "people": len(train.people)}
    checkpoint = work / "checkpoint.pt"
    log: list[EpochResult] = []
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["key"] != key:
            raise UsageError(
                f"{checkpoint} belongs to another training",
                hint="Choose another folder with --work, or remove it",
            )
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        log = [EpochResult(**one) for one in state["log"]]
    labels = torch.tensor(train.labels.astype(np.int64))
    for epoch in range(len(log), schedule.epochs):
        rate = _RATE * 0.1 ** sum(epoch >= share * schedule.epochs for share in _LOWER_AT)
        for group in optimiser.param_groups:
            group["lr"] = rate
        rng = np.random.default_rng([schedule.seed, epoch])
        network.train()
        total, right = 0.0, 0
        order = rng.permutation(len(train.faces))
        for first in range(0, len(order), _BATCH):
            rows = order[first : first + _BATCH]
            _, scores = network(torch.tensor(_changed(train.faces[rows], rng)).permute(0, 3, 1, 2))
            loss = cross_entropy(scores, labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(rows)
            right += int((scores.argmax(dim=1) == labels[rows]).sum())
        log.append(
            EpochResult(epoch + 1, rate, total / len(order), right / len(order), _rank1(network, test))
        )
        say(
            f"epoch {epoch + 1} of {schedule.epochs}: loss {log[-1].loss:.3f}, rank-1 {log[-1].train_rank1:.3f}, "
            f"left out {log[-1].test_rank1:.3f}"
        )
        state = {
            "key": key,
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "log": [asdict(one) for one in log],
        }
        with replace_file(checkpoint) as path:
            torch.save(state, path)
        (work / "log.jsonl").write_text(
            "".join(json.dumps(asdict(one)) + "\n" for one in log), encoding="utf-8"
        )
    network.eval()
    return network, tuple(log)


def _changed(faces: ByteArray, rng: np.random.Generator) -> Float32Array:
    """Return faces (N, S, S, 3) moved by a few pixels, brighter or darker, in other light; float32."""
    out = np.empty(faces.shape, dtype=np.float32)
    for i, face in enumerate(faces):
        x, y = rng.integers(-_SHIFT, _SHIFT + 1, 2)
        light = rng.uniform(1 - _BRIGHTNESS, 1 + _BRIGHTNESS) * (1 + rng.normal(0, _TINT, 3))
        out[i] = np.roll(face, (int(y), int(x)), axis=(0, 1)) * light.astype(np.float32)
    return np.clip(out, 0, 255)


def _rank1(network: Any, faces: LabelledFaces) -> float:
    torch = _library("torch")
    network.eval()
    right = 0
    with torch.no_grad():
        for first in range(0, len(faces.faces), _BATCH):
            part = faces.faces[first : first + _BATCH].astype(np.float32)
            _, scores = network(torch.tensor(part).permute(0, 3, 1, 2))
            right += int((scores.argmax(dim=1).numpy() == faces.labels[first : first + _BATCH]).sum())
    return right / max(len(faces.faces), 1)


def save_onnx(network: Any, people: tuple[str, ...], source: str, path: Path) -> None:
    """Write a trained network: input `image` (N, 3, 224, 224) float32 0..255 RGB, outputs `embedding` and `scores`.

    The names of the people, in the order of `scores`, are in the file's metadata.
    """
    onnx, torch = _library("onnx"), _library("torch")
    network.eval()
    size = network.mean_image.shape[-1]
    with replace_file(path) as beside:
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, size, size),),
            str(beside),
            input_names=["image"],
            output_names=["embedding", "scores"],
            dynamic_axes={name: {0: "n"} for name in ("image", "embedding", "scores")},
            opset_version=17,
            dynamo=False,
        )
        model = onnx.load(str(beside))
        texts = {"people": json.dumps(people), "source": source, "schedule": SCHEDULE}
        onnx.helper.set_model_props(model, texts)
        onnx.save(model, str(beside))
