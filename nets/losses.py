"""The loss that is minimised, one spelling everywhere."""

from typing import Any

import numpy as np

from nets._checks import one_of

LOSSES = ("mse",)


def check_loss(loss: Any) -> None:
    """Accept "mse", `L = 1/(2n) sum_i (h(x_i) - y_i)^2`, and nothing else.

    Both integrators rely on the quadratic loss: the exponential one solves its linearised flow in
    closed form, and the spectral radius of the other is that of the tangent kernel.
    """
    if isinstance(loss, int | float | np.number) and not isinstance(loss, bool):
        raise ValueError(f"loss must be 'mse', the only one there is, got {loss!r}")
    one_of("loss", loss, LOSSES)


def mean_square(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`1/(2n) sum_i (h_i - y_i)^2` over the last axis: (..., n) -> (...)."""
    return 0.5 * np.mean((outputs - y) ** 2, axis=-1)
