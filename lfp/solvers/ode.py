"""The same relaxation through a library's stiff integrator: an oracle for the others."""

import numpy as np
from scipy.integrate import solve_ivp


class Integration:
    """`s' = b - M s`, `s(0) = 0`, by scipy's Radau IIA method of order 5 with error control.

    M need not be symmetric. States exist up to the last time asked for; between steps
    they come from the method's own interpolant.

    Raises:
        RuntimeError: the integrator gave up.
    """

    def __init__(self, matrix: np.ndarray, source: np.ndarray, last: float, rtol: float) -> None:
        scale = np.abs(source).max()
        self.last = last
        solution = solve_ivp(
            lambda t, s: source - matrix @ s,
            (0.0, last),
            np.zeros(len(source)),
            method="Radau",
            dense_output=True,
            rtol=rtol,
            atol=rtol * (scale / np.linalg.norm(matrix, np.inf) if scale else 1.0),
            jac=-matrix,
        )
        if not solution.success:
            raise RuntimeError(f"scipy's Radau method stopped: {solution.message}")
        self.iterations = int(solution.nfev)
        self._states = solution.sol

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size)` at times `(T,)`, none beyond the last.

        Raises:
            ValueError: a time beyond the last one integrated to.
        """
        if times.max() > self.last * (1 + 1e-12):
            raise ValueError(
                f"times must not exceed {self.last:g} with solver='ode', got {times.max():g}"
            )
        return self._states(times).T
