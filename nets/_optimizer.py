"""One step of an optimiser of optax, whatever it asks for."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array

from nets._checkpoint import program


def update(
    optimizer: optax.GradientTransformation,
    slope: Any,
    memory: Any,
    parameters: Any,
    value: Array,
    value_fn: Callable[[Any], Array],
) -> tuple[Any, Any]:
    """What the optimiser adds to the parameters, and its next state.

    It is given the loss and the loss as a function of the parameters only if it asks for them, as
    one with a line search does: not every one takes what it does not ask for.
    """
    try:
        return optimizer.update(slope, memory, parameters)
    except TypeError as error:
        extra: Any = {"value": value, "grad": slope, "value_fn": value_fn}
        try:
            return optimizer.update(slope, memory, parameters, **extra)
        except TypeError:
            raise TypeError(
                "optimizer must take a step from gradients, state and parameters, or from these "
                f"with value, grad and value_fn; without them it raises: {error}"
            ) from error


def described(
    optimizer: optax.GradientTransformation, memory: Any, parameters: Any, dtype: Any
) -> tuple[Any, str]:
    """The optimiser for a checkpoint: its numbers, and what it does, whatever the loss is."""
    zero = jnp.zeros((), dtype)

    def step(slope: Any, memory: Any, parameters: Any) -> tuple[Any, Any]:
        return update(optimizer, slope, memory, parameters, zero, lambda _: zero)

    return memory, program(step, parameters, memory, parameters)
