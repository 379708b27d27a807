"""Two-layer networks in the scaling whose infinite-width limit the theory describes."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets._checks import Integer, Number, as_inputs, as_positive, as_size, one_of
from nets._keys import check_key

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "erf": jax.scipy.special.erf,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "gaussian": lambda z: jnp.exp(-(z**2) / 2),
    "sin": jnp.sin,
}
"""Activations by name; `gaussian` is exp(-z^2/2), `erf` the plain error function."""

KINKED = ("relu",)
"""Activations whose derivative jumps, so that the order of a time integrator is limited."""


class TwoLayer(eqx.Module):
    """`f(x) = m^(-1/2) sum_j a_j sigma(w_j . x + b_j)`; a, w and b are all trained."""

    a: Float[Array, "*copies width"]
    w: Float[Array, "*copies width dim"]
    b: Float[Array, "*copies width"]
    activation: str = eqx.field(static=True)

    def __call__(self, x: Any) -> Float[Array, " n"]:
        """Outputs at the points x, (n, d), or (n,) when d = 1; in the dtype of the parameters.

        Raises:
            ValueError, TypeError: x has another shape, or does not hold real numbers.
        """
        dim = self.w.shape[-1]
        points = as_inputs("x", x, self.a.dtype)
        if points.ndim == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != dim:
            raise ValueError(f"x must have shape (n, {dim}) for this network, got {jnp.shape(x)}")
        hidden = ACTIVATIONS[self.activation](points @ self.w.T + self.b)
        return hidden @ self.a / math.sqrt(self.a.shape[-1])


def two_layer(
    key: Any,
    *,
    dim: Integer = 1,
    width: Integer = 4096,
    activation: str = "relu",
    sigma_a: Number = 1.0,
    sigma_w: Number = 1.0,
    sigma_b: Number = 10.0,
    dtype: Any = None,
) -> TwoLayer:
    """Draw `f(x) = m^(-1/2) sum_j a_j sigma(w_j . x + b_j)` with m = width hidden units.

    All parameters are independent and Gaussian, `a ~ N(0, sigma_a^2)`, `w ~ N(0, sigma_w^2 I)`,
    `b ~ N(0, sigma_b^2)`, and all are trained, with the gradient taken in (a, w, b) themselves.
    With the factor m^(-1/2) the tangent kernel has a limit as the width grows (Jacot, Gabriel,
    Hongler 2018).

    Args:
        key: a JAX random key, old or new style.
        dim: dimension d of the inputs.
        width: number m of hidden units.
        activation: "relu", "tanh", "erf", "sigmoid", "softplus", "gaussian" or "sin".
        sigma_a: standard deviation of the output weights a.
        sigma_w: standard deviation of each component of the input weights w.
        sigma_b: standard deviation of the biases b.
        dtype: floating-point type of the parameters; None is JAX's default.

    Returns:
        A network, an equinox module: `net(x)` takes (n, d), or (n,) when d = 1, and gives (n,).

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.
    """
    check_key("key", key)
    dim, width = as_size("dim", dim), as_size("width", width)
    one_of("activation", activation, tuple(ACTIVATIONS))
    sigma_a, sigma_w = as_positive("sigma_a", sigma_a), as_positive("sigma_w", sigma_w)
    sigma_b = as_positive("sigma_b", sigma_b)
    try:
        kind = jnp.zeros(()).dtype if dtype is None else jnp.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"dtype must be a floating-point type, got {dtype!r}") from error
    if not jnp.issubdtype(kind, jnp.floating):
        raise TypeError(f"dtype must be a floating-point type, got {dtype!r}")
    key_a, key_w, key_b = jax.random.split(key, 3)
    return TwoLayer(
        a=sigma_a * jax.random.normal(key_a, (width,), kind),
        w=sigma_w * jax.random.normal(key_w, (width, dim), kind),
        b=sigma_b * jax.random.normal(key_b, (width,), kind),
        activation=activation,
    )
