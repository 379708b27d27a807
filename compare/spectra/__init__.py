"""Spectra at the samples, their peaks, and how far outputs are from data at each frequency.

Values have the samples on their last axis, spectra the frequencies; trajectories carry the time
on the axis before. Everything is vectorised over further leading axes (width, seed, ...): many
times and seeds are one call. Positions are (n, d), or (n,) when d = 1.
"""

from compare.spectra.affine import remove_affine
from compare.spectra.discrete import dft, dft_frequencies
from compare.spectra.filtering import gaussian_filter
from compare.spectra.measures import (
    band_error,
    band_power,
    peaks,
    relative_error,
    times_to_error,
)
from compare.spectra.projection import (
    directional_spectrum,
    principal_direction,
    principal_positions,
    principal_spectrum,
)
from compare.spectra.transform import frequencies, spectrum

__all__ = [
    "band_error",
    "band_power",
    "dft",
    "dft_frequencies",
    "directional_spectrum",
    "frequencies",
    "gaussian_filter",
    "peaks",
    "principal_direction",
    "principal_positions",
    "principal_spectrum",
    "relative_error",
    "remove_affine",
    "spectrum",
    "times_to_error",
]
