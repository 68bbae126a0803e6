"""Expressions as people make them before a camera, gaze, and eyeballs that turn."""

from dataclasses import dataclass

import numpy as np

from facestudio.template.expressions import expression_offsets
from facestudio.template.model import Template
from facestudio.values import ARKIT_NAMES, FloatArray

# Named faces: shape (without its side) and the weight at full strength; their shares in photos.
_FACES: dict[str, tuple[float, dict[str, float]]] = {
    "neutral": (0.20, {}),
    "faint smile": (0.14, {"mouthSmile": 0.35, "cheekSquint": 0.15, "mouthDimple": 0.15}),
    "smile": (0.15, {"mouthSmile": 0.85, "cheekSquint": 0.45, "eyeSquint": 0.2, "mouthUpperUp": 0.25}),
    "laugh": (
        0.10,
        {"mouthSmile": 0.95, "cheekSquint": 0.6, "eyeSquint": 0.35, "jawOpen": 0.35, "mouthUpperUp": 0.4},
    ),
    "talk": (0.08, {"jawOpen": 0.3, "mouthLowerDown": 0.35, "mouthUpperUp": 0.2, "mouthStretch": 0.2}),
    "oh": (0.05, {"jawOpen": 0.35, "mouthFunnel": 0.55, "mouthPucker": 0.3}),
    "kiss": (0.03, {"mouthPucker": 0.8, "mouthFunnel": 0.15}),
    "surprise": (0.05, {"browInnerUp": 0.7, "browOuterUp": 0.7, "eyeWide": 0.6, "jawOpen": 0.45}),
    "frown": (0.06, {"browDown": 0.75, "eyeSquint": 0.2, "mouthPress": 0.35, "noseSneer": 0.2}),
    "sad": (0.05, {"browInnerUp": 0.6, "mouthFrown": 0.6, "mouthShrugLower": 0.35}),
    "disgust": (0.02, {"noseSneer": 0.7, "mouthUpperUp": 0.4, "browDown": 0.4, "eyeSquint": 0.25}),
    "pressed": (0.04, {"mouthRollLower": 0.4, "mouthRollUpper": 0.3, "mouthPress": 0.4}),
    "wide open": (0.03, {"jawOpen": 0.9, "mouthStretch": 0.2}),
}
_SIDED = {name[:-4] for name in ARKIT_NAMES if name.endswith("Left") and name not in ("jawLeft", "mouthLeft")}
_LIDS_APART = 0.2  # weight of a blink below which skin is far from folding
# Angle at weight 1 of the lids' shapes, radians: how far the eyeball turns in them.
_LOOK = {"Down": 0.29, "Up": 0.19, "In": 0.38, "Out": 0.36}


@dataclass(frozen=True, eq=False)
class Expression:
    """What a face does.

    Attributes
    ----------
    name
        The face that was meant, of those of this module.
    weights
        (52,) float64, 0..1, ARKit's order.
    gaze
        (2, 2) float64 radians: for the sitter's left and right eye, to the head's left and up.
    """

    name: str
    weights: FloatArray
    gaze: FloatArray


def draw_expression(rng: np.random.Generator, towards: tuple[float, float] = (0.0, 0.0)) -> Expression:
    """Draw an expression.

    Parameters
    ----------
    rng
        Source of chance.
    towards
        Where the lens is seen from the eyes, radians to the head's left and up: half of the people look there.
    """
    names = list(_FACES)
    shares = np.array([_FACES[name][0] for name in names])
    name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    values = dict.fromkeys(ARKIT_NAMES, 0.0)

    def add(shape: str, value: float, lopsided: float = 0.12) -> None:
        if shape in _SIDED:
            for side in ("Left", "Right"):
                values[shape + side] += value * (1 + rng.normal(0, lopsided))
        else:
            values[shape] += value

    strength = rng.uniform(0.45, 1.1)
    for shape, weight in _FACES[name][1].items():
        add(shape, weight * strength * rng.uniform(0.75, 1.2))
    for shape in rng.choice(
        [
            "browInnerUp",
            "browDown",
            "browOuterUp",
            "mouthPress",
            "mouthFrown",
            "eyeSquint",
            "mouthShrugUpper",
        ],
        2,
        replace=False,
    ).tolist():
        add(shape, abs(rng.normal(0, 0.12)) * (0.5 if shape == "eyeSquint" else 1.0))
    if rng.random() < 0.06:  # one-sided: a smirk, a raised brow
        values[
            str(rng.choice(["mouthSmileLeft", "mouthSmileRight", "browOuterUpLeft", "browOuterUpRight"]))
        ] += 0.5
    values[str(rng.choice(["jawLeft", "jawRight", "mouthLeft", "mouthRight"]))] += abs(rng.normal(0, 0.06))
    # Lids: mostly near rest, sometimes sleepy or shut.
    kind = rng.random()
    blink = 1.0 if kind < 0.04 else rng.uniform(0.25, 0.7) if kind < 0.1 else abs(rng.normal(0, 0.05))
    add("eyeBlink", blink, 0.05)
    add("eyeWide", abs(rng.normal(0, 0.12)))
    if kind > 0.988:  # a wink
        values[str(rng.choice(["eyeBlinkLeft", "eyeBlinkRight"]))] = 1.0
    gaze = _draw_gaze(rng, towards, values)
    for side in ("Left", "Right"):  # eyes that look down have come half way
        values["eyeBlink" + side] *= 1 - 0.5 * values["eyeLookDown" + side]
    if values["mouthFunnel"] or values["mouthPucker"]:
        values["mouthFunnel"] = min(values["mouthFunnel"], 0.7)
    weights = np.clip([values[n] for n in ARKIT_NAMES], 0.0, 1.0)
    return Expression(name, weights, gaze)


def _draw_gaze(
    rng: np.random.Generator, towards: tuple[float, float], values: dict[str, float]
) -> FloatArray:
    """Draw where the eyes look, (2, 2) rad, and move the lids with them in `values`."""
    if rng.random() < 0.55:
        left, up = towards[0] + rng.normal(0, 0.03), towards[1] + rng.normal(0, 0.03)
    else:
        left, up = rng.normal(0, 0.18), rng.normal(0.0, 0.09)
    left, up = float(np.clip(left, -0.45, 0.45)), float(np.clip(up, -0.26, 0.24))
    vergence = abs(rng.normal(0, 0.02))
    gaze = np.array([[left - vergence, up], [left + vergence, up]])
    for side, sign, (turn, lift) in (("Left", 1.0, gaze[0]), ("Right", -1.0, gaze[1])):
        values["eyeLookUp" + side] = max(lift, 0.0) / _LOOK["Up"]
        values["eyeLookDown" + side] = max(-lift, 0.0) / _LOOK["Down"]
        values["eyeLookOut" + side] = max(sign * turn, 0.0) / _LOOK["Out"]
        values["eyeLookIn" + side] = max(-sign * turn, 0.0) / _LOOK["In"]
    return gaze


def pose_head(template: Template, neutral: FloatArray, expression: Expression) -> FloatArray:
    """Return the head as it is photographed, (V, 3) mm: ARKit shapes for the skin, turned balls for the eyes.

    Parameters
    ----------
    template
        The template.
    neutral
        (V, 3) mm, head space.
    expression
        What the face does. The shapes' own movement of the eyeballs, which is along straight lines, is replaced
        by a turn about their middle.
    """
    posed = neutral + expression_offsets(template, neutral, expression.weights, rough=_LIDS_APART)
    for chart, (left, up) in zip(template.eyes, expression.gaze, strict=True):
        ball = neutral[chart.start : chart.stop]
        middle = (ball[0] + ball[-1]) / 2
        c, s, d, t = np.cos(left), np.sin(left), np.cos(up), np.sin(up)
        turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ np.array([[1, 0, 0], [0, d, t], [0, -t, d]])
        posed[chart.start : chart.stop] = middle + (ball - middle) @ turn.T
    return posed
