"""An approximate inverse of K + noise by inducing points and nearest neighbours."""

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse
from scipy.spatial import KDTree

INDUCING = 512  # points that carry what is smooth
NEIGHBOURS = 20
SMALL = 64  # samples at the start of the order that are factorised as a whole
GROWTH = 1.15  # of the prefixes in which neighbours are looked for
FINEST = 40  # halvings of a cell after which points count as equal
CHUNK = 2**22  # entries of the local matrices at a time
MOST_BYTES = 2**29  # of the inducing points' columns
TREE_UP_TO = 6  # dimensions; beyond, a tree looks at every point anyway
JITTER = 1e-12  # relative to the diagonal


class Screening:
    """`M ~ K + noise`, symmetric and positive definite, of which the inverse is applied.

    K is split into what a few inducing points Z explain, `Q = K_XZ K_ZZ^-1 K_ZX = V V*`, and the
    rest. The rest, with the noise on its diagonal, has the approximate inverse `L L*` that is
    nearest in the sense of Kullback and Leibler among all L with a given pattern: column i is
    supported on sample i and those nearest to it among the samples before it, and is the last
    column of the inverse Cholesky factor of the matrix restricted to them. The order goes from
    coarse to fine. Near samples screen off far ones for the kernels of smooth functions; what they
    do not screen where the noise is large is smooth, and carried by the inducing points. Then
    `M = V V* + (L L*)^-1`, and with H = L* V::

        M^-1 = L (1 - H (1 + H* H)^-1 H*) L*.

    Args:
        x: samples `(n, d)`.
        kernel: K of positions `(m, d)` and `(n, d)`.
        local: K of samples among themselves, `(b, k, k)` for indices `(b, k)`.
        noise: variance added to every sample.

    Raises:
        LinAlgError: the kernel is not positive.

    Source: Schaefer, Katzfuss, Owhadi 2021 (SIAM J. Sci. Comput. 43), theorem 2.1, and the order
    of section 3; the sum with inducing points: Gyger, Furrer, Sigrist 2024. Here the order is by
    cells that are halved instead of distances.
    """

    def __init__(
        self,
        x: np.ndarray,
        kernel: Callable[[np.ndarray, np.ndarray], np.ndarray],
        local: Callable[[np.ndarray], np.ndarray],
        noise: float,
    ) -> None:
        n = len(x)
        self.order = coarse_to_fine(x)
        neighbours = nearest_before(x[self.order], min(NEIGHBOURS, n - 1), min(SMALL, n))
        inducing = min(INDUCING, n // 8, MOST_BYTES // (8 * n))
        columns = np.zeros((n, 0))
        if inducing:
            # between two samples: at a sample the rest would be zero
            z, z_next = x[self.order[:inducing]], _nearest_other(x, self.order[:inducing])
            columns = _explained(kernel, x[self.order], (z + z_next) / 2)
        self._factor = self._sparse(local, columns, neighbours, noise)
        self._transposed = self._factor.T.tocsr()
        projected = self._transposed @ columns
        triangle = scipy.linalg.cholesky(projected.T @ projected + np.eye(inducing))
        # orthonormal together with a block of the identity: what is left of 1 is small, not wrong
        self._smooth = scipy.linalg.solve_triangular(triangle, projected.T, trans=1).T

    def __call__(self, residual: np.ndarray) -> np.ndarray:
        """`M^-1 r`, `(n,)`."""
        inner = self._transposed @ residual[self.order]
        inner -= self._smooth @ (self._smooth.T @ inner)
        result = np.empty_like(residual)
        result[self.order] = self._factor @ inner
        return result

    def scaled(self, factor: float) -> Callable[[np.ndarray], np.ndarray]:
        """The inverse of M / factor."""
        return lambda residual: factor * self(residual)

    def _sparse(
        self,
        local: Callable[[np.ndarray], np.ndarray],
        columns: np.ndarray,
        neighbours: np.ndarray,
        noise: float,
    ) -> scipy.sparse.csr_array:
        """L in the order of the samples."""
        n = len(self.order)
        small, width = n - len(neighbours), neighbours.shape[1] + 1

        def rest(places: np.ndarray) -> np.ndarray:
            explained = columns[places]
            matrix = local(self.order[places])
            diagonal = np.arange(places.shape[1])
            variance = matrix[:, diagonal, diagonal]
            matrix = matrix - explained @ np.swapaxes(explained, 1, 2)
            matrix[:, diagonal, diagonal] += noise + JITTER * variance
            return matrix

        first = np.arange(small)
        inverse = scipy.linalg.inv(scipy.linalg.cholesky(rest(first[None])[0], lower=True))
        rows, values = [np.tile(first, small)], [inverse.ravel()]  # column j of L is row j here
        where = [np.repeat(first, small)]
        sets = np.column_stack([neighbours, np.arange(small, n)])
        step = max(1, CHUNK // (width * max(width, columns.shape[1])))
        last = np.zeros((width, 1))
        last[-1] = 1.0
        for i in range(0, len(sets), step):
            places = sets[i : i + step]
            lower = np.linalg.cholesky(rest(places))
            solved = np.linalg.solve(np.swapaxes(lower, 1, 2), last[None])[..., 0]
            rows.append(places.ravel())
            values.append(solved.ravel())
            where.append(np.repeat(places[:, -1], width))
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(where))
        return scipy.sparse.csr_array(entries, shape=(n, n))


def coarse_to_fine(x: np.ndarray) -> np.ndarray:
    """An order in which every beginning covers the samples evenly, `(n,)` indices.

    Cells are halved again and again, and each one that holds no sample of the order yet gives one
    of its own, by chance.
    """
    random = np.random.default_rng(0)
    low, extent = x.min(axis=0), np.ptp(x, axis=0).max() or 1.0
    # cells are told apart by a number that is random modulo 2^64
    codes = random.integers(2**62, size=x.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    order, taken = random.permutation(len(x)), 0
    for halvings in range(FINEST):
        cells = ((x[order] - low) * (2.0**halvings / extent)).astype(np.uint64)
        first = np.unique((cells * codes).sum(axis=1), return_index=True)[1]
        new = np.sort(first[first >= taken])
        left = np.ones(len(x), dtype=bool)
        left[:taken] = left[new] = False
        order = np.concatenate([order[:taken], order[new], order[left]])
        taken += len(new)
        if taken == len(x):
            break
    return order


def nearest_before(x: np.ndarray, count: int, first: int) -> np.ndarray:
    """Of each position from `first` on, `count` of the nearest before it, `(n - first, count)`.

    They are looked for in prefixes that grow by a constant factor.
    """
    found = [np.zeros((0, count), dtype=np.intp)]
    start = first
    while start < len(x):
        stop = min(len(x), int(np.ceil(GROWTH * start)))
        found.append(_nearest(x[:start], x[start:stop], count))
        start = stop
    return np.concatenate(found)


def _nearest(x: np.ndarray, at: np.ndarray, count: int) -> np.ndarray:
    """Indices `(m, count)` of positions next to those given."""
    if x.shape[1] <= TREE_UP_TO:
        found = np.asarray(KDTree(x).query(at, count)[1])
        return found.reshape(len(at), count)  # one neighbour comes without its axis
    squares, step = np.einsum("nd,nd->n", x, x), max(1, CHUNK // len(x))
    rows = [squares - 2 * at[i : i + step] @ x.T for i in range(0, len(at), step)]
    return np.concatenate([np.argpartition(row, count - 1, axis=1)[:, :count] for row in rows])


def _nearest_other(x: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The position next to each of the samples named."""
    pairs = _nearest(x, x[which], 2)
    return x[np.where(pairs[:, 0] == which, pairs[:, 1], pairs[:, 0])]


def _explained(
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """V, `(n, m)`, of the part `V V*` that the points z explain."""
    matrix = kernel(z, z)
    matrix = (matrix + matrix.T) / 2
    matrix[np.diag_indices(len(z))] *= 1 + len(z) * JITTER
    lower = scipy.linalg.cholesky(matrix, lower=True)
    columns, step = np.empty((len(x), len(z))), max(1, CHUNK // len(z))
    for i in range(0, len(x), step):
        part = kernel(z, x[i : i + step])
        columns[i : i + step] = scipy.linalg.solve_triangular(lower, part, lower=True).T
    return columns
