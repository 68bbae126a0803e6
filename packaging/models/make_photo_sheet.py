"""Draws docs/images/synthetic-photos.jpg: sixty synthetic photos of one series.

python packaging/models/make_photo_sheet.py [--seed 501] [--output docs/images]
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from facestudio.synthesis.generate import generate

ROWS, COLUMNS = 6, 10
SIZE, EDGE = 320, 150
MOST_BYTES = 300_000


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=501)
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    cells = [
        cv2.resize(photo.image, (EDGE, EDGE), interpolation=cv2.INTER_AREA)
        for photo in generate(ROWS * COLUMNS, args.seed, size=SIZE)
    ]
    sheet = np.vstack([np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)])
    for quality in range(88, 40, -4):
        path = args.output / "synthetic-photos.jpg"
        Image.fromarray(sheet).save(path, quality=quality, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            break


if __name__ == "__main__":
    main()
