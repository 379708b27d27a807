"""Bad input is refused here, at the door, in words that say what is allowed."""

import math
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import ArrayLike


def as_real(name: str, value: ArrayLike) -> np.ndarray:
    """`value` as a finite, non-empty array of real numbers (float32 is kept, the rest float64)."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array of numbers, got {value!r}") from error
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype} ({value!r:.60})")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(np.atleast_1d(array)))[0]
        raise ValueError(f"{name} must be finite, got {np.atleast_1d(array)[tuple(bad)]} at {bad}")
    return array


def as_points(name: str, value: ArrayLike) -> np.ndarray:
    """`value` as points of shape (n, d); a plain list of numbers is d = 1."""
    array = as_real(name, value)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (n,) or (n, d), got {array.shape}")
    return array[:, None] if array.ndim == 1 else array


def as_values(name: str, value: ArrayLike, points: int) -> np.ndarray:
    """`value` as one number for each of the points."""
    array = as_real(name, value).astype(np.float64)
    if array.shape != (points,):
        raise ValueError(
            f"{name} must have shape ({points},), one value for each row of x, got {array.shape}"
        )
    return array


def check_same_dimension(name: str, others: np.ndarray, points: np.ndarray) -> None:
    """Refuse points whose dimension is not that of the samples."""
    if points.shape[1] != others.shape[1]:
        raise ValueError(
            f"{name} must have points of dimension {points.shape[1]}, got {others.shape}"
        )


def as_times(value: ArrayLike) -> np.ndarray:
    """`value` as an increasing list of times, zero or later."""
    array = as_real("ts", value).astype(np.float64)
    if array.ndim != 1:
        raise ValueError(f"ts must have shape (T,), got {array.shape}")
    if array[0] < 0:
        raise ValueError(f"ts must not be negative, got {array[0]}")
    if (np.diff(array) < 0).any():
        first = int(np.argmax(np.diff(array) < 0))
        raise ValueError(f"ts must be sorted, got {array[first]} before {array[first + 1]}")
    return array


def as_positive(name: str, value: float | int) -> float:
    """`value` as a float above zero."""
    if isinstance(value, bool | np.bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and above 0, got {value}")
    return float(value)


def as_size(name: str, value: int) -> int:
    """`value` as an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """`value` as one of the words allowed."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def check_network(net: Any) -> None:
    """Refuse what cannot be trained: not callable, without parameters, or with broken ones."""
    if not callable(net):
        raise TypeError(f"net must be a network such as nets.two_layer gives, got {net!r:.60}")
    leaves = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))
    if not leaves:
        raise TypeError(f"net must have floating-point parameters, got {net!r:.60}")
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves):
        raise ValueError("net must have finite parameters, got NaN or infinity among them")


def check_outputs(net: Any, points: np.ndarray) -> None:
    """Refuse a network that does not take these points or gives more than one output each."""
    shape = eqx.filter_eval_shape(net, points).shape
    if shape != (len(points),):
        raise ValueError(
            f"net must give one output for each point, shape ({len(points)},), got {shape}"
        )


def require_float64(what: str) -> None:
    """The time integration resolves condition numbers of 1e6 and more: float32 cannot."""
    if not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise RuntimeError(
            f"{what} needs float64 for its n x n part: type "
            'jax.config.update("jax_enable_x64", True) right after importing jax, or set '
            "JAX_ENABLE_X64=1 in the environment (networks may still be float32)"
        )
