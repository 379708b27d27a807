"""The tangent kernel of a finite network."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nets._checks import ArrayLike, as_points, check_network, check_outputs, check_same_dimension
from nets._problem import gram, split


@eqx.filter_jit
def _kernel(static: Any, parameters: Any, x1: Array, x2: Array | None) -> Array:
    return gram(static, parameters, x1, x2, x1.dtype)


def tangent_kernel(net: Any, x1: ArrayLike, x2: ArrayLike) -> Float[Array, "n1 n2"]:
    """Empirical tangent kernel `K(x, x') = grad f(x) . grad f(x')` over every trained parameter.

    Jacot, Gabriel, Hongler 2018, eq. for the neural tangent kernel at finite width. Per-sample
    gradients are held for a block of points at a time, so that memory stays bounded.

    Args:
        net: a network with one output.
        x1, x2: points (n1, d) and (n2, d), or (n1,) and (n2,) when d = 1.

    Returns:
        K, (n1, n2), in the dtype of the network.

    Raises:
        ValueError, TypeError: points are not finite real numbers of the network's dimension, or
            net is not a network.
    """
    check_network(net)
    points1, points2 = as_points("x1", x1), as_points("x2", x2)
    check_same_dimension("x2", points2, points1)
    check_outputs(net, points1)
    parameters, static = split(net)
    dtype = jax.tree.leaves(parameters)[0].dtype
    same = points1.shape == points2.shape and np.array_equal(points1, points2)
    return _kernel(
        static,
        parameters,
        jnp.asarray(points1, dtype),
        None if same else jnp.asarray(points2, dtype),
    )
