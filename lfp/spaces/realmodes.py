"""Real functions on a lattice of modes: one real vector of coefficients, complex ones, grids.

A real function `h(x) = sum_k c_k exp(2 pi i k.x / P)`, `|k|_inf` <= N, has `c_-k = conj(c_k)`. Its
real vector `(M,)`, `M = (2N + 1)^d`, is in the orthonormal basis 1, `sqrt2 cos(2 pi k.x/P)`,
`sqrt2 sin(2 pi k.x/P)`, where k runs over the half of the lattice that follows 0 in the flattened
order; there -k stands as far before 0 as k behind it.
"""

import numpy as np
import scipy.fft


def half_lattice(cutoff: int, dim: int) -> np.ndarray:
    """The integer vectors k of the half behind 0, `((M - 1)/2, d)`."""
    axis = np.arange(-cutoff, cutoff + 1)
    grid = np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    return grid[len(grid) // 2 + 1 :]


def to_complex(real: np.ndarray) -> np.ndarray:
    """Complex coefficients `(..., M)`, flattened, every axis ascending, of real vectors."""
    half = real.shape[-1] // 2
    positive = (real[..., 1 : half + 1] - 1j * real[..., half + 1 :]) * np.sqrt(0.5)
    return np.concatenate([positive[..., ::-1].conj(), real[..., :1], positive], axis=-1)


def to_real(coefficients: np.ndarray) -> np.ndarray:
    """Real vectors `(..., M)` of the coefficients of real functions: the inverse and adjoint."""
    half = coefficients.shape[-1] // 2
    positive = coefficients[..., half + 1 :] * np.sqrt(2)
    centre = np.real(coefficients[..., half : half + 1])
    return np.concatenate([centre, np.real(positive), -np.imag(positive)], axis=-1)


def split_pair(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Transforms of the real functions f and g from that of f + i g."""
    mirrored = packed[..., ::-1].conj()
    return (packed + mirrored) / 2, (packed - mirrored) / 2j


def truncate(coefficients: np.ndarray, cutoff: int, dim: int) -> np.ndarray:
    """The modes `|k|_inf` <= cutoff, flattened, of a larger flattened array `(M',)`."""
    side = round(len(coefficients) ** (1 / dim))
    inner = slice(side // 2 - cutoff, side // 2 + cutoff + 1)
    return coefficients.reshape((side,) * dim)[(inner,) * dim].ravel()


class HalfSpectrum:
    """Between real vectors and the half spectrum of a real FFT on a larger grid.

    Of an FFT of `size` points an axis only the entries with a last index >= 0 are stored; the
    plane with last index 0 holds k and -k both. Gathers and scatters at places known beforehand
    cost less than the FFT, which slicing and concatenating does not.
    """

    def __init__(self, cutoff: int, dim: int, size: int) -> None:
        half = half_lattice(cutoff, dim)
        self.grid = (size,) * dim
        self.shape = (size,) * (dim - 1) + (size // 2 + 1,)
        # where k itself is not stored, -k is, conjugate
        sign = np.where(half[:, -1] >= 0, 1, -1)
        self._turn = -np.sqrt(0.5) * sign
        self._place = self._flat(half * sign[:, None])
        plane = np.flatnonzero(half[:, -1] == 0)
        self._plane, self._mirror = self._place[plane], self._flat(-half[plane])

    def _flat(self, k: np.ndarray) -> np.ndarray:
        """Where the modes k are in the flattened half spectrum."""
        return np.asarray(np.ravel_multi_index(tuple((k % self.grid[0]).T), self.shape))

    def values(self, real: np.ndarray) -> np.ndarray:
        """Values on the grid of the function with the real vector `(M,)`."""
        half = len(real) // 2
        spectrum = np.zeros(self.shape, dtype=np.complex128)
        flat = spectrum.reshape(-1)
        flat[0] = real[0]
        modes = real[1 : half + 1] * np.sqrt(0.5) + 1j * (real[half + 1 :] * self._turn)
        flat[self._place] = modes
        flat[self._mirror] = flat[self._plane].conj()
        return np.asarray(scipy.fft.irfftn(spectrum, self.grid, norm="forward", overwrite_x=True))

    def vector(self, values: np.ndarray) -> np.ndarray:
        """The real vector `(M,)` of a function on the grid, its other modes left out."""
        spectrum = np.asarray(scipy.fft.rfftn(values, norm="forward", overwrite_x=True)).reshape(-1)
        modes = spectrum[self._place]
        half = len(modes)
        real = np.empty(2 * half + 1)
        real[0] = spectrum[0].real
        real[1 : half + 1] = np.real(modes) * np.sqrt(2)
        real[half + 1 :] = np.imag(modes) * (2 * self._turn)
        return real
