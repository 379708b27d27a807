"""Two-layer networks in the scaling whose infinite-width limit the theory describes."""

import math
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from nets._checks import Integer, Number, as_positive, as_size, one_of
from nets._keys import check_key
from nets.networks.activations import Activation, activate, as_activation, has_kinks
from nets.networks.initial import as_dtype
from nets.networks.layers import SCALINGS, as_batch, matmul


class TwoLayer(eqx.Module):
    """`f(x) = p sum_j a_j sigma(w_j . x + b_j)`; a, w and b are all trained."""

    a: Float[Array, "*copies width"]
    w: Float[Array, "*copies width dim"]
    b: Float[Array, "*copies width"]
    activation: Activation = eqx.field(static=True)
    scale: str | float = eqx.field(static=True, default="ntk")
    """The prefactor p: "ntk" m^(-1/2), "standard" 1, "mean-field" 1/m, a number alpha 1/alpha."""
    sigmas: tuple[float, float, float] | None = eqx.field(static=True, default=None)
    """Standard deviations that a, w and b were drawn with; None for other parameters."""

    @property
    def prefactor(self) -> float:
        """The number p for this width."""
        if not isinstance(self.scale, str):
            return 1 / self.scale
        width = self.a.shape[-1]
        return {"ntk": 1 / math.sqrt(width), "standard": 1.0, "mean-field": 1 / width}[self.scale]

    @property
    def kinked(self) -> bool:
        """Whether the activation has kinks: they limit the order of an integrator."""
        return has_kinks(self.activation)

    def __call__(self, x: Any) -> Float[Array, " n"]:
        """Outputs at the points x, (n, d), or (n,) when d = 1; in the dtype of the parameters.

        Raises:
            ValueError, TypeError: x has another shape, or does not hold real numbers.
        """
        points = as_batch(x, self.w.shape[-1], self.a.dtype)
        hidden = activate(self.activation, matmul(points, self.w.T) + self.b)
        return self.prefactor * matmul(hidden, self.a)


def two_layer(
    key: Any,
    *,
    dim: Integer = 1,
    width: Integer = 4096,
    activation: Activation = "relu",
    sigma_a: Number = 1.0,
    sigma_w: Number = 1.0,
    sigma_b: Number = 10.0,
    scale: str | Number = "ntk",
    dtype: Any = None,
) -> TwoLayer:
    """Draw `f(x) = p sum_j a_j sigma(w_j . x + b_j)` with m = width hidden units.

    All parameters are independent and Gaussian, `a ~ N(0, sigma_a^2)`, `w ~ N(0, sigma_w^2 I)`,
    `b ~ N(0, sigma_b^2)`, and all are trained, with the gradient taken in (a, w, b) themselves.
    With the prefactor p = m^(-1/2) the tangent kernel has a limit K as the width grows (Jacot,
    Gabriel, Hongler 2018), and t is the time of the theory. With another one the kernel is
    `p^2 m K`, so that `t_here = p^2 m t_there`:

    - "ntk": p = m^(-1/2), the same t;
    - "standard": p = 1, `t_here = m t_there`;
    - "mean-field": p = 1/m, `t_here = t_there/m`; the kernel moves, at any width (Mei, Montanari,
      Nguyen 2018);
    - a number alpha: p = 1/alpha, `t_here = (m/alpha^2) t_there`, as in the phase diagram (Luo,
      Xu, Ma, Zhang 2021).

    The first three are alpha = m^(1/2), 1 and m. This alpha is not the lazy scale of
    `nets.gradient_flow` (Chizat, Oyallon, Bach 2019), which multiplies the outputs and divides the
    loss by its square, on the same t.

    Args:
        key: a JAX random key, old or new style.
        dim: dimension d of the inputs.
        width: number m of hidden units.
        activation: "relu", "tanh", "erf", "sigmoid", "softplus", "gaussian", "sin", or a function
            of JAX arrays, entry by entry; the same function object compiles once.
        sigma_a: standard deviation of the output weights a.
        sigma_w: standard deviation of each component of the input weights w.
        sigma_b: standard deviation of the biases b.
        scale: "ntk", "standard", "mean-field", or a positive number alpha.
        dtype: floating-point type of the parameters; None is JAX's default.

    Returns:
        A network, an equinox module: `net(x)` takes (n, d), or (n,) when d = 1, and gives (n,).

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.
    """
    check_key("key", key)
    dim, width = as_size("dim", dim), as_size("width", width)
    sigma_a, sigma_w = as_positive("sigma_a", sigma_a), as_positive("sigma_w", sigma_w)
    sigma_b = as_positive("sigma_b", sigma_b)
    if isinstance(scale, str):
        one_of("scale", scale, SCALINGS)
    else:
        scale = as_positive("scale", scale)
    kind = as_dtype(dtype)
    chosen = as_activation(activation, kind)
    key_a, key_w, key_b = jax.random.split(key, 3)
    return TwoLayer(
        a=sigma_a * jax.random.normal(key_a, (width,), kind),
        w=sigma_w * jax.random.normal(key_w, (width, dim), kind),
        b=sigma_b * jax.random.normal(key_b, (width,), kind),
        activation=chosen,
        scale=scale,
        sigmas=(sigma_a, sigma_w, sigma_b),
    )
