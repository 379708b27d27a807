"""How far one trajectory is from another, over samples or frequencies, and over seeds."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compare.resampling import bootstrap
from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike, Real


def distance(
    first: ArrayLike, second: ArrayLike, *, target: ArrayLike, initial: ArrayLike = 0.0
) -> Float[np.ndarray, "*batch T"]:
    """`d(t) = |a(t) - b(t)| / |f - h(0)|`: what lies between two flows, of what is to be learned.

    Norms are root sums of squares over the last axis: outputs at the samples, or spectra at some
    frequencies. With all of `compare.spectra.dft` the two are the same number by Plancherel's
    identity. Over all times the distance is the largest d(t), which does not depend on how the
    recordings are spaced once they are dense.

    Args:
        first, second: a and b at the same times, real or complex, shape (..., T, n); they
            broadcast, so that one trajectory of theory meets those of many networks.
        target: f at the same samples or frequencies, shape (n,) or (..., n).
        initial: what the flows start from, shape (n,) or (..., n); 0, of antisymmetric networks.

    Returns:
        Shape (..., T), without unit; NaN where a trajectory is, as after a failed training.

    Raises:
        ValueError: if shapes do not match, target or initial are not finite, or target equals
            initial, which leaves nothing to be learned.
        TypeError: if they are not numbers.
    """
    first, second = check.numbers("first", first), check.numbers("second", second)
    target, initial = check.finite("target", target), check.finite("initial", initial)
    if first.ndim < 2 or second.ndim < 2 or first.shape[-2:] != second.shape[-2:]:
        raise ValueError(
            "first and second must have shape (..., T, n) with the same T and n, "
            f"got {first.shape} and {second.shape}"
        )
    n = first.shape[-1]
    for name, array in (("target", target), ("initial", initial)):
        if array.shape[-1:] != (n,) and (name == "target" or array.ndim > 0):
            raise ValueError(f"{name} must have shape (..., {n}) like first, got {array.shape}")
    scale = np.asarray(np.linalg.norm(target - initial, axis=-1))
    if not scale.all():
        raise ValueError("target must differ from initial: there is nothing to be learned")
    try:
        return np.linalg.norm(first - second, axis=-1) / scale[..., None]
    except ValueError:
        raise ValueError(
            "first, second, target and initial must broadcast, got "
            f"{first.shape}, {second.shape}, {target.shape} and {initial.shape}"
        ) from None


@dataclass(frozen=True)
class Interval:
    """A number, or an array of them, between its confidence limits."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class OverSeeds:
    """Distances of networks that differ in their seed.

    Attributes:
        mean: over the seeds, at each time, shape (..., T).
        largest: largest over time of that mean, shape (...,).
        seeds: how many.
        level: of the intervals.
    """

    mean: Interval
    largest: Interval
    seeds: int
    level: float


def over_seeds(
    distances: ArrayLike, *, level: Real = 0.95, resamples: Real = 2000, seed: Real = 0
) -> OverSeeds:
    """Mean over seeds at each time and its largest over time, with bootstrap intervals.

    Seeds are drawn again with replacement, each with its whole trajectory, and both numbers taken
    of every such sample. The limits are quantiles of these, at levels widened for few seeds
    (Hesterberg 2015, What teachers should know about the bootstrap, The American Statistician 69,
    "expanded percentile interval"): plain ones, of a spread that is too small by
    `sqrt((s - 1)/s)`, cover less than they say. No limit can lie beyond the least and
    the largest seed: of normal numbers, intervals of level 0.95 hold the mean in 74, 87, 92, 93,
    94 % of the cases for 3, 4, 6, 8, 16 seeds.

    Args:
        distances: of `distance`, or any other number of a trajectory, shape (s, ..., T).
        level: probability that an interval holds the mean over all seeds, between 0 and 1.
        resamples: how many, at least 1.
        seed: of the draws; the same seed gives the same limits.

    Returns:
        An `OverSeeds`; NaN where a seed is NaN, because the largest may have been to come.

    Raises:
        ValueError: if there are fewer than 2 seeds, no time, or level is not between 0 and 1.
        TypeError: if an argument is of the wrong kind.
    """
    values = check.numbers("distances", distances)
    if values.dtype.kind == "c":
        raise TypeError(f"distances must hold real numbers, got dtype {values.dtype}")
    over = bootstrap(level=level, resamples=resamples, seed=seed)
    if values.ndim < 2 or len(values) < 2 or values.size == 0:
        raise ValueError(
            f"distances must have shape (s, ..., T) with at least 2 seeds s, got {values.shape}"
        )
    count, *batch, times = values.shape
    shares = over.shares(count)
    curves = values.reshape(count, -1, times)
    limits = np.empty((2, curves.shape[1], times))
    largest = np.empty((2, curves.shape[1]))
    for i in range(curves.shape[1]):  # one trajectory's resamples at a time
        means = shares @ curves[:, i]
        limits[:, i] = over.limits(means, count)
        largest[:, i] = over.limits(means.max(axis=1), count)
    mean = values.mean(axis=0)
    low, high = limits.reshape(2, *batch, times)
    least, most = largest.reshape(2, *batch)
    return OverSeeds(
        mean=Interval(mean, low, high),
        largest=Interval(*map(np.asarray, (mean.max(axis=-1), least, most))),
        seeds=count,
        level=over.level,
    )
