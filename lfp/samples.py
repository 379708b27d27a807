"""The flow in sample space: unknowns are the weights of K(., x_i)."""

from collections.abc import Callable

import numpy as np
import scipy.linalg

from lfp import _checks as check
from lfp.laws import Law
from lfp.solvers.dense import Relaxation

BLOCK = 2**22  # entries of the kernel evaluated at a time


class SampleSpace:
    """The flow `h' = -(1/n) K(., X) (h(X) - y)` for a kernel on n samples.

    With `u_0 = y - h_ini(X)` and `c' = (u_0 - K c)/n`, `c(0) = 0`, the output is
    `h = h_ini + K(., X) c`. `matrix = K/n` and `source = u_0/sqrt(n)` are the symmetric form
    `s' = source - matrix s`, in which `c = s/sqrt(n)`.

    The affine part of a law's kernel, `U C U*` with `U = [1, x]`, exceeds the rest by
    sigma_b^3 and would drown it in rounding; it is carried as `U beta`, `beta = C U* c`.
    The coefficients are `[c, beta]`, beta being empty for a bare kernel.
    """

    name = "samples"
    resolved_until = np.inf

    def __init__(
        self,
        law: Law | Callable[..., np.ndarray],
        x: np.ndarray,
        residual: np.ndarray,
    ) -> None:
        n, d = x.shape
        check.fits_in_memory(
            check.eigendecomposition_bytes(n),
            what=f"{n:,} samples",
            instead="use space=lfp.Lattice(...) in d = 1, or fewer samples",
        )
        self.x, self.residual = x, residual
        if isinstance(law, Law):
            constant, slope = law.affine(d)
            self.kernel, self.affine = law.radial, np.array([constant] + d * [slope])
        else:
            self.kernel, self.affine = law, np.zeros(0)
        gram = kernel_matrix(self.kernel, x, x)
        self.rest = (gram + gram.T) / (2 * n)
        columns = self._affine_columns(x)
        self.matrix = self.rest + (columns * self.affine) @ columns.T / n
        self.source = residual / np.sqrt(n)

    def _affine_columns(self, x: np.ndarray) -> np.ndarray:
        """`[1, x]`, or no columns for a bare kernel."""
        return np.column_stack([np.ones(len(x)), x])[:, : len(self.affine)]

    def coefficients(self, states: np.ndarray) -> np.ndarray:
        """`[c, beta]`, `(T, n + d + 1)`, of states of the symmetric form, `(T, n)`."""
        return self.coefficients_from_general(states / np.sqrt(len(self.x)))

    def general_form(self) -> tuple[np.ndarray, np.ndarray]:
        """`(M, b)` of `c' = b - M c`, for an ODE integrator."""
        return self.matrix, self.residual / len(self.x)

    def coefficients_from_general(self, states: np.ndarray) -> np.ndarray:
        """`[c, beta]` of states c of the general form, `(T, n)`."""
        return np.hstack([states, (states @ self._affine_columns(self.x)) * self.affine])

    def limit(self, ridge: float) -> tuple[np.ndarray, float, np.ndarray]:
        """Coefficients `(1, n + d + 1)` and squared norm of `(matrix + ridge) s = source`.

        In an orthonormal basis that begins with the affine functions their large block is
        eliminated, so that its size costs no digits. Third, the eigenvalues that decide:
        those of the Schur complement, which is definite if and only if the matrix is.
        """
        n = len(self.x)
        columns = self._affine_columns(self.x)
        basis, triangle = np.linalg.qr(columns, mode="complete")
        k = min(columns.shape[1], n)
        rotated = basis.T @ self.rest @ basis
        rotated[:k, :k] += (triangle[:k] * self.affine) @ triangle[:k].T / n
        rotated += ridge * np.eye(n)
        source = basis.T @ self.source
        gain = scipy.linalg.solve(rotated[:k, :k], rotated[:k, k:], assume_a="sym")
        schur = rotated[k:, k:] - rotated[k:, :k] @ gain
        state = np.zeros(n)
        eigenvalues = np.linalg.eigvalsh(rotated[:k, :k]) if k else np.zeros(0)
        if n > k:
            reduced = Relaxation((schur + schur.T) / 2, source[k:] - gain.T @ source[:k])
            state[k:], eigenvalues = reduced.limit(0.0), reduced.eigenvalues
        head = source[:k] - rotated[:k, k:] @ state[k:]
        state[:k] = scipy.linalg.solve(rotated[:k, :k], head, assume_a="sym")
        square = float(state @ (source - ridge * state))
        beta = (triangle[:k].T @ state[:k]) * self.affine / np.sqrt(n)
        return np.concatenate([basis @ state / np.sqrt(n), beta])[None], square, eigenvalues

    def evaluate(self, x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Outputs `(T, m)` at x `(m, d)`, without the initial output, block by block."""
        check.same_dimension("x", x, "the samples", self.x)
        n, rows = len(self.x), max(1, BLOCK // len(self.x))
        blocks = [
            coefficients[:, :n] @ kernel_matrix(self.kernel, x[i : i + rows], self.x).T
            for i in range(0, len(x), rows)
        ]
        return np.concatenate(blocks, axis=1) + coefficients[:, n:] @ self._affine_columns(x).T


def kernel_matrix(kernel: Callable[..., np.ndarray], x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """`kernel(x1, x2)` as a checked float64 array `(n1, n2)`; positions in d = 1 as `(n,)`."""
    flat = x1.shape[1] == 1
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        matrix = kernel(x1[:, 0], x2[:, 0]) if flat else kernel(x1, x2)
    matrix = check.real_array("law(x1, x2)", matrix, ndim=(2,))
    if matrix.shape != (len(x1), len(x2)):
        raise ValueError(f"law(x1, x2) must return shape {(len(x1), len(x2))}, got {matrix.shape}")
    return matrix
