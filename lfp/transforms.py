"""Non-uniform discrete Fourier transforms through FINUFFT, direct sums beside them.

Sign and normalisation: `y^_k = (1/n) sum_i y_i exp(-2 pi i xi_k.x_i)` for samples;
functions on a lattice of period P are `h(x) = sum_k c_k exp(2 pi i k x / P)`.
"""

import finufft
import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike

ACCURACY = 1e-13  # FINUFFT's tolerance, near the best it reaches in float64
THREADED_FROM = 1_000_000  # below this many points one thread is faster


def nudft(x: ArrayLike, values: ArrayLike, xi: ArrayLike) -> np.ndarray:
    """Sampled transform `y^_k = (1/n) sum_i y_i exp(-2 pi i xi_k.x_i)` through FINUFFT.

    Where the grid that FINUFFT needs, the product over the axes of (extent of x) x (extent of
    xi), has more points than the sum has terms, the sum is taken as it stands.

    Args:
        x: positions `(n, d)`, d = 1, 2, 3, or `(n,)` when d = 1.
        values: y of shape `(n, ...)`, real or complex; further axes are transformed
            together.
        xi: frequencies `(F, d)` in cycles per unit of x, or `(F,)` or one number when d = 1.

    Returns:
        complex128 of shape `(F, ...)`; error about 1e-13 relative to the mean of `|y|`,
        times `|xi| * extent of x` in units of 1e3 where that is large.

    Raises:
        ValueError: d > 3 (use `nudft_direct`), mismatched shapes, non-finite input.
    """
    x, values, xi = _transform_input(x, values, xi)
    n, dim = x.shape
    if dim > 3:
        raise ValueError(f"x must have dimension 1, 2 or 3, got {dim}; use nudft_direct")
    if n * len(xi) <= _grid_points(x, xi):
        return nudft_direct(x, values, xi)
    strengths = np.ascontiguousarray(values.reshape(n, -1).T)
    transform = {1: finufft.nufft1d3, 2: finufft.nufft2d3, 3: finufft.nufft3d3}[dim]
    result = transform(
        *np.ascontiguousarray(x.T),
        strengths[0] if len(strengths) == 1 else strengths,
        *np.ascontiguousarray(2 * np.pi * xi.T),
        isign=-1,
        eps=ACCURACY,
        nthreads=_threads(n),
    )
    return result.reshape(-1, len(xi)).T.reshape(len(xi), *values.shape[1:]) / n


def nudft_direct(x: ArrayLike, values: ArrayLike, xi: ArrayLike) -> np.ndarray:
    """The sum of `nudft` written out, in any dimension: O(n F) time and memory."""
    x, values, xi = _transform_input(x, values, xi)
    phases = np.exp(-2j * np.pi * (xi @ x.T))
    return np.tensordot(phases, values, axes=1) / len(x)


class LatticeModes:
    """`sum_i values_i exp(-2 pi i k.x_i / P)` for `|k|_inf` <= cutoff: type 1, unnormalised.

    The points, `(n, d)` with d = 1, 2, 3, are sorted once for any number of calls with complex
    strengths `(n,)`; each returns the flattened array of the modes k, every axis ascending.
    """

    def __init__(self, x: np.ndarray, period: float, cutoff: int) -> None:
        n, dim = x.shape
        self._plan = finufft.Plan(
            1, (2 * cutoff + 1,) * dim, eps=ACCURACY, isign=-1, nthreads=_threads(n)
        )
        self._phases = _phases(x, period)  # the plan does not keep them alive
        self._plan.setpts(*self._phases)

    def __call__(self, strengths: np.ndarray) -> np.ndarray:
        return np.ravel(self._plan.execute(np.ascontiguousarray(strengths, dtype=np.complex128)))


class LatticeValues:
    """`sum_k c_k exp(2 pi i k.x_j / P)`: type 2, the adjoint of `LatticeModes`."""

    def __init__(self, x: np.ndarray, period: float, cutoff: int) -> None:
        n, dim = x.shape
        self._shape = (2 * cutoff + 1,) * dim
        self._plan = finufft.Plan(2, self._shape, eps=ACCURACY, isign=1, nthreads=_threads(n))
        self._phases = _phases(x, period)
        self._plan.setpts(*self._phases)

    def __call__(self, coefficients: np.ndarray) -> np.ndarray:
        modes = np.ascontiguousarray(coefficients, dtype=np.complex128)
        return self._plan.execute(modes.reshape(self._shape))


def _grid_points(x: np.ndarray, xi: np.ndarray) -> float:
    """Points of FINUFFT's fine grid for a type-3 transform, upsampled twice."""
    return float(np.prod(2 * (2 * np.ptp(x, axis=0) * np.ptp(xi, axis=0) + 16)))


def _phases(x: np.ndarray, period: float) -> list[np.ndarray]:
    """`2 pi x/P`, wrapped to [-pi, pi], one contiguous array an axis."""
    phases = []
    for column in x.T:
        if max(-column.min(), column.max()) > period / 2:
            column = column - period * np.round(column / period)
        phases.append(np.ascontiguousarray(column * (2 * np.pi / period)))
    return phases


def _threads(n: int) -> int:
    return 0 if n >= THREADED_FROM else 1  # 0 lets FINUFFT take all


def _transform_input(
    x: ArrayLike, values: ArrayLike, xi: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    positions, frequencies = check.points("x", x), check.points("xi", np.atleast_1d(xi))
    check.same_dimension("x", positions, "xi", frequencies)
    array = np.asarray(values)
    if array.dtype.kind not in "fiuc":
        raise TypeError(f"values must hold numbers, got dtype {array.dtype}")
    if array.ndim == 0 or len(array) != len(positions):
        raise ValueError(
            f"values must have the length of x, {len(positions)}, got shape {array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"values must not be empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"values must be finite, got {array[where]} at index {where}")
    return positions, array.astype(np.complex128), frequencies
