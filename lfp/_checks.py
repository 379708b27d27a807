"""Checks of user input, shared by every entry point of lfp.

Each returns its argument as a float64 array or raises an error with the
argument's name, its value and what is allowed. An array that is one already is
not copied, except where it is kept: samples and times.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

# what a run-time type checker should let through to the checks below
Number = float | int | np.floating | np.integer
Integer = int | np.integer
ArrayLike = npt.ArrayLike | Sequence | float | int


def real_array(name: str, value: ArrayLike, *, ndim: tuple[int, ...]) -> np.ndarray:
    """`value` as a finite, non-empty float64 array with an allowed number of axes."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind == "c":
        raise TypeError(f"{name} must be real, got dtype {array.dtype}")
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim not in ndim:
        allowed = " or ".join(str(k) for k in ndim)
        axes = "dimension" if ndim == (1,) else "dimensions"
        raise ValueError(f"{name} must have {allowed} {axes}, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        place = f" at index {where}" if where else ""
        raise ValueError(f"{name} must be finite, got {array[where]}{place}")
    return np.asarray(array, dtype=np.float64)


def points(name: str, value: ArrayLike) -> np.ndarray:
    """Positions `(n, d)` from `(n, d)` or, when d = 1, `(n,)`."""
    array = real_array(name, value, ndim=(1, 2))
    return array[:, None] if array.ndim == 1 else array


def samples(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Positions `(n, d)` and values `(n,)` or, for c outputs, `(n, c)` of one data set."""
    positions = points("x", x)
    values = real_array("y", y, ndim=(1, 2))
    if len(positions) != len(values):
        raise ValueError(
            f"x and y must have the same length, got {len(positions)} positions "
            f"and {len(values)} values"
        )
    return np.array(positions), np.array(values)


def same_dimension(name1: str, x1: np.ndarray, name2: str, x2: np.ndarray) -> None:
    """Raise unless positions `(n1, d)` and `(n2, d)` share their d."""
    if x1.shape[1] != x2.shape[1]:
        raise ValueError(
            f"{name1} and {name2} must have the same dimension, got {x1.shape[1]} and {x2.shape[1]}"
        )


def time_points(name: str, value: ArrayLike) -> np.ndarray:
    """Sorted times `(T,)`, none negative."""
    times = real_array(name, value, ndim=(1,))
    if times.min() < 0:
        raise ValueError(f"{name} must not be negative, got {times.min()}")
    if (np.diff(times) < 0).any():
        i = int(np.argmax(np.diff(times) < 0))
        raise ValueError(
            f"{name} must be sorted, got {times[i]} before {times[i + 1]} at index {i}"
        )
    return np.array(times)


def largest_square(x: np.ndarray) -> float:
    """Largest `|x|^2` of positions `(n, d)`, column by column: rows of one entry are slow."""
    if x.shape[1] == 1:
        return float(max(-x.min(), x.max()) ** 2)
    return float(np.max(sum(column**2 for column in x.T)))


def number(name: str, value: object, *, allowed: str, valid: Callable[[float], bool]) -> float:
    """`value` as a finite float for which `valid` holds; `allowed` says so in words."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        result = float(value)
    except OverflowError:  # an integer beyond the range of floats
        result = np.inf
    if not (np.isfinite(result) and valid(result)):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return result


def positive(name: str, value: object) -> float:
    """`value` as a positive finite float."""
    return number(name, value, allowed="positive and finite", valid=lambda v: v > 0)


def integer(name: str, value: object, *, least: int) -> int:
    """`value` as an int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return int(value)


def choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """`value` as one of the allowed words."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {value!r}")
    if value not in allowed:
        which = "one of " if len(allowed) > 1 else ""
        raise ValueError(f"{name} must be {which}{', '.join(map(repr, allowed))}, got {value!r}")
    return value


def outputs_of(
    name: str, function: object, x: np.ndarray, outputs: tuple[int, ...] = ()
) -> np.ndarray:
    """Values `(n, *outputs)` of a user's function, called with x `(n, d)`, or `(n,)` when d = 1."""
    if not callable(function):
        raise TypeError(f"{name} must be None or a function of x, got {function!r}")
    own = np.array(x)  # the function may write into it
    result: Any = function(own[:, 0] if x.shape[1] == 1 else own)
    values = real_array(f"{name}(x)", result, ndim=(1, 2))
    if values.shape != (len(x), *outputs):
        raise ValueError(f"{name}(x) must have shape {(len(x), *outputs)}, got {values.shape}")
    return values


def fits_in_memory(needed: int, *, what: str, instead: str) -> None:
    """Raise unless `needed` bytes are at most half of this machine's memory."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    if needed > available:
        raise ValueError(
            f"this needs {needed:,} bytes for {what}, more than half of this machine's memory "
            f"({available:,} bytes); {instead}"
        )


def eigendecomposition_bytes(size: int) -> int:
    """The matrix, its eigenvectors and LAPACK's work space."""
    return 4 * 8 * size**2
