"""Linear frequency-principle dynamics: when an infinitely wide network learns each frequency.

NumPy, SciPy and FINUFFT, always in float64.
"""

from lfp.activations import Activation
from lfp.conventions import time_factor
from lfp.distributions import Samples
from lfp.flow import Flow
from lfp.halving import half_times
from lfp.interpolant import Interpolant
from lfp.interpolation import interpolate
from lfp.lattice import Lattice
from lfp.laws import Law, PowerLaw, Simplified, TwoLayer
from lfp.losses import Loss
from lfp.norms import fp_norm, gamma_norm, generalization_bound
from lfp.solving import solve, times
from lfp.status import Status
from lfp.transforms import nudft, nudft_direct

__all__ = [
    "Activation",
    "Flow",
    "Interpolant",
    "Lattice",
    "Law",
    "Loss",
    "PowerLaw",
    "Samples",
    "Simplified",
    "Status",
    "TwoLayer",
    "fp_norm",
    "gamma_norm",
    "generalization_bound",
    "half_times",
    "interpolate",
    "nudft",
    "nudft_direct",
    "solve",
    "time_factor",
    "times",
]
