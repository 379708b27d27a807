"""How well predicted times meet measured ones over many frequencies."""

from dataclasses import dataclass

import numpy as np

from compare.budget import log_times
from compare.distances import Interval
from compare.resampling import bootstrap
from compare.spectra._checks import ArrayLike, Real

LEAST = 3  # frequencies that a slope and its scatter need


@dataclass(frozen=True)
class Agreement:
    """Measured against predicted times, nothing fitted to make them meet.

    Attributes:
        slope: of log measured against log predicted; 1 if the order and the spread are right.
        ratio: median over the frequencies of measured/predicted; 1 if the clock is right.
        frequencies: how many were learned by both, in every seed.
        decades: log10 of the largest predicted time over the least, among these.
        seeds: how many; the intervals are NaN for one alone.
        level: of the intervals.
    """

    slope: Interval
    ratio: Interval
    frequencies: int
    decades: float
    seeds: int
    level: float


def agreement(
    predicted: ArrayLike,
    measured: ArrayLike,
    *,
    level: Real = 0.95,
    resamples: Real = 2000,
    seed: Real = 0,
) -> Agreement:
    """Slope and median ratio of half-learning times, with bootstrap intervals over seeds.

    Both are taken of the geometric mean of the measured times over the seeds: the slope by least
    squares in logarithms, the prediction, which has no scatter, as abscissa. Seeds are drawn again
    with replacement, each with all of its frequencies, as in `compare.distances.over_seeds`.

    Args:
        predicted: times, shape (F,); NaN where a frequency is not learned.
        measured: of networks that differ in their seed, shape (s, F), or (F,) of one.
        level: probability of the intervals, between 0 and 1.
        resamples: how many, at least 1.
        seed: of the draws.

    Returns:
        An `Agreement`. Frequencies that the prediction or any seed did not learn are left out.

    Raises:
        ValueError: if a time is not positive or infinite, the shapes do not match, there is no
            seed, fewer than 3 frequencies are left (later times would show more), or these are
            predicted for one time.
        TypeError: if an argument is of the wrong kind.
    """
    over = bootstrap(level=level, resamples=resamples, seed=seed)
    abscissa, ordinates = log_times("predicted", predicted), log_times("measured", measured)
    if abscissa.ndim != 1 or ordinates.shape[-1:] != abscissa.shape or ordinates.ndim > 2:
        raise ValueError(
            "predicted must have shape (F,) and measured (F,) or (s, F) with the same F, got "
            f"{abscissa.shape} and {ordinates.shape}"
        )
    ordinates = np.atleast_2d(ordinates)
    if len(ordinates) == 0:
        raise ValueError(f"measured must hold at least one seed, got shape {ordinates.shape}")
    learned = np.isfinite(abscissa) & np.isfinite(ordinates).all(axis=0)
    count, seeds = int(learned.sum()), len(ordinates)
    if count < LEAST:
        raise ValueError(
            f"measured and predicted must share at least {LEAST} learned frequencies, got {count} "
            f"of {len(learned)}: record until later times"
        )
    abscissa, ordinates = abscissa[learned], ordinates[:, learned]
    spread = float(np.ptp(abscissa))
    if spread == 0:
        raise ValueError("predicted must hold different times, got one for all frequencies")
    mean = ordinates.mean(axis=0)
    slopes, ratios = np.full((2, 2), np.nan)
    if seeds > 1:
        means = over.shares(seeds) @ ordinates
        slopes = over.limits(_slopes(abscissa, means), seeds)
        ratios = over.limits(_ratios(abscissa, means), seeds)
    return Agreement(
        slope=Interval(_slopes(abscissa, mean), *map(np.asarray, slopes)),
        ratio=Interval(_ratios(abscissa, mean), *map(np.asarray, ratios)),
        frequencies=count,
        decades=float(spread / np.log(10)),
        seeds=seeds,
        level=over.level,
    )


def _slopes(abscissa: np.ndarray, ordinates: np.ndarray) -> np.ndarray:
    """Least-squares slopes of rows (..., F)."""
    centred = abscissa - abscissa.mean()
    return np.asarray(ordinates @ centred / (centred @ centred))


def _ratios(abscissa: np.ndarray, ordinates: np.ndarray) -> np.ndarray:
    """Median over the frequencies of the ratios, not of their logarithms."""
    return np.asarray(np.median(np.exp(ordinates - abscissa), axis=-1))
