"""A lattice of frequencies k/P in one dimension, and the coefficients of a law on it."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.laws import TwoLayer

KINDS = ("free", "torus")
FLAT_SHARE = 1 / 3  # the window is 1 up to this share of the period where the data allow it


@dataclass(frozen=True)
class Lattice:
    """Frequencies `xi_k = k / period`, integer `|k| <= cutoff`, for samples in d = 1.

    kind="free" represents the law of free space: its real-space pieces are multiplied by a
    smooth window that is 1 on all differences of samples and 0 at half a period, and
    expanded in a Fourier series; the affine part is carried as explicit features. The
    period must exceed twice the extent of the data (three times is comfortable), and
    `cutoff` is well chosen when (width of the window's transition) x (largest frequency) is
    at least 14. A function learned on it may be evaluated wherever all differences to the
    samples stay below a third of the period (or below the extent of the data, if larger).

    kind="torus" has the coefficients `A(xi_k)/P` and `B(xi_k)/P` of the papers' sums over
    `Z*`, and no affine features. It is another law than that of free space at intermediate
    times, since the periodised `|z|^3` carries a `z^2` term. `zero_mode` says what happens to
    the constant, k = 0.

    Args:
        period: P, in units of x.
        cutoff: N >= 1; the largest frequency is N / P.
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

    @property
    def frequencies(self) -> np.ndarray:
        """`k / period` for k from -cutoff to cutoff, shape `(2 cutoff + 1,)`."""
        return np.arange(-self.cutoff, self.cutoff + 1) / self.period

    def reach(self, x: ArrayLike) -> float:
        """Largest difference at which the lattice kernel still is the law's, for samples x.

        Raises:
            ValueError: the period is too small for x, or x is not one-dimensional.
        """
        x = check.points("x", x)
        if x.shape[1] != 1:
            raise ValueError(f"x must have dimension 1 on a Lattice, got {x.shape[1]}")
        extent = float(np.ptp(x))
        least = 2 * extent if self.kind == "free" else extent
        if self.period <= least:
            raise ValueError(
                f"period must exceed {least:g} for samples with an extent of {extent:g} "
                f"and kind={self.kind!r}, got {self.period:g}"
            )
        if self.kind == "torus":
            return float(self.period)
        return max(extent, FLAT_SHARE * float(self.period))

    def coefficients(self, law: TwoLayer, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of the law's radial pieces for k = 0 .. N.

        Returns `(stationary, modulated)`, each `(cutoff + 1,)`: the kernel on the samples is
        `sum_k (stationary_k + x x' modulated_k) exp(2 pi i k (x' - x)/P)` plus, on a free
        lattice, the affine part. `stationary` stands for A + B, `modulated` for B.
        """
        if self.kind == "torus":
            a_rate, b_rate = law.rates(np.arange(1, self.cutoff + 1) / self.period, 1)
            zero = self.zero_mode if isinstance(self.zero_mode, float) else 0.0
            modulated = np.concatenate([[0.0], b_rate / self.period])
            return np.concatenate([[zero], (a_rate + b_rate) / self.period]), modulated
        cubic, linear, _ = law.powers(1)
        distance, cube = _windowed_powers(float(self.period), int(self.cutoff), reach)
        return cubic * cube - linear * distance, -linear * distance


def _windowed_powers(period: float, cutoff: int, flat: float) -> tuple[np.ndarray, np.ndarray]:
    """Fourier coefficients, k = 0 .. N, of `w(z)|z|` and `w(z)|z|^3` over one period.

    The kinks at z = 0 are those of `-P B_2(z/P)` and `-(P^3/2) B_4(z/P)` with the Bernoulli
    polynomials, whose coefficients are known; what remains is smooth, and a cosine
    transform gives its coefficients.
    """
    size = 2 ** int(np.ceil(np.log2(max(8 * cutoff, 4096))))  # steps in half a period
    z = np.arange(size + 1) / size * (period / 2)
    window = _window((z - flat) / (period / 2 - flat))
    u = z / period
    bernoulli2 = u**2 - u + 1 / 6
    bernoulli4 = u**4 - 2 * u**3 + u**2 - 1 / 30
    smooth1 = window * z + period * bernoulli2
    smooth3 = window * z**3 + period**3 / 2 * bernoulli4
    rest1, rest3 = (dct(values, type=1)[: cutoff + 1] / (2 * size) for values in (smooth1, smooth3))
    k = np.arange(1.0, cutoff + 1)  # float: k^4 overflows an integer
    rest1[1:] -= period / (2 * np.pi**2 * k**2)
    rest3[1:] += 3 * period**3 / (4 * np.pi**4 * k**4)
    return rest1, rest3


def _window(s: np.ndarray) -> np.ndarray:
    """Smooth step, infinitely differentiable: 1 for s <= 0, 0 for s >= 1."""
    s = np.clip(s, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        falling, rising = np.exp(-1 / (1 - s)), np.exp(-1 / s)
    return falling / (falling + rising)
