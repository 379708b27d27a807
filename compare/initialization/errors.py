"""Theorem 3: the error that random initial outputs add, in expectation and over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

import lfp
from compare import distances
from compare.distances import Interval
from compare.initialization import _problem as problem
from compare.initialization.expectation import Covariance, additional_error
from compare.spectra._checks import Real
from lfp._checks import ArrayLike
from lfp.choice import Kernel


@dataclass(frozen=True)
class ExpectedError:
    """Squared errors at each point in expectation over the initial output.

    Attributes:
        ts: times (T,).
        unbiased: `|h(.; 0, X, Y) - f|^2`, (T, m), that of the flow from zero.
        additional: `E |h_ini - h(.; 0, X, h_ini(X))|^2`, (T, m).
    """

    ts: Float[np.ndarray, " T"]
    unbiased: Float[np.ndarray, "T m"]
    additional: Float[np.ndarray, "T m"]

    @property
    def total(self) -> Float[np.ndarray, "T m"]:
        """`E |h(.; h_ini, X, Y) - f|^2`, (T, m): the two add up."""
        return self.unbiased + self.additional


def expected_error(
    kernel: Kernel,
    covariance: Covariance,
    x: ArrayLike,
    y: ArrayLike,
    points: ArrayLike,
    values: ArrayLike,
    *,
    ts: ArrayLike = (np.inf,),
    space: str | lfp.Lattice | None = None,
) -> ExpectedError:
    """Expected squared error of the flow from a random unbiased initial output (Theorem 3)::

        E |h(.; h_ini, X, Y) - f|^2 = |h(.; 0, X, Y) - f|^2 + E |h_ini - h(.; 0, X, h_ini(X))|^2

    at each point, as `E h_ini = 0` and h_ini is independent of the data; Y = f(X) in the theorem,
    Y with noise just as well. Means over points that fill Omega are those of the theorem.

    Args:
        kernel, covariance, x, points, ts, space: as for `additional_error`.
        y: values (n,).
        values: f at the points, (m,).

    Raises:
        ValueError, TypeError: as `additional_error`; values that do not match the points.
    """
    positions, known = problem.samples(x, y)
    where, times = problem.places(points, positions), problem.instants(ts)
    target = problem.target_at(values, where)
    learned = problem.each_time(kernel, positions, known[:, None], where, times, space)
    unbiased = np.stack([(part[:, 0] - target) ** 2 for part in learned])
    left = additional_error(kernel, covariance, positions, where, ts=times, space=space)
    return ExpectedError(times, unbiased, left)


@dataclass(frozen=True)
class ErrorOverSeeds:
    """Mean squared errors over the points, of several initial outputs.

    Attributes:
        ts: times (T,).
        unbiased: of the flow from zero, (T,).
        additional: mean square of `h_ini - h(.; 0, X, h_ini(X))` of each seed, (s, T).
        total: of `h(.; h_ini, X, Y) - f` of each seed, (s, T).
        additional_mean, total_mean: over the seeds, each an `Interval` of shape (T,).
    """

    ts: Float[np.ndarray, " T"]
    unbiased: Float[np.ndarray, " T"]
    additional: Float[np.ndarray, "s T"]
    total: Float[np.ndarray, "s T"]
    additional_mean: Interval
    total_mean: Interval


def error_over_seeds(
    kernel: Kernel,
    initials: Any,
    x: ArrayLike,
    y: ArrayLike,
    points: ArrayLike,
    values: ArrayLike,
    *,
    ts: ArrayLike = (np.inf,),
    space: str | lfp.Lattice | None = None,
    level: Real = 0.95,
) -> ErrorOverSeeds:
    """What `expected_error` expects, measured over initial outputs, with intervals.

    Args:
        kernel, x, y, points, values, ts, space: as for `expected_error`.
        initials: at least 2 functions h_ini, such as fresh networks of different seeds.
        level: of the bootstrap intervals of the means, see `compare.distances.over_seeds`.

    Raises:
        ValueError: as `expected_error`; fewer than 2 initial outputs; level not between 0 and 1.
        TypeError: arguments of a wrong kind.
    """
    positions, known = problem.samples(x, y)
    where, times = problem.places(points, positions), problem.instants(ts)
    target = problem.target_at(values, where)
    if not isinstance(initials, Sequence):
        raise TypeError(f"initials must be a sequence of functions of x, got {initials!r:.60}")
    if len(initials) < 2:
        raise ValueError(f"initials must be at least 2 functions, got {len(initials)}")
    starts, outside = (
        np.stack([problem.initial_values(f"initials[{i}]", h, at) for i, h in enumerate(initials)])
        for at in (positions, where)
    )
    data = np.concatenate([known[:, None], starts.T], axis=1)
    unbiased, additional, total = [], [], []
    for part in problem.each_time(kernel, positions, data, where, times, space):
        wrong, bias = part[:, 0] - target, outside - part[:, 1:].T
        unbiased.append(np.mean(wrong**2))
        additional.append(np.mean(bias**2, axis=1))
        total.append(np.mean((wrong + bias) ** 2, axis=1))
    left, whole = np.stack(additional, axis=1), np.stack(total, axis=1)
    return ErrorOverSeeds(
        ts=times,
        unbiased=np.array(unbiased),
        additional=left,
        total=whole,
        additional_mean=distances.over_seeds(left, level=level).mean,
        total_mean=distances.over_seeds(whole, level=level).mean,
    )
