"""What a loss is checked for: its functions, the values it compares with, its weights."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nets._checks import ArrayLike, as_real
from nets._objectives import Elementwise


@lru_cache
def derivative(function: Callable[[Any], Any]) -> Elementwise:
    """The derivative of an elementwise function; the same one for the same function."""
    return lambda r: jax.jvp(function, (r,), (jnp.ones_like(r),))[1]


def check_record(loss: Any, curvature: Elementwise, residual: np.ndarray) -> None:
    """Raise unless the functions are finite and consistent up to twice the largest residual."""
    largest = 2 * (float(np.abs(residual).max()) or 1.0)
    sizes = np.geomspace(1e-3, 1.0, 40) * largest
    grid = jnp.asarray(np.concatenate([-sizes[::-1], sizes]), residual.dtype)
    found = {}
    for name, function in (
        ("value", loss.value),
        ("slope", loss.slope),
        ("curvature", curvature),
    ):
        shape = traced_shape(f"loss.{name}", function, grid)
        if shape != grid.shape:
            raise ValueError(
                f"loss.{name} must return the shape of its argument, {grid.shape}, got {shape}"
            )
        found[name] = np.asarray(function(grid))
        if not np.isfinite(found[name]).all():
            i = int(np.argmax(~np.isfinite(found[name])))
            raise ValueError(
                f"loss.{name} must be finite, got {found[name][i]} at the residual {grid[i]:.6g}"
            )
    wrong = np.sign(found["slope"]) != np.sign(grid)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(
            "loss.slope must have the sign of the residual (one minimum, at 0), got "
            f"{found['slope'][i]:.6g} at the residual {grid[i]:.6g}"
        )
    for name, function, slope in (
        ("slope", loss.value, found["slope"]),
        ("curvature", loss.slope, found["curvature"]),
    ):
        exact = np.asarray(derivative(function)(grid))
        bad = np.abs(exact - slope) > 1e-3 * np.abs(exact).max()
        if np.sum(bad) > 2:  # a kink may fall on points of the grid
            i = int(np.argmax(bad))
            of = "value" if name == "slope" else "slope"
            raise ValueError(
                f"loss.{name} must be the derivative of loss.{of}, {exact[i]:.6g} at the residual "
                f"{grid[i]:.6g}, got {slope[i]:.6g}"
            )


def traced_shape(name: str, function: Callable[[Any], Any], argument: Any) -> tuple[int, ...]:
    """Shape of what a function gives in a compiled program, which NumPy cannot be part of."""
    try:
        return jax.eval_shape(lambda given: function(given), argument).shape
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise TypeError(
            f"{name} must be a function of JAX arrays (jax.numpy, not numpy)"
        ) from error


def as_targets(y: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Values in the shape of the outputs."""
    values = as_real("y", y)
    if values.shape != shape:
        raise ValueError(
            f"y must have shape {shape}, one value for each row of x and each output of net, "
            f"got {values.shape}"
        )
    return values


def as_probabilities(y: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Classes or probabilities as probabilities in the shape of the outputs."""
    values = as_real("y", y)
    if len(shape) == 1:
        if values.shape != shape:
            raise ValueError(
                f'y must have shape {shape} for the loss "cross-entropy" of a network with one '
                f"output, got {values.shape}"
            )
        _between("y", values, 0, 1, "from 0 to 1 for a network with one output")
        return values
    classes = shape[1]
    if classes == 1:
        raise ValueError(
            f'net must have outputs of shape ({shape[0]},) for the loss "cross-entropy" of one '
            f"output, got {shape}: the softmax of one class is always 1"
        )
    if values.shape == shape[:1]:
        whole = f'whole numbers from 0 to {classes - 1} for the loss "cross-entropy"'
        _between("y", values, 0, classes - 1, whole)
        if (values != np.round(values)).any():
            raise ValueError(f"y must be {whole}, got {values[values != np.round(values)][0]}")
        return np.eye(classes)[values.astype(int)]
    if values.shape != shape:
        raise ValueError(
            f"y must have shape {shape[:1]} (classes) or {shape} (probabilities) for the loss "
            f'"cross-entropy", got {values.shape}'
        )
    _between("y", values, 0, 1, "probabilities from 0 to 1")
    sums = values.sum(axis=1)
    if (np.abs(sums - 1) > 1e-5).any():
        i = int(np.argmax(np.abs(sums - 1)))
        raise ValueError(f"y must have rows that add up to 1, got {sums[i]:.6g} in row {i}")
    return values


def _between(name: str, values: np.ndarray, low: int, high: int, allowed: str) -> None:
    outside = values[(values < low) | (values > high)]
    if outside.size:
        raise ValueError(f"{name} must be {allowed}, got {outside[0]}")


def _per_sample(name: str, value: ArrayLike | None, count: int) -> np.ndarray | None:
    if value is None:
        return None
    values = as_real(name, value)
    if values.shape != (count,):
        raise ValueError(
            f"{name} must have shape ({count},), one number for each row of x, got {values.shape}"
        )
    return values


def as_bump(value: ArrayLike | None, count: int) -> np.ndarray | None:
    """chi at the samples."""
    return _per_sample("chi", value, count)


def as_density(value: ArrayLike | None, count: int) -> np.ndarray | None:
    """rho at the samples, zero or more with mean 1."""
    values = _per_sample("rho", value, count)
    if values is None:
        return None
    if values.min() < 0:
        raise ValueError(f"rho must not be negative, got {values.min()}")
    if abs(values.mean() - 1) > 1e-5:
        raise ValueError(f"rho must have mean 1 (divide it by its mean), got {values.mean():.6g}")
    return values
