"""Removal of the affine part."""

import numpy as np
from jaxtyping import Complex, Float

from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike


def remove_affine(
    x: ArrayLike, values: ArrayLike
) -> Float[np.ndarray, "*batch n"] | Complex[np.ndarray, "*batch n"]:
    """Subtract the least-squares fit of 1 and x_1, .., x_d from values.

    The transform of a slope over a finite range leaks into every frequency as 1/xi and would
    dominate the small high ones, and the affine part is learned long before the rest.

    Args:
        x: samples, shape (n,) or (n, d). Coordinates that depend on each other, or more of them
            than samples, are no obstacle: the fit is a projection.
        values: real or complex, shape (..., n).

    Returns:
        Residual of the fit, shape (..., n), complex for complex values; rounding errors only
        where the affine functions interpolate, as for n <= d + 1.

    Raises:
        ValueError: if x has another shape, has equal entries only, or does not match values;
            if an entry is NaN or infinite.
        TypeError: if they are not numbers, or x not real.
    """
    positions = check.cloud(x)
    rows = check.at_samples(values, len(positions))
    rows = rows - rows.mean(axis=-1, keepdims=True)
    basis = _orthonormal(positions - positions.mean(axis=0))
    return rows - (rows @ basis) @ basis.T


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """Orthonormal basis (n, r) of the span of columns (n, d), each brought to length one first.

    Coordinates may have very different units: the small ones are as much part of the span.
    """
    length = np.linalg.norm(columns, axis=0)
    scaled = columns[:, length > 0] / length[length > 0]
    basis, sizes, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = sizes > sizes[0] * max(scaled.shape) * np.finfo(float).eps
    return basis[:, kept]
