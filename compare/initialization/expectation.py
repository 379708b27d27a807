"""The exact expectation of the error that a random initial output leaves, by its covariance."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

import lfp
from compare.initialization import _problem as problem
from lfp import _checks as check
from lfp._checks import ArrayLike
from lfp.choice import Kernel

BLOCK = 256  # points of which the covariance is written out for its diagonal
VANISHING = 1e-150  # sigma_a, whose square is still a float

# a function C(x1, x2); wrong kinds are refused in words by `_matrix`
Covariance = Any


def covariance_of(law: Any) -> Callable[..., Any]:
    """Covariance of the output of a fresh network, `C(x, x') = sigma_a^2 E[sigma(s) sigma(s')]`.

    `s = w.x + b`. It is the tangent kernel of the output weights alone, times sigma_a^2, and that
    of `f = m^(-1/2) sum_j a_j sigma(s_j)` at every width m, whose terms are independent and of
    mean 0; only for m -> infinity is f Gaussian.

    Args:
        law: of the network, a independent of w; in the accuracy of `law.ntk`.

    Returns:
        A function of positions (n1, d) and (n2, d) to (n1, n2).

    Raises:
        TypeError: law is no `lfp.TwoLayer`.
        ValueError: its weights are samples, whose a and w may depend on each other.
    """
    if not isinstance(law, lfp.TwoLayer):
        raise TypeError(f"law must be a lfp.TwoLayer, got {law!r:.60}")
    if isinstance(law.weights, lfp.Samples):
        raise ValueError(
            "law must have weights of a named distribution, got samples, whose a and w may depend "
            "on each other: write the covariance as a function of one's own"
        )
    alone = replace(law, sigma_a=VANISHING)  # what is trained in w and b falls with its square
    square = float(law.sigma_a) ** 2
    return lambda x1, x2: square * alone.ntk(x1, x2)


def additional_error(
    kernel: Kernel,
    covariance: Covariance,
    x: ArrayLike,
    points: ArrayLike,
    *,
    ts: ArrayLike = (np.inf,),
    space: str | lfp.Lattice | None = None,
) -> Float[np.ndarray, "T m"]:
    """Expected squared error that a random initial output leaves at each point, exactly::

        E |h_ini - h(.; 0, X, h_ini(X))|^2 = C(x, x) - 2 a(x).C(X, x) + a(x)^T C(X, X) a(x)

    with `h(x, t; 0, X, Y) = a(x, t).Y`, which is linear in the data, and the covariance C of
    h_ini. The last term of Theorem 3, without sampling; the mean over points that fill Omega is
    its square norm in L^2(Omega). Accurate to the rounding of C(x, x); not less than 0.

    Args:
        kernel, x, points, ts, space: as for `decompose`. All weights a (m, n) are held at a time.
        covariance: `E h_ini(x) h_ini(x')`, a function of positions to (n1, n2), such as
            `covariance_of(law)`; positive semidefinite.

    Raises:
        ValueError: bad data, points or times; a kernel that `lfp` refuses, see `decompose`; a
            covariance of another shape, not finite, or with a negative variance.
        TypeError: arguments of a wrong kind.

    Source: Zhang, Xu, Luo, Ma 2020; lecture, Theorem 3.
    """
    positions = check.points("x", x)
    where, times = problem.places(points, positions), problem.instants(ts)
    own = np.concatenate(
        [
            np.diagonal(_matrix(covariance, block, block))
            for block in np.array_split(where, -(-len(where) // BLOCK))
        ]
    )
    if own.min() < 0:
        i = int(np.argmin(own))
        raise ValueError(
            f"covariance(x, x) must not be negative, got {own[i]:g} at {where[i].tolist()}"
        )
    across, among = _matrix(covariance, where, positions), _matrix(covariance, positions, positions)
    unit = np.eye(len(positions))
    left = [
        own + np.sum(weights * (weights @ among - 2 * across), axis=1)
        for weights in problem.each_time(kernel, positions, unit, where, times, space)
    ]
    return np.maximum(left, 0.0)


def _matrix(covariance: Covariance, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """C(x1, x2), checked."""
    if not callable(covariance):
        raise TypeError(f"covariance must be a function of x1 and x2, got {covariance!r:.60}")
    found: Any = covariance(x1, x2)
    values = check.real_array("covariance(x1, x2)", found, ndim=(2,))
    if values.shape != (len(x1), len(x2)):
        raise ValueError(
            f"covariance(x1, x2) must have shape {(len(x1), len(x2))}, got {values.shape}"
        )
    return values
