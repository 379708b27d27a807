"""solve: the flow of a law or a kernel from data, and the Flow that it returns."""

from collections.abc import Callable

import numpy as np
import scipy.linalg

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.halving import half_times
from lfp.lattice import Lattice
from lfp.laws import TwoLayer
from lfp.modes import ModalSpace
from lfp.samples import SampleSpace, kernel_matrix
from lfp.solvers.dense import Relaxation
from lfp.solvers.ode import Integration
from lfp.status import Status, indefinite
from lfp.transforms import nudft

SOLVERS = ("dense", "ode")
Law = TwoLayer | Callable[..., np.ndarray]
Initial = Callable[..., ArrayLike] | None


def solve(
    law: Law,
    x: ArrayLike,
    y: ArrayLike,
    ts: ArrayLike,
    *,
    space: str | Lattice | None = None,
    solver: str | None = None,
    loss: str = "mse",
    initial: Initial = None,
    rtol: check.Number = 1e-8,
    throw: bool = True,
) -> "Flow":
    """Gradient flow of an infinitely wide network on data: exact, linear, on an absolute time::

        h'(x) = -(1/n) sum_i K(x, x_i) (h(x_i) - y_i),    h(., 0) = h_ini

    which is the flow of the loss `1/(2n) sum_i (h(x_i) - y_i)^2`; `t = learning rate * steps`.
    With the LFP kernel this is `d/dt h^ = -gamma^2(xi) (h_p^ - f_p^)` in Fourier space.

    Args:
        law: a law, whose LFP kernel is used, or a kernel `k(x1, x2) -> (n1, n2)` such as
            `law.ntk`.
        x: positions `(n, d)`, or `(n,)` when d = 1.
        y: values `(n,)`.
        ts: sorted times `(T,)`, none negative.
        space: "samples" (the default) or, for a law in d = 1, a `Lattice`.
        solver: "dense" (the default), an eigendecomposition, exact at every time; or "ode",
            scipy's Radau method with tolerance `rtol`, kept as an independent check.
        loss: "mse".
        initial: None for zero, or the function h_ini from positions, `(m,)` when d = 1 and
            `(m, d)` otherwise, to values `(m,)`.
        rtol: relative tolerance of solver="ode".
        throw: raise when the kernel is indefinite on the samples; otherwise the advice is
            in `status.message`.

    Returns:
        A `Flow`; nothing of size (T, n) is computed before it is asked for.

    Raises:
        ValueError: non-finite, empty or mismatched data, bad times, unknown options, too
            many unknowns for a dense solution (with the bytes it needs), a lattice too small
            for the data, an indefinite kernel.
        TypeError: arguments of a wrong kind.

    Source: Zhang, Luo, Ma, Xu 2021, linear frequency principle; in sample space Jacot,
    Gabriel, Hongler 2018.
    """
    x, y = check.samples(x, y)
    times = check.time_points("ts", ts)
    solver = check.choice("solver", "dense" if solver is None else solver, SOLVERS)
    check.choice("loss", loss, ("mse",))
    rtol = check.number("rtol", rtol, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)
    start = 0.0 if initial is None else check.outputs_of("initial", initial, x)
    problem = make_space(law, space, x, y - start)
    last = float(times[-1])
    if solver == "dense":
        states = Relaxation(problem.matrix, problem.source)
        to_coefficients, eigenvalues = problem.coefficients, states.eigenvalues
        error = min(1.0, np.finfo(float).eps * float(eigenvalues[-1]) * last)
    else:
        states = Integration(*problem.general_form(), last, rtol)
        to_coefficients = problem.coefficients_from_general
        eigenvalues = scipy.linalg.eigvalsh(problem.matrix)
        error = rtol
    validity = law.validity(x) if isinstance(law, TwoLayer) else np.nan
    message = indefinite(eigenvalues, validity, problem.name, last)
    if message and throw:
        raise ValueError(message)
    status = Status(
        space=problem.name,
        solver=solver,
        unknowns=len(problem.source),
        iterations=states.iterations,
        error_estimate=float(error),
        resolved_until=problem.resolved_until,
        lambda_max=float(eigenvalues[-1]),
        lambda_min=float(eigenvalues[0]),
        validity=float(validity),
        message=message,
    )
    return Flow(problem, lambda t: to_coefficients(states(t)), x, y, times, initial, status)


def times(
    law: Law, x: ArrayLike, decades: check.Number = 6, points: check.Integer = 100
) -> np.ndarray:
    """Times `(points,)`, log-spaced over `decades`, from `1/lambda_max` of K(X, X)/n on.

    Args:
        law: a law (its LFP kernel) or a kernel `k(x1, x2)`.
        x: positions `(n, d)`, or `(n,)` when d = 1.
        decades: positive number of powers of ten.
        points: at least 2.

    Raises:
        ValueError: bad positions, decades or points; too many samples for a dense matrix.
    """
    x = check.points("x", x)
    decades = check.number(
        "decades", decades, allowed="positive and at most 100", valid=lambda v: 0 < v <= 100
    )
    points = check.integer("points", points, least=2)
    check.fits_in_memory(
        check.eigendecomposition_bytes(len(x)),
        what=f"{len(x):,} samples",
        instead="take a subset of x",
    )
    gram = kernel_matrix(_kernel_of(law), x, x)
    n = len(x)
    largest = scipy.linalg.eigvalsh((gram + gram.T) / (2 * n), subset_by_index=[n - 1, n - 1])
    if largest[0] <= 0:
        raise ValueError(
            f"law must have a positive eigenvalue on x, got {largest[0]:.3g} as the largest of "
            f"K(X, X)/n"
        )
    return np.logspace(0, decades, points) / float(largest[0])


def make_space(
    law: Law, space: str | Lattice | None, x: np.ndarray, residual: np.ndarray
) -> SampleSpace | ModalSpace:
    """The unknowns in which a flow or a limit is computed."""
    if isinstance(space, Lattice):
        if not isinstance(law, TwoLayer):
            raise TypeError(f"law must be a law such as TwoLayer on a Lattice, got {law!r}")
        return ModalSpace(law, space, x, residual)
    if space is not None and not isinstance(space, str):
        raise TypeError(f"space must be None, 'samples' or a Lattice, got {space!r}")
    check.choice("space", "samples" if space is None else space, ("samples",))
    _kernel_of(law)
    return SampleSpace(law, x, residual)


def _kernel_of(law: Law) -> Callable[..., np.ndarray]:
    if isinstance(law, TwoLayer):
        return law.kernel
    if callable(law):
        return law
    raise TypeError(f"law must be a law or a kernel k(x1, x2), got {law!r}")


class Flow:
    """A solved flow: outputs at the samples and anywhere else, at the chosen times.

    Attributes:
        ts: times `(T,)`.
        x, y: the samples, `(n, d)` and `(n,)`.
        status: a `Status`.
    """

    def __init__(
        self,
        problem: SampleSpace | ModalSpace,
        weights: Callable[[np.ndarray], np.ndarray],
        x: np.ndarray,
        y: np.ndarray,
        ts: np.ndarray,
        initial: Initial,
        status: Status,
    ) -> None:
        self._problem, self._weights, self._initial = problem, weights, initial
        self.x, self.y, self.ts, self.status = x, y, ts, status

    def __call__(self, x: ArrayLike, times: ArrayLike | None = None) -> np.ndarray:
        """Outputs `(T, m)` at x, `(m, d)` or `(m,)`, at all times or at the given ones.

        Raises:
            ValueError: x of another dimension than the samples, or outside the part of a
                free lattice where its kernel is the law's; times beyond the last one when
                solver="ode".
        """
        x = check.points("x", x)
        times = self.ts if times is None else check.time_points("times", times)
        outputs = self._problem.evaluate(x, self._weights(times))
        if self._initial is not None:
            outputs = outputs + check.outputs_of("initial", self._initial, x)
        return outputs

    @property
    def fitted(self) -> np.ndarray:
        """Outputs `(T, n)` at the samples, evaluated on access."""
        return self(self.x)

    @property
    def coefficients(self) -> np.ndarray:
        """Fourier coefficients `(T, modes)` on a Lattice, complex; h_ini is not in them.

        With the lattice's frequencies xi_k, k = -N .. N, in this order: c_k (2N + 1 of them),
        d_k (2N + 1), and on a free lattice alpha and beta of::

            h(x) - h_ini(x) = sum_k (c_k + x d_k) exp(2 pi i xi_k x) + alpha + beta x

        Raises:
            ValueError: the flow was solved in sample space.
        """
        if not isinstance(self._problem, ModalSpace):
            raise ValueError("coefficients exist on a Lattice only, got space='samples'")
        return self._problem.complex_coefficients(self._weights(self.ts))

    @property
    def loss(self) -> np.ndarray:
        """`1/(2n) sum_i (h(x_i, t) - y_i)^2`, shape `(T,)`."""
        return np.mean((self.fitted - self.y) ** 2, axis=1) / 2

    def spectrum(self, xi: ArrayLike) -> np.ndarray:
        """`h^_k = (1/n) sum_i h(x_i, t) exp(-2 pi i xi_k.x_i)`, shape `(T, F)`; see `nudft`."""
        return nudft(self.x, self.fitted.T, xi).T

    def loss_split(self, eta: check.Number) -> tuple[np.ndarray, np.ndarray]:
        """Loss below and from the frequency eta on, each `(T,)`; they add up to `loss`.

        By Plancherel on the grid `L = (1/2) sum_k |h^_k - y^_k|^2` over signed frequencies,
        each residue once; split into `|xi| < eta` and `|xi| >= eta` (Luo et al. 2019).

        Args:
            eta: frequency >= 0 in cycles per unit of x.

        Raises:
            ValueError: x is not a uniform grid in d = 1, where Plancherel's identity fails.
        """
        eta = check.number("eta", eta, allowed="at least 0", valid=lambda v: v >= 0)
        n = len(self.x)
        order = np.argsort(self.x[:, 0])
        steps = np.diff(self.x[order, 0])
        if self.x.shape[1] != 1 or n < 2 or np.ptp(steps) > 1e-9 * steps.mean():
            raise ValueError("loss_split needs x on a uniform grid in d = 1; use spectrum instead")
        power = np.abs(np.fft.fft((self.fitted - self.y)[:, order]) / n) ** 2 / 2
        high = np.abs(np.fft.fftfreq(n, steps.mean())) >= eta
        return power[:, ~high].sum(axis=1), power[:, high].sum(axis=1)

    def half_times(self, xi: ArrayLike) -> np.ndarray:
        """Time `(F,)` at which each frequency is half learned.

        First t with `|h^ - y^| / |y^| <= 1/2`, interpolated in log t as in `half_times`; NaN where
        that is not within `ts`, or where the data do not have the frequency at all.
        """
        target = nudft(self.x, self.y, xi)
        size = np.where(target == 0, np.nan, np.abs(target))
        return half_times(self.ts, np.abs(self.spectrum(xi) - target) / size)
