"""Learns the ShapeModel: real-scan statistics, MakeHuman's axes for what they lack, and local modes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from facestudio.database.appearance import draw_appearance, macro_weights
from facestudio.database.archive import save_arrays
from facestudio.database.shape_model import SHAPE_MODEL_FORMAT, ShapeModel
from facestudio.database.sources.makehuman import MakeHumanSource
from facestudio.template.model import Template
from facestudio.template.parts import REGIONS, template_parts
from facestudio.training.fold_free import mended
from facestudio.training.local_modes import learn_local_modes, vertex_areas
from facestudio.training.template_mesh import HeadCut
from facestudio.values import FloatArray

SCAN_MODES = 60
MAKEHUMAN_MODES = 8
LOCAL_MODES = 96
_PEOPLE = 3000
_NECK_MM = -95.0  # what lies below this height says little about a head
_FACE, _BELOW_NECK, _INSIDE = 3.0, 0.15, 0.05  # weights against other skin above the neck
_MM2_PER_COEFFICIENT = 0.01  # mean squared mm that is worth one unit of squared coefficient
_AXES = 7  # of appearance: sex, two of age, weight, muscle, two of ancestry
_OWN_SHARE = (
    0.6  # MakeHuman's part follows the same axes: together they may not vary more than independent modes do
)
_MOST_BY_APPEARANCE = 0.8  # of the variance of any combination of modes


def vertex_weights(template: Template, mean: FloatArray) -> FloatArray:
    """Return how much each vertex counts in means over the head, (V,), summing to one."""
    area = vertex_areas(mean, template.quads)
    skin = np.zeros(len(mean), dtype=bool)
    skin[template.material_vertices("skin")] = True
    weight = area * np.where(skin, np.where(mean[:, 1] > _NECK_MM, 1.0, _BELOW_NECK), _INSIDE)
    weight[template_parts(template).region == REGIONS.index("face")] *= _FACE
    return weight / weight.sum()


def without_motion(fields: FloatArray, mean: FloatArray, weight: FloatArray) -> FloatArray:
    """Take rigid motion out of displacement fields (N, V, 3) mm: it belongs to the pose, not to the shape."""
    place = mean - weight @ mean
    motions = np.zeros((6, *mean.shape))
    for axis in range(3):
        motions[axis, :, axis] = 1.0
        motions[3 + axis] = np.cross(np.eye(3)[axis], place)
    weighted = motions * weight[:, None]
    gram = np.tensordot(weighted, motions, axes=([1, 2], [1, 2]))
    share = np.linalg.solve(gram, np.tensordot(weighted, fields, axes=([1, 2], [1, 2])))
    return fields - np.tensordot(share.T, motions, axes=1)


def learn_shape_model(
    scan_mean: FloatArray,
    scan_modes: FloatArray,
    source: MakeHumanSource,
    template: Template,
    cut: HeadCut,
    seed: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> ShapeModel:
    """Learn the shape model.

    Parameters
    ----------
    scan_mean, scan_modes
        (V, 3) mm and (N, V, 3) mm per standard deviation: statistics of real scans on the template.
    source, cut
        MakeHuman's targets, and how the template follows from its mesh.
    template
        The topology.
    seed
        Of the appearances over which MakeHuman's part is learnt.
    say
        Called with a line of progress.
    """
    weight = vertex_weights(template, scan_mean)
    root = np.sqrt(np.repeat(weight, 3))
    say(f"{len(scan_modes)} modes of scans to {min(len(scan_modes), SCAN_MODES)}")
    scans = without_motion(scan_modes, scan_mean, weight).reshape(len(scan_modes), -1)
    u, _, vt = np.linalg.svd(scans * root, full_matrices=False)
    scan_basis = _signed(u[:, :SCAN_MODES].T @ scans, vt[:SCAN_MODES])
    say("MakeHuman's appearances")
    names, fields = _macro_fields(source, cut, scan_mean, weight)
    people = _weights_of_people(names, seed)
    # Every person's weights of the ancestries sum to one: what they share is taken off there.
    by_ancestry = np.array(["universal" not in name for name in names])
    fields[by_ancestry] -= people.mean(axis=0) @ fields
    of_scans, left = _explained(fields, scan_basis, weight, people)
    u, s, vt = np.linalg.svd((people @ left) * root / np.sqrt(len(people)), full_matrices=False)
    own_basis = _signed(vt[:MAKEHUMAN_MODES] * s[:MAKEHUMAN_MODES, None] / root, vt[:MAKEHUMAN_MODES])
    gram = (own_basis * root**2) @ own_basis.T
    of_own = np.linalg.solve(gram, (own_basis * root**2) @ left.T).T
    both = np.concatenate([_emphasised(of_scans, people), _OWN_SHARE * of_own], axis=1).astype(np.float64)
    macro = _shrunk(both, people)
    macro -= by_ancestry[:, None] * (people @ macro).mean(axis=0)
    varied = np.cov((people @ macro).T)
    opened = template.open_mouthed() - template.vertices
    say("local modes")
    learnt = ShapeModel(
        version="1",
        licence="MIT (statistics of ICT-FaceKit) and CC0-1.0 (MakeHuman)",
        source="identity modes of ICT-FaceKit (USC ICT, real scans) on the studio topology; MakeHuman / MPFB targets",
        template_version=template.version,
        mean=scan_mean,
        basis=np.concatenate([scan_basis, own_basis]).reshape(-1, *scan_mean.shape).astype(np.float32),
        parts=("ict",) * len(scan_basis) + ("makehuman",) * len(own_basis),
        local=learn_local_modes(template, scan_mean + opened, LOCAL_MODES),
        macro_names=names,
        macro=macro,
        own=_root(np.eye(len(varied)) - varied),
    )
    say("closing lips, smoothing folds")
    return mended(learnt, template, say)


def _signed(basis: FloatArray, vectors: FloatArray) -> FloatArray:
    """Fix the signs of modes, so that they do not depend on the linear algebra library."""
    largest = vectors[np.arange(len(vectors)), np.argmax(np.abs(vectors), axis=1)]
    return basis * np.sign(largest)[:, None]


def _macro_fields(
    source: MakeHumanSource, cut: HeadCut, mean: FloatArray, weight: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Return the macro targets that appearances use, (M, 3 V) mm on the template, without rigid motion."""
    known = set(source.target_names)
    wanted = macro_weights(draw_appearance("female", np.random.default_rng(0)))
    names = tuple(sorted(name for name in wanted if name in known))
    base = source.base.vertices
    rest = cut.vertices(base)
    fields = np.stack([cut.vertices(base + source.target(name)) - rest for name in names])
    return names, without_motion(fields, mean, weight).reshape(len(names), -1)


def _weights_of_people(names: tuple[str, ...], seed: int) -> FloatArray:
    people: list[list[float]] = []
    for i in range(_PEOPLE):
        rng = np.random.default_rng([seed, i])
        weights = macro_weights(draw_appearance("female" if i % 2 else "male", rng))
        people.append([weights[name] for name in names])
    return np.array(people)


def _explained(
    fields: FloatArray, basis: FloatArray, weight: FloatArray, people: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the scan modes' coefficients of fields, (M, K), and what they leave, (M, 3 V).

    The coefficients are shrunk until, over the people, no combination varies more than the scans allow.
    """
    each = np.repeat(weight, 3) / _MM2_PER_COEFFICIENT
    gram = (basis * each) @ basis.T + np.eye(len(basis))
    found = np.linalg.solve(gram, (basis * each) @ fields.T).T.astype(np.float64)
    found = _shrunk(found, people)
    return found, fields - found @ basis


def _shrunk(macro: FloatArray, people: FloatArray) -> FloatArray:
    """Shrink coefficients (M, K) of macro targets until no combination varies too much over the people."""
    values, vectors = np.linalg.eigh(np.cov((people @ macro).T))
    shrink = np.sqrt(np.minimum(1.0, _MOST_BY_APPEARANCE / np.maximum(values, 1e-9)))
    return (macro @ vectors * shrink) @ vectors.T


def _emphasised(of_scans: FloatArray, people: FloatArray) -> FloatArray:
    """Let appearance decide most of what varies along its main axes in the modes of scans.

    MakeHuman's axes are timid beside how much real heads differ: a label should be seen in the head.
    """
    values, vectors = np.linalg.eigh(np.cov((people @ of_scans).T))
    scale = np.ones(len(values))
    scale[-_AXES:] = np.sqrt(_MOST_BY_APPEARANCE / values[-_AXES:])
    return (of_scans @ vectors * scale) @ vectors.T


def _root(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def save_shape_model(model: ShapeModel, path: Path) -> None:
    """Write the model (docs/formats/shape-model.md)."""
    meta = {
        "format": SHAPE_MODEL_FORMAT,
        "version": model.version,
        "licence": model.licence,
        "source": model.source,
        "template_version": model.template_version,
        "parts": model.parts,
        "macro_names": model.macro_names,
    }
    basis_scale = np.abs(model.basis).max(axis=(1, 2)) / 32767
    local_scale = np.abs(model.local).max(axis=1) / 32767
    save_arrays(
        path,
        {
            "meta": np.array(json.dumps(meta, sort_keys=True)),
            "mean": model.mean.astype(np.float32),
            "basis": np.round(model.basis / basis_scale[:, None, None]).astype(np.int16),
            "basis_scale": basis_scale.astype(np.float32),
            "local": np.round(model.local / local_scale[:, None]).astype(np.int16),
            "local_scale": local_scale.astype(np.float32),
            "macro": model.macro.astype(np.float32),
            "own": model.own.astype(np.float32),
        },
    )
