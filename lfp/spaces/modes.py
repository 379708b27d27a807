"""The flow in Fourier space: unknowns are the coefficients of the modes of a Lattice."""

from functools import cached_property

import numpy as np
import scipy.linalg

from lfp import _checks as check
from lfp.lattice import DISCRETISATION_ERROR, Lattice, tail_norm
from lfp.laws import Law
from lfp.solvers.cholesky import Cholesky
from lfp.solvers.dense import limit
from lfp.spaces.gram import Gram
from lfp.spaces.realmodes import half_lattice, to_complex
from lfp.transforms import LatticeValues, nudft

TARGETS = 2**20  # frequencies transformed at a time


class ModalSpace:
    """The modal flow `c' = D (b - T c)`, `h = h_ini + F c`, `c(0) = 0`, on a lattice.

    Features `F = [Phi, x_1 Phi, .., x_d Phi]` with the real modes Phi of `realmodes`, coefficients
    `D = [A + B, B, .., B]` of the law, the affine part at k = 0 included; `T = F* F/n` and
    `b = F* u_0/n` with `u_0 = y - h_ini(X)` (see `Gram`). After them nothing has size n. Functions
    without penalty (D infinite: a free constant, free affine functions) hold the mean of the
    residual against them at zero; a Schur complement eliminates them from T and b.

    D may have negative entries (the window of a free lattice makes some): D T is still
    self-adjoint in the T inner product.
    """

    name = "lattice"

    def __init__(self, law: Law, lattice: Lattice, x: np.ndarray, residual: np.ndarray) -> None:
        self.reach = lattice.reach(x)
        self.lattice, self.x, self.residual = lattice, x, residual
        self.period, self.cutoff, dim = float(lattice.period), int(lattice.cutoff), x.shape[1]
        check.fits_in_memory(
            16 * (1 + dim) * (4 * self.cutoff + 1) ** dim,
            what=f"{(1 + dim) * (2 * self.cutoff + 1) ** dim:,} modes",
            instead="use a smaller cutoff or space='samples'",
        )
        stationary, modulated = lattice.coefficients(law, dim, self.reach)
        self.blocks = 1 + dim if modulated.any() else 1
        weights = np.stack([stationary] + [modulated] * (self.blocks - 1))
        self.shape = weights.shape  # (blocks, modes)
        self.size = weights.size
        self.free = np.flatnonzero(np.isinf(weights))
        self.weights = np.where(np.isinf(weights), 0.0, weights).ravel()
        self.gram = Gram(x, residual, self.period, self.cutoff, self.blocks)
        self._eliminate_free()
        tail = lattice.tail(law, dim, self.reach, check.largest_square(x))
        left_out = tail_norm(*tail, self.gram.norm, x.shape)
        # by Duhamel's formula the modes left out change the output by at most t |K_tail|/n
        self.resolved_until = DISCRETISATION_ERROR / left_out if left_out > 0 else np.inf

    def _eliminate_free(self) -> None:
        """Columns of T for the free functions, and the right side without their part."""
        right = self.gram.right.reshape(self.size, -1)
        unit = np.zeros((len(self.free), self.size))
        unit[np.arange(len(self.free)), self.free] = 1.0
        columns = [self._full_product(e) for e in unit]
        self._columns = np.array(columns).reshape(len(self.free), self.size)
        # free functions may coincide on the samples: a pseudo-inverse takes any of them
        self._inverse = np.linalg.pinv(self._columns[:, self.free], rcond=1e-13, hermitian=True)
        self._free_right = right[self.free]
        if len(self.free):
            right = right - self._columns.T @ (self._inverse @ self._free_right)
        self.right = right  # (size, c)

    def _full_product(self, coefficients: np.ndarray) -> np.ndarray:
        return self.gram(coefficients.reshape(self.shape)).ravel()

    def metric(self, vector: np.ndarray) -> np.ndarray:
        """T c, free functions eliminated, for a vector c of shape `(size,)`."""
        result = self._full_product(vector)
        if len(self.free):
            result -= (self._inverse @ (self._columns @ vector)) @ self._columns
        return result

    def error_factor(self, last: float) -> float:
        """What turns a defect of c at the last time into an error of c in the T norm."""
        return last

    def start(self, output: int) -> np.ndarray:
        """D b, for a Krylov basis of `D T` in the T inner product."""
        return self.weights * self.right[:, output]

    def multiply(self, vector: np.ndarray, image: np.ndarray) -> np.ndarray:
        """D T v from the image T v."""
        return self.weights * image

    @cached_property
    def symmetric(self) -> tuple[np.ndarray, np.ndarray]:
        """`(S, q)` of `s' = q - S s` with `S = G D G*`, `G* G = T`, `G* q = b`; then `c = D G* s`.

        G is `F/sqrt(n)` where there are fewer samples than modes, else T's square root.
        """
        smaller = min(len(self.x), self.size)
        check.fits_in_memory(
            check.eigendecomposition_bytes(smaller) + 8 * smaller * self.size,
            what=f"{len(self.x):,} samples and {self.size:,} modes",
            instead="use solver='krylov' or a smaller cutoff",
        )
        if len(self.x) < self.size:
            self._factor = self._features() / np.sqrt(len(self.x))
            source = self.residual / np.sqrt(len(self.x))
            if len(self.free):
                # an orthonormal basis of what is orthogonal to the free functions
                rows = scipy.linalg.null_space(self._factor[:, self.free].T).T
                self._factor, source = rows @ self._factor, rows @ source
        else:
            matrix = self._matrix()
            values, vectors = scipy.linalg.eigh(matrix)
            keep = values > len(values) * np.finfo(float).eps * values[-1]
            root = np.sqrt(values[keep])
            self._factor = root[:, None] * vectors[:, keep].T
            source = (vectors[:, keep].T @ self.right) / root[:, None]
        matrix = (self._factor * self.weights) @ self._factor.T
        return (matrix + matrix.T) / 2, source

    def _matrix(self) -> np.ndarray:
        """T written out, `(size, size)`."""
        matrix = np.stack([self.metric(e) for e in np.eye(self.size)])
        return (matrix + matrix.T) / 2

    def _features(self) -> np.ndarray:
        """F written out, `(n, size)`."""
        angle = 2 * np.pi * (self.x / self.period) @ half_lattice(self.cutoff, self.x.shape[1]).T
        waves = [np.ones((len(self.x), 1)), np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)]
        modes = np.hstack(waves)
        factors = [np.ones(len(self.x)), *self.x.T][: self.blocks]
        return np.hstack([factor[:, None] * modes for factor in factors])

    def from_krylov(self, states: np.ndarray) -> np.ndarray:
        """Coefficients `(T, size, c)` without free functions, of states, which they are."""
        return states

    def from_symmetric(self, states: np.ndarray) -> np.ndarray:
        """Coefficients `c = D G* s`, `(T, size, c)`, of states `(T, r, c)`."""
        states = np.einsum("trc,rs->tsc", states, self._factor, optimize=True)
        return states * self.weights[:, None]

    def limit(self, ridge: float) -> tuple[np.ndarray, Cholesky]:
        """Coefficients `(1, size, c)` of `(K/n + ridge) a = u/n` in the samples, factorised.

        The affine functions, at k = 0, are kept apart as in sample space.
        """
        n = len(self.x)
        check.fits_in_memory(
            check.eigendecomposition_bytes(n) + 8 * n * self.size,
            what=f"{n:,} samples and {self.size:,} modes",
            instead="use solver='iterative'",
        )
        first = np.arange(self.blocks) * self.shape[1]  # k = 0 of every block
        is_free = np.isin(first, self.free)
        large = (self.weights[first] > 0) & ~is_free  # a window may make it negative
        weights, features = self.weights.copy(), self._features()
        weights[first[large]] = 0.0
        columns = np.column_stack([np.ones(n), *self.x.T])[:, : self.blocks]
        factorised = Cholesky(
            (features * weights) @ features.T / n,
            scipy.linalg.orth(columns[:, is_free]) if is_free.any() else columns[:, :0],
            columns[:, large],
            self.weights[first[large]],
            ridge,
            self.residual / np.sqrt(n),
        )
        states = weights[:, None] * (features.T @ factorised.state) / np.sqrt(n)
        states[first[large]] = self.weights[first[large], None] * factorised.moments / np.sqrt(n)
        return self.complete(states[None]), factorised

    def modal_limit(self, ridge: float) -> tuple[np.ndarray, float, np.ndarray]:
        """Coefficients, squared norm, eigenvalues of `(S + ridge) s = q`, for many samples."""
        state, square, eigenvalues = limit(*self.symmetric, ridge)
        return self.complete(self.from_symmetric(state[None])), square, eigenvalues

    def general_form(self) -> tuple[np.ndarray, np.ndarray]:
        """`(T D, b)` of `s' = b - T D s`, `c = D s`, for an ODE integrator."""
        return self._matrix() * self.weights, self.right

    def from_general(self, states: np.ndarray) -> np.ndarray:
        """Coefficients `(T, size, c)` of states of the general form."""
        return states * self.weights[:, None]

    def complete(self, coefficients: np.ndarray) -> np.ndarray:
        """Put in the free functions, which hold their part of the residual at zero."""
        if len(self.free):
            rest = self._free_right - np.einsum("ps,tsc->tpc", self._columns, coefficients)
            coefficients[:, self.free] = self._inverse @ rest
        return coefficients

    def complex_blocks(self, coefficients: np.ndarray) -> np.ndarray:
        """Fourier coefficients `(T, c, blocks, modes)`, every axis of k ascending."""
        blocks = np.moveaxis(coefficients, 2, 1)
        return to_complex(blocks.reshape(*blocks.shape[:2], *self.shape))

    def fitted(self, coefficients: np.ndarray) -> np.ndarray:
        """Outputs `(T, n, c)` at the samples, without the initial output."""
        return self.evaluate(self.x, coefficients)

    @property
    def free_functions(self) -> np.ndarray:
        """Which of the unknowns are not penalised."""
        return self.free

    def overlap(self, coefficients: np.ndarray) -> np.ndarray:
        """`(1/n) sum_i u_0(x_i) h(x_i, t)`, `(T, c)`, without the initial output."""
        right = self.gram.right.reshape(self.size, -1)
        return np.einsum("sc,tsc->tc", right, coefficients)

    def losses(self, coefficients: np.ndarray) -> np.ndarray:
        """`1/(2n) sum |u_0 - F c|^2` over samples and outputs, `(T,)`, without evaluating F c."""
        right = self.gram.right.reshape(self.size, -1)
        start = np.mean(self.residual**2, axis=0).sum()
        losses = np.empty(len(coefficients))
        for i, one in enumerate(coefficients):
            products = np.stack([self._full_product(c) for c in one.T], axis=1)
            losses[i] = (start + np.sum(one * (products - 2 * right))) / 2
        return np.maximum(losses, 0.0)

    def spectrum(self, coefficients: np.ndarray, xi: np.ndarray) -> np.ndarray:
        """Sampled transform `(T, F, c)` at frequencies `(F, d)` of `F c`, all times together.

        It needs `(1/n) sum_i x_a exp(2 pi i (k/P - xi).x_i)` for every k and xi.
        """
        half = half_lattice(self.cutoff, self.x.shape[1])
        k = np.concatenate([-half[::-1], np.zeros((1, half.shape[1])), half]) / self.period
        modes, several = self.complex_blocks(coefficients), max(1, TARGETS // len(k))
        result = np.zeros((len(coefficients), len(xi), coefficients.shape[2]), dtype=np.complex128)
        for i in range(0, len(xi), several):
            targets = (xi[i : i + several, None] - k).reshape(-1, xi.shape[1])
            for block in range(self.blocks):
                factor = self.x[:, block - 1] if block else np.ones(len(self.x))
                waves = nudft(self.x, factor, targets).reshape(-1, len(k))
                result[:, i : i + several] += np.einsum(
                    "tck,fk->tfc", modes[:, :, block], waves, optimize=True
                )
        return result

    def evaluate(self, x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Outputs `(T, m, c)` at x, without the initial output.

        Raises:
            ValueError: points so far away that the lattice kernel is not the law's there.
        """
        check.same_dimension("x", x, "the samples", self.x)
        distance = _farthest(x, self.x)
        if self.lattice.kind == "free" and distance > self.reach * (1 + 1e-12):
            raise ValueError(
                f"x must stay within {self.reach:g} of every sample on this Lattice, got a "
                f"distance of {distance:g}; use a period of at least {3 * distance:g}"
            )
        values = LatticeValues(x, self.period, self.cutoff)
        modes = self.complex_blocks(coefficients)  # (T, c, blocks, modes)
        outputs = np.zeros((*modes.shape[:2], len(x)))
        factors = [np.ones(len(x)), *x.T]
        rows = zip(outputs.reshape(-1, len(x)), modes.reshape(-1, *self.shape), strict=True)
        for output, blocks in rows:
            # real functions: two of them travel as real and imaginary part of one pass
            for i in range(0, self.blocks - 1, 2):
                packed = values(blocks[i] + 1j * blocks[i + 1])
                output += np.real(packed) * factors[i] + np.imag(packed) * factors[i + 1]
            if self.blocks % 2:
                output += np.real(values(blocks[-1])) * factors[self.blocks - 1]
        return np.moveaxis(outputs, 1, 2)


def _farthest(x: np.ndarray, samples: np.ndarray) -> float:
    """A bound of the largest distance from a point to a sample, by boxes and by balls."""
    low, high = samples.min(axis=0), samples.max(axis=0)
    box = np.linalg.norm(np.maximum(x.max(axis=0) - low, high - x.min(axis=0)))
    if x.shape[1] == 1:
        return float(box)
    centre = (low + high) / 2
    ball = sum(np.linalg.norm(p - centre, axis=1).max() for p in (x, samples))
    return float(min(box, ball))
