"""interpolate: where the flow ends, the interpolant of least norm."""

import warnings

import numpy as np
from scipy.linalg import LinAlgError, LinAlgWarning

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import Initial, Kernel, make_space
from lfp.lattice import Lattice
from lfp.laws import Law
from lfp.solvers.dense import numerically_zero
from lfp.spaces.modes import ModalSpace
from lfp.spaces.samples import SampleSpace
from lfp.status import Status, indefinite


def interpolate(
    law: Kernel,
    x: ArrayLike,
    y: ArrayLike,
    *,
    space: str | Lattice | None = None,
    initial: Initial = None,
    ridge: check.Number = 0.0,
    rtol: check.Number = 1e-8,
    throw: bool = True,
) -> "Interpolant":
    """The limit of `solve` for t -> infinity: among all interpolants the one of least norm::

        min ||h - h_ini||    subject to h(x_i) = y_i

    where the norm is that of the kernel's function space: for the LFP law on a lattice without
    divergence and affine terms `||h||_gamma^2 = sum_k gamma^-2(xi_k) |h^_k|^2`, the FP-norm.
    With ridge > 0 it minimises `1/(2n) sum_i (h(x_i) - y_i)^2 + (ridge/2) ||h - h_ini||^2`.

    Args:
        law, x, y, space, initial: as in `solve`. Repeated positions are merged.
        ridge: weight of the norm, in the unit of K(X, X)/n; 0 interpolates.
        rtol: largest residual at the samples that counts as interpolation, relative to the
            data; rounding, `eps` times the condition number, is allowed on top.
        throw: raise when the interpolant is not reached; otherwise see `status.message`.

    Returns:
        An `Interpolant`.

    Raises:
        ValueError: as `solve`; repeated positions with different values and ridge = 0 (the
            message says which); ridge < 0; a numerically singular kernel; a lattice with
            fewer modes than samples, on which no interpolant exists.

    Source: Zhang, Luo, Ma, Xu 2021; Luo, Ma, Xu, Zhang 2022.
    """
    x, y = check.samples(x, y)
    ridge = check.number("ridge", ridge, allowed="at least 0", valid=lambda v: v >= 0)
    rtol = check.number("rtol", rtol, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)
    if ridge == 0:
        x, y = _merge_repeated(x, y)
    start = 0.0 if initial is None else check.outputs_of("initial", initial, x, y.shape[1:])
    problem = make_space(law, space, x, (y - start).reshape(len(y), -1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", LinAlgWarning)
            coefficients, square, eigenvalues = problem.limit(ridge)
    except (LinAlgError, LinAlgWarning):
        raise ValueError(
            f"the affine functions 1 and x cannot be told apart on samples within "
            f"{np.ptp(x, axis=0).max():.3g} of each other: scale x up"
        ) from None
    residual = problem.fitted(coefficients)[0] - problem.residual
    relative = float(np.linalg.norm(residual) / (np.linalg.norm(problem.residual) or 1.0))
    if not len(eigenvalues):  # free functions take all of the data
        eigenvalues = np.ones(1)
    validity = law.validity(x) if isinstance(law, Law) else np.nan
    # rounding of the largest eigenvalue, as the smallest one in use sees it
    used = eigenvalues[~numerically_zero(eigenvalues)]
    floor = np.finfo(float).eps * eigenvalues[-1] / used[0] if used.size else 1.0
    message = indefinite(eigenvalues, validity, problem.name, np.inf)
    if not message and ridge == 0:
        message = _not_reached(eigenvalues, relative, rtol + floor, problem.name)
    if message and throw:
        raise ValueError(message)
    status = Status(
        space=problem.name,
        lattice=getattr(problem, "lattice", None),
        solver="dense",
        unknowns=problem.size,
        iterations=0,
        error_estimate=float(floor),
        resolved_until=np.inf,
        lambda_max=float(eigenvalues[-1]),
        lambda_min=float(eigenvalues[0]),
        validity=float(validity),
        message=message,
    )
    norm = float(np.sqrt(max(square, 0.0)))
    return Interpolant(problem, coefficients, initial, y.shape[1:], norm, status)


def _merge_repeated(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each position once, in the order of first appearance; raise where values differ."""
    _, first, group = np.unique(x, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    differs = y != y[first[group]]
    conflict = np.flatnonzero(differs.reshape(len(y), -1).any(axis=1))
    if conflict.size:
        i, j = int(first[group[conflict[0]]]), int(conflict[0])
        raise ValueError(
            f"x must not repeat a position with different values when ridge = 0: samples {i} "
            f"and {j} are both at {x[i].tolist()} with y = {y[i].tolist()} and {y[j].tolist()}"
        )
    kept = np.sort(first)
    return x[kept], y[kept]


def _not_reached(eigenvalues: np.ndarray, residual: float, allowed: float, space: str) -> str:
    # a lattice may have modes that nothing needs; only the residual tells
    if space == "samples" and numerically_zero(eigenvalues)[0]:
        return (
            f"the kernel is numerically singular on these samples (eigenvalues of K/n from "
            f"{eigenvalues[0]:.3g} to {eigenvalues[-1]:.3g}): set ridge > 0 or leave out points "
            f"that nearly coincide"
        )
    if not residual <= allowed:
        advice = "use a larger cutoff" if space == "lattice" else "set ridge > 0"
        return f"the relative residual at the samples is {residual:.3g}: {advice}"
    return ""


class Interpolant:
    """The end of a flow, a function of x.

    Attributes:
        norm: `||h - h_ini||` in the kernel's function space (the FP-norm of the law).
        status: a `Status`.
    """

    def __init__(
        self,
        problem: SampleSpace | ModalSpace,
        coefficients: np.ndarray,
        initial: Initial,
        outputs: tuple[int, ...],
        norm: float,
        status: Status,
    ) -> None:
        self._problem, self._coefficients = problem, coefficients
        self._initial, self._outputs = initial, outputs
        self.norm, self.status = norm, status

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Values `(m,)`, or `(m, c)` for c outputs, at x, `(m, d)` or `(m,)` when d = 1."""
        x = check.points("x", x)
        values = self._problem.evaluate(x, self._coefficients)[0].reshape(len(x), *self._outputs)
        if self._initial is not None:
            values = values + check.outputs_of("initial", self._initial, x, self._outputs)
        return values
