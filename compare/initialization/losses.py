"""Theorems 5 and 6: the end does not depend on the loss, and the parameters move least to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

import lfp
import nets
from compare import distances
from compare.initialization import _problem as problem
from compare.initialization.decomposition import tangent_kernel_of
from lfp import _checks as check
from lfp._checks import ArrayLike, Number
from lfp.choice import Kernel
from nets._frozen import split

LOSSES = ("mse", 4, "huber", "logistic")


@dataclass(frozen=True)
class Ends:
    """Flows of one problem under several losses, against one limit.

    Attributes:
        losses: as they were given, L of them.
        ts: times (T,); the last one is the time reached.
        limit: the interpolant of least norm, where the flow of "mse" ends, at the points, (m,).
        distance: `|h(t) - limit| / |limit - h_ini|` over the points, (L, T).
        residual: `|h(X, t) - Y| / |Y - h_ini(X)|`, (L, T): how far a flow is from its own end. In
            a linear model `h(t) - limit` is the interpolant of `h(X, t) - Y` in the function space
            of the kernel, at every time and for every loss.
    """

    losses: tuple[Any, ...]
    ts: Float[np.ndarray, " T"]
    limit: Float[np.ndarray, " m"]
    distance: Float[np.ndarray, "L T"]
    residual: Float[np.ndarray, "L T"]


@dataclass(frozen=True)
class NetworkEnds(Ends):
    """`Ends` of a network; NaN from the time on at which a training failed.

    Attributes:
        movement: `|theta(T) - theta_0|` over every trained parameter at the last time, (L,); NaN
            of a training that failed.
        least_movement: the least of any parameters of the linearised network that interpolate.
    """

    movement: Float[np.ndarray, " L"]
    least_movement: float


def ends_of_flow(
    kernel: Kernel,
    x: ArrayLike,
    y: ArrayLike,
    points: ArrayLike,
    ts: ArrayLike,
    *,
    losses: Any = LOSSES,
    initial: Any = None,
) -> Ends:
    """Flows of a law or a kernel under several losses, against their common end.

    `h' = -(1/n) K(., X) l'(h(X) - Y)` moves within the span of the K(., x_i), so that it can only
    end in the interpolant of least norm, whatever l (Theorem 6); when it gets there depends on l:
    exponentially where l''(0) > 0, like `t^(-1/(p-2))` for `|r|^p`.

    Args:
        kernel, x, y, points: as for `decompose`; a kernel that is regular on the samples.
        ts: sorted finite times (T,), as for `lfp.solve`.
        losses: of `lfp.solve`.
        initial: h_ini, or None for zero.

    Raises:
        ValueError: no loss; y that h_ini has already; points at which nothing is learned; else as
            `lfp.solve` and `lfp.interpolate`.
        TypeError: arguments of a wrong kind.

    Source: Zhang, Xu, Luo, Ma 2020; lecture, Theorems 5, 6 and eq. 12.
    """
    positions, values = problem.samples(x, y)
    where = problem.places(points, positions)
    chosen, times = _several(losses), check.time_points("ts", ts)
    start, outside = (
        np.zeros(len(at)) if initial is None else problem.initial_values("initial", initial, at)
        for at in (positions, where)
    )
    problem.check_unlearned(values, start, "the outputs of initial")
    limit = lfp.interpolate(kernel, positions, values, initial=initial)(where)
    problem.check_seen(limit, outside, values - start)
    flows = [
        lfp.solve(kernel, positions, values, times, loss=loss, initial=initial) for loss in chosen
    ]
    return Ends(
        losses=chosen,
        ts=times,
        limit=limit,
        distance=_distance([flow(where) for flow in flows], limit, outside),
        residual=_distance([flow.fitted for flow in flows], values, start),
    )


def ends_of_network(
    net: Any,
    x: ArrayLike,
    y: ArrayLike,
    points: ArrayLike,
    ts: ArrayLike,
    *,
    trained: bool,
    losses: Any = LOSSES,
    lazy_scale: Number = 1.0,
    rtol: Number = 1e-6,
) -> NetworkEnds:
    """A network under several losses, against the end of the linearised one that moves least.

    For the linearised network that end is exact (Theorem 5). The trained one differs by the drift
    of its kernel, less at a larger lazy scale: alpha f is trained, which moves the parameters by
    about 1/alpha as far.

    Args:
        net: a network with one output.
        x, y, points: as for `decompose`.
        ts: sorted finite times (T,).
        trained: whether the network itself is followed, by `nets.gradient_flow`, or the linearised
            one, by `nets.linearized_flow`.
        losses: of either.
        lazy_scale, rtol: of either.

    Raises:
        ValueError: no loss; y that the network has already; points at which nothing is learned;
            a tangent kernel that is singular on the samples; else as `nets.gradient_flow`.
        TypeError: arguments of a wrong kind.
        RuntimeError: JAX runs without float64.

    Source: Zhang, Xu, Luo, Ma 2020; lecture, Theorem 5 and eq. 9.
    """
    positions, values = problem.samples(x, y)
    where = problem.places(points, positions)
    chosen, times = _several(losses), check.time_points("ts", ts)
    alpha = check.positive("lazy_scale", lazy_scale)
    least = nets.least_movement(net, positions, values / alpha, probe=where)
    assert least.probe is not None
    limit = alpha * least.probe
    start, outside = (alpha * np.asarray(net(at), np.float64) for at in (positions, where))
    problem.check_unlearned(values, start, "the outputs of net")
    problem.check_seen(limit, outside, values - start)
    runs, movements = [], []
    for loss in chosen:
        options = {"loss": loss, "lazy_scale": alpha, "rtol": rtol, "probe": where, "throw": False}
        if trained:
            run = nets.gradient_flow(net, positions, values, times, **options)
            movements.append(_moved(run, net))
        else:
            run = nets.linearized_flow(net, positions, values, times, **options)
            # its parameters move in the span of the gradients at the samples, where |theta -
            # theta_0| is the norm of h - h_ini in the function space of the tangent kernel
            change = (run.fitted[-1] - start) / alpha
            movements.append(_norm(tangent_kernel_of(net), positions, change))
        runs.append(run)
    return NetworkEnds(
        losses=chosen,
        ts=times,
        limit=limit,
        distance=_distance([run.probe for run in runs], limit, outside),
        residual=_distance([run.fitted for run in runs], values, start),
        movement=np.array(movements),
        least_movement=least.distance,
    )


def _several(losses: Any) -> tuple[Any, ...]:
    """At least one loss; a word is not a sequence of them."""
    if isinstance(losses, str) or not isinstance(losses, Sequence):
        raise TypeError(f"losses must be a sequence of losses, got {losses!r:.60}")
    if len(losses) == 0:
        raise ValueError("losses must hold at least one loss, got none")
    return tuple(losses)


def _distance(outputs: list[Any], end: np.ndarray, start: np.ndarray) -> np.ndarray:
    """`|h(t) - end| / |end - start|`, (L, T)."""
    return distances.distance(
        np.stack(outputs), np.broadcast_to(end, outputs[0].shape), target=end, initial=start
    )


def _moved(run: nets.Run, net: Any) -> float:
    """`|theta(T) - theta_0|` of a run; NaN where it failed."""
    if run.status.reason != "completed":
        return np.nan
    ends = (jax.tree.leaves(split(it)[0]) for it in (run.net, net))
    parts = [
        np.asarray(after, np.float64) - np.asarray(before, np.float64)
        for after, before in zip(*ends, strict=True)
    ]
    return float(np.sqrt(sum(np.sum(part**2) for part in parts)))


def _norm(kernel: Kernel, x: np.ndarray, values: np.ndarray) -> float:
    """Norm of the interpolant; NaN for a run that failed."""
    return lfp.interpolate(kernel, x, values).norm if np.isfinite(values).all() else np.nan
