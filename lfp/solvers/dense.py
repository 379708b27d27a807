"""Exact solution of a linear relaxation by dense eigendecomposition."""

import numpy as np
import scipy.linalg

EMPTY = np.zeros(0), np.zeros((0, 0))
LARGEST_EXPONENT = 600.0  # a mode that grows beyond says so without overflowing


class Relaxation:
    """`s(t)` of `s' = q - S s`, `s(0) = 0`, for symmetric positive semidefinite S::

        s(t) = V diag((1 - exp(-lambda t)) / lambda) V* q,    S = V diag(lambda) V*

    Exact at every time. Eigenvalues between zero and `-rounding` count as zero. S may be empty,
    where free functions take all of the data.
    """

    iterations = 0

    def __init__(self, matrix: np.ndarray, source: np.ndarray) -> None:
        self.eigenvalues, self.vectors = scipy.linalg.eigh(matrix) if len(matrix) else EMPTY
        self.source = self.vectors.T @ source  # (size, c)
        self._rates = without_noise(self.eigenvalues)

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size, c)` at times `(T,)`."""
        return self._states(gains(self._rates, times[:, None]))

    def velocity(self, times: np.ndarray) -> np.ndarray:
        """Their derivatives, `(T, size, c)`."""
        return self._states(growth(self._rates, times[:, None]))

    def learned(self, times: np.ndarray) -> np.ndarray:
        """S s, `(T, size, c)`."""
        return self._states(learned_share(self._rates, times[:, None]))

    def _states(self, factors: np.ndarray) -> np.ndarray:
        states = (factors[:, None, :] * self.source.T) @ self.vectors.T  # (T, c, size)
        return np.moveaxis(states, 1, 2)

    def rounding_error(self, last: float) -> float:
        """`rounding_error` of S s until the last time, relative to the source."""
        return rounding_error(self._rates, np.sum(self.source**2, axis=1), last)

    def limit(self, ridge: float) -> np.ndarray:
        """`(S + ridge)^-1 q`, `(size, c)`; numerically zero eigenvalues are left out."""
        shifted = self.eigenvalues + ridge
        used = ~numerically_zero(shifted)
        inverse = np.divide(1.0, shifted, out=np.zeros_like(shifted), where=used)
        return self.vectors @ (inverse[:, None] * self.source)


def limit(
    matrix: np.ndarray, source: np.ndarray, ridge: float
) -> tuple[np.ndarray, float, np.ndarray]:
    """State `(size, c)` of `(S + ridge) s = q`, its squared norm `s* S s`, eigenvalues + ridge."""
    relaxation = Relaxation(matrix, source)
    state = relaxation.limit(ridge)
    return state, float(np.sum(state * (matrix @ state))), relaxation.eigenvalues + ridge


def rounding_error(rates: np.ndarray, power: np.ndarray, last: float) -> float:
    """What rounding costs a relaxation until the last time, root mean square.

    Eigenvalues are known to `d = eps lambda_max`, so `exp(-lambda t)` to `d t exp(-lambda t)`,
    at most `d/(e lambda)` at any time, and to no more than 1.

    Args:
        rates: ascending eigenvalues, none negative beyond rounding.
        power: of the data in each mode; the error is relative to the root of its sum.
        last: time.
    """
    unknown = np.finfo(float).eps * float(rates[-1]) if len(rates) else 0.0
    largest = np.max(power, initial=0.0)
    if not (unknown > 0 and largest > 0):
        return 0.0
    each = np.minimum(1.0, unknown * np.minimum(last, 1 / (np.e * np.maximum(rates, unknown))))
    shares = power / largest
    return float(np.sqrt(np.sum(each**2 * shares) / np.sum(shares)))


def growth(rates: np.ndarray, t: np.ndarray) -> np.ndarray:
    """`exp(-rate t)`."""
    return np.exp(np.minimum(-rates * t, LARGEST_EXPONENT))


def learned_share(rates: np.ndarray, t: np.ndarray) -> np.ndarray:
    """`1 - exp(-rate t)`."""
    return -np.expm1(np.minimum(-rates * t, LARGEST_EXPONENT))


def gains(rates: np.ndarray, t: np.ndarray) -> np.ndarray:
    """`phi_t(rate) = (1 - exp(-rate t))/rate`, t at rate 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rates == 0, t, learned_share(rates, t) / rates)


def without_noise(eigenvalues: np.ndarray) -> np.ndarray:
    """Ascending eigenvalues, those that rounding may have pushed below zero set to zero."""
    noise = np.abs(eigenvalues) <= rounding_of(eigenvalues)
    return np.where(noise, np.maximum(eigenvalues, 0.0), eigenvalues)


def not_beyond(solver: str, times: np.ndarray, last: float) -> None:
    """Raise ValueError for times that a solver has not gone to."""
    if times.max() > last * (1 + 1e-12):
        raise ValueError(
            f"times must not exceed {last:g} with solver={solver!r}, got {times.max():g}"
        )


def numerically_zero(eigenvalues: np.ndarray) -> np.ndarray:
    """Which of the ascending eigenvalues an inverse must not use."""
    return eigenvalues <= len(eigenvalues) * np.finfo(float).eps * eigenvalues[-1:]


def rounding_of(eigenvalues: np.ndarray) -> float:
    """How far below zero rounding may push an eigenvalue, for eigenvalues in ascending order."""
    relative = max(1e-12, 10 * len(eigenvalues) * np.finfo(float).eps)
    return relative * float(eigenvalues[-1]) if len(eigenvalues) else 0.0
