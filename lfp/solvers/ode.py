"""The same relaxation through a library's stiff integrator: an oracle for the others."""

import numpy as np
from scipy.integrate import OdeSolution, Radau

from lfp.solvers.dense import not_beyond

STEPS = 20_000  # 1e10 times 1/lambda_max take a general loss 400 to 1000 at rtol = 1e-8


def run(solver: Radau, hint: str = "") -> OdeSolution:
    """Step to the solver's last time and keep its interpolants.

    Raises:
        ValueError: the integrator gave up, or needs more than 20,000 steps.
    """
    times, pieces = [0.0], []
    while solver.t < solver.t_bound:
        advice = solver.step() if len(pieces) < STEPS else f"{STEPS:,} steps are not enough."
        if advice:
            raise ValueError(
                f"scipy's Radau method stopped at t = {solver.t:.3g} of {solver.t_bound:.3g}: "
                f"{advice} Use a larger rtol or an earlier last time{hint}"
            )
        times.append(solver.t)
        pieces.append(solver.dense_output())
    return OdeSolution(times, pieces)


class Integration:
    """`s' = b - M s`, `s(0) = 0`, by scipy's Radau IIA method of order 5 with error control.

    b and s have one column an output; M need not be symmetric. States exist up to the last
    time asked for; between steps they come from the method's own interpolant.

    Raises:
        ValueError: the integrator gave up, or needs more than 20,000 steps, as it may for
            `t lambda_max` beyond 1e8, where rounding of M s exceeds the tolerance.
    """

    def __init__(self, matrix: np.ndarray, source: np.ndarray, last: float, rtol: float) -> None:
        self._matrix, self._source, self.last = matrix, source, last
        self.iterations, self._columns = 0, []
        size = float(np.linalg.norm(matrix, np.inf))
        for column in source.T if last > 0 else []:
            scale = float(np.abs(column).max())
            solver = Radau(
                lambda t, s, column=column: column - matrix @ s,
                0.0,
                np.zeros(len(column)),
                last,
                first_step=min(0.01 / size, last) if size else last,
                rtol=max(rtol, 100 * np.finfo(float).eps),  # what scipy allows
                atol=rtol * (scale / size if scale and size else 1.0),
                jac=-matrix,  # pyright: ignore (an array will do)
            )
            self._columns.append(run(solver))
            self.iterations += solver.nfev

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """States `(T, size, c)` at times `(T,)`, none beyond the last.

        Raises:
            ValueError: a time beyond the last one integrated to.
        """
        not_beyond("ode", times, self.last)
        if not self._columns:
            return np.zeros((len(times), *self._source.shape))
        return np.stack([column(times).T for column in self._columns], axis=2)

    def velocity(self, times: np.ndarray) -> np.ndarray:
        """Their derivatives, `(T, size, c)`."""
        return self._source - self.learned(times)

    def learned(self, times: np.ndarray) -> np.ndarray:
        """M s, `(T, size, c)`."""
        return self._matrix @ self(times)
