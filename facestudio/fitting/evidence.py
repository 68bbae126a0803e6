"""Turns located and corrected landmarks into the evidence the solver fits."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import block_diag

from facestudio.fitting.fit_values import Evidence
from facestudio.fitting.noise import PointNoise, conditions, mesh_noise
from facestudio.fitting.observer import load_observer
from facestudio.fitting.sparse_model import SparseModel
from facestudio.geometry.camera import head_angles, project
from facestudio.template.model import JAW_POINTS
from facestudio.values import ARKIT_NAMES, Camera, DetectedFace, FloatArray, Landmarks

POINT_CAUTION = 3.0
"""Located points err in more ways together than their learnt covariance tells: it is taken this much wider, by what
measured best on held-out photos (docs/shape.md)."""

MOVED_CAUTION = (3.0, 12.0)
"""So much wider is the noise of points that the observer moved, in real and in drawn photos: it errs of them as it errs
of identity, and to drawn photos, which it knows, they add nothing (docs/adr/0041)."""

_REACH = 0.22  # how far a correction carries, in distances between the outer eye corners
_JAW_SIGMA_MM = 2.5
_SUREST_MM = 0.5  # no located point is taken to be surer
# The jaw is the outline that is seen, another line of the skin in every pose: in turned heads its noise is wider, so
# many times the yaw's sine. As a whole it may lie so much lower or aside: else it tilts heads by up to 6 degrees.
_JAW_TURNED = 10.0
_JAW_LOWER_MM, _JAW_ASIDE_MM = 10.0, 5.0
_EYE_CORNERS = (36, 45)  # outer corners in ibug68


def by_kind(pair: tuple[float, float], located: Landmarks | None) -> float:
    """Return a factor between those for real and drawn photos, by how likely located landmarks are in a drawn one."""
    real, drawn = pair
    share = 0.0 if located is None else located.drawn
    return float(real ** (1 - share) * drawn**share)


def pixels_per_mm(camera: Camera) -> float:
    """Return the scale of the picture at the head's origin, pixels per millimetre."""
    return camera.fx / float(camera.translation_mm[2])


def mesh_evidence(
    mesh: FloatArray, noise: PointNoise, camera: Camera, expression: FloatArray | None = None
) -> Evidence:
    """Return the evidence of mesh points (478, 2) px: bias taken off, noise scaled and turned to the face.

    Parameters
    ----------
    mesh
        Located points, pixels.
    noise
        Their learnt noise, mm.
    camera
        A camera with about the right pose.
    expression
        (52,) as the landmarker sees it; none by default.
    """
    scale = pixels_per_mm(camera)
    yaw, pitch, roll = head_angles(camera.rotation)
    seen = np.zeros(len(ARKIT_NAMES)) if expression is None else expression
    turned = noise.under(conditions(yaw, pitch, seen)).rotated(roll)
    return Evidence(mesh - turned.bias * scale, turned.sigma * scale, turned.factor * scale)


def mixed(first: Evidence, second: Evidence, share: float) -> Evidence:
    """Return evidence between two about the same points: so far towards the second, and no surer than either.

    Parameters
    ----------
    share
        0..1: that of the second.
    """
    if share >= 1:
        return second
    pixels = (1 - share) * first.pixels + share * second.pixels
    sigma = np.sqrt((1 - share) * first.sigma**2 + share * second.sigma**2)
    factor = np.concatenate([np.sqrt(1 - share) * first.factor, np.sqrt(share) * second.factor], axis=1)
    return Evidence(pixels, sigma, factor)


def landmark_evidence(landmarks: Landmarks, scale: float) -> Evidence:
    """Return ibug68 landmarks as evidence of their own.

    Parameters
    ----------
    landmarks
        68 points, pixels.
    scale
        Pixels per millimetre: no point is taken to be surer than half a millimetre.
    """
    variance = np.stack([landmarks.covariance[:, 0, 0], landmarks.covariance[:, 1, 1]], axis=1)
    sigma = np.sqrt(np.maximum(variance, (0.5 * scale) ** 2))
    # Where the jaw ends and the neck or hair begins is hard to see: its points say less.
    sigma[:JAW_POINTS] = np.maximum(sigma[:JAW_POINTS], _JAW_SIGMA_MM * scale)
    return Evidence(landmarks.points, sigma, np.zeros((2 * len(landmarks.points), 0)))


def located_evidence(landmarks: Landmarks, camera: Camera) -> Evidence:
    """Return the 68 points as evidence beside the mesh's.

    The jaw's lie on the outline that is seen: the more the head is turned, the less they say of the template's own.
    They tell the jaw's form and width, but hardly where it is as a whole, and so nothing of the head's turn.

    Parameters
    ----------
    landmarks
        68 located points, pixels.
    camera
        A camera with about the right pose.
    """
    variance = np.stack([landmarks.covariance[:, 0, 0], landmarks.covariance[:, 1, 1]], axis=1)
    scale = pixels_per_mm(camera)
    sigma = np.maximum(np.sqrt(variance), _SUREST_MM * scale)
    yaw, _, roll = head_angles(camera.rotation)
    sigma[:JAW_POINTS] *= 1.0 + _JAW_TURNED * abs(np.sin(yaw))
    together = np.zeros((*sigma.shape, 2))
    together[:JAW_POINTS, :, 0] = np.multiply(_JAW_LOWER_MM * scale, [-np.sin(roll), np.cos(roll)])
    together[:JAW_POINTS, :, 1] = np.multiply(_JAW_ASIDE_MM * scale, [np.cos(roll), np.sin(roll)])
    return Evidence(landmarks.points, sigma, together.reshape(sigma.size, 2))


def with_sliding_jaw(
    model: SparseModel,
    jaw: SparseModel,
    identity: FloatArray,
    expression: FloatArray,
    camera: Camera,
    pixels: FloatArray,
) -> SparseModel:
    """Let the jaw's points slide: each takes the place on its line that the camera sees nearest to the landmark.

    The 17 points of the jaw mark the face's outline, which is another line on the skin from every side.

    Parameters
    ----------
    model
        Of ibug68.
    jaw
        Of the template's jaw lines.
    identity, expression, camera
        The fit so far.
    pixels
        (68, 2) landmarks.

    Returns
    -------
    SparseModel
        Of 68 points.
    """
    places, _ = project(camera, jaw.points(identity, expression))
    away = np.linalg.norm(places.reshape(JAW_POINTS, -1, 2) - pixels[:JAW_POINTS, None], axis=2)
    chosen = np.argmin(away, axis=1) + np.arange(JAW_POINTS) * away.shape[1]
    return jaw.subset(chosen).joined(model.subset(np.arange(JAW_POINTS, len(model))))


@dataclass(frozen=True, eq=False)
class FaceSight:
    """What a located face tells the fit, of its points as located and as a person corrects them.

    Attributes
    ----------
    mesh
        (478, 2) px as located.
    noise
        Of `mesh`.
    expression
        (52,) as the landmarker sees it.
    refined, own_noise
        (478, 2) px where the shape observer puts the points, and its noise; None without it.
    trust
        0..1: how far towards the refined points.
    located
        The 68 points as located.
    counts
        Whether they are evidence, too: not if they follow from `mesh`.
    """

    mesh: FloatArray
    noise: PointNoise
    expression: FloatArray
    refined: FloatArray | None
    own_noise: PointNoise | None
    trust: float
    located: Landmarks
    counts: bool

    def evidence(self, camera: Camera) -> Evidence:
        """Return the evidence of the points as located, for a camera with about the right pose.

        Those of the mesh, and the 68 after them if they count.
        """
        seen = mesh_evidence(self.mesh, self.noise, camera, self.expression)
        if self.refined is not None and self.own_noise is not None:
            seen = mixed(seen, mesh_evidence(self.refined, self.own_noise, camera), self.trust)
        if not self.counts:
            return seen
        own = located_evidence(self.located, camera)
        factor = np.asarray(block_diag(seen.factor, own.factor), dtype=np.float64)
        return Evidence(
            np.concatenate([seen.pixels, own.pixels]), np.concatenate([seen.sigma, own.sigma]), factor
        )

    def corrected(self, evidence: Evidence, given: Landmarks) -> Evidence:
        """Carry corrections of the 68 points over to the 478 around them; what is not moved is returned as it is.

        The displacements of the 68 are interpolated with a Gaussian of limited reach: (nearly) exact at each of
        the 68, fading to none.

        Parameters
        ----------
        evidence
            Of the points as located; its noise stays.
        given
            The 68 points as corrected.
        """
        shift = given.points - self.located.points
        if np.abs(shift).max() < 1e-6:
            return evidence
        return replace(evidence, pixels=evidence.pixels + self._carried @ shift)

    @cached_property
    def _carried(self) -> FloatArray:
        own = correction_weights(self.mesh, self.located)
        if self.refined is not None:
            own = (1 - self.trust) * own + self.trust * correction_weights(self.refined, self.located)
        return np.concatenate([own, np.eye(len(self.located.points))]) if self.counts else own


def face_sight(
    face: DetectedFace,
    located: Landmarks,
    refined: FloatArray | None,
    trust: float,
    noise: PointNoise | None = None,
) -> FaceSight:
    """Return what a located face tells the fit.

    Parameters
    ----------
    face, located
        The face and its 68 points, which count beside the mesh unless they follow from it.
    refined, trust
        See `FaceSight`.
    noise
        Of the mesh, if the caller knows it: then nothing else counts.
    """
    own = None if refined is None else load_observer().noise.scaled(by_kind(MOVED_CAUTION, located))
    counts = noise is None and located.method != "mesh478"
    wide = noise or mesh_noise().scaled(POINT_CAUTION)
    return FaceSight(face.mesh.points, wide, face.expression, refined, own, trust, located, counts)


def correction_weights(mesh: FloatArray, located: Landmarks) -> FloatArray:
    """Return how far each of the 68 carries each of the 478 along, (478, 68): the same for all corrections."""
    reach = _REACH * float(np.linalg.norm(np.subtract(*located.points[list(_EYE_CORNERS)])))
    within = _gaussian(located.points, located.points, reach)
    within[np.diag_indices_from(within)] += 0.02
    return np.linalg.solve(within, _gaussian(located.points, mesh, reach)).T.astype(np.float64)


def _gaussian(a: FloatArray, b: FloatArray, reach: float) -> FloatArray:
    distance = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.exp(-0.5 * distance / (0.5 * reach) ** 2)
