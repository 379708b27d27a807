"""Isotropic distributions of the input weights w in d dimensions.

A law needs means over `|w|`, for its rates, and over one component of w, for its kernel. Of
the output weights a it only needs the mean of a^2, whatever their shape, jointly with `|w|`.
"""

from lfp.distributions.named import NAMED, Distribution, Fixed, Gaussian, Uniform
from lfp.distributions.samples import Samples, Weighted

__all__ = ["NAMED", "Distribution", "Fixed", "Gaussian", "Samples", "Uniform", "Weighted"]
