"""The flow in sample space: unknowns are the weights of K(., x_i)."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import scipy.linalg

from lfp import _checks as check
from lfp.laws import Law
from lfp.solvers.cholesky import Cholesky
from lfp.spaces.prefix import PowerSums

BLOCK = 2**22  # entries of the kernel evaluated at a time
ASYMMETRY = 1e-5  # of a kernel: more than float32 would cause


class SampleSpace:
    """The flow `h' = -(1/n) K(., X) (h(X) - y)` for a kernel on n samples.

    With `u_0 = y - h_ini(X)` and `c' = (u_0 - K c)/n`, `c(0) = 0`, the output is
    `h = h_ini + K(., X) c`. The symmetric form is `s' = q - S s`, `S = K/n`, `q = u_0/sqrt(n)`,
    in which `c = s/sqrt(n)`.

    The affine part of a law's kernel, `U C U*` with `U = [1, x]`, exceeds the rest by sigma_b^3
    and would drown it in rounding; it is carried as `U beta`, `beta = C U* c`. Where C is
    infinite, those functions hold the residual orthogonal to them from the start: the rest flows
    in the complement, and beta follows from the residual. The coefficients are `[c, beta]`, beta
    having one entry for each affine function that the kernel has.

    In d = 1 a kernel of the powers `|z|^3` and `|z|` is summed in O(n) and never written out.
    """

    name = "samples"
    resolved_until = np.inf

    def __init__(
        self, law: Law | Callable[..., np.ndarray], x: np.ndarray, residual: np.ndarray
    ) -> None:
        self.x, self.residual = x, residual  # (n, d), (n, c)
        n, d = x.shape
        self.size = n
        self.affine, self.sums = np.zeros(0), None
        self.kernel = law if not isinstance(law, Law) else law.radial
        self._which = np.zeros(1 + d, dtype=bool)
        if isinstance(law, Law):
            constant, slope = law.affine(d)
            affine = np.array([constant] + d * [slope])
            self._which = affine != 0
            self.affine = affine[self._which]
            powers = law.powers(d) if d == 1 else None
            self.sums = PowerSums(x[:, 0], powers) if powers else None
        self.free = np.isinf(self.affine)
        self.finite = np.where(self.free, 0.0, self.affine)
        self._columns = self.affine_columns(x)
        self._basis = scipy.linalg.orth(self._columns[:, self.free])  # of the free functions

    def affine_columns(self, x: np.ndarray) -> np.ndarray:
        """Those of `[1, x]` that the kernel has, `(m, k)`."""
        return np.column_stack([np.ones(len(x)), x])[:, self._which]

    @cached_property
    def rest(self) -> np.ndarray:
        """K/n without its affine part, written out."""
        n = len(self.x)
        check.fits_in_memory(
            check.eigendecomposition_bytes(n),
            what=f"{n:,} samples",
            instead="use space=lfp.Lattice(...) in d = 1, 2 or 3, or fewer samples",
        )
        gram = kernel_matrix(self.kernel, self.x, self.x)
        if not np.array_equal(gram, gram.T):
            gap, size = np.abs(gram - gram.T).max(), np.abs(gram).max()
            if gap > ASYMMETRY * size:
                raise ValueError(
                    f"law(x1, x2) must be symmetric, got |K - K^T| = {gap:.3g} where "
                    f"|K| = {size:.3g}"
                )
            gram = (gram + gram.T) / 2
        return gram / n

    @cached_property
    def matrix(self) -> np.ndarray:
        """K/n with the finite affine part, written out."""
        return self.rest + (self._columns * self.finite) @ self._columns.T / len(self.x)

    def _rest_product(self, values: np.ndarray) -> np.ndarray:
        """K/n without its affine part times `(n, k)`."""
        return self.rest @ values if self.sums is None else self.sums(values) / len(self.x)

    def _product(self, values: np.ndarray) -> np.ndarray:
        """K/n with the finite affine part times `(n, k)`."""
        moments = self.finite[:, None] * (self._columns.T @ values)
        return self._rest_product(values) + self._columns @ moments / len(self.x)

    def _complement(self, values: np.ndarray) -> np.ndarray:
        """The part `(n, ...)` that is orthogonal to the free functions."""
        return values - self._basis @ (self._basis.T @ values) if self.free.any() else values

    def start(self, output: int) -> np.ndarray:
        """q, for a Krylov basis of S in the usual inner product."""
        source = self.residual[:, output] / np.sqrt(len(self.x))
        rest = self._complement(source)
        # free functions that take all of the data leave rounding
        return rest if np.linalg.norm(rest) > 1e-14 * np.linalg.norm(source) else 0 * rest

    def multiply(self, vector: np.ndarray, image: np.ndarray) -> np.ndarray:
        """S v."""
        return self._complement(self._product(vector[:, None])[:, 0])

    @property
    def free_part(self) -> np.ndarray:
        """The part `(n, c)` of the data in the free functions, learned at once."""
        return self._basis @ (self._basis.T @ self.residual)

    def metric(self, vector: np.ndarray) -> np.ndarray:
        """v itself, cleaned in place of the free functions that rounding brings in.

        A new Krylov vector is a small difference; what it has of them would grow step by step.
        """
        if self.free.any():
            vector -= self._basis @ (self._basis.T @ vector)
        return vector

    def error_factor(self, last: float) -> float:
        """What turns a defect of s at the last time into an error of the outputs, S s."""
        return 2.0

    def from_krylov(self, states: np.ndarray) -> np.ndarray:
        """Weights c of states s, `(T, n, c)`."""
        return states / np.sqrt(len(self.x))

    @cached_property
    def _rows(self) -> np.ndarray:
        """An orthonormal basis, `(r, n)`, of what is orthogonal to the free functions."""
        return scipy.linalg.null_space(self._basis.T).T

    @cached_property
    def symmetric(self) -> tuple[np.ndarray, np.ndarray]:
        """`(S, q)`, in the complement of the free functions."""
        matrix, source = self.matrix, self.residual / np.sqrt(len(self.x))
        if not self.free.any():
            return matrix, source
        return self._rows @ matrix @ self._rows.T, self._rows @ source

    def from_symmetric(self, states: np.ndarray) -> np.ndarray:
        """Weights `(T, n, c)` of states of the symmetric form."""
        if self.free.any():
            states = np.einsum("trc,rn->tnc", states, self._rows, optimize=True)
        return self.from_krylov(states)

    def general_form(self) -> tuple[np.ndarray, np.ndarray]:
        """`(M, b)` of `c' = b - M c`, for an ODE integrator."""
        right = self._complement(self.residual) / len(self.x)
        return self._complement(self._complement(self.matrix).T).T, right

    def from_general(self, states: np.ndarray) -> np.ndarray:
        """Weights of states of the general form, which they are."""
        return states

    def complete(self, weights: np.ndarray) -> np.ndarray:
        """`[c, beta]`, `(T, n + k, c)`, of weights c, `(T, n, c)`."""
        beta = np.einsum("nk,tnc->tkc", self._columns, weights) * self.finite[:, None]
        if self.free.any():
            left = self.residual - self.outputs(weights, beta)
            functions = self._columns[:, self.free]
            solved = np.linalg.lstsq(functions, np.moveaxis(left, 1, 0).reshape(len(self.x), -1))[0]
            beta[:, self.free] = np.moveaxis(solved.reshape(-1, len(weights), left.shape[2]), 0, 1)
        return np.concatenate([weights, beta], axis=1)

    def outputs(self, weights: np.ndarray, beta: np.ndarray) -> np.ndarray:
        """Outputs at the samples, `(T, n, c)`."""
        times, n, outputs = weights.shape
        columns = np.moveaxis(weights, 1, 0).reshape(n, -1)
        values = n * self._rest_product(columns)
        return np.moveaxis(values.reshape(n, times, outputs), 0, 1) + self._columns @ beta

    def fitted(self, coefficients: np.ndarray) -> np.ndarray:
        """Outputs `(T, n, c)` at the samples, without the initial output."""
        n = len(self.x)
        return self.outputs(coefficients[:, :n], coefficients[:, n:])

    @property
    def free_functions(self) -> np.ndarray:
        """Which of the affine functions are not penalised."""
        return np.flatnonzero(self.free)

    def overlap(self, coefficients: np.ndarray) -> np.ndarray:
        """`(1/n) sum_i u_0(x_i) h(x_i, t)`, `(T, c)`, without the initial output."""
        return np.einsum("nc,tnc->tc", self.residual, self.fitted(coefficients)) / len(self.x)

    def limit(self, ridge: float) -> tuple[np.ndarray, Cholesky]:
        """Coefficients `(1, n + k, c)` of `(S + ridge) s = q`, and their factorisation."""
        root, finite = np.sqrt(len(self.x)), ~self.free
        factorised = Cholesky(
            self.rest,
            self._basis,
            self._columns[:, finite],
            self.affine[finite],
            ridge,
            self.residual / root,
        )
        coefficients = self.complete(factorised.state[None] / root)
        moments = self.affine[finite, None] * factorised.moments / root
        coefficients[0, len(self.x) + np.flatnonzero(finite)] = moments
        return coefficients, factorised

    def evaluate(self, x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Outputs `(T, m, c)` at x `(m, d)`, without the initial output, block by block."""
        check.same_dimension("x", x, "the samples", self.x)
        times, _, outputs = coefficients.shape
        n, rows = len(self.x), max(1, BLOCK // len(self.x))
        weights = np.moveaxis(coefficients[:, :n], 1, 0).reshape(n, -1)
        if self.sums is not None:
            values = self.sums(weights, x[:, 0])
        else:
            blocks = [
                kernel_matrix(self.kernel, x[i : i + rows], self.x) @ weights
                for i in range(0, len(x), rows)
            ]
            values = np.concatenate(blocks)
        values = np.moveaxis(values.reshape(len(x), times, outputs), 0, 1)
        return values + self.affine_columns(x) @ coefficients[:, n:]


def kernel_matrix(kernel: Callable[..., np.ndarray], x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """`kernel(x1, x2)` as a checked float64 array `(n1, n2)`; positions in d = 1 as `(n,)`."""
    flat = x1.shape[1] == 1
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        matrix = kernel(x1[:, 0], x2[:, 0]) if flat else kernel(x1, x2)
    matrix = check.real_array("law(x1, x2)", matrix, ndim=(2,))
    if matrix.shape != (len(x1), len(x2)):
        raise ValueError(f"law(x1, x2) must return shape {(len(x1), len(x2))}, got {matrix.shape}")
    return matrix
