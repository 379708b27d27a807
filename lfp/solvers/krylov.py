"""One Krylov basis for all times: Lanczos with full reorthogonalisation, done twice."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import scipy.linalg

from lfp.solvers.dense import gains, not_beyond, without_noise

GROWTH = 64  # vectors by which the basis grows
CHECK_EVERY = 4  # steps between two looks at the error
MOST_STEPS = 1000

Pair = tuple[np.ndarray, np.ndarray]


class Krylov:
    """`c(t)` of `c' = v_0 - M c`, `c(0) = 0`, for M self-adjoint in an inner product `<., .>_T`.

    The basis V of the Krylov space of v_0 is orthonormal, `V* T V = 1`, and `H = V* T M V` is
    tridiagonal; then `c(t) = |v_0| V phi_t(H) e_1`, `phi_t(z) = (1 - exp(-z t))/z`, at every t up
    to the last. V and T V are both kept and orthogonalised twice in every step: with one pass
    the error stalls at 1e-6 for the times of interest here.

    Stopping: the defect `v_0 - M c - c'` is `h_(m+1,m) |v_0| y_m(t) v_(m+1)` with
    `y(t) = phi_t(H) e_1`. `|y_m|` grows with t, since the entries of `exp(-t H)` keep their sign,
    and an error of c, of at most the integral of the defect, follows at once (for the
    exponential: Jawecki, Auzinger, Koch 2020).

    Args:
        start: `(v_0, T v_0)`.
        step: from `(v, T v)` to `(M v, T M v)`; where T is the identity, one array twice.
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
        start: Pair,
        step: Callable[[np.ndarray, np.ndarray], Pair],
        last: float,
        accuracy: float,
        factor: float,
    ) -> None:
        self.last, self.converged, self.error = last, True, 0.0
        self.iterations = 0
        self._diagonal: list[float] = []
        self._next: list[float] = []  # norms of what is left of M v_j
        self._norm = _norm(*start)
        self._basis = np.empty((GROWTH, len(start[0])))
        self._images = self._basis if start[1] is start[0] else np.empty_like(self._basis)
        if self._norm == 0:
            self._decompose()
            return
        self._append(start, self._norm)
        look = 4
        while True:
            following, size = self._advance(step)
            invariant = self._next[-1] <= 10 * np.finfo(float).eps * size
            if invariant or self.iterations >= look or self.iterations == MOST_STEPS:
                look = self.iterations + max(2, self.iterations // 8)
                self._decompose()
                defect = abs(self._reduced(np.array([last]), gains)[0, -1]) * self._next[-1]
                self.error = 0.0 if invariant else factor * self._norm * defect
                self.converged = self.error <= accuracy
                if self.converged or self.iterations == MOST_STEPS:
                    return
            self._append(following, self._next[-1])

    def _append(self, pair: Pair, norm: float) -> None:
        count = len(self._diagonal)
        if count == len(self._basis):
            separate = self._images is not self._basis
            self._basis = np.concatenate([self._basis, np.empty_like(self._basis)])
            self._images = (
                np.concatenate([self._images, np.empty_like(self._images)])
                if separate
                else self._basis
            )
        np.divide(pair[0], norm, out=self._basis[count])
        if self._images is not self._basis:
            np.divide(pair[1], norm, out=self._images[count])

    def _advance(self, step: Callable[[np.ndarray, np.ndarray], Pair]) -> tuple[Pair, float]:
        """M times the newest vector, orthogonal to all; and its norm before."""
        count = len(self._diagonal) + 1
        basis, images = self._basis[:count], self._images[:count]
        vector, image = step(basis[-1], images[-1])
        separate, size = vector is not image, _norm(vector, image)
        self._diagonal.append(0.0)
        for _ in range(2):
            overlap = basis @ image
            vector -= overlap @ basis
            if separate:
                image -= overlap @ images
            self._diagonal[-1] += float(overlap[-1])
        self._next.append(_norm(vector, image))
        self.iterations += 1
        return (vector, image), size

    def _decompose(self) -> None:
        if not self._diagonal:  # v_0 = 0
            self.eigenvalues, self._vectors = np.zeros(1), np.zeros((1, 1))
            self._basis[0] = 0.0
            return
        self.eigenvalues, self._vectors = scipy.linalg.eigh_tridiagonal(
            self._diagonal, self._next[:-1]
        )

    def _reduced(self, times: np.ndarray, function: Callable[..., np.ndarray]) -> np.ndarray:
        """`function(H, t) e_1`, `(T, m)`."""
        rates = without_noise(self.eigenvalues)
        return (function(rates, times[:, None]) * self._vectors[0]) @ self._vectors.T

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size)` at times `(T,)`, none beyond the last."""
        return self._states(times, gains)

    def velocity(self, times: np.ndarray) -> np.ndarray:
        """Their derivatives, `(T, size)`."""
        return self._states(times, lambda rates, t: np.exp(-rates * t))

    def _states(self, times: np.ndarray, function: Callable[..., np.ndarray]) -> np.ndarray:
        not_beyond("krylov", times, self.last)
        reduced = self._norm * self._reduced(times, function)
        return reduced @ self._basis[: reduced.shape[1]]


class KrylovOutputs:
    """A Krylov basis for each output of a problem, as one solution.

    The accuracy asked for is `rtol` times the root mean square of that output's data.
    """

    def __init__(self, problem: "KrylovProblem", last: float, rtol: float) -> None:
        self._each = [
            Krylov(
                problem.start(i),
                problem.step,
                last,
                rtol * float(np.sqrt(np.mean(column**2))),
                problem.error_factor(last),
            )
            for i, column in enumerate(problem.residual.T)
        ]
        self.iterations = sum(one.iterations for one in self._each)
        self.converged = all(one.converged for one in self._each)
        scales = [float(np.sqrt(np.mean(c**2))) or 1.0 for c in problem.residual.T]
        self.error = max(one.error / s for one, s in zip(self._each, scales, strict=True))
        self.eigenvalues = np.sort(np.concatenate([one.eigenvalues for one in self._each]))

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size, c)`."""
        return np.stack([one(times) for one in self._each], axis=2)

    def velocity(self, times: np.ndarray) -> np.ndarray:
        """Their derivatives, `(T, size, c)`."""
        return np.stack([one.velocity(times) for one in self._each], axis=2)


class KrylovProblem(Protocol):
    """What a space offers to the Krylov method."""

    residual: np.ndarray  # (n, c)

    def start(self, output: int) -> Pair:
        """`(v_0, T v_0)` of one output."""
        ...

    def step(self, vector: np.ndarray, image: np.ndarray) -> Pair:
        """`(M v, T M v)` from `(v, T v)`."""
        ...

    def error_factor(self, last: float) -> float:
        """From a defect at the last time to the error of the outputs."""
        ...


def _norm(vector: np.ndarray, image: np.ndarray) -> float:
    return float(np.sqrt(max(vector @ image, 0.0)))
