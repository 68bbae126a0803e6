"""What was clicked on the head: the texel, and where it comes from, in words."""

import numpy as np

from facestudio.app.viewer.figure import VIEW_LEVEL, base_mesh
from facestudio.app.viewer.shot import Shot
from facestudio.app.words import tr
from facestudio.geometry.camera import project
from facestudio.template.subdivision import topology
from facestudio.values import Coverage, FloatArray, Head

_SEEN, _MIRRORED, _BORROWED = 1, 2, 3


def picked_uv(shot: Shot, at: tuple[float, float], size: tuple[int, int]) -> FloatArray | None:
    """Return the texture place (2,), v up, that is seen at a place of the picture; None beside the head.

    Parameters
    ----------
    shot
        What is seen.
    at
        (x, y) in a picture of `size` (width, height); both in logical pixels.
    """
    mesh, positions = base_mesh(), np.asarray(shot.figure.positions, dtype=np.float64)
    active = np.flatnonzero(shot.weights)
    if len(active):
        deltas = shot.figure.head.expression_deltas[active].astype(np.float64)
        level = topology(VIEW_LEVEL)
        moved = level.apply(np.tensordot(shot.weights[active], deltas, axes=1))
        positions = positions + moved[level.render_vertices]
    pixels, depth = project(shot.camera(size), positions)
    corners = pixels[mesh.triangles] - np.asarray(at, dtype=np.float64)
    ok = np.isfinite(corners).all(axis=(1, 2)) & (depth[mesh.triangles] > 0).all(axis=1)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]

    def cross(p: FloatArray, q: FloatArray) -> FloatArray:
        return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]

    weights = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=1)
    whole = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = weights / whole[:, None]
    # From outside triangles are counter-clockwise, so clockwise where y points down.
    hit = np.flatnonzero(ok & (whole < 0) & (weights >= 0).all(axis=1))
    if not len(hit):
        return None
    near = (weights[hit] * depth[mesh.triangles[hit]]).sum(axis=1)
    first = hit[int(np.argmin(near))]
    found: FloatArray = weights[first] @ mesh.uvs[mesh.triangles[first]].astype(np.float64)
    return found


def origin_text(head: Head, uv: FloatArray) -> str:
    """Say where the texture comes from at a place (2,), and why."""
    texture = head.texture
    if texture is None:
        return tr("The texture is still being made")
    coverage = texture.coverage
    size = len(coverage.labels)
    column, row = int(uv[0] * size), int((1 - uv[1]) * size)
    row, column = min(max(row, 0), size - 1), min(max(column, 0), size - 1)
    label = int(coverage.labels[row, column])
    sure = _sureness(coverage, row, column)
    photo = _photo(head, coverage, row, column)
    if label == _SEEN:
        why = (
            tr("the camera saw it well") if sure >= 70 else tr("the camera saw it, at a slant or not clearly")
        )
        return tr("Seen in {photo}: {why} (to be trusted to {sure} %).", photo=photo, why=why, sure=sure)
    if label == _MIRRORED:
        return tr(
            "Mirrored from the other half of the face in {photo}: this place was not seen, or was covered, and its"
            " mirror image was seen (to be trusted to {sure} %).",
            photo=photo,
            sure=sure,
        )
    if label == _BORROWED:
        return tr(
            "Borrowed from {donor}: neither this place nor its mirror image was seen well enough.",
            donor=_donor(head),
        )
    return tr(
        "Made: eyes, teeth and the inside of the mouth are painted, the irises in the colour that was found."
    )


def _sureness(coverage: Coverage, row: int, column: int) -> int:
    confidence = 255 if coverage.confidence is None else int(coverage.confidence[row, column])
    return round(100 * confidence / 255)


def _photo(head: Head, coverage: Coverage, row: int, column: int) -> str:
    if coverage.photos is None or not head.photos:
        return tr("the photo")
    number = min(int(coverage.photos[row, column]), len(head.photos) - 1)
    return tr("the photo {name}", name=head.photos[number].name)


def _donor(head: Head) -> str:
    texture = head.texture
    name = "" if texture is None else texture.donor
    weight = next((found.weight for found in head.similar_heads if found.id == name), None)
    if not name or weight is None:
        return tr("the skin of a similar head")
    return tr(
        "the skin of {name}, which has {value:.0f} % of the similar heads' weight and is nearest in tone",
        name=name,
        value=100 * weight,
    )
