"""Two-layer ReLU networks whose parameters are the places of the kinks."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets._checks import Integer, Number, as_positive, as_size, one_of
from nets._frozen import Frozen
from nets._keys import check_key
from nets.networks.initial import DISTRIBUTIONS, as_dtype, unit
from nets.networks.layers import as_batch, matmul


class TwoLayerKinks(eqx.Module):
    """`f(x) = m^(-1/2) sum_j w_j ReLU(r_j . (x + l_j r_j/|r_j|))`; w, r and l are trained."""

    w: Float[Array, "*copies width"]
    r: Float[Array, "*copies width dim"] | Float[Array, "*copies width"]
    """Inner weights (m, d); only their lengths (m,) when the directions are frozen."""
    l: Float[Array, "*copies width"]  # noqa: E741  the name it has in the literature
    directions: Frozen | None
    """`r/|r|`, (m, d), where it is not trained."""
    sigmas: tuple[float, float, float] = eqx.field(static=True)
    """Standard deviations that w, the components of r, and l were drawn with."""
    distribution: str = eqx.field(static=True)
    """Initial distribution of l."""

    @property
    def activation(self) -> str:
        """ "relu"."""
        return "relu"

    @property
    def kinked(self) -> bool:
        """True: ReLU has one."""
        return True

    @property
    def density(self) -> float:
        """Initial density of l at 0, kinks per unit of length."""
        spread = self.sigmas[2]
        wide = {"gaussian": math.sqrt(2 * math.pi), "uniform": 2 * math.sqrt(3)}
        return 1 / (wide[self.distribution] * spread)

    def __call__(self, x: Any) -> Float[Array, " n"]:
        """Outputs at the points x, (n, d), or (n,) when d = 1; in the dtype of the parameters.

        Raises:
            ValueError, TypeError: x has another shape, or does not hold real numbers.
        """
        inner = self.r if self.directions is None else self.directions.value
        points = as_batch(x, inner.shape[-1], self.w.dtype)
        if self.directions is None:
            hidden = matmul(points, self.r.T) + self.l * jnp.linalg.norm(self.r, axis=-1)
        else:
            hidden = self.r * (matmul(points, inner.T) + self.l)
        return matmul(jax.nn.relu(hidden), self.w) / math.sqrt(self.w.shape[-1])


def two_layer_kinks(
    key: Any,
    *,
    dim: Integer = 1,
    width: Integer = 4096,
    sigma_w: Number = 1.0,
    sigma_r: Number = 1.0,
    sigma_l: Number = 10.0,
    distribution: str = "gaussian",
    frozen_directions: bool = False,
    dtype: Any = None,
) -> TwoLayerKinks:
    """Draw `f(x) = m^(-1/2) sum_j w_j ReLU(r_j . (x + l_j r_j/|r_j|))`, m = width hidden units.

    The same functions as those of `nets.two_layer` with ReLU (a = w, w = r, b = l `|r|`), in other
    parameters: the gradient is taken in (w, r, l), where l is the distance of the kink from x = 0
    along r, and another gradient is another tangent kernel. When l is spread much further than the
    data, the kernel is, up to affine functions, that of `lfp.Simplified` (Zhang, lecture on the
    frequency principle, FAU 2025), with `<|r|^2> = d sigma_r^2`, `<w^2> = sigma_w^2`,
    `<|r|^2 w^2>` their product, and scale the density of l at 0, `net.density`: in d = 1, and for
    any d with frozen directions. w and r are Gaussian.

    Args:
        key: a JAX random key, old or new style.
        dim: dimension d of the inputs.
        width: number m of hidden units.
        sigma_w: standard deviation of the outer weights w.
        sigma_r: standard deviation of each component of the inner weights r.
        sigma_l: standard deviation of l, in the unit of x.
        distribution: of l: "gaussian", or "uniform" on (-sqrt3 sigma_l, sqrt3 sigma_l).
        frozen_directions: keep `r/|r|` as drawn and train only the length `|r|`, with w and l.
        dtype: floating-point type of the parameters; None is JAX's default.

    Returns:
        A network, an equinox module: `net(x)` takes (n, d), or (n,) when d = 1, and gives (n,).

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.
    """
    check_key("key", key)
    dim, width = as_size("dim", dim), as_size("width", width)
    sigma_w, sigma_r = as_positive("sigma_w", sigma_w), as_positive("sigma_r", sigma_r)
    sigma_l = as_positive("sigma_l", sigma_l)
    one_of("distribution", distribution, DISTRIBUTIONS)
    if not isinstance(frozen_directions, bool):
        raise TypeError(f"frozen_directions must be True or False, got {frozen_directions!r}")
    kind = as_dtype(dtype)
    key_w, key_r, key_l = jax.random.split(key, 3)
    r = sigma_r * jax.random.normal(key_r, (width, dim), kind)
    lengths = jnp.linalg.norm(r, axis=-1)
    return TwoLayerKinks(
        w=sigma_w * jax.random.normal(key_w, (width,), kind),
        r=lengths if frozen_directions else r,
        l=sigma_l * unit(key_l, (width,), distribution, kind),
        directions=Frozen(r / lengths[:, None]) if frozen_directions else None,
        sigmas=(sigma_w, sigma_r, sigma_l),
        distribution=distribution,
    )
