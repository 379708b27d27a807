"""The flow in sample space: unknowns are the weights of K(., x_i)."""

from collections.abc import Callable

import numpy as np

from lfp import _checks as check

BLOCK = 2**22  # entries of the kernel evaluated at a time


class SampleSpace:
    """The flow `h' = -(1/n) K(., X) (h(X) - y)` for a kernel on n samples.

    With `u_0 = y - h_ini(X)` and `c' = (u_0 - K c)/n`, `c(0) = 0`, the output is
    `h = h_ini + K(., X) c`. `matrix = K/n` and `source = u_0/sqrt(n)` are the symmetric form
    `s' = source - matrix s`, in which `c = s/sqrt(n)`.
    """

    name = "samples"
    resolved_until = np.inf

    def __init__(
        self, kernel: Callable[..., np.ndarray], x: np.ndarray, residual: np.ndarray
    ) -> None:
        n = len(x)
        check.fits_in_memory(
            n, what="samples", instead="use space=lfp.Lattice(...) in d = 1, or fewer samples"
        )
        self.x, self.residual, self.kernel = x, residual, kernel
        gram = kernel_matrix(kernel, x, x)
        self.matrix = (gram + gram.T) / (2 * n)
        self.source = residual / np.sqrt(n)

    def coefficients(self, states: np.ndarray) -> np.ndarray:
        """Weights c, `(T, n)`, of states of the symmetric form, `(T, n)`."""
        return states / np.sqrt(len(self.x))

    def general_form(self) -> tuple[np.ndarray, np.ndarray]:
        """`(M, b)` of `c' = b - M c`, for an ODE integrator."""
        return self.matrix, self.residual / len(self.x)

    def coefficients_from_general(self, states: np.ndarray) -> np.ndarray:
        """Weights c of states of the general form: the states themselves."""
        return states

    def evaluate(self, x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Outputs `(T, m)` at x `(m, d)`, without the initial output, block by block."""
        check.same_dimension("x", x, "the samples", self.x)
        rows = max(1, BLOCK // len(self.x))
        blocks = [
            coefficients @ kernel_matrix(self.kernel, x[i : i + rows], self.x).T
            for i in range(0, len(x), rows)
        ]
        return np.concatenate(blocks, axis=1)


def kernel_matrix(kernel: Callable[..., np.ndarray], x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """`kernel(x1, x2)` as a checked float64 array `(n1, n2)`; positions in d = 1 as `(n,)`."""
    flat = x1.shape[1] == 1
    matrix = kernel(x1[:, 0], x2[:, 0]) if flat else kernel(x1, x2)
    matrix = check.real_array("law(x1, x2)", matrix, ndim=(2,))
    if matrix.shape != (len(x1), len(x2)):
        raise ValueError(f"law(x1, x2) must return shape {(len(x1), len(x2))}, got {matrix.shape}")
    return matrix
