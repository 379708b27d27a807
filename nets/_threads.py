"""One thread for BLAS while XLA, or an ensemble, keeps the processors busy."""

from contextlib import AbstractContextManager

import scipy.linalg  # noqa: F401  JAX calls SciPy's LAPACK; it can be limited only once loaded
from threadpoolctl import threadpool_limits


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep OpenBLAS to one thread inside this context.

    Its idle threads wait by spinning and take the processors from XLA's: n x n eigenproblems, done
    twice a step, were seen to take ten times longer on two processors with other work on them.
    """
    return threadpool_limits(1, user_api="blas")
