"""Flow: what a solved flow can be asked for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from lfp import _checks as check
from lfp import predictions
from lfp._checks import ArrayLike
from lfp.choice import DENSE_UP_TO, Initial, Space
from lfp.halving import half_times
from lfp.losses import Loss
from lfp.solvers.dense import without_noise
from lfp.spaces.modes import ModalSpace
from lfp.spaces.samples import SampleSpace
from lfp.status import Status
from lfp.transforms import nudft

ROUNDING = 1e-14  # of a spectrum, relative to its largest value
PROBES = 8  # random vectors for a trace


@dataclass(frozen=True)
class Solution:
    """What a solver found: unknowns of a space at any times, `(T,) -> (T, size, c)`.

    Attributes:
        unknowns: weights in sample space, modal coefficients on a lattice, without the affine or
            free functions that the space puts in.
        velocity: their time derivatives.
        learned: what the operator of the flow makes of the unknowns; for weights c in sample
            space K c/n, the learned outputs over n. None for a nonlinear flow.
        iterations: work done.
    """

    unknowns: Callable[[np.ndarray], np.ndarray]
    velocity: Callable[[np.ndarray], np.ndarray]
    learned: Callable[[np.ndarray], np.ndarray] | None
    iterations: int


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
        loss: Loss | None,
        x: np.ndarray,
        y: np.ndarray,
        ts: np.ndarray,
        initial: Initial,
        status: Status,
    ) -> None:
        self._problem, self._solution, self._again = problem, solution, again
        self._loss, self._initial = loss, initial
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
        return self._with_start(x, self._problem.evaluate(x, self._coefficients(times)))

    @property
    def fitted(self) -> np.ndarray:
        """Outputs `(T, n)` at the samples, evaluated on access."""
        problem, solution = self._problem, self._solution
        if isinstance(problem, SampleSpace) and solution.learned is not None:
            # the solver knows them without another product with K
            values = problem.free_part + len(self.x) * solution.learned(self.ts)
        else:
            values = problem.fitted(self._coefficients(self.ts))
        return self._with_start(self.x, values)

    def _coefficients(self, times: np.ndarray) -> np.ndarray:
        """Coefficients `(T, size, c)` of the space, everything in them."""
        return self._problem.complete(self._solution.unknowns(times))

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
        blocks = self._problem.complex_blocks(self._coefficients(self.ts))
        modes = np.moveaxis(blocks.reshape(*blocks.shape[:2], -1), 1, 2)
        return modes.reshape(*modes.shape[:2], *self.y.shape[1:])

    @property
    def loss(self) -> np.ndarray:
        """`(1/n) sum_i l(h(x_i, t) - y_i)`, `l(r) = r^2/2` for mse, `(T,)`, summed over outputs.

        On a Lattice with fewer modes than samples it comes from the modes, accurate to rounding
        of the loss of the zero function.
        """
        problem = self._problem
        if isinstance(problem, ModalSpace) and len(self.x) > problem.size:
            return problem.losses(self._coefficients(self.ts))
        errors = (self.fitted - self.y).reshape(len(self.ts), len(self.x), -1)
        values = errors**2 / 2 if self._loss is None else self._loss.value(errors)
        return np.sum(values, axis=(1, 2)) / len(self.x)

    def spectrum(self, xi: ArrayLike) -> np.ndarray:
        """`h^_k = (1/n) sum_i h(x_i, t) exp(-2 pi i xi_k.x_i)`, shape `(T, F)`; see `nudft`."""
        xi = check.points("xi", np.atleast_1d(xi))
        problem = self._problem
        if not isinstance(problem, ModalSpace) or len(self.x) <= problem.size:
            return np.moveaxis(nudft(self.x, np.moveaxis(self.fitted, 1, 0), xi), 0, 1)
        values = problem.spectrum(self._coefficients(self.ts), xi)
        spectrum = values.reshape(*values.shape[:2], *self.y.shape[1:])
        if self._initial is not None:
            start = check.outputs_of("initial", self._initial, self.x, self.y.shape[1:])
            spectrum = spectrum + nudft(self.x, start, xi)
        return spectrum

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

    def effective_rate(self, xi: ArrayLike) -> np.ndarray:
        """Rate `-d/dt log|h^ - y^|`, shape `(T, F)`, at which each frequency is being learned.

        See `lfp.predictions.effective_rate`; NaN where nothing is left to learn.
        """
        xi = check.points("xi", np.atleast_1d(xi))
        velocity = self._solution.velocity(self.ts)
        complete = self._problem.complete
        # affine where functions are free: the derivative has the linear part only
        velocity = complete(velocity) - complete(np.zeros_like(velocity))
        moving = self._problem.fitted(velocity).reshape(len(self.ts), *self.y.shape)
        change = np.moveaxis(nudft(self.x, np.moveaxis(moving, 1, 0), xi), 0, 1)
        target = nudft(self.x, self.y, xi)
        error = self.spectrum(xi) - target
        # what is left at the level of rounding has no rate
        error[np.abs(error) <= ROUNDING * np.abs(target).max()] = 0
        return predictions.effective_rate(change, error)

    def loss_split(self, eta: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Mean square loss below and from the frequency eta on, each `(T,)`, `(T, E)` for `(E,)`.

        By Plancherel's identity, on samples that are a uniform grid: `lfp.predictions.loss_split`.

        Raises:
            ValueError: x is not a full uniform grid in d = 1, 2 or 3; eta < 0.
        """
        return predictions.loss_split(self.x, self.fitted - self.y, eta)

    @property
    def degrees_of_freedom(self) -> np.ndarray:
        """`tr(1 - exp(-t K/n))`, shape `(T,)`: how many of the n data the flow has fitted.

        From the eigenvalues up to 1,000 unknowns. Beyond, an estimate: the same flow is solved for
        8 vectors of random signs z, and the mean of `z.h_z(X, t)` is taken (Hutchinson 1990); its
        relative standard error is at most `1/(2 sqrt(df))`.

        Raises:
            ValueError: the loss is not mse.
        """
        if self._loss is not None:
            raise ValueError("degrees_of_freedom needs loss='mse', where the flow is linear")
        problem = self._problem
        if min(len(self.x), problem.size) <= DENSE_UP_TO:
            rates = without_noise(scipy.linalg.eigvalsh(problem.symmetric[0]))
            return predictions.degrees_of_freedom(rates, self.ts) + len(problem.free_functions)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(len(self.x), PROBES))
        twin, solution = self._again(signs)
        coefficients = twin.complete(solution.unknowns(self.ts))
        return len(self.x) * twin.overlap(coefficients).mean(axis=1)

    def stopping_time(self, noise: check.Number) -> float:
        """Time at which to stop when y carries independent errors of standard deviation `noise`.

        Where an unbiased estimate of the in-sample risk is least, `lfp.predictions.stopping_time`;
        NaN where that is at either end of `ts`, or without noise.

        Raises:
            ValueError: the loss is not mse; several outputs (solve them one by one); noise < 0.
        """
        if self.y.ndim == 2 and self.y.shape[1] > 1:
            raise ValueError(f"stopping_time needs one output, got y of shape {self.y.shape}")
        return predictions.stopping_time(
            self.ts, self.loss, self.degrees_of_freedom, noise, len(self.x)
        )
