"""Expectations over two correlated Gaussians, for activations without a closed form."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from nets.networks.activations import Activation, activate

_REACH = 9.0
"""Standard deviations that are summed over: exp(-9^2/2) is 3e-18."""


def _nodes(count: int) -> tuple[Array, Array]:
    """Nodes and weights of the trapezoidal rule for the standard normal distribution."""
    nodes = np.linspace(-_REACH, _REACH, count)
    weights = np.exp(-(nodes**2) / 2) * (nodes[1] - nodes[0]) / math.sqrt(2 * math.pi)
    return jnp.asarray(nodes), jnp.asarray(weights)


@partial(jax.jit, static_argnames=("activation", "count", "slope"))
def expectation(
    activation: Activation, q1: Array, q12: Array, q2: Array, *, count: int, slope: bool
) -> Array:
    """`E f(u) f(v)` for Gaussians of variances q1 and q2 and covariance q12; f = sigma or sigma'.

    `u = sqrt(q1) s`, `v = (q12/sqrt(q1)) s + sqrt(q2 - q12^2/q1) t` with independent s and t, each
    by the trapezoidal rule with `count` nodes, which converges exponentially where f is analytic
    (Trefethen, Weideman 2014): for tanh as exp(-pi^2/(h sigma)), h the distance of the nodes.
    """

    def function(z: Array) -> Array:
        if not slope:
            return activate(activation, z)
        return jax.jvp(partial(activate, activation), (z,), (jnp.ones_like(z),))[1]

    nodes, weights = _nodes(count)
    spread = jnp.sqrt(q1)
    along = jnp.where(q1 > 0, q12 / jnp.where(q1 > 0, spread, 1.0), 0.0)
    across = jnp.sqrt(jnp.maximum(q2 - along**2, 0.0))

    def add(total: Array, given: tuple[Array, Array]) -> tuple[Array, None]:
        node, weight = given
        centre = along * node

        def inner(total: Array, given: tuple[Array, Array]) -> tuple[Array, None]:
            other, weight = given
            return total + weight * function(centre + across * other), None

        mean = jax.lax.scan(inner, jnp.zeros_like(total), (nodes, weights))[0]
        return total + weight * function(spread * node) * mean, None

    start = jnp.zeros(jnp.broadcast_shapes(q1.shape, q12.shape, q2.shape))
    return jax.lax.scan(add, start, (nodes, weights))[0]


@partial(jax.jit, static_argnames=("activation", "count"))
def second_moment(activation: Activation, q: Array, *, count: int) -> Array:
    """`E sigma(u)^2` for a Gaussian u of variance q."""
    nodes, weights = _nodes(count)
    values = activate(activation, jnp.sqrt(q)[..., None] * nodes) ** 2
    return jnp.sum(weights * values, axis=-1)


def by_quadrature(activation: Activation, count: int) -> Callable[[Any], Any]:
    """The activation as a step from one `neural_tangents.stax.Kernel` to the next."""

    def own(covariance: Any) -> Any:
        """E sigma(z)^2, or E sigma(z_p) sigma(z_q) of all pairs of pixels of one image."""
        if covariance.ndim < 5:
            return second_moment(activation, covariance, count=count)
        left, right = _variances(covariance)
        return expectation(activation, left, covariance, right, count=count, slope=False)

    def between(state: Any) -> Any:
        if state.nngp.ndim < 6:
            left, right = state.cov1, state.cov2
        else:
            left, right = _variances(state.cov1)[0], _variances(state.cov2)[1]
        variances = left[:, None], state.nngp, right[None]
        return state.replace(
            nngp=expectation(activation, *variances, count=count, slope=False),
            cov1=own(state.cov1),
            cov2=own(state.cov2),
            ntk=state.ntk * expectation(activation, *variances, count=count, slope=True),
            is_gaussian=False,
        )

    return between


def _variances(covariance: Any) -> tuple[Any, Any]:
    """From (n, h, h, w, w): of the left pixel, (n, h, 1, w, 1), and the right, (n, 1, h, 1, w)."""
    of_pixels = jnp.einsum("nhhww->nhw", covariance)
    return of_pixels[:, :, None, :, None], of_pixels[:, None, :, None, :]
