"""When something has fallen to half: the one definition used for theory and networks."""

import numpy as np


def half_times(ts: np.ndarray, relative_error: np.ndarray) -> np.ndarray:
    """First time at which a relative error is at most 1/2, interpolated in log t.

    Args:
        ts: sorted times `(T,)`.
        relative_error: `(..., T, F)`.

    Returns:
        `(..., F)`; NaN where the error stays above 1/2 (nothing is extrapolated), the first
        time where it is at most 1/2 from the start. Where the time before the crossing is 0
        the interpolation is in t.
    """
    below = relative_error <= 0.5
    after = np.argmax(below, axis=-2)
    before = np.maximum(after - 1, 0)
    late = np.take_along_axis(relative_error, after[..., None, :], axis=-2)[..., 0, :]
    early = np.take_along_axis(relative_error, before[..., None, :], axis=-2)[..., 0, :]
    drop = early - late
    share = np.where(drop > 0, (early - 0.5) / np.where(drop > 0, drop, 1.0), 0.0)
    t0, t1 = ts[before], ts[after]
    positive = t0 > 0
    log_ratio = np.log(np.where(positive, t1, 1.0) / np.where(positive, t0, 1.0))
    crossing = np.where(positive, t0 * np.exp(share * log_ratio), t0 + share * (t1 - t0))
    return np.where(below.any(axis=-2), crossing, np.nan)
