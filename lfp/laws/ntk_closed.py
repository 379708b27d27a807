"""Exact tangent kernels in closed form, for Gaussian weights and biases.

The preactivations `s = w.x + b` at two points are jointly Gaussian with variances q and q' and
covariance c. Each function returns `E sigma(s) sigma(s')` and `E sigma'(s) sigma'(s')`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist


@dataclass(frozen=True)
class Pairs:
    """Second moments of the preactivations at pairs of points, `(n1, n2)` each.

    `exterior` is `sqrt(q q' - c^2)`. It is written with z = x' - x, since q q' - c^2, and
    `|x|^2 |x'|^2 - (x.x')^2` in it, lose all digits for near points and large sigma_b.
    """

    variance1: np.ndarray
    variance2: np.ndarray
    covariance: np.ndarray
    exterior: np.ndarray


def pairs(x1: np.ndarray, x2: np.ndarray, sigma_w: float, sigma_b: float) -> Pairs:
    """The moments for positions `(n1, d)` and `(n2, d)`."""
    product = x1 @ x2.T
    square1 = np.einsum("nd,nd->n", x1, x1)[:, None]
    square2 = np.einsum("nd,nd->n", x2, x2)[None, :]
    z_square = cdist(x1, x2, "sqeuclidean")
    # |x|^2 |z|^2 - (x.z)^2, zero in exact arithmetic when d = 1
    area = np.maximum(square1 * z_square - (product - square1) ** 2, 0.0)
    if x1.shape[1] == 1:
        area = 0.0
    w2, b2 = sigma_w**2, sigma_b**2
    exterior = np.sqrt(w2 * b2 * z_square + w2**2 * area)
    return Pairs(w2 * square1 + b2, w2 * square2 + b2, w2 * product + b2, exterior)


def relu(p: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """With the angle theta between `(sigma_w x, sigma_b)` and `(sigma_w x', sigma_b)`::

        (exterior + (pi - theta) c)/(2 pi),    (pi - theta)/(2 pi)

    Source: the arc-cosine kernels of Cho and Saul 2009, orders 1 and 0.
    """
    theta = np.arctan2(p.exterior, p.covariance)
    value = (p.exterior + (np.pi - theta) * p.covariance) / (2 * np.pi)
    return value, (np.pi - theta) / (2 * np.pi)


def erf(p: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """With `D = (1 + 2q)(1 + 2q') - 4c^2`::

        (2/pi) arcsin(2c / sqrt((1 + 2q)(1 + 2q'))),    (4/pi) / sqrt(D)

    Source: Williams 1997 (arcsine kernel).
    """
    root = np.sqrt(1 + 2 * p.variance1 + 2 * p.variance2 + 4 * p.exterior**2)
    return 2 / np.pi * np.arctan2(2 * p.covariance, root), 4 / np.pi / root


def gaussian(p: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """With `D = (1 + q)(1 + q') - c^2`: `D^(-1/2)` and `c D^(-3/2)`."""
    square = 1 + p.variance1 + p.variance2 + p.exterior**2
    value = square**-0.5
    return value, p.covariance * value / square


CLOSED: dict[str, Callable[[Pairs], tuple[np.ndarray, np.ndarray]]] = {
    "relu": relu,
    "erf": erf,
    "gaussian": gaussian,
}
