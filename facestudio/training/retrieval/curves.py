"""Plots how a training went."""

from pathlib import Path

from facestudio.extras import extra_module
from facestudio.training.retrieval.paper_cnn import EpochResult


def plot_curves(log: tuple[EpochResult, ...], path: Path) -> None:
    """Plot loss and recognition rates over the epochs to a PNG (needs the extra `evaluate`)."""
    extra_module("matplotlib", "evaluate", "Plotting").use("Agg")
    pyplot = extra_module("matplotlib.pyplot", "evaluate", "Plotting")
    figure, left = pyplot.subplots(figsize=(6, 3.6), dpi=120)
    epochs = [one.epoch for one in log]
    left.plot(epochs, [one.loss for one in log], color="0.5", label="loss")
    left.set_xlabel("epoch")
    left.set_ylabel("loss")
    right = left.twinx()
    right.plot(epochs, [100 * one.train_rank1 for one in log], "C0--", label="rank-1, training")
    right.plot(epochs, [100 * one.test_rank1 for one in log], "C0", label="rank-1, left out")
    right.set_ylabel("%")
    right.set_ylim(0, 100)
    figure.legend(loc="center right", bbox_to_anchor=(0.88, 0.5))
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
