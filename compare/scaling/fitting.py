"""Power laws and exponential decays through measured numbers, with intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from compare.resampling import bootstrap
from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike, Real
from lfp import _checks as lfp_check

LEAST = 3  # points that a line and its scatter need
LEFT = 0.8  # of the decimal digits of a number: 1e-12 in float64, 1.6e-5 in float32


@dataclass(frozen=True)
class Exponent:
    """A power law `value = prefactor at^exponent`.

    Attributes:
        exponent: the power, between its limits `low` and `high`.
        low, high: of the interval.
        prefactor: value of the law at 1.
        scatter: root mean square of log(value/law) over the points.
        points: how many abscissae.
        seeds: how many networks or samples were averaged; 1 without an axis of seeds.
        level: of the interval.
    """

    exponent: float
    low: float
    high: float
    prefactor: float
    scatter: float
    points: int
    seeds: int
    level: float


@dataclass(frozen=True)
class Rate:
    """An exponential decay `value = prefactor exp(-rate t)`.

    Attributes:
        rate: per unit of time, between its limits `low` and `high`.
        low, high: of the interval.
        prefactor: value of the law at t = 0.
        scatter: root mean square of log(value/law) over the recordings used.
        recordings: how many were above the level of rounding.
        level: of the interval.
    """

    rate: float
    low: float
    high: float
    prefactor: float
    scatter: float
    recordings: int
    level: float


def exponent(
    at: ArrayLike,
    values: ArrayLike,
    *,
    level: Real = 0.95,
    resamples: Real = 2000,
    seed: Real = 0,
) -> Exponent:
    """The power p of `value ~ at^p`, by least squares in logarithms.

    With an axis of seeds the law is that of the mean over the seeds, and the interval a bootstrap
    over them: seeds are drawn again with replacement, each with its whole row, so that it does not
    matter whether the numbers of one seed depend on each other; quantiles are widened for few seeds
    as in `compare.distances.over_seeds`. Without it the interval is Student's t for independent
    residuals, so it holds the departure from a power law as well as noise.

    Args:
        at: abscissae, positive, at least 3 different ones, shape (P,).
        values: positive, shape (P,), or (s, P) of s >= 2 seeds.
        level: probability of the interval, between 0 and 1.
        resamples: how many, at least 1.
        seed: of the draws; the same seed gives the same limits.

    Returns:
        An `Exponent`.

    Raises:
        ValueError: if a number is not positive and finite, there are fewer than 3 different
            abscissae, the shapes do not match, there is one seed only, or level is not between 0
            and 1.
        TypeError: if an argument is of the wrong kind.
    """
    abscissae, measured = _positive("at", at), _positive("values", values)
    over = bootstrap(level=level, resamples=resamples, seed=seed)
    if abscissae.ndim != 1 or measured.shape[-1:] != abscissae.shape or measured.ndim > 2:
        raise ValueError(
            "at must have shape (P,) and values (P,) or (s, P) with the same P, got "
            f"{abscissae.shape} and {measured.shape}"
        )
    different = len(np.unique(abscissae))
    if different < LEAST:
        raise ValueError(
            f"at must hold at least {LEAST} different abscissae for an exponent with an interval, "
            f"got {different}: measure at more of them"
        )
    place = np.log(abscissae)
    if measured.ndim == 1:
        slope, height, scatter, half = _line(place, np.log(measured), over.level)
        low, high, seeds = slope - half, slope + half, 1
    else:
        seeds = len(measured)
        if seeds < 2:
            raise ValueError(
                f"values must have at least 2 seeds s in shape (s, P), got {measured.shape}; pass "
                "shape (P,) without an interval over seeds"
            )
        slope, height, scatter, _ = _line(place, np.log(measured.mean(axis=0)), over.level)
        centred = place - place.mean()
        slopes = np.log(over.shares(seeds) @ measured) @ centred / (centred @ centred)
        low, high = (float(limit) for limit in over.limits(slopes, seeds))
    return Exponent(slope, low, high, float(np.exp(height)), scatter, len(place), seeds, over.level)


def rate(ts: ArrayLike, values: ArrayLike, *, level: Real = 0.95) -> Rate:
    """The rate of an exponential decay, by least squares of log(value) against t.

    Recordings after the largest value, from the first one on that is at the level of rounding, are
    left out. This level is 1e-12 of the largest value, and 1.6e-5 where values are of float32. The
    interval is Student's t for independent residuals: it holds the
    departure from one exponential.

    Args:
        ts: increasing times, shape (T,).
        values: an error or a loss at these times, not negative, and positive up to the largest,
            shape (T,), in the precision in which they were computed.
        level: probability of the interval, between 0 and 1.

    Returns:
        A `Rate`; negative where the values grow.

    Raises:
        ValueError: if fewer than 3 recordings are above the level of rounding, a value is
            negative or not finite, or 0 before the largest one, times do not increase, the shapes
            do not match, or level is not between 0 and 1.
        TypeError: if an argument is of the wrong kind.
    """
    times = lfp_check.time_points("ts", ts)
    if (np.diff(times) == 0).any():
        raise ValueError(f"ts must increase, got {times[np.argmin(np.diff(times))]:g} twice")
    recorded = check.finite("values", values, real=True)
    level = lfp_check.number(
        "level", level, allowed="between 0 and 1", valid=lambda value: 0 < value < 1
    )
    if recorded.shape != times.shape:
        raise ValueError(f"values must have shape {times.shape} like ts, got {recorded.shape}")
    if recorded.min() < 0:
        raise ValueError(f"values must not be negative, got {recorded.min():g}")
    share = _rounding(np.asarray(values).dtype)
    peak = int(np.argmax(recorded))  # what grows may begin with less than rounding of its end
    if recorded[peak] > 0 and not recorded[:peak].all():
        raise ValueError(
            "values must be positive up to the largest one, got 0 at index "
            f"{int(np.argmin(recorded[:peak]))}"
        )
    rounding = recorded[peak:] <= share * recorded[peak]
    count = peak + int(np.argmax(rounding)) if rounding.any() else len(times)
    if count < LEAST:
        raise ValueError(
            f"values must have at least {LEAST} recordings before the first at the level of "
            f"rounding, {share:.2g} of the largest, to give a rate, got {count} of {len(times)}: "
            "choose ts closer together, within a few times 1/rate"
        )
    slope, height, scatter, half = _line(times[:count], np.log(recorded[:count]), level)
    prefactor = float(np.exp(height))
    return Rate(-slope, -slope - half, -slope + half, prefactor, scatter, count, level)


def _line(
    place: np.ndarray, heights: np.ndarray, level: float
) -> tuple[float, float, float, float]:
    """Slope, height at 0, root mean square residual, half the interval of the slope."""
    centred = place - place.mean()
    square = float(centred @ centred)
    slope = float(centred @ heights) / square
    residual = heights - heights.mean() - slope * centred
    left = float(residual @ residual)
    half = stats.t.ppf((1 + level) / 2, len(place) - 2) * np.sqrt(left / (len(place) - 2) / square)
    height = float(heights.mean()) - slope * float(place.mean())
    return slope, height, float(np.sqrt(left / len(place))), float(half)


def _positive(name: str, value: ArrayLike) -> np.ndarray:
    """Positive finite numbers."""
    array = check.finite(name, value, real=True)
    if not (array > 0).all():
        place = tuple(int(i) for i in np.argwhere(array <= 0)[0])
        raise ValueError(f"{name} must be positive, got {array[place]:g} at index {place}")
    return array


def _rounding(dtype: np.dtype) -> float:
    """Share of the largest number at which others of its dtype are taken for rounding."""
    digits = np.finfo(dtype if dtype in (np.float16, np.float32) else np.float64).precision
    return float(10 ** (-LEFT * digits))
