"""The minimisation on samples, dense: a Cholesky factorisation of the kernel matrix."""

from collections.abc import Callable

import numpy as np
import scipy.linalg
from scipy.linalg import get_lapack_funcs
from scipy.sparse.linalg import LinearOperator, eigsh

from lfp.solvers.dense import Relaxation

potrf, potrs, ormqr = get_lapack_funcs(("potrf", "potrs", "ormqr"))
EPS = np.finfo(float).eps
EIGENVALUES_UP_TO = 1_000  # unknowns; beyond, an iteration for the extreme ones
KRYLOV = 8  # vectors for them
ACCURACY: int = 0.01  # pyright: ignore (of these, relative; the stub wants an int)


class Cholesky:
    """`(R + U_f C U_f*/n + ridge) s = q` for s orthogonal to the functions U_0 without penalty.

    The affine block `U_f C U_f*` exceeds the rest by sigma_b^3 and would drown it in rounding. In
    an orthonormal basis that begins with U_0 and U_f (reflections, never written out) the
    rows of U_0 are left out and those of U_f are eliminated first; the Schur complement that is
    left carries no trace of their size. The matrix is positive definite if and only if the block
    that is eliminated and the complement are.

    Args:
        rest: R, the kernel matrix over n without its affine part, `(n, n)`.
        free: orthonormal basis of U_0, `(n, r)`.
        columns: U_f, `(n, f)`.
        coefficients: C, `(f,)`.
        ridge: weight of the norm.
        source: q, `(n, c)`.

    Attributes:
        state: s, `(n, c)`.
        moments: `U_f* s`, `(f, c)`, without cancellation.
        square: `s* (q - ridge s)`, the squared norm.
        eigenvalues: extreme ones of the Schur complement, ascending, and a negative one of the
            block eliminated.
        definite: whether the factorisation exists and is not numerically singular. If not, s is
            the solution of least norm in the eigenvectors that can be told from zero.
    """

    def __init__(
        self,
        rest: np.ndarray,
        free: np.ndarray,
        columns: np.ndarray,
        coefficients: np.ndarray,
        ridge: float,
        source: np.ndarray,
    ) -> None:
        n, outputs = source.shape
        self._r, self._k = free.shape[1], min(free.shape[1] + columns.shape[1], n)
        r, k = self._r, self._k
        affine = np.hstack([free, columns])
        self._reflectors, triangle = None, np.zeros((0, 0))
        if k:
            (compact, scales), triangle = scipy.linalg.qr(affine, mode="raw")  # pyright: ignore
            self._reflectors = np.asfortranarray(compact[:, : len(scales)]), scales
        triangle = triangle[r:k, r:]
        rotated = self._rotate(self._rotate(rest.T).T)
        rotated[np.diag_indices(n)] += ridge
        head = rotated[r:k, r:k] + (triangle * coefficients) @ triangle.T / n
        sizes, axes = small_eigh(head)
        self._head = (axes / sizes) @ axes.T
        self._gain = self._head @ rotated[r:k, k:]
        schur = np.asfortranarray(rotated[k:, k:])
        if k > r:
            schur -= rotated[r:k, k:].T @ self._gain
        source = self._rotate(source)
        right = source[k:] - self._gain.T @ source[r:k]
        state = np.zeros((n, outputs))
        state[k:] = self._factorise(schur, right)
        if (sizes < 0).any():
            self.eigenvalues = np.sort(np.append(self.eigenvalues, sizes[0]))
            self.definite = False
        state[r:k] = self._head @ source[r:k] - self._gain @ state[k:]
        self.moments = triangle.T @ state[r:k]
        self.square = float(np.sum(state[r:] * (source[r:] - ridge * state[r:])))
        self.state = self._rotate(state, "N")

    def _rotate(self, columns: np.ndarray, transpose: str = "T") -> np.ndarray:
        """Q* times columns, or Q times them."""
        if self._reflectors is None:
            return np.array(columns)
        work = 64 * max(1, columns.shape[1])
        return ormqr("L", transpose, *self._reflectors, columns, work)[0]

    def _factorise(self, schur: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The solution of the Schur complement, its factor and its extreme eigenvalues."""
        size = len(schur)
        self.factor, self.definite = schur, True
        if not size:
            self.eigenvalues = np.zeros(0)
            return right
        known = size <= EIGENVALUES_UP_TO
        if known:
            self.eigenvalues = scipy.linalg.eigvalsh(schur)[[0, -1]]
        factor, info = potrf(schur, lower=True)
        if info == 0 and not known:
            self.eigenvalues = _extreme(schur, factor)
        if info != 0 or self.eigenvalues[0] <= size * EPS * self.eigenvalues[-1]:
            relaxation = Relaxation(schur, right)
            self.eigenvalues, self.definite = relaxation.eigenvalues, False
            return relaxation.limit(0.0)
        self.factor = factor
        return potrs(factor, right, lower=True)[0]

    def inverse_diagonal(self) -> np.ndarray:
        """Diagonal `(n,)` of the inverse of the matrix, on the functions with a penalty."""
        n, r, k = len(self.state), self._r, self._k
        basis = self._rotate(np.eye(n, order="F"))  # Q*
        inner = np.einsum("in,in->n", basis[r:k], self._head @ basis[r:k])
        rest = basis[k:] - self._gain.T @ basis[r:k]
        solved = scipy.linalg.solve_triangular(self.factor, rest, lower=True, overwrite_b=True)
        return inner + np.einsum("in,in->n", solved, solved)


def small_eigh(head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors of a small symmetric matrix that is to be inverted.

    Raises:
        LinAlgError: it is singular to rounding.
    """
    if not len(head):
        return np.zeros(0), head
    sizes, axes = np.linalg.eigh((head + head.T) / 2)
    if not np.abs(sizes).min() > EPS * np.abs(sizes).max():
        raise np.linalg.LinAlgError("the affine functions cannot be told apart")
    return sizes, axes


def _extreme(matrix: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Extreme eigenvalues of a positive definite matrix by Lanczos iterations."""
    start = np.random.default_rng(0).normal(size=len(matrix))

    def inverse(vector: np.ndarray) -> np.ndarray:
        return potrs(factor, vector, lower=True)[0]

    def largest(product: Callable[[np.ndarray], np.ndarray]) -> float:
        operator = LinearOperator(
            shape=matrix.shape,
            dtype=np.float64,
            matvec=product,  # pyright: ignore (unknown to its stub)
        )
        return float(
            eigsh(
                operator,
                k=1,
                which="LA",
                ncv=KRYLOV,
                v0=start,
                tol=ACCURACY,
                return_eigenvectors=False,
            )[0]
        )

    return np.array([1 / largest(inverse), largest(matrix.dot)])
