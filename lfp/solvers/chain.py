"""The chain of samples in d = 1: what is left of a kernel of powers between neighbours.

For `h(x) = sum_j c_j (c_3 |z|^3 - c_1 |z| - c_m x x_j |z|)` + affine, z = x - x_j, let
`p = -sum_j c_j |z|`, linear between the samples with slopes s_i: `c_j = -(s_j - s_(j-1))/2`. Then
`h = U + c_1 p + c_m (x^2 p - 2 x P)` + affine with `U'' = -6 c_3 p`, `P' = p`, and second
divided differences take the antiderivatives away. With the values v of h at the samples::

    g_i = alpha_i s_i - (v_(i+1) - v_i)/h_i,    g_i - g_(i-1) = w_i p_i,
    alpha_i = c_1 + c_m x_i x_(i+1) - c_3 h_i^2,    w_i = (c_m + 3 c_3)(h_(i-1) + h_i)

a chain of conductances `alpha_i/h_i` with leaks w_i. Without g it is a symmetric positive definite
tridiagonal system for p inside; for `|z|^3` alone that of the natural cubic spline.

Arrays have one row for each right-hand side, so that samples are next to each other in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_lapack_funcs

factorise, substitute = get_lapack_funcs(("pttrf", "pttrs"))
factorise_band, substitute_band = get_lapack_funcs(("gbtrf", "gbtrs"))
ACCURACY = 1e-10  # of p
TINY = float(np.finfo(float).tiny)
NEGLIGIBLE = 1e-8  # p this much below the size of the values bends nothing


class Chain:
    """Sorted positions x `(n,)` and what is between them.

    Attributes:
        gaps, alpha: h and alpha, `(n - 1,)`.
        leaks: w, `(n - 2,)`; leak: that of a unit length.
        diagonal, off: of the tridiagonal matrix, `(n - 2,)` and, with the ends, `(n - 1,)`.
    """

    def __init__(self, x: np.ndarray, powers: tuple[float, float, float]) -> None:
        cubic, linear, modulated = self.powers = powers
        self.x, self.length, self.gaps = x, x[-1] - x[0], np.diff(x)
        self.alpha = linear + modulated * x[:-1] * x[1:] - cubic * self.gaps**2
        self.leak = modulated + 3 * cubic
        around, inverse = self.gaps[:-1] + self.gaps[1:], 1 / self.gaps
        self.leaks = self.leak * around
        self.off = -self.alpha * inverse
        self.diagonal = (linear + modulated * x[1:-1] ** 2) * (inverse[:-1] + inverse[1:])
        self.diagonal += (modulated + 2 * cubic) * around


@dataclass(frozen=True)
class ChainSolution:
    """The chain for k right-hand sides, and for zero data with p = 1 at the first, the last sample.

    Attributes:
        p: `(k + 2, n)`.
        ends: fluxes g in the first and the last gap, `(k + 2, 2)`.
        slopes: slopes s and fluxes g `(r, n - 1)` of sums of rows, from what they are made of:
            factors `(r, k + 2)`.
        residual: of the equations, relative to the terms in them.
        error: estimated relative error of p.
        condition: estimate of the condition number of the factorised matrix.
    """

    p: np.ndarray
    ends: np.ndarray
    slopes: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    residual: float
    error: float
    condition: float


def interpolating(chain: Chain, values: np.ndarray) -> ChainSolution | None:
    """The chain for given values `(k, n)`, by the tridiagonal system; None if it loses all digits.

    Its condition number grows like n^2, and like the ratio of the largest to the smallest gap, but
    the defect in the form of fluxes has no cancellation: every correction by it multiplies the
    error by what the first one removed, down to rounding.
    """
    k, n = values.shape
    increments = np.diff(values) / chain.gaps
    pivots, ratios, info = factorise(chain.diagonal, chain.off[1:-1])
    if info != 0:
        return None

    def defect() -> np.ndarray:
        flux = np.diff(p)
        flux *= conductance
        flux[:k] -= increments
        return np.diff(flux) - chain.leaks * p[:, 1:-1]

    def solve(right: np.ndarray) -> np.ndarray:
        return substitute(pivots, ratios, right.T, overwrite_b=True)[0].T

    p, conductance = np.zeros((k + 2, n)), -chain.off
    p[k, 0] = p[k + 1, -1] = 1.0
    least = np.zeros(k + 2)
    least[:k] = NEGLIGIBLE * chain.length / np.abs(chain.alpha).max() * _largest(increments)
    p[:, 1:-1] = solve(defect())
    corrections, error, right = [], 1.0, defect()
    while error > ACCURACY:
        step = solve(right)
        p[:, 1:-1] += step
        corrections.append(float(np.max(_largest(step) / (np.maximum(_largest(p), least) + TINY))))
        before = corrections[-2] if corrections[1:] else 1.0
        if not corrections[-1] <= 0.1 * before:
            return None
        error = max(corrections[0] * corrections[-1], np.finfo(float).eps)
        right = defect()
    norm = float((chain.diagonal + np.abs(chain.off[:-1]) + np.abs(chain.off[1:])).max())
    # relative to the terms of each equation: their sum may be below the rounding of p
    size = np.abs(p[:k])
    terms = (size[:, 1:] + size[:, :-1]) * np.abs(conductance) + np.abs(increments)
    terms = terms[:, 1:] + terms[:, :-1] + chain.leaks * size[:, 1:-1] + TINY
    residual = float(np.max(np.abs(right[:k]) / terms))
    condition = norm * float(np.abs(substitute(pivots, ratios, np.ones(n - 2))[0]).max())
    ends = _fluxes_at_ends(chain, p, increments)

    def slopes(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _slopes(chain, factors @ p, factors[:, :k] @ increments, factors @ ends[:, 0])

    return ChainSolution(p, ends, slopes, residual, error, condition)


def _largest(rows: np.ndarray) -> np.ndarray:
    """Largest absolute value of each row."""
    return np.maximum(rows.max(axis=1), -rows.min(axis=1))


def _fluxes_at_ends(chain: Chain, p: np.ndarray, increments: np.ndarray) -> np.ndarray:
    """Fluxes in the first and the last gap: from the widest, where their definition is exact."""
    widest, k = int(np.argmax(chain.gaps)), len(increments)
    there = chain.alpha[widest] * (p[:, widest + 1] - p[:, widest]) / chain.gaps[widest]
    there[:k] -= increments[:, widest]
    before = p[:, 1 : widest + 1] @ chain.leaks[:widest]
    after = p[:, widest + 1 : -1] @ chain.leaks[widest:]
    return np.stack([there - before, there + after], axis=1)


def _slopes(
    chain: Chain, p: np.ndarray, increments: np.ndarray, first: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of p and fluxes, without the cancellation of their definitions over small gaps."""
    slope, flux = np.diff(p) / chain.gaps, np.empty_like(increments)
    flux[:, 0] = first
    np.cumsum(chain.leaks * p[:, 1:-1], axis=1, out=flux[:, 1:])
    flux[:, 1:] += first[:, None]
    conducts = np.abs(chain.alpha) > chain.powers[0] * chain.gaps**2
    np.divide(increments + flux, chain.alpha, out=slope, where=conducts)
    return slope, flux


def smoothing(chain: Chain, values: np.ndarray, noise: np.ndarray) -> ChainSolution:
    """The chain where `v = values - noise c`, by a banded system in p, s and g together.

    Without g it would have a condition number like n^4. In this form, without any quotient of
    differences, it has that of the problem::

        p_(i+1) - p_i = h_i s_i,    g_i - g_(i-1) = w_i p_i,
        h_i (alpha_i s_i - g_i) = v_(i+1) - v_i

    Args:
        chain: the samples.
        values: `(k, n)`.
        noise: n ridge of each sample, `(n,)`; zeros interpolate.
    """
    k, n = values.shape
    m = n - 1
    # scaled so that unknowns are of the size of the values
    conductivity, damping = float(np.abs(chain.alpha).max()), float(noise.max()) / chain.length
    unit = max(conductivity, damping)
    gaps, alpha = chain.gaps / chain.length, chain.alpha / unit
    leaks, half = chain.leaks * chain.length / unit, noise / (2 * unit * chain.length)
    # unknowns p_i, s_i, g_i of each gap in this order; rows: that of g (p at the first), of v, of p
    matrix = np.zeros((3 * m, 10))
    p = 3 * np.arange(m)
    s, g = p + 1, p + 2

    def put(rows: np.ndarray, columns: np.ndarray, entries: np.ndarray | float) -> None:
        matrix[columns, 6 + rows - columns] = entries

    put(p[:1], p[:1], 1.0)
    put(p[1:], p[1:], -leaks)
    put(p[1:], g[1:], 1.0)
    put(p[1:], g[:-1], -1.0)
    put(s, s, gaps * alpha + half[:-1] + half[1:])
    put(s, g, -gaps)
    put(s[1:], s[:-1], -half[1:-1])
    put(s[:-1], s[1:], -half[1:-1])
    put(g, p, -1.0)
    put(g, s, -gaps)
    put(g[:-1], p[1:], 1.0)
    right = np.zeros((k + 2, 3 * m))
    right[:k, s] = np.diff(values)
    right[k, 0] = unit
    right[k + 1, g[-1]] = -unit
    # outside the samples the slope of p is M_0 = -(p_1 + p_n) on the left, -M_0 on the right
    right[k:, s[0]] -= half[0] * unit
    right[k:, s[-1]] += half[-1] * unit
    norm = float(np.abs(matrix).sum(axis=1).max())
    factors, pivots, info = factorise_band(matrix.T, 3, 3, overwrite_ab=True)
    if info != 0:
        raise np.linalg.LinAlgError("the chain of samples is singular")

    def solve(right: np.ndarray, transposed: bool = False) -> np.ndarray:
        return substitute_band(factors, 3, 3, right, pivots, trans=int(transposed))[0]

    solution = solve(right.T).T
    condition = norm * _norm_of_inverse(solve, 3 * m)
    slope, flux = solution[:, s], solution[:, g]
    falls = half * np.diff(slope, prepend=0.0, append=0.0)
    defect = gaps * (alpha * slope - flux) - np.diff(falls) - right[:, s]
    size = norm * _largest(solution) + _largest(right) + TINY
    residual = float(np.max(_largest(defect) / size))
    last = np.zeros((k + 2, 1))
    last[-1] = unit
    slope, flux = slope / (unit * chain.length), flux / chain.length
    return ChainSolution(
        np.concatenate([solution[:, p], last], axis=1) / unit,
        flux[:, [0, -1]],
        lambda factors: (factors @ slope, factors @ flux),
        residual,
        # a large ridge leaves little of the values
        float(np.finfo(float).eps * max(np.sqrt(m), damping / conductivity)),
        condition,
    )


def _norm_of_inverse(solve: Callable[..., np.ndarray], size: int) -> float:
    """Estimate of the 1-norm of an inverse (Hager 1984, one step)."""
    rise = solve(np.sign(solve(np.full(size, 1 / size))), transposed=True)
    unit = np.zeros(size)
    unit[np.argmax(np.abs(rise))] = 1.0
    return float(np.abs(solve(unit)).sum())
