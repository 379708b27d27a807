"""The distribution of weights that are given as samples."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.distributions.named import Distribution, Fixed, wave
from lfp.quadrature import tabulated


@dataclass(frozen=True, eq=False)
class Weighted(Distribution):
    """Radii `|w|` of samples, each with its weight; directions are taken as isotropic."""

    radius: np.ndarray
    weight: np.ndarray

    def moment(self, power: int, dim: int) -> float:
        """`sum weight |w|^p`."""
        return float(self.weight @ self.radius**power)

    def radii(
        self, dim: int, smallest: float = np.inf, widest: float = np.inf, parts: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.radius, self.weight

    def mean_along(
        self, function: Callable[[np.ndarray], np.ndarray], scale: np.ndarray, dim: int
    ) -> np.ndarray:
        """The mean over the samples, radius by radius."""
        one = Fixed(1 / np.sqrt(dim))
        table = tabulated(
            lambda s: one.mean_along(function, s, dim), np.multiply.outer(scale, self.radius)
        )
        return table @ self.weight

    def characteristic(self, distance: np.ndarray, dim: int) -> np.ndarray:
        """The mean over the samples."""
        waves = tabulated(lambda t: wave(dim, t), np.multiply.outer(distance, self.radius))
        return waves @ self.weight


@dataclass(frozen=True, eq=False)
class Samples:
    """Initial weights `(a_j, w_j)` of a network, in place of a distribution.

    Directions of w are taken as isotropic, only `|w_j|` counts; a and `|w|` may depend on each
    other.

    Args:
        a: output weights `(m,)`.
        w: input weights `(m, d)`, or `(m,)` when d = 1.

    Raises:
        ValueError: different lengths, non-finite numbers, all w zero, all a zero.
    """

    a: ArrayLike
    w: ArrayLike

    def __post_init__(self) -> None:
        a, w = check.real_array("a", self.a, ndim=(1,)), check.points("w", self.w)
        if len(a) != len(w):
            raise ValueError(f"a and w must have the same length, got {len(a)} and {len(w)}")
        if not (a.any() and w.any()):
            raise ValueError("a and w must not all be 0")
        object.__setattr__(self, "a", np.array(a))
        object.__setattr__(self, "w", np.array(w))

    @cached_property
    def sigma_a(self) -> float:
        """Square root of the mean of a^2."""
        return float(np.sqrt(np.mean(np.asarray(self.a) ** 2)))

    @cached_property
    def sigma_w(self) -> float:
        """Square root of the mean square of a component of w."""
        return float(np.sqrt(np.mean(np.asarray(self.w) ** 2)))

    def measures(self, dim: int) -> tuple[Weighted, Weighted]:
        """The distribution of w, and the same weighted with a^2.

        Raises:
            ValueError: w has another dimension.
        """
        w = np.asarray(self.w)
        if w.shape[1] != dim:
            raise ValueError(f"w of the samples has dimension {w.shape[1]}, got dim = {dim}")
        radius = np.linalg.norm(w, axis=1)
        share = np.full(len(radius), 1 / len(radius))
        return Weighted(radius, share), Weighted(radius, np.asarray(self.a) ** 2 * share)
