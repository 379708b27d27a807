"""Population risk by quadrature."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from lfp import _checks as check
from lfp._checks import ArrayLike, Number

REPLICATES = 8  # independently scrambled sequences
WIDTH = 3.5  # 99 % interval of a mean of eight, in standard errors (Student's t)
FIRST, LAST = 2**7, 2**17  # points of a replicate, at the start and at most


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
