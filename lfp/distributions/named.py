"""Isotropic distributions of the input weights w in d dimensions, and those that have names."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, hyp0f1

from lfp.activations.piecewise import Piecewise
from lfp.quadrature import CHUNK, dyadic, panels, tabulated

LEVELS = 2.0**-30  # of the panels towards 0, which resolve functions of any scale
TRAPEZOID = 0.6, 0.25  # steps, in standard deviations and in panels of the function
GAUSSIAN_END = 9.0  # in standard deviations: what lies beyond weighs 1e-18


class Distribution(ABC):
    """An isotropic distribution of w. Rules are for means: their weights sum to its mass."""

    @abstractmethod
    def moment(self, power: int, dim: int) -> float:
        """`E |w|^power`."""

    @abstractmethod
    def radii(
        self, dim: int, smallest: float = np.inf, widest: float = np.inf, parts: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights for `E f(|w|)`, f resolved by panels not wider than `widest` and
        towards 0 by dyadic ones down to `smallest`, each in `parts`."""

    def rule(self, dim: int, widest: float) -> tuple[np.ndarray, np.ndarray]:
        """Nodes w `(k, dim)`, d = 1 or 2, and weights for `E f(w)`, f resolved by panels not
        wider than `widest`."""
        r, weights = self.radii(dim, widest=widest)
        if dim == 1:
            directions = np.array([[-1.0], [1.0]])
        else:
            count = int(32 + 16 * np.ceil(r.max() / widest))
            angle = 2 * np.pi * (np.arange(count) + 0.5) / count
            directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        w = (r[:, None, None] * directions).reshape(-1, dim)
        return w, np.repeat(weights, len(directions)) / len(directions)

    def log_density(self, radius: np.ndarray, dim: int) -> np.ndarray:
        """Logarithm of the density of w at `|w| = radius`.

        Raises:
            ValueError: there is no density.
        """
        raise ValueError(
            f"the rates of a sine are the density of w, which {type(self).__name__} does not have; "
            f"use the kernel, in space='samples', or Gaussian or uniform weights"
        )

    @abstractmethod
    def characteristic(self, distance: np.ndarray, dim: int) -> np.ndarray:
        """`E cos(distance w_1)`, of the shape of distance."""

    @abstractmethod
    def mean_along(
        self, function: Callable[[np.ndarray], np.ndarray], scale: np.ndarray, dim: int
    ) -> np.ndarray:
        """`E f(scale w_1)` for each scale >= 0, f even and smooth but for the edges that it
        may have (`Piecewise`); `(k,)` of the shape of scale."""


class Named(Distribution):
    """A distribution with a rule for one component of w."""

    @abstractmethod
    def _component(self, dim: int, breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nodes >= 0 and weights for `E f(|w_1|)`, f smooth between `breaks`."""

    def mean_along(
        self, function: Callable[[np.ndarray], np.ndarray], scale: np.ndarray, dim: int
    ) -> np.ndarray:
        """See `Distribution`."""
        if isinstance(function, Piecewise):
            result = np.empty(len(scale))
            for i, factor in enumerate(scale):
                breaks = function.edges / factor if factor > 0 else np.empty(0)
                nodes, weights = self._component(dim, breaks)
                result[i] = weights @ function(factor * nodes)
            return result
        nodes, weights = self._component(dim, np.empty(0))
        rows = max(CHUNK // len(nodes), 1)
        parts = [
            function(scale[start : start + rows, None] * nodes) @ weights
            for start in range(0, len(scale), rows)
        ]
        return np.concatenate(parts)


@dataclass(frozen=True)
class Gaussian(Named):
    """`w ~ N(0, sigma^2 I)`."""

    sigma: float

    def moment(self, power: int, dim: int) -> float:
        """`(sqrt2 sigma)^p Gamma((d + p)/2)/Gamma(d/2)`."""
        size = gammaln((dim + power) / 2) - gammaln(dim / 2)
        return float((np.sqrt(2) * self.sigma) ** power * np.exp(size))

    def radii(
        self, dim: int, smallest: float = np.inf, widest: float = np.inf, parts: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.sqrt(dim) - GAUSSIAN_END, np.sqrt(dim) + GAUSSIAN_END
        if low > 1:
            edges = np.arange(low, high + 1, 2.0)
        else:
            edges = np.append(dyadic(1.0, smallest / self.sigma), np.arange(2.0, high + 1))
        r, weights = panels(edges, widest / self.sigma, parts)
        log_density = (dim - 1) * np.log(r) - r**2 / 2
        weights = weights * np.exp(log_density - log_density.max())
        return self.sigma * r, weights / weights.sum()

    def rule(self, dim: int, widest: float) -> tuple[np.ndarray, np.ndarray]:
        """The trapezoidal rule, which converges exponentially for what is smooth."""
        step = min(TRAPEZOID[0], TRAPEZOID[1] * widest / self.sigma)
        line = step * np.arange(-np.ceil(GAUSSIAN_END / step), np.ceil(GAUSSIAN_END / step) + 1)
        w = np.stack([axis.ravel() for axis in np.meshgrid(*[line] * dim)], axis=1)
        weights = np.exp(-(w**2).sum(axis=1) / 2)
        used = weights > 1e-16
        return self.sigma * w[used], weights[used] / weights[used].sum()

    def _component(self, dim: int, breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        base = np.append(dyadic(1.0, LEVELS), [3.0, 5.0, 7.0, GAUSSIAN_END])
        w, weights = panels(_between(base, breaks / self.sigma))
        weights = weights * np.exp(-(w**2) / 2)
        return self.sigma * w, weights / weights.sum()

    def characteristic(self, distance: np.ndarray, dim: int) -> np.ndarray:
        """`exp(-sigma^2 r^2/2)`."""
        return np.exp(-((self.sigma * distance) ** 2) / 2)

    def log_density(self, radius: np.ndarray, dim: int) -> np.ndarray:
        return -((radius / self.sigma) ** 2) / 2 - dim * np.log(np.sqrt(2 * np.pi) * self.sigma)


@dataclass(frozen=True)
class Uniform(Named):
    """Uniform in the ball of radius `sigma sqrt(d + 2)`: variance sigma^2 per component."""

    sigma: float

    def moment(self, power: int, dim: int) -> float:
        """`R^p d/(d + p)`."""
        return float(self._radius(dim) ** power * dim / (dim + power))

    def radii(
        self, dim: int, smallest: float = np.inf, widest: float = np.inf, parts: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        radius = self._radius(dim)
        inner = dyadic(0.5, min(smallest / radius, 0.5))
        outer = 1 - dyadic(0.5, 0.5 / dim)[:-1][::-1]  # where r^(d-1) has its weight
        r, weights = panels(np.append(inner, outer), widest / radius, parts)
        weights = weights * r ** (dim - 1)
        return radius * r, weights / weights.sum()

    def _component(self, dim: int, breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _sphere(self._radius(dim), dim + 2, breaks)

    def characteristic(self, distance: np.ndarray, dim: int) -> np.ndarray:
        """That of a sphere in d + 2 dimensions."""
        return wave(dim + 2, self._radius(dim) * distance)

    def log_density(self, radius: np.ndarray, dim: int) -> np.ndarray:
        end = self._radius(dim)
        inside = gammaln(dim / 2 + 1) - dim / 2 * np.log(np.pi) - dim * np.log(end)
        return np.where(radius <= end, inside, -np.inf)

    def _radius(self, dim: int) -> float:
        return float(self.sigma * np.sqrt(dim + 2))


@dataclass(frozen=True)
class Fixed(Named):
    """`|w| = sigma sqrt(d)`, every direction alike."""

    sigma: float

    def moment(self, power: int, dim: int) -> float:
        """`R^p`."""
        return float((self.sigma * np.sqrt(dim)) ** power)

    def radii(
        self, dim: int, smallest: float = np.inf, widest: float = np.inf, parts: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.array([self.sigma * np.sqrt(dim)]), np.ones(1)

    def _component(self, dim: int, breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _sphere(float(self.sigma * np.sqrt(dim)), dim, breaks)

    def characteristic(self, distance: np.ndarray, dim: int) -> np.ndarray:
        """`Gamma(d/2) (2/t)^(d/2 - 1) J_(d/2 - 1)(t)`, `t = R r`."""
        return wave(dim, self.sigma * np.sqrt(dim) * distance)


NAMED: dict[str, type[Gaussian] | type[Uniform] | type[Fixed]] = {
    "gaussian": Gaussian,
    "uniform": Uniform,
    "fixed": Fixed,
}


def _sphere(radius: float, power: int, breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rule for the density `(1 - (w_1/R)^2)^((power - 3)/2)`, by `w_1 = R sin(phi)`.

    `power` = d is the sphere in d dimensions, and d + 2 the ball.
    """
    if power == 1:
        return np.array([radius]), np.ones(1)
    angles = np.arcsin(breaks[breaks < radius] / radius)
    phi, weights = panels(_between(dyadic(np.pi / 2, LEVELS), angles))
    weights = weights * np.cos(phi) ** (power - 2)
    return radius * np.sin(phi), weights / weights.sum()


def wave(dim: int, t: np.ndarray) -> np.ndarray:
    """`E cos(t u_1)` over unit vectors u in `dim` dimensions."""
    if dim <= 200:
        return hyp0f1(dim / 2, -(t**2) / 4)
    # scipy's function is NaN; here it is Gaussian within rounding of 0 from t = 10 sqrt(dim) on
    phi, weights = panels(np.linspace(0, 12, 13) / np.sqrt(dim))
    weights = weights * np.cos(phi) ** (dim - 2)
    weights /= weights.sum()
    near = np.minimum(t, 10 * np.sqrt(dim))
    return tabulated(lambda s: np.cos(np.multiply.outer(s, np.sin(phi))) @ weights, near)


def _between(base: np.ndarray, breaks: np.ndarray) -> np.ndarray:
    """All edges, those of the breaks inside the range of the base included."""
    return np.unique(np.concatenate([base, breaks[(breaks > 0) & (breaks < base[-1])]]))
