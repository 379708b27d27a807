"""What a law needs to know of an activation, in closed form for the named ones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import erf, expit, spence, zeta

from lfp.quadrature import panels

ABSENT = 1e-10  # what is below it, relative to the largest square, is rounding

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Activation:
    """What a law of a two-layer network needs to know of sigma.

    sigma is affine far out, `alpha_- z + beta_-` to the left and `alpha_+ z + beta_+` to the
    right. Its autocorrelation is that of the network over an even distribution of biases,
    what the asymptotes contribute left out::

        R(delta) = integral [ sigma(s - delta/2) sigma(s + delta/2) - P(s, delta) ] ds,
        P(s, delta) = (alpha s + beta)^2 - alpha^2 delta^2/4,   alpha, beta of the side of s

    and R_slope is the same with sigma'. Away from eta = 0 the transform of R is
    `|sigma^(eta)|^2` and that of R_slope is `(2 pi eta)^2 |sigma^(eta)|^2`.

    Attributes:
        name: its name.
        value, slope: sigma and sigma'.
        transform: `sigma^(eta) = integral sigma(z) exp(-2 pi i eta z) dz` at eta != 0, complex.
        autocorrelation, slope_autocorrelation: R and R_slope.
        left, right: `(alpha_-, beta_-)` and `(alpha_+, beta_+)`.
        reach: `|z|` beyond which sigma is affine to rounding.
        width: length of a panel on which a rule of 20 nodes integrates sigma to rounding.
        error: estimated relative error of the numerical representation behind transform and
            autocorrelations; 0 for closed forms.
        edges: panels on each of which sigma is smooth; where left out, those of `width` on
            either side of 0.
    """

    name: str
    value: Function
    slope: Function
    transform: Function
    autocorrelation: Function
    slope_autocorrelation: Function
    left: tuple[float, float]
    right: tuple[float, float]
    reach: float
    width: float
    error: float = 0.0
    edges: np.ndarray | None = field(default=None, repr=False, compare=False)

    def power(self, eta: np.ndarray) -> np.ndarray:
        """`|sigma^(eta)|^2` at eta != 0."""
        return np.abs(self.transform(eta)) ** 2

    def slope_power(self, eta: np.ndarray) -> np.ndarray:
        """`|(sigma')^(eta)|^2 = (2 pi eta)^2 |sigma^(eta)|^2` at eta != 0."""
        return np.abs(2 * np.pi * eta * self.transform(eta)) ** 2

    @property
    def skewness(self) -> float:
        """`alpha_+ beta_+ - alpha_- beta_-`."""
        return self.right[0] * self.right[1] - self.left[0] * self.left[1]

    @cached_property
    def length(self) -> float:
        """Distance from 0 to where sigma differs from its asymptotes: the larger, for sigma
        and sigma', of the root mean square of s under the weight `|sigma(s)^2 - P(s, 0)|`.

        It is 0 for ReLU, `pi/sqrt(12)` for tanh and `sqrt(3/2)` for the Gaussian.
        """
        if self.edges is None:
            s, weights = panels(np.array([-self.reach, 0.0, self.reach]), self.width)
        else:
            s, weights = panels(self.edges)
        flat = (0.0, self.left[0]), (0.0, self.right[0])
        squares = []
        for function, sides in ((self.value, (self.left, self.right)), (self.slope, flat)):
            alpha, beta = np.where(s[:, None] < 0, *sides).T
            square = function(s) ** 2
            rest = np.abs(square - (alpha * s + beta) ** 2)
            rest = weights * np.where(rest > ABSENT * square.max(initial=0.0), rest, 0.0)
            squares.append(rest @ s**2 / rest.sum() if rest.any() else 0.0)
        return float(np.sqrt(max(squares)))


def _csch(x: np.ndarray) -> np.ndarray:
    size = np.abs(x)
    return np.sign(x) * 2 * np.exp(-size) / -np.expm1(-2 * size)


def _x_coth(x: np.ndarray) -> np.ndarray:
    """`x coth x`, 1 at x = 0."""
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, safe / np.tanh(safe))


def _tanh_slope_autocorrelation(delta: np.ndarray) -> np.ndarray:
    """`4 (d coth d - 1)/sinh^2 d`, by its series where that cancels."""
    d = np.abs(delta)
    square = np.minimum(d, 0.5) ** 2
    series = np.zeros_like(square)
    for k in range(len(_COTH_SERIES) - 1, 0, -1):
        series = series * square + _COTH_SERIES[k]
    near = (
        4
        * series
        * np.divide(
            square, np.sinh(np.sqrt(square)) ** 2, where=square > 0, out=np.ones_like(square)
        )
    )
    far = 4 * (_x_coth(d) - 1) * _csch(np.maximum(d, 0.5)) ** 2
    return np.where(d < 0.5, near, far)


def _softplus_autocorrelation(delta: np.ndarray) -> np.ndarray:
    """`d^3/12 + d Li2(e^-d) + 2 Li3(e^-d) + (pi^2/6) d`, d = abs(delta); its second derivative
    is `(d/2) coth(d/2)`, whose series is integrated twice near 0."""
    d = np.abs(delta)
    square = np.minimum(d, 2.0) ** 2
    near = np.zeros_like(square)
    for k in range(len(_COTH_SERIES) - 1, -1, -1):
        near = near * square + _COTH_SERIES[k] / 4.0**k / ((2 * k + 1) * (2 * k + 2))
    near = 2 * zeta(3) + near * square
    x = np.exp(-np.maximum(d, 2.0))
    trilogarithm = np.zeros_like(x)
    for k in range(20, 0, -1):  # e^-40 is below rounding
        trilogarithm = (trilogarithm + 1 / k**3) * x
    far = d**3 / 12 + d * spence(1 - x) + 2 * trilogarithm + np.pi**2 / 6 * d
    return np.where(d < 2, near, far)


# x coth x = sum_k c_k x^(2k), c_k = 4^k B_2k/(2k)! = (-1)^(k+1) 2 zeta(2k)/pi^(2k)
_COTH_SERIES = np.array(
    [1.0] + [(-1) ** (k + 1) * 2 * zeta(2 * k) / np.pi ** (2 * k) for k in range(1, 20)]
)

RELU = Activation(
    "relu",
    value=lambda z: np.maximum(z, 0.0),
    slope=lambda z: (z > 0).astype(float),
    transform=lambda eta: -1 / (2 * np.pi * eta + 0j) ** 2,
    autocorrelation=lambda d: np.abs(d) ** 3 / 12,
    slope_autocorrelation=lambda d: -np.abs(d) / 2,
    left=(0.0, 0.0),
    right=(1.0, 0.0),
    reach=0.0,
    width=0.25,
)
TANH = Activation(
    "tanh",
    value=np.tanh,
    slope=lambda z: 1 / np.cosh(np.clip(z, -350, 350)) ** 2,
    transform=lambda eta: -1j * np.pi * _csch(np.pi**2 * eta),
    autocorrelation=lambda d: -2 * _x_coth(d),
    slope_autocorrelation=_tanh_slope_autocorrelation,
    left=(0.0, -1.0),
    right=(0.0, 1.0),
    reach=19.0,
    width=2.5,
)
SIGMOID = Activation(  # (1 + tanh(z/2))/2
    "sigmoid",
    value=expit,
    slope=lambda z: expit(z) * expit(-z),
    transform=lambda eta: -1j * np.pi * _csch(2 * np.pi**2 * eta),
    autocorrelation=lambda d: -_x_coth(d / 2),
    slope_autocorrelation=lambda d: _tanh_slope_autocorrelation(d / 2) / 8,
    left=(0.0, 0.0),
    right=(0.0, 1.0),
    reach=38.0,
    width=5.0,
)
SOFTPLUS = Activation(
    "softplus",
    value=lambda z: np.logaddexp(0.0, z),
    slope=expit,
    transform=lambda eta: -_csch(2 * np.pi**2 * eta) / (2 * eta) + 0j,
    autocorrelation=_softplus_autocorrelation,
    slope_autocorrelation=lambda d: -_x_coth(d / 2),
    left=(0.0, 0.0),
    right=(1.0, 0.0),
    reach=38.0,
    width=5.0,
)
ERF = Activation(
    "erf",
    value=erf,
    slope=lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2)),
    transform=lambda eta: np.exp(-((np.pi * eta) ** 2)) / (1j * np.pi * eta),
    autocorrelation=lambda d: (
        -4 / np.sqrt(2 * np.pi) * np.exp(-(d**2) / 2) - 2 * d * erf(d / np.sqrt(2))
    ),
    slope_autocorrelation=lambda d: 4 / np.sqrt(2 * np.pi) * np.exp(-(d**2) / 2),
    left=(0.0, -1.0),
    right=(0.0, 1.0),
    reach=6.0,
    width=2.0,
)
GAUSSIAN = Activation(
    "gaussian",
    value=lambda z: np.exp(-(z**2) / 2),
    slope=lambda z: -z * np.exp(-(z**2) / 2),
    transform=lambda eta: np.sqrt(2 * np.pi) * np.exp(-2 * (np.pi * eta) ** 2) + 0j,
    autocorrelation=lambda d: np.sqrt(np.pi) * np.exp(-(d**2) / 4),
    slope_autocorrelation=lambda d: np.sqrt(np.pi) * (1 / 2 - d**2 / 4) * np.exp(-(d**2) / 4),
    left=(0.0, 0.0),
    right=(0.0, 0.0),
    reach=9.0,
    width=3.0,
)
NAMED = {a.name: a for a in (RELU, TANH, ERF, SIGMOID, SOFTPLUS, GAUSSIAN)}
