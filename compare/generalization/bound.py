"""The a-priori bound against the population risk, over many random samples."""

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

import lfp
from compare.generalization.trials import Target
from lfp import _checks as check
from lfp._checks import ArrayLike, Integer

if TYPE_CHECKING:
    import xarray

CONVENTIONS = (
    "risk: mean of |h_n - f| over one period, h_n the interpolant of least FP-norm of f at n "
    "uniform random points, by the trapezoidal rule; risk_error: its change from the grid of "
    "twice the spacing; norm: FP-norm of h_n; bound: (sup_norm + 2 fp_norm gamma_norm) "
    "(2/sqrt n + 4 sqrt(2 log(4/delta)/n)); share: of the trials with risk <= bound; looseness: "
    "bound over the (1 - delta) quantile of the risk; informative_from: first n with a bound "
    "below sup_norm, the largest |f| on the grid."
)


def bound_against_risk(
    law: lfp.Law,
    lattice: lfp.Lattice,
    coefficients: ArrayLike,
    *,
    ns: ArrayLike,
    deltas: ArrayLike = (0.05,),
    trials: Integer = 1000,
    seed: Integer = 0,
    dim: Integer | None = None,
) -> "xarray.Dataset":
    """The a-priori bound beside the risk of interpolants of random samples of one function.

    In each trial n points are drawn uniformly from one period, and the function f on the lattice
    is replaced by its interpolant of least FP-norm there: in coordinates in which the norm is
    Euclidean, the projection of f on the kernel's sections at the points. All of it happens on the
    lattice; only the mean over x is a quadrature.

    Args:
        law: a law without the divergence term, which the theorem does not have.
        lattice: a torus whose constant is excluded or has a rate.
        coefficients: of f, real valued, `((2N + 1)^d,)` in the layout of `lfp.fp_norm`.
        ns: numbers of samples, `(n,)`, each at least 1; with as many as there are modes f is
            found again, and the risk is rounding.
        deltas: probabilities `(delta,)` between 0 and 1.
        trials: random samples for each n.
        seed: of the random points; those of one n do not depend on the other ns.
        dim: d; needed only where the length allows two.

    Returns:
        Dataset with `risk`, `risk_error` and `norm` of dimensions (n, trial), `bound`, `share` and
        `looseness` (n, delta), `informative_from` (delta); what they are, and `sup_norm`,
        `fp_norm`, `gamma_norm`, stands in its attributes.

    Raises:
        ValueError: a lattice or law other than said above, coefficients of a complex function,
            of zero, or of one outside the space; n, deltas, trials or seed out of range.

    Warns:
        UserWarning: a law at or below the critical decay.

    Source: Zhang, lecture on the frequency principle, FAU 2025 (the bound).
    """
    import xarray

    whole = _distinct("ns", ns, "whole numbers of at least 1", lambda v: (v >= 1) & (v % 1 == 0))
    sizes = [int(n) for n in whole]
    levels = _distinct("deltas", deltas, "between 0 and 1", lambda v: (v > 0) & (v < 1))
    trials = check.integer("trials", trials, least=1)
    seed = check.integer("seed", seed, least=0)
    target = Target(law, lattice, coefficients, dim)
    measured = [target.measure(n, trials, np.random.default_rng([seed, n])) for n in sizes]
    risk, risk_error, norm = (np.stack(values) for values in zip(*measured, strict=True))
    bound = np.stack([target.bound(sizes, delta) for delta in levels], axis=1)
    first = [target.bound(1, delta) / target.sup_norm for delta in levels]
    quantile = np.stack([np.quantile(risk, 1 - delta, axis=1) for delta in levels], axis=1)
    with np.errstate(divide="ignore"):  # a risk of exactly nothing
        looseness = bound / quantile
    within = risk[:, :, None] <= bound[:, None, :]
    return xarray.Dataset(
        {
            "risk": (("n", "trial"), risk),
            "risk_error": (("n", "trial"), risk_error),
            "norm": (("n", "trial"), norm),
            "bound": (("n", "delta"), bound),
            "share": (("n", "delta"), within.mean(axis=1)),
            "looseness": (("n", "delta"), looseness),
            "informative_from": ("delta", np.floor(np.square(first)).astype(np.int64) + 1),
        },
        coords={"n": sizes, "delta": levels},
        attrs={
            "sup_norm": target.sup_norm,
            "fp_norm": target.fp_norm,
            "gamma_norm": target.gamma_norm,
            "law": repr(law),
            "lattice": repr(lattice),
            "seed": seed,
            "conventions": CONVENTIONS,
            "version": version("linear-frequency-principle"),
        },
    )


def _distinct(
    name: str, value: ArrayLike, allowed: str, valid: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Different numbers `(n,)`, each of which is valid."""
    values = check.real_array(name, value, ndim=(1,))
    bad = ~valid(values)
    if bad.any():
        raise ValueError(f"{name} must be {allowed}, got {values[bad][0]:g}")
    if len(np.unique(values)) < len(values):
        raise ValueError(f"{name} must be different from each other, got {values.tolist()}")
    return values
