"""Fourier transforms of the radial pieces of a law, cut off by a smooth window."""

from collections.abc import Callable

import numpy as np
from scipy.special import j0

from lfp.transforms import LatticeModes

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
PERIODS_A_PANEL = 1.5  # of the fastest oscillation: 16 nodes integrate them to rounding
BLOCK = 2**22  # entries of the Bessel or sine matrix at a time


def windowed_transform(
    profile: Callable[[np.ndarray], np.ndarray],
    flat: float,
    support: float,
    square: np.ndarray,
    period: float,
    dim: int,
) -> np.ndarray:
    """`F(k) = (1/P^d) integral w(|z|) f(|z|) exp(-2 pi i k.z / P) dz` at the given `|k|^2`::

        d = 1: (2/P)     integral w f cos(2 pi k r/P) dr
        d = 2: (2 pi/P^2) integral w f J_0(2 pi |k| r/P) r dr
        d = 3: (2/(P^2 |k|)) integral w f sin(2 pi |k| r/P) r dr

    with w = 1 up to `flat` and 0 from `support` on. On r > 0 a profile such as `r`, `r^3` or
    `r^beta` is smooth, whatever kink it has at z = 0, so that Gauss-Legendre panels, graded
    towards 0, see no kink.

    Args:
        profile: f at distances r > 0.
        square: integers `|k|^2`, each once and ascending; in d = 1 all of 0, 1, 4, .. N^2.
    """
    highest = np.sqrt(square[-1]) / period
    count = int(np.ceil(max(64, highest * support / PERIODS_A_PANEL)))
    edges = np.linspace(0, support, count + 1)
    grading = edges[1] * 2.0 ** np.arange(-30, 0)
    edges = np.concatenate([[0.0], grading, edges[1:]])
    half = np.diff(edges)[:, None] / 2
    r = (edges[:-1, None] + half + half * NODES).ravel()
    mass = (half * WEIGHTS).ravel() * smooth_step((r - flat) / (support - flat)) * profile(r)
    if dim == 1:
        cutoff = len(square) - 1
        modes = LatticeModes(r[:, None], period, cutoff)(mass + 0j)
        return 2 * np.real(modes[cutoff:]) / period
    angular = 2 * np.pi * np.sqrt(square) / period
    mass = mass * r * 2 * np.pi / period**dim
    result = np.empty(len(square))
    rows = max(1, BLOCK // len(r))
    for i in range(0, len(square), rows):
        phase = angular[i : i + rows, None] * r
        # sin(q r)/q = r sinc, also at q = 0
        wave = j0(phase) if dim == 2 else 2 * r * np.sinc(phase / np.pi)
        result[i : i + rows] = wave @ mass
    return result


def smooth_step(s: np.ndarray) -> np.ndarray:
    """Infinitely differentiable: 1 for s <= 0, 0 for s >= 1."""
    s = np.clip(s, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        falling, rising = np.exp(-1 / (1 - s)), np.exp(-1 / s)
    return falling / (falling + rising)
