"""A lattice of frequencies k/P in one to three dimensions, and the coefficients of a law on it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.laws import Law
from lfp.spaces.realmodes import half_lattice
from lfp.windowed import windowed_transform

KINDS = ("free", "torus")
FLAT_SHARE = 1 / 3  # the window is 1 up to this share of the period if the cutoff resolves it
RESOLVED_WINDOW = 14  # (width of the window's transition) x (largest frequency) that resolves it
ROOM = 3.0  # default period, in extents of the data
LEAST_CUTOFF = 84  # resolves the window of a free lattice with that period: 6 x 14
HISTOGRAM = 20_000  # samples that are looked at for their density
DISCRETISATION_ERROR = 0.01  # of the outputs, at which a cutoff counts as not resolved


@dataclass(frozen=True)
class Lattice:
    """Frequencies `xi_k = k / period`, integer vectors k with `|k|_inf <= cutoff`, d = 1, 2, 3.

    kind="free" represents the law of free space: its radial pieces in real space are multiplied
    by a smooth window that is 1 on all differences of samples and 0 at half a period, and
    expanded in a Fourier series; the affine part is added at k = 0. The period must exceed twice
    the diameter of the data (three times is comfortable). The window falls to 0 over at least 14
    of the shortest periods, P/N, where the data allow it. A function learned on the lattice may
    be evaluated wherever all differences to the samples stay within `reach`: a third of the
    period or the diameter of the data, if larger; less if the cutoff is small.

    kind="torus" has the coefficients `A(xi_k)/P^d` and `B(xi_k)/P^d` of the papers' sums over
    `Z^d*`, and no affine part. It is another law than that of free space at intermediate
    times, since the periodised `|z|^3` carries a `z^2` term. `zero_mode` says what happens to
    the constant, k = 0.

    Args:
        period: P, in units of x, the same in every direction.
        cutoff: N >= 1; the largest frequency in each direction is N / P.
        kind: "free" or "torus".
        zero_mode: torus only: "excluded" (the constant is never learned), "free" (it is
            not penalised: learned at once), or its rate, a positive number.

    Raises:
        ValueError: period not positive, cutoff < 1, unknown kind or zero_mode.
    """

    period: check.Number
    cutoff: check.Integer
    kind: str = "free"
    zero_mode: str | check.Number = "excluded"

    def __post_init__(self) -> None:
        object.__setattr__(self, "period", check.positive("period", self.period))
        object.__setattr__(self, "cutoff", check.integer("cutoff", self.cutoff, least=1))
        check.choice("kind", self.kind, KINDS)
        if isinstance(self.zero_mode, str):
            if self.zero_mode not in ("excluded", "free"):
                raise ValueError(
                    f"zero_mode must be 'excluded', 'free' or a positive rate, "
                    f"got {self.zero_mode!r}"
                )
        else:
            object.__setattr__(self, "zero_mode", check.positive("zero_mode", self.zero_mode))
        if self.kind == "free" and self.zero_mode != "excluded":
            raise ValueError(
                f"zero_mode must be left out for kind='free', got {self.zero_mode!r}: "
                f"the law's own affine part is used"
            )

    @classmethod
    def resolving(
        cls,
        law: Law,
        x: ArrayLike,
        last: check.Number,
        *,
        error: check.Number = DISCRETISATION_ERROR,
        kind: str = "free",
    ) -> "Lattice":
        """The smallest lattice that resolves a law on samples x until the time `last`.

        A frequency with `gamma^2(xi) t` much smaller than 1 has not moved. By Duhamel's formula
        the modes left out change the outputs by at most `t |K_tail|/n`, relative to the data;
        `tail_norm` bounds it by the largest rate left out times the density of the samples (taken
        from a histogram here) and by their sum. The bound is pessimistic for smooth data.

        Args:
            law: a law.
            x: positions `(n, d)`, or `(n,)` when d = 1.
            last: time t > 0.
            error: the bound allowed, between 0 and 1.
            kind: "free" (period: three diameters of the data) or "torus" (twice the extent).

        Raises:
            ValueError: bad arguments, d > 3, more modes than this machine's memory holds.
        """
        if not isinstance(law, Law):
            raise TypeError(f"law must be a law such as TwoLayer on a Lattice, got {law!r}")
        positions = check.points("x", x)
        last = check.positive("last", last)
        error = check.number("error", error, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)
        check.choice("kind", kind, KINDS)
        dim = _dimension(positions)
        extent = _diameter(positions) if kind == "free" else float(np.ptp(positions, axis=0).max())
        period = (ROOM if kind == "free" else 2.0) * (extent or 1.0)
        density = _largest_share(positions, period)
        square = check.largest_square(positions)

        def bound(cutoff: int) -> float:
            # seen by this cutoff: single samples, and three standard deviations of their number
            grain = (4 * cutoff + 1) ** dim / len(positions)
            peak = density + 3 * np.sqrt(density * grain) + grain
            tail = tail_of_law(law, period, cutoff, dim, square)
            return last * tail_norm(*tail, peak, positions.shape)

        low, high = LEAST_CUTOFF, 2 * LEAST_CUTOFF
        if bound(low) > error:
            while bound(high) > error:
                low, high = high, 2 * high
                check.fits_in_memory(
                    16 * (1 + dim) * (4 * high) ** dim,
                    what=f"{(1 + dim) * (2 * high + 1) ** dim:,} modes",
                    instead="ask for an earlier last time, or for a lattice of your own cutoff",
                )
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if bound(middle) <= error else (middle, high)
            low = high
        return cls(period, low, kind)

    def tail(
        self, law: Law, dim: int, reach: float, square: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """`|k|` beyond the cutoff and the coefficients left out there, at `|x|^2` = square.

        Those of the law, and on a free lattice those of its window, where they are larger: a
        window that the cutoff does not resolve.
        """
        k, rate = tail_of_law(law, float(self.period), int(self.cutoff), dim, square)
        if self.kind == "torus":
            return k, rate
        near = np.arange(self.cutoff + 1, 4 * self.cutoff + 1)
        if dim > 1:
            near = np.unique(np.geomspace(near[0], near[-1], 60).astype(np.int64))
        wave_numbers = np.arange(near[-1] + 1) if dim == 1 else near
        stationary, modulated = self._windowed(law, dim, reach, wave_numbers**2)
        size = np.abs(stationary) + square * np.abs(modulated)
        largest = np.interp(k, near, size[-len(near) :], right=0.0)
        return k, np.maximum(rate, largest)

    def _windowed(
        self, law: Law, dim: int, reach: float, square: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of the windowed pieces at `|k|^2` = square."""
        period = float(self.period)
        stationary = windowed_transform(
            lambda r: law.pieces(r, dim)[0], reach, period / 2, square, period, dim
        )
        if not law.has_divergence:
            return stationary, np.zeros_like(stationary)
        return stationary, windowed_transform(
            lambda r: law.pieces(r, dim)[1], reach, period / 2, square, period, dim
        )

    @property
    def frequencies(self) -> np.ndarray:
        """`k / period` for k from -cutoff to cutoff, of one axis, shape `(2 cutoff + 1,)`."""
        return np.arange(-self.cutoff, self.cutoff + 1) / self.period

    def reach(self, x: ArrayLike) -> float:
        """Largest difference at which the lattice kernel still is the law's, for samples x.

        Raises:
            ValueError: the period is too small for x, or x has more than three dimensions.
        """
        x = check.points("x", x)
        _dimension(x)
        free = self.kind == "free"
        extent = _diameter(x) if free else float(np.ptp(x, axis=0).max())
        least = 2 * extent if free else extent
        if self.period <= least:
            raise ValueError(
                f"period must exceed {least:g} for samples with an extent of {extent:g} "
                f"and kind={self.kind!r}, got {self.period:g}"
            )
        if not free:
            return float(self.period)
        resolved = self.period / 2 - RESOLVED_WINDOW * self.period / self.cutoff
        return float(max(extent, min(FLAT_SHARE * self.period, resolved)))

    def coefficients(self, law: Law, dim: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of a law for the real modes of `realmodes`, each `(M,)`.

        Returns `(stationary, modulated)`: the kernel on the samples is
        `sum_k (stationary_k + x.x' modulated_k) exp(2 pi i k.(x' - x)/P)`. `stationary` stands
        for A + B, `modulated` for B where the law has the divergence term; the affine part of a
        free lattice is in their first entries, k = 0, infinite where it is not penalised.
        """
        square, place = _squares(int(self.cutoff), dim)
        period = float(self.period)
        if self.kind == "torus":
            a_rate, b_rate = law.rates(np.sqrt(square[1:]) / period, dim)
            named = {"excluded": 0.0, "free": np.inf}
            zero = float(named.get(str(self.zero_mode), self.zero_mode))
            stationary = np.concatenate([[zero], (a_rate + b_rate) / period**dim])
            modulated = np.concatenate([[0.0], law.has_divergence * b_rate / period**dim])
        else:
            stationary, modulated = self._windowed(law, dim, reach, square)
            constant, slope = law.affine(dim)
            stationary[0] += constant
            modulated[0] += slope
        return stationary[place], modulated[place]


def tail_norm(k: np.ndarray, rate: np.ndarray, density: float, shape: tuple[int, int]) -> float:
    """A bound of the norm of K_tail(X, X)/n, from the coefficients of the modes beyond a cutoff.

    Samples close together see the largest coefficient times their density (relative to an even one
    over the period), a single one the sum of all coefficients divided by n.

    Args:
        k: `|k|` from the cutoff on, ascending.
        rate: coefficients there, times `1 + |x|^2` where the law has the divergence term.
        density, shape: of the samples.
    """
    n, dim = shape
    sphere = {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}[dim]
    total = np.trapezoid(sphere * k**dim * rate, np.log(k))
    return float(rate.max() * density + total / n)


def tail_of_law(
    law: Law, period: float, cutoff: int, dim: int, square: float
) -> tuple[np.ndarray, np.ndarray]:
    """`|k|` beyond a cutoff and the law's rates there, divided by P^d, at `|x|^2` = square."""
    k = np.geomspace(cutoff + 1, 1e3 * (cutoff + 1), 200)
    a_rate, b_rate = law.rates(k / period, dim)
    return k, (a_rate + b_rate * (1 + square * law.has_divergence)) / period**dim


@lru_cache(maxsize=8)
def _squares(cutoff: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """The different `|k|^2`, ascending, and for every real mode where its own stands."""
    norms = np.einsum("kd,kd->k", *2 * [half_lattice(cutoff, dim).astype(np.int64)])
    square, place = np.unique(np.concatenate([[0], norms]), return_inverse=True)
    return square, np.concatenate([place, place[1:]])


def _dimension(x: np.ndarray) -> int:
    if x.shape[1] > 3:
        raise ValueError(f"x must have dimension 1, 2 or 3 on a Lattice, got {x.shape[1]}")
    return x.shape[1]


def _diameter(x: np.ndarray) -> float:
    """A bound of the largest distance between two samples, exact in d = 1."""
    low, high = x.min(axis=0), x.max(axis=0)
    if x.shape[1] == 1:
        return float(high[0] - low[0])
    ball = 2 * np.sqrt(check.largest_square(x - (low + high) / 2))
    return float(min(np.linalg.norm(high - low), ball))


def _largest_share(x: np.ndarray, period: float) -> float:
    """Largest density of samples, relative to an even one over the period."""
    x = x[:: max(1, len(x) // HISTOGRAM)]
    dim = x.shape[1]
    bins = int(np.clip((len(x) / 8) ** (1 / dim), 1, 32))
    counts, edges = np.histogramdd(x, bins=bins)
    volume = np.prod([max(edge[1] - edge[0], 1e-3 * period / bins) for edge in edges])
    return float(max(1.0, counts.max() / len(x) * period**dim / volume))
