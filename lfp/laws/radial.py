"""Means over isotropic weights that the law of a two-layer network consists of."""

import numpy as np
from scipy.spatial.distance import cdist

from lfp.activations import Activation, Function
from lfp.activations.piecewise import Piecewise
from lfp.distributions import Distribution
from lfp.quadrature import CHUNK, ORDER, tabulated

SETTLED, ENOUGH = 1e-5, 1e-3  # changes at which the mean of an oscillating power is taken
HALVINGS = 9
TRIED = 3  # halvings after which a wave that the last one does not follow is given up
ROUNDING = 1e-24


def mean_power(
    activation: Activation, of_slope: bool, weights: Distribution, frequency: np.ndarray, dim: int
) -> np.ndarray:
    """`E[ |sigma^(|xi|/r)|^2 / r ]`, or that of sigma', of the shape of frequency.

    The transform of a function with kinks oscillates in `|xi|/r`: panels are halved until the
    mean has settled.
    """
    power = activation.slope_power if of_slope else activation.power
    flat = frequency.ravel()
    scale = np.sqrt(weights.moment(2, dim))

    def rule(xi: np.ndarray, parts: int) -> np.ndarray:
        smallest = max(xi.min() / 8, 1e-12 * scale)
        r, share = weights.radii(dim, smallest, parts=parts)
        r, share = r[r > 0], share[r > 0]  # a neuron with w = 0 is constant: it is at xi = 0
        rows = max(CHUNK // len(r), 1)
        means = [
            power(xi[start : start + rows, None] / r) @ (share / r)
            for start in range(0, len(xi), rows)
        ]
        return np.concatenate(means)

    values = rule(flat, 1)
    if not isinstance(activation.autocorrelation, Piecewise):
        return values.reshape(frequency.shape)
    # rounding of the transform does not settle
    floor = float(ROUNDING * power(np.array([1 / activation.reach]))[0] / scale)
    # waves of the power in the panel that ends at the scale, against its last nodes
    too_fast = flat * 2 * activation.reach / scale > ORDER * 2**HALVINGS / 2
    moving, change = np.arange(len(flat)), np.full(len(flat), np.inf)
    for halving in range(HALVINGS):
        finer = rule(flat[moving], 2 << halving)
        change = np.abs(finer - values[moving])
        values[moving] = finer
        moved = change > SETTLED * finer + floor
        moving, change = moving[moved], change[moved]
        hopeless = too_fast[moving] & (change > 10 * ENOUGH * values[moving])
        if not len(moving) or (halving >= TRIED and hopeless.any()):
            break
    unsettled = change > ENOUGH * values[moving]
    if unsettled.any():
        raise ValueError(
            f"the rates of activation {activation.name} oscillate too fast to be averaged over "
            f"w at xi = {flat[moving][unsettled].max():g}; use smaller frequencies or the kernel"
        )
    return values.reshape(frequency.shape)


def mean_along(
    weights: Distribution, correlation: Function, distance: np.ndarray, dim: int
) -> np.ndarray:
    """`E R(r w_1)` at distances r of any shape."""
    return tabulated(lambda r: weights.mean_along(correlation, r, dim), distance)


def sine(
    weights: Distribution, sign: int, sigma_b: float, x1: np.ndarray, x2: np.ndarray
) -> np.ndarray:
    """`E sin(s) sin(s')` (sign 1) or `E cos(s) cos(s')` (sign -1) for `s = w.x + b`::

    E[ cos(w.(x' - x)) -+ exp(-2 sigma_b^2) cos(w.(x + x')) ] / 2
    """
    dim = x1.shape[1]
    difference = weights.characteristic(cdist(x1, x2), dim)
    total = weights.characteristic(cdist(x1, -x2), dim)
    return (difference - sign * np.exp(-2 * sigma_b**2) * total) / 2
