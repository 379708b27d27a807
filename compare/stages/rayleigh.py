"""The smallest gradient that a residual can have: the worst case of the final stage."""

import numpy as np
from jaxtyping import Float

from compare.stages.setting import Weight, kernels_of, rounding_of, uniform_grid, weight_of
from lfp._checks import ArrayLike


def least_rayleigh(
    x: ArrayLike,
    kernel: ArrayLike,
    *,
    chi: ArrayLike | Weight | None = None,
    rho: ArrayLike | Weight | None = None,
) -> Float[np.ndarray, " S"]:
    """The smallest value that `compare.stages.Stages.rayleigh` can have, for any residual.

    `lambda_min(sqrt(rho) chi K chi sqrt(rho) / n)` over the points where rho and chi are not 0. So
    `L^(1/2) / |grad L|` of Theorem 3 (87) is at most 1/2 of its `(-1/2)`-th power, whatever the
    loss has come to; for a kernel that does not change this holds for all times. It is of use for
    few points and ReLU: for tanh, or with a smooth chi, the smallest eigenvalue is rounding.

    Args:
        x: a uniform grid over one period, `(n,)` or `(n, 1)`.
        kernel: tangent kernel at the grid, `(n, n)` or `(T, n, n)`.
        chi: cut-off, as values `(n,)` or a function of x; 1 if None.
        rho: density of the samples up to a factor, as values or a function; 1 if None.

    Returns:
        One value for each kernel, `(1,)` or `(T,)`; 0 where it is below the rounding of the
        largest eigenvalue.

    Raises:
        ValueError: a grid that is not uniform, shapes that do not match, a kernel that is not
            symmetric and positive, weights that are negative or 0 everywhere.
        TypeError: what is not a number or a weight.

    Source: Luo, Ma, Xu, Zhang 2019, eqs. 84 and 87, by the smallest eigenvalue instead of a limit.
    """
    grid, _ = uniform_grid(x, None)
    n = len(grid)
    kernels = kernels_of(kernel, np.shape(kernel)[0] if np.ndim(kernel) == 3 else 1, n)
    density = weight_of("rho", rho, grid)
    factor = weight_of("chi", chi, grid) * np.sqrt(density / density.mean())
    inside = factor > 0
    if not inside.any():
        raise ValueError("chi and rho must not be 0 at every point")
    factor = factor[inside]
    values = np.stack(
        [
            np.linalg.eigvalsh(factor[:, None] * one[np.ix_(inside, inside)] * factor)[[0, -1]] / n
            for one in kernels
        ]
    )
    rounding = n * rounding_of(kernel) * np.abs(values[:, 1])
    bad = values[:, 0] < -100 * rounding
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(
            f"kernel must be positive semidefinite, got an eigenvalue {values[i, 0]:.6g} of K/n"
            + (f" at time {i}" if len(kernels) > 1 else "")
        )
    return np.where(values[:, 0] > rounding, values[:, 0], 0.0)
