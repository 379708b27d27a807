"""solve: the flow of a law or a kernel from data; times: when to look at it."""

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, eigsh

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import (
    MATRIX_UP_TO,
    Initial,
    Kernel,
    Space,
    choose_solver,
    choose_space,
    kernel_of,
    make_space,
)
from lfp.flow import Flow, Solution
from lfp.lattice import Lattice
from lfp.laws import Law
from lfp.losses import Loss, as_loss
from lfp.solvers.dense import Relaxation
from lfp.solvers.krylov import KrylovOutputs
from lfp.solvers.nonlinear import NonlinearRelaxation
from lfp.solvers.ode import Integration
from lfp.spaces.samples import SampleSpace
from lfp.status import HARMLESS_GROWTH, Status, drowned, indefinite

SOLVERS = ("dense", "krylov", "ode")
DENSE_EIGENVALUES_UP_TO = 500  # samples; beyond, an iteration for the largest one is faster


def solve(
    law: Kernel,
    x: ArrayLike,
    y: ArrayLike,
    ts: ArrayLike,
    *,
    space: str | Lattice | None = None,
    solver: str | None = None,
    loss: str | check.Number | Loss = "mse",
    initial: Initial = None,
    rtol: check.Number = 1e-8,
    throw: bool = True,
) -> Flow:
    """Gradient flow of an infinitely wide network on data, on an absolute time::

        h'(x) = -(1/n) sum_i K(x, x_i) l'(h(x_i) - y_i),    h(., 0) = h_ini

    which is the flow of the loss `(1/n) sum_i l(h(x_i) - y_i)`; `t = learning rate * steps`. For
    "mse", `l(r) = r^2/2`, it is linear and solved exactly, and several outputs are summed.
    With the LFP kernel this is `d/dt h^ = -gamma^2(xi) (h_p^ - f_p^)` in Fourier space.

    Args:
        law: a law, whose LFP kernel is used, or a kernel `k(x1, x2) -> (n1, n2)` such as
            `law.ntk`.
        x: positions `(n, d)`, or `(n,)` when d = 1.
        y: values `(n,)`, or `(n, c)` for c outputs, which share the kernel.
        ts: sorted times `(T,)`, none negative.
        space: "samples"; for a law in d = 1, 2 or 3, a `Lattice`; or None for a choice by n, d
            and the last time: samples as long as the kernel is cheap there, then
            `Lattice.resolving` (see `status.lattice` and `status.resolved_until`).
        solver: "dense", an eigendecomposition, exact at every time; "krylov", one Krylov basis
            for all times, stopped when its error bound at the last time is below `rtol`; "ode",
            scipy's Radau method with tolerance `rtol`, kept as an independent check; or None:
            dense up to 1,000 unknowns, krylov beyond.
        loss: "mse"; a number p >= 2 for `1/(p n) sum |r|^p`; "logistic"; "huber"; or a `Loss` of
            elementwise functions of the residual. All but mse (p = 2) make the flow nonlinear, and
            are integrated on the samples by scipy's stiff Radau method with tolerance `rtol`; they
            need a law without unpenalised functions.
        initial: None for zero, or the function h_ini from positions, `(m,)` when d = 1 and
            `(m, d)` otherwise, to values `(m,)` or `(m, c)`.
        rtol: error of the outputs relative to the data, root mean square, that "krylov" and
            "ode" aim at.
        throw: raise when the kernel is indefinite on the samples, rounding hides the rates of more
            than one per cent of the data until the last time, or the Krylov method does not
            converge; otherwise the advice is in `status.message`. An integrator that gives up
            always raises.

    Returns:
        A `Flow`; nothing of size (T, n) is computed before it is asked for.

    Raises:
        ValueError: non-finite, empty or mismatched data, bad times, unknown options, more
            unknowns than memory (with the bytes they need), a lattice too small for the data,
            an indefinite kernel (with "krylov" as far as the data see it), times so late that
            rounding hides what is learned then, a solver that does not converge.
        TypeError: arguments of a wrong kind.

    Source: Zhang, Luo, Ma, Xu 2021, linear frequency principle; in sample space Jacot,
    Gabriel, Hongler 2018.
    """
    x, y = check.samples(x, y)
    times = check.time_points("ts", ts)
    if solver is not None:
        check.choice("solver", solver, SOLVERS)
    rtol = check.number("rtol", rtol, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)
    start = None if initial is None else check.outputs_of("initial", initial, x, y.shape[1:])
    last = float(times[-1])
    residual = (y if start is None else y - start).reshape(len(y), -1)
    record = _general_loss(loss, law, x.shape[1], space, solver, residual)
    if record is not None:
        space, solver = "samples", "ode"
    problem = make_space(law, choose_space(law, space, x, last), x, residual)
    solver = choose_solver(problem) if solver is None else solver
    validity = law.validity(x) if isinstance(law, Law) else np.nan
    solution, eigenvalues, error, message = _integrate(
        problem, record, solver, last, rtol, validity
    )
    message = indefinite(eigenvalues, validity, problem.name, last) or message
    if not len(eigenvalues):
        eigenvalues = np.zeros(1)  # free functions take all of the data
    if message and throw:
        raise ValueError(message)
    resolved = problem.resolved_until
    if problem.name == "lattice" and eigenvalues[0] < 0:
        resolved = min(resolved, HARMLESS_GROWTH / -float(eigenvalues[0]))
    status = Status(
        space=problem.name,
        lattice=getattr(problem, "lattice", None),
        solver=solver,
        unknowns=problem.size,
        iterations=solution.iterations,
        error_estimate=float(error),
        resolved_until=float(resolved),
        lambda_max=float(eigenvalues[-1]),
        lambda_min=float(eigenvalues[0]),
        validity=float(validity),
        message=message,
    )

    def again(other: np.ndarray) -> tuple[Space, Solution]:
        twin = make_space(law, status.lattice or "samples", x, other)
        return twin, _integrate(twin, record, solver, last, rtol, validity)[0]

    return Flow(problem, solution, again, record, x, y, times, initial, status)


def _general_loss(
    loss: object,
    law: Kernel,
    dim: int,
    space: object,
    solver: str | None,
    residual: np.ndarray,
) -> Loss | None:
    """The record of a loss, None for mse; refused where it cannot be integrated."""
    if isinstance(loss, str | check.Number) and loss in ("mse", 2):
        return None
    record = as_loss(loss, -residual)
    if space not in (None, "samples") or solver not in (None, "ode"):
        raise ValueError(
            f"loss must be 'mse' with space={space!r} and solver={solver!r}, got {loss!r}: other "
            f"losses are integrated with space='samples' and solver='ode'"
        )
    if isinstance(law, Law) and np.isinf(law.affine(dim)).any():
        raise ValueError(
            f"loss must be 'mse' for a law with unpenalised functions such as {law!r}, got {loss!r}"
        )
    return record


def _integrate(
    problem: Space, loss: Loss | None, solver: str, last: float, rtol: float, validity: float
) -> tuple[Solution, np.ndarray, float, str]:
    """A solution, (approximate) eigenvalues ascending, its relative error, and what failed."""
    message = ""
    if loss is not None:
        assert isinstance(problem, SampleSpace)
        relaxation = NonlinearRelaxation(problem.matrix, -problem.residual, loss, last, rtol)

        def velocity(times: np.ndarray) -> np.ndarray:
            residual = problem.fitted(problem.complete(relaxation(times))) - problem.residual
            return -loss.slope(residual) / len(problem.x)

        solution = Solution(relaxation, velocity, None, relaxation.iterations)
        return solution, relaxation.eigenvalues, rtol, message
    if solver == "dense":
        states, convert = Relaxation(*problem.symmetric), problem.from_symmetric
        eigenvalues = states.eigenvalues
        error = states.rounding_error(last)
        message = drowned(eigenvalues, error, last)
    elif solver == "krylov":
        states, convert = KrylovOutputs(problem, last, rtol), problem.from_krylov
        eigenvalues, error = states.eigenvalues, states.error
        if not states.converged:
            message = (
                f"the Krylov method did not reach rtol = {rtol:g} in {states.iterations} steps "
                f"(error bound {states.error:.3g}): use solver='dense', an earlier last time or "
                f"a larger rtol"
            )
    else:
        matrix = problem.symmetric[0]
        eigenvalues, error = scipy.linalg.eigvalsh(matrix) if len(matrix) else np.zeros(0), rtol
        message = indefinite(eigenvalues, validity, problem.name, last)
        if message:  # it would follow the growing mode to its last step
            raise ValueError(message)
        states, convert = Integration(*problem.general_form(), last, rtol), problem.from_general
    solution = Solution(
        lambda t: convert(states(t)),
        lambda t: convert(states.velocity(t)),
        lambda t: convert(states.learned(t)),
        states.iterations,
    )
    return solution, eigenvalues, error, message


def times(
    law: Kernel, x: ArrayLike, decades: check.Number = 6, points: check.Integer = 100
) -> np.ndarray:
    """Times `(points,)`, log-spaced over `decades`, from `1/lambda_max` of K(X, X)/n on.

    Where K cannot be written out (more than 5,000 samples, unless it is summed in O(n), as the
    powers of ReLU are in d = 1), lambda_max is that of 5,000 evenly chosen samples.

    Args:
        law: a law (its LFP kernel) or a kernel `k(x1, x2)`.
        x: positions `(n, d)`, or `(n,)` when d = 1.
        decades: positive number of powers of ten.
        points: at least 2.

    Raises:
        ValueError: bad positions, decades or points; a kernel without positive eigenvalue.
    """
    x = check.points("x", x)
    decades = check.number(
        "decades", decades, allowed="positive and at most 100", valid=lambda v: 0 < v <= 100
    )
    points = check.integer("points", points, least=2)
    kernel_of(law)
    largest = _largest_eigenvalue(law, x)
    if largest <= 0:
        raise ValueError(
            f"law must have a positive eigenvalue on x, got {largest:.3g} as the largest of "
            f"K(X, X)/n"
        )
    return np.logspace(0, decades, points) / largest


def _largest_eigenvalue(law: Kernel, x: np.ndarray) -> float:
    """Of K(X, X)/n, on what is orthogonal to unpenalised functions."""
    space = SampleSpace(law, x, np.zeros((len(x), 1)))
    if space.sums is None and len(x) > MATRIX_UP_TO:
        chosen = np.linspace(0, len(x) - 1, MATRIX_UP_TO).astype(int)
        space = SampleSpace(law, x[chosen], np.zeros((MATRIX_UP_TO, 1)))
    n = space.size
    if n <= DENSE_EIGENVALUES_UP_TO:
        matrix = space.symmetric[0]
        size = len(matrix)
        if not size:
            return 0.0
        return float(scipy.linalg.eigvalsh(matrix, subset_by_index=[size - 1, size - 1])[0])

    operator = LinearOperator(
        shape=(n, n),
        dtype=np.float64,
        matvec=lambda v: space.multiply(v, v),  # pyright: ignore (unknown to its stub)
    )
    first = np.random.default_rng(0).normal(size=n)
    return float(eigsh(operator, k=1, which="LA", v0=first, return_eigenvectors=False)[0])
