"""The Gram operator of modes times 1, x_1, .., x_d over samples: block Toeplitz, by FFT."""

import numpy as np
import scipy.fft
from scipy.special import erfc

from lfp.spaces.realmodes import HalfSpectrum, split_pair, to_real, truncate
from lfp.transforms import LatticeModes

ONE_PASS_FROM = 20_000  # samples; below, the transforms cost nothing anyway
SHARPNESS = 5.8  # erfc(SHARPNESS)/2 and exp(-SHARPNESS^2) are below rounding


class Gram:
    """`T = F* F/n` and `b = F* u/n` for the features `F = [Phi, x_1 Phi, .., x_d Phi]`.

    Phi are the modes `|k|_inf` <= N in the real basis of `realmodes`; without the divergence term
    of a law there is the first block only. The blocks of T are Toeplitz: block (a, b) is the
    multiplication with the measure `(1/n) sum_i x_a x_b delta(x - x_i)`, x_0 = 1, whose transform
    is needed for `|k|_inf` <= 2N. A product costs one pair of real FFTs a block, padded to 4N + 1.

    The transforms are `(d+1)(d+2)/2` for T and d + 1 an output for b, two real ones in each
    complex pass. In d = 1, for many samples, one complex pass of 1 and u at 2N plus a margin
    gives all: multiplying a measure by x is, on a grid, to multiply it by a smooth P-periodic
    function that equals x on the data.

    Args:
        x: samples `(n, d)`.
        residual: u, `(n, c)`.
        period, cutoff: P and N.
        blocks: 1 or 1 + d.
    """

    def __init__(
        self, x: np.ndarray, residual: np.ndarray, period: float, cutoff: int, blocks: int
    ) -> None:
        self.period, self.cutoff, self.blocks, self.dim = period, cutoff, blocks, x.shape[1]
        self.modes = (2 * cutoff + 1) ** self.dim
        self.padded = _fast_size(4 * cutoff + 1)
        self._spectrum = HalfSpectrum(cutoff, self.dim, self.padded)
        low, high = x.min(axis=0), x.max(axis=0)
        margin = 2 * _bandwidth(period, (high - low).max())  # one for each factor x
        one_pass = self.dim == 1 and len(x) >= ONE_PASS_FROM and margin <= 2 * cutoff + 1024
        # values share a pass with measures of order one, and rounding with them
        scale = np.array([max(-column.min(), column.max()) or 1.0 for column in residual.T])
        if one_pass and blocks == 2:
            moments, right = self._one_pass(x, residual, scale, margin, (low[0], high[0]))
        else:
            moments, right = self._passes(x, residual, scale)
        self.right = right * scale  # (blocks, modes, c)
        wide = HalfSpectrum(2 * cutoff, self.dim, self.padded)
        fields = {pair: wide.values(moment) for pair, moment in moments.items()}
        self._fields = [
            [fields[min(a, b), max(a, b)] for b in range(blocks)] for a in range(blocks)
        ]

    @property
    def norm(self) -> float:
        """Bound of the norm of the first block, the largest value of the smoothed density."""
        return float(np.abs(self._fields[0][0]).max())

    def __call__(self, coefficients: np.ndarray) -> np.ndarray:
        """T times real vectors, `(blocks, modes)`."""
        values = [self._spectrum.values(c) for c in coefficients]
        result = np.empty_like(coefficients)
        for row, product in zip(self._fields, result, strict=True):
            total = row[0] * values[0]
            for field, value in zip(row[1:], values[1:], strict=True):
                total += field * value
            product[:] = self._spectrum.vector(total)
        return result

    def _passes(
        self, x: np.ndarray, residual: np.ndarray, scale: np.ndarray
    ) -> tuple[dict, np.ndarray]:
        """The transforms one after the other, two in a pass."""
        n, factors = len(x), [np.ones(len(x)), *x.T][: self.blocks]
        pairs = [(a, b) for a in range(self.blocks) for b in range(a, self.blocks)]
        wanted = [(pair, 0) for pair in pairs]
        wanted += [(a, j) for a in range(self.blocks) for j in range(residual.shape[1])]

        def strength(item: tuple) -> np.ndarray:
            which, j = item
            if isinstance(which, tuple):
                return factors[which[0]] * factors[which[1]]
            return factors[which] * (residual[:, j] / scale[j])

        transform = LatticeModes(x, self.period, 2 * self.cutoff)
        moments: dict = {}
        right = np.empty((self.blocks, self.modes, residual.shape[1]))
        for i in range(0, len(wanted), 2):
            two = wanted[i : i + 2]
            packed = strength(two[0]) + 0j
            if len(two) == 2:
                packed += 1j * strength(two[1])
            for (which, j), part in zip(two, split_pair(transform(packed) / n), strict=False):
                if isinstance(which, tuple):
                    moments[which] = to_real(part)
                else:
                    right[which, :, j] = to_real(truncate(part, self.cutoff, self.dim))
        return moments, right

    def _one_pass(
        self, x: np.ndarray, residual: np.ndarray, scale: np.ndarray, margin: int, bounds: tuple
    ) -> tuple[dict, np.ndarray]:
        """All transforms in d = 1 from those of 1 and u."""
        n, wide = len(x), 2 * self.cutoff + margin
        transform = LatticeModes(x, self.period, wide)
        strengths = np.empty(n, dtype=np.complex128)
        strengths.real = 1.0
        size = _fast_size(2 * wide + 1)
        by_x = _smooth_position(size, self.period, *bounds)
        inner = 2 * self.cutoff
        right = np.empty((2, self.modes, residual.shape[1]))
        moments: dict = {}
        for j, column in enumerate(residual.T):
            np.divide(column, scale[j], out=np.imag(strengths))
            ones, values = split_pair(transform(strengths) / n)
            right[0, :, j] = to_real(truncate(values, self.cutoff, 1))
            right[1, :, j] = _times(to_real(values), by_x, self.cutoff)
            if j == 0:
                real = to_real(ones)
                moments[0, 0] = to_real(truncate(ones, inner, 1))
                moments[0, 1] = _times(real, by_x, inner)
                moments[1, 1] = _times(real, by_x**2, inner)
        return moments, right


def _fast_size(least: int) -> int:
    """A length of at least this, whose real FFT is fast."""
    return int(scipy.fft.next_fast_len(least, real=True) or least)


def _bandwidth(period: float, extent: float) -> int:
    """Modes of `_smooth_position` that exceed rounding: its step is an error function."""
    gap = (period - extent) / 2
    return int(np.ceil(2 * SHARPNESS**2 * period / (np.pi * gap)))


def _smooth_position(size: int, period: float, low: float, high: float) -> np.ndarray:
    """On a grid of one period, a smooth periodic function that is x between low and high."""
    centre, extent = (low + high) / 2, high - low
    offset = np.arange(size) * (period / size) - centre
    offset -= period * np.round(offset / period)
    gap = (period - extent) / 2
    middle = extent / 2 + gap / 2
    return centre + offset * erfc((np.abs(offset) - middle) * (2 * SHARPNESS / gap)) / 2


def _times(moment: np.ndarray, factor: np.ndarray, keep: int) -> np.ndarray:
    """Modes `|k|` <= keep of a measure times a function on a grid, real vectors, d = 1."""
    size = len(factor)
    values = HalfSpectrum(len(moment) // 2, 1, size).values(moment) * factor
    return HalfSpectrum(keep, 1, size).vector(values)
