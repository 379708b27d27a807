"""Flow: what a solved flow can be asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import Initial, Space
from lfp.halving import half_times
from lfp.modes import ModalSpace
from lfp.status import Status
from lfp.transforms import nudft


@dataclass(frozen=True)
class Solution:
    """States of a solver at any times, and how they become coefficients of a space."""

    states: Any  # (T,) -> (T, size, c), with .velocity
    to_coefficients: Callable[[np.ndarray], np.ndarray]
    iterations: int

    def coefficients(self, times: np.ndarray) -> np.ndarray:
        """Coefficients `(T, size, c)`."""
        return self.to_coefficients(self.states(times))

    def velocity(self, times: np.ndarray) -> np.ndarray:
        """Their time derivatives; `to_coefficients` is affine where functions are free."""
        velocity = self.states.velocity(times)
        return self.to_coefficients(velocity) - self.to_coefficients(np.zeros_like(velocity))


class Flow:
    """A solved flow: outputs at the samples and anywhere else, at the chosen times.

    Arrays below are for values y of shape `(n,)`; for `(n, c)` they have a last axis c more.

    Attributes:
        ts: times `(T,)`.
        x, y: the samples, `(n, d)` and `(n,)`.
        status: a `Status`.
    """

    def __init__(
        self,
        problem: Space,
        solution: Solution,
        again: Callable[[np.ndarray], tuple[Space, Solution]],
        x: np.ndarray,
        y: np.ndarray,
        ts: np.ndarray,
        initial: Initial,
        status: Status,
    ) -> None:
        self._problem, self._solution, self._again = problem, solution, again
        self._initial = initial
        self.x, self.y, self.ts, self.status = x, y, ts, status

    def __call__(self, x: ArrayLike, times: ArrayLike | None = None) -> np.ndarray:
        """Outputs `(T, m)` at x, `(m, d)` or `(m,)`, at all times or at the given ones.

        Raises:
            ValueError: x of another dimension than the samples, or outside the part of a
                free lattice where its kernel is the law's; times beyond the last one unless
                solver="dense".
        """
        x = check.points("x", x)
        times = self.ts if times is None else check.time_points("times", times)
        return self._with_start(x, self._problem.evaluate(x, self._solution.coefficients(times)))

    @property
    def fitted(self) -> np.ndarray:
        """Outputs `(T, n)` at the samples, evaluated on access."""
        values = self._problem.fitted(self._solution.coefficients(self.ts))
        return self._with_start(self.x, values)

    def _with_start(self, x: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Outputs `(T, m)` or `(T, m, c)` from those without the initial output, `(T, m, c)`."""
        outputs = values.reshape(*values.shape[:2], *self.y.shape[1:])
        if self._initial is not None:
            start = check.outputs_of("initial", self._initial, x, self.y.shape[1:])
            outputs = outputs + start
        return outputs

    @property
    def coefficients(self) -> np.ndarray:
        """Fourier coefficients `(T, modes)` on a Lattice, complex; h_ini is not in them.

        With the frequencies `xi_k = k/P`, `|k|_inf <= N`, every component of k ascending and the
        last one fastest: first the `(2N + 1)^d` of c_k, then, for a law with the divergence
        term or a linear part, those of each d_kj, j = 1 .. d, of::

            h(x) - h_ini(x) = sum_k (c_k + sum_j x_j d_kj) exp(2 pi i xi_k.x)

        Raises:
            ValueError: the flow was solved in sample space.
        """
        if not isinstance(self._problem, ModalSpace):
            raise ValueError("coefficients exist on a Lattice only, got space='samples'")
        blocks = self._problem.complex_blocks(self._solution.coefficients(self.ts))
        modes = np.moveaxis(blocks.reshape(*blocks.shape[:2], -1), 1, 2)
        return modes.reshape(*modes.shape[:2], *self.y.shape[1:])

    @property
    def loss(self) -> np.ndarray:
        """`1/(2n) sum_i |h(x_i, t) - y_i|^2`, shape `(T,)`, summed over outputs.

        On a Lattice with fewer modes than samples it comes from the modes, accurate to rounding
        of the loss of the zero function.
        """
        problem = self._problem
        if isinstance(problem, ModalSpace) and len(self.x) > problem.size:
            return problem.losses(self._solution.coefficients(self.ts))
        errors = (self.fitted - self.y).reshape(len(self.ts), len(self.x), -1)
        return np.sum(errors**2, axis=(1, 2)) / (2 * len(self.x))

    def spectrum(self, xi: ArrayLike) -> np.ndarray:
        """`h^_k = (1/n) sum_i h(x_i, t) exp(-2 pi i xi_k.x_i)`, shape `(T, F)`; see `nudft`."""
        xi = check.points("xi", np.atleast_1d(xi))
        spectrum = self._spectrum(self._solution.coefficients(self.ts), xi)
        if self._initial is not None:
            start = check.outputs_of("initial", self._initial, self.x, self.y.shape[1:])
            spectrum = spectrum + nudft(self.x, start, xi)
        return spectrum

    def _spectrum(self, coefficients: np.ndarray, xi: np.ndarray) -> np.ndarray:
        """Sampled transform `(T, F)` or `(T, F, c)` of coefficients `(T, size, c)`."""
        problem = self._problem
        if isinstance(problem, ModalSpace) and len(self.x) > problem.size:
            values = problem.spectrum(coefficients, xi)
        else:
            fitted = np.moveaxis(problem.fitted(coefficients), 1, 0)  # (n, T, c)
            values = np.moveaxis(nudft(self.x, fitted, xi), 0, 1)
        return values.reshape(*values.shape[:2], *self.y.shape[1:])

    def half_times(self, xi: ArrayLike) -> np.ndarray:
        """Time `(F,)` at which each frequency is half learned.

        First t with `|h^ - y^| / |y^| <= 1/2`, interpolated in log t as in `half_times`; NaN where
        that is not within `ts`, or where the data do not have the frequency at all.
        """
        target = nudft(self.x, self.y, np.atleast_1d(xi))
        size = np.where(target == 0, np.nan, np.abs(target))
        error = np.abs(self.spectrum(xi) - target) / size
        if error.ndim == 2:
            return half_times(self.ts, error)
        return half_times(self.ts, np.moveaxis(error, 2, 0)).T
