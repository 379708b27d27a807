"""Fully connected networks of any depth."""

import itertools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from nets._checks import Integer, as_size
from nets._keys import check_key
from nets.networks.activations import Activation, activate, as_activation, has_kinks
from nets.networks.initial import Deviations
from nets.networks.layers import Dense, Recipe, as_batch, as_outputs


class MLP(eqx.Module):
    """Dense layers with the activation between them; every weight and bias is trained."""

    layers: tuple[Dense, ...]
    activation: Activation = eqx.field(static=True)
    scaling: str = eqx.field(static=True)
    distribution: str = eqx.field(static=True)

    @property
    def kinked(self) -> bool:
        """Whether the activation has kinks: they limit the order of an integrator."""
        return has_kinks(self.activation)

    def __call__(self, x: Any) -> Float[Array, "n ..."]:
        """Outputs (n,), or (n, c) for c of them, at the points x, (n, d), or (n,) when d = 1.

        Raises:
            ValueError, TypeError: x has another shape, or does not hold real numbers.
        """
        first = self.layers[0].weight
        values = as_batch(x, first.shape[-2], first.dtype)
        for layer in self.layers[:-1]:
            values = activate(self.activation, layer(values))
        return as_outputs(self.layers[-1](values))


def as_sizes(name: str, value: Any, *, least: int) -> tuple[int, ...]:
    """`value` as a tuple of at least `least` positive integers."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a sequence of integers, got {value!r}")
    if len(value) < least:
        raise ValueError(f"{name} must have at least {least} entries, got {value!r}")
    return tuple(as_size(f"{name}[{i}]", size) for i, size in enumerate(value))


def mlp(
    key: Any,
    *,
    widths: Sequence[Integer] = (1, 200, 50, 1),
    activation: Activation = "tanh",
    scaling: str = "standard",
    weight_std: Deviations = 0.1,
    bias_std: Deviations = 0.1,
    distribution: str = "gaussian",
    dtype: Any = None,
) -> MLP:
    """Draw `x_l = sigma(W_l x_(l-1) + b_l)`, with an affine last layer; W and b are trained.

    With u = weight_std and v = bias_std of a layer, W and b independent:

    - "standard": W has the standard deviation u, b has v;
    - "ntk": `W x` is multiplied by u/sqrt(fan_in) and b by v, and the parameters themselves, in
      which the gradient is taken, have the standard deviation 1 (Jacot, Gabriel, Hongler 2018).
      The functions are those of "standard" with u/sqrt(fan_in); the tangent kernel is the sum
      over the layers of u^2/fan_in times the part of W_l there and v^2 times that of b_l, so that
      no rescaling of time turns one into the other;
    - "mean-field": like "standard", with `W x` of the last layer, not its bias, divided by its
      fan_in (Mei, Montanari, Nguyen 2018).

    A word for weight_std gives the variance of factor times parameter, or of W itself for
    "mean-field": "he" 2/fan_in (He, Zhang, Ren, Sun 2015), "glorot" 2/(fan_in + fan_out) (Glorot,
    Bengio 2010), "lecun" 1/fan_in (LeCun, Bottou, Orr, Müller 1998).

    Args:
        key: a JAX random key, old or new style.
        widths: d, the widths of the hidden layers, and the number of outputs.
        activation: "relu", "tanh", "erf", "sigmoid", "softplus", "gaussian", "sin", or a function
            of JAX arrays, entry by entry; the same function object compiles once.
        scaling: "standard", "ntk" or "mean-field".
        weight_std: a positive number, "he", "glorot" or "lecun"; or one of these for each layer.
        bias_std: a number, zero or more, or one for each layer. Biases that start at 0 are
            trained, except with "ntk", where the factor 0 keeps them there.
        distribution: "gaussian" or "uniform", on an interval of the same standard deviation.
        dtype: floating-point type of the parameters; None is JAX's default.

    Returns:
        A network, an equinox module: `net(x)` takes (n, d), or (n,) when d = 1, and gives (n,)
        for one output and (n, c) for c.

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.
    """
    check_key("key", key)
    sizes = as_sizes("widths", widths, least=2)
    recipe = Recipe(scaling, distribution, dtype)
    chosen = as_activation(activation, recipe.dtype)
    shapes = list(itertools.pairwise(sizes))
    layers = recipe.draw(
        key, [Dense] * len(shapes), shapes, weight_std=weight_std, bias_std=bias_std
    )
    return MLP(layers=layers, activation=chosen, scaling=recipe.scaling, distribution=distribution)
