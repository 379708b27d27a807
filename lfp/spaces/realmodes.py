"""Real functions on a lattice of modes: one real vector of coefficients, complex ones, grids.

A real function `h(x) = sum_k c_k exp(2 pi i k.x / P)`, `|k|_inf` <= N, has `c_-k = conj(c_k)`. Its
real vector `(M,)`, `M = (2N + 1)^d`, is in the orthonormal basis 1, `sqrt2 cos(2 pi k.x/P)`,
`sqrt2 sin(2 pi k.x/P)`, where k runs over the half of the lattice that follows 0 in the flattened
order; there -k stands as far before 0 as k behind it.
"""

import numpy as np


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
