"""Either space as seen from its samples: products with K/n, entries of K, the affine part apart."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage

from lfp.spaces.modes import ModalSpace
from lfp.spaces.realmodes import HalfSpectrum, to_real
from lfp.spaces.samples import SampleSpace, kernel_matrix
from lfp.transforms import LatticeModes, LatticeValues

LARGEST_TABLE = 2**24  # points

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]
Local = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Pointwise:
    """`K = R + U C U*` on n samples.

    Attributes:
        x: samples `(n, d)`.
        columns, affine: U `(n, k)` and C `(k,)`; infinite without penalty.
        product: `R/n` times a vector `(n,)`.
        kernel: R of positions `(m, d)` and `(n, d)`.
        local: R of samples among themselves, `(b, k, k)` for indices `(b, k)`.
        coefficients: those of the space, `(size, c)`, for weights `(n, c)` of K(., x_i) and
            affine coefficients `(k, c)`.
        functions: U at positions.
    """

    x: np.ndarray
    columns: np.ndarray
    affine: np.ndarray
    product: Callable[[np.ndarray], np.ndarray]
    kernel: Kernel
    local: Local
    coefficients: Callable[[np.ndarray, np.ndarray], np.ndarray]
    functions: Callable[[np.ndarray], np.ndarray]

    def with_affine(self, affine: np.ndarray) -> tuple[Kernel, Local]:
        """`kernel` and `local` of R + U C U* for a C `(k,)` given."""

        def kernel(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
            return self.kernel(x1, x2) + (self.functions(x1) * affine) @ self.functions(x2).T

        def local(indices: np.ndarray) -> np.ndarray:
            columns = self.columns[indices]
            return self.local(indices) + (columns * affine) @ np.swapaxes(columns, 1, 2)

        return kernel, local


def pointwise(problem: SampleSpace | ModalSpace) -> Pointwise:
    """A space as seen from its samples."""
    return _of_lattice(problem) if isinstance(problem, ModalSpace) else _of_samples(problem)


def _of_samples(problem: SampleSpace) -> Pointwise:
    n = len(problem.x)
    sums = problem.sums
    if sums is not None:
        cubic, linear, modulated = sums.powers

        def kernel(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
            first, second = x1[..., :, 0, None], x2[..., None, :, 0]
            r = np.abs(first - second)
            return ((cubic * r) * r - linear - modulated * first * second) * r

        def local(indices: np.ndarray) -> np.ndarray:
            return kernel(problem.x[indices], problem.x[indices])

        def product(vector: np.ndarray) -> np.ndarray:
            return sums(vector[:, None])[:, 0] / n
    else:
        rest = problem.rest

        def product(vector: np.ndarray) -> np.ndarray:
            return rest @ vector

        def local(indices: np.ndarray) -> np.ndarray:
            return n * rest[indices[:, :, None], indices[:, None, :]]

        def kernel(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
            return kernel_matrix(problem.kernel, x1, x2)

    def coefficients(weights: np.ndarray, affine: np.ndarray) -> np.ndarray:
        return np.concatenate([weights, affine])

    columns = problem.affine_columns(problem.x)
    return Pointwise(
        problem.x,
        columns,
        problem.affine,
        product,
        kernel,
        local,
        coefficients,
        problem.affine_columns,
    )


def _of_lattice(problem: ModalSpace) -> Pointwise:
    x, blocks, n = problem.x, problem.blocks, len(problem.x)
    weights = problem.weights.reshape(problem.shape).copy()
    is_free = np.zeros(problem.size, dtype=bool)
    is_free[problem.free] = True
    at_zero = np.where(is_free.reshape(problem.shape)[:, 0], np.inf, weights[:, 0])
    which = at_zero > 0  # a window's part there may be negative, and stays with the rest
    weights[which, 0] = 0.0
    factors = [np.ones(n), *x.T][:blocks]
    to_modes = LatticeModes(x, problem.period, problem.cutoff)
    to_values = LatticeValues(x, problem.period, problem.cutoff)

    pairs = _packed(weights, factors)

    def product(vector: np.ndarray) -> np.ndarray:
        result = np.zeros(n)
        for real, imaginary, mean, gap in pairs:
            modes = to_modes(vector * (real + 1j * imaginary))
            # of two real functions in one pass, the one with D = mean + gap, the other mean - gap
            scaled = modes * mean
            if gap.any():
                scaled += modes[::-1].conj() * gap
            values = to_values(scaled)
            result += np.real(values) * real + np.imag(values) * imaginary
        return result / n

    def coefficients(sample_weights: np.ndarray, affine: np.ndarray) -> np.ndarray:
        """D F* of the weights, and the affine part as it is."""
        columns = np.stack(
            [
                np.stack([to_real(to_modes(column * factor)) for factor in factors]) * weights
                for column in sample_weights.T
            ],
            axis=-1,
        )
        columns[which, 0] = affine
        return columns.reshape(problem.size, -1)

    def functions(at: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(len(at)), at])[:, :blocks][:, which]

    tables = [_Table(row, problem.period, problem.cutoff, x.shape[1]) for row in weights[:2]]

    def entries(at: np.ndarray, to: np.ndarray) -> np.ndarray:
        """R of pairs of positions, `(..., d)` each."""
        result = tables[0](at - to)
        if blocks > 1:
            result += np.sum(at * to, axis=-1) * tables[1](at - to)
        return result

    def local(indices: np.ndarray) -> np.ndarray:
        size = indices.shape[1]
        i, j = np.tril_indices(size)
        at, result = x[indices], np.empty((len(indices), size, size))
        result[:, i, j] = entries(at[:, i], at[:, j])
        result[:, j, i] = result[:, i, j]
        return result

    return Pointwise(
        x,
        functions(x),
        at_zero[which],
        product,
        lambda x1, x2: entries(x1[:, None], x2[None]),
        local,
        coefficients,
        functions,
    )


def _packed(weights: np.ndarray, factors: list[np.ndarray]) -> list[tuple]:
    """Blocks in pairs from the last on: their factors, mean and half the gap of their D.

    D over the whole lattice, every axis ascending. The blocks of slopes share theirs.
    """
    half = weights.shape[1] // 2
    positive = weights[:, 1 : half + 1]
    whole = np.concatenate([positive[:, ::-1], weights[:, :1], positive], axis=1)
    pairs = []
    for j in range(len(factors) - 1, -1, -2):
        i = max(j - 1, 0)
        second = factors[j] if j else np.zeros_like(factors[0])
        pairs.append((factors[i], second, (whole[i] + whole[j]) / 2, (whole[i] - whole[j]) / 2))
    return pairs


class _Table:
    """`sum_k D_k exp(2 pi i k.z/P)` at differences z, by cubic splines on a grid.

    For real D_k = D_-k in the order of the real modes. On the lattice a kernel has no finer
    structure than its cutoff, which that of the law in real space has.
    """

    def __init__(self, weights: np.ndarray, period: float, cutoff: int, dim: int) -> None:
        fine, coarse = (_fast_size(factor * cutoff + 1) for factor in (8, 4))
        size = fine if fine**dim <= LARGEST_TABLE else coarse
        half, self._step = len(weights) // 2, period / size
        real = np.zeros_like(weights)
        real[0], real[1 : half + 1] = weights[0], np.sqrt(2) * weights[1 : half + 1]
        values = HalfSpectrum(cutoff, dim, size).values(real)
        self._splines = scipy.ndimage.spline_filter(values, order=3, mode="grid-wrap")

    def __call__(self, gaps: np.ndarray) -> np.ndarray:
        at = np.moveaxis(gaps, -1, 0) / self._step
        return scipy.ndimage.map_coordinates(
            self._splines, at, order=3, mode="grid-wrap", prefilter=False
        )


def _fast_size(least: int) -> int:
    return int(scipy.fft.next_fast_len(least, real=True) or least)
