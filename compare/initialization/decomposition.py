"""Theorem 2: a flow from any initial output as three flows from zero."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

import lfp
import nets
from compare.initialization import _problem as problem
from lfp._checks import ArrayLike
from lfp.choice import Kernel


@dataclass(frozen=True)
class Decomposition:
    """The parts of `h(.; h_ini, X, Y) = h(.; 0, X, Y) + h_ini - h(.; 0, X, h_ini(X))`.

    Attributes:
        ts: times (T,), np.inf for the limit.
        points: where, (m, d).
        unbiased: `h(.; 0, X, Y)`, (T, m), what is learned without an initial output.
        initial: h_ini, (m,).
        learned: `h(.; 0, X, h_ini(X))`, (T, m), what the flow knows of h_ini from the samples.
        direct: `h(.; h_ini, X, Y)`, (T, m), solved by itself from h_ini.
    """

    ts: Float[np.ndarray, " T"]
    points: Float[np.ndarray, "m d"]
    unbiased: Float[np.ndarray, "T m"]
    initial: Float[np.ndarray, " m"]
    learned: Float[np.ndarray, "T m"]
    direct: Float[np.ndarray, "T m"]

    @property
    def bias(self) -> Float[np.ndarray, "T m"]:
        """`h_ini - h(.; 0, X, h_ini(X))`: what h_ini leaves; its high frequencies at the end."""
        return self.initial - self.learned

    @property
    def total(self) -> Float[np.ndarray, "T m"]:
        """The sum of the parts, equal to `direct` up to rounding."""
        return self.unbiased + self.bias


def decompose(
    kernel: Kernel,
    x: ArrayLike,
    y: ArrayLike,
    initial: Any,
    points: ArrayLike,
    *,
    ts: ArrayLike = (np.inf,),
    space: str | lfp.Lattice | None = None,
) -> Decomposition:
    """Split the flow from h_ini into what the data and what h_ini make of it (Theorem 2)::

        h(.; h_ini, X, Y) = h(.; 0, X, Y) + h_ini - h(.; 0, X, h_ini(X))

    at any time of the flow of the loss "mse", as h is linear in (Y, h_ini), and in the limit.

    Args:
        kernel: a law or a kernel `k(x1, x2)`, as for `lfp.solve`; of a linearised network
            `tangent_kernel_of(net)`.
        x: samples (n, d), or (n,) when d = 1.
        y: values (n,).
        initial: h_ini, a function or a network: positions (m, d), or (m,) when d = 1, to (m,).
        points: where the parts are wanted, (m, d) or (m,).
        ts: sorted times (T,) of `lfp.solve`; np.inf is the limit, of `lfp.interpolate`.
        space: as for `lfp.solve`.

    Raises:
        ValueError: bad data, points or times; a kernel that `lfp.solve` or, for the limit,
            `lfp.interpolate` refuses, such as one that is singular on the samples.
        TypeError: arguments of a wrong kind.

    Source: Zhang, Xu, Luo, Ma 2020; lecture, eq. 6.
    """
    positions, values = problem.samples(x, y)
    where, times = problem.places(points, positions), problem.instants(ts)
    start = problem.initial_values("initial", initial, positions)
    outside = problem.initial_values("initial", initial, where)
    data = np.stack([values, start], axis=1)
    parts = np.stack(list(problem.each_time(kernel, positions, data, where, times, space)))
    direct, finite = [], times[np.isfinite(times)]
    if len(finite):
        flow = lfp.solve(kernel, positions, values, finite, initial=initial, space=space)
        direct.append(flow(where))
    if len(finite) < len(times):
        limit = lfp.interpolate(kernel, positions, values, initial=initial, space=space)(where)
        direct.append(np.tile(limit, (len(times) - len(finite), 1)))
    return Decomposition(
        ts=times,
        points=where,
        unbiased=parts[..., 0],
        initial=outside,
        learned=parts[..., 1],
        direct=np.concatenate(direct),
    )


def tangent_kernel_of(net: Any) -> Callable[..., Float[np.ndarray, "n1 n2"]]:
    """The tangent kernel of a network as it is, as a function `k(x1, x2)` of positions.

    With it the flows of lfp, and all of this package, are those of the network linearised at its
    parameters.

    Raises, when called: what `nets.tangent_kernel` raises.
    """

    def kernel(x1: ArrayLike, x2: ArrayLike) -> Float[np.ndarray, "n1 n2"]:
        return np.asarray(nets.tangent_kernel(net, x1, x2), dtype=np.float64)

    return kernel
