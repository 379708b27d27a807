"""The laws: rates in Fourier space, kernels in real space."""

from lfp.laws.base import Law
from lfp.laws.power_law import PowerLaw
from lfp.laws.simplified import Simplified
from lfp.laws.two_layer import TwoLayer

__all__ = ["Law", "PowerLaw", "Simplified", "TwoLayer"]
