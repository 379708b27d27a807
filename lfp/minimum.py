"""The methods of interpolation behind one result, and which of them serves when none is named."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from lfp.banded import LEAST_SAMPLES, BandedMinimum
from lfp.choice import MATRIX_UP_TO, Kernel, choose_space, make_space
from lfp.lattice import Lattice
from lfp.laws import Law
from lfp.solvers import conjugate
from lfp.solvers.dense import numerically_zero
from lfp.spaces.modes import ModalSpace
from lfp.spaces.samples import SampleSpace

SOLVERS = ("dense", "banded", "iterative")
LATTICE_DENSE_UP_TO = 2_000  # samples or modes: an eigendecomposition of a few seconds


@dataclass(frozen=True)
class Minimum:
    """The solution of `(K/n + ridge) a = u/n`, `h = K(., X) a`, by whatever method.

    Attributes:
        evaluate: h without the initial output, `(m, d) -> (m, c)`.
        square: squared norm of h, all outputs together.
        space: "samples" or "lattice"; lattice: which.
        unknowns: size of the system.
        iterations: products with the operator; 0 for a direct method.
        residual: largest relative residual of an output, evaluated after the solution.
        error: expected relative error of the outputs; NaN where nothing tells.
        eigenvalues: of the matrix that was solved, ascending, at least the extreme ones; NaN
            where they are not known.
        condition: estimate of the condition number of the matrix that was factorised.
        leave_one_out: errors `(n, c)` at samples left out, on demand; or why there are none.
        definite: whether the matrix is positive definite beyond rounding.
        resolved_until: time until which a lattice is the law's, infinite on samples.
        message: what is wrong, with advice, where the method knows; else empty.
        rounding: of the residual, which cannot be smaller.
    """

    evaluate: Callable[[np.ndarray], np.ndarray]
    square: float
    space: str
    lattice: Lattice | None
    unknowns: int
    iterations: int
    residual: float
    error: float
    eigenvalues: np.ndarray
    condition: float
    leave_one_out: Callable[[], np.ndarray] | str
    definite: bool
    resolved_until: float = np.inf
    message: str = ""
    rounding: float = 0.0


def choose(
    law: Kernel,
    space: str | Lattice | None,
    solver: str | None,
    x: np.ndarray,
    ridge: float,
) -> tuple[str | Lattice | None, str]:
    """Space and solver where they are not given, for n samples x.

    In d = 1 the laws of powers are solved in O(n). Otherwise up to 5,000 samples are solved
    densely; beyond, by an iteration, with a ridge in the space that `solve` takes for the time
    1/ridge (a flow stopped there has learned about the same), without one on the samples.
    """
    n, dim = x.shape
    if isinstance(space, Lattice):
        if solver == "banded":
            raise ValueError("solver must be 'dense' or 'iterative' on a Lattice, got 'banded'")
        unknowns = (1 + dim) * (2 * int(space.cutoff) + 1) ** dim
        small = min(n, unknowns) <= LATTICE_DENSE_UP_TO
        return space, solver or ("dense" if small else "iterative")
    powers = law.powers(1) if isinstance(law, Law) and dim == 1 else None
    if powers is not None and not (min(powers) >= 0 and max(powers) > 0):
        powers = None
    if solver == "banded" and powers is None:
        raise ValueError(
            f"solver must not be 'banded' for {law!r} and x of dimension {dim}: it serves laws "
            f"with `powers` (ReLU, Simplified, PowerLaw with alpha 2 or 4) in d = 1"
        )
    if solver is None and powers is not None and _several(x):
        return space, "banded"
    if solver is not None or n <= MATRIX_UP_TO:
        return space, solver or "dense"
    if space is None and ridge > 0:
        try:
            return choose_space(law, None, x, 1 / ridge), "iterative"
        except ValueError as error:
            raise ValueError(
                f"ridge = {ridge:g} is too small for a Lattice to resolve with {n:,} samples "
                f"({error}): set a larger ridge, or a space of your own"
            ) from None
    return space, "iterative"


def _several(x: np.ndarray) -> bool:
    """Whether there are enough different positions; the first thousand usually tell."""
    return any(len(np.unique(part)) >= LEAST_SAMPLES for part in (x[:1000], x))


def minimise(
    law: Kernel,
    space: str | Lattice | None,
    solver: str,
    x: np.ndarray,
    residual: np.ndarray,
    ridge: float,
    rtol: float,
    progress: bool,
) -> Minimum:
    """The minimum for u `(n, c)` at x `(n, d)` by a given method."""
    if solver == "banded":
        return _banded(law, x, residual, ridge)
    problem = make_space(law, space, x, residual)
    if solver == "iterative":
        return _iterative(problem, ridge, rtol, progress)
    if isinstance(problem, ModalSpace) and problem.size < len(x):
        return _dense_in_modes(problem, ridge)
    return _dense(problem, ridge)


def _banded(law: Kernel, x: np.ndarray, residual: np.ndarray, ridge: float) -> Minimum:
    assert isinstance(law, Law)
    powers = law.powers(1)
    assert powers is not None
    banded = BandedMinimum(x[:, 0], residual, powers, law.affine(1), ridge)
    return Minimum(
        evaluate=lambda at: banded.evaluate(at[:, 0]),
        square=banded.square,
        space="samples",
        lattice=None,
        unknowns=len(x),
        iterations=0,
        residual=banded.residual,
        error=banded.error,
        eigenvalues=np.full(2, np.nan),
        condition=banded.condition,
        leave_one_out=banded.leave_one_out
        if ridge == 0
        else "solver='banded' gives them for ridge = 0 only; use solver='dense'",
        definite=banded.definite,
    )


def _dense(problem: SampleSpace | ModalSpace, ridge: float) -> Minimum:
    """By a Cholesky factorisation in the samples."""
    coefficients, factorised = problem.limit(ridge)
    eigenvalues, n = factorised.eigenvalues, len(problem.x)
    weights = factorised.state / np.sqrt(n)
    solved = problem.fitted(coefficients)[0] + ridge * n * weights
    condition = _condition(eigenvalues)
    return Minimum(
        evaluate=lambda at: problem.evaluate(at, coefficients)[0],
        square=factorised.square,
        space=problem.name,
        lattice=problem.lattice if isinstance(problem, ModalSpace) else None,
        unknowns=n,
        iterations=0,
        residual=_relative(solved - problem.residual, problem.residual),
        error=min(1.0, float(np.finfo(float).eps) * condition),
        eigenvalues=eigenvalues,
        condition=condition,
        leave_one_out=(lambda: weights * n / factorised.inverse_diagonal()[:, None])
        if factorised.definite
        else "the kernel is numerically singular; set ridge > 0",
        definite=factorised.definite,
        resolved_until=problem.resolved_until,
        rounding=_rounding(eigenvalues, factorised.state, problem.residual),
    )


def _dense_in_modes(problem: ModalSpace, ridge: float) -> Minimum:
    """By an eigendecomposition in the modes of a lattice, fewer than the samples."""
    coefficients, square, eigenvalues = problem.modal_limit(ridge)
    if ridge == 0:
        residual = _relative(problem.fitted(coefficients)[0] - problem.residual, problem.residual)
    else:
        images = np.stack([problem.metric(c) for c in coefficients[0].T], axis=1)
        defect = problem.weights[:, None] * (problem.right - images) - ridge * coefficients[0]
        defect[problem.free] = 0.0
        residual = _relative(defect, problem.weights[:, None] * problem.right)
    condition = _condition(eigenvalues)
    return Minimum(
        evaluate=lambda at: problem.evaluate(at, coefficients)[0],
        square=square,
        space=problem.name,
        lattice=problem.lattice,
        unknowns=problem.size,
        iterations=0,
        residual=residual,
        error=min(1.0, float(np.finfo(float).eps) * condition),
        eigenvalues=eigenvalues,
        condition=condition,
        leave_one_out="a lattice of fewer modes than samples does not give them",
        definite=not len(eigenvalues) or not numerically_zero(eigenvalues)[0],
        resolved_until=problem.resolved_until,
    )


def _iterative(
    problem: SampleSpace | ModalSpace, ridge: float, rtol: float, progress: bool
) -> Minimum:
    with tqdm(disable=not progress, unit=" steps", desc="interpolate") as bar:

        def show(step: int, residual: float) -> None:
            bar.update()
            bar.set_postfix(residual=f"{residual:.1e}", refresh=False)

        solved = conjugate.minimise(problem, ridge, rtol, show)
    return Minimum(
        evaluate=lambda at: problem.evaluate(at, solved.coefficients)[0],
        square=solved.square,
        space=problem.name,
        lattice=problem.lattice if isinstance(problem, ModalSpace) else None,
        unknowns=len(problem.x),
        iterations=solved.iterations,
        residual=solved.residual,
        error=np.nan,
        eigenvalues=np.full(2, np.nan),
        condition=np.nan,
        leave_one_out="solver='iterative' does not give them; use solver='dense'",
        definite=solved.definite,
        resolved_until=problem.resolved_until,
        message=solved.message,
    )


def _relative(difference: np.ndarray, data: np.ndarray) -> float:
    """Largest relative norm of a column."""
    norms = np.linalg.norm(data, axis=0)
    return float(np.max(np.linalg.norm(difference, axis=0) / np.where(norms > 0, norms, 1.0)))


def _rounding(eigenvalues: np.ndarray, state: np.ndarray, residual: np.ndarray) -> float:
    """Relative rounding of `S s` for a state s, the data being `residual/sqrt(n)`."""
    if not len(eigenvalues):
        return 0.0
    size = _relative(np.sqrt(len(residual)) * state, residual)
    return float(np.finfo(float).eps * eigenvalues[-1] * size)


def _condition(eigenvalues: np.ndarray) -> float:
    """Of what can be told from zero."""
    if not len(eigenvalues):  # free functions take all of the data
        return 1.0
    used = eigenvalues[eigenvalues > len(eigenvalues) * np.finfo(float).eps * eigenvalues[-1]]
    return float(eigenvalues[-1] / used[0]) if used.size else np.inf
