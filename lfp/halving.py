"""When something has fallen to half: the one definition used for theory and networks."""

import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike


def half_times(ts: ArrayLike, relative_error: ArrayLike) -> np.ndarray:
    """First time at which a relative error is at most 1/2, interpolated in log t.

    Args:
        ts: sorted times `(T,)`, none negative.
        relative_error: `(..., T, F)`; NaN, where it is not known, counts as above 1/2.

    Returns:
        `(..., F)`; NaN where the error stays above 1/2 (nothing is extrapolated), the first
        time where it is at most 1/2 from the start, the time itself after an unknown value.
        Where the time before the crossing is 0 the interpolation is in t.

    Raises:
        ValueError: unsorted, negative or non-finite times; another number of rows than times.
    """
    times = check.time_points("ts", ts)
    error = np.asarray(relative_error)
    if error.dtype.kind not in "fiu":
        raise TypeError(f"relative_error must hold real numbers, got dtype {error.dtype}")
    error = error.astype(np.float64)
    if error.ndim < 2 or error.shape[-2] != len(times):
        raise ValueError(
            f"relative_error must have shape (..., {len(times)}, F) for these ts, got {error.shape}"
        )
    below = error <= 0.5
    after = np.argmax(below, axis=-2)
    before = np.maximum(after - 1, 0)
    late = np.take_along_axis(error, after[..., None, :], axis=-2)[..., 0, :]
    early = np.take_along_axis(error, before[..., None, :], axis=-2)[..., 0, :]
    # nothing to interpolate after an unknown value, nor where it is low from the start
    known = (early > 0.5) & (late <= 0.5)
    share = np.divide(early - 0.5, early - late, out=np.ones_like(late), where=known)
    t0, t1 = times[before], times[after]
    positive = t0 > 0
    log_ratio = np.log(np.where(positive, t1, 1.0) / np.where(positive, t0, 1.0))
    crossing = np.where(positive, t0 * np.exp(share * log_ratio), t0 + share * (t1 - t0))
    return np.where(below.any(axis=-2), crossing, np.nan)
