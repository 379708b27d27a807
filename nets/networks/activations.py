"""Activations, by name or given as a function."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from nets._checks import one_of

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "erf": jax.scipy.special.erf,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "gaussian": lambda z: jnp.exp(-(z**2) / 2),
    "sin": jnp.sin,
}
"""Activations by name; `gaussian` is exp(-z^2/2), `erf` the plain error function."""

Activation = str | Callable[[Array], Array]


def as_activation(value: Any, dtype: Any) -> Any:
    """`value` if it is a name, or a function that keeps shape and dtype and can be compiled."""
    if isinstance(value, str) or not callable(value):
        return one_of("activation", value, tuple(ACTIVATIONS))
    try:
        hash(value)
    except TypeError as error:
        raise TypeError(f"activation must be hashable, got {value!r:.60}") from error
    given = jax.ShapeDtypeStruct((2, 3), dtype)
    try:
        result = jax.eval_shape(value, given)
    except Exception as error:
        raise TypeError(
            f"activation must be a function of JAX arrays such as jnp.tanh, got {value!r:.60}, "
            f"which raises {type(error).__name__}"
        ) from error
    kind = getattr(result, "shape", None), getattr(result, "dtype", None)
    if kind != (given.shape, given.dtype):
        raise ValueError(
            f"activation must keep shape and dtype, got {kind[0]} and {kind[1]} "
            f"from {given.shape} and {given.dtype}"
        )
    return value


def activate(activation: Activation, z: Array) -> Array:
    """sigma(z)."""
    return (ACTIVATIONS[activation] if isinstance(activation, str) else activation)(z)


@lru_cache
def has_kinks(activation: Activation) -> bool:
    """Whether the derivative jumps somewhere between -4 and 4, as that of ReLU does at 0.

    A jump stays when the grid is refined eightfold; the largest change of a smooth derivative
    falls by eight.
    """
    with jax.ensure_compile_time_eval():
        slope = jax.vmap(jax.grad(lambda z: activate(activation, z[None])[0]))
        coarse, fine = (
            jnp.abs(jnp.diff(slope(jnp.linspace(-4.0, 4.0, 8 * count)))).max()
            for count in (128, 1024)
        )
    return bool(fine > coarse / 2)


def kinked(net: Any) -> bool:
    """Whether a network says that it has kinks; one that does not say so counts as smooth."""
    return getattr(net, "kinked", False) is True
