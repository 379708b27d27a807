"""Exact solution of a linear relaxation by dense eigendecomposition."""

import numpy as np
import scipy.linalg


class Relaxation:
    """`s(t)` of `s' = q - S s`, `s(0) = 0`, for symmetric positive semidefinite S::

        s(t) = V diag((1 - exp(-lambda t)) / lambda) V* q,    S = V diag(lambda) V*

    Exact at every time. Eigenvalues between zero and `-rounding` count as zero.
    """

    iterations = 0

    def __init__(self, matrix: np.ndarray, source: np.ndarray) -> None:
        self.eigenvalues, self.vectors = scipy.linalg.eigh(matrix)
        self.source = self.vectors.T @ source
        noise = np.abs(self.eigenvalues) <= rounding_of(self.eigenvalues)
        self._rates = np.where(noise, np.maximum(self.eigenvalues, 0.0), self.eigenvalues)

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size)` at times `(T,)`."""
        t = times[:, None]
        zero = self._rates == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(zero, t, -np.expm1(-self._rates * t) / self._rates)
        return (gain * self.source) @ self.vectors.T

    def limit(self, ridge: float) -> np.ndarray:
        """`(S + ridge)^-1 q`, shape `(size,)`; numerically zero eigenvalues are left out."""
        shifted = self.eigenvalues + ridge
        used = ~numerically_zero(shifted)
        return self.vectors @ np.divide(
            self.source, shifted, out=np.zeros_like(shifted), where=used
        )


def numerically_zero(eigenvalues: np.ndarray) -> np.ndarray:
    """Which of the ascending eigenvalues an inverse must not use."""
    return eigenvalues <= len(eigenvalues) * np.finfo(float).eps * eigenvalues[-1]


def rounding_of(eigenvalues: np.ndarray) -> float:
    """How far below zero rounding may push an eigenvalue, for eigenvalues in ascending order."""
    relative = max(1e-12, 10 * len(eigenvalues) * np.finfo(float).eps)
    return relative * float(eigenvalues[-1])
