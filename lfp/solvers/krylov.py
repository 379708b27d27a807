"""One Krylov basis for all times: Lanczos with full reorthogonalisation, done twice."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits

from lfp import _checks as check
from lfp.solvers.dense import gains, growth, learned_share, not_beyond, without_noise

FIRST = 32  # vectors for which there is room at first
CHECK_EVERY = 4  # steps between two looks at the error
MOST_STEPS = 1000
HOPELESS = 30.0  # exponent of a growing mode at the last time


class Krylov:
    """`c(t)` of `c' = v_0 - M c`, `c(0) = 0`, for M self-adjoint in an inner product `<., .>_T`.

    The basis V of the Krylov space of v_0 is orthonormal, `V* T V = 1`, and `H = V* T M V` is
    tridiagonal; then `c(t) = |v_0| V phi_t(H) e_1`, `phi_t(z) = (1 - exp(-z t))/z`, at every t up
    to the last. V and T V are both kept. Every new vector is orthogonalised twice against all:
    with one pass the error stalls at 1e-6 for the times of interest here. Its image is computed
    between the passes: taken before them and carried along by subtraction it drifts away from
    T v, step by step, until after a hundred steps 2 digits of orthogonality are left of 13.

    Stopping: the defect `v_0 - M c - c'` is `h_(m+1,m) |v_0| y_m(t) v_(m+1)` with
    `y(t) = phi_t(H) e_1`. `|y_m|` grows with t, since the entries of `exp(-t H)` keep their sign,
    and an error of c, of at most the integral of the defect, follows at once (for the
    exponential: Jawecki, Auzinger, Koch 2020).

    Args:
        start: v_0.
        multiply: M v from v and its image T v.
        metric: the image T v; the identity returns v itself, which it may clean of rounding in
            place, and no images are kept.
        last: time up to which the basis must serve.
        accuracy: error allowed at the last time.
        factor: what turns the norm of the defect at the last time into that error: `last` for the
            error of c in the T norm, 2 for that of M c.

    Attributes:
        iterations: products with M.
        error: the bound reached.
        converged: whether it is below the accuracy.
        eigenvalues: Ritz values, ascending.
    """

    def __init__(
        self,
        start: np.ndarray,
        multiply: Callable[[np.ndarray, np.ndarray], np.ndarray],
        metric: Callable[[np.ndarray], np.ndarray],
        last: float,
        accuracy: float,
        factor: float,
    ) -> None:
        self.last, self.converged, self.error = last, True, 0.0
        self.iterations = 0
        self._multiply, self._metric = multiply, metric
        self._diagonal: list[float] = []
        self._next: list[float] = []  # norms of what is left of M v_j
        image = metric(start)
        self._separate = image is not start
        self._norm = _norm(start, image)
        self._basis = self._room(FIRST, len(start))
        self._images = np.empty_like(self._basis) if self._separate else self._basis
        if self._norm == 0:
            self.eigenvalues, self._vectors = np.zeros(1), np.zeros((1, 1))
            self._basis[0] = 0.0
            return
        vector, norm = start, self._norm
        look = 4
        while True:
            self._append(vector, image, norm)
            vector, image, norm, size = self._next_vector()
            self._next.append(norm)
            invariant = norm <= 10 * np.finfo(float).eps * size
            if not (invariant or self.iterations >= look or self.iterations == MOST_STEPS):
                continue
            look = self.iterations + max(2, self.iterations // 16)
            self.eigenvalues, self._vectors = scipy.linalg.eigh_tridiagonal(
                self._diagonal, self._next[:-1]
            )
            defect = self._norm * norm * abs(self._reduced(np.array([last]), gains)[0, -1])
            self.error = 0.0 if invariant else factor * defect
            self.converged = self.error <= accuracy
            # a growing mode only grows faster; what to say about it is the caller's business
            explodes = -self.eigenvalues[0] * last > HOPELESS
            if self.converged or explodes or self.iterations == MOST_STEPS:
                return

    def _room(self, vectors: int, size: int) -> np.ndarray:
        check.fits_in_memory(
            8 * vectors * size * (2 if self._separate else 1),
            what=f"{vectors:,} Krylov vectors of {size:,} unknowns",
            instead="use fewer modes, or an earlier last time",
        )
        return np.empty((vectors, size))

    def _append(self, vector: np.ndarray, image: np.ndarray, norm: float) -> None:
        count = self.iterations
        if count == len(self._basis):
            wider = self._room(2 * count, self._basis.shape[1])
            wider[:count] = self._basis
            images = np.empty_like(wider) if self._separate else wider
            if self._separate:
                images[:count] = self._images
            self._basis, self._images = wider, images
        np.divide(vector, norm, out=self._basis[count])
        if self._separate:
            np.divide(image, norm, out=self._images[count])

    def _next_vector(self) -> tuple[np.ndarray, np.ndarray, float, float]:
        """M times the newest vector made orthogonal to all, its image and norm, its norm before."""
        self.iterations += 1
        basis, images = self._basis[: self.iterations], self._images[: self.iterations]
        vector = self._multiply(basis[-1], images[-1])
        first = images @ vector
        vector = vector - first @ basis
        image = self._metric(vector)
        second = basis @ image
        vector -= second @ basis
        if self._separate:
            image -= second @ images
        self._diagonal.append(float(first[-1] + second[-1]))
        norm = _norm(vector, image)
        return vector, image, norm, float(np.hypot(np.linalg.norm(first), norm))

    def _reduced(self, times: np.ndarray, function: Callable[..., np.ndarray]) -> np.ndarray:
        """`function(H, t) e_1`, `(T, m)`."""
        rates = without_noise(self.eigenvalues)
        return (function(rates, times[:, None]) * self._vectors[0]) @ self._vectors.T

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size)` at times `(T,)`, none beyond the last."""
        return self._states(times, gains)

    def velocity(self, times: np.ndarray) -> np.ndarray:
        """Their derivatives, `(T, size)`."""
        return self._states(times, growth)

    def learned(self, times: np.ndarray) -> np.ndarray:
        """M c, `(T, size)`."""
        return self._states(times, learned_share)

    def _states(self, times: np.ndarray, function: Callable[..., np.ndarray]) -> np.ndarray:
        not_beyond("krylov", times, self.last)
        reduced = self._norm * self._reduced(times, function)
        return reduced @ self._basis[: reduced.shape[1]]


@runtime_checkable
class KrylovProblem(Protocol):
    """What a space offers to the Krylov method; see the arguments of `Krylov`."""

    residual: np.ndarray  # (n, c)

    def start(self, output: int) -> np.ndarray: ...
    def multiply(self, vector: np.ndarray, image: np.ndarray) -> np.ndarray: ...
    def metric(self, vector: np.ndarray) -> np.ndarray: ...
    def error_factor(self, last: float) -> float: ...


class KrylovOutputs:
    """A Krylov basis for each output of a problem, as one solution.

    The accuracy asked for is `rtol` times the root mean square of that output's data.
    """

    def __init__(self, problem: KrylovProblem, last: float, rtol: float) -> None:
        scales = np.sqrt([column @ column / len(column) for column in problem.residual.T])
        # many products of a few rows: threads cost more than they bring, the more on a busy machine
        with threadpool_limits(1, "blas"):
            self._each = [
                Krylov(
                    problem.start(i),
                    problem.multiply,
                    problem.metric,
                    last,
                    rtol * float(scale),
                    problem.error_factor(last),
                )
                for i, scale in enumerate(scales)
            ]
        self.iterations = sum(one.iterations for one in self._each)
        self.converged = all(one.converged for one in self._each)
        self.error = max(
            one.error / (float(scale) or 1.0) for one, scale in zip(self._each, scales, strict=True)
        )
        self.eigenvalues = np.sort(np.concatenate([one.eigenvalues for one in self._each]))

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size, c)`."""
        return np.stack([one(times) for one in self._each], axis=2)

    def velocity(self, times: np.ndarray) -> np.ndarray:
        """Their derivatives, `(T, size, c)`."""
        return np.stack([one.velocity(times) for one in self._each], axis=2)

    def learned(self, times: np.ndarray) -> np.ndarray:
        """M c, `(T, size, c)`."""
        return np.stack([one.learned(times) for one in self._each], axis=2)


def _norm(vector: np.ndarray, image: np.ndarray) -> float:
    return float(np.sqrt(max(vector @ image, 0.0)))
