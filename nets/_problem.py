"""The training problem as a differential equation: theta' = -grad L, seen through its outputs."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nets._gram import gram as in_blocks
from nets.networks.frozen import Frozen


def evaluate(static: Any, parameters: Any, x: Array) -> Array:
    """Outputs of the network put together from its parameters and the rest."""
    return eqx.combine(parameters, static)(x)


def gram(static: Any, parameters: Any, x1: Array, x2: Array | None, dtype: Any) -> Array:
    """Tangent kernel `K = J(x1) J(x2)^T`, summed in `dtype`, in blocks; x2=None is x1."""
    return in_blocks(partial(evaluate, static), parameters, x1, x2, dtype=dtype)


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
