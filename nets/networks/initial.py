"""Initial parameters: distributions, standard deviations and dtype."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nets._checks import Number, as_number, as_positive, one_of

DISTRIBUTIONS = ("gaussian", "uniform")
VARIANCES = ("he", "glorot", "lecun")

Deviations = Number | str | Sequence[Number | str]


def as_dtype(value: Any) -> Any:
    """`value` as a floating-point type; None is JAX's default."""
    try:
        kind = jnp.zeros(()).dtype if value is None else jnp.dtype(value)
    except TypeError as error:
        raise TypeError(f"dtype must be a floating-point type, got {value!r}") from error
    if not jnp.issubdtype(kind, jnp.floating):
        raise TypeError(f"dtype must be a floating-point type, got {value!r}")
    return kind


def unit(key: Any, shape: tuple[int, ...], distribution: str, dtype: Any) -> Float[Array, "..."]:
    """Independent numbers of mean 0 and variance 1, Gaussian or uniform."""
    if distribution == "gaussian":
        return jax.random.normal(key, shape, dtype)
    return jax.random.uniform(key, shape, dtype, -math.sqrt(3), math.sqrt(3))


@functools.partial(jax.jit, static_argnums=(1, 3))
def unit_arrays(
    key: Any, shapes: tuple[tuple[int, ...], ...], scales: Array, distribution: str
) -> list[Array]:
    """Independent arrays of these shapes, with these standard deviations and their dtype."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = jnp.split(unit(key, (int(ends[-1]),), distribution, scales.dtype), ends[:-1])
    return [
        scales[i] * part.reshape(shape)
        for i, (part, shape) in enumerate(zip(parts, shapes, strict=True))
    ]


def variance(name: str, fan_in: int, fan_out: int) -> float:
    """Variance of the weights of a layer, by the name of the rule, one of VARIANCES."""
    return {"he": 2 / fan_in, "glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in}[name]


def per_layer(name: str, value: Any, layers: int) -> list[Any]:
    """One entry for each layer; a single number or word is that of every layer."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * layers
    if len(value) != layers:
        raise ValueError(
            f"{name} must be one entry or one for each of the {layers} layers, got {len(value)}"
        )
    return list(value)


def as_weight_std(value: Any) -> float | str:
    """`value` as a positive number, or one of the words of VARIANCES."""
    if isinstance(value, str):
        return one_of("weight_std", value, VARIANCES)
    return as_positive("weight_std", value)


def as_bias_std(value: Any) -> float:
    """`value` as a number, zero or more."""
    return as_number("bias_std", value, allowed="at least 0 and finite", valid=lambda v: v >= 0)
