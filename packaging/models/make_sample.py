#!/usr/bin/env python3
"""Draw the bundled rendered photo, resources/samples/studio.jpg: a database head, no one's likeness."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from facestudio.database.model import load_database  # noqa: E402
from facestudio.geometry.camera import head_rotation  # noqa: E402
from facestudio.render.offscreen import render_photo  # noqa: E402
from facestudio.render.scene import mesh_of_head  # noqa: E402
from facestudio.synthesis.studio import head_atlas  # noqa: E402
from facestudio.template.expressions import expression_deltas_for  # noqa: E402
from facestudio.template.model import load_template  # noqa: E402
from facestudio.template.subdivision import topology  # noqa: E402
from facestudio.values import ARKIT_NAMES, Camera  # noqa: E402

HEAD = "studio-0187"
SIZE = (900, 1125)


def main() -> None:
    """Draw and save it."""
    template, database = load_template(), load_database("studio")
    row = database.index(HEAD)
    head = database.vertices(row)
    atlas = head_atlas(template, head, database.skins[row], np.array([86.0, 58.0, 38.0]), 2048)
    weights = {"mouthSmileLeft": 0.25, "mouthSmileRight": 0.22, "eyeBlinkLeft": 0.12, "eyeBlinkRight": 0.12}
    expression = np.array([weights.get(name, 0.0) for name in ARKIT_NAMES])
    posed = head + np.tensordot(expression, expression_deltas_for(template, head).astype(np.float64), axes=1)
    rotation = head_rotation(*np.radians([-14.0, 3.0, 2.0]))
    focal = 3400.0
    shift = np.array([0.0, 12.0, 1050.0]) - rotation @ np.array([0.0, -18.0, 0.0])
    camera = Camera(focal, focal, (SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2, rotation, shift, SIZE, "given")
    mesh = mesh_of_head(topology(2), posed, template.materials)
    picture = render_photo(mesh, atlas, camera)
    # A touch of grain and softness: renders are cleaner than any camera's pictures.
    grain = np.random.default_rng(0).normal(0, 2.0, picture.shape)
    soft = cv2.GaussianBlur(picture, (0, 0), 0.7).astype(np.float64) + grain
    path = ROOT / "resources" / "samples" / "studio.jpg"
    Image.fromarray(np.clip(soft, 0, 255).astype(np.uint8)).save(path, quality=90, optimize=True)
    print(path)


if __name__ == "__main__":
    main()
