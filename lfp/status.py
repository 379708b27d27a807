"""What a solution reports about itself, and when it is refused."""

from dataclasses import dataclass

import numpy as np

from lfp.lattice import Lattice
from lfp.solvers.dense import rounding_of

DROWNED = 0.01  # error by rounding, relative to the data, beyond which a flow is refused
HARMLESS_GROWTH = 0.01  # of the most unstable mode until the last time, on a lattice


@dataclass(frozen=True)
class Status:
    """How a flow or a limit was computed, and how far it can be trusted.

    Attributes:
        space: "samples" or "lattice".
        lattice: the `Lattice`, given or chosen; None in sample space.
        solver: "dense", "krylov" or "ode"; of an interpolant "dense", "banded" or "iterative".
        unknowns: size of the system: samples, or modes of the lattice, where these are solved for.
        iterations: products with the operator, or evaluations of the right-hand side, of all
            outputs together; 0 for a direct method.
        error_estimate: error of the solver expected of the outputs at the last time, relative to
            the data: rounding, eigenvalues being known to `eps * lambda_max`, of the modes that the
            data have; the a-posteriori bound of the Krylov method; or the tolerance of the
            integrator. NaN for an interpolant with solver="iterative".
        resolved_until: time until which the cutoff of the lattice costs at most one per
            cent; infinite in sample space.
        lambda_max, lambda_min: extreme eigenvalues of K(X, X)/n per unit of time: of its
            nonzero part where a lattice has fewer modes than there are samples, of what is
            left after eliminating the affine functions for an interpolant of a law, and
            Ritz values (what the times asked for needed) for solver="krylov"; NaN for an
            interpolant with solver="banded" or "iterative", which need none.
        validity: what the law says about its own approximation, see `TwoLayer.validity`; NaN for
            laws that make none and for a bare kernel.
        message: what is wrong and what helps; empty when nothing is.
        residual: of an interpolant, the residual of its equations, evaluated after they were
            solved and relative to their right-hand side (with solver="banded", to the terms in each
            equation between neighbours); NaN for a flow.
        condition: of an interpolant, an estimate of the condition number of the matrix that was
            factorised; NaN for a flow, and where none was.
    """

    space: str
    lattice: Lattice | None
    solver: str
    unknowns: int
    iterations: int
    error_estimate: float
    resolved_until: float
    lambda_max: float
    lambda_min: float
    validity: float
    message: str = ""
    residual: float = np.nan
    condition: float = np.nan


def drowned(eigenvalues: np.ndarray, error: float, last: float) -> str:
    """Advice when rounding hides the rates of more than one per cent of the data, else ""."""
    if error <= DROWNED:
        return ""
    unknown = np.finfo(float).eps * float(eigenvalues[-1])
    return (
        f"eigenvalues of K(X, X)/n are known to {unknown:.2g}, eps times the largest, which hides "
        f"the rates of about {100 * error:.0f} % of the data at t = {last:.3g}: use times below "
        f"{DROWNED / unknown:.2g}, a smaller sigma_b, or lfp.interpolate for the limit"
    )


def indefinite(eigenvalues: np.ndarray, validity: float, space: str, last: float) -> str:
    """Advice when negative eigenvalues beyond rounding make the kernel useless, else "".

    On a lattice a truncated window may leave tiny negative eigenvalues; they count when
    they grow by more than one per cent until the last time.
    """
    if not len(eigenvalues):  # free functions take all of the data
        return ""
    least, rounding = float(eigenvalues[0]), rounding_of(eigenvalues)
    growth = -least * last if last > 0 else 0.0  # an infinite last time: any growth counts
    if least >= -rounding or (space == "lattice" and growth <= HARMLESS_GROWTH):
        return ""
    if space == "lattice" and not np.isfinite(last):
        return (
            f"the truncated lattice kernel has the eigenvalue {least:.3g} (largest "
            f"{eigenvalues[-1]:.3g}), so that it interpolates nothing: use a larger cutoff"
        )
    if space == "lattice":
        return (
            f"the truncated lattice kernel has the eigenvalue {least:.3g} (largest "
            f"{eigenvalues[-1]:.3g}) and its flow blows up before t = {last:.3g}: "
            f"use a larger cutoff or a larger period, or larger sigma_b"
        )
    return (
        f"the kernel is indefinite: K(X, X)/n has the eigenvalue {least:.3g} (largest "
        f"{eigenvalues[-1]:.3g}), so the flow would blow up{against_indefinite(validity)}"
    )


def against_indefinite(validity: float) -> str:
    """The validity parameter of a law, and what helps where its kernel is indefinite."""
    if np.isnan(validity):
        return ". A kernel function must be positive semidefinite, and computed in float64"
    return (
        f"; the validity parameter is {validity:.3g} and should be well below 1 (see the law's "
        f"`validity`). Use a larger sigma_b, scale x down, or take the exact kernel law.ntk"
    )
