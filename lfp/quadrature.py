"""Gauss-Legendre rules on panels, and functions of many distances through Chebyshev points."""

from collections.abc import Callable

import numpy as np
from scipy.fft import dct

ORDER = 20  # nodes a panel
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
MOST_POINTS = 4096
CHUNK = 1 << 20  # numbers held at a time


def panels(
    edges: np.ndarray, widest: float = np.inf, parts: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the composite rule between sorted edges, each interval in at least
    `parts` panels, none of them above `widest`."""
    edges = np.asarray(edges, dtype=float)
    counts = np.maximum(np.ceil(np.diff(edges) / widest), parts).astype(int)
    left = np.repeat(edges[:-1], counts)
    width = np.repeat(np.diff(edges) / counts, counts)
    left = left + width * (np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts))
    nodes = left[:, None] + width[:, None] * (_NODES + 1) / 2
    return nodes.ravel(), (width[:, None] * _WEIGHTS / 2).ravel()


def dyadic(top: float, smallest: float) -> np.ndarray:
    """Edges 0, ..., top/4, top/2, top, the first above 0 at most `smallest`, at most 60 of them."""
    levels = int(np.clip(np.ceil(-np.log2(smallest / top)), 0, 60)) if smallest < top else 0
    return np.append(0.0, top * 2.0 ** np.arange(-levels, 1))


def tabulated(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """`function(x)` for x >= 0 of any shape, from a Chebyshev interpolant on [0, max x] where
    there are many x and the interpolant converges to about 1e-13 of the largest value."""
    flat = x.ravel()
    points = 32
    while 4 * points < flat.size and points <= MOST_POINTS:
        top = flat.max()
        nodes = np.cos(np.pi * (np.arange(points) + 0.5) / points)
        coefficients = np.asarray(dct(function(top * (1 + nodes) / 2), type=2)) / points
        coefficients[0] /= 2
        size = np.abs(coefficients)
        if size[-points // 8 :].max() <= 1e-14 * size.max():
            used = coefficients[: np.flatnonzero(size > 1e-15 * size.max())[-1] + 1]
            result = np.empty_like(flat)
            for start in range(0, flat.size, 1 << 14):  # stays in the cache
                part = slice(start, start + (1 << 14))
                result[part] = np.polynomial.chebyshev.chebval(2 * flat[part] / top - 1, used)
            return result.reshape(x.shape)
        points *= 2
    return function(flat).reshape(x.shape)
