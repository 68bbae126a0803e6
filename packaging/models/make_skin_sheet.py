"""Draws docs/images/heads.jpg (40 heads of the database: front, 45 degrees, side) and docs/images/tones.png.

    python packaging/models/make_skin_sheet.py [--database studio] [--heads 40] [--output docs/images]

tones.png counts the heads by step of the Monk scale: as drawn, and as measured in their skins (the step whose colour,
facestudio.database.skin_axes.MONK_SKIN, is nearest in CIELAB to the median of the face).
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from facestudio.database.albedo import load_albedo
from facestudio.database.model import HeadDatabase, load_database
from facestudio.database.skin_axes import MONK_SKIN, skin_values
from facestudio.render.lighting import Style
from facestudio.render.offscreen import OffscreenRenderer
from facestudio.render.scene import VIEWS, cameras_of_views, mesh_of_head
from facestudio.template.model import load_template
from facestudio.template.subdivision import topology
from facestudio.texture.layout import texel_layout
from facestudio.texture.look import static_maps

SIZE = (150, 190)
COLUMNS = 4
MOST_BYTES = 400_000


def sheet(database: HeadDatabase, count: int) -> Image.Image:
    """Draw heads spread over the database, three views each."""
    template, surface, albedo = load_template(), topology(2), load_albedo()
    cells = []
    with OffscreenRenderer() as renderer:
        for index in np.linspace(0, len(database) - 1, count).round().astype(int).tolist():
            vertices = database.vertices(index)
            mesh = mesh_of_head(surface, vertices, template.materials)
            renderer.set_mesh(mesh)
            renderer.set_texture(albedo.texture(database.skins[index], 1024, vertices))
            cameras = cameras_of_views(mesh, [VIEWS[name] for name in ("front", "45", "side")], SIZE)
            cells.append(np.hstack([renderer.picture(camera, Style()) for camera in cameras]))
    rows = [np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells) // COLUMNS * COLUMNS, COLUMNS)]
    return Image.fromarray(np.vstack(rows))


def measured_steps(database: HeadDatabase) -> np.ndarray:
    """Return the step (1..10) nearest to the median colour of each head's face."""
    size = 128
    layout, (inside_oval, _) = texel_layout(size), static_maps(size)
    face = inside_oval > 0.03
    albedo = load_albedo()
    colours = [
        np.median(albedo.skin(row, size)[layout.rows, layout.columns][face], axis=0) for row in database.skins
    ]

    def lab(rgb: np.ndarray) -> np.ndarray:
        return cv2.cvtColor((np.asarray(rgb, np.float32) / 255)[None], cv2.COLOR_RGB2LAB)[0]

    distance = np.linalg.norm(lab(np.array(colours))[:, None] - lab(MONK_SKIN)[None], axis=2)
    return 1 + np.argmin(distance, axis=1)


def tone_plot(database: HeadDatabase) -> Image.Image:
    """Draw the two histograms."""
    drawn = [int(np.clip(round(skin_values(row)["tone"]), 1, 10)) for row in database.skins]
    counts = [np.bincount(steps, minlength=11)[1:] for steps in (np.array(drawn), measured_steps(database))]
    picture = Image.new("RGB", (640, 260), (250, 250, 250))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    top = max(int(c.max()) for c in counts)
    for k in range(10):
        x, colour = 30 + 60 * k, tuple(int(c) for c in MONK_SKIN[k])
        for j, count in enumerate(counts):
            high = 180 * int(count[k]) / top
            left = x + 25 * j
            draw.rectangle((left, 220 - high, left + 22, 220), fill=colour, outline=(90, 90, 90))
            draw.text((left + 11, 210 - high), str(count[k]), fill=(40, 40, 40), font=font, anchor="mm")
        draw.text((x + 24, 232), str(k + 1), fill=(40, 40, 40), font=font, anchor="mm")
    text = f"{len(database)} heads by step of the Monk scale: left as drawn, right as measured in the skin"
    draw.text((320, 250), text, fill=(40, 40, 40), font=font, anchor="mm")
    return picture


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="studio")
    parser.add_argument("--heads", type=int, default=40)
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    database = load_database(args.database)
    picture = sheet(database, args.heads)
    for quality in range(88, 40, -4):
        picture.save(args.output / "heads.jpg", quality=quality, optimize=True)
        if (args.output / "heads.jpg").stat().st_size <= MOST_BYTES:
            break
    tone_plot(database).save(args.output / "tones.png", optimize=True)


if __name__ == "__main__":
    main()
