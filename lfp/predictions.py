"""What a flow says about training: rates, low and high frequencies, when to stop."""

import math

import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike

GRID_TOLERANCE = 1e-9  # of a grid's spacing, and relative at the boundary eta


def effective_rate(velocity: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Rate at which each frequency is being learned, from `e = h^ - y^` and its derivative::

        -d/dt log |e| = -Re(e' / e)

    With a kernel that is diagonal in frequency this is its rate, `gamma^2(xi)`, at all times;
    in general it tells how far the samples couple frequencies. It may be negative.

    Args:
        velocity: `e' = d/dt h^`, any shape, for instance `(T, F)`.
        error: e, of the same shape.

    Returns:
        float64 of that shape, per unit of time; NaN where e = 0.
    """
    quotient = np.full(error.shape, np.nan, dtype=np.complex128)
    np.divide(velocity, error, out=quotient, where=error != 0)
    return -np.real(quotient)


def loss_split(
    x: np.ndarray, residual: np.ndarray, eta: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Mean square loss below and from the frequency eta on; they add up to the loss.

    By Plancherel on the grid `L = (1/2) sum_k |h^_k - y^_k|^2` over signed frequencies,
    each residue once; split into `|xi| < eta` and `|xi| >= eta` (Luo, Ma, Xu, Zhang 2019,
    section 2). `|xi|` is the Euclidean norm; a frequency within rounding of eta counts as equal.

    Args:
        x: a full tensor grid of d = 1, 2 or 3 uniform axes, `(n, d)`, in any order.
        residual: `h - y` at x, `(T, n)` or `(T, n, c)`; the loss of c outputs is their sum.
        eta: frequencies >= 0 in cycles per unit of x, one or `(E,)` in any order.

    Returns:
        (low, high), each `(T,)` for one eta and `(T, E)` for several.

    Raises:
        ValueError: x is no such grid, so that Plancherel's identity fails; eta < 0.
    """
    bounds = check.real_array("eta", eta, ndim=(0, 1))
    if bounds.min() < 0:
        raise ValueError(f"eta must be at least 0, got {bounds.min():g}")
    counts, steps, cells = uniform_grid(x)
    axes = [np.fft.fftfreq(m, step) for m, step in zip(counts, steps, strict=True)]
    size = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij"))).ravel()
    values, place = np.unique(bounds, return_inverse=True)
    reached = np.searchsorted(values * (1 - GRID_TOLERANCE), size, side="right")
    n, over = len(x), tuple(range(len(counts)))
    bands = np.empty((len(residual), len(values) + 1))
    for row, at_samples in zip(bands, residual, strict=True):  # the transform of one time only
        on_grid = np.empty((n, at_samples[0].size))
        on_grid[cells] = at_samples.reshape(n, -1)
        spectrum = np.fft.fftn(on_grid.reshape(*counts, -1), axes=over)
        power = (np.abs(spectrum) ** 2).sum(axis=-1).ravel() / (2 * n**2)
        row[:] = np.bincount(reached, weights=power, minlength=len(row))
    low = np.cumsum(bands, axis=1)[:, :-1]
    high = np.cumsum(bands[:, ::-1], axis=1)[:, -2::-1]
    at = place.reshape(bounds.shape)
    return low[:, at], high[:, at]


def degrees_of_freedom(eigenvalues: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """`df(t) = tr(1 - exp(-t K/n))`: how many of the n data the flow has fitted, shape `(T,)`.

    Args:
        eigenvalues: of `K(X, X)/n`; those that are zero may be left out.
        ts: times `(T,)`.
    """
    return -np.expm1(-np.outer(ts, eigenvalues)).sum(axis=1)


def risk_estimate(
    loss: np.ndarray, degrees_of_freedom: np.ndarray, noise: check.Number, n: int
) -> np.ndarray:
    """Unbiased estimate of the in-sample risk `(1/n) sum_i (h(x_i, t) - f(x_i))^2`::

        R(t) = 2 L(t) - noise^2 + 2 noise^2 df(t)/n,    L = 1/(2n) sum_i (h(x_i, t) - y_i)^2

    for data `y_i = f(x_i) + e_i` with independent errors of mean 0 and variance noise^2: the
    flow is affine in y, and `df` is the trace of its matrix. Single values may be negative.

    Args:
        loss: mean square loss `(T,)`; with several outputs, summed over them.
        degrees_of_freedom: `(T,)`, see `degrees_of_freedom`.
        noise: standard deviation of the errors; with c equally noisy outputs, sqrt(c) times it.
        n: number of samples.

    Source: C. L. Mallows, Some comments on C_p, Technometrics 15, 1973; C. M. Stein, Estimation
    of the mean of a multivariate normal distribution, Ann. Stat. 9, 1981. For gradient descent:
    G. Raskutti, M. J. Wainwright, B. Yu, Early stopping and non-parametric regression, JMLR 15,
    2014, whose rule bounds the risk where this one estimates it.
    """
    return 2 * loss + noise**2 * (2 * degrees_of_freedom / n - 1)


def stopping_time(
    ts: np.ndarray,
    loss: np.ndarray,
    degrees_of_freedom: np.ndarray,
    noise: check.Number,
    n: int,
) -> float:
    """Time at which `risk_estimate` is least, as in `time_of_least`.

    Args:
        ts: sorted times `(T,)`, none negative.
        loss, degrees_of_freedom, noise, n: as in `risk_estimate`.

    Returns:
        The time; 0 if the risk is least at t = 0 and that is the first time. NaN if the least
        risk is at the first time, later than 0, or at the last one, or if noise = 0: training
        without noise should never stop.

    Raises:
        ValueError: noise is negative or not finite.
    """
    noise = check.number("noise", noise, allowed="at least 0", valid=lambda v: v >= 0)
    if noise == 0:
        return np.nan
    return time_of_least(ts, risk_estimate(loss, degrees_of_freedom, noise, n))


def time_of_least(ts: np.ndarray, values: np.ndarray) -> float:
    """Time at which values are least, by a parabola in log t through three times.

    Next to t = 0 the parabola is in t. Nothing is extrapolated.

    Args:
        ts: sorted times `(T,)`, none negative.
        values: finite, `(T,)`.

    Returns:
        The time; 0 if the least value is at t = 0 and that is the first time. NaN if it is at the
        first time, later than 0, or at the last one.
    """
    i = int(np.argmin(values))
    if i == len(ts) - 1:
        return np.nan
    if i == 0:
        return 0.0 if ts[0] == 0 else np.nan
    near = ts[i - 1 : i + 2]
    place = np.log(near) if near[0] > 0 else near
    left, right = place[1] - place[0], place[2] - place[1]
    fall = (values[i - 1] - values[i]) / left if left > 0 else 0.0
    rise = (values[i + 1] - values[i]) / right if right > 0 else 0.0
    if fall + rise == 0:
        return float(near[1])
    # the slopes at the middles of the two intervals are -fall and rise
    best = (place[0] + place[1]) / 2 + (left + right) / 2 * fall / (fall + rise)
    return float(np.exp(best) if near[0] > 0 else best)


def uniform_grid(x: np.ndarray) -> tuple[list[int], list[float], np.ndarray]:
    """Points and spacing of each axis, and the flat cell `(n,)` of every point."""
    n, d = x.shape
    counts, steps = [], []
    cells = np.zeros(n, dtype=np.int64)
    for axis in x.T if d <= 3 else []:
        ordered = np.sort(axis)
        gaps = np.diff(ordered)
        count = 1 + int((gaps > gaps.max(initial=0.0) / 2).sum())
        step = (ordered[-1] - ordered[0]) / max(count - 1, 1)
        index = np.rint((axis - ordered[0]) / (step or 1.0)).astype(np.int64)
        rounding = 4 * np.finfo(float).eps * np.abs(axis).max()
        apart = np.abs(axis - ordered[0] - index * step)
        if count == 1 or apart.max() > GRID_TOLERANCE * step + rounding:
            break
        counts.append(count)
        steps.append(step)
        cells = cells * count + index
    if len(counts) < d or math.prod(counts) != n or (np.bincount(cells, minlength=n) != 1).any():
        raise ValueError(
            f"loss_split needs x on a uniform grid, the full product of d = 1, 2 or 3 axes of at "
            f"least 2 points, got {n} other points in d = {d}; use spectrum instead"
        )
    return counts, steps, cells
