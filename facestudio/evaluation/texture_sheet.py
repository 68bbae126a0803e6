"""A sheet of textures: photo, then the true head, the fused and the pasted texture from 45 degrees."""

import cv2

from facestudio.evaluation.texture import Trial
from facestudio.render.sheet import compose_sheet
from facestudio.values import ByteArray

_MOST_ROWS = 8
_SIDE = 320


class TextureSheet:
    """Collects a row of pictures for each of the first trials."""

    def __init__(self) -> None:
        self.rows: list[list[tuple[str, ByteArray]]] = []

    def add(self, trial: Trial, views: dict[str, tuple[float, list[ByteArray]]]) -> None:
        """Add a trial and its pictures (label by method, two layers (H, W, 4) uint8 each)."""
        if len(self.rows) >= _MOST_ROWS:
            return
        photo = cv2.resize(trial.photo.pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        row: list[tuple[str, ByteArray]] = [(trial.name, photo.astype("uint8"))]
        for side in (0, 1):
            for name, (difference, layers) in views.items():
                label = name if name == "true" else f"{name} {difference:.1f}"
                row.append((label, layers[side][..., :3]))
        self.rows.append(row)

    def picture(self) -> ByteArray:
        """Return the sheet, (H, W, 3) uint8."""
        cells = [cell for row in self.rows for cell in row]
        return compose_sheet(cells, height=_SIDE, columns=len(self.rows[0]))
