#!/usr/bin/env python3
"""Draw how much heads vary by region: ICT-FaceKit's own modes, the ShapeModel, and the embedded database.

Needs the extra `evaluate` and ICT-FaceKit: make_spread_plot.py ICT [--output docs/images/spread.png].
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

from facestudio.database.model import load_database
from facestudio.database.shape_model import load_shape_model
from facestudio.database.sources.ict_facekit import load_ict
from facestudio.template.model import load_template
from facestudio.template.parts import REGIONS, template_parts
from facestudio.training.ict_template import register_ict
from facestudio.training.shape_model import vertex_weights, without_motion

mpl.use("Agg")
from matplotlib import pyplot as plt


def main() -> int:
    """Draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ict", type=Path, help="its folder FaceXModel, or an .npz")
    parser.add_argument("--output", type=Path, default=Path("docs/images/spread.png"))
    args = parser.parse_args()
    template, model, database = load_template(), load_shape_model(), load_database()
    carried = register_ict(template, load_ict(args.ict))
    weight = vertex_weights(template, model.mean)
    still = without_motion(carried.modes, carried.mean, weight)
    heads = np.stack([database.vertices(i) for i in range(len(database))])
    rows = {
        "ICT-FaceKit, 100 modes": np.sqrt((still**2).sum(axis=0).sum(axis=1)),
        "ShapeModel, modes of scans": _spread(model.basis[[p == "ict" for p in model.parts]]),
        "ShapeModel, all 68 modes": _spread(model.basis),
        "the 500 heads": np.sqrt(heads.var(axis=0).sum(axis=1)),
    }
    figure, axis = plt.subplots(figsize=(9, 4.5), dpi=120)
    width, region = 0.8 / len(rows), template_parts(template).region
    for k, (name, each) in enumerate(rows.items()):
        heights = [float(np.sqrt((each[region == r] ** 2).mean())) for r in range(len(REGIONS))]
        places = np.arange(len(REGIONS)) + (k - (len(rows) - 1) / 2) * width
        bars = axis.bar(places, heights, width, label=name)
        axis.bar_label(bars, fmt="%.1f", fontsize=7)
        print(name, " ".join(f"{r} {h:.2f}" for r, h in zip(REGIONS, heights, strict=True)))
    axis.set_xticks(np.arange(len(REGIONS)), REGIONS)
    axis.set_ylabel("standard deviation over heads, mm")
    axis.legend(fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    args.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output)
    return 0


def _spread(modes: np.ndarray) -> np.ndarray:
    return np.sqrt((modes.astype(np.float64) ** 2).sum(axis=0).sum(axis=1))


if __name__ == "__main__":
    raise SystemExit(main())
