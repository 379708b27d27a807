"""From the first recording to the last, and the file from which a killed run goes on."""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from nets import _checkpoint
from nets._checkpoint import Checkpoint
from nets._loop import Problem, Recording, State, advance, only_steps, shapes
from nets._threads import leave_if_interrupted

_BLOCK = 32
"""Recordings of one call of the device; a call costs as much as tens of small steps."""
_PARTS, _GROWTH = 4, 10
"""Calls between two files, about; growth of the steps of a call, the first of which compile."""


def follow(
    problem: Problem,
    state: State,
    at: np.ndarray,
    last: int,
    progress: bool,
    checkpoint: Checkpoint | None,
) -> tuple[State, Recording]:
    """All steps, and the recordings `at`, stacked."""
    ends = at if at[-1] == last else np.append(at, last)
    # one by one where the bar moves, and where a row is a whole network
    block = 1 if progress or problem.keep or len(ends) == 1 else _BLOCK
    with tqdm(total=len(at), disable=not progress, desc="training", unit="recording") as bar:
        if checkpoint is None:
            state, parts = _straight(problem, state, ends, block, bar)
        else:
            state, parts = _saved(problem, state, ends, block, bar, checkpoint)
    return state, jax.tree.map(lambda *leaves: _joined(leaves, len(at)), *parts)


def _joined(parts: tuple[jax.Array, ...], count: int) -> jax.Array:
    return (parts[0] if len(parts) == 1 else jnp.concatenate(parts))[:count]


def _call(problem: Problem, state: State, ends: np.ndarray, block: int) -> tuple[State, Recording]:
    """The recordings at `ends`, at most `block`, always by the same program."""
    padded = jnp.asarray(np.resize(ends, block), jnp.int32)
    return advance(problem, state, padded, jnp.asarray(len(ends), jnp.int32))


def _straight(
    problem: Problem, state: State, ends: np.ndarray, block: int, bar: tqdm
) -> tuple[State, list[Recording]]:
    """Block after block."""
    parts: list[Recording] = []
    for first in range(0, len(ends), block):
        leave_if_interrupted()
        chunk = ends[first : first + block]
        state, recordings = _call(problem, state, chunk, block)
        parts.append(recordings)
        if not bar.disable:  # else nothing waits: the host runs ahead of the device
            jax.block_until_ready(recordings.loss)
            bar.update(min(len(chunk), bar.total - first))
    return state, parts


def _saved(
    problem: Problem,
    state: State,
    ends: np.ndarray,
    block: int,
    bar: tqdm,
    checkpoint: Checkpoint,
) -> tuple[State, list[Recording]]:
    """The same numbers in calls of a few seconds, some of which end between two recordings.

    Such a call records as well, since only the same program is sure to give the same bits, but
    what a recording changes is taken back.
    """
    arrays, rest = eqx.partition(state, eqx.is_array)
    like = shapes(problem, state)
    found = checkpoint.read((arrays, like))
    if found is None:
        parts = [jax.tree.map(lambda leaf: np.zeros((0, *leaf.shape), leaf.dtype), like)]
    else:
        state, parts = eqx.combine(found[0], rest), [found[1]]
    step, done, budget = int(state.step), len(parts[0].loss), 1
    bar.update(min(done, bar.total))
    while done < len(ends):
        leave_if_interrupted()
        start, before = time.perf_counter(), step
        chunk = ends[done : done + block]
        chunk = chunk[chunk <= step + budget]
        if len(chunk) > 0:
            state, recordings = _call(problem, state, chunk, block)
            parts.append(_on_host(recordings, len(chunk)))
            bar.update(min(len(chunk), bar.total - done))
            step, done = int(chunk[-1]), done + len(chunk)
        else:
            after, _ = _call(problem, state, np.array([step + budget]), block)
            if not after.finite:  # only a recording ends the run: once more, up to the next one
                budget = int(ends[done]) - step
                continue
            state, step = only_steps(state, after), step + budget
        if step > before:
            jax.block_until_ready(state)
            pace = (step - before) / (time.perf_counter() - start)
            wanted = pace * _checkpoint.SECONDS / _PARTS
            budget = max(1, int(min(_GROWTH * budget, wanted)))
        if checkpoint.due or done == len(ends):
            parts = [jax.tree.map(lambda *rows: np.concatenate(rows), *parts)]
            checkpoint.write((eqx.filter(state, eqx.is_array), parts[0]))
    return state, jax.tree.map(jnp.asarray, parts)


def _on_host(recordings: Recording, count: int) -> Recording:
    return jax.tree.map(lambda rows: np.asarray(rows)[:count], recordings)
