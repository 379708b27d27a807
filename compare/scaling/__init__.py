"""Exponents of scaling laws, each with an interval, and the studies that measure them."""

from compare.scaling.fitting import Exponent, Rate, exponent, rate

__all__ = ["Exponent", "Rate", "exponent", "rate"]
