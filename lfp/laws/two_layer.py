"""The law of a two-layer network: its Fourier rates, its LFP kernel and its exact NTK."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gammaln

from lfp import _checks as check
from lfp import distributions
from lfp._checks import ArrayLike
from lfp.activations import NAMED, Activation
from lfp.activations.numerical import numerical
from lfp.distributions import Distribution, Samples
from lfp.laws import ntk_closed, ntk_quadrature, radial
from lfp.laws.base import Law, nonzero_frequency, pair

ACTIVATIONS = (*NAMED, "sin")
WEIGHTS = tuple(distributions.NAMED)


@dataclass(frozen=True)
class TwoLayer(Law):
    """Two-layer network `f(x) = m^(-1/2) sum_j a_j sigma(w_j.x + b_j)` of infinite width m.

    All of a, w and b are trained by gradient flow. Initially a and w are independent of
    `b ~ N(0, sigma_b^2)`, and w is isotropic.

    The linear frequency principle (LFP) is the limit of large sigma_b. With
    `u = h - f*` sampled as `u_rho = (1/n) sum_i u(x_i) delta(x - x_i)`::

        d/dt h^ = -(A + B) u_rho^ + div( (B / 4 pi^2) grad u_rho^ )

    where A and B are the `rates`; in real space it is the flow of `kernel`. sigma becomes
    affine far out, `alpha_- z + beta_-` and `alpha_+ z + beta_+`; what that contributes is the
    affine part of the kernel, and the rest of it are the autocorrelations of sigma and sigma'
    (see `lfp.Activation`), averaged over w. A sine, which does neither, has the kernel
    `(1 + sigma_a^2 (1 + x.x')) E cos(w.z) / 2` and the density of w for its rates.

    Args:
        activation: sigma: "relu", "tanh", "erf", "sigmoid", "softplus", "gaussian"
            (`exp(-z^2/2)`), "sin", a function of arrays that becomes affine far out, or an
            `lfp.Activation`.
        sigma_a: standard deviation of the output weights a, whatever their distribution;
            where left out, that of samples, else 1.
        sigma_w: standard deviation of each entry of the input weights w, as sigma_a.
        sigma_b: standard deviation of the biases b, in the unit of `sigma_w * x`.
        weights: distribution of w: "gaussian", "uniform" (in the ball of radius
            `sigma_w sqrt(d + 2)`; in d = 1 an interval), "fixed" (`|w| = sigma_w sqrt(d)`, any
            direction), or `lfp.Samples` of a and w, from which sigma_a and sigma_w follow.
        divergence: whether the w-gradient, which is the divergence term, is kept; False is
            the network with frozen w.

    Raises:
        TypeError: activation or weights of the wrong kind.
        ValueError: unknown activation or weights, an activation for which no law exists, a
            standard deviation that is not positive, or not that of the samples.

    Sources: Zhang, Luo, Ma, Xu 2021 (linear frequency principle); Luo, Ma, Xu, Zhang 2022
    (exact computation). The divergence term carries `1/(4 pi^2)` because multiplication by
    x is `(i/2 pi) grad` in Fourier space.
    """

    activation: str | Callable | Activation = "relu"
    # numbers from __post_init__ on
    sigma_a: check.Number = None  # pyright: ignore[reportAssignmentType]
    sigma_w: check.Number = None  # pyright: ignore[reportAssignmentType]
    sigma_b: check.Number = 10.0
    weights: str | Samples = "gaussian"
    divergence: bool = True

    def __post_init__(self) -> None:
        _ = self._sigma  # refuses what has no law
        sampled = isinstance(self.weights, Samples)
        if not sampled:
            check.choice("weights", self.weights, WEIGHTS)
        for name in ("sigma_a", "sigma_w"):
            own, given = getattr(self.weights, name) if sampled else 1.0, getattr(self, name)
            if sampled and given is not None and given != own:
                raise ValueError(
                    f"{name} must be left out, or None, where weights are samples, which have "
                    f"their own, {own!r}, got {given!r}"
                )
            object.__setattr__(self, name, own if given is None else given)
        for name in ("sigma_a", "sigma_w", "sigma_b"):
            object.__setattr__(self, name, check.positive(name, getattr(self, name)))

    @cached_property
    def _sigma(self) -> Activation | None:
        """The record of the activation; None for a sine."""
        if isinstance(self.activation, Activation):
            return self.activation
        if callable(self.activation):
            return numerical(self.activation)
        return NAMED.get(check.choice("activation", self.activation, ACTIVATIONS))

    def __getstate__(self) -> dict:
        """Without the record, which is made of functions and found again from the activation."""
        return {name: value for name, value in vars(self).items() if name != "_sigma"}

    def rates(self, xi: ArrayLike, dim: check.Integer) -> tuple[np.ndarray, np.ndarray]:
        """Rates `(A, B)` of the a- and the b-gradient at the frequencies `|xi|`::

            A = C E[ |sigma^(|xi|/r)|^2 / r ] / |xi|^(d-1),
            B = C E[ a^2 |(sigma')^(|xi|/r)|^2 / r ] / |xi|^(d-1),
            C = Gamma(d/2) / (sqrt2 pi^((d+1)/2) sigma_b),    r = |w|

        for ReLU `A = C E[r^3]/(16 pi^4 |xi|^(d+3))`, `B = C E[a^2 r]/(4 pi^2 |xi|^(d+1))`, and
        for a sine `A = (2 pi)^d p(2 pi xi)/2`, `B = sigma_a^2 A`, p the density of w. The
        w-gradient is the divergence term, `B / (4 pi^2)`.

        Args:
            xi: `|xi|` in cycles per unit of x, any shape; non-zero.
            dim: dimension d of x, at least 1.

        Returns:
            A and B, each of the shape of xi, per unit of time and unit of volume of x. The
            relative error is below 1e-10 for the named activations, down to rates of about
            1e-30, and about 1e-5 for functions with several kinks and weights with a density.

        Raises:
            ValueError: xi = 0 (where the law is affine: see `affine`), dim < 1, a sine whose
                w has no density, samples of another dimension, a function whose transform
                oscillates too fast to be averaged to 1e-3.
        """
        frequency, d = nonzero_frequency(xi, dim)
        of_a, of_b, square = self._measures(d)
        if self._sigma is None:
            density = of_a.log_density(2 * np.pi * frequency.ravel(), d)
            with np.errstate(over="ignore"):
                rate = np.exp(d * np.log(2 * np.pi) + density).reshape(frequency.shape) / 2
            return np.asarray(rate), np.asarray(square * rate)
        # in logarithms: Gamma and the powers overflow in high dimension
        front = gammaln(d / 2) - (d + 1) / 2 * np.log(np.pi) - np.log(np.sqrt(2) * self.sigma_b)
        if self._sigma == NAMED["relu"]:
            cubic = np.log(of_a.moment(3, d) / (16 * np.pi**4)) - (d + 3) * np.log(frequency)
            linear = np.log(square * of_b.moment(1, d) / (4 * np.pi**2)) - (d + 1) * np.log(
                frequency
            )
        else:
            with np.errstate(divide="ignore"):  # a power that underflows
                cubic = np.log(radial.mean_power(self._sigma, False, of_a, frequency, d))
                linear = np.log(square * radial.mean_power(self._sigma, True, of_b, frequency, d))
            cubic, linear = (e - (d - 1) * np.log(frequency) for e in (cubic, linear))
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(front + cubic)), np.asarray(np.exp(front + linear))

    def affine(self, dim: check.Integer) -> tuple[float, float]:
        """Coefficients `(c_1, c_x)` of the part `c_1 + c_x x.x'` of the kernel.

        It is what sits at xi = 0 and is not in the Fourier formula. With
        `p = 1/(sqrt(2 pi) sigma_b)`, `mu = (alpha_+^2 + alpha_-^2)/2`,
        `nu = alpha_+ beta_+ - alpha_- beta_-`::

            c_1 = mu (sigma_b^2 + sigma_a^2) + (beta_+^2 + beta_-^2)/2 + 2 nu p sigma_b^2,
            c_x = mu (sigma_w^2 + sigma_a^2) + nu p sigma_w^2

        so for ReLU `(sigma_b^2 + sigma_a^2)/2` and `(sigma_w^2 + sigma_a^2)/2`. Without the
        divergence term c_x has no sigma_a. For a sine it is `(0, 0)`.
        """
        check.integer("dim", dim, least=1)
        if self._sigma is None:
            return 0.0, 0.0
        (alpha1, beta1), (alpha2, beta2) = self._sigma.left, self._sigma.right
        mu = (alpha1**2 + alpha2**2) / 2
        nu_p = self._sigma.skewness * self._density
        constant = mu * (self.sigma_b**2 + self.sigma_a**2)
        constant += (beta1**2 + beta2**2) / 2 + 2 * nu_p * self.sigma_b**2
        trained = self.sigma_w**2 + (self.sigma_a**2 if self.divergence else 0.0)
        return float(constant), float(mu * trained + nu_p * self.sigma_w**2)

    def pieces(self, distance: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """`k_s = k_A + k_B` and `k_m = k_B` of the kernel, with p and nu of `affine`::

            k_A = p E R(r w_1) + p nu sigma_w^2 r^2/4,    k_B = p E[a^2 R_slope(r w_1)]

        R and R_slope are the autocorrelations of sigma and sigma', w_1 is one component of w.
        For ReLU see `powers`; for a sine `k_A = E cos(r w_1)/2`, `k_B = sigma_a^2 k_A`. Without
        the divergence term k_m = 0. Many distances are interpolated, to about 1e-13 of the
        largest value.
        """
        powers = self.powers(dim)
        if powers is not None:
            cubic, linear, modulated = powers
            return distance * (cubic * distance**2 - linear), -modulated * distance
        of_a, of_b, square = self._measures(dim)
        if self._sigma is None:
            value, slope = (of.characteristic(distance, dim) / 2 for of in (of_a, of_b))
        else:
            p = self._density
            value = p * radial.mean_along(of_a, self._sigma.autocorrelation, distance, dim)
            value = value + p * self._sigma.skewness * self.sigma_w**2 / 4 * distance**2
            slope = p * radial.mean_along(of_b, self._sigma.slope_autocorrelation, distance, dim)
        slope = square * slope
        return value + slope, slope if self.divergence else np.zeros_like(distance)

    def powers(self, dim: check.Integer) -> tuple[float, float, float] | None:
        """`(c_3, c_1, c_m)` for ReLU, where `k_s = c_3 r^3 - c_1 r`, `k_m = -c_m r`; else None.

        `c_3 = p E|w_1|^3/12` is the a-gradient (rate A), `c_1 = p E[a^2 |w_1|]/2` the b- and
        `c_m = c_1` the w-gradient (rate B); for Gaussian w `c_3 = sigma_w^3/(6 pi sigma_b)` and
        `c_1 = sigma_a^2 sigma_w/(2 pi sigma_b)`.
        """
        d = check.integer("dim", dim, least=1)
        if self._sigma != NAMED["relu"]:
            return None
        if self.weights == "gaussian":
            cubic = self.sigma_w**3 / (6 * np.pi * self.sigma_b)
            linear = self.sigma_a**2 * self.sigma_w / (2 * np.pi * self.sigma_b)
        else:
            of_a, of_b, square = self._measures(d)
            # one component of a unit vector: E |u_1|^p
            one, three = (
                np.exp(gammaln(d / 2) - gammaln((d + p) / 2) + gammaln((p + 1) / 2))
                / np.sqrt(np.pi)
                for p in (1, 3)
            )
            cubic = self._density * of_a.moment(3, d) * three / 12
            linear = self._density * square * of_b.moment(1, d) * one / 2
        return float(cubic), float(linear), float(linear) if self.divergence else 0.0

    @property
    def has_divergence(self) -> bool:
        """Whether w is trained."""
        return self.divergence

    def ntk(self, x1: ArrayLike, x2: ArrayLike) -> np.ndarray:
        """Exact tangent kernel of the infinitely wide network at finite sigma_b::

            K = E[ sigma(s) sigma(s') ] + (1 + x.x') E[ a^2 sigma'(s) sigma'(s') ],
            s = w.x + b,  s' = w.x' + b

        The first part is the gradient in a, the second that in b and, if trained, w. It is
        closed for a sine, and with Gaussian w for ReLU, erf and the Gaussian. Otherwise it is
        a quadrature over w and b, positive semidefinite, in d = 1 and 2; for Gaussian w over
        the two preactivations of each pair in d >= 3, and in d = 2 up to 10,000 pairs, which
        takes milliseconds a pair. Its relative error is below 1e-10 for analytic activations.
        For those with kinks, where it is not closed, it is about 1e-4 of the second part, and
        1e-3 pair by pair. Time and memory grow as the features of sigma become narrow.

        Args:
            x1, x2: positions `(n1, d)` and `(n2, d)`, or `(n1,)` and `(n2,)` when d = 1.

        Returns:
            `(n1, n2)`.

        Raises:
            ValueError: non-finite or empty positions, different dimensions, d >= 3 where w is
                not Gaussian and sigma not a sine, a sigma with features too narrow for the
                quadrature (below about 1/30).
        """
        x1, x2 = pair(x1, x2)
        of_a, of_b, square = self._measures(x1.shape[1])
        value, slope = self._means(of_a, of_b, x1, x2)
        factor = 1 + x1 @ x2.T if self.divergence else 1.0
        return value + square * factor * slope

    def _means(
        self, of_a: Distribution, of_b: Distribution, x1: np.ndarray, x2: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`E sigma sigma'` under `of_a` and `E sigma' sigma'` under `of_b`."""
        d, sigma = x1.shape[1], self._sigma
        if sigma is None:
            sigma_b = float(self.sigma_b)
            values = radial.sine(of_a, 1, sigma_b, x1, x2)
            return values, radial.sine(of_b, -1, sigma_b, x1, x2)
        gaussian, closed = self.weights == "gaussian", ntk_closed.CLOSED.get(sigma.name)
        if gaussian and closed is not None and sigma == NAMED[sigma.name]:
            moments = ntk_closed.pairs(x1, x2, float(self.sigma_w), float(self.sigma_b))
            return closed(moments)
        if sigma.width < ntk_quadrature.NARROWEST:
            raise ValueError(
                f"ntk cannot resolve activation {sigma.name!r}, which needs panels of width "
                f"{sigma.width:.2g}, at least {ntk_quadrature.NARROWEST:g} is possible; use "
                f"kernel"
            )
        if gaussian:
            few = len(x1) * len(x2) <= ntk_quadrature.PAIRS_UP_TO
            if d > 2 or (d == 2 and few):
                return ntk_quadrature.by_pairs(
                    sigma, float(self.sigma_w), float(self.sigma_b), x1, x2
                )
        if d > 2:
            raise ValueError(
                f"ntk with weights={self.weights!r} and activation {sigma.name!r} exists in "
                f"dimensions 1 and 2, got x of dimension {d}; use weights='gaussian' or kernel"
            )
        return ntk_quadrature.by_features(sigma, of_a, of_b, float(self.sigma_b), x1, x2)

    def validity(self, x: ArrayLike) -> float:
        """Control parameter of the LFP approximation::

            (sigma_w^2 max|x|^2 + l^2) / sigma_b^2

        with the length l of the activation (`lfp.Activation.length`), which is 0 for ReLU:
        where sigma is not affine, at `|b|` up to `sigma_w |x| + l`, the density of b is taken
        for constant, from which it differs by a share of this order, about half of it where
        it is small. By that share of `radial` the kernel differs from `ntk`. For a sine it is
        `exp(-2 sigma_b^2)`, which bounds the share whatever x is.
        """
        square = check.largest_square(check.points("x", x))
        if self._sigma is None:
            return float(np.exp(-2 * self.sigma_b**2))
        return float((self.sigma_w**2 * square + self._sigma.length**2) / self.sigma_b**2)

    def _measures(self, dim: int) -> tuple[Distribution, Distribution, float]:
        """Distributions of w for the a- and for the b-gradient, and a factor of the second."""
        if isinstance(self.weights, Samples):
            return *self.weights.measures(dim), 1.0
        distribution = distributions.NAMED[self.weights](float(self.sigma_w))
        return distribution, distribution, float(self.sigma_a**2)

    @property
    def _density(self) -> float:
        """Density of b at 0."""
        return float(1 / (np.sqrt(2 * np.pi) * self.sigma_b))
