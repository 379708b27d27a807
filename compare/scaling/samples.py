"""How the error of interpolation falls with the number of samples."""

from collections.abc import Callable

import numpy as np

import lfp
from compare.scaling.fitting import exponent
from compare.scaling.record import Scaling
from compare.spectra._checks import ArrayLike, Real
from lfp import _checks as check

PERIODIC = 1e-8  # of the largest |f|, by which it may differ a period on
BEYOND = 0.1  # of the error, that frequencies of the target may have beyond half of N/P
FINENESS = 4  # further points an axis between two samples; more than the law's kinks change


def in_samples(
    law: lfp.Law,
    target: Callable[..., ArrayLike],
    axes: ArrayLike,
    *,
    lattice: lfp.Lattice,
    dim: Real = 1,
    level: Real = 0.95,
) -> Scaling:
    """Root mean square error of the limit t -> infinity of a smooth target, against n.

    On the n = N^d points of a uniform grid of the torus, the interpolant of a wave of frequency
    xi_0 has in place of it its aliases, each in proportion to its rate::

        h^(xi) = gamma^2(xi) / sum_j gamma^2(xi_0 + j N/P),    xi = xi_0 + j N/P

    so the error is the share of those beyond, `gamma^2(N/P)/gamma^2(xi_0)`: for a rate that decays
    as `|xi|^-alpha` it falls as `n^(-alpha/d)`, twice as fast as for the roughest functions of
    finite FP-norm. In d = 1 `alpha = 2` is that of linear interpolation and `alpha = 4` that of
    the periodic cubic spline.

    Args:
        law: a law without the divergence term, under which a torus is not homogeneous.
        target: f, of period `lattice.period` in every axis and of frequencies on the lattice,
            called with x of shape (m, d), or (m,) when d = 1, returning (m,).
        axes: N, points an axis, at least 3 different numbers, all beyond twice the frequencies of
            the target, shape (P,).
        lattice: a torus whose cutoff is well beyond N; `zero_mode="free"` learns the mean as well.
        dim: d = 1, 2 or 3.
        level: of the interval.

    Returns:
        A `Scaling` of errors against n, shape (P,); the exponent expected is that of the rate at
        the frequencies N/P.

    Raises:
        ValueError: another law or lattice, axes that are not whole numbers of at least 2 or reach
            half of the modes of the lattice, a target that is not periodic, or has a share of
            frequencies from `N/(2 P)` on that is more than a tenth of the error, and what
            `lfp.interpolate` and `compare.scaling.exponent` refuse.
        TypeError: if an argument is of the wrong kind.
    """
    if not isinstance(law, lfp.Law):
        raise TypeError(f"law must be a law such as lfp.PowerLaw, got {law!r}")
    if law.has_divergence:
        raise ValueError(
            f"law must have no divergence term, as TwoLayer(divergence=False), got {law}"
        )
    if not isinstance(lattice, lfp.Lattice) or lattice.kind != "torus":
        raise ValueError(f"lattice must be a torus, got {lattice}")
    dim = check.integer("dim", dim, least=1)
    counts = check.real_array("axes", axes, ndim=(1,))
    most = int(lattice.cutoff)
    if ((counts < 2) | (counts % 1 != 0) | (counts > most)).any():
        raise ValueError(
            f"axes must be whole numbers from 2 to the cutoff of the lattice, {most}, "
            f"got {counts.tolist()}"
        )

    finest = int(counts.max())
    modes = 2 * max(most, 2 * finest) + 1  # odd: a sine is not 0 at all points of the grid
    whole = _grid(modes, float(lattice.period), dim)
    everywhere = check.outputs_of("target", target, whole)
    _check_period(target, whole, everywhere, float(lattice.period))
    beyond = _beyond(everywhere, modes, dim)

    def error(count: int) -> float:
        grid = _grid(count, float(lattice.period), dim)
        limit = lfp.interpolate(law, grid, check.outputs_of("target", target, grid), space=lattice)
        fine = _grid(FINENESS * count, float(lattice.period), dim)
        gap = limit(fine) - check.outputs_of("target", target, fine)
        return float(np.sqrt(np.mean(gap**2)))

    errors = np.array([error(int(count)) for count in counts])
    aliased = np.array([beyond(int(count)) for count in counts]) > BEYOND * errors
    if aliased.any():
        raise ValueError(
            "axes must be beyond twice the frequencies of the target, got "
            f"{counts[aliased][0]:g} points an axis, where those from half of them a period on are "
            f"more than {BEYOND:g} of the error {errors[aliased][0]:.2g}"
        )
    n = counts**dim
    found = exponent(n, errors, level=level)
    expected = exponent(n, np.add(*law.rates(counts / lattice.period, dim))).exponent
    return Scaling("error of the interpolant", "samples n", n, errors, found, expected)


def _grid(count: int, period: float, dim: int) -> np.ndarray:
    """A full uniform grid of one period, (count^d, d)."""
    axis = period * (np.arange(count) / count - 0.5)
    return np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)


def _check_period(
    target: Callable[..., ArrayLike], grid: np.ndarray, values: np.ndarray, period: float
) -> None:
    """Raise unless the target is the same a period on, along every axis."""
    for axis, step in enumerate(period * np.eye(grid.shape[1])):
        apart = np.abs(check.outputs_of("target", target, grid + step) - values).max()
        if apart > PERIODIC * np.abs(values).max():
            raise ValueError(
                f"target must have the period of the lattice, {period:g}, in every axis, got "
                f"values that differ by {apart:.2g} a period on along axis {axis}"
            )


def _beyond(values: np.ndarray, modes: int, dim: int) -> Callable[[int], float]:
    """Root mean square of what a function has from N/2 periods along an axis on, given N."""
    power = np.abs(np.fft.fftn(values.reshape(dim * [modes]), norm="forward")) ** 2
    index = np.abs(np.fft.fftfreq(modes, 1 / modes))
    largest = np.max(np.meshgrid(*dim * [index], indexing="ij"), axis=0)
    return lambda count: float(np.sqrt(power[largest >= count / 2].sum()))
