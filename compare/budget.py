"""What lies between the LFP flow and a trained network, part by part, with no fitted constant.

Three approximations stand between them, each with its own knob:

    LFP flow -> NTK flow               sigma_b finite: the LFP kernel is that of sigma_b -> infinity
    NTK flow -> linearised network     width finite
    linearised network -> network      kernel drift: lazy scale alpha finite

so each difference between neighbours tells which knob limits a comparison.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from compare.distances import distance
from compare.spectra import _checks as check
from compare.spectra._checks import ArrayLike

SOURCES = ("lfp", "ntk", "linearized", "network")


@dataclass(frozen=True)
class Budget:
    """The parts of a difference between LFP and network.

    Attributes:
        sigma_b: from LFP to NTK.
        width: from NTK to the linearised network.
        drift: from the linearised network to the trained one.
        total: from LFP to the trained network.
    """

    sigma_b: np.ndarray
    width: np.ndarray
    drift: np.ndarray
    total: np.ndarray


def of_outputs(
    lfp: ArrayLike,
    ntk: ArrayLike,
    linearized: ArrayLike,
    network: ArrayLike,
    *,
    target: ArrayLike,
    initial: ArrayLike = 0.0,
) -> Budget:
    """Distances of neighbours at each time, `compare.distances.distance`.

    By the triangle inequality total <= sigma_b + width + drift at all times.

    Args:
        lfp, ntk, linearized, network: outputs or spectra at the same times, shape (..., T, n); they
            broadcast, so that the theory (T, n) meets all networks (seeds, T, n).
        target, initial: as of `compare.distances.distance`.

    Returns:
        A `Budget` of arrays (..., T), of what is to be learned.

    Raises:
        ValueError, TypeError: as of `compare.distances.distance`.
    """
    chain = [lfp, ntk, linearized, network]
    parts = [
        distance(first, second, target=target, initial=initial) for first, second in pairwise(chain)
    ]
    return Budget(*parts, total=distance(lfp, network, target=target, initial=initial))


def of_times(lfp: ArrayLike, ntk: ArrayLike, linearized: ArrayLike, network: ArrayLike) -> Budget:
    """Delays of neighbours, `log(t_next/t)`, of half-learning times: they add up to the total.

    A positive part means that the later source of the chain learns later.

    Args:
        lfp, ntk, linearized, network: times, shape (..., F), which broadcast; NaN where a frequency
            is not learned.

    Returns:
        A `Budget` of arrays (..., F), without unit; NaN where a time is.

    Raises:
        ValueError: if a time is not positive or infinite, or the shapes do not match.
        TypeError: if they are not real numbers.
    """
    logs = [
        log_times(name, times)
        for name, times in zip(SOURCES, (lfp, ntk, linearized, network), strict=True)
    ]
    if len({log.shape[-1] for log in logs}) > 1:
        raise ValueError(
            "lfp, ntk, linearized and network must have shapes (..., F) with the same F, got "
            + ", ".join(str(log.shape) for log in logs)
        )
    parts = [second - first for first, second in pairwise(logs)]
    return Budget(*parts, total=logs[-1] - logs[0])


def log_times(name: str, times: ArrayLike) -> Float[np.ndarray, "*batch F"]:
    """Logarithms of times that may be NaN."""
    array = check.numbers(name, times)
    if array.dtype.kind == "c":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim == 0:
        raise ValueError(f"{name} must have shape (..., F), got a number")
    bad = array[(array <= 0) | np.isinf(array)]
    if bad.size:
        raise ValueError(
            f"{name} must be positive and finite times, NaN where there is none, got {bad[0]:g}"
        )
    return np.log(array)
