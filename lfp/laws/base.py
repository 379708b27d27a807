"""What every law tells the flow about itself."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist

from lfp import _checks as check
from lfp._checks import ArrayLike


class Law(ABC):
    """A law of linear frequency-principle dynamics, in Fourier and in real space::

        d/dt h^ = -(A + B) u_rho^ + div( (B / 4 pi^2) grad u_rho^ ),    u = h - f*,
        K(x, x') = c_1 + c_x x.x' + k_s(|z|) + x.x' k_m(|z|),           z = x' - x,

    with `u_rho = (1/n) sum_i u(x_i) delta(x - x_i)`. `rates` are A and B, `affine` is
    `(c_1, c_x)`, `pieces` are `(k_s, k_m)`: away from xi = 0, A + B is the Fourier transform of
    k_s, and B, for a law with the divergence term, that of k_m.

    A law of one's own is a subclass with the abstract methods below. What its `rates`, `affine`
    and `pieces` return is checked at every call: ValueError where it is not a pair of the
    right shape, where something is not a number, or a rate is negative.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "rates" in cls.__dict__:
            cls.rates = _checked_rates(cls.rates)
        if "affine" in cls.__dict__:
            cls.affine = _checked_affine(cls.affine)
        if "pieces" in cls.__dict__:
            cls.pieces = _checked_pieces(cls.pieces)

    @abstractmethod
    def rates(self, xi: ArrayLike, dim: check.Integer) -> tuple[np.ndarray, np.ndarray]:
        """Rates `(A, B)` at `|xi|` > 0, each of the shape of xi."""

    @abstractmethod
    def affine(self, dim: check.Integer) -> tuple[float, float]:
        """`(c_1, c_x)`; 0 where a function is absent, infinite where it is not penalised."""

    @abstractmethod
    def pieces(self, distance: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """`(k_s, k_m)` at distances >= 0, each of their shape."""

    def powers(self, dim: check.Integer) -> tuple[float, float, float] | None:
        """`(c_3, c_1, c_m)` where `k_s = c_3 r^3 - c_1 r` and `k_m = -c_m r`; else None."""
        return None

    @property
    @abstractmethod
    def has_divergence(self) -> bool:
        """Whether the law has the divergence term, and k_m is not zero."""

    def validity(self, x: ArrayLike) -> float:
        """Control parameter of the approximation that the law makes; NaN where it makes none."""
        check.points("x", x)
        return np.nan

    def kernel(self, x1: ArrayLike, x2: ArrayLike) -> np.ndarray:
        """The kernel K in real space, affine part included where it is finite.

        Args:
            x1, x2: positions `(n1, d)` and `(n2, d)`, or `(n1,)` and `(n2,)` when d = 1.

        Returns:
            `(n1, n2)`. Where the law leaves affine functions unpenalised (`affine` infinite)
            they are not in it, and K is positive only on data orthogonal to them.

        Raises:
            ValueError: non-finite or empty positions, different dimensions, a dimension in
                which the law has no kernel.
        """
        x1, x2 = pair(x1, x2)
        constant, slope = (c if np.isfinite(c) else 0.0 for c in self.affine(x1.shape[1]))
        return constant + slope * (x1 @ x2.T) + self.radial(x1, x2)

    def radial(self, x1: ArrayLike, x2: ArrayLike) -> np.ndarray:
        """The kernel without its affine part, `k_s(|z|) + x.x' k_m(|z|)`, `(n1, n2)`.

        Arguments and errors as for `kernel`. Alone it may be indefinite.
        """
        x1, x2 = pair(x1, x2)
        stationary, modulated = self.pieces(cdist(x1, x2), x1.shape[1])
        return stationary + (x1 @ x2.T) * modulated if self.has_divergence else stationary


def nonzero_frequency(xi: ArrayLike, dim: check.Integer) -> tuple[np.ndarray, int]:
    """`|xi|` > 0 as an array, and the dimension."""
    frequency = np.asarray(np.abs(check.real_array("xi", xi, ndim=(0, 1, 2, 3))))
    d = check.integer("dim", dim, least=1)
    if (frequency == 0).any():
        raise ValueError("xi must not be 0: what happens there is the affine part of the law")
    return frequency, d


def _checked_rates(rates: Callable) -> Callable:
    """`rates` of a subclass, with a check of what it returns."""

    @functools.wraps(rates)
    def checked(self: Law, xi: ArrayLike, dim: check.Integer) -> tuple[np.ndarray, np.ndarray]:
        result = rates(self, xi, dim)
        _check_pair(f"{type(self).__name__}.rates", result, np.shape(xi))
        for name, rate in zip("AB", result, strict=True):
            bad = ~(np.asarray(rate) >= 0)  # NaN too
            if bad.any():
                raise ValueError(
                    f"the rates of a law must not be negative, got {name} = "
                    f"{np.asarray(rate)[bad].flat[0]} at xi = {np.asarray(xi)[bad].flat[0]} from "
                    f"{type(self).__name__}.rates"
                )
        return result

    return checked


def _checked_affine(affine: Callable) -> Callable:
    """`affine` of a subclass, with a check of what it returns."""

    @functools.wraps(affine)
    def checked(self: Law, dim: check.Integer) -> tuple[float, float]:
        result = affine(self, dim)
        _check_pair(f"{type(self).__name__}.affine", result, ())
        if np.isnan(result).any():
            raise ValueError(f"{type(self).__name__}.affine must return numbers, got {result}")
        if min(result) < 0:
            raise ValueError(
                f"{type(self).__name__}.affine must return coefficients of at least 0, got {result}"
            )
        return result

    return checked


def _checked_pieces(pieces: Callable) -> Callable:
    """`pieces` of a subclass, with a check of what it returns."""

    @functools.wraps(pieces)
    def checked(self: Law, distance: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        result = pieces(self, distance, dim)
        _check_pair(f"{type(self).__name__}.pieces", result, np.shape(distance))
        bad = np.isnan(result).any(axis=0)
        if bad.any():
            raise ValueError(
                f"{type(self).__name__}.pieces must return numbers, got nan at distance "
                f"{np.asarray(distance)[bad].flat[0]}"
            )
        return result

    return checked


def _check_pair(method: str, result: object, shape: tuple[int, ...]) -> None:
    """Raise unless a user's method returned two arrays, or numbers, of this shape."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise ValueError(f"{method} must return a tuple of two, got {type(result).__name__}")
    for values in result:
        real = isinstance(values, (np.ndarray, np.number, float, int))
        if not real or np.shape(values) != shape or np.asarray(values).dtype.kind not in "fiu":
            got = f"shape {np.shape(values)}" if real else type(values).__name__
            raise ValueError(f"{method} must return two real arrays of shape {shape}, got {got}")


def pair(x1: ArrayLike, x2: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Positions of one dimension."""
    first, second = check.points("x1", x1), check.points("x2", x2)
    check.same_dimension("x1", first, "x2", second)
    return first, second
