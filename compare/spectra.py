"""Spectra at the samples, their peaks, and how far outputs are from data at each frequency.

Values have the samples on their last axis, spectra the frequencies; trajectories carry the time
on the axis before. Everything is vectorised over further leading axes (width, seed, ...).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Complex, Float
from numpy import typing as npt

import lfp

# what a run-time type checker should let through to the checks below
ArrayLike = npt.ArrayLike | Sequence | float | int


def remove_affine(
    x: ArrayLike, values: ArrayLike
) -> Float[np.ndarray, "*batch n"] | Complex[np.ndarray, "*batch n"]:
    """Subtract the least-squares fit of 1 and x from values.

    The transform of a slope over a finite range leaks into every frequency as 1/xi and would
    dominate the small high ones, and the affine part is learned long before the rest.

    Args:
        x: samples, shape (n,).
        values: real or complex, shape (..., n).

    Returns:
        Residual of the fit, shape (..., n), complex for complex values.

    Raises:
        ValueError: if x is not one-dimensional, has equal entries only, or does not match values;
            if an entry is NaN or infinite.
        TypeError: if they are not numbers, or x not real.
    """
    x = _abscissas(x)
    values = _finite("values", values)
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
        ValueError: if x is not one-dimensional, not finite, or has equal entries only.
        TypeError: if x does not hold real numbers.
    """
    x = _abscissas(x)
    return np.arange(1, x.size // 2 + 1) * (x.size - 1) / (x.size * np.ptp(x))


def spectrum(x: ArrayLike, values: ArrayLike, xi: ArrayLike) -> Complex[np.ndarray, "*batch F"]:
    """Transform at the samples, `y^_k = (1/n) sum_i y_i exp(-2 pi i xi_k x_i)`.

    Args:
        x: samples, shape (n,).
        values: real or complex, shape (..., n).
        xi: frequencies in cycles per unit of x, shape (F,).

    Returns:
        Shape (..., F), complex.

    Raises:
        ValueError: if x, values and xi are not finite or do not match.
        TypeError: if they are not numbers, or x or xi not real.
    """
    values = _finite("values", values)
    if values.ndim == 0:
        raise ValueError("values must have shape (..., n) like x, got a single number")
    batch = values.shape[:-1]
    columns = values.reshape(-1, values.shape[-1]).T
    return np.asarray(lfp.nudft(x, columns, xi)).T.reshape(*batch, -1)


def peaks(amplitude: ArrayLike, count: float | int | np.number) -> Bool[np.ndarray, " F"]:
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
        TypeError: if count is not an integer or amplitude does not hold real numbers.
    """
    amplitude = _finite("amplitude", amplitude, real=True)
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise TypeError(f"count must be an integer, got {count!r}")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if amplitude.ndim != 1:
        raise ValueError(f"amplitude must have shape (F,), got {amplitude.shape}")
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
        Shape (..., F); NaN where the target is exactly zero or the output is NaN.

    Raises:
        ValueError: if the shapes do not match.
        TypeError: if they are not numbers.
    """
    target, outputs = _numbers("target", target), _numbers("outputs", outputs)
    if target.ndim != 1 or outputs.shape[-1:] != target.shape:
        raise ValueError(
            "target must have shape (F,) and outputs (..., F) with the same F, "
            f"got {target.shape} and {outputs.shape}"
        )
    size = np.where(target == 0, np.nan, np.abs(target))
    return np.abs(target - outputs) / size


def _numbers(name: str, value: ArrayLike) -> np.ndarray:
    """`value` as an array of float64 or complex128."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind not in "fiuc":
        raise TypeError(f"{name} must hold numbers, got dtype {array.dtype}")
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _finite(name: str, value: ArrayLike, *, real: bool = False) -> np.ndarray:
    array = _numbers(name, value)
    if real and array.dtype.kind == "c":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[place]} at index {place}")
    return array


def _abscissas(x: ArrayLike) -> np.ndarray:
    array = _finite("x", x, real=True)
    if array.ndim != 1 or array.size < 2 or np.ptp(array) == 0:
        raise ValueError(
            f"x must have shape (n,) with at least 2 different values, got {array.shape}"
        )
    return array
