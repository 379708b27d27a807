"""Population risk by quadrature, and the a-priori bound against it over many random samples."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import qmc

import lfp
from compare.trials import Target
from lfp import _checks as check
from lfp._checks import ArrayLike, Integer, Number

if TYPE_CHECKING:
    import xarray

REPLICATES = 8  # independently scrambled sequences
WIDTH = 3.5  # 99 % interval of a mean of eight, in standard errors (Student's t)
FIRST, LAST = 2**7, 2**17  # points of a replicate, at the start and at most
CONVENTIONS = (
    "risk: mean of |h_n - f| over one period, h_n the interpolant of least FP-norm of f at n "
    "uniform random points, by the trapezoidal rule; risk_error: its change from the grid of "
    "twice the spacing; norm: FP-norm of h_n; bound: (sup_norm + 2 fp_norm gamma_norm) "
    "(2/sqrt n + 4 sqrt(2 log(4/delta)/n)); share: of the trials with risk <= bound; looseness: "
    "bound over the (1 - delta) quantile of the risk; informative_from: first n with a bound "
    "below sup_norm, the largest |f| on the grid."
)


@dataclass(frozen=True)
class Risk:
    """A population risk.

    Attributes:
        value: the estimate.
        error: half the width of its 99 % confidence interval.
        points: how many positions were looked at.
    """

    value: float
    error: float
    points: int


def population_risk(
    function: Callable[..., ArrayLike],
    target: Callable[..., ArrayLike],
    *,
    low: ArrayLike = -1.0,
    high: ArrayLike = 1.0,
    density: Callable[..., ArrayLike] | None = None,
    rtol: Number = 1e-3,
    atol: Number = 1e-8,
) -> Risk:
    """The absolute risk `E|h(x) - f(x)|` over a distribution of x in a box.

    Eight independently scrambled Sobol sequences are prolonged until their spread says that the
    mean is good to `atol + rtol` times itself. `|h - f|` has kinks wherever the two cross, which
    such a rule does not mind: its error still falls about as one over the number of points. What
    none of the first 1024 points meets, a spike of h - f or of the density that is narrower than
    their spacing, is not seen, nor part of the error.

    Args:
        function, target: h and f, called with x of shape `(m, d)`, or `(m,)` when d = 1, each
            returning `(m,)`: an interpolant, a network, any function.
        low, high: corners of the box, `(d,)`, or numbers when d = 1.
        density: of x, up to a factor, called as f is; truth values are 0 and 1; None is uniform.
        rtol, atol: error allowed, the latter in the unit of y; not both 0.

    Returns:
        A `Risk`.

    Raises:
        ValueError: an empty box or one of more than 21201 dimensions, functions that do not
            return finite `(m,)` or whose difference overflows, a density that is negative or
            vanishes all over one of the sequences, an error that is not reached with 2^20 points.
        TypeError: what is not a function.
    """
    low, high = _box(low, high)
    rtol = check.number("rtol", rtol, allowed="at least 0", valid=lambda v: v >= 0)
    atol = check.number("atol", atol, allowed="at least 0", valid=lambda v: v >= 0)
    if rtol == atol == 0:
        raise ValueError("rtol and atol must not both be 0")
    if len(low) > qmc.Sobol.MAXDIM:
        raise ValueError(
            f"low and high must have at most {qmc.Sobol.MAXDIM} entries, the dimensions of a "
            f"Sobol sequence, got {len(low)}"
        )
    seeds = np.random.SeedSequence(0).spawn(REPLICATES)
    # `seed` is called `rng` from SciPy 1.15 on, and goes by both names
    engines = [
        qmc.Sobol(len(low), seed=np.random.default_rng(s))  # pyright: ignore[reportCallIssue]
        for s in seeds
    ]
    gaps, weights = np.zeros((2, REPLICATES, 0))  # |h - f| and the density
    value, error = 0.0, np.inf
    while error > atol + rtol * value:
        drawn = gaps.shape[1]
        if drawn == LAST and not weights.any(axis=1).all():
            raise ValueError(
                f"density(x) must not vanish all over the box from low to high, as it does at all "
                f"{drawn:,} points of a sequence"
            )
        if drawn == LAST:
            raise ValueError(
                f"the risk is {value:.6g} within {error:.2g} after {REPLICATES * drawn:,} points, "
                f"not within atol + rtol times itself: use a larger rtol, got {rtol:g}"
            )
        further = []
        for engine in engines:
            x = low + (high - low) * engine.random(drawn or FIRST)
            further.append((_gap(function, target, x), _weight(density, x)))
        gaps, weights = np.concatenate([[gaps, weights], np.swapaxes(further, 0, 1)], axis=2)
        value, error = _mean(gaps, weights)
    return Risk(value, error, gaps.size)


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


def _box(low: ArrayLike, high: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Corners `(d,)` of a box that is not empty."""
    corners = [
        np.atleast_1d(check.real_array(name, corner, ndim=(0, 1)))
        for name, corner in (("low", low), ("high", high))
    ]
    if corners[0].shape != corners[1].shape:
        raise ValueError(
            f"low and high must have the same length, got {len(corners[0])} and {len(corners[1])}"
        )
    if not (corners[0] < corners[1]).all():
        raise ValueError(f"low must be below high, got {corners[0]} and {corners[1]}")
    return corners[0], corners[1]


def _mean(gaps: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Mean of weighted replicates `(r, m)`, and half its interval: infinite for one of no weight.

    In units of the largest, since squares and sums may be beyond the floats.
    """
    heaviest = weights.max(axis=1, keepdims=True)
    if not heaviest.all():
        return 0.0, np.inf
    shares = weights / heaviest
    counted = np.where(shares > 0, gaps, 0.0)
    unit = float(counted.max()) or 1.0
    means = np.sum(counted / unit * shares, axis=1) / shares.sum(axis=1)
    error = WIDTH * means.std(ddof=1) / np.sqrt(REPLICATES)
    return unit * float(means.mean()), unit * float(error)


def _gap(
    function: Callable[..., ArrayLike], target: Callable[..., ArrayLike], x: np.ndarray
) -> np.ndarray:
    """`|h - f|` at `(m, d)`."""
    with np.errstate(over="ignore"):
        gap = np.abs(_values("function", function, x) - _values("target", target, x))
    if np.isinf(gap).any():
        raise ValueError(
            "function(x) - target(x) must be finite, got a difference beyond the largest float"
        )
    return gap


def _weight(density: Callable[..., ArrayLike] | None, x: np.ndarray) -> np.ndarray:
    """The density at `(m, d)`."""
    if density is None:
        return np.ones(len(x))
    weight = _values("density", density, x, truth=True)
    if weight.min() < 0:
        raise ValueError(f"density(x) must not be negative, got {weight.min():g}")
    return weight


def _values(
    name: str, function: Callable[..., ArrayLike], x: np.ndarray, *, truth: bool = False
) -> np.ndarray:
    """Values `(m,)` of a user's function at `(m, d)`; with truth, truth values are numbers."""
    if not callable(function):
        raise TypeError(f"{name} must be a function of x, got {function!r}")
    values = function(x[:, 0] if x.shape[1] == 1 else x)
    if truth and str(getattr(values, "dtype", "")) == "bool":
        values = np.asarray(values, dtype=np.float64)
    values = check.real_array(f"{name}(x)", values, ndim=(1,))
    if len(values) != len(x):
        raise ValueError(f"{name}(x) must have shape ({len(x)},), got {values.shape}")
    return values


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
