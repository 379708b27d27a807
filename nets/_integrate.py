"""Adaptive steps from recording to recording, one compiled step for each shape of network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from tqdm import tqdm

from nets._problem import LeastSquares
from nets.chebyshev import Chebyshev
from nets.exponential import ExponentialMidpoint

Solver = Chebyshev | ExponentialMidpoint

_MAX_ATTEMPTS = 1_000_000
_GROWTH, _SHRINKAGE, _CAUTION = 10.0, 0.1, 0.8
_ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass
class Result:
    """What the integration found, in the units of the network's own outputs."""

    fitted: np.ndarray
    probe: np.ndarray | None
    theta: Any
    networks: list[Any] = field(default_factory=list)
    reason: str = "completed"
    time: float = 0.0
    steps: int = 0
    rejected: int = 0
    gradients: int = 0
    jacobians: int = 0
    spectral_radius: float = float("nan")


@eqx.filter_jit
def _begin(solver: Solver, problem: LeastSquares, theta: Any, end: Array) -> Any:
    term = diffrax.ODETerm(cast(Any, problem))
    return solver.init(term, jnp.zeros(()), end, theta, None)


@eqx.filter_jit
def _attempt(
    solver: Solver,
    problem: LeastSquares,
    theta: Any,
    start: Array,
    end: Array,
    state: Any,
    after_failure: Array,
) -> tuple[Any, Any, Any, Array]:
    """One step; its error estimate as the root mean square of what it does to the outputs."""
    term = diffrax.ODETerm(cast(Any, problem))
    after, error, dense, state, _ = solver.step(term, start, end, theta, None, state, after_failure)
    outputs, shift = jax.jvp(problem.outputs, (after,), (error,))
    size = jnp.sqrt(jnp.mean(shift**2))
    within = solver.interpolation_cls(t0=start, t1=end, **dense)
    return after, within, state, jnp.where(jnp.isfinite(outputs).all(), size, jnp.inf)


@eqx.filter_jit
def _theta_at(within: Any, time: Array) -> Any:
    return within.evaluate(time)


@eqx.filter_jit
def _outputs(problem: LeastSquares, theta: Any, probe: Array | None) -> tuple[Array, Array | None]:
    return problem.outputs(theta), None if probe is None else problem.outputs_at(theta, probe)


def integrate(
    solver: Solver,
    problem: LeastSquares,
    theta: Any,
    ts: np.ndarray,
    *,
    tolerance: float,
    scale: float,
    probe: Array | None,
    keep: bool,
    progress: bool,
) -> Result:
    """Follow theta from t = 0 through all times ts.

    A step is accepted when the root mean square of its error estimate, carried to the outputs, is
    at most tolerance * scale (scale 0: that of the initial outputs). The next step is
    0.8 (tolerance / error)^(1/p) times as long, p the order of the estimate, between a tenth and
    ten times; predicting from two errors was seen to reject more and to gain nothing.
    """
    result = Result(
        fitted=np.full((len(ts), len(problem.target)), np.nan),
        probe=None if probe is None else np.full((len(ts), len(probe)), np.nan),
        theta=theta,
    )

    def note(i: int, theta: Any) -> None:
        inside, outside = _outputs(problem, theta, probe)
        result.fitted[i] = inside
        if result.probe is not None and outside is not None:
            result.probe[i] = outside
        if keep:
            result.networks.append(problem.parameters(theta))

    with tqdm(total=len(ts), disable=not progress, desc="gradient flow", unit="time") as bar:
        done = int(np.searchsorted(ts, 0.0, side="right"))
        for i in range(done):
            note(i, theta)
            bar.update()
        if done < len(ts):
            _run(solver, problem, ts, done, tolerance, scale, result, note, bar)
    if keep:
        missing = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), problem.parameters(theta))
        result.networks += [missing] * (len(ts) - len(result.networks))
    return result


def _cost(state: Any) -> tuple[Array, Array]:
    return state.gradients, state.jacobians


def _run(
    solver: Solver,
    problem: LeastSquares,
    ts: np.ndarray,
    done: int,
    tolerance: float,
    scale: float,
    result: Result,
    note: Callable[[int, Any], None],
    bar: Any,
) -> None:
    """The steps; fills in `result` and calls `note` for every time that is reached."""
    last = float(ts[-1])
    state = _begin(solver, problem, result.theta, jnp.asarray(last))
    spent = jax.device_get(_cost(state))
    result.gradients, result.jacobians = (int(count) for count in spent)
    outputs, _ = _outputs(problem, result.theta, None)
    scale = scale or float(jnp.sqrt(jnp.mean(outputs**2))) or 1.0
    radius = float(state.spectral_radius)
    if not (np.isfinite(outputs).all() and np.isfinite(radius)):
        result.reason = "the output or the tangent kernel is not finite at t = 0"
        return
    power = 1 / solver.error_order(None)
    step = shortest = 1 / radius if radius > 0 else last
    after_failure = False
    while done < len(ts):
        end = min(result.time + step, last)
        if not after_failure and last - end <= _ROUNDING * last:
            end = last  # rather than leave a step as short as rounding
        # only a step shortened by failures tells of trouble, not one cut off by the last time
        if end == result.time or (after_failure and step < 1e-8 * shortest):
            result.reason = f"steps of {step:.3g} still miss the tolerance or are not finite"
            return
        if result.steps + result.rejected >= _MAX_ATTEMPTS:
            result.reason = f"{_MAX_ATTEMPTS} steps were not enough"
            return
        step = end - result.time
        theta, within, next_state, size = _attempt(
            solver,
            problem,
            result.theta,
            jnp.asarray(result.time),
            jnp.asarray(end),
            state,
            jnp.asarray(after_failure),
        )
        size, radius, *after = jax.device_get(
            (size, next_state.spectral_radius, *_cost(next_state))
        )
        error = float(size) / (tolerance * scale)
        result.gradients += int(after[0] - spent[0])
        result.jacobians += int(after[1] - spent[1])
        if not error <= 1:
            after_failure = True
            result.rejected += 1
            step *= max(_SHRINKAGE, _CAUTION * error**-power) if np.isfinite(error) else _SHRINKAGE
            continue
        while done < len(ts) and ts[done] <= end:
            note(done, theta if ts[done] == end else _theta_at(within, jnp.asarray(ts[done])))
            done += 1
            bar.update()
        result.theta, result.time, state, spent = theta, end, next_state, after
        result.spectral_radius = float(radius)
        result.steps += 1
        growth = _CAUTION * max(error, 1e-12) ** -power
        after_failure = False
        step *= min(_GROWTH, max(_SHRINKAGE, growth))
