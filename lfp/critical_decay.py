"""Whether the rates of a law fall fast enough for its interpolants to be regular."""

import warnings

import numpy as np

from lfp.lattice import Lattice
from lfp.laws import Law, PowerLaw

OCTAVES = 9  # beyond the cutoff in which a slow decay must go on: those that `Lattice.tail` sees
BAND = 64  # frequencies an octave
TIE = 0.01  # of an estimated exponent; rates by quadrature are good to 1e-5


def warn_if_not_regular(law: Law, lattice: Lattice, dim: int) -> None:
    """Warn (UserWarning) of a law at or below the critical decay on a torus.

    Where the rates fall as `|xi|^-alpha` with alpha <= d their sum diverges: the interpolant tends
    to zero everywhere but at the samples as the cutoff grows, and `||gamma||` to infinity. A free
    lattice represents a kernel of real space, which is finite at a point: none of it there.

    For a `PowerLaw` alpha is its own. Otherwise it is read off the mean rates of two octaves, at
    the cutoff and, as long as it is not above d, further out: a smooth law decays
    slowly at first.

    Source: Luo, Ma, Xu, Zhang 2022 (critical decay).
    """
    if lattice.kind == "free":
        return
    alpha = _decay(law, lattice, dim)
    if alpha > dim + (0.0 if isinstance(law, PowerLaw) else TIE):
        return
    warnings.warn(
        f"the rates of this law fall as |xi|^-{alpha:.3g}, not faster than |xi|^-d with d = {dim}: "
        f"as the cutoff grows, the interpolant becomes trivial (it differs from zero at the "
        f"samples only) and the norm of gamma infinite; use a law that falls faster, such as "
        f"PowerLaw(alpha={dim + 1}), or read the result as one of this cutoff",
        stacklevel=3,
    )


def _decay(law: Law, lattice: Lattice, dim: int) -> float:
    """The exponent of the rates at the cutoff, or the first one further out that exceeds d."""
    if isinstance(law, PowerLaw):
        return float(law.alpha)
    # means over octaves: oscillating rates have zeros
    octave = lattice.frequencies[-1] * 2.0 ** np.linspace(-1, 0, BAND)
    rate, alpha = np.sum(law.rates(octave / 2, dim), axis=0).mean(), 0.0
    for power in range(OCTAVES):
        beyond = np.sum(law.rates(octave * 2.0**power, dim), axis=0).mean()
        if beyond == 0:
            return np.inf
        alpha, rate = float(np.log2(rate / beyond)), beyond
        if alpha > dim + TIE:
            break
    return alpha
