"""Peaks and bands of spectra, errors relative to a target's, and times until they are small."""

import numpy as np
from jaxtyping import Bool, Float

import lfp
from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike, Real
from lfp import _checks as lfp_check

EQUAL = 1e-9  # a frequency this close to an edge, relative to it, is on it


def peaks(amplitude: ArrayLike, count: float | int | np.number) -> Bool[np.ndarray, " F"]:
    """Mark the `count` largest local maxima of an amplitude spectrum.

    A local maximum is larger than the entry before and not smaller than the one after; the first
    and last frequency have one neighbour only. There may be fewer than `count`.

    Args:
        amplitude: `|y^|` after `remove_affine`, in the order of the frequencies, shape (F,).
        count: at least 1.

    Returns:
        True at the peaks, shape (F,).

    Raises:
        ValueError: if count < 1 or amplitude is not a finite vector.
        TypeError: if count is not an integer or amplitude does not hold real numbers.
    """
    amplitude = check.finite("amplitude", amplitude, real=True)
    if isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise TypeError(f"count must be an integer, got {count!r}")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if amplitude.ndim != 1:
        raise ValueError(f"amplitude must have shape (F,), got {amplitude.shape}")
    padded = np.concatenate([[-np.inf], amplitude, [-np.inf]])
    places = np.flatnonzero((amplitude > padded[:-2]) & (amplitude >= padded[2:]))
    largest = places[np.argsort(-amplitude[places], kind="stable")[:count]]
    marked = np.zeros(amplitude.shape, dtype=bool)
    marked[largest] = True
    return marked


def relative_error(target: ArrayLike, outputs: ArrayLike) -> Float[np.ndarray, "*batch F"]:
    """`Delta_F(k) = |f^_k - h^_k| / |f^_k|` (Xu, Zhang, Xiao 2019, section 2.1).

    Args:
        target: spectrum of the data, shape (F,).
        outputs: spectra of outputs, shape (..., F).

    Returns:
        Shape (..., F); NaN where the target is exactly zero or the output is NaN.

    Raises:
        ValueError: if the shapes do not match.
        TypeError: if they are not numbers.
    """
    target, outputs = _spectra(target, outputs)
    size = np.where(target == 0, np.nan, np.abs(target))
    return np.abs(target - outputs) / size


def times_to_error(
    ts: ArrayLike, relative_error: ArrayLike, *, threshold: Real = 0.5
) -> Float[np.ndarray, "*batch F"]:
    """First time at which an error is at most `threshold`, at each frequency.

    Interpolated in log t; `lfp.half_times` is the same for 1/2, and the half-learning time its
    value for `relative_error`.

    Args:
        ts: sorted times, shape (T,), none negative.
        relative_error: shape (..., T, F), as of the two functions of errors here; NaN, where
            it is not known, counts as above.
        threshold: positive.

    Returns:
        Shape (..., F); NaN where the error stays above the threshold (nothing is extrapolated),
        the first time where it is below from the start.

    Raises:
        ValueError: if threshold is not positive; if ts are not sorted, negative or not as many
            as the errors have rows.
        TypeError: if relative_error does not hold real numbers or threshold is not a number.
    """
    threshold = lfp_check.positive("threshold", threshold)
    error = check.numbers("relative_error", relative_error)
    if error.dtype.kind == "c":
        raise TypeError(f"relative_error must hold real numbers, got dtype {error.dtype}")
    return lfp.half_times(ts, error / threshold / 2)


def band_power(
    xi: ArrayLike, spectrum: ArrayLike, edges: ArrayLike
) -> Float[np.ndarray, "*batch B"]:
    """`sum |y^_k|^2` over the frequencies with `edges_b <= |xi_k| < edges_(b+1)`.

    A frequency within rounding of an edge is on it.

    With `dft` and edges from 0 to beyond the last frequency, the bands add up to the mean square
    of the values by Plancherel's identity; of the residual u and edges (0, eta, inf) they are the
    two parts `|xi| < eta` and `|xi| >= eta` of the loss `(1/n) sum u_j^2` (Luo, Ma, Xu, Zhang
    2019, section 2). Elsewhere, as on samples without a grid, they are sums over the frequencies
    that were chosen, and no more.

    Args:
        xi: frequencies, shape (F,) or (F, d); `|xi|` is the Euclidean norm.
        spectrum: shape (..., F).
        edges: increasing, not negative, the last may be infinite, shape (B + 1,).

    Returns:
        Shape (..., B).

    Raises:
        ValueError: if edges do not increase, are negative, or leave a band without any frequency
            of xi; if the shapes do not match.
        TypeError: if they are not numbers, or xi or edges not real.
    """
    places = _bands(xi, edges)
    spectrum = _at_frequencies("spectrum", spectrum, places.shape[1])
    return _sums(np.abs(spectrum) ** 2, places)


def band_error(
    xi: ArrayLike, target: ArrayLike, outputs: ArrayLike, edges: ArrayLike
) -> Float[np.ndarray, "*batch B"]:
    """`(sum |f^_k - h^_k|^2 / sum |f^_k|^2)^(1/2)` over each band of `band_power`.

    `relative_error` of many frequencies at once: between the peaks of a spectrum, where single
    ones are noise, this still has a meaning.

    Args:
        xi: frequencies, shape (F,) or (F, d).
        target: spectrum of the data, shape (F,).
        outputs: spectra of outputs, shape (..., F).
        edges: as in `band_power`, shape (B + 1,).

    Returns:
        Shape (..., B); NaN where the target is exactly zero or an output is NaN.

    Raises:
        ValueError, TypeError: as in `band_power` and `relative_error`.
    """
    target, outputs = _spectra(target, outputs)
    places = _bands(xi, edges)
    _at_frequencies("target", target, places.shape[1])
    left = _sums(np.abs(target - outputs) ** 2, places)
    power = _sums(np.abs(target) ** 2, places)
    return np.sqrt(left / np.where(power == 0, np.nan, power))


def _spectra(target: ArrayLike, outputs: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    target, outputs = check.numbers("target", target), check.numbers("outputs", outputs)
    if target.ndim != 1 or outputs.shape[-1:] != target.shape:
        raise ValueError(
            "target must have shape (F,) and outputs (..., F) with the same F, "
            f"got {target.shape} and {outputs.shape}"
        )
    return target, outputs


def _at_frequencies(name: str, spectrum: ArrayLike, count: int) -> np.ndarray:
    array = check.numbers(name, spectrum)
    if array.shape[-1:] != (count,):
        raise ValueError(f"{name} must have shape (..., {count}) like xi, got {array.shape}")
    return array


def _bands(xi: ArrayLike, edges: ArrayLike) -> np.ndarray:
    """Which frequencies are in which band, (B, F)."""
    at = lfp_check.points("xi", check.finite("xi", xi, real=True))
    size = np.linalg.norm(at, axis=1)
    bounds = check.numbers("edges", edges)
    if bounds.dtype.kind == "c":
        raise TypeError(f"edges must hold real numbers, got dtype {bounds.dtype}")
    if bounds.ndim != 1 or len(bounds) < 2:
        raise ValueError(f"edges must have shape (B + 1,), got {bounds.shape}")
    if not (bounds[0] >= 0 and (np.diff(bounds) > 0).all()):
        raise ValueError(f"edges must increase from 0 or more, got {bounds}")
    reached = size >= bounds[:, None] * (1 - EQUAL)
    places = reached[:-1] & ~reached[1:]
    for low, high, place in zip(bounds[:-1], bounds[1:], places, strict=True):
        if not place.any():
            raise ValueError(
                f"edges must leave a frequency in every band, got {low:g} to {high:g} "
                f"for |xi| from {size.min():g} to {size.max():g}"
            )
    return places


def _sums(power: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.stack([power[..., place].sum(axis=-1) for place in places], axis=-1)
