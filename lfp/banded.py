"""The interpolant of a law of powers in d = 1, solved and evaluated in O(n)."""

from functools import cached_property

import numpy as np
from scipy.interpolate import PPoly

from lfp.solvers.chain import Chain, interpolating, smoothing
from lfp.solvers.chain_inverse import response_of_weights

LEAST_SAMPLES = 4
SAME_POSITION = 4 * np.finfo(float).eps  # gap, relative to |x|


class BandedMinimum:
    """`(K + n ridge) c = u` in d = 1 for a kernel of the powers `|z|^3`, `|z|` and `x x' |z|`::

        h(x) = sum_j c_j (c_3 |z|^3 - c_1 |z| - c_m x x_j |z|) + b_0 + b_1 x,    z = x - x_j

    The equations between neighbours are those of `solvers.chain`; they leave p at the two ends
    open. These two numbers follow from the affine part, `b_0 = C_0 sum_j c_j` and
    `b_1 = C_1 sum_j c_j x_j`, because it is the mean of the two cubics that continue h outside.

    h is kept as these cubics and one between each two samples, with its values at the samples. No
    sum over all samples is formed, in which digits would be lost.

    Args:
        x: samples `(n,)`, at least 4 different ones; repeated ones only with ridge > 0.
        residual: u, `(n, c)`.
        powers: `(c_3, c_1, c_m)`, none negative.
        affine: `(C_0, C_1)`, 0 where the function is absent, infinite where not penalised.
        ridge: weight of the norm, in the unit of K/n.

    Attributes:
        square: `c* K c`, all outputs together.
        residual, error, condition: of the chain, see `ChainSolution`.
        definite: whether K + n ridge is positive definite on these samples, on what is orthogonal
            to the functions that are not penalised.

    Raises:
        ValueError: fewer than 4 different positions; two that are numerically equal and ridge = 0.
    """

    def __init__(
        self,
        x: np.ndarray,
        residual: np.ndarray,
        powers: tuple[float, float, float],
        affine: tuple[float, float],
        ridge: float,
    ) -> None:
        self._powers, self._affine = powers, affine
        in_order = (x[1:] >= x[:-1]).all()
        self._order = slice(None) if in_order else np.argsort(x, kind="stable")
        self._x, values, noise = _merge(x[self._order], residual[self._order].T, len(x) * ridge)
        self._check_positions(ridge)
        self._chain = Chain(self._x, powers)
        solved = None if ridge else interpolating(self._chain, values)
        if solved is None:  # also positions too uneven for the shorter way
            solved = smoothing(self._chain, values, noise)
        self.residual, self.error, self.condition = solved.residual, solved.error, solved.condition
        k = len(values)
        unit, shown = np.eye(k + 2), np.pad(values[:, [0, -1]], ((0, 2), (0, 0)))
        if ridge:
            shown -= noise[[0, -1]] * self._weights(solved.p, solved.slopes(unit)[0])[:, [0, -1]]
        ends = solved.p[:, [0, -1]]
        data, of_ends = self._conditions(*self._affine_part(ends, solved.ends, shown), ends)
        scale = np.abs(of_ends).max(axis=1, keepdims=True)
        self._border = of_ends / scale, scale
        self.definite = self._is_definite()
        # rows of the data, and as much of the two ends as meets the conditions
        factors = np.hstack([unit[:k, :k], self._solve_border(data).T])
        self._p = factors @ solved.p
        self._slope, self._flux = solved.slopes(factors)
        self._fitted = values - noise * self._weights(self._p, self._slope) if ridge else values
        self._solved = solved
        mass, _ = self._moments(self._p)
        falls = np.sum(self._slope * np.diff(self._fitted))
        self.square = float(falls + mass @ (self._fitted[:, 0] + self._fitted[:, -1])) / 2

    def _check_positions(self, ridge: float) -> None:
        if len(self._x) < LEAST_SAMPLES:
            raise ValueError(
                f"solver='banded' needs at least {LEAST_SAMPLES} different positions, got "
                f"{len(self._x)}: use solver='dense'"
            )
        gaps, sizes = np.diff(self._x), np.abs(self._x)
        equal = gaps <= SAME_POSITION * np.maximum(sizes[1:], sizes[:-1])
        if ridge == 0 and equal.any():
            i = int(np.argmax(equal))
            raise ValueError(
                f"x must not have positions that are numerically equal when ridge = 0: "
                f"{self._x[i]:.17g} and {self._x[i + 1]:.17g} are {gaps[i]:.3g} apart; leave one "
                f"out or set ridge > 0"
            )

    def _moments(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`sum_j c_j` and `sum_j c_j x_j`, from the ends of p, outside which it is linear."""
        mass = -(p[:, 0] + p[:, -1]) / self._chain.length
        return mass, mass * self._x[0] - p[:, 0]

    def _weights(self, p: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """c `(k, n)`, half of what the slope of p falls by."""
        mass = self._moments(p)[0][:, None]
        return -np.diff(slope, prepend=mass, append=-mass) / 2

    def _outside(
        self, p: np.ndarray, flux: np.ndarray, fitted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Taylor coefficients `(4, k)`, value first, at the first and at the last sample."""
        cubic, linear, modulated = self._powers
        mass, first = self._moments(p)
        taylor = []
        for side, end in ((-1.0, 0), (1.0, -1)):
            fluxes = flux[:, end] + side * self._chain.leak * self._chain.gaps[end] * p[:, end]
            slope = -fluxes - side * (linear + modulated * self._x[end] ** 2) * mass
            second = -3 * cubic * p[:, end] - side * modulated * first
            taylor.append(np.stack([fitted[:, end], slope, second, side * cubic * mass]))
        return taylor[0], taylor[1]

    def _affine_part(
        self, p: np.ndarray, flux: np.ndarray, fitted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`(b_0, b_1)`, each `(k,)`: the mean of the cubics outside."""
        half = self._chain.length / 2
        left, right = self._outside(p, flux, fitted)
        value = (np.polyval(left[::-1], half) + np.polyval(right[::-1], -half)) / 2
        slope = left[1] + half * (2 * left[2] + 3 * half * left[3])
        slope = (slope + right[1] - half * (2 * right[2] - 3 * half * right[3])) / 2
        return value - slope * (self._x[0] + half), slope

    def _conditions(
        self, constant: np.ndarray, slope: np.ndarray, p: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`b/C - sum_j c_j (1, x_j)`, b itself where C = 0, of the data and of the unit ends."""
        rows = [
            b / coefficient - moment if coefficient else b
            for coefficient, b, moment in zip(
                self._affine, (constant, slope), self._moments(p), strict=True
            )
        ]
        return np.stack(rows)[:, :-2], np.stack(rows)[:, -2:]

    def _solve_border(self, data: np.ndarray) -> np.ndarray:
        """p at the two ends, `(2, k)`, that meets the conditions."""
        matrix, scale = self._border
        return -np.linalg.solve(matrix, data / scale)

    def _affine_response(self) -> np.ndarray:
        """p at the ends `(2, 2)` for the data 1 and x."""
        rows = [1.0 / coefficient if coefficient else 1.0 for coefficient in self._affine]
        return self._solve_border(np.diag(rows))

    def _is_definite(self) -> bool:
        """K is definite on what is orthogonal to affine functions: they decide, by `U* K^-1 U`."""
        moments = np.stack(self._moments(self._affine_response().T))
        counted = np.isfinite(self._affine)
        form = moments[np.ix_(counted, counted)]
        return bool((np.linalg.eigvalsh((form + form.T) / 2) > 0).all())

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """h at x `(m,)`, without the initial output, `(m, c)`."""
        values = self._pieces(x)
        left = x < self._x[0]
        if left.any():
            outer, _ = self._outside(self._p, self._flux, self._fitted)
            values[left] = np.polyval(outer[::-1, None], (x[left] - self._x[0])[:, None])
        return values

    @cached_property
    def _pieces(self) -> PPoly:
        """The cubics between samples, and the one beyond the last, in powers of x - x_i.

        `h = v_i + S_i t + t (h_i - t)(c_m (p_i - x_i s_i) + c_3 (3 p_i + (h_i + t) s_i))` at
        `x_i + t`, S_i the slope of the values v and s_i that of p.
        """
        cubic, _, modulated = self._powers
        gaps, p, slope = self._chain.gaps, self._p[:, :-1], self._slope
        bend = modulated * (p - self._x[:-1] * slope) + cubic * (3 * p + gaps * slope)
        _, right = self._outside(self._p, self._flux, self._fitted)
        pieces = np.empty((4, *self._p.shape))
        pieces[:, :, -1] = right[::-1]
        np.multiply(slope, -cubic, out=pieces[0, :, :-1])
        pieces[1, :, :-1] = -gaps * pieces[0, :, :-1] - bend
        pieces[2, :, :-1] = np.diff(self._fitted) / gaps + gaps * bend
        pieces[3, :, :-1] = self._fitted[:, :-1]
        ends = np.append(self._x, self._x[-1] + self._chain.length)
        return PPoly(np.ascontiguousarray(np.moveaxis(pieces, 1, 2)), ends)

    def leave_one_out(self) -> np.ndarray:
        """`u_i` minus what the interpolant of all other samples has at x_i, `(n, c)`: `c_i / G_ii`,
        `G = K^-1`, for ridge = 0.

        G is `Q S^-1 Q* / 2` (see `response_of_weights`) plus a term of rank two for the ends, which
        is known from what G makes of affine functions.
        """
        inside, solved = response_of_weights(self._chain), self._solved
        unit = np.eye(len(solved.p))[-2:]
        of_unit = self._weights(solved.p[-2:], solved.slopes(unit)[0])
        ends = np.stack(self._moments(np.eye(2)), axis=1)  # of p = 1 at either end: (end, moment)
        rank_two = np.linalg.solve(ends.T, self._affine_response().T)
        inside += np.sum((rank_two @ of_unit) * of_unit, axis=0)
        weights = self._weights(self._p, self._slope)
        errors = np.empty_like(weights.T)
        errors[self._order] = (weights / inside).T
        return errors


def _merge(
    x: np.ndarray, values: np.ndarray, noise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different ones of sorted positions, their mean values, and their noise, n ridge."""
    if not noise or (x[1:] > x[:-1]).all():
        return x, values, np.full(len(x), noise)
    x, first, counts = np.unique(x, return_index=True, return_counts=True)
    return x, np.add.reduceat(values, first, axis=1) / counts, noise / counts
