"""The training problem as a differential equation: theta' = -grad L, seen through its outputs."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nets.networks.frozen import Frozen

_BLOCK_BYTES = 2**27
"""Jacobians are formed for as many samples at a time as fit here."""


def evaluate(static: Any, parameters: Any, x: Array) -> Array:
    """Outputs of the network put together from its parameters and the rest."""
    return eqx.combine(parameters, static)(x)


def _jacobian(static: Any, parameters: Any, x: Array, dtype: Any) -> list[Array]:
    """Rows d f(x_i) / d theta, one array (n, size) for each parameter array."""

    def output(parameters: Any, point: Array) -> Array:
        return evaluate(static, parameters, point[None])[0]

    rows = jax.vmap(jax.grad(output), (None, 0))(parameters, x)
    return [leaf.reshape(len(x), -1).astype(dtype) for leaf in jax.tree.leaves(rows)]


def gram(static: Any, parameters: Any, x1: Array, x2: Array | None, dtype: Any) -> Array:
    """Tangent kernel `K = J(x1) J(x2)^T`, summed in `dtype`; x2=None is x1.

    Per-sample gradients are formed in the dtype of the parameters, for a block of samples at a
    time: the memory does not grow with the number of samples.
    """
    size = sum(leaf.size for leaf in jax.tree.leaves(parameters))
    block = max(1, _BLOCK_BYTES // (size * jnp.dtype(dtype).itemsize))

    def product(rows1: list[Array], rows2: list[Array]) -> Array:
        return sum((a @ b.T for a, b in zip(rows1, rows2, strict=True)), jnp.zeros((), dtype))

    if max(len(x1), 0 if x2 is None else len(x2)) <= block:
        rows = _jacobian(static, parameters, x1, dtype)
        return product(rows, rows if x2 is None else _jacobian(static, parameters, x2, dtype))

    def blocks(x: Array) -> Array:
        count = math.ceil(len(x) / block)
        padded = jnp.pad(x, ((0, count * block - len(x)), (0, 0)), mode="edge")
        return padded.reshape(count, block, x.shape[1])

    other = x1 if x2 is None else x2

    def band(left: Array) -> Array:
        rows = _jacobian(static, parameters, left, dtype)
        tiles = jax.lax.map(
            lambda right: product(rows, _jacobian(static, parameters, right, dtype)), blocks(other)
        )
        return jnp.moveaxis(tiles, 0, 1).reshape(block, -1)

    full = jax.lax.map(band, blocks(x1))
    return full.reshape(-1, full.shape[-1])[: len(x1), : len(other)]


class LeastSquares(eqx.Module):
    """Gradient flow of `L = 1/(2n) sum_i (f(x_i) - target_i)^2`, a vector field for diffrax.

    The state theta is in float64 whatever the network's dtype: the network is evaluated in its
    own dtype, but the many small changes add up without rounding.
    """

    static: Any
    dtypes: tuple[str, ...] = eqx.field(static=True)
    x: Float[Array, "n d"]
    target: Float[Array, " n"]

    def parameters(self, theta: Any) -> Any:
        """theta rounded to the network's dtype."""
        leaves, structure = jax.tree.flatten(theta)
        cast = [leaf.astype(kind) for leaf, kind in zip(leaves, self.dtypes, strict=True)]
        return jax.tree.unflatten(structure, cast)

    def network(self, theta: Any) -> Any:
        """The network with these parameters."""
        return eqx.combine(self.parameters(theta), self.static)

    def outputs_at(self, theta: Any, x: Array) -> Array:
        """Outputs (m,) at any points, in float64."""
        return evaluate(self.static, self.parameters(theta), x).astype(jnp.float64)

    def outputs(self, theta: Any) -> Array:
        """Outputs (n,) at the samples."""
        return self.outputs_at(theta, self.x)

    def __call__(self, t: Any, theta: Any, args: Any) -> Any:
        """`-grad L(theta)`."""
        outputs, pullback = jax.vjp(self.outputs, theta)
        return pullback((self.target - outputs) / len(self.target))[0]

    def gram(self, theta: Any) -> Array:
        """Tangent kernel (n, n) of the samples, summed in float64."""
        return gram(self.static, self.parameters(theta), self.x, None, jnp.float64)


def split(net: Any) -> tuple[Any, Any]:
    """The network as (trained parameters, the rest); what is `Frozen` belongs to the rest."""
    trained = jax.tree.map(eqx.is_inexact_array, net, is_leaf=lambda node: isinstance(node, Frozen))
    return eqx.partition(net, trained)


def to_float64(parameters: Any) -> Any:
    """Parameters as the state theta of the integration."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), parameters)


def pose(net: Any, x: np.ndarray, target: np.ndarray) -> tuple[LeastSquares, Any]:
    """The problem of training `net` on (x, target), and its state at t = 0."""
    parameters, static = split(net)
    leaves = jax.tree.leaves(parameters)
    problem = LeastSquares(
        static=static,
        dtypes=tuple(leaf.dtype.name for leaf in leaves),
        x=jnp.asarray(x, leaves[0].dtype),
        target=jnp.asarray(target, jnp.float64),
    )
    return problem, to_float64(parameters)
