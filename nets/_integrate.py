"""Adaptive steps from recording to recording, one compiled step for each shape of network."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, cast

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from tqdm import tqdm

from nets._checkpoint import Checkpoint
from nets.chebyshev import Chebyshev
from nets.exponential import ExponentialMidpoint

_MAX_ATTEMPTS = 1_000_000
_GROWTH, _SHRINKAGE, _CAUTION = 10.0, 0.1, 0.8
_ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass
class Course:
    """How far the integration is, and what it found, in the units of the network's own outputs.

    It goes on from here with the same numbers.
    """

    fitted: np.ndarray
    probe: np.ndarray | None
    theta: Any
    state: Any = None
    """The solver's; None before the first step."""
    networks: Any = None
    """Parameters at every recording, stacked, where they are kept; else None."""
    done: int = 0
    """Recordings so far."""
    time: float = 0.0
    step: float = 0.0
    """The next one."""
    shortest: float = 0.0
    """The first step; those far below it, after failures, tell of trouble."""
    scale: float = 1.0
    after_failure: bool = False
    reason: str = "completed"
    steps: int = 0
    rejected: int = 0
    gradients: int | float = 0
    jacobians: int = 0
    spectral_radius: float = float("nan")


_ENTRIES = fields(Course)


def counts_its_cost(solver: Any) -> bool:
    """Whether the solver's state has gradients, Jacobians and the spectral radius."""
    return isinstance(solver, Chebyshev | ExponentialMidpoint)


def evaluations(solver: Any) -> int | float:
    """Vector fields of a step of an explicit Runge-Kutta method of diffrax; else NaN."""
    if not isinstance(solver, diffrax.AbstractERK):
        return float("nan")
    tableau = cast(Any, solver.tableau)
    return len(tableau.c) + (0 if tableau.fsal else 1)


@eqx.filter_jit
def _begin(solver: Any, problem: Any, theta: Any, end: Array) -> tuple[Any, Array, Array, Array]:
    """The solver's state at t = 0, the spectral radius, size and speed of the outputs there."""
    term = diffrax.ODETerm(cast(Any, problem))
    zero = jnp.zeros(())
    state = measured = solver.init(term, zero, end, theta, None)
    if not counts_its_cost(solver):
        measured = Chebyshev().init(term, zero, end, theta, None)
    found = jax.jvp(problem.outputs, (theta,), (term.vf(zero, theta, None),))
    size, speed = (jnp.sqrt(jnp.mean(value**2)) for value in found)
    return state, measured.spectral_radius, size, speed


@eqx.filter_jit
def _attempt(
    solver: Any,
    problem: Any,
    theta: Any,
    start: Any,
    end: Any,
    state: Any,
    after_failure: Any,
) -> tuple[Any, Any, Any, tuple[Array, ...]]:
    """One step; its error estimate as the root mean square of what it does to the outputs.

    Behind the estimate stand the gradients, Jacobians and spectral radius that the solver counts.
    """
    term = diffrax.ODETerm(cast(Any, problem))
    after, error, dense, later, result = solver.step(
        term, start, end, theta, None, state, after_failure
    )
    # a flag of Python in place of an array would compile the next step once more
    later = jax.tree.map(
        lambda new, old: jnp.asarray(new) if eqx.is_array(old) else new, later, state
    )
    outputs, shift = jax.jvp(problem.outputs, (after,), (error,))
    size = jnp.sqrt(jnp.mean(shift**2))
    within = solver.interpolation_cls(t0=start, t1=end, **dense)
    good = jnp.isfinite(outputs).all() & diffrax.is_successful(result)
    notes = (jnp.where(good, size, jnp.inf),)
    if counts_its_cost(solver):
        notes += (
            later.gradients - state.gradients,
            later.jacobians - state.jacobians,
            later.spectral_radius,
        )
    return after, within, later, notes


@eqx.filter_jit
def _theta_at(within: Any, time: Any) -> Any:
    return within.evaluate(time)


@eqx.filter_jit
def _outputs(problem: Any, theta: Any) -> tuple[Array, Array | None]:
    return problem.outputs(theta), problem.probed(theta)


def integrate(
    solver: Any,
    problem: Any,
    theta: Any,
    ts: np.ndarray,
    *,
    tolerance: float,
    scale: float,
    keep: bool,
    progress: bool,
    saved: Checkpoint | None = None,
) -> Course:
    """Follow theta from t = 0 through all times ts.

    `problem` is the vector field, with `outputs(theta)`, `probed(theta)` and, to keep networks,
    `parameters(theta)`. A step is accepted when the root mean square of its error estimate,
    carried to the outputs, is at most tolerance * scale (scale 0: that of the initial outputs). The
    next step is 0.8 (tolerance / error)^(1/p) times as long, p the order of the estimate, between
    a tenth and ten times; predicting from two errors was seen to reject more and to gain nothing.
    `saved` is where the run goes on from, and where it leaves how far it is.
    """
    course = _blank(problem, theta, len(ts), keep)
    course.scale = scale
    with tqdm(total=len(ts), disable=not progress, desc="gradient flow", unit="time") as bar:

        def note(theta: Any) -> None:
            rows = *_outputs(problem, theta), problem.parameters(theta) if keep else None
            tables = course.fitted, course.probe, course.networks
            jax.tree.map(lambda table, row: table.__setitem__(course.done, row), tables, rows)
            course.done += 1
            bar.update()

        started = ts[-1] == 0 or _start(solver, problem, float(ts[-1]), course)
        if saved is not None and (found := saved.read(_as_tree(course))) is not None:
            _go_on_from(found, course)
            bar.update(course.done)
        while course.done < len(ts) and ts[course.done] <= 0:
            note(theta)
        if started:
            _run(solver, problem, ts, tolerance, course, note, saved)
        if saved is not None:
            saved.write(_as_tree(course))
    return course


def _blank(problem: Any, theta: Any, count: int, keep: bool) -> Course:
    """Before the first recording; every table of `count` rows is NaN."""

    def table(row: Any) -> np.ndarray:
        return np.full((count, *row.shape), np.nan, row.dtype)

    rows = jax.eval_shape(
        lambda theta: (*_outputs(problem, theta), problem.parameters(theta) if keep else None),
        theta,
    )
    fitted, probe, networks = jax.tree.map(table, rows)
    return Course(fitted=fitted, probe=probe, networks=networks, theta=theta)


def _as_tree(course: Course) -> dict[str, Any]:
    """Arrays, numbers and words of a course, without the functions in the solver's state."""
    return {entry.name: eqx.filter(getattr(course, entry.name), _is_data) for entry in _ENTRIES}


def _is_data(leaf: Any) -> bool:
    return eqx.is_array_like(leaf) or isinstance(leaf, str)


def _go_on_from(found: dict[str, Any], course: Course) -> None:
    for entry in _ENTRIES:
        rest = eqx.filter(getattr(course, entry.name), _is_data, inverse=True)
        setattr(course, entry.name, eqx.combine(found[entry.name], rest))


def _start(solver: Any, problem: Any, last: float, course: Course) -> bool:
    """The solver's state and the first step; False where nothing can be begun."""
    course.state, *found = _begin(solver, problem, course.theta, jnp.asarray(last))
    radius, size, speed = (float(value) for value in found)
    if counts_its_cost(solver):
        course.gradients = int(course.state.gradients)
        course.jacobians = int(course.state.jacobians)
    if not (np.isfinite(size) and np.isfinite(radius)):
        course.reason = "the output or the tangent kernel is not finite at t = 0"
        return False
    course.scale = course.scale or size or 1.0
    # where a loss has no curvature yet, its slope says how far to go
    rate = max(radius, speed / course.scale, 1 / last)
    course.step = course.shortest = 1 / rate
    course.spectral_radius = radius
    return True


def _run(
    solver: Any,
    problem: Any,
    ts: np.ndarray,
    tolerance: float,
    course: Course,
    note: Callable[[Any], None],
    saved: Checkpoint | None,
) -> None:
    """The steps; calls `note` for every time that is reached."""
    last = float(ts[-1])
    power = 1 / solver.error_order(diffrax.ODETerm(problem))
    while course.done < len(ts):
        end = min(course.time + course.step, last)
        if not course.after_failure and last - end <= _ROUNDING * last:
            end = last  # rather than leave a step as short as rounding
        # only a step shortened by failures tells of trouble, not one cut off by the last time
        if end == course.time or (course.after_failure and course.step < 1e-8 * course.shortest):
            course.reason = f"steps of {course.step:.3g} still miss the tolerance or are not finite"
            return
        if course.steps + course.rejected >= _MAX_ATTEMPTS:
            course.reason = f"{_MAX_ATTEMPTS} steps were not enough"
            return
        course.step = end - course.time
        theta, within, state, notes = _attempt(
            solver,
            problem,
            course.theta,
            np.asarray(course.time),
            np.asarray(end),
            course.state,
            np.asarray(course.after_failure),
        )
        size, *cost = (float(note) for note in jax.device_get(notes))
        error = size / (tolerance * course.scale)
        radius = course.spectral_radius
        if cost:
            course.gradients += int(cost[0])
            course.jacobians += int(cost[1])
            radius = cost[2]
        else:
            course.gradients += evaluations(solver)
        if not error <= 1:
            course.after_failure = True
            course.rejected += 1
            shrinkage = _CAUTION * error**-power if np.isfinite(error) else 0.0
            course.step *= max(_SHRINKAGE, shrinkage)
            continue
        while course.done < len(ts) and ts[course.done] <= end:
            time = ts[course.done]
            note(theta if time == end else _theta_at(within, time))
        course.theta, course.time, course.state = theta, end, state
        course.spectral_radius = radius
        course.steps += 1
        course.after_failure = False
        growth = _CAUTION * max(error, 1e-12) ** -power
        course.step *= min(_GROWTH, max(_SHRINKAGE, growth))
        if saved is not None and saved.due:
            saved.write(_as_tree(course))
