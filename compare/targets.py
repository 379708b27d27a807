"""Functions to learn: sums of sines, and stairs made of any function."""

import numpy as np
from jaxtyping import Float

from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike, Real
from lfp import _checks as lfp_check

INTEGERS = 2.0**52  # floats from here on are integers: rounding would not move them


def sines(
    x: ArrayLike,
    frequencies: ArrayLike,
    *,
    amplitudes: ArrayLike = 1.0,
    phases: ArrayLike = 0.0,
) -> Float[np.ndarray, " n"]:
    """`sum_j a_j sin(2 pi xi_j x + phi_j)`.

    Args:
        x: positions, shape (n,).
        frequencies: xi in cycles per unit of x, shape (F,), at least one.
        amplitudes, phases: a and phi (radians), shape (F,), or one number for all.

    Returns:
        Shape (n,).

    Raises:
        ValueError: if the entries are not finite or the shapes do not match.
        TypeError: if they are not real numbers.
    """
    x = check.finite("x", x, real=True)
    xi = check.finite("frequencies", frequencies, real=True)
    for name, array, shape in (("x", x, "(n,)"), ("frequencies", xi, "(F,)")):
        if array.ndim != 1 or array.size == 0:
            raise ValueError(f"{name} must have shape {shape}, not empty, got {array.shape}")
    parts = []
    for name, values in (("amplitudes", amplitudes), ("phases", phases)):
        part = check.finite(name, values, real=True)
        if part.shape not in ((), xi.shape):
            raise ValueError(f"{name} must have shape {xi.shape} or be a number, got {part.shape}")
        parts.append(part)
    return np.sum(parts[0] * np.sin(2 * np.pi * np.outer(x, xi) + parts[1]), axis=1)


def quadratic_phases(count: int | np.integer) -> Float[np.ndarray, " F"]:
    """Phases `2 pi (g j^2 mod 1)`, `g = (sqrt 5 - 1)/2`, j = 1 .. F: spread, without chance.

    F neighbouring sines of equal phase, or of phases linear in j, add up to a spike as high as F;
    these stay below `2.7 sqrt(F/2)` up to F = 128.

    Args:
        count: F.

    Raises:
        ValueError: if count is below 1.
        TypeError: if it is no integer.
    """
    count = lfp_check.integer("count", count, least=1)
    j = np.arange(1, count + 1)
    return 2 * np.pi * ((np.sqrt(5) - 1) / 2 * j**2 % 1)


def stairs(values: ArrayLike, step: Real) -> Float[np.ndarray, "..."]:
    """`alpha round(f/alpha)`, a function f made of plateaus (Xu, Zhang, Xiao 2019, eq. 2).

    The dominant low frequencies remain those of f while alpha is small against `max |f|`; what the
    jumps add decays like `1/|xi|`. From `alpha = 2 max |f|` on there is but one plateau, 0. Halves
    go to the even multiple.

    Args:
        values: f, any shape.
        step: alpha >= 0; 0, or a step below the rounding of f, leaves f as it is.

    Raises:
        ValueError: if step is negative or anything is not finite.
        TypeError: if they are not real numbers.
    """
    values = check.finite("values", values, real=True)
    step = lfp_check.number("step", step, allowed="at least 0", valid=lambda value: value >= 0)
    if step == 0:
        return np.array(values)
    with np.errstate(over="ignore"):
        count = np.round(values / step)
    return np.where(np.abs(count) < INTEGERS, step * count, values)
