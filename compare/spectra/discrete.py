"""The discrete Fourier transform on uniform samples, with every signed frequency."""

import numpy as np
from jaxtyping import Complex, Float
from scipy import fft

from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike
from lfp.predictions import uniform_grid


def dft_frequencies(x: ArrayLike) -> Float[np.ndarray, " n"] | Float[np.ndarray, "n d"]:
    """The n signed frequencies of a uniform grid, each residue once, in the order of `dft`.

    On n points of spacing dx they are `k/P`, `P = n dx`, `k = 0, 1, .., -2, -1` as in
    `numpy.fft.fftfreq`; on a grid of several axes the pairs or triples of these, last axis
    fastest.

    Args:
        x: a uniform grid, shape (n,), or the full product of d = 1, 2 or 3 of them, shape (n, d),
            the points in any order.

    Returns:
        Cycles per unit of x, shape (n,) or (n, d) as x.

    Raises:
        ValueError: if x is no such grid.
        TypeError: if x does not hold real numbers.
    """
    counts, steps, _ = _uniform(x)
    signed = _frequencies(counts, steps)
    return signed[:, 0] if np.ndim(x) == 1 else signed


def dft(x: ArrayLike, values: ArrayLike) -> Complex[np.ndarray, "*batch n"]:
    """`y^_k = (1/n) sum_j y_j exp(-2 pi i xi_k.x_j)` at all frequencies of a uniform grid.

    Then Plancherel's identity holds, `sum_k |y^_k|^2 = (1/n) sum_j |y_j|^2`, and
    `y_j = sum_k y^_k exp(2 pi i xi_k.x_j)` returns the values.

    Args:
        x: a uniform grid as in `dft_frequencies`, shape (n,) or (n, d).
        values: real or complex, shape (..., n), in the order of x.

    Returns:
        Shape (..., n), complex, at `dft_frequencies(x)`.

    Raises:
        ValueError: if x is no uniform grid (`spectrum` takes any samples, without Plancherel's
            identity), or values are not finite or do not match it.
        TypeError: if they are not numbers, or x not real.
    """
    counts, steps, cells = _uniform(x)
    values = check.at_samples(values, len(cells))
    on_grid = np.empty_like(values)
    on_grid[..., cells] = values
    axes = tuple(range(-len(counts), 0))
    shape = (*values.shape[:-1], *counts)
    coefficients = np.asarray(fft.fftn(on_grid.reshape(shape), axes=axes, norm="forward"))
    first = check.cloud(x).min(axis=0)
    phase = np.exp(-2j * np.pi * (_frequencies(counts, steps) @ first))
    return coefficients.reshape(values.shape) * phase


def _uniform(x: ArrayLike) -> tuple[list[int], list[float], np.ndarray]:
    """Points and spacing of each axis, and the flat cell (n,) of every point."""
    positions = check.cloud(x)
    try:
        return uniform_grid(positions)
    except ValueError:
        n, d = positions.shape
        raise ValueError(
            "x must be a uniform grid, the full product of d = 1, 2 or 3 axes of at least 2 "
            f"points, got {n} other points in d = {d}; spectrum takes any samples"
        ) from None


def _frequencies(counts: list[int], steps: list[float]) -> np.ndarray:
    """(n, d), last axis fastest."""
    axes = [fft.fftfreq(m, step) for m, step in zip(counts, steps, strict=True)]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
