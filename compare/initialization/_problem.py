"""What all of it is asked with, checked, and linear flows of many data at once."""

from collections.abc import Iterator

import numpy as np

import lfp
from compare.spectra import _checks as numeric
from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import Kernel

BLOCK = 2**22  # numbers held at a time, unless those of one time are more
ROUNDING = 1e-13  # relative: what evaluating a network or an interpolant may leave


def samples(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, d) and values (n,)."""
    positions, values = check.samples(x, y)
    if values.ndim != 1:
        raise ValueError(f"y must have shape (n,), values of one output, got {values.shape}")
    return positions, values


def places(points: ArrayLike, x: np.ndarray) -> np.ndarray:
    """Points (m, d) of the dimension of the samples."""
    array = check.points("points", points)
    check.same_dimension("points", array, "x", x)
    return array


def target_at(values: ArrayLike, points: np.ndarray) -> np.ndarray:
    """Values (m,) of the target at the points."""
    array = check.real_array("values", values, ndim=(1,))
    if len(array) != len(points):
        raise ValueError(f"values must have shape ({len(points)},) like points, got {array.shape}")
    return array


def instants(ts: ArrayLike) -> np.ndarray:
    """Sorted times (T,), zero or later, infinity included."""
    array = numeric.numbers("ts", ts)
    if array.dtype.kind == "c":
        raise TypeError(f"ts must hold real numbers, got dtype {array.dtype}")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"ts must have shape (T,) with at least one time, got {array.shape}")
    bad = np.isnan(array) | (array < 0)
    if bad.any():
        raise ValueError(f"ts must be zero or later, np.inf for the limit, got {array[bad][0]}")
    if (array[1:] < array[:-1]).any():
        i = int(np.argmax(array[1:] < array[:-1]))
        raise ValueError(f"ts must be sorted, got {array[i]} before {array[i + 1]} at index {i}")
    return array


def initial_values(name: str, function: object, x: np.ndarray) -> np.ndarray:
    """h_ini (n,) at positions (n, d)."""
    if not callable(function):
        raise TypeError(f"{name} must be a function of x, got {function!r:.60}")
    return check.outputs_of(name, function, x)


def check_unlearned(y: np.ndarray, start: np.ndarray, whose: str) -> None:
    """Raise where h_ini (n,) has the values y already, up to rounding."""
    if _same(y, start, 0.0):
        what = "not be zero everywhere" if not start.any() else f"differ from {whose} at x"
        raise ValueError(f"y must {what}: there is nothing to be learned")


def check_seen(end: np.ndarray, start: np.ndarray, learned: np.ndarray) -> None:
    """Raise where the end of a flow is its start at the points, up to rounding.

    Args:
        end, start: at the points, (m,).
        learned: y - h_ini(X), (n,), in whose size an end is rounded.
    """
    if _same(end, start, float(np.linalg.norm(learned))):
        raise ValueError(
            "points must include places where something is learned, got only such where the limit "
            "is the initial output up to rounding"
        )


def _same(first: np.ndarray, second: np.ndarray, size: float) -> bool:
    """Whether they are equal up to the rounding of both, and of numbers of that size."""
    size = max(size, float(np.linalg.norm(first)), float(np.linalg.norm(second)))
    return float(np.linalg.norm(first - second)) <= ROUNDING * size


def each_time(
    kernel: Kernel,
    x: np.ndarray,
    data: np.ndarray,
    points: np.ndarray,
    ts: np.ndarray,
    space: str | lfp.Lattice | None,
) -> Iterator[np.ndarray]:
    """`h(points, t; 0, X, data)` (m, c) of the columns of data (n, c), one time after the other."""
    finite = ts[np.isfinite(ts)]
    if len(finite):
        flow = lfp.solve(kernel, x, data, finite, space=space)
        # the kernel is evaluated once for all times of a block
        times = max(1, BLOCK // (max(len(x), len(points)) * data.shape[1]))
        for start in range(0, len(finite), times):
            yield from flow(points, finite[start : start + times])
    if len(finite) < len(ts):
        limit = lfp.interpolate(kernel, x, data, space=space)(points)
        for _ in range(len(ts) - len(finite)):
            yield limit
