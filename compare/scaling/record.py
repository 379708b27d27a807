"""What a study of a scaling law returns."""

from dataclasses import dataclass

import numpy as np

from compare.scaling.fitting import Exponent


@dataclass(frozen=True)
class Scaling:
    """Measured points, the power law through them, and the theory's exponent.

    Attributes:
        quantity: what was measured, in words.
        against: what the abscissa is, in words.
        at: abscissae, shape (P,).
        values: what was measured there, shape (P,), or (s, P) of s seeds.
        found: the fitted `Exponent` with its interval.
        expected: the exponent that the theory predicts.
    """

    quantity: str
    against: str
    at: np.ndarray
    values: np.ndarray
    found: Exponent
    expected: float
