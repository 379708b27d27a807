"""The tangent kernel of infinitely many kinks, as a mean over their directions."""

import math

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from nets.networks import TwoLayerKinks

_COUNTS = (16, 32, 64, 128)
_RESOLVED = 1e-9


def kinks_kernel(
    net: TwoLayerKinks, x1: Float[np.ndarray, "n1 d"], x2: Float[np.ndarray, "n2 d"]
) -> Float[np.ndarray, "n1 n2"]:
    """`E |r|^2 u u' 1 + E |r|^2 w^2 1 + E w^2 (x + l e).(x' + l e) 1`, the gradients in w, l and r.

    e = r/|r| is uniform on the sphere, u = e.x + l, and 1 says that u and u' are both positive,
    l > -min(e.x, e.x'): the mean over l is in closed form. With frozen directions only |r| is
    trained, and its part is `E w^2 u u' 1`.

    The mean over e is a sum of two terms in d = 1. Else it is taken over the projection
    sin(psi) (cos phi, sin phi) of e on the plane of x and x', with psi of the density
    (d - 2) sin(psi) cos(psi)^(d-3) (pi/2 in d = 2) and phi uniform, by Gauss-Legendre rules on
    the two half circles where one of e.x and e.x' is the smaller one, until two of them agree.

    The network is that of Zhang, lecture on the frequency principle, FAU 2025; its law is the
    limit of wide uniform kinks, up to affine functions.

    Raises:
        ValueError: the rules do not agree.
    """
    dim = x1.shape[1]
    product = x1 @ x2.T
    if dim == 1:
        left, right = np.broadcast_arrays(x1, x2.T)
        return (_mean_over_l(net, left, right, product, dim) / 2) + (
            _mean_over_l(net, -left, -right, product, dim) / 2
        )
    coarse = _mean_over_directions(net, x1, x2, product, _COUNTS[0])
    for count in _COUNTS[1:]:
        fine = _mean_over_directions(net, x1, x2, product, count)
        if np.abs(fine - coarse).max() <= _RESOLVED * np.abs(fine).max():
            return fine
        coarse = fine
    reach = max(float(np.linalg.norm(points, axis=1).max()) for points in (x1, x2))
    raise ValueError(
        "x1 and x2 must reach no further than the kinks for the mean over their directions to be "
        f"resolved, sigma_l = {net.sigmas[2]:g} ({net.distribution}), got points at {reach:.3g}"
    )


def _mean_over_directions(
    net: TwoLayerKinks, x1: np.ndarray, x2: np.ndarray, product: np.ndarray, count: int
) -> np.ndarray:
    dim = x1.shape[1]
    nodes, weights = np.polynomial.legendre.leggauss(count)
    nodes, weights = (nodes + 1) / 2, weights / 2
    psi, of_psi = np.array([math.pi / 2]), np.ones(1)
    if dim > 2:
        psi = nodes * math.pi / 2
        density = (dim - 2) * np.sin(psi) * np.cos(psi) ** (dim - 3)
        of_psi = weights * density * math.pi / 2
    # coordinates in the plane: x = (length, 0) and x' = (along, across)
    length = np.linalg.norm(x1, axis=1)[:, None]
    unit = x1 / np.where(length > 0, length, 1.0)
    along = unit @ x2.T
    across = np.linalg.norm(x2 - along[..., None] * unit[:, None], axis=-1)
    start = np.arctan2(-across, length - along) + math.pi / 2  # there e.x = e.x'
    total = np.zeros_like(product)
    for node, of_node in zip(nodes, weights, strict=True):
        cosine, sine = np.cos(start + math.pi * node), np.sin(start + math.pi * node)
        left, right = length * cosine, along * cosine + across * sine
        for radius, of_radius in zip(np.sin(psi), of_psi, strict=True):
            for sign in (radius, -radius):
                mean = _mean_over_l(net, sign * left, sign * right, product, dim)
                total += of_node * of_radius / 2 * mean
    return total


def _mean_over_l(
    net: TwoLayerKinks, left: np.ndarray, right: np.ndarray, product: np.ndarray, dim: int
) -> np.ndarray:
    """The mean over w, |r| and l for a direction with left = e.x and right = e.x'."""
    sigma_w, sigma_r, sigma_l = net.sigmas
    least = -np.minimum(left, right)
    if net.distribution == "gaussian":
        z = least / sigma_l
        slope = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        share = ndtr(-z)
        first, second = sigma_l * slope, sigma_l**2 * (share + z * slope)
    else:
        end = math.sqrt(3) * sigma_l
        least = np.clip(least, -end, end)
        share, first, second = (
            (end**power - least**power) / (2 * power * end) for power in (1, 2, 3)
        )
    rest = (left + right) * first + second
    both = left * right * share + rest
    of_r = both if net.directions is not None else product * share + rest
    r2, w2 = dim * sigma_r**2, sigma_w**2
    return r2 * both + r2 * w2 * share + w2 * of_r
