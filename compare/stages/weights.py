"""The cut-off chi and the density rho of the theorems, on a uniform grid."""

import numpy as np
from jaxtyping import Float

from compare.stages.setting import uniform_grid
from lfp import _checks as check
from lfp._checks import ArrayLike, Number


def bump(x: ArrayLike, *, flat: Number = 0.5) -> Float[np.ndarray, " n"]:
    """A smooth cut-off: 1 in the middle of the period of the grid, 0 at its ends.

    With tau the distance from the nearer end, in units of the transition, it is
    `g(tau) / (g(tau) + g(1 - tau))`, `g(z) = exp(-1/z)` for z > 0 and 0 otherwise: infinitely
    often differentiable, with every derivative 0 at both ends of the transition.

    Args:
        x: a uniform grid over one period, `(n,)` or `(n, 1)`.
        flat: share of the period, from 0 to below 1, where it is 1.

    Returns:
        chi at the grid, `(n,)`; the period begins at x_0, where chi is 0.

    Raises:
        ValueError: a grid that is not uniform, flat outside that range.

    Source: Luo, Ma, Xu, Zhang 2019, Assumption 1.
    """
    grid, period = uniform_grid(x, None)
    flat = check.number("flat", flat, allowed="from 0 to below 1", valid=lambda v: 0 <= v < 1)
    from_start = (grid - grid[0]) / period
    tau = 2 * np.minimum(from_start, 1 - from_start) / (1 - flat)
    rising, falling = _flat_at_zero(tau), _flat_at_zero(1 - tau)
    return rising / (rising + falling)


def density(x: ArrayLike, points: ArrayLike, *, bandwidth: Number) -> Float[np.ndarray, " n"]:
    """Density of given points on the grid, by Gaussian kernels on the circle, with mean 1.

    Args:
        x: a uniform grid over one period P, `(n,)` or `(n, 1)`.
        points: positions of the samples, `(N,)`; those outside the period are taken modulo P.
        bandwidth: standard deviation of a kernel, in units of x; at least the spacing, below
            which the grid does not resolve a kernel, and at most P.

    Returns:
        rho, `(n,)`, `(1/n) sum_j rho_j = 1`.

    Raises:
        ValueError: a grid that is not uniform, bad points, a bandwidth outside that range.
    """
    grid, period = uniform_grid(x, None)
    places = check.real_array("points", points, ndim=(1,))
    spacing = period / len(grid)
    width = check.number(
        "bandwidth",
        bandwidth,
        allowed=f"from the spacing of x, {spacing:.6g}, to its period, {period:.6g}",
        valid=lambda v: spacing <= v <= period,
    )
    total = np.zeros_like(grid)
    turns = np.ceil(9 * width / period)  # a kernel is 1e-18 nine deviations away
    for turn in np.arange(-turns, turns + 1) * period:
        distance = (grid[:, None] - places) % period + turn
        total += np.exp(-((distance / width) ** 2) / 2).sum(axis=1)
    return total / total.mean()


def _flat_at_zero(z: np.ndarray) -> np.ndarray:
    positive = np.where(z > 0, z, 1.0)
    return np.where(z > 0, np.exp(-1 / positive), 0.0)
