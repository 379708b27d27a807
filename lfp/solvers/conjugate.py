"""The minimisation behind `interpolate`, iterative: preconditioned conjugate gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.linalg

from lfp.solvers.cholesky import small_eigh
from lfp.solvers.screening import Screening
from lfp.spaces.modes import ModalSpace
from lfp.spaces.pointwise import Pointwise, pointwise
from lfp.spaces.samples import SampleSpace

MOST_STEPS = 2_000
TRIAL_STEPS = 30  # without a preconditioner: less than what it costs to build one
TRIAL_FROM = 5_000  # samples
REFINEMENTS = 3  # starts anew from the true residual
SLACK = 0.5  # of the tolerance, for what the recursion and the truth differ by
NEGATIVE = 1e-10  # of a curvature: more than rounding
EMPTIED = 1e-14  # of the data; below, free functions have taken all of it

Vector = Callable[[np.ndarray], np.ndarray]
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class ConjugateMinimum:
    """The solution of `(K/n + ridge) a = u/n`, `h = K(., X) a`.

    Attributes:
        coefficients: of h, `(1, size, c)`, for the space's `evaluate`.
        square: `n a* K a`, the squared norm, all outputs together.
        iterations: products with the operator within the iterations, all outputs together.
        residual: largest relative residual of an output, computed from the solution itself.
        definite: whether K/n + ridge is positive, as far as the iteration saw.
        message: what is wrong, with advice, where rtol was not reached; else empty.
    """

    coefficients: np.ndarray
    square: float
    iterations: int
    residual: float
    definite: bool
    message: str


def minimise(
    problem: SampleSpace | ModalSpace,
    ridge: float,
    rtol: float,
    progress: Progress | None = None,
) -> ConjugateMinimum:
    """Minimise `1/(2n) sum_i (h(x_i) - u_i)^2 + (ridge/2) ||h||^2` by conjugate gradients.

    The unknowns are the n weights of the samples, on a lattice as well: there a product is a
    transform to the modes and back. (The modes as unknowns make an indefinite system, since a free
    lattice has negative coefficients.) The affine functions are eliminated exactly, see `Reduced`;
    the rest is preconditioned by `Screening`, for many samples only after a few steps without it
    were not enough, as they are with a large ridge.

    Args:
        problem: the space with samples and u `(n, c)`.
        ridge: weight of the norm; 0 interpolates.
        rtol: relative residual at which to stop, each output.
        progress: called after each step with its number and the relative residual.

    Source: Hestenes, Stiefel 1952; restarts from the true residual: van der Vorst, Ye 2000.
    """
    space = pointwise(problem)
    reduced = Reduced(space, ridge)
    build = cache(lambda: preconditioner(space, ridge))
    trial = TRIAL_STEPS if ridge > 0 and len(space.x) >= TRIAL_FROM else 0
    states, moments, steps, residual, definite = [], [], 0, 0.0, reduced.definite
    for source in problem.residual.T / np.sqrt(len(problem.x)):
        one = reduced.solve(source, build, rtol, progress, trial)
        states.append(one.state)
        moments.append(one.moments)
        steps, residual = steps + one.steps, max(residual, one.residual)
        definite &= not one.indefinite
    message = _what_is_wrong(problem, ridge, rtol, residual, steps)
    weights, affine = np.stack(states, axis=1), np.stack(moments, axis=1)
    square = reduced.square(weights, affine)
    coefficients = space.coefficients(weights / np.sqrt(len(problem.x)), affine)
    return ConjugateMinimum(coefficients[None], square, steps, residual, definite, message)


def _what_is_wrong(
    problem: SampleSpace | ModalSpace, ridge: float, rtol: float, residual: float, steps: int
) -> str:
    if residual <= rtol:
        return ""
    if isinstance(problem, ModalSpace) and ridge == 0 and problem.size < len(problem.x):
        return (
            f"{problem.size:,} modes do not interpolate {len(problem.x):,} samples, the relative "
            f"residual is {residual:.3g}: set ridge > 0 or use a larger cutoff"
        )
    return (
        f"conjugate gradients stopped at a relative residual of {residual:.3g} after {steps} "
        f"steps: set a larger ridge, or rtol to at least {2 * residual:.1g}"
    )


def preconditioner(space: Pointwise, ridge: float) -> Vector:
    """An approximate inverse of K/n + ridge; the identity where the kernel allows none.

    The affine part in it need only be large enough for the kernel to be positive: what it does to
    affine functions is taken out again.
    """
    n, factor = len(space.x), 1.0
    few = space.x[:: max(1, n // 200)]
    scale = float(np.abs(space.kernel(few, few)).max()) or 1.0
    squares = np.maximum(np.sum(space.columns**2, axis=0) / n, np.finfo(float).tiny)
    for _ in range(4):
        affine = np.minimum(space.affine, 10 * factor * scale / squares)
        try:
            return Screening(space.x, *space.with_affine(affine), noise=ridge * n).scaled(float(n))
        except np.linalg.LinAlgError:
            factor *= 100
    return lambda residual: residual


@dataclass(frozen=True)
class Solution:
    """Of one output: s `(n,)`, the affine coefficients beta, what it took and how good it is."""

    state: np.ndarray
    moments: np.ndarray
    steps: int
    residual: float
    indefinite: bool


class Reduced:
    """`(R + U C U*/n + ridge) s = q` with the affine functions U eliminated.

    C exceeds R by sigma_b^3 and is infinite for functions without penalty. With an orthonormal
    basis Q of U's columns and the projection P away from them, the Schur complement on P's range is

        P (R + ridge) P - W A^-1 W*,    W = P R Q,    A = Q* (R + ridge) Q + Q* U C U* Q/n,

    in which C is not a large number any more. The matrix is definite if and only if A and it are.
    Where C is infinite, s is orthogonal to the functions: A is inverted in their complement.
    """

    def __init__(self, space: Pointwise, ridge: float) -> None:
        self.space, self.ridge, n = space, ridge, len(space.x)
        free = np.isinf(space.affine)
        self._basis = scipy.linalg.orth(space.columns) if free.size else space.columns
        self._triangle = self._basis.T @ space.columns  # U = Q triangle
        images = np.array([self._rest(q) for q in self._basis.T]).reshape(-1, n).T
        self._coupling = self._project(images)
        finite = np.where(free, 0.0, space.affine)
        head = self._basis.T @ images + (self._triangle * finite) @ self._triangle.T / n
        allowed = scipy.linalg.null_space(self._triangle[:, free].T)
        if not free.any():
            allowed = np.eye(len(head))
        sizes, axes = small_eigh(allowed.T @ head @ allowed)
        self.definite = bool((sizes > 0).all())  # of A; the rest is for the iteration to see
        self._inverse = allowed @ (axes / sizes) @ axes.T @ allowed.T
        self._gain = self._coupling @ self._inverse
        self._free, self._finite = free, finite

    def _rest(self, vector: np.ndarray) -> np.ndarray:
        return self.space.product(vector) + self.ridge * vector

    def _project(self, vectors: np.ndarray) -> np.ndarray:
        return vectors - self._basis @ (self._basis.T @ vectors)

    def product(self, vector: np.ndarray) -> np.ndarray:
        """The Schur complement times a vector orthogonal to U."""
        return self._project(self._rest(vector)) - self._gain @ (self._coupling.T @ vector)

    def right(self, source: np.ndarray) -> np.ndarray:
        """Its right side for q."""
        return self._project(source) - self._gain @ (self._basis.T @ source)

    def solve(
        self,
        source: np.ndarray,
        build: Callable[[], Vector],
        rtol: float,
        progress: Progress | None,
        trial: int = 0,
    ) -> Solution:
        """s for one q, by steps with the preconditioner built after `trial` steps without one."""
        norm, right = float(np.linalg.norm(source)), self.right(source)
        state, steps, indefinite = np.zeros_like(source), 0, False
        defect = right
        for most in [trial] * (trial > 0) + [MOST_STEPS] * REFINEMENTS:
            if np.linalg.norm(defect) <= max(rtol * SLACK, EMPTIED) * norm:
                break
            precondition = build() if most > trial else np.copy
            step, count, indefinite = conjugate_gradients(
                self.product,
                lambda r, inner=precondition: self._project(inner(r)),
                defect,
                SLACK * rtol * norm,
                min(most, MOST_STEPS - steps),
                None if progress is None else _counted(progress, steps, norm),
            )
            state, steps = self._project(state + step), steps + count
            if indefinite or steps >= MOST_STEPS:
                break
            defect = right - self.product(state)
        head = self._inverse @ (self._basis.T @ source - self._coupling.T @ state)
        state = state + self._basis @ head
        root, left = np.sqrt(len(source)), source - self._rest(state)
        moments = self._finite * (self._triangle.T @ head) / root
        if self._free.any():
            left_over = self._basis.T @ left - self._triangle @ moments / root
            solved = np.linalg.lstsq(self._triangle[:, self._free], left_over * root)[0]
            moments[self._free] = solved
        left -= self.space.columns @ moments / root
        return Solution(state, moments, steps, _ratio(left, norm), indefinite)

    def square(self, states: np.ndarray, moments: np.ndarray) -> float:
        """`s* S s` of states `(n, c)` and affine coefficients `(k, c)`, free functions apart."""
        finite = self._finite > 0
        affine = np.sum(moments[finite] ** 2 / self._finite[finite, None])
        return float(sum(s @ self.space.product(s) for s in states.T) + affine)


def conjugate_gradients(
    product: Vector,
    precondition: Vector,
    right: np.ndarray,
    tolerance: float,
    most: int,
    progress: Progress | None = None,
) -> tuple[np.ndarray, int, bool]:
    """`A s = b` for A and M^-1 symmetric and positive: s, steps, whether A turned out not to be.

    It stops where `||b - A s||`, updated along the way, is at most the tolerance.
    """
    state, residual = np.zeros_like(right), right
    image = precondition(residual)
    direction, size = image, float(residual @ image)
    for step in range(1, most + 1):
        moved = product(direction)
        curvature = float(direction @ moved)
        if not curvature > 0:  # negative, or as small as rounding
            size = float(np.linalg.norm(direction) * np.linalg.norm(moved))
            return state, step, curvature < -NEGATIVE * size
        length = size / curvature
        state += length * direction
        residual = residual - length * moved  # the direction may be the residual itself
        error = float(np.linalg.norm(residual))
        if progress is not None:
            progress(step, error)
        if error <= tolerance:
            return state, step, False
        image = precondition(residual)
        before, size = size, float(residual @ image)
        direction = image + (size / before) * direction
    return state, most, False


def _counted(progress: Progress, before: int, norm: float) -> Progress:
    return lambda step, error: progress(before + step, error / norm)


def _ratio(vector: np.ndarray, norm: float) -> float:
    return float(np.linalg.norm(vector)) / (norm or 1.0)
