"""The flow of a general loss on samples, through a library's stiff integrator."""

import numpy as np
import scipy.linalg
from scipy.integrate import OdeSolution, Radau

from lfp.losses import Loss, curvature_of
from lfp.solvers.dense import not_beyond, without_noise
from lfp.solvers.ode import run


class NonlinearRelaxation:
    """Weights w(t) of the output `h = h_ini + K(., X) w` under `L = (1/n) sum_i l(r_i)`::

        w' = -l'(r)/n,    r = r(0) + K w,    w(0) = 0

    by scipy's Radau IIA method of order 5 with error control and the analytic Jacobian. The
    unknowns are a, `w = V a/n` with `K/n = V diag(lambda) V*`: `a' = -V* l'(r)` and
    `r = r(0) + V (lambda a)`. In w itself rounding enters r multiplied by the condition
    number of K and ends the step control at about `t lambda_max = 1e7`; here `lambda a` never
    exceeds the data, and the tolerance, `rtol` relative to `max |r(0)|`, is one on the outputs.

    Weights exist up to the last time asked for; between steps they come from the method's own
    interpolant, of the order of its error estimate. The outputs of `(n, c)` are separate problems.

    Raises:
        ValueError: the integrator gave up, or needs more than 20,000 steps.

    Source: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, section IV.8.
    """

    def __init__(
        self, matrix: np.ndarray, residual: np.ndarray, loss: Loss, last: float, rtol: float
    ) -> None:
        """Integrate to time `last`.

        Args:
            matrix: `K(X, X)/n`, symmetric positive semidefinite; as in `Relaxation`,
                eigenvalues between zero and `-rounding` count as zero.
            residual: `r(0) = h_ini(X) - y`, of shape `(n,)` or `(n, c)`.
            loss: a checked loss, see `as_loss`.
            last: last time, at least 0.
            rtol: tolerance of the residuals, relative to the largest at the start.
        """
        self.eigenvalues, self._vectors = scipy.linalg.eigh(matrix)
        self._rates = without_noise(self.eigenvalues)
        self._shape, self.last, self.iterations = residual.shape, last, 0
        columns = residual.reshape(len(residual), -1).T
        with np.errstate(all="ignore"):  # trial values may overflow; their steps are rejected
            self._solutions = [self._integrate(column, loss, rtol) for column in columns]

    def _integrate(self, start: np.ndarray, loss: Loss, rtol: float) -> OdeSolution | None:
        if self.last == 0:
            return None
        vectors, rates, n = self._vectors, self._rates, len(start)
        scale = float(np.abs(start).max()) or 1.0
        curvature = curvature_of(loss, scale)
        size = np.abs(rates)
        floor = n * np.finfo(float).eps * (float(size.max()) or 1.0)

        def residual(a: np.ndarray) -> np.ndarray:
            return start + vectors @ (rates * a)

        # scipy's own first step is 1e-6 in whatever unit, since a(0) = 0
        speed = np.abs(vectors @ (rates * (vectors.T @ loss.slope(start)))).max()
        solver = Radau(
            lambda t, a: -vectors.T @ loss.slope(residual(a)),
            0.0,
            np.zeros(n),
            self.last,
            first_step=min(0.01 * scale / speed, self.last) if speed > 0 else self.last,
            rtol=max(rtol, 100 * np.finfo(float).eps),  # what scipy allows
            atol=rtol * scale / np.maximum(size, floor),  # pyright: ignore (any array will do)
            jac=lambda t, a: -(vectors.T * curvature(residual(a))) @ vectors * rates,
        )
        solution = run(solver, "; the slope of a loss must be continuous, in full precision")
        self.iterations += solver.nfev
        return solution

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """Weights `(T, n)` or `(T, n, c)` at times `(T,)`, none beyond the last.

        Raises:
            ValueError: a time beyond the last one integrated to.
        """
        not_beyond("ode", times, self.last)
        n = self._shape[0]
        weights = [
            (self._vectors @ solution(times)).T / n if solution else np.zeros((len(times), n))
            for solution in self._solutions
        ]
        return np.stack(weights, axis=-1).reshape(len(times), *self._shape)
