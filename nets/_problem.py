"""Training as a differential equation: theta' = -grad L, L a function of the outputs."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nets._checkpoint import program
from nets._checks import (
    ArrayLike,
    as_points,
    as_times,
    check_network,
    check_same_dimension,
    require_float64,
)
from nets._frozen import split
from nets._gram import gram
from nets._objectives import Objective


def evaluate(static: Any, parameters: Any, x: Array) -> Array:
    """Outputs of the network put together from its parameters and the rest."""
    return eqx.combine(parameters, static)(x)


class Descent(eqx.Module):
    """Gradient flow of a loss L(h, t) of the outputs h at the samples, a vector field for diffrax.

    The state theta is in float64 whatever the network's dtype: the network is evaluated in its
    own dtype, but the many small changes add up without rounding. What the exponential rule needs
    to know of the network stands here too, for outputs of N = n or n c numbers in one row.
    """

    static: Any
    dtypes: tuple[str, ...] = eqx.field(static=True)
    x: Float[Array, "n d"]
    probe: Float[Array, "m d"] | None
    objective: Objective

    def parameters(self, theta: Any) -> Any:
        """theta rounded to the network's dtype."""
        leaves, structure = jax.tree.flatten(theta)
        cast = [leaf.astype(kind) for leaf, kind in zip(leaves, self.dtypes, strict=True)]
        return jax.tree.unflatten(structure, cast)

    def network(self, theta: Any) -> Any:
        """The network with these parameters."""
        return eqx.combine(self.parameters(theta), self.static)

    def _at(self, theta: Any, x: Array) -> Array:
        return evaluate(self.static, self.parameters(theta), x).astype(jnp.float64)

    def outputs(self, theta: Any) -> Array:
        """Outputs at the samples, (n,) or (n, c), in float64."""
        return self._at(theta, self.x)

    def probed(self, theta: Any) -> Array | None:
        """Outputs at the probe points, (m,) or (m, c), if there are any."""
        return None if self.probe is None else self._at(theta, self.probe)

    def __call__(self, t: Any, theta: Any, args: Any) -> Any:
        """`-grad L(theta)`."""
        outputs, pullback = jax.vjp(self.outputs, theta)
        return pullback(-self.objective.gradient(outputs, t))[0]

    def gram(self, theta: Any) -> Float[Array, "N N"]:
        """Tangent kernel of the samples, summed in float64."""
        parameters = self.parameters(theta)
        return square(gram(self.static, parameters, self.x, None, dtype=jnp.float64))

    def moved(self, theta: Any, at: Any, weights: Float[Array, " N"]) -> Any:
        """`theta - J(at)^T weights`."""
        outputs, pullback = jax.vjp(self.outputs, at)
        return jax.tree.map(jnp.subtract, theta, pullback(weights.reshape(outputs.shape))[0])

    def difference(self, at: Any, theta: Any) -> Float[Array, " N"]:
        """`J(at) (theta - at)`."""
        change = jax.tree.map(jnp.subtract, theta, at)
        return jax.jvp(self.outputs, (at,), (change,))[1].ravel()


def square(kernel: Array) -> Float[Array, "N1 N2"]:
    """A tangent kernel (n1, n2), or (n1, n2, c, c) as the matrix (n1 c, n2 c)."""
    if kernel.ndim == 2:
        return kernel
    n1, n2, c = kernel.shape[:3]
    return kernel.transpose(0, 2, 1, 3).reshape(n1 * c, n2 * c)


def to_float64(parameters: Any) -> Any:
    """Parameters as the state theta of the integration."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), parameters)


def pose(
    net: Any, x: np.ndarray, objective: Objective, probe: np.ndarray | None
) -> tuple[Descent, Any]:
    """The problem of minimising the objective of `net` at x, and its state at t = 0."""
    parameters, static = split(net)
    leaves = jax.tree.leaves(parameters)
    problem = Descent(
        static=static,
        dtypes=tuple(leaf.dtype.name for leaf in leaves),
        x=jnp.asarray(x, leaves[0].dtype),
        probe=None if probe is None else jnp.asarray(probe, leaves[0].dtype),
        objective=objective,
    )
    return problem, to_float64(parameters)


def outputs_at(net: Any, points: np.ndarray) -> Array:
    """Outputs at the samples, (n,) or (n, c); refuses a network that gives anything else."""
    outputs = eqx.filter_jit(net)(points)
    if outputs.shape[:1] != (len(points),) or outputs.ndim > 2:
        raise ValueError(
            f"net must give one or several outputs for each point, shape ({len(points)},) or "
            f"({len(points)}, c), got {outputs.shape}"
        )
    return outputs


def as_problem(
    what: str, net: Any, x: ArrayLike, ts: ArrayLike, probe: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, Array]:
    """Points (n, d), times (T,), probe points (m, d) and initial outputs of a flow of `net`."""
    require_float64(what)
    check_network(net)
    points = as_points("x", x)
    kind = jax.tree.leaves(split(net)[0])[0].dtype
    outputs = outputs_at(net, points.astype(kind)).astype(jnp.float64)
    times = as_times(ts)
    extra = None if probe is None else as_points("probe", probe)
    if extra is not None:
        check_same_dimension("probe", extra, points)
    return points, times, extra, outputs


def functions_of(net: Any, objective: Objective, x: Array, outputs: Array) -> dict[str, Any]:
    """Network and loss for a checkpoint: their arrays, and what they do."""
    arrays, rest = eqx.partition(net, eqx.is_array)
    numbers, words = eqx.partition(objective, eqx.is_array)

    def network(arrays: Any, x: Any) -> Any:
        return eqx.combine(arrays, rest)(x)

    def loss(numbers: Any, outputs: Any, t: Any) -> Any:
        objective = eqx.combine(numbers, words)
        return objective.value(outputs, t), objective.gradient(outputs, t)

    zero = jnp.zeros((), outputs.dtype)
    return {
        "network": (arrays, program(network, arrays, x)),
        "loss": (numbers, program(loss, numbers, outputs, zero)),
    }
