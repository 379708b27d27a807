"""Exponents of scaling laws, each with an interval, and the studies that measure them."""

from compare.scaling.fitting import Exponent, Rate, exponent, rate
from compare.scaling.kernels import in_sigma_b, in_width
from compare.scaling.learning import in_density, in_frequency
from compare.scaling.record import Scaling
from compare.scaling.samples import in_samples

__all__ = [
    "Exponent",
    "Rate",
    "Scaling",
    "exponent",
    "in_density",
    "in_frequency",
    "in_samples",
    "in_sigma_b",
    "in_width",
    "rate",
]
