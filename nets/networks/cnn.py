"""Convolutional networks."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets._checks import Integer, as_inputs, as_size, one_of
from nets._keys import check_key
from nets.networks.activations import Activation, activate, as_activation, has_kinks
from nets.networks.initial import Deviations
from nets.networks.layers import Convolution, Dense, Recipe, as_outputs
from nets.networks.mlp import as_sizes

POOLINGS = ("max", "average")


class CNN(eqx.Module):
    """Convolution, activation, pooling, repeated; then dense layers. All of it is trained."""

    convolutions: tuple[Convolution, ...]
    layers: tuple[Dense, ...]
    image: tuple[int, int, int] = eqx.field(static=True)
    pool: int = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)
    scaling: str = eqx.field(static=True)
    distribution: str = eqx.field(static=True)
    pooling: str = eqx.field(static=True, default="max")

    @property
    def kinked(self) -> bool:
        """Whether activation or max-pooling has kinks: they limit the order of an integrator."""
        maxima = self.pooling == "max" and self.pool > 1
        return maxima or has_kinks(self.activation)

    def __call__(self, x: Any) -> Float[Array, "n ..."]:
        """Outputs (n,), or (n, c) for c of them, at images (n, h, w, channels), flat or not.

        Raises:
            ValueError, TypeError: x has another shape, or does not hold real numbers.
        """
        values = as_inputs("x", x, self.convolutions[0].weight.dtype)
        flat = (math.prod(self.image),)
        if values.ndim == 0 or values.shape[1:] not in (flat, self.image):
            shape = ", ".join(map(str, self.image))
            raise ValueError(
                f"x must have shape (n, {shape}) or (n, {flat[0]}) for this network, "
                f"got {jnp.shape(x)}"
            )
        values = values.reshape(-1, *self.image)
        for convolution in self.convolutions:
            values = pooled(activate(self.activation, convolution(values)), self.pool, self.pooling)
        values = values.reshape(len(values), math.prod(values.shape[1:]))
        for layer in self.layers[:-1]:
            values = activate(self.activation, layer(values))
        return as_outputs(self.layers[-1](values))


def pooled(x: Float[Array, "n h w c"], size: int, pooling: str) -> Float[Array, "n h2 w2 c"]:
    """Largest value or mean of each square of `size`; what fills no square is left out."""
    count, height, width, channels = x.shape
    rows, columns = height // size, width // size
    squares = x[:, : rows * size, : columns * size].reshape(
        count, rows, size, columns, size, channels
    )
    return squares.max(axis=(2, 4)) if pooling == "max" else squares.mean(axis=(2, 4))


def _chain(
    image: tuple[int, ...], channels: tuple[int, ...], kernel_size: int, pool: int
) -> tuple[list[tuple[int, ...]], int]:
    """Shapes of the weights of the convolutions, and the number of values they leave."""
    height, width, depth = image
    shapes = []
    for i, count in enumerate(channels):
        if kernel_size > min(height, width):
            raise ValueError(
                f"kernel_size must fit into the images that reach convolution {i}, "
                f"{height} x {width}, got {kernel_size}"
            )
        shapes.append((kernel_size, kernel_size, depth, count))
        height, width, depth = height - kernel_size + 1, width - kernel_size + 1, count
        if pool > min(height, width):
            raise ValueError(
                f"pool must leave something of the images behind convolution {i}, "
                f"{height} x {width}, got {pool}"
            )
        height, width = height // pool, width // pool
    return shapes, height * width * depth


def cnn(
    key: Any,
    *,
    image: Sequence[Integer],
    channels: Sequence[Integer] = (32, 64),
    kernel_size: Integer = 3,
    pool: Integer = 2,
    pooling: str = "max",
    dense: Sequence[Integer] = (128,),
    outputs: Integer = 1,
    activation: Activation = "relu",
    scaling: str = "standard",
    weight_std: Deviations = "he",
    bias_std: Deviations = 0.1,
    distribution: str = "gaussian",
    dtype: Any = None,
) -> CNN:
    """Draw a convolutional network: for each entry of channels a convolution, the activation and
    pooling, then dense layers with the activation between them.

    Convolutions have stride 1 and no padding (they take away kernel_size - 1 rows and columns);
    pooling is over squares that do not overlap, and leaves out what fills no square. Scalings and
    words are those of `nets.mlp`, with fan_in = kernel_size^2 channels_in and
    fan_out = kernel_size^2 channels_out for a convolution.

    Args:
        key: a JAX random key, old or new style.
        image: (h, w, channels) of the inputs.
        channels: channels behind each convolution.
        kernel_size: side of the convolutions' square kernels.
        pool: side of the squares that are pooled; 1 for no pooling.
        pooling: "max" or "average"; `nets.infinite_kernel` knows the limit of "average" alone.
        dense: widths of the hidden dense layers; may be empty.
        outputs: number of outputs.
        activation, scaling, distribution, dtype: as for `nets.mlp`.
        weight_std, bias_std: as for `nets.mlp`, for the convolutions first, then the dense layers
            with that of the output.

    Returns:
        A network, an equinox module: `net(x)` takes (n, h, w, channels) or (n, h w channels), and
        gives (n,) for one output and (n, c) for c.

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind, a kernel is larger
            than its image, or pooling leaves nothing of it.
    """
    check_key("key", key)
    sizes = as_sizes("image", image, least=3)
    if len(sizes) != 3:
        raise ValueError(f"image must be (h, w, channels), got {image!r}")
    hidden = as_sizes("channels", channels, least=1)
    kernel_size, pool = as_size("kernel_size", kernel_size), as_size("pool", pool)
    one_of("pooling", pooling, POOLINGS)
    shapes, left = _chain(sizes, hidden, kernel_size, pool)
    widths = (left, *as_sizes("dense", dense, least=0), as_size("outputs", outputs))
    recipe = Recipe(scaling, distribution, dtype)
    chosen = as_activation(activation, recipe.dtype)
    first, dense_shapes = len(shapes), list(itertools.pairwise(widths))
    layers = recipe.draw(
        key,
        [Convolution] * first + [Dense] * len(dense_shapes),
        [*shapes, *dense_shapes],
        weight_std=weight_std,
        bias_std=bias_std,
    )
    return CNN(
        convolutions=layers[:first],
        layers=layers[first:],
        image=sizes,
        pool=pool,
        activation=chosen,
        scaling=recipe.scaling,
        distribution=distribution,
        pooling=pooling,
    )
