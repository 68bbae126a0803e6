"""Table 1 as a picture."""

from pathlib import Path

from facestudio.evaluation.recognition import PUBLISHED, RecognitionResult
from facestudio.extras import extra_module


def plot_recognition(results: tuple[RecognitionResult, ...], path: Path) -> None:
    """Plot rates with their confidence beside the published ones, as PNG (needs the extra `evaluate`)."""
    extra_module("matplotlib", "evaluate", "Plotting").use("Agg")
    pyplot = extra_module("matplotlib.pyplot", "evaluate", "Plotting")
    figure, axes = pyplot.subplots(figsize=(8, 0.34 * len(results) + 1.2), dpi=120)
    for y, one in enumerate(results):
        spread = [[100 * (one.rank1 - one.low)], [100 * (one.high - one.rank1)]]
        colour = "C0" if one.method.startswith("paper-cnn") else "0.65"
        axes.barh(y, 100 * one.rank1, xerr=spread, color=colour, height=0.7, ecolor="0.3")
        if one.method in PUBLISHED and one.data != "ORL":
            axes.plot(
                [PUBLISHED[one.method][0]], [y], "kd", markersize=5, label="published" if y == 0 else None
            )
    axes.set_yticks(range(len(results)), [f"{one.data}: {one.method}" for one in results])
    axes.invert_yaxis()
    axes.set_xlim(0, 102)
    axes.set_xlabel("recognised, %")
    axes.legend(loc="lower left")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
