"""Checks of what the functions of spectra are given; each returns float64 or complex128."""

from collections.abc import Sequence

import numpy as np
from numpy import typing as npt

# what a run-time type checker should let through to the checks below
ArrayLike = npt.ArrayLike | Sequence | float | int
Real = float | int | np.floating | np.integer


def numbers(name: str, value: ArrayLike) -> np.ndarray:
    """`value` as an array of float64 or complex128."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind not in "fiuc":
        raise TypeError(f"{name} must hold numbers, got dtype {array.dtype}")
    dtype = np.complex128 if array.dtype.kind == "c" else np.float64
    return array.astype(dtype, copy=False)


def finite(name: str, value: ArrayLike, *, real: bool = False) -> np.ndarray:
    """`value` without NaN and infinities."""
    array = numbers(name, value)
    if real and array.dtype.kind == "c":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[place]} at index {place}")
    return array


def line(x: ArrayLike) -> np.ndarray:
    """Positions (n,), not all equal."""
    array = finite("x", x, real=True)
    if array.ndim != 1 or array.size < 2 or np.ptp(array) == 0:
        raise ValueError(
            f"x must have shape (n,) with at least 2 different values, got {array.shape}"
        )
    return array


def cloud(x: ArrayLike) -> np.ndarray:
    """Positions (n, d), from (n,) when d = 1; not all equal."""
    array = finite("x", x, real=True)
    if array.ndim not in (1, 2) or array.size == 0 or not np.ptp(array, axis=0).any():
        raise ValueError(
            "x must have shape (n,) or (n, d) with at least 2 different values, "
            f"got {array.shape}{' of equal ones' if array.size else ''}"
        )
    return array[:, None] if array.ndim == 1 else array


def at_samples(values: ArrayLike, n: int) -> np.ndarray:
    """Values (..., n)."""
    array = finite("values", values)
    if array.ndim == 0 or array.shape[-1] != n:
        raise ValueError(f"values must have shape (..., {n}) like x, got {array.shape}")
    return array
