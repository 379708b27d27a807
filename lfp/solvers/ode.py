"""The same relaxation through a library's stiff integrator: an oracle for the others."""

import numpy as np
from scipy.integrate import solve_ivp

from lfp.solvers.dense import not_beyond


class Integration:
    """`s' = b - M s`, `s(0) = 0`, by scipy's Radau IIA method of order 5 with error control.

    b and s have one column an output; M need not be symmetric.

    States exist up to the last time asked for; between steps
    they come from the method's own interpolant.

    Raises:
        RuntimeError: the integrator gave up.
    """

    def __init__(self, matrix: np.ndarray, source: np.ndarray, last: float, rtol: float) -> None:
        self._matrix, self._source, self.last = matrix, source, last
        self.iterations, self._columns = 0, []
        for column in source.T:
            scale = np.abs(column).max()
            solution = solve_ivp(
                lambda t, s, column=column: column - matrix @ s,
                (0.0, last),
                np.zeros(len(column)),
                method="Radau",
                dense_output=True,
                rtol=rtol,
                atol=rtol * (scale / np.linalg.norm(matrix, np.inf) if scale else 1.0),
                jac=-matrix,
            )
            if not solution.success:
                raise RuntimeError(f"scipy's Radau method stopped: {solution.message}")
            self.iterations += int(solution.nfev)
            self._columns.append(solution.sol)

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size, c)` at times `(T,)`, none beyond the last.

        Raises:
            ValueError: a time beyond the last one integrated to.
        """
        not_beyond("ode", times, self.last)
        return np.stack([column(times).T for column in self._columns], axis=2)

    def velocity(self, times: np.ndarray) -> np.ndarray:
        """Their derivatives, `(T, size, c)`."""
        return self._source - self.learned(times)

    def learned(self, times: np.ndarray) -> np.ndarray:
        """M s, `(T, size, c)`."""
        return self._matrix @ self(times)
