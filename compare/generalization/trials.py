"""Interpolants of many random samples of one function on a torus at a time."""

import numpy as np
import scipy.fft
from jaxtyping import Float

import lfp
from lfp._checks import ArrayLike, Integer, Number
from lfp.norms import lattice_dimension, unit_scaled
from lfp.spaces.realmodes import half_lattice, to_complex, to_real

FINENESS = {1: 32, 2: 8, 3: 4}  # points of the grid an axis, in modes
BLOCK = 2**22  # numbers at a time


class Target:
    """A function f on a torus, in coordinates s in which the FP-norm is Euclidean: `c = sqrt(D) s`.

    There the interpolant of least norm at some points is the projection of f on the sections of
    the kernel at the points, `sqrt(D_k) exp(-2 pi i k.x_i/P)`: no kernel matrix, whose condition is
    the square of theirs, is inverted. f is scaled to coefficients of size one, by a power of two.

    Args and errors: those of `compare.generalization.bound_against_risk`.

    Attributes:
        sup_norm: largest `|f|` on the grid, so a little less than `||f||_inf`.
        fp_norm, gamma_norm: as in lfp.
    """

    def __init__(
        self, law: lfp.Law, lattice: lfp.Lattice, coefficients: ArrayLike, dim: Integer | None
    ) -> None:
        norm = lfp.fp_norm(law, lattice, coefficients, dim=dim)
        values, self._exponent = unit_scaled(np.asarray(coefficients))
        self.dim = lattice_dimension(lattice, values.shape[-1], dim)
        self.period, self.cutoff = float(lattice.period), int(lattice.cutoff)
        self._check_theorem(law, lattice, values)
        self.fp_norm = float(norm)
        if not 0 < self.fp_norm < np.inf:
            raise ValueError(
                f"coefficients must be those of a function in the space other than zero, got one "
                f"of norm {self.fp_norm}"
            )
        self.gamma_norm = lfp.gamma_norm(law, lattice, dim=self.dim)
        weights, _ = lattice.coefficients(law, self.dim, self.period)
        self._root = np.sqrt(weights)
        real = to_real(values)
        self._state = np.divide(real, self._root, out=np.zeros_like(real), where=real != 0)
        least = FINENESS[self.dim] * (2 * self.cutoff + 1)
        self._points = 2 * int(scipy.fft.next_fast_len(least // 2) or least)
        self._half = half_lattice(self.cutoff, self.dim)
        largest = np.abs(self._on_grid(self._state[None])).max()
        self.sup_norm = float(np.ldexp(largest, self._exponent))

    def _check_theorem(self, law: lfp.Law, lattice: lfp.Lattice, values: np.ndarray) -> None:
        if lattice.kind != "torus" or lattice.zero_mode == "free":
            raise ValueError(
                f"lattice must be a torus whose zero_mode is 'excluded' or a rate, got {lattice}"
            )
        if law.has_divergence:
            raise ValueError(
                f"law must have no divergence term, as TwoLayer(divergence=False), got {law}"
            )
        modes = (2 * self.cutoff + 1) ** self.dim
        if values.shape != (modes,):
            raise ValueError(f"coefficients must have shape ({modes},), got {values.shape}")
        rounding = 1e-12 * np.abs(values).max()
        if np.abs(values - values[::-1].conj()).max() > rounding:
            raise ValueError("coefficients must be those of a real function, c_-k = conj(c_k)")

    def bound(self, n: ArrayLike, delta: Number) -> np.ndarray:
        """`lfp.generalization_bound` for n samples of f."""
        return lfp.generalization_bound(
            sup_norm=self.sup_norm,
            fp_norm=self.fp_norm,
            gamma_norm=self.gamma_norm,
            n=n,
            delta=delta,
        )

    def measure(
        self, n: int, trials: int, rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, " trial"], ...]:
        """Risk, its error, and norm of the interpolants of n uniform random points in a period."""
        x = rng.uniform(-self.period / 2, self.period / 2, size=(trials, n, self.dim))
        largest = max(n * len(self._root), self._points**self.dim)
        blocks = np.array_split(x, -(-trials * largest // BLOCK))
        parts = zip(*[self._measure(block) for block in blocks if len(block)], strict=True)
        return tuple(np.concatenate(part) for part in parts)

    def _measure(self, x: np.ndarray) -> tuple[np.ndarray, ...]:
        learned = self._interpolate(x)
        gap = np.abs(self._on_grid(learned - self._state))
        axes = tuple(range(1, 1 + self.dim))
        risk = gap.mean(axis=axes)
        coarse = gap[(slice(None), *self.dim * [slice(None, None, 2)])].mean(axis=axes)
        measured = risk, np.abs(risk - coarse), np.linalg.norm(learned, axis=1)
        return tuple(np.ldexp(part, self._exponent) for part in measured)

    def _interpolate(self, x: np.ndarray) -> np.ndarray:
        """States `(t, M)` of the interpolants at points `(t, n, d)`: projections of f's own."""
        angle = 2 * np.pi / self.period * (x @ self._half.T)
        waves = [np.ones((*x.shape[:2], 1)), np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)]
        sections = np.concatenate(waves, axis=2) * self._root
        _, size, rows = np.linalg.svd(sections, full_matrices=False)
        # points that nearly coincide have one section between them
        used = size > 1e-13 * size[:, :1]
        parts = np.einsum("trm,m->tr", rows, self._state) * used
        return np.einsum("trm,tr->tm", rows, parts)

    def _on_grid(self, states: np.ndarray) -> np.ndarray:
        """Values `(t, G, .., G)` on a uniform grid of one period."""
        shape = (len(states), *self.dim * [self._points])
        spectrum = np.zeros(shape, dtype=np.complex128)
        k = np.arange(-self.cutoff, self.cutoff + 1)
        modes = to_complex(states * self._root).reshape(len(states), *self.dim * [len(k)])
        spectrum[(slice(None), *np.ix_(*self.dim * [k]))] = modes
        axes = tuple(range(1, 1 + self.dim))
        return np.real(np.fft.ifftn(spectrum, axes=axes, norm="forward"))
