"""How long the LFP flow takes to learn a frequency, against the frequency and the density."""

import numpy as np

import lfp
from compare.scaling.fitting import exponent
from compare.scaling.record import Scaling
from compare.spectra._checks import ArrayLike, Real
from lfp import _checks as check
from lfp.predictions import GRID_TOLERANCE, uniform_grid

A_DECADE = 40  # recordings
MARGIN = 30.0  # between the ends of the recordings and the times expected, a factor


def in_frequency(
    law: lfp.Law,
    x: ArrayLike,
    frequencies: ArrayLike,
    *,
    space: str | lfp.Lattice | None = None,
    width: Real | None = None,
    level: Real = 0.95,
) -> Scaling:
    """Half-learning times of the LFP flow against the frequency k.

    Each wave `cos(2 pi xi.x)` is learned alone, from zero. Where the samples are even with density
    p its error falls as `exp(-(A + B) p t)`, so the half-learning time is `log 2/((A + B) p)`. For
    ReLU it grows as `k^(d+3)` where the outer weights dominate (rate A) and as `k^(d+1)` where
    biases and inner weights do (rate B) (Zhang, Luo, Ma, Xu 2021, linear frequency principle).

    Args:
        law: a law.
        x: even samples, a full uniform grid of d = 1, 2 or 3 axes in any order, shape (n,) or
            (n, d), along every axis more than two a wave.
        frequencies: xi in cycles per unit of x, at least 3 different ones in size, shape (P,) or
            (P, d).
        space: as in `lfp.solve`; on a torus whose modes the samples, a full grid of it, resolve, a
            law without the divergence term is diagonal in frequency, and the times are exact.
        width: of the window `exp(-|x - c|^2/(2 width^2))` around the mean c of the samples, under
            which the amplitude of the wave is taken; None is no window, for a torus. In free space
            the ends of the samples learn at a rate of their own, and seen without a window the
            exponents are off by up to 0.4.
        level: of the interval.

    Returns:
        A `Scaling` with `values` of shape (P,); the expected exponent is that of `1/(A + B)` at
        these frequencies.

    Raises:
        ValueError: samples that are no such grid, a frequency of zero or of at least half a wave a
            sample along an axis, one that is not half learned within a factor of 30 of the time
            expected, and what `lfp.solve` and `compare.scaling.exponent` refuse.
        TypeError: if law is no law, or an argument is of the wrong kind.
    """
    _check_law(law)
    positions = check.points("x", x)
    xi = check.points("frequencies", frequencies)
    check.same_dimension("x", positions, "frequencies", xi)
    size = np.linalg.norm(xi, axis=1)
    dim = positions.shape[1]
    width = None if width is None else check.positive("width", width)
    density = 1 / _volume(positions, xi)
    rates = density * np.add(*law.rates(size, dim))
    waves = np.exp(2j * np.pi * (positions @ xi.T))
    targets = np.real(waves)
    ts = _window(rates)
    fitted = lfp.solve(law, positions, targets, ts, space=space).fitted
    weights = waves.conj()
    if width is not None:
        away = np.sum((positions - positions.mean(axis=0)) ** 2, axis=1)
        weights = weights * np.exp(-away / width**2 / 2)[:, None]
    times = _half_times(ts, fitted, targets, weights)
    found = exponent(size, times, level=level)
    expected = exponent(size, 1 / rates).exponent
    return Scaling("half-learning time", "frequency", size, times, found, expected)


def in_density(
    law: lfp.Law,
    x: ArrayLike,
    frequency: Real,
    centres: ArrayLike,
    *,
    width: Real,
    level: Real = 0.95,
) -> Scaling:
    """Half-learning times of one frequency in regions of different density of the samples.

    The law acts on `u_rho = p u`, so a wave is learned at the rate `(A + B)(k) p(x)` where the
    density is p: in a region the time grows as `k^(d+3)/p(x)` where A dominates, as `k^(d+1)/p(x)`
    where B does. (On spheres, with all biases zero or inputs normalised, it is `k^d/p(x)`: Basri,
    Galun, Geifman, Jacobs, Kasten, Kritchman 2020, Frequency bias in neural networks for input of
    non-uniform density.) The wave `cos(2 pi k x)` is learned from zero on all samples; in a region
    around a centre c its amplitude, and the density, are taken under the window
    `exp(-(x - c)^2/(2 width^2))`.

    Args:
        law: a law; one without the divergence term, whose rate depends on x by itself.
        x: samples, shape (n,), dense enough everywhere to resolve the frequency.
        frequency: k in cycles per unit of x.
        centres: c, at least 3, shape (P,).
        width: of the window, more than a period of the wave and less than the density takes to
            change.
        level: of the interval.

    Returns:
        A `Scaling` of times against densities, shape (P,); the exponent is expected to be -1.

    Raises:
        ValueError: samples of d > 1, a law with the divergence term, a width below one period of
            the wave, a region with less than two samples a wave, one that is not half learned
            within a factor of 30 of the time expected, and what `compare.scaling.exponent` refuses.
        TypeError: if law is no law, or an argument is of the wrong kind.
    """
    _check_law(law)
    if law.has_divergence:
        raise ValueError(
            f"law must have no divergence term, as TwoLayer(divergence=False), got {law}"
        )
    positions = check.real_array("x", x, ndim=(1,))
    frequency = check.positive("frequency", frequency)
    places = check.real_array("centres", centres, ndim=(1,))
    width = check.number(
        "width",
        width,
        allowed=f"at least one period of the wave, {1 / frequency:g}",
        valid=lambda value: value >= 1 / frequency,
    )
    windows = np.exp(-(((positions[:, None] - places) / width) ** 2) / 2)
    density = windows.mean(axis=0) / (np.sqrt(2 * np.pi) * width)
    sparse = len(positions) * density < 2 * frequency
    if sparse.any():
        raise ValueError(
            f"x must have more than 2 samples a wave in every region, got "
            f"{len(positions) * density[sparse][0] / frequency:.2g} around {places[sparse][0]:g}"
        )
    rates = density * np.add(*law.rates(np.full(len(places), frequency), 1))
    wave = np.exp(2j * np.pi * frequency * positions)
    target = np.real(wave)
    ts = _window(rates)
    fitted = lfp.solve(law, positions, target, ts).fitted
    times = _half_times(ts, fitted[:, :, None], target[:, None], windows * wave.conj()[:, None])
    found = exponent(density, times, level=level)
    return Scaling("half-learning time", "density", density, times, found, -1.0)


def _half_times(
    ts: np.ndarray, fitted: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Times (P,) from outputs (T, n, P or 1), their target (n, P or 1) and weights (n, P)."""
    goal = np.einsum("np,np->p", *np.broadcast_arrays(target, weights))
    left = np.stack([np.sum(weights * (row - target), axis=0) for row in fitted])
    times = lfp.half_times(ts, np.abs(left) / np.abs(goal))
    missed = np.isnan(times) | (times == ts[0])
    if missed.any():
        raise ValueError(
            f"every wave must be half learned between t = {ts[0]:.3g} and {ts[-1]:.3g}, {MARGIN:g} "
            f"times the time expected, got {missed.sum()} of {len(times)} that were not: the "
            "samples do not resolve them; use more samples, and frequencies of more than a wave in "
            "their range"
        )
    return times


def _window(rates: np.ndarray) -> np.ndarray:
    """Times around the half-learning times of these rates."""
    first, last = np.log(2) / rates.max() / MARGIN, np.log(2) / rates.min() * MARGIN
    return np.geomspace(first, last, 2 + int(A_DECADE * np.log10(last / first)))


def _volume(positions: np.ndarray, xi: np.ndarray) -> float:
    """That of the cells of a grid of samples which resolves these frequencies (P, d)."""
    try:
        counts, steps, _ = uniform_grid(positions)
    except ValueError:
        raise ValueError(
            "x must be even, a full uniform grid of d = 1, 2 or 3 axes of at least 2 points, got "
            f"{len(positions)} other points in d = {positions.shape[1]}"
        ) from None
    waves = np.abs(xi) * steps
    bad = np.argwhere(waves >= (1 - GRID_TOLERANCE) / 2)
    if len(bad):
        which, axis = (int(i) for i in bad[0])
        raise ValueError(
            "frequencies must have more than 2 samples a wave along every axis, at spacing "
            f"{steps[axis]:.3g} less than {0.5 / steps[axis]:.3g}, got {xi[which, axis]:g}"
        )
    return float(np.prod(counts) * np.prod(steps))


def _check_law(law: lfp.Law) -> None:
    if not isinstance(law, lfp.Law):
        raise TypeError(f"law must be a law such as lfp.TwoLayer, got {law!r}")
