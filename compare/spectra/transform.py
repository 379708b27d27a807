"""The transform at the samples, for many times and seeds in one call."""

import numpy as np
from jaxtyping import Complex, Float

import lfp
from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike
from lfp import _checks as lfp_check

# nanoseconds on one core, measured: FINUFFT for a sample or a frequency of one transform, by
# dimension; an entry of the matrix of waves, made once; its part in one transform of real values
TRANSFORM, WAVE, PRODUCT = {1: 150.0, 2: 500.0, 3: 5000.0}, 65.0, 0.18
BLOCK = 2**21  # waves held at a time, 32 MB


def frequencies(x: ArrayLike) -> Float[np.ndarray, " half"]:
    """Frequencies k/P, k = 1 .. n // 2, in cycles per unit of x, P = n/(n-1) times the range of x.

    For uniform samples with spacing dx, P = n dx and these are the positive frequencies of the
    discrete Fourier transform (all of them: `dft_frequencies`); k = 0 belongs to the affine part.

    Raises:
        ValueError: if x is not one-dimensional, not finite, or has equal entries only.
        TypeError: if x does not hold real numbers.
    """
    x = check.line(x)
    return np.arange(1, x.size // 2 + 1) * (x.size - 1) / (x.size * np.ptp(x))


def spectrum(x: ArrayLike, values: ArrayLike, xi: ArrayLike) -> Complex[np.ndarray, "*batch F"]:
    """Transform at the samples, `y^_k = (1/n) sum_i y_i exp(-2 pi i xi_k.x_i)`.

    All rows of values go through FINUFFT in one call (`lfp.nudft`). For many rows and few samples
    and frequencies, the product with the matrix of waves is several times faster, and taken.

    Args:
        x: samples, shape (n,) or (n, d), d = 1, 2, 3.
        values: real or complex, shape (..., n).
        xi: frequencies in cycles per unit of x, shape (F,) or (F, d).

    Returns:
        Shape (..., F), complex; error about 1e-13 relative to the mean of `|y|`.

    Raises:
        ValueError: if x, values and xi are not finite or do not match; d > 3 (a spectrum along
            one direction, `principal_spectrum` or `directional_spectrum`, needs no such limit).
        TypeError: if they are not numbers, or x or xi not real.
    """
    positions = check.finite("x", x, real=True)
    positions = lfp_check.points("x", positions)
    values = check.at_samples(values, len(positions))
    at = lfp_check.points("xi", np.atleast_1d(check.finite("xi", xi, real=True)))
    lfp_check.same_dimension("x", positions, "xi", at)
    if positions.shape[1] > 3:
        raise ValueError(
            f"x must have dimension 1, 2 or 3, got {positions.shape[1]}; use principal_spectrum "
            "or directional_spectrum"
        )
    rows = values.reshape(-1, len(positions))
    if _matrix_is_faster(rows, at):
        result = _by_matrix(positions, rows, at)
    else:
        result = np.asarray(lfp.nudft(positions, rows.T, at)).T
    return result.reshape(*values.shape[:-1], len(at))


def _matrix_is_faster(rows: np.ndarray, at: np.ndarray) -> bool:
    count, n = rows.shape
    parts = 2 if rows.dtype.kind == "c" else 1
    waves = n * len(at) * (WAVE + PRODUCT * parts * count)
    return waves < TRANSFORM[at.shape[1]] * (n + len(at)) * count


def _by_matrix(positions: np.ndarray, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The sum as it stands, a block of frequencies at a time: rows (B, n) to (B, F)."""
    n = len(positions)
    result = np.empty((len(rows), len(at)), dtype=np.complex128)
    step = max(1, BLOCK // n)
    for start in range(0, len(at), step):
        turns = positions @ at[start : start + step].T
        # real and imaginary parts side by side: the product of real values reads as complex
        waves = np.empty((n, turns.shape[1], 2))
        np.cos(-2 * np.pi * turns, out=waves[..., 0])
        np.sin(-2 * np.pi * turns, out=waves[..., 1])
        flat = waves.reshape(n, -1)
        part = (np.ascontiguousarray(np.real(rows)) @ flat).view(np.complex128)
        if rows.dtype.kind == "c":
            part += 1j * (np.ascontiguousarray(np.imag(rows)) @ flat).view(np.complex128)
        result[:, start : start + step] = part
    result /= n
    return result
