"""The law of a two-layer network: its Fourier rates, its LFP kernel and its exact NTK."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.laws.base import Law, nonzero_frequency, pair

ACTIVATIONS = ("relu",)


@dataclass(frozen=True)
class TwoLayer(Law):
    """Two-layer network `f(x) = m^(-1/2) sum_j a_j sigma(w_j.x + b_j)` of infinite width m.

    All of a, w and b are trained by gradient flow. Initially they are independent,
    `a ~ N(0, sigma_a^2)`, `w ~ N(0, sigma_w^2 I_d)`, `b ~ N(0, sigma_b^2)`.

    The linear frequency principle (LFP) is the limit of large sigma_b. With
    `u = h - f*` sampled as `u_rho = (1/n) sum_i u(x_i) delta(x - x_i)`::

        d/dt h^ = -(A + B) u_rho^ + div( (B / 4 pi^2) grad u_rho^ )

    where A and B are the `rates`; in real space it is the flow of `kernel`.

    Args:
        activation: sigma, "relu".
        sigma_a: standard deviation of the output weights a.
        sigma_w: standard deviation of each entry of the input weights w.
        sigma_b: standard deviation of the biases b, in the unit of `sigma_w * x`.

    Raises:
        ValueError: unknown activation, or a standard deviation that is not positive.

    Sources: Zhang, Luo, Ma, Xu 2021 (linear frequency principle); Luo, Ma, Xu, Zhang 2022
    (exact computation). The divergence term carries `1/(4 pi^2)` because multiplication by
    x is `(i/2 pi) grad` in Fourier space.
    """

    activation: str = "relu"
    sigma_a: check.Number = 1.0
    sigma_w: check.Number = 1.0
    sigma_b: check.Number = 10.0

    def __post_init__(self) -> None:
        check.choice("activation", self.activation, ACTIVATIONS)
        for name in ("sigma_a", "sigma_w", "sigma_b"):
            object.__setattr__(self, name, check.positive(name, getattr(self, name)))

    def rates(self, xi: ArrayLike, dim: check.Integer) -> tuple[np.ndarray, np.ndarray]:
        """Rates `(A, B)` of the a- and the b-gradient at the frequencies `|xi|`::

            A = C E[r^3] / (16 pi^4 |xi|^(d+3)),    B = C sigma_a^2 E[r] / (4 pi^2 |xi|^(d+1)),
            C = Gamma(d/2) / (sqrt2 pi^((d+1)/2) sigma_b),    r = |w|

        The w-gradient is the divergence term, `B / (4 pi^2)`.

        Args:
            xi: `|xi|` in cycles per unit of x, any shape; non-zero.
            dim: dimension d of x, at least 1.

        Returns:
            A and B, each of the shape of xi, per unit of time and unit of volume of x.

        Raises:
            ValueError: xi = 0 (where the law is affine: see `affine`), dim < 1.
        """
        frequency, d = nonzero_frequency(xi, dim)
        # in logarithms: Gamma and the powers overflow in high dimension
        log_b = (
            gammaln((d + 1) / 2)
            - (d + 1) / 2 * np.log(np.pi)
            + np.log(self.sigma_w / self.sigma_b)
            - (d + 1) * np.log(frequency)
        )
        with np.errstate(over="ignore"):
            b_rate = np.exp(log_b + np.log(self.sigma_a**2 / (4 * np.pi**2)))
            crossing = (d + 1) * self.sigma_w**2 / (16 * np.pi**4)
            a_rate = np.exp(log_b + np.log(crossing) - 2 * np.log(frequency))
        return np.asarray(a_rate), np.asarray(b_rate)

    def affine(self, dim: check.Integer) -> tuple[float, float]:
        """Coefficients `(c_1, c_x)` of the part `c_1 + c_x x.x'` of the kernel.

        It is what sits at xi = 0 and is not in the Fourier formula:
        `c_1 = (sigma_b^2 + sigma_a^2)/2`, `c_x = (sigma_w^2 + sigma_a^2)/2`.
        """
        constant = (self.sigma_b**2 + self.sigma_a**2) / 2
        return float(constant), float((self.sigma_w**2 + self.sigma_a**2) / 2)

    def pieces(self, distance: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """`k_s = c_3 r^3 - c_1 r` and `k_m = -c_m r` of the kernel::

            K = c_1 + c_x x.x' + k_s(|z|) + x.x' k_m(|z|),    z = x' - x

        with the coefficients of `powers`.
        """
        cubic, linear, modulated = self.powers(dim)
        return distance * (cubic * distance**2 - linear), -modulated * distance

    def powers(self, dim: check.Integer) -> tuple[float, float, float]:
        """`(c_3, c_1, c_m)`: `c_3 = sigma_w^3/(6 pi sigma_b)` is the a-gradient (rate A),
        `c_1 = c_m = sigma_a^2 sigma_w/(2 pi sigma_b)` the b- and w-gradient (rate B)."""
        cubic = self.sigma_w**3 / (6 * np.pi * self.sigma_b)
        linear = self.sigma_a**2 * self.sigma_w / (2 * np.pi * self.sigma_b)
        return float(cubic), float(linear), float(linear)

    @property
    def has_divergence(self) -> bool:
        """True."""
        return True

    def ntk(self, x1: ArrayLike, x2: ArrayLike) -> np.ndarray:
        """Exact tangent kernel of the infinitely wide network at finite sigma_b.

        With `X = (sigma_w x, sigma_b)` and theta the angle between X and X'::

            K = |X||X'|/(2 pi) (sin theta + (pi - theta) cos theta)
                + sigma_a^2 (1 + x.x') (pi - theta)/(2 pi).

        The first part is the gradient in a, the second that in b and w.

        Args:
            x1, x2: positions `(n1, d)` and `(n2, d)`, or `(n1,)` and `(n2,)` when d = 1.

        Returns:
            `(n1, n2)`.

        Raises:
            ValueError: non-finite or empty positions, different dimensions.

        Source: the arc-cosine kernels of Cho and Saul 2009, orders 1 and 0. The angle is
        taken by arctan2 of the exterior product, written with z = x' - x: arccos, and
        `|x|^2 |x'|^2 - (x.x')^2`, lose all digits for near points and large sigma_b.
        """
        x1, x2 = pair(x1, x2)
        product = x1 @ x2.T
        square1 = np.einsum("nd,nd->n", x1, x1)[:, None]
        z_square = cdist(x1, x2, "sqeuclidean")
        # |x|^2 |z|^2 - (x.z)^2, zero in exact arithmetic when d = 1
        area = np.maximum(square1 * z_square - (product - square1) ** 2, 0.0)
        if x1.shape[1] == 1:
            area = 0.0
        w2, b2 = self.sigma_w**2, self.sigma_b**2
        exterior = np.sqrt(w2 * b2 * z_square + w2**2 * area)
        inner = w2 * product + b2
        theta = np.arctan2(exterior, inner)
        a_part = exterior + (np.pi - theta) * inner
        return (a_part + self.sigma_a**2 * (1 + product) * (np.pi - theta)) / (2 * np.pi)

    def validity(self, x: ArrayLike) -> float:
        """Control parameter `(sigma_w max|x| / sigma_b)^2` of the LFP approximation.

        The relative distance between `kernel` and `ntk` flows is of this order.
        """
        radius = np.linalg.norm(check.points("x", x), axis=1).max()
        return float((self.sigma_w * radius / self.sigma_b) ** 2)
