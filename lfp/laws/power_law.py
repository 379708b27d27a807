"""The law whose rate is a power of the frequency."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, gammasgn, xlogy

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.laws.base import Law, nonzero_frequency


@dataclass(frozen=True)
class PowerLaw(Law):
    """Rate `gamma^2(xi) = scale |xi|^-alpha`, without b- and w-gradients::

        d/dt h^ = -scale |xi|^-alpha u_rho^

    On a torus Lattice any alpha > 0 will do; as the cutoff grows, the interpolant is trivial
    (it differs from zero only at the samples) for alpha <= d and regular for alpha > d. In
    free space the kernel exists for d < alpha < d + 4::

        k_s(r) = scale c(alpha) r^(alpha - d),
        c(alpha) = pi^(alpha - d/2) Gamma((d - alpha)/2) / Gamma(alpha/2),

    and where alpha - d = 2 it is `scale 2 pi^(2 + d/2) / Gamma(1 + d/2) r^2 log r`. It is
    conditionally positive: constants are not penalised, nor linear functions where
    alpha - d >= 2.

    Args:
        alpha: decay exponent.
        scale: the rate at `|xi|` = 1.

    Raises:
        ValueError: alpha or scale not positive.

    Source: Luo, Ma, Xu, Zhang 2022 (critical decay); the transform of a power is that of
    Stein 1970, Singular integrals, section V.1, continued analytically in alpha.
    """

    alpha: check.Number
    scale: check.Number = 1.0

    def __post_init__(self) -> None:
        for name in ("alpha", "scale"):
            object.__setattr__(self, name, check.positive(name, getattr(self, name)))

    def rates(self, xi: ArrayLike, dim: check.Integer) -> tuple[np.ndarray, np.ndarray]:
        """Rates `(A, B)` = `(scale |xi|^-alpha, 0)`.

        Args:
            xi: `|xi|` in cycles per unit of x, any shape; non-zero.
            dim: dimension d of x, at least 1.

        Raises:
            ValueError: xi = 0, dim < 1.
        """
        frequency, _ = nonzero_frequency(xi, dim)
        with np.errstate(over="ignore"):
            rate = np.asarray(self.scale * frequency**-self.alpha)
        return rate, np.zeros_like(rate)

    def affine(self, dim: check.Integer) -> tuple[float, float]:
        """`(inf, 0)` for alpha - d < 2, `(inf, inf)` for alpha - d >= 2: not penalised.

        Raises:
            ValueError: alpha <= d or alpha >= d + 4.
        """
        return np.inf, (np.inf if self._exponent(dim) >= 2 else 0.0)

    def pieces(self, distance: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """`k_s` as above, and `k_m` = 0.

        Raises:
            ValueError: alpha <= d or alpha >= d + 4.
        """
        exponent = self._exponent(dim)
        if exponent == 2:
            front = 2 * np.pi**2 * np.exp(dim / 2 * np.log(np.pi) - gammaln(1 + dim / 2))
            stationary = self.scale * front * distance * xlogy(distance, distance)
        else:
            stationary = self.scale * riesz(self.alpha, dim) * distance**exponent
        return stationary, np.zeros_like(distance)

    def powers(self, dim: check.Integer) -> tuple[float, float, float] | None:
        """`(0, c_1, 0)` for alpha = d + 1, `(c_3, 0, 0)` for alpha = d + 3, else None."""
        d = check.integer("dim", dim, least=1)
        if self.alpha == d + 1:
            return 0.0, float(-self.scale * riesz(d + 1, d)), 0.0
        if self.alpha == d + 3:
            return float(self.scale * riesz(d + 3, d)), 0.0, 0.0
        return None

    @property
    def has_divergence(self) -> bool:
        """False."""
        return False

    def _exponent(self, dim: check.Integer) -> float:
        d = check.integer("dim", dim, least=1)
        if not d < self.alpha < d + 4:
            raise ValueError(
                f"alpha must lie between d = {d} and d + 4 = {d + 4} in free space, got "
                f"{self.alpha:g}; use Lattice(kind='torus')"
            )
        return float(self.alpha - d)


def riesz(alpha: check.Number, d: int) -> float:
    """c with `|xi|^-alpha` = Fourier transform of `c |x|^(alpha - d)` in d dimensions, xi != 0."""
    half = (d - alpha) / 2
    size = (alpha - d / 2) * np.log(np.pi) + gammaln(half) - gammaln(alpha / 2)
    return float(gammasgn(half) * np.exp(size))
