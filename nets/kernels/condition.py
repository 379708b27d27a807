"""A warning where a kernel cannot be held in the dtype of its network."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

_ROWS = 400


def condition_number(kernel: np.ndarray, rounding: float) -> float:
    """Largest over smallest eigenvalue; the smallest is at least `rounding` times the largest."""
    rates = np.linalg.eigvalsh(kernel.astype(np.float64))
    return float(rates[-1] / max(rates[0], rounding * rates[-1])) if rates[-1] > 0 else 1.0


def warn_if_beyond(
    dtype: Any, shape: tuple[int, ...], kernel: Callable[[np.ndarray, Any], Array]
) -> None:
    """Warn if the condition number of K(x, x) is more than 1/eps of the network's dtype.

    `shape` is that of the outputs at x, and `kernel(chosen, kind)` is K at the chosen points,
    summed in `kind`: float64 where JAX has it, so that the number is not lost in rounding. By
    Cauchy's interlacing theorem the condition number of some of the rows is at most that of all.
    """
    wide = jnp.zeros(()).dtype  # float64, or float32 where JAX knows nothing wider
    if jnp.finfo(dtype).bits >= 64:
        return
    holds = 1 / float(jnp.finfo(dtype).eps)
    points, outputs = shape[0], math.prod(shape[1:])
    count = min(points, max(1, _ROWS // outputs))
    chosen = np.linspace(0, points - 1, count).astype(int)
    part = np.asarray(kernel(chosen, wide)).reshape(count, count, outputs, outputs)
    part = part.transpose(0, 2, 1, 3).reshape(count * outputs, -1)
    number = condition_number(part, float(jnp.finfo(wide).eps))
    if number < 0.99 * holds:  # in float32 alone, larger ones are measured as 1/eps
        return
    warnings.warn(
        f"the tangent kernel has a condition number of at least {number:.1e}, and {dtype} holds "
        f"up to {holds:.1e}: its small eigenvalues are rounding errors. Draw the network with "
        'dtype="float64"',
        stacklevel=3,
    )
