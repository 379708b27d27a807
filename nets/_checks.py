"""Bad input is refused here, at the door, in words that say what is allowed."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy import typing as npt

from nets._frozen import split

# what entry points declare: a run-time type checker takes no int for a float, and no tuple for
# one of NumPy's nested sequences
Number = float | int | np.number
Integer = int | np.integer
ArrayLike = npt.ArrayLike | Sequence[Any] | jax.Array | float | int


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def as_real(name: str, value: ArrayLike) -> np.ndarray:
    """`value` as a finite, non-empty array of real numbers (float32 is kept, the rest float64)."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a rectangular array of numbers, got {_shortened(value)}"
        ) from error
    except TypeError as error:
        raise TypeError(f"{name} must hold real numbers, got {_shortened(value)}") from error
    _check_kind(name, array.dtype, value)
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[bad]} at index {bad}")
    return array


def _check_kind(name: str, dtype: Any, value: object) -> None:
    """Refuse complex numbers, truth values, words and objects."""
    # random keys have a dtype without a kind
    if getattr(dtype, "kind", "O") not in "iuf" and dtype.name != "bfloat16":
        raise TypeError(f"{name} must hold real numbers, got dtype {dtype} in {_shortened(value)}")


def as_inputs(name: str, value: Any, dtype: Any) -> jax.Array:
    """`value` as an array for a network; inside a transformation only its dtype can be checked."""
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must hold real numbers, got {_shortened(value)}") from error
    _check_kind(name, array.dtype, value)
    return array.astype(dtype)


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
    if array.min() < 0:
        raise ValueError(f"ts must not be negative, got {array.min()}")
    if (np.diff(array) < 0).any():
        first = int(np.argmax(np.diff(array) < 0))
        raise ValueError(f"ts must be sorted, got {array[first]} before {array[first + 1]}")
    return array


def as_number(name: str, value: object, *, allowed: str, valid: Callable[[float], bool]) -> float:
    """`value` as a finite float for which `valid` holds; `allowed` says so in words."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        result = float(value)
    except OverflowError:  # an integer beyond all floats
        result = math.inf
    if not (math.isfinite(result) and valid(result)):
        raise ValueError(f"{name} must be {allowed}, got {_shortened(value)}")
    return result


def as_positive(name: str, value: object) -> float:
    """`value` as a float above zero."""
    return as_number(name, value, allowed="positive and finite", valid=lambda v: v > 0)


def as_fraction(name: str, value: object) -> float:
    """`value` as a float between 0 and 1, neither of them included."""
    return as_number(name, value, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)


def as_size(name: str, value: object) -> int:
    """`value` as an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def one_of(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """`value` as one of the words allowed."""
    words = ", ".join(map(repr, allowed))
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {words}, got {_shortened(value)}")
    if value not in allowed:
        raise ValueError(f"{name} must be one of {words}, got {value!r}")
    return value


def check_network(net: Any) -> None:
    """Refuse what cannot be trained: not callable, without trained arrays, or with broken ones."""
    if not callable(net):
        raise TypeError(f"net must be a network such as nets.two_layer gives, got {net!r:.60}")
    leaves = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))
    if not leaves:
        raise TypeError(f"net must have floating-point parameters, got {net!r:.60}")
    trained = jax.tree.leaves(split(net)[0])
    if not trained:
        raise TypeError(f"net must have trained parameters, all are Frozen in {net!r:.60}")
    for leaf in trained:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise TypeError(f"net must have real parameters, got dtype {leaf.dtype}")
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
