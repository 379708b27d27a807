"""Low and high parts of values in any dimension, by Gaussian filters."""

import numpy as np
from scipy.spatial.distance import cdist

from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike

BLOCK = 2**22  # entries of the kernel held at a time, 32 MB
FEW = 8  # up to this dimension differences cost no more than a matrix product
NARROW = 1e-6  # delta relative to the largest |x|^2 below which products lose digits


def gaussian_filter(
    x: ArrayLike, values: ArrayLike, delta: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Split values into a part that varies slowly over the samples and the rest.

    `y_low_i = sum_j G_ij y_j / sum_j G_ij`, `G_ij = exp(-|x_i - x_j|^2 / (2 delta))` and
    `y_high = y - y_low` (Xu, Zhang, Luo, Xiao, Ma 2019, Fourier analysis sheds light on deep
    neural networks; rows normalised as in their code). delta is a variance: on a dense set of
    samples the filter multiplies the transform by `exp(-2 pi^2 delta |xi|^2)`.

    The n x n kernel is made in blocks of rows, once for all delta and all values.

    Args:
        x: samples, shape (n,) or (n, d), any d.
        values: real or complex, shape (..., n).
        delta: positive, in squared units of x, shape (D,), or one number.

    Returns:
        (low, high), each of shape (D, ..., n), or (..., n) for one number.

    Raises:
        ValueError: if a delta is not positive; if arguments are not finite or do not match.
        TypeError: if they are not numbers, or x or delta not real.
    """
    positions = check.cloud(x)
    n = len(positions)
    values = check.at_samples(values, n)
    variances = check.finite("delta", delta, real=True)
    if variances.ndim > 1 or variances.size == 0:
        raise ValueError(f"delta must be a number or have shape (D,), got {variances.shape}")
    if variances.min() <= 0:
        raise ValueError(f"delta must be positive, got {variances.min():g}")
    columns = values.reshape(-1, n).T
    centred = positions - positions.mean(axis=0)
    narrowest = float(variances.min())
    low = np.empty((variances.size, n, columns.shape[1]), dtype=values.dtype)
    step = max(1, BLOCK // n)
    for rows in (slice(start, start + step) for start in range(0, n, step)):
        squares = _squared_distances(centred[rows], centred, narrowest)
        for part, variance in zip(low, np.atleast_1d(variances), strict=True):
            kernel = np.exp(squares / (-2 * variance))
            part[rows] = (kernel @ columns) / kernel.sum(axis=1)[:, None]
    shape = (*variances.shape, *values.shape)
    low = np.moveaxis(low, 1, 2).reshape(shape)
    return low, values - low


def _squared_distances(x1: np.ndarray, x2: np.ndarray, narrowest: float) -> np.ndarray:
    """`|x1_i - x2_j|^2` of centred positions (n1, d), (n2, d)."""
    first, second = (x1**2).sum(axis=1), (x2**2).sum(axis=1)
    if x1.shape[1] <= FEW or narrowest < NARROW * second.max():
        return cdist(x1, x2, "sqeuclidean")
    squares = (-2 * x1) @ x2.T
    squares += first[:, None]
    squares += second
    return np.maximum(squares, 0, out=squares)
