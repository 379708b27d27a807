"""interpolate: where the flow ends, the interpolant of least norm."""

import numpy as np
from scipy.linalg import LinAlgError
from scipy.spatial import KDTree

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import Initial, Kernel, check_space, kernel_of
from lfp.critical_decay import warn_if_not_regular
from lfp.interpolant import Interpolant
from lfp.lattice import Lattice
from lfp.laws import Law
from lfp.minimum import SOLVERS, Minimum, choose, minimise
from lfp.status import Status, against_indefinite, indefinite

LARGEST = 1e100  # ridge
LARGEST_ROUNDING = 1e-4  # of a residual that still counts as solved
INDEFINITE = 1e-8  # a negative square norm that is more than rounding, relative to its bound


def interpolate(
    law: Kernel,
    x: ArrayLike,
    y: ArrayLike,
    *,
    space: str | Lattice | None = None,
    solver: str | None = None,
    initial: Initial = None,
    ridge: check.Number = 0.0,
    rtol: check.Number = 1e-8,
    progress: bool = False,
    throw: bool = True,
) -> Interpolant:
    """The limit of `solve` for t -> infinity: among all interpolants the one of least norm::

        min ||h - h_ini||    subject to h(x_i) = y_i

    where the norm is that of the kernel's function space: for the LFP law on a lattice without
    divergence and affine terms `||h||_gamma^2 = sum_k gamma^-2(xi_k) |h^_k|^2`, the FP-norm.
    With ridge > 0 it minimises `1/(2n) sum_i (h(x_i) - y_i)^2 + (ridge/2) ||h - h_ini||^2`. Both
    are `h = h_ini + K(., X) c`, `(K(X, X) + n ridge) c = y - h_ini(X)`.

    Args:
        law, x, y, space, initial: as in `solve`. Repeated positions are merged. Without a space,
            more than 5,000 samples with a ridge get the `Lattice` that resolves the time 1/ridge,
            unless they are solved in O(n).
        solver: "banded", exact in O(n) in d = 1 for laws of the powers `|z|` and `|z|^3`
            (ReLU, `Simplified`, `PowerLaw` with alpha 2 or 4), as accurate for a million
            samples as for ten; "dense", a factorisation; "iterative", preconditioned
            conjugate gradients; or None: banded where it exists, dense up to 5,000 samples
            (2,000 modes of a lattice), iterative beyond.
        ridge: weight of the norm, in the unit of K(X, X)/n; 0 interpolates.
        rtol: relative residual of the equations that counts as solved, see `status.residual`. A
            dense solver may exceed it by the rounding of K c, up to 1e-4.
        progress: whether to show the steps of the iteration and their residual.
        throw: raise when the interpolant is not reached; otherwise see `status.message`.

    Returns:
        An `Interpolant`. On a lattice it is the limit for the kernel of that lattice, which is the
        law's until `status.resolved_until` (of the flow, or of 1/ridge). Leave-one-out errors come
        with "dense", and with "banded" for ridge = 0.

    Raises:
        ValueError: as `solve`; repeated positions with different values and ridge = 0 (the
            message says which); ridge < 0; an indefinite kernel; a numerically singular one
            ("dense"; "iterative" where the data do not fit it); a lattice with fewer modes
            than samples, on which no interpolant exists; more samples than the chosen solver
            can hold in memory.

    Warns:
        UserWarning: a law at or below the critical decay on a torus, see `PowerLaw`.

    Source: Zhang, Luo, Ma, Xu 2021; Luo, Ma, Xu, Zhang 2022.
    """
    x, y = check.samples(x, y)
    ridge = check.number(
        "ridge", ridge, allowed=f"from 0 to {LARGEST:g}", valid=lambda v: 0 <= v <= LARGEST
    )
    rtol = check.number("rtol", rtol, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)
    if solver is not None:
        check.choice("solver", solver, SOLVERS)
    kernel_of(law)
    check_space(space)
    place = None
    if ridge == 0:
        x, y, place = _merge_repeated(x, y)
    space, solver = choose(law, space, solver, x, ridge)
    if isinstance(space, Lattice) and isinstance(law, Law) and x.shape[1] <= 3:
        warn_if_not_regular(law, space, x.shape[1])
    start = 0.0 if initial is None else check.outputs_of("initial", initial, x, y.shape[1:])
    residual = (y - start).reshape(len(y), -1)
    # a power of two: squares of tiny or huge values neither vanish nor overflow
    scale = np.ldexp(1.0, np.frexp(np.abs(residual).max())[1] - 1) if residual.any() else 1.0
    residual /= scale
    try:
        minimum = minimise(law, space, solver, x, residual, ridge, rtol, progress)
    except LinAlgError:
        raise ValueError(
            f"the affine functions 1 and x cannot be told apart on samples within "
            f"{np.ptp(x, axis=0).max():.3g} of each other: scale x up"
        ) from None
    validity = float(law.validity(x)) if isinstance(law, Law) else np.nan
    message = _problem(minimum, solver, x, ridge, rtol, validity)
    if message and throw:
        raise ValueError(message)
    eigenvalues = minimum.eigenvalues if len(minimum.eigenvalues) else np.ones(1)
    square = minimum.square
    if ridge > 0 and square < -INDEFINITE * float(np.sum(residual**2)) / (len(x) * ridge):
        square = np.nan  # the ridge hides that K is indefinite
    status = Status(
        space=minimum.space,
        lattice=minimum.lattice,
        solver=solver,
        unknowns=minimum.unknowns,
        iterations=minimum.iterations,
        error_estimate=float(np.minimum(minimum.error, 1.0)),  # NaN stays
        resolved_until=minimum.resolved_until,
        lambda_max=float(eigenvalues[-1]),
        lambda_min=float(eigenvalues[0]),
        validity=validity,
        message=message,
        residual=minimum.residual,
        condition=minimum.condition,
    )
    return Interpolant(minimum, scale, square, x, place, initial, y.shape[1:], status)


def _merge_repeated(
    x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Each position once, in the order of first appearance; raise where values differ.

    Third, where each sample went, or None if no position is repeated.
    """
    if x.shape[1] == 1:
        ordered = np.sort(x[:, 0])
        if (ordered[1:] > ordered[:-1]).all():
            return x, y, None
    _, first, group = np.unique(x, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(x):
        return x, y, None
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
    return x[kept], y[kept], np.searchsorted(kept, first[group])


def _problem(
    minimum: Minimum, solver: str, x: np.ndarray, ridge: float, rtol: float, validity: float
) -> str:
    """What keeps a minimum from being one, with advice; else ""."""
    eigenvalues, more = minimum.eigenvalues, "a larger ridge" if ridge > 0 else "ridge > 0"
    if not np.isnan(eigenvalues).any():
        message = indefinite(eigenvalues, validity, minimum.space, np.inf)
        if message:
            return message
    elif not minimum.definite and minimum.space == "lattice":
        return f"the lattice kernel is indefinite on these samples: set {more}, or a larger cutoff"
    elif not minimum.definite:
        return f"the kernel is indefinite on these samples{against_indefinite(validity)}"
    if not minimum.definite and minimum.space == "samples":
        return (
            f"the kernel is numerically singular on these samples (eigenvalues of K/n from "
            f"{eigenvalues[0]:.3g} to {eigenvalues[-1]:.3g}{_near(x)}): set {more} or leave out "
            f"points that nearly coincide"
        )
    if solver == "banded" and minimum.error > LARGEST_ROUNDING:
        return f"ridge = {ridge:g} exceeds the kernel so far that rounding is all that is left"
    allowed = max(rtol, min(minimum.rounding, LARGEST_ROUNDING))
    if minimum.residual <= allowed or minimum.message:
        return minimum.message
    advice = "use a larger cutoff" if minimum.space == "lattice" else f"set {more}{_near(x)}"
    return f"the relative residual at the samples is {minimum.residual:.3g}: {advice}"


def _near(x: np.ndarray) -> str:
    """The two samples that are nearest to each other, in words."""
    if len(x) == 1:
        return ""
    distances, neighbours = (np.asarray(found) for found in KDTree(x).query(x, k=2))
    i = int(np.argmin(distances[:, 1]))
    j = int(neighbours[i, 1] if neighbours[i, 1] != i else neighbours[i, 0])
    return f"; samples {min(i, j)} and {max(i, j)} are {distances[i, 1]:.3g} apart"
