"""The labels of a synthetic photo's mask."""

from enum import IntEnum


class Label(IntEnum):
    """What a pixel shows. `MOUTH` is teeth, tongue and lining; hats are clothes."""

    BACKGROUND = 0
    SKIN = 1
    BROWS = 2
    LIPS = 3
    EYES = 4
    HAIR = 5
    BEARD = 6
    GLASSES = 7
    OCCLUDER = 8
    CLOTHES = 9
    MOUTH = 10


LABEL_NAMES = tuple(label.name.lower() for label in Label)

# Colours to look at a mask with, RGB.
LABEL_COLOURS = (
    (30, 30, 34),
    (222, 176, 150),
    (110, 70, 30),
    (214, 80, 90),
    (90, 160, 220),
    (140, 100, 60),
    (80, 110, 60),
    (250, 220, 80),
    (230, 90, 220),
    (70, 100, 180),
    (150, 30, 40),
)
