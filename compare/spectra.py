"""Spectra at the samples, their peaks, and when each frequency is learned.

Values have the samples on their last axis, spectra the frequencies; trajectories carry the time
on the axis before. Everything is vectorised over further leading axes (width, seed, ...).
"""

import numpy as np
from jaxtyping import ArrayLike, Bool, Complex, Float

import lfp


def remove_affine(x: ArrayLike, values: ArrayLike) -> Float[np.ndarray, "*batch n"]:
    """Subtract the least-squares fit of 1 and x from values.

    The transform of a slope over a finite range leaks into every frequency as 1/xi and would
    dominate the small high ones, and the affine part is learned long before the rest.

    Args:
        x: samples, shape (n,).
        values: shape (..., n).

    Returns:
        Residual of the fit, shape (..., n).

    Raises:
        ValueError: if x is not one-dimensional, has equal entries only, or does not match values.
    """
    x = np.asarray(x, dtype=np.float64)
    values = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.size < 2 or np.ptp(x) == 0:
        raise ValueError(f"x must have shape (n,) with at least 2 different values, got {x.shape}")
    if values.ndim == 0 or values.shape[-1] != x.size:
        raise ValueError(f"values must have shape (..., {x.size}) like x, got {values.shape}")
    slope = x - x.mean()
    slope /= np.linalg.norm(slope)
    values = values - values.mean(axis=-1, keepdims=True)
    return values - (values @ slope)[..., None] * slope


def frequencies(x: ArrayLike) -> Float[np.ndarray, " half"]:
    """Frequencies k/P, k = 1 .. n // 2, in cycles per unit of x, P = n/(n-1) times the range of x.

    For uniform samples with spacing dx, P = n dx and these are the positive frequencies of the
    discrete Fourier transform; k = 0 belongs to the affine part.

    Raises:
        ValueError: if x is not one-dimensional or has equal entries only.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 1 or x.size < 2 or np.ptp(x) == 0:
        raise ValueError(f"x must have shape (n,) with at least 2 different values, got {x.shape}")
    return np.arange(1, x.size // 2 + 1) * (x.size - 1) / (x.size * np.ptp(x))


def spectrum(x: ArrayLike, values: ArrayLike, xi: ArrayLike) -> Complex[np.ndarray, "*batch F"]:
    """Transform at the samples, `y^_k = (1/n) sum_i y_i exp(-2 pi i xi_k x_i)`.

    Args:
        x: samples, shape (n,).
        values: real or complex, shape (..., n).
        xi: frequencies in cycles per unit of x, shape (F,).

    Returns:
        Shape (..., F), complex.
    """
    values = np.asarray(values)
    batch = values.shape[:-1]
    columns = values.reshape(-1, values.shape[-1]).T
    return np.asarray(lfp.nudft(x, columns, xi)).T.reshape(*batch, -1)


def peaks(amplitude: ArrayLike, count: int) -> Bool[np.ndarray, " F"]:
    """Mark the `count` largest local maxima of an amplitude spectrum.

    A local maximum is larger than the entry before and not smaller than the one after; the first
    and last frequency have one neighbour only. There may be fewer than `count`.

    Args:
        amplitude: `|y^|` after `remove_affine`, in the order of the frequencies, shape (F,).
        count: at least 1.

    Returns:
        True at the peaks, shape (F,).

    Raises:
        ValueError: if count < 1 or amplitude is not a finite vector.
    """
    amplitude = np.asarray(amplitude, dtype=np.float64)
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if amplitude.ndim != 1 or not np.isfinite(amplitude).all():
        raise ValueError(f"amplitude must be a finite vector, got shape {amplitude.shape}")
    padded = np.concatenate([[-np.inf], amplitude, [-np.inf]])
    places = np.flatnonzero((amplitude > padded[:-2]) & (amplitude >= padded[2:]))
    largest = places[np.argsort(-amplitude[places], kind="stable")[:count]]
    marked = np.zeros(amplitude.shape, dtype=bool)
    marked[largest] = True
    return marked


def relative_error(target: ArrayLike, outputs: ArrayLike) -> Float[np.ndarray, "*batch F"]:
    """`Delta_F(k) = |f^_k - h^_k| / |f^_k|` (Xu, Zhang, Xiao 2019, section 2.1).

    Args:
        target: spectrum of the data, shape (F,).
        outputs: spectra of outputs, shape (..., F).

    Returns:
        Shape (..., F); NaN where the target is exactly zero.
    """
    target = np.asarray(target)
    size = np.where(target == 0, np.nan, np.abs(target))
    return np.abs(target - np.asarray(outputs)) / size


def half_time(ts: ArrayLike, error: ArrayLike) -> Float[np.ndarray, "*batch F"]:
    """First time at which the relative error is at most 1/2, interpolated linearly in log t.

    Args:
        ts: increasing positive times, shape (T,).
        error: relative error, shape (..., T, F).

    Returns:
        Shape (..., F); NaN if the error stays above 1/2; ts[0] if it starts at most there.

    Raises:
        ValueError: if ts is not increasing and positive or does not match error.
    """
    ts = np.asarray(ts, dtype=np.float64)
    error = np.asarray(error, dtype=np.float64)
    if ts.ndim != 1 or ts.size == 0 or not (ts > 0).all() or not (np.diff(ts) > 0).all():
        raise ValueError(f"ts must be positive and increasing, got {ts}")
    if error.ndim < 2 or error.shape[-2] != ts.size:
        raise ValueError(
            f"error must have shape (..., {ts.size}, F) for these ts, got {error.shape}"
        )
    return lfp.half_times(ts, error)
