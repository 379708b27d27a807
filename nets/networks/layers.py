"""Layers with trained weights and biases, in the scalings of the literature."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets._checks import as_inputs, one_of
from nets.networks.initial import (
    DISTRIBUTIONS,
    as_bias_std,
    as_dtype,
    as_weight_std,
    per_layer,
    unit_arrays,
    variance,
)

SCALINGS = ("standard", "ntk", "mean-field")

# float32 means float32: left to itself XLA rounds the factors to ten bits on recent GPUs
_PRECISION = jax.lax.Precision.HIGHEST


def matmul(left: Any, right: Any) -> Array:
    """`left @ right` in the precision of their dtype on every device."""
    return jnp.matmul(left, right, precision=_PRECISION)


class Layer(eqx.Module):
    """`weight_factor (weight * x) + bias_factor bias`, both parameters trained.

    `weight_std` and `bias_std` are the initial standard deviations of factor times parameter,
    what the infinite width needs to know; the gradient is taken in the parameters without factor.
    """

    weight: Float[Array, "..."]
    bias: Float[Array, "*copies outputs"]
    weight_factor: float = eqx.field(static=True)
    bias_factor: float = eqx.field(static=True)
    weight_std: float = eqx.field(static=True)
    bias_std: float = eqx.field(static=True)

    def product(self, x: Array) -> Array:
        """The linear part, without its factor."""
        raise NotImplementedError

    def __call__(self, x: Array) -> Array:
        """The layer at the values x of the layer below."""
        # only where there is one: a factor of 1 costs a pass over memory outside of jit
        linear, bias = self.product(x), self.bias
        linear = linear if self.weight_factor == 1 else self.weight_factor * linear
        return linear + (bias if self.bias_factor == 1 else self.bias_factor * bias)


class Dense(Layer):
    """Every output sees every input: weight (inputs, outputs), bias (outputs,)."""

    def product(self, x: Float[Array, "n inputs"]) -> Float[Array, "n outputs"]:
        """`x @ weight`."""
        return matmul(x, self.weight)


class Convolution(Layer):
    """Without padding, stride 1: weight (height, width, channels in, channels out)."""

    def product(self, x: Float[Array, "n h w channels"]) -> Float[Array, "n h2 w2 outputs"]:
        """`sum_ijc x[:, p + i, q + j, c] weight[i, j, c]`."""
        dimensions = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, self.weight, (1, 1), "VALID", dimension_numbers=dimensions, precision=_PRECISION
        )


@dataclass(frozen=True)
class Recipe:
    """How the layers of one network are drawn."""

    scaling: str
    distribution: str
    dtype: Any

    def __post_init__(self) -> None:
        one_of("scaling", self.scaling, SCALINGS)
        one_of("distribution", self.distribution, DISTRIBUTIONS)
        object.__setattr__(self, "dtype", as_dtype(self.dtype))

    def draw(
        self,
        key: Any,
        kinds: Sequence[type[Layer]],
        shapes: Sequence[tuple[int, ...]],
        *,
        weight_std: Any,
        bias_std: Any,
    ) -> tuple[Any, ...]:
        """Layers of these kinds with weights of these shapes, from the first to the output.

        The last axis of a shape are the layer's outputs. All parameters are drawn at once: drawing
        them one by one compiles the generator anew for every shape, most of a second each.
        """
        numbers = [
            self._numbers(shape, as_weight_std(u), as_bias_std(v), last=i == len(shapes) - 1)
            for i, (shape, u, v) in enumerate(
                zip(
                    shapes,
                    per_layer("weight_std", weight_std, len(shapes)),
                    per_layer("bias_std", bias_std, len(shapes)),
                    strict=True,
                )
            )
        ]
        arrays = unit_arrays(
            key,
            tuple(part for shape in shapes for part in (shape, shape[-1:])),
            jnp.asarray([drawn for _, pair in numbers for drawn in pair], self.dtype),
            self.distribution,
        )
        return tuple(
            kind(
                weight=weight,
                bias=bias,
                weight_factor=factors[0],
                bias_factor=factors[1],
                weight_std=factors[0] * drawn[0],
                bias_std=factors[1] * drawn[1],
            )
            for kind, weight, bias, (factors, drawn) in zip(
                kinds, arrays[::2], arrays[1::2], numbers, strict=True
            )
        )

    def _numbers(
        self, shape: tuple[int, ...], weight_std: float | str, bias_std: float, *, last: bool
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Factors of weight and bias, and the standard deviations of the parameters."""
        fan_in, patch = math.prod(shape[:-1]), math.prod(shape[:-2])
        if isinstance(weight_std, str):
            weight_std = math.sqrt(variance(weight_std, fan_in, patch * shape[-1]))
        elif self.scaling == "ntk":
            weight_std /= math.sqrt(fan_in)
        if self.scaling == "ntk":  # the standard deviations move from the draws to the factors
            return (weight_std, bias_std), (1.0, 1.0)
        mean = self.scaling == "mean-field" and last
        return (1 / fan_in if mean else 1.0, 1.0), (weight_std, bias_std)


def as_batch(x: Any, dim: int, dtype: Any) -> Float[Array, "n d"]:
    """x as points (n, d) in the dtype of a network, from (n, d), or from (n,) when d = 1."""
    points = as_inputs("x", x, dtype)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != dim:
        raise ValueError(f"x must have shape (n, {dim}) for this network, got {jnp.shape(x)}")
    return points


def as_outputs(values: Float[Array, "n c"]) -> Float[Array, "n ..."]:
    """(n, c), or (n,) for one output."""
    return values[:, 0] if values.shape[1] == 1 else values
