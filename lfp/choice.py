"""Which unknowns and which solver serve a problem when the caller does not say."""

from collections.abc import Callable

import numpy as np

from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.lattice import Lattice
from lfp.laws import Law
from lfp.spaces.modes import ModalSpace
from lfp.spaces.samples import SampleSpace

Kernel = Law | Callable[..., np.ndarray]
Initial = Callable[..., ArrayLike] | None
Space = SampleSpace | ModalSpace

DENSE_UP_TO = 1_000  # unknowns: an eigendecomposition of a few tenths of a second
MATRIX_UP_TO = 5_000  # samples: the kernel written out, 0.2 GB
SUMS_UP_TO = 20_000  # samples in d = 1 with O(n) kernel products
FFT_COST = 50  # of a step on a lattice, in multiplications an unknown


def choose_space(
    law: Kernel, space: str | Lattice | None, x: np.ndarray, last: float
) -> str | Lattice:
    """The space given, or one for n samples until the last time.

    Samples while the kernel is cheap there: up to 20,000 in d = 1 for a law of powers, 5,000
    otherwise. Beyond, a law in d <= 3 gets the smallest free `Lattice` that resolves the last
    time, unless its steps would cost more than those in sample space, which is kept to 20,000
    samples where the kernel has to be written out.
    """
    if space is not None:
        return space
    n, dim = x.shape
    if not isinstance(law, Law) or dim > 3 or not 0 < last < np.inf:
        return "samples"
    sums = dim == 1 and law.powers(1) is not None
    if n <= (SUMS_UP_TO if sums else MATRIX_UP_TO):
        return "samples"
    possible = sums or n <= SUMS_UP_TO
    try:
        lattice = Lattice.resolving(law, x, last)
    except ValueError:  # no rates, or more modes than memory
        if possible:
            return "samples"
        raise
    unknowns = (1 + dim) * (2 * lattice.cutoff + 1) ** dim
    cost = n if sums else n**2 / FFT_COST
    return "samples" if possible and cost < unknowns else lattice


def choose_solver(problem: Space) -> str:
    """An eigendecomposition up to 1,000 unknowns (or samples), a Krylov basis beyond."""
    return "dense" if min(len(problem.x), problem.size) <= DENSE_UP_TO else "krylov"


def make_space(
    law: Kernel, space: str | Lattice | None, x: np.ndarray, residual: np.ndarray
) -> Space:
    """The unknowns in which a flow or a limit is computed, for u_0 `(n, c)`."""
    if isinstance(space, Lattice):
        if not isinstance(law, Law):
            raise TypeError(f"law must be a law such as TwoLayer on a Lattice, got {law!r}")
        return ModalSpace(law, space, x, residual)
    check_space(space)
    kernel_of(law)
    return SampleSpace(law, x, residual)


def check_space(space: object) -> None:
    """Refuse what is no space."""
    if space is None or isinstance(space, Lattice):
        return
    if not isinstance(space, str):
        raise TypeError(f"space must be None, 'samples' or a Lattice, got {space!r}")
    check.choice("space", space, ("samples",))


def kernel_of(law: Kernel) -> Callable[..., np.ndarray]:
    """The kernel function of a law, or the kernel itself."""
    if isinstance(law, Law):
        return law.kernel
    if callable(law) and not isinstance(law, type):
        return law
    raise TypeError(f"law must be a law or a kernel k(x1, x2), got {law!r}")
