"""The training loop: from one recording to the next without leaving the device."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from nets._objectives import Objective
from nets._optimizer import update
from nets._problem import evaluate


class Batches(eqx.Module):
    """Batches of each epoch in turn; every epoch has its own order, which depends on key alone."""

    key: Any
    samples: int = eqx.field(static=True)
    size: int = eqx.field(static=True)

    @property
    def per_epoch(self) -> int:
        """Number of batches; the last one is smaller where size does not divide the samples."""
        return math.ceil(self.samples / self.size)

    def order(self, epoch: Any) -> Int[Array, " padded"]:
        """The samples of an epoch, each once; zeros at the end fill the last batch."""
        order = jax.random.permutation(jax.random.fold_in(self.key, epoch), self.samples)
        return jnp.pad(order, (0, self.per_epoch * self.size - self.samples))

    def rows(
        self, order: Int[Array, " padded"], step: Any
    ) -> tuple[Int[Array, " b"], Bool[Array, " b"]]:
        """The samples of one step, and which of them are not there to fill the batch."""
        first = step % self.per_epoch * self.size
        rows = jax.lax.dynamic_slice(order, (first,), (self.size,))
        return rows, first + jnp.arange(self.size) < self.samples


class Problem(eqx.Module):
    """What stays as it is during the training."""

    static: Any
    optimizer: optax.GradientTransformation = eqx.field(static=True)
    x: Float[Array, "n d"]
    probe: Float[Array, "m d"] | None
    alpha: Float[Array, ""]
    batches: Batches | None
    keep: bool = eqx.field(static=True)


class State(eqx.Module):
    """What the training changes; it goes on from here with the same numbers."""

    step: Int[Array, ""]
    parameters: Any
    memory: Any
    """The state of the optimiser."""
    objective: Objective
    good: Any
    """Parameters at the last recording with a finite loss, taken after good_step steps."""
    good_step: Int[Array, ""]
    finite: Bool[Array, ""]


class Recording(NamedTuple):
    """Outputs, multiplied by the lazy scale, their loss and, if kept, the parameters."""

    fitted: Array
    probe: Array | None
    loss: Array
    parameters: Any


def begin(problem: Problem, parameters: Any, objective: Objective) -> State:
    """The state before the first step."""
    memory = problem.optimizer.init(parameters)
    # without weak types, which the first steps would lose: the loop would be compiled twice
    memory = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.asarray(leaf).dtype), memory)
    zero = jnp.zeros((), jnp.int32)
    return State(zero, parameters, memory, objective, parameters, zero, jnp.ones((), bool))


def _step(problem: Problem, objective: Objective, carry: Any) -> Any:
    step, order, parameters, memory, _ = carry
    x, batches = problem.x, problem.batches
    if batches is not None:
        order = jax.lax.cond(
            step % batches.per_epoch == 0,
            lambda: batches.order(step // batches.per_epoch),
            lambda: order,
        )
        rows, inside = batches.rows(order, step)
        x, objective = x[rows], objective.batch(rows, inside)

    def outputs_of(parameters: Any) -> Array:
        return evaluate(problem.static, parameters, x)

    outputs, pullback = jax.vjp(outputs_of, parameters)
    t = step.astype(outputs.dtype)
    (slope,) = pullback(objective.gradient(outputs, t))
    value = objective.value(outputs, t)
    updates, memory = update(
        *(problem.optimizer, slope, memory, parameters),
        *(value, lambda parameters: objective.value(outputs_of(parameters), t)),
    )
    parameters = optax.apply_updates(parameters, updates)
    return step + 1, order, parameters, memory, jnp.isfinite(value)


def _nan_unless(finite: Array, tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.where(finite, leaf, jnp.nan), tree)


def _to_recording(problem: Problem, state: State, end: Array) -> tuple[State, Recording]:
    """All steps up to `end`, then a recording; stops where the loss is not finite."""
    batches = problem.batches
    order = None if batches is None else batches.order(state.step // batches.per_epoch)
    step, _, parameters, memory, finite = jax.lax.while_loop(
        lambda carry: (carry[0] < end) & carry[-1],
        lambda carry: _step(problem, state.objective, carry),
        (state.step, order, state.parameters, state.memory, state.finite),
    )
    # the loss that was not finite is that before the last step
    step = jnp.where(state.finite & ~finite, step - 1, step)
    outputs = evaluate(problem.static, parameters, problem.x)
    loss = problem.alpha**2 * state.objective.value(outputs, step.astype(outputs.dtype))
    finite = finite & jnp.isfinite(loss)
    good = jax.tree.map(lambda new, old: jnp.where(finite, new, old), parameters, state.good)
    outside = None
    if problem.probe is not None:
        outside = problem.alpha * evaluate(problem.static, parameters, problem.probe)
    recording = Recording(
        *_nan_unless(
            finite,
            (problem.alpha * outputs, outside, loss, parameters if problem.keep else None),
        )
    )
    after = State(
        step,
        parameters,
        memory,
        state.objective.recorded(outputs),
        good,
        jnp.where(finite, step, state.good_step),
        finite,
    )
    return after, recording


def shapes(problem: Problem, state: State) -> Recording:
    """Shapes and dtypes of one recording."""
    return eqx.filter_eval_shape(_to_recording, problem, state, state.step)[1]


def only_steps(before: State, after: State) -> State:
    """`after` without what its last recording changed; both must be finite."""
    return State(
        after.step,
        after.parameters,
        after.memory,
        before.objective,
        before.good,
        before.good_step,
        before.finite,
    )


@eqx.filter_jit
def advance(
    problem: Problem, state: State, ends: Int[Array, " R"], count: Int[Array, ""]
) -> tuple[State, Recording]:
    """The first `count` recordings, after `ends` steps each, stacked; rows beyond are zero.

    Neither the number of steps nor that of recordings is known to the compiler: one program
    serves all.
    """
    arrays, rest = eqx.partition(state, eqx.is_array)

    def body(i: Array, carry: Any) -> Any:
        arrays, recordings = carry
        after, recording = _to_recording(problem, eqx.combine(arrays, rest), ends[i])
        recordings = jax.tree.map(lambda rows, row: rows.at[i].set(row), recordings, recording)
        return eqx.filter(after, eqx.is_array), recordings

    row = shapes(problem, state)
    empty = jax.tree.map(lambda leaf: jnp.zeros((len(ends), *leaf.shape), leaf.dtype), row)
    arrays, recordings = jax.lax.fori_loop(0, count, body, (arrays, empty))
    return eqx.combine(arrays, rest), recordings
