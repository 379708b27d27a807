"""Spectra along one direction of the input, in any dimension."""

import numpy as np
from jaxtyping import Complex, Float
from scipy.linalg import eigh

from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike
from compare.spectra.transform import spectrum

SEPARATION = 1e-10  # relative distance of the two largest variances that rounding cannot fake


def principal_direction(x: ArrayLike) -> Float[np.ndarray, " d"]:
    """Unit vector p_1 along which the samples vary most (Xu, Zhang, Xiao 2019, section 2.1).

    The eigenvector of the largest eigenvalue of `sum_i x'_i x'_i^T`, `x' = x - mean`. Its sign is
    free; here its largest entry in size is positive.

    Args:
        x: samples, shape (n,) or (n, d).

    Returns:
        Shape (d,).

    Raises:
        ValueError: if all samples are equal, or the two largest variances are, which leaves no
            one direction (`directional_spectrum` takes a direction of your own).
        TypeError: if x does not hold real numbers.
    """
    positions = check.cloud(x)
    centred = positions - positions.mean(axis=0)
    n, dim = centred.shape
    # the smaller one of X^T X and X X^T, which share their eigenvalues
    gram = centred.T @ centred if dim <= n else centred @ centred.T
    top = range(max(len(gram) - 2, 0), len(gram))
    variances, vectors = eigh(gram, subset_by_index=[top[0], top[-1]])
    if len(top) == 2 and variances[1] - variances[0] <= SEPARATION * variances[1]:
        raise ValueError(
            "x must vary along one direction more than along any other, got equal largest "
            f"variances, {variances[1] / n:g}; give directions to directional_spectrum"
        )
    direction = vectors[:, -1] if dim <= n else centred.T @ vectors[:, -1]
    direction = direction / np.linalg.norm(direction)
    return direction * np.sign(direction[np.argmax(np.abs(direction))])


def principal_positions(x: ArrayLike) -> Float[np.ndarray, " n"]:
    """Samples along their first principal component, from 0 to 1 (Xu et al. 2019, section 2.1).

    `(x'_k - min_j x'_j) / max_l (x'_l - min_j x'_j)`, `x'_k = p_1.x_k`, p_1 `principal_direction`.

    Returns:
        Shape (n,), not sorted; any function of d = 1 takes them.

    Raises:
        ValueError, TypeError: as in `principal_direction`.
    """
    along = check.cloud(x) @ principal_direction(x)
    along -= along.min()
    return along / along.max()


def principal_spectrum(
    x: ArrayLike, values: ArrayLike, xi: ArrayLike
) -> Complex[np.ndarray, "*batch F"]:
    """Transform along the first principal component, `(1/n) sum_i y_i exp(-2 pi i xi_k s_i)`.

    s is `principal_positions(x)`, in [0, 1]. Xu, Zhang, Xiao 2019, section 2.1, take xi = 0, 1, 2,
    ... and do not divide by n, which cancels in `relative_error`.

    Args:
        x: samples, shape (n,) or (n, d), any d.
        values: real or complex, shape (..., n).
        xi: frequencies in cycles per extent of the samples along p_1, shape (F,).

    Returns:
        Shape (..., F), complex.

    Raises:
        ValueError, TypeError: as in `principal_direction` and `spectrum`.
    """
    return spectrum(principal_positions(x), values, xi)


def directional_spectrum(
    x: ArrayLike, values: ArrayLike, directions: ArrayLike, xi: ArrayLike
) -> Complex[np.ndarray, "*batch D F"]:
    """Transform at `xi_k p` along given unit vectors p, `(1/n) sum_i y_i exp(-2 pi i xi_k p.x_i)`.

    Args:
        x: samples, shape (n, d), any d, or (n,).
        values: real or complex, shape (..., n).
        directions: shape (D, d), none zero; only their directions matter.
        xi: frequencies in cycles per unit of x, shape (F,).

    Returns:
        Shape (..., D, F), complex.

    Raises:
        ValueError: if directions have another shape or one of them is zero; if arguments are not
            finite or do not match.
        TypeError: if they are not numbers, or x, directions or xi not real.
    """
    positions = check.cloud(x)
    vectors = check.finite("directions", directions, real=True)
    if vectors.ndim != 2 or vectors.shape[1] != positions.shape[1]:
        raise ValueError(
            f"directions must have shape (D, {positions.shape[1]}) for this x, got {vectors.shape}"
        )
    lengths = np.linalg.norm(vectors, axis=1)
    if not lengths.all():
        raise ValueError(f"directions must not be zero, got {vectors[lengths == 0][0]}")
    units = vectors / lengths[:, None]
    return np.stack([spectrum(positions @ unit, values, xi) for unit in units], axis=-2)
