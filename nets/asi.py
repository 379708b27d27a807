"""Pairs of equal networks: an output of exactly zero, and the same tangent kernel or twice it."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets._checks import check_network
from nets.networks.activations import kinked


@jax.custom_jvp
def _difference(first: Array, second: Array) -> Array:
    """`first - second`, exactly zero where they are equal.

    A compiler may turn `p q - r q` at the end of two networks into `fma(p, q, -r q)`, which is the
    rounding error of `r q` when p = r: seen, 1e-15 of the outputs of each.
    """
    return jnp.where(first == second, 0.0, first - second)


@_difference.defjvp
def _difference_jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    return _difference(*primals), tangents[0] - tangents[1]


class Pair(eqx.Module):
    """Two networks that start equal and train apart."""

    first: Any
    second: Any

    @property
    def activation(self) -> Any:
        """The activation of both networks, where they name one."""
        return getattr(self.first, "activation", None)

    @property
    def kinked(self) -> bool:
        """Whether one of the networks has kinks, as far as they say."""
        return kinked(self.first) or kinked(self.second)


class Antisymmetric(Pair):
    """`f(x) = (f_1(x) - f_2(x)) / sqrt 2`, two networks that start equal and train apart."""

    def __call__(self, x: Any) -> Float[Array, "n ..."]:
        """Outputs at the points x, as each of the two networks takes them."""
        return math.sqrt(0.5) * _difference(self.first(x), self.second(x))


class Doubled(Pair):
    """`f(x) = f_1(x) - f_2(x)`, two networks that start equal and train apart."""

    def __call__(self, x: Any) -> Float[Array, "n ..."]:
        """Outputs at the points x, as each of the two networks takes them."""
        return _difference(self.first(x), self.second(x))


def antisymmetric(net: Any) -> Antisymmetric:
    """Pair a network with its copy: `h = (sqrt2/2)(h(., theta) - h(., theta'))`, theta' = theta.

    The output starts at exactly zero and the tangent kernel is that of `net` (Zhang, Xu, Luo, Ma
    2020, A type of generalization error induced by initialization in deep neural networks). Two
    networks are kept rather than one of twice the width: the two halves of one matrix product
    cancel only up to rounding. The width of the pair is that of one copy.

    Args:
        net: any network with trained parameters, of one or several outputs, left as it is.

    Returns:
        The pair, called and trained like `net`. Frozen arrays stay frozen in both.

    Raises:
        TypeError, ValueError: net is not a network, or has no trained or no finite parameters.
    """
    check_network(net)
    return Antisymmetric(first=net, second=net)


def doubled(net: Any) -> Doubled:
    """Subtract a network's copy: `h = h(., theta) - h(., theta')`, theta'(0) = theta(0).

    The doubling of the literature (Chizat, Oyallon, Bach 2019), without the sqrt2/2 of
    `nets.antisymmetric`: the output starts at exactly zero and the tangent kernel is **twice** that
    of `net`, so that everything happens twice as fast, `t_here = 2 t_there`.

    Args:
        net: any network with trained parameters, of one or several outputs, left as it is.

    Returns:
        The pair, called and trained like `net`. Frozen arrays stay frozen in both.

    Raises:
        TypeError, ValueError: net is not a network, or has no trained or no finite parameters.
    """
    check_network(net)
    return Doubled(first=net, second=net)
