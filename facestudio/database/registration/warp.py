"""A smooth warp of space on a few hundred centres, fitted to many uncertain displacements."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from facestudio.values import FloatArray, read_only


@dataclass(frozen=True, eq=False)
class WarpBasis:
    """A spline of space: the biharmonic kernel -r on centres plus an affine part.

    It is the approximating thin plate spline (G. Wahba, 1990) restricted to fewer centres than data: the energy
    of bending is exact, the number of unknowns bounded.

    Attributes
    ----------
    centres
        (C, 3) mm.
    """

    centres: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "centres", read_only(self.centres, np.float64))

    def rows(self, points: FloatArray) -> FloatArray:
        """Return the design matrix of points (N, 3) mm: (N, C + 4), affine part last, in units of 100 mm."""
        scaled = points / 100.0
        kernel = -cdist(scaled, self.centres / 100.0)
        return np.hstack([kernel, np.ones((len(points), 1)), scaled])

    def fit(
        self,
        rows: FloatArray,
        displacements: FloatArray,
        weights: FloatArray,
        stiffness: float,
    ) -> FloatArray:
        """Fit displacements by weighted least squares with a penalty on bending.

        Parameters
        ----------
        rows
            (N, C + 4) of `rows`.
        displacements
            (N, 3) mm.
        weights
            (N, 3, 3) symmetric: how much the error counts in each direction (information matrices).
        stiffness
            Weight of the bending energy against a mean weight of one.

        Returns
        -------
        numpy.ndarray
            (C + 4, 3) coefficients: the displacement of points p is `rows(p) @ coefficients`.
        """
        count = len(self.centres)
        w = weights / max(float(np.trace(weights, axis1=1, axis2=2).sum()) / 3.0, 1e-12)
        reduced_rows = rows @ self._free
        bending = np.zeros((count, count))
        bending[: count - 4, : count - 4] = stiffness * self._bending
        system = np.empty((3, count, 3, count))
        for a in range(3):
            for b in range(a + 1):
                block = reduced_rows.T @ (reduced_rows * w[:, a, b, None])
                system[a, :, b, :] = block
                system[b, :, a, :] = block
            system[a, :, a, :] += bending
        whole = system.reshape(3 * count, 3 * count)
        whole[np.diag_indices(3 * count)] += 1e-10 * np.trace(whole) / (3 * count)
        right = reduced_rows.T @ np.einsum("nab,nb->na", w, displacements)
        solved = cho_solve(cho_factor(whole, lower=True, check_finite=False), right.T.ravel())
        return self._free @ solved.reshape(3, count).T

    @cached_property
    def _free(self) -> FloatArray:
        """(C + 4, C): from free parameters to coefficients that obey the spline's side condition.

        Under that condition (weights of the kernel are orthogonal to all affine functions) the form of -r is
        positive.
        """
        count = len(self.centres)
        affine = np.hstack([np.ones((count, 1)), self.centres / 100.0])
        basis = np.zeros((count + 4, count))
        basis[:count, : count - 4] = np.linalg.qr(affine, mode="complete")[0][:, 4:]
        basis[count:, count - 4 :] = np.eye(4)
        return basis

    @cached_property
    def _bending(self) -> FloatArray:
        count = len(self.centres)
        null = self._free[:count, : count - 4]
        return null.T @ -cdist(self.centres / 100.0, self.centres / 100.0) @ null
