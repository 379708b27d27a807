"""The matrix of a linear flow, data to outputs anywhere, in the eigenbasis of the flow."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

import lfp
from lfp import _checks as check
from lfp.choice import Kernel, kernel_of
from lfp.solvers.dense import gains, without_noise
from lfp.spaces.samples import kernel_matrix
from lfp.status import indefinite


@dataclass(frozen=True)
class EigenFlow:
    """`h(x', t) = E y + sum_j phi_t(lambda_j) G_j(x') v_j.y`, `phi_t(s) = (1 - exp(-s t))/s`.

    With the eigenvalues lambda_j and -vectors v_j of `K(X, X)/n`, `G_j = K(., X) v_j/n`. Functions
    that a law does not penalise are learned at once: E is the least-squares fit of them, and the
    rest flows in their complement, where G_j is what the fit of K(., X) v_j leaves.

    Attributes:
        rates: lambda, shape (r,).
        vectors: v, shape (n, r).
        sections: G at the points, shape (m, r).
        at_once: E, shape (m, n).
    """

    rates: np.ndarray
    vectors: np.ndarray
    sections: np.ndarray
    at_once: np.ndarray

    def distances(self, values: np.ndarray, goal: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Mean over the points of `|h(x', t) - goal|^2`, summed over the columns, shape (T,).

        h is the flow of data (n, c) from zero, the goal has shape (m, c).
        """
        data = self.vectors.T @ values
        # in an orthonormal basis of the sections, where there are no more rows than rates
        basis, sections = np.linalg.qr(self.sections)
        missing = self.at_once @ values - goal
        inside = basis.T @ missing
        outside = np.sum((missing - basis @ inside) ** 2)
        shares = gains(self.rates, ts[:, None])
        squares = [np.sum((sections @ (share[:, None] * data) + inside) ** 2) for share in shares]
        return (np.array(squares) + outside) / len(goal)

    def amplification(self, ts: np.ndarray) -> np.ndarray:
        """Mean over the points of `sum_i (dh(x', t)/dy_i)^2`, shape (T,)."""
        # rows of E lie in the free functions, the v_j are orthogonal to them
        squares = (self.sections**2).mean(axis=0)
        fixed = (self.at_once**2).sum(axis=1).mean()
        return gains(self.rates, ts[:, None]) ** 2 @ squares + fixed


def eigenflow(law: Kernel, x: np.ndarray, points: np.ndarray) -> EigenFlow:
    """The flow of a law or kernel on samples x (n, d), looked at at points (m, d).

    Raises:
        ValueError: the kernel is indefinite on the samples, as it is where sigma_b is too small for
            the LFP law.
        TypeError: law is neither a law nor a function.
    """
    kernel, n = kernel_of(law), len(x)
    affine = law.affine(x.shape[1]) if isinstance(law, lfp.Law) else (0.0, 0.0)
    which = np.isinf([affine[0]] + x.shape[1] * [affine[1]])
    free, outside = (np.column_stack([np.ones(len(at)), at])[:, which] for at in (x, points))
    check.fits_in_memory(
        check.eigendecomposition_bytes(n), what=f"{n:,} samples", instead="use fewer samples"
    )
    gram, across = (kernel_matrix(kernel, at, x) / n for at in (x, points))
    fit = outside @ np.linalg.pinv(free)
    rest = scipy.linalg.null_space(free.T) if which.any() else np.eye(n)
    eigenvalues, modes = scipy.linalg.eigh(rest.T @ gram @ rest)
    validity = law.validity(x) if isinstance(law, lfp.Law) else np.nan
    message = indefinite(eigenvalues, validity, "samples", np.inf)
    if message:
        raise ValueError(message)
    vectors = rest @ modes
    sections = (across - fit @ gram) @ vectors
    return EigenFlow(without_noise(eigenvalues), vectors, sections, fit)
