"""The frequencies that samples resolve, and what becomes of a wave beyond them."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

import lfp
from compare.spectra import _checks as spectra_check
from compare.spectra._checks import Real
from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import Kernel

FINE = 16  # points of the population, a sample and a period of the highest wave
ROUNDING = 1e-12  # of the range of x, within which samples are one
MOST = 1e12  # condition whose singular values rounding leaves 3 digits of
FEWER = "use fewer samples, or a smaller condition"
BLOCK = 2**22  # numbers of the population's waves held at a time


@dataclass(frozen=True)
class FrequencyRange:
    """The effective frequency range of samples in d = 1, in cycles per unit of x.

    Attributes:
        limit: largest frequency of the range.
        nyquist: `n/(2 P)`, half the mean density, which no limit exceeds.
        gap: `1/(2 delta)`, delta the widest gap: below it any samples resolve everything.
        condition: that the range allows.
        period: P, n/(n - 1) times the range of x, n the number of different samples.
    """

    limit: float
    nyquist: float
    gap: float
    condition: float
    period: float


@dataclass(frozen=True)
class ErrorByFrequency:
    """Errors of interpolants of single waves, relative to the wave, root mean square.

    Attributes:
        frequencies: in cycles per unit of x, shape (F,).
        at_samples: over the samples, shape (F,).
        at_population: over a fine grid from the least to the largest x, shape (F,).
        range: the effective frequency range of the samples.
    """

    frequencies: np.ndarray
    at_samples: np.ndarray
    at_population: np.ndarray
    range: FrequencyRange


def effective_range(x: ArrayLike, *, condition: Real = 10.0) -> FrequencyRange:
    """The range of frequencies "beyond which the information of the signal is lost".

    Xu, Zhang, Xiao 2019, section 4, bound it by the sampling theorem for even samples, "or its
    extensions otherwise". Here it is the largest K/P for which the waves `exp(2 pi i k x/P)`,
    `|k| <= K`, can be told apart at the samples: the matrix with rows
    `sqrt(w_i) exp(2 pi i k x_i/P)` has a condition number of at most `condition`, by which errors
    of the data are multiplied at most in the amplitudes. The weights `w_i = (x_(i+1) - x_(i-1))/2`,
    around the period, let clusters count once. Even samples have the condition 1 up to below the
    Nyquist frequency and infinity from it on; for uneven ones the condition is at most
    `(1 + 2 delta xi)/(1 - 2 delta xi)` below `xi = 1/(2 delta)`, delta the widest gap.

    Args:
        x: at least 3 different samples, shape (n,); of more dimensions, positions along a
            direction (`compare.spectra.principal_positions`).
        condition: more than 1 and at most 1e12; errors are multiplied by it at most.

    Returns:
        A `FrequencyRange`; its limit is 0 where not even the first wave is resolved. Samples
        closer than 1e-12 of the range of x, or than the rounding of x, count once.

    Raises:
        ValueError: fewer than 3 different samples, a condition that is not in between, more
            samples than fit in memory (singular values of n rows, 2 K + 1 columns).
        TypeError: if an argument is of the wrong kind.

    Source: H. G. Feichtinger, K. Gröchenig, T. Strohmer, Efficient numerical methods in non-uniform
    sampling theory, Numer. Math. 69, 1995 (weights, and the bound by the widest gap).
    """
    at = _different(spectra_check.line(x))
    condition = check.number(
        "condition",
        condition,
        allowed=f"above 1 and at most {MOST:g}",
        valid=lambda v: 1 < v <= MOST,
    )
    n = len(at)
    if n < 3:
        raise ValueError(f"x must have at least 3 different values, got {n}")
    period = float(n / (n - 1) * np.ptp(at))
    gaps = np.diff(at, append=at[0] + period)
    roots = np.sqrt((gaps + np.roll(gaps, 1)) / 2)
    most = (n - 1) // 2

    def resolved(last: int) -> bool:
        check.fits_in_memory(
            4 * 8 * n * (2 * last + 1), what=f"{last:,} waves at {n:,} samples", instead=FEWER
        )
        angle = 2 * np.pi / period * np.outer(at - at[0], np.arange(1, last + 1))
        # cos and sin in place of exp(+-): the same singular values, of a real matrix
        waves = [np.full((n, 1), np.sqrt(0.5)), np.cos(angle), np.sin(angle)]
        sizes = scipy.linalg.svdvals(roots[:, None] * np.concatenate(waves, axis=1))
        return bool(sizes[0] <= condition * sizes[-1])

    # the condition grows with the number of waves; so does the work, most limits are near the
    # bound by the widest gap, and steps of a quarter seldom go far beyond
    assured = (condition - 1) / (condition + 1) * period / (2 * float(gaps.max()))
    low, high = min(int(assured * (1 - 1e-9)), most), most + 1
    while high - low > 1:
        middle = min(low + 1 + low // 4, most) if high > most else (low + high) // 2
        low, high = (middle, high) if resolved(middle) else (low, middle)
    return FrequencyRange(
        low / period, n / (2 * period), 1 / (2 * float(gaps.max())), condition, period
    )


def error_by_frequency(
    law: Kernel, x: ArrayLike, frequencies: ArrayLike, *, condition: Real = 10.0
) -> ErrorByFrequency:
    """Errors at the samples and between them of the limit t -> infinity, for one wave at a time.

    A wave within the effective frequency range is learned everywhere. One beyond is fitted at the
    samples as well, by lower frequencies: at even samples by its alias `xi - j/dx`, which is
    orthogonal to it, so that the error is sqrt2 times the wave, more than that of learning nothing.
    A target with a peak beyond the range fits and does not generalise (Xu, Zhang, Xiao 2019,
    section 4). `E|.|^2` is taken over the phases of the wave as well, and its own mean square is 1.

    Args:
        law: a law or a kernel, as in `lfp.interpolate`.
        x: samples, shape (n,).
        frequencies: in cycles per unit of x, shape (F,).
        condition: of the effective frequency range.

    Returns:
        An `ErrorByFrequency`.

    Raises:
        ValueError: what `effective_range` and `lfp.interpolate` refuse.
        TypeError: if an argument is of the wrong kind.
    """
    found = effective_range(x, condition=condition)
    samples = spectra_check.line(x)
    xi = check.real_array("frequencies", frequencies, ndim=(1,))
    extent = float(np.ptp(samples))
    count = int(FINE * max(len(samples), extent * np.abs(xi).max()))
    rows = max(1, BLOCK // max(len(samples), 2 * len(xi)))

    def waves(at: np.ndarray) -> np.ndarray:
        angle = 2 * np.pi * np.outer(at, xi)
        return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)

    limit = lfp.interpolate(law, samples, waves(samples))

    def squares(at: np.ndarray) -> np.ndarray:
        left = (limit(at) - waves(at)) ** 2
        return left.sum(axis=0).reshape(2, -1).sum(axis=0)

    population = sum(
        squares(samples.min() + extent * (np.arange(start, min(start + rows, count)) + 0.5) / count)
        for start in range(0, count, rows)
    )
    return ErrorByFrequency(
        xi, np.sqrt(squares(samples) / len(samples)), np.sqrt(population / count), found
    )


def _different(x: np.ndarray) -> np.ndarray:
    """Ascending positions, one of those that are the same up to rounding."""
    at = np.sort(x)
    rounding = max(ROUNDING * float(np.ptp(at)), 4 * np.finfo(float).eps * np.abs(at).max())
    return at[np.diff(at, prepend=-np.inf) > rounding]
