"""Adaptive steps on the device: one compiled loop for each shape of network."""

from typing import Any, cast

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from nets.chebyshev import Chebyshev
from nets.exponential import ExponentialMidpoint

_GROWTH, _SHRINKAGE, _CAUTION = 10.0, 0.1, 0.8
_ROUNDING = 8 * np.finfo(np.float64).eps


class Moment(eqx.Module):
    """Where the integration is between two steps; it goes on from here with the same numbers."""

    theta: Any
    state: Any
    """The solver's."""
    time: Array
    step: Array
    """Length of the next one."""
    after_failure: Array
    steps: Array
    rejected: Array
    gradients: Array
    jacobians: Array
    spectral_radius: Array


def counts_its_cost(solver: Any) -> bool:
    """Whether the solver's state has gradients, Jacobians and the spectral radius."""
    return isinstance(solver, Chebyshev | ExponentialMidpoint)


def evaluations(solver: Any) -> int | float | None:
    """Vector fields of a step, None for solvers that count them; NaN where nobody knows."""
    if counts_its_cost(solver):
        return None
    wrapped = isinstance(solver, diffrax.AbstractWrappedSolver)  # passes for what it wraps
    if wrapped or not isinstance(solver, diffrax.AbstractERK):
        return float("nan")
    tableau = cast(Any, solver.tableau)
    return len(tableau.c) + (0 if tableau.fsal else 1)


@eqx.filter_jit
def begin(solver: Any, problem: Any, theta: Any, end: Array) -> tuple[Moment, Array, Array]:
    """The first moment, without a step yet; size and speed of the outputs there."""
    term = diffrax.ODETerm(cast(Any, problem))
    zero, none = jnp.zeros(()), jnp.zeros((), int)
    state = measured = solver.init(term, zero, end, theta, None)
    if not counts_its_cost(solver):
        measured = Chebyshev().init(term, zero, end, theta, None)
    found = jax.jvp(problem.outputs, (theta,), (term.vf(zero, theta, None),))
    size, speed = (jnp.sqrt(jnp.mean(value**2)) for value in found)
    spent = (state.gradients, state.jacobians) if counts_its_cost(solver) else (none, none)
    moment = Moment(
        *(theta, state, zero, zero, jnp.zeros((), bool), none, none),
        *spent,
        measured.spectral_radius,
    )
    return moment, size, speed


def _attempt(solver: Any, problem: Any, moment: Moment, end: Array) -> tuple[Any, ...]:
    """One step: theta, the solver's state, its dense output; the error estimate, as the root mean
    square of what it does to the outputs; gradients and Jacobians spent, and the spectral radius.
    """
    term, before = diffrax.ODETerm(cast(Any, problem)), moment.state
    after, error, dense, state, result = solver.step(
        term, moment.time, end, moment.theta, None, before, moment.after_failure
    )
    # some solvers give a flag of Python where they take an array
    state = jax.tree.map(
        lambda new, old: jnp.asarray(new) if eqx.is_array(old) else new, state, before
    )
    outputs, shift = jax.jvp(problem.outputs, (after,), (error,))
    good = jnp.isfinite(outputs).all() & diffrax.is_successful(result)
    size = jnp.where(good, jnp.sqrt(jnp.mean(shift**2)), jnp.inf)
    if counts_its_cost(solver):
        spent = state.gradients - before.gradients, state.jacobians - before.jacobians
        return after, state, dense, size, *spent, state.spectral_radius
    none = jnp.zeros((), int)
    return after, state, dense, size, none, none, moment.spectral_radius


def _end(moment: Moment, last: Array) -> Array:
    """Where the next step ends: the last time rather than leave a step as short as rounding."""
    end = jnp.minimum(moment.time + moment.step, last)
    return jnp.where(~moment.after_failure & (last - end <= _ROUNDING * last), last, end)


def _stuck(moment: Moment, last: Array, shortest: Array) -> Array:
    """Only a step shortened by failures tells of trouble, not one cut off by the last time."""
    shrunk = moment.after_failure & (moment.step < 1e-8 * shortest)
    return (_end(moment, last) == moment.time) | shrunk


@eqx.filter_jit
def advance(
    solver: Any, problem: Any, moment: Moment, target: Any, last: Any, bounds: Any, most: Any
) -> tuple[Moment, Any, Array]:
    """Steps until the one that reaches `target`, at most so many; its dense output; stuck or not.

    `bounds` are the error allowed and the first step. The next step is 0.8 (allowed / error)^(1/p)
    times as long, p the order of the estimate, between a tenth and ten times; predicting it from
    two errors was seen to reject more and to gain nothing. Numbers do not depend on `most`.
    """
    allowed, shortest = bounds
    power = 1 / solver.error_order(diffrax.ODETerm(problem))
    attempt = lambda moment: _attempt(solver, problem, moment, _end(moment, last))  # noqa: E731
    _, words = eqx.partition(moment, eqx.is_array)
    shapes = eqx.filter_eval_shape(attempt, moment)[2]
    is_shape = lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct)  # noqa: E731
    blank, rest = eqx.partition(shapes, is_shape)
    start = jnp.asarray(0.0)

    def more(carry: Any) -> Array:
        arrays, _, _, count = carry
        moment = eqx.combine(arrays, words)
        return (moment.time < target) & (count < most) & ~_stuck(moment, last, shortest)

    def body(carry: Any) -> Any:
        arrays, dense, begun, count = carry
        moment = eqx.combine(arrays, words)
        end = _end(moment, last)
        theta, state, within, size, gradients, jacobians, radius = attempt(moment)
        error = size / allowed
        good = error <= 1
        fitting = _CAUTION * jnp.maximum(error, 1e-12) ** -power
        # an error that is not finite tells nothing but to try a much shorter step
        growth = jnp.where(jnp.isfinite(error), fitting, 0.0)
        # no growth right after a failure, lest the two follow each other for ever
        most_growth = jnp.where(moment.after_failure, 1.0, _GROWTH)
        growth = jnp.clip(growth, _SHRINKAGE, jnp.where(good, most_growth, _CAUTION))

        def chosen(new: Any, old: Any) -> Any:
            return jax.tree.map(lambda one, other: jnp.where(good, one, other), new, old)

        later = Moment(
            theta=chosen(theta, moment.theta),
            state=chosen(*(eqx.filter(it, eqx.is_array) for it in (state, moment.state))),
            time=jnp.where(good, end, moment.time),
            step=(end - moment.time) * growth,
            after_failure=~good,
            steps=moment.steps + good,
            rejected=moment.rejected + ~good,
            gradients=moment.gradients + gradients,
            jacobians=moment.jacobians + jacobians,
            spectral_radius=jnp.where(good, radius, moment.spectral_radius),
        )
        dense = chosen(eqx.filter(within, eqx.is_array), dense)
        return later, dense, jnp.where(good, moment.time, begun), count + 1

    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), blank)
    carry = eqx.filter(moment, eqx.is_array), blank, start, jnp.zeros((), int)
    arrays, dense, begun, _ = jax.lax.while_loop(more, body, carry)
    moment = eqx.combine(arrays, words)
    within = solver.interpolation_cls(t0=begun, t1=moment.time, **eqx.combine(dense, rest))
    return moment, within, (moment.time < target) & _stuck(moment, last, shortest)
