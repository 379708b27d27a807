"""From recording to recording, with checkpoints, interrupts and a bar on the way."""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from tqdm import tqdm

from nets._checkpoint import Checkpoint
from nets._steps import Moment, advance, begin
from nets._threads import leave_if_interrupted

_MAX_ATTEMPTS = 1_000_000
_FIRST, _SECONDS = 8, 1.0
"""Steps of the first call of the device; about how many seconds a later one lasts, so that
interrupts are heard and checkpoints written."""


@dataclass
class Course:
    """How far the integration is, and what it found, in the units of the network's own outputs."""

    fitted: np.ndarray
    probe: np.ndarray | None
    networks: Any
    """Parameters at every recording, stacked, where they are kept; else None."""
    now: Moment
    scale: float
    shortest: float
    """The first step; those far below it, after failures, tell of trouble."""
    done: int = 0
    """Recordings so far."""
    reason: str = "completed"


_ENTRIES = fields(Course)


@eqx.filter_jit
def _outputs(problem: Any, theta: Any, keep: bool) -> tuple[Array, Array | None, Any]:
    """A recording: outputs at the samples and the probe points, and the parameters if kept."""
    kept = problem.parameters(theta) if keep else None
    return problem.outputs(theta), problem.probed(theta), kept


@eqx.filter_jit
def _outputs_within(
    problem: Any, within: Any, moment: Moment, time: Any, keep: bool
) -> tuple[Array, Array | None, Any]:
    """A recording inside a step, or at its end, where theta is known."""
    theta = jax.lax.cond(
        time == moment.time, lambda: moment.theta, lambda: within.evaluate(jnp.asarray(time))
    )
    return _outputs(problem, theta, keep)


def integrate(
    solver: Any,
    problem: Any,
    theta: Any,
    ts: np.ndarray,
    *,
    tolerance: float,
    keep: bool,
    progress: bool,
    saved: Checkpoint | None = None,
) -> Course:
    """Follow theta from t = 0 through all times ts.

    `problem` is the vector field, with `outputs(theta)`, `probed(theta)` and, to keep networks,
    `parameters(theta)`. A step is accepted when the root mean square of its error estimate,
    carried to the outputs, is at most the tolerance times the scale of the objective (0: that of
    the initial outputs). Where the objective depends on t, steps end at every time of ts.
    `saved` is where the run goes on from, and where it leaves how far it is.
    """
    last = float(ts[-1])
    course, started = _start(solver, problem, theta, len(ts), last, keep)
    with tqdm(total=len(ts), disable=not progress, desc="gradient flow", unit="time") as bar:

        def note(rows: tuple[Any, ...]) -> None:
            tables = course.fitted, course.probe, course.networks
            jax.tree.map(lambda table, row: table.__setitem__(course.done, row), tables, rows)
            course.done += 1
            bar.update()

        if saved is not None and (found := saved.read(_as_tree(course))) is not None:
            _go_on_from(found, course)
            bar.update(course.done)
        while course.done < len(ts) and ts[course.done] <= 0:
            note(_outputs(problem, theta, keep))
        if started:
            _run(solver, problem, ts, tolerance, course, keep, note, saved)
        if saved is not None:
            saved.write(_as_tree(course))
    return course


def _start(
    solver: Any, problem: Any, theta: Any, count: int, last: float, keep: bool
) -> tuple[Course, bool]:
    """Before the first recording, every table NaN, the first step chosen; whether it can begin."""

    def table(row: Any) -> np.ndarray:
        return np.full((count, *row.shape), np.nan, row.dtype)

    moment, *found = begin(solver, problem, theta, jnp.asarray(last))
    size, speed, radius = (float(value) for value in (*found, moment.spectral_radius))
    scale = float(problem.objective.scale) or size or 1.0
    # where a loss has no curvature yet, its slope says how far to go
    rate = max(radius, speed / scale)
    begun = bool(np.isfinite(size) and np.isfinite(rate))
    step = min(last, 1 / rate) if begun and rate > 0 else last
    tables = jax.tree.map(table, eqx.filter_eval_shape(_outputs, problem, theta, keep))
    now = eqx.tree_at(lambda moment: moment.step, moment, jnp.asarray(step, jnp.float64))
    course = Course(*tables, now=now, scale=scale, shortest=step)
    if not begun:
        course.reason = "the output or the tangent kernel is not finite at t = 0"
    return course, begun


def _as_tree(course: Course) -> dict[str, Any]:
    """Arrays, numbers and words of a course, without the functions in the solver's state."""
    return {entry.name: eqx.filter(getattr(course, entry.name), _is_data) for entry in _ENTRIES}


def _is_data(leaf: Any) -> bool:
    return eqx.is_array_like(leaf) or isinstance(leaf, str)


def _go_on_from(found: dict[str, Any], course: Course) -> None:
    for entry in _ENTRIES:
        rest = eqx.filter(getattr(course, entry.name), _is_data, inverse=True)
        setattr(course, entry.name, eqx.combine(found[entry.name], rest))


def _run(
    solver: Any,
    problem: Any,
    ts: np.ndarray,
    tolerance: float,
    course: Course,
    keep: bool,
    note: Callable[[tuple[Any, ...]], None],
    saved: Checkpoint | None,
) -> None:
    """The steps; calls `note` with every recording that is reached."""
    # arrays: numbers of Python would be constants of the compiled loop
    allowed, shortest = np.array([tolerance * course.scale, course.shortest])
    most = _FIRST
    while course.done < len(ts):
        leave_if_interrupted()
        before = int(course.now.steps + course.now.rejected)
        if before >= _MAX_ATTEMPTS:
            course.reason = f"{_MAX_ATTEMPTS} steps were not enough"
            return
        target = ts[course.done]
        last = target if problem.objective.scheduled else ts[-1]
        start = clock.perf_counter()
        course.now, within, stuck = advance(
            *(solver, problem, course.now, target, last),
            (allowed, shortest),
            np.asarray(most),
        )
        if stuck:
            step = float(course.now.step)
            course.reason = f"steps of {step:.3g} still miss the tolerance or are not finite"
            return
        pace = (clock.perf_counter() - start) / int(course.now.steps + course.now.rejected - before)
        most = max(1, min(8 * most, round(_SECONDS / pace)))
        time = float(course.now.time)
        while course.done < len(ts) and ts[course.done] <= time:
            note(_outputs_within(problem, within, course.now, ts[course.done], keep))
        if saved is not None and saved.due:
            saved.write(_as_tree(course))
