"""The tangent kernel of a finite network, and products with it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nets._checks import (
    ArrayLike,
    Integer,
    as_points,
    as_real,
    as_size,
    check_network,
    check_same_dimension,
)
from nets._frozen import split
from nets._gram import MEMORY, block_of_points, gram, pull, push, sizes
from nets._problem import evaluate
from nets.kernels.condition import warn_if_beyond


@eqx.filter_jit
def kernel_of(
    static: Any, parameters: Any, x1: Array, x2: Array | None, dtype: Any, memory: int
) -> Array:
    """The kernel without checks, summed in `dtype`; x2=None is x1."""
    return gram(static, parameters, x1, x2, dtype=dtype, memory=memory)


@eqx.filter_jit
def _product(static: Any, parameters: Any, x1: Array, x2: Array, v: Array, memory: int) -> Array:
    def outputs(parameters: Any, x: Array) -> Array:
        return evaluate(static, parameters, x)

    formed = sizes(outputs, parameters, x1)[2]
    direction = pull(outputs, parameters, x2, v, block_of_points(x2, formed, memory))
    return push(outputs, parameters, x1, direction, block_of_points(x1, formed, memory))


def _checked(
    net: Any, x1: ArrayLike, x2: ArrayLike
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Points (n1, d) and (n2, d), and the shape of the outputs at x2."""
    check_network(net)
    points1, points2 = as_points("x1", x1), as_points("x2", x2)
    check_same_dimension("x2", points2, points1)
    shape = eqx.filter_eval_shape(net, points2).shape
    if shape[:1] != (len(points2),) or len(shape) > 2:
        n = len(points2)
        raise ValueError(f"net must give outputs of shape ({n},) or ({n}, c), got {shape}")
    return points1, points2, shape


def tangent_kernel(
    net: Any, x1: ArrayLike, x2: ArrayLike, *, memory: Integer = MEMORY
) -> Float[Array, "n1 n2 *outputs"]:
    """Empirical tangent kernel `K(x, x') = grad f(x) . grad f(x')` over every trained parameter.

    Jacot, Gabriel, Hongler 2018, eq. for the neural tangent kernel at finite width. The gradient
    by the parameters of a dense layer, `z = u W^T A + v b`, is the outer product of (u A, v) and
    `D = df/dz`, so that the layer's part of the kernel is

        (u^2 A(x) . A(x') + v^2) (D(x) . D(x'))

    at the cost of two products of (n, width) matrices. In the networks of `nets` no gradient by
    these parameters is formed, only A and D; all gradients are by convolutions, in a network of
    your own, and in `two_layer_kinks`.

    What is formed of all points is never held together where it does not fit into `memory`: it is
    formed for a block of points on each side, or, where that of four points does not fit,
    gradients are formed one point at a time and multiplied with the Jacobian without forming it.
    The numbers are the same, to rounding.

    A kernel K(x, x) in a dtype below float64 whose condition number exceeds what the dtype holds
    (8e6 for float32) is given with a warning that names the number, measured on up to 400 of its
    rows, which bounds that of the whole from below.

    Args:
        net: any network, of one or several outputs.
        x1, x2: points (n1, d) and (n2, d), or (n1,) and (n2,) when d = 1; images lie flat.
        memory: bytes for what is formed of the gradients. What the result, as many numbers for
            each layer, and a few copies of the parameters take comes on top of them.

    Returns:
        K, (n1, n2), in the dtype of the network. For c outputs `K[i, j, a, b] = grad f_a(x1_i) .
        grad f_b(x2_j)`, (n1, n2, c, c).

    Raises:
        ValueError, TypeError: points are not finite real numbers of the network's dimension, net
            is not a network, or memory is no positive integer.
    """
    points1, points2, shape = _checked(net, x1, x2)
    budget = as_size("memory", memory)
    parameters, static = split(net)
    dtype = jax.tree.leaves(parameters)[0].dtype
    left, right = jnp.asarray(points1, dtype), jnp.asarray(points2, dtype)
    if np.array_equal(points1, points2):
        warn_if_beyond(
            dtype,
            shape,
            lambda chosen, kind: kernel_of(static, parameters, left[chosen], None, kind, budget),
        )
        return kernel_of(static, parameters, left, None, dtype, budget)
    return kernel_of(static, parameters, left, right, dtype, budget)


def kernel_product(
    net: Any, x1: ArrayLike, x2: ArrayLike, v: ArrayLike, *, memory: Integer = MEMORY
) -> Float[Array, "n1 ..."]:
    """`K(x1, x2) v` with the tangent kernel of `net`, which is never formed.

    `J(x1) (J(x2)^T v)`: one gradient and one directional derivative, at the cost of a few
    evaluations of the network at x1 and x2, for blocks of points.

    Args:
        net: any network, of one or several outputs.
        x1, x2: points (n1, d) and (n2, d), or (n1,) and (n2,) when d = 1; images lie flat.
        v: one number for each output at x2, (n2,) or (n2, c).
        memory: bytes for what the network forms on the way to its outputs at a block of points.
            A few copies of the parameters come on top of them.

    Returns:
        `sum_j K(x1_i, x2_j) v_j`, (n1,); `sum_jb K[i, j, a, b] v[j, b]`, (n1, c), for c outputs.
        In the dtype of the network.

    Raises:
        ValueError, TypeError: points or v are not finite real numbers of the right shape, net is
            not a network, or memory is no positive integer.
    """
    points1, points2, shape = _checked(net, x1, x2)
    vector, budget = as_real("v", v), as_size("memory", memory)
    if vector.shape != shape:
        raise ValueError(f"v must have the shape of the outputs at x2, {shape}, got {vector.shape}")
    parameters, static = split(net)
    dtype = jax.tree.leaves(parameters)[0].dtype
    left, right = jnp.asarray(points1, dtype), jnp.asarray(points2, dtype)
    return _product(static, parameters, left, right, jnp.asarray(vector, dtype), budget)
