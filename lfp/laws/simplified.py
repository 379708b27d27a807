"""The law of the lecture: a ReLU network whose kinks are spread evenly over the data."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.laws.base import Law, nonzero_frequency


@dataclass(frozen=True)
class Simplified(Law):
    """Network `h(x) = sum_j w_j ReLU(r_j.(x + l_j r_j/|r_j|))`, kinks l far wider than the data::

        d/dt h^ = -[A + B] u_rho^,
        A = c (<|r|^2> + <w^2>) / |xi|^(d+3),    B = c 4 pi^2 <|r|^2 w^2> / |xi|^(d+1),
        c = scale Gamma(d/2) / (16 pi^4 pi^(d/2))

    A collects the gradients in the outer weight w and in `|r|`, B is the gradient in l. There
    is no divergence term, because training l moves a kink by the same amount wherever it is,
    and affine functions, which are learned at once, are not penalised. In real space::

        k_s(r) = c_3 r^3 - c_1 r

    The law is exact in d = 1, when w, r and l are trained and l is independent of (w, r) with a
    symmetric density that is flat over the data. For d > 1 the directions `r/|r|` are uniform
    and must be kept fixed.

    Args:
        r2: `<|r|^2>`, mean over the initial neurons.
        w2: `<w^2>`.
        r2w2: `<|r|^2 w^2>`.
        scale: `m p_l(0)`, the number of neurons times the density of l at the data; only
            `p_l(0)` when the network carries the prefactor `m^(-1/2)`.

    Raises:
        ValueError: a moment or the scale is not positive.

    Source: Zhang, lecture on the frequency principle, FAU 2025, which gives the powers;
    `c` follows from the autocorrelation of ReLU, `|delta|^3/12`.
    """

    r2: check.Number
    w2: check.Number
    r2w2: check.Number
    scale: check.Number = 1.0

    def __post_init__(self) -> None:
        for name in ("r2", "w2", "r2w2", "scale"):
            object.__setattr__(self, name, check.positive(name, getattr(self, name)))

    def rates(self, xi: ArrayLike, dim: check.Integer) -> tuple[np.ndarray, np.ndarray]:
        """Rates `(A, B)` at the frequencies `|xi|`.

        Args:
            xi: `|xi|` in cycles per unit of x, any shape; non-zero.
            dim: dimension d of x, at least 1.

        Raises:
            ValueError: xi = 0, dim < 1.
        """
        frequency, d = nonzero_frequency(xi, dim)
        # in logarithms: Gamma and the powers overflow in high dimension
        front = np.log(self.scale / (16 * np.pi**4)) + gammaln(d / 2) - d / 2 * np.log(np.pi)
        a_front, b_front = np.log(self.r2 + self.w2), np.log(4 * np.pi**2 * self.r2w2)
        with np.errstate(over="ignore"):
            a_rate = np.exp(front + a_front - (d + 3) * np.log(frequency))
            b_rate = np.exp(front + b_front - (d + 1) * np.log(frequency))
        return np.asarray(a_rate), np.asarray(b_rate)

    def affine(self, dim: check.Integer) -> tuple[float, float]:
        """`(inf, inf)`: affine functions are not penalised."""
        check.integer("dim", dim, least=1)
        return np.inf, np.inf

    def pieces(self, distance: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """`k_s = c_3 r^3 - c_1 r` with the coefficients of `powers`, and `k_m` = 0."""
        cubic, linear, _ = self.powers(dim)
        return distance * (cubic * distance**2 - linear), np.zeros_like(distance)

    def powers(self, dim: check.Integer) -> tuple[float, float, float]:
        """`(c_3, c_1, 0)`; in d = 1 they are `scale (r2 + w2)/12` and `scale r2w2/2`::

            c_3 = scale (r2 + w2) Gamma(d/2) / (12 sqrt(pi) Gamma((d+3)/2)),
            c_1 = scale r2w2 Gamma(d/2) / (2 sqrt(pi) Gamma((d+1)/2))

        The third is 0, there being no divergence term.
        """
        d = check.integer("dim", dim, least=1)
        front = self.scale / np.sqrt(np.pi)
        cubic = front * (self.r2 + self.w2) / 12 * np.exp(gammaln(d / 2) - gammaln((d + 3) / 2))
        linear = front * self.r2w2 / 2 * np.exp(gammaln(d / 2) - gammaln((d + 1) / 2))
        return float(cubic), float(linear), 0.0

    @property
    def has_divergence(self) -> bool:
        """False."""
        return False
