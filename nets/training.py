"""Training with an optimiser, step by step."""

import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from nets._checkpoint import Checkpoint
from nets._checks import (
    ArrayLike,
    Integer,
    Number,
    as_points,
    as_positive,
    as_size,
    check_network,
    check_same_dimension,
    one_of,
)
from nets._following import follow
from nets._fourier import Fourier, FourierStages
from nets._frozen import split
from nets._keys import check_key
from nets._loop import Batches, Problem, begin
from nets._optimizer import described
from nets._problem import functions_of, outputs_at
from nets.losses import Weighted, as_objective, scaled
from nets.run import Run, Status

_RECORDS = ("outputs", "networks")
_MOST = np.iinfo(np.int32).max


def train(
    net: Any,
    x: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Any,
    steps: Integer,
    record_at: Any,
    loss: Any = "mse",
    batch_size: Integer | None = None,
    key: Any = None,
    probe: ArrayLike | None = None,
    record: str = "outputs",
    lazy_scale: Number = 1.0,
    progress: bool = False,
    throw: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Run:
    """Train by gradient descent, stochastic gradient descent, Adam, or any other optimiser.

    With full batches and `optax.sgd(rate)` the outputs follow `nets.gradient_flow` at
    `t = rate * steps`, up to an error of first order in the rate, which must stay below 2 over the
    largest eigenvalue of K/n, K the tangent kernel ("mse"). Momentum mu makes it
    `t = rate * steps/(1 - mu)`; Adam has no t.

    Steps are taken on the device, in the dtype of the network, by one compiled program for all
    recordings; the next call with the same `optimizer` object, loss, shapes and kind of network
    uses it again.

    Args:
        net: a network, of one or several outputs.
        x: samples (n, d), or (n,) when d = 1.
        y: values (n,), or (n, c) for c outputs; for "cross-entropy" see there.
        optimizer: an optax transformation, such as `optax.adam(1e-3)`; one that asks for the loss,
            as `optax.lbfgs()` does for its line search, gets that of the samples of the step.
        steps: number of steps, 0 or more.
        record_at: steps (T,) after which outputs are recorded, sorted, from 0 to `steps`; 0 is the
            network as given.
        loss: a mean over the samples and a sum over the outputs, of the residual r = h - y:
            "mse" (`r^2/2`), a number p >= 2 (`|r|^p/p`), "logistic" (`log cosh r`), "huber" or a
            `nets.Loss`; "cross-entropy" of the outputs as logits, with y the classes (n,), 0 to
            c - 1, or their probabilities (n, c), for one output (n,) between 0 and 1;
            `nets.Fourier` or `nets.FourierStages`, weights in the Fourier domain;
            `nets.Weighted`, any of them with a density and a bump function.
        batch_size: None for all samples in every step. Otherwise each epoch goes through all
            samples once in a new random order; where batch_size does not divide n, the last batch
            of an epoch is smaller, and its loss is the mean over its own samples.
        key: a JAX random key for the order of the samples; needed with batch_size.
        probe: further points (m, d) where outputs are recorded.
        record: "outputs", or "networks" to keep the parameters at every recording as well.
        lazy_scale: alpha; `L(alpha f)/alpha^2` is minimised (Chizat, Oyallon, Bach 2019, On lazy
            training), outputs are those of alpha f.
        progress: show a bar, one unit a recording.
        throw: raise when the loss is no longer finite; otherwise `run.status.reason` tells,
            recordings from then on are NaN, and `run.net` is the network of the last good one.
        checkpoint: path of a file that is written about every ten seconds and at the end, or of a
            folder in which the run names its file by what it is given, so that the runs of an
            ensemble may share it. The same call goes on from there, on the same machine with the
            same numbers bit for bit (on a GPU if XLA_FLAGS has
            `--xla_gpu_deterministic_ops=true`). What has ended comes back, or is raised, at once.

    Returns:
        A Run with `steps` (T,) in place of `ts`, `fitted` (T, n) or (T, n, c), `probe`, and
        `loss` (T,) over all samples, without the 1/alpha^2; all in the dtype of the network.
        `run.net` is the network after the last step.

    Raises:
        ValueError, TypeError: bad data, network or option; a loss that does not fit the outputs; a
            checkpoint of another run or of other versions of JAX, equinox, diffrax and optax, or a
            damaged one; one in a folder that cannot be written to.
        RuntimeError: (throw) the loss is not finite.
    """
    check_network(net)
    points = as_points("x", x)
    extra = None if probe is None else as_points("probe", probe)
    if extra is not None:
        check_same_dimension("probe", extra, points)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(
            f"optimizer must be an optax transformation such as optax.adam(1e-3), got {optimizer!r}"
        )
    last = _as_steps(steps)
    at = _as_record_at(record_at, last)
    alpha = as_positive("lazy_scale", lazy_scale)
    batches = _as_batches(batch_size, key, loss, len(points))
    one_of("record", record, _RECORDS)

    parameters, static = split(net)
    kind = jax.tree.leaves(parameters)[0].dtype
    outputs = outputs_at(net, points.astype(kind))
    objective = as_objective(loss, points, y, alpha * outputs)
    problem = Problem(
        static=static,
        optimizer=optimizer,
        x=jnp.asarray(points, kind),
        probe=None if extra is None else jnp.asarray(extra, kind),
        alpha=jnp.asarray(alpha, outputs.dtype),
        batches=batches,
        keep=record == "networks",
    )
    state = begin(problem, parameters, scaled(objective, alpha, outputs.dtype))
    saved = None
    if checkpoint is not None:
        given = {
            "x": points,
            "y": np.asarray(y),
            "probe": extra,
            "steps": last,
            "record_at": at,
            "batch_size": None if batches is None else batches.size,
            "key": None if batches is None else batches.key,
            "lazy_scale": alpha,
            "record": record,
        }
        given |= functions_of(net, state.objective, problem.x, outputs)
        given["optimizer"] = described(optimizer, state.memory, state.parameters, outputs.dtype)
        saved = Checkpoint(checkpoint, "nets.train", given)
    state, noted = follow(problem, state, at, last, progress, saved)
    reason = "completed" if state.finite else f"the loss is not finite at step {state.step}"
    if throw and not state.finite:
        raise RuntimeError(
            f"train stopped: {reason} of {last}, the last good recording is at {state.good_step}. "
            "Try a smaller learning rate, check the scale of y and of the parameters, or pass "
            "throw=False to get the run up to there"
        )
    return Run(
        ts=None,
        steps=at,
        x=points,
        fitted=np.array(noted.fitted),
        probe=None if extra is None else np.array(noted.probe),
        loss=np.array(noted.loss),
        net=eqx.combine(state.good, static),
        networks=noted.parameters,
        status=Status(
            solver="optax",
            reason=reason,
            time=float("nan"),
            steps=int(state.good_step),
            rejected=0,
            gradients=int(state.step),
            jacobians=0,
            spectral_radius=float("nan"),
        ),
    )


def _as_steps(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"steps must be an integer, got {value!r}")
    if not 0 <= value <= _MOST:
        raise ValueError(f"steps must be from 0 to {_MOST}, got {value}")
    return int(value)


def _as_record_at(value: Any, last: int) -> np.ndarray:
    array = np.asarray(value)
    if array.size == 0:
        raise ValueError("record_at must not be empty: [steps] records the end")
    if array.dtype.kind not in "iu":
        raise TypeError(f"record_at must hold integers, got dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"record_at must have shape (T,), got {array.shape}")
    if array.min() < 0 or array.max() > last:
        worst = array.min() if array.min() < 0 else array.max()
        raise ValueError(f"record_at must be from 0 to steps = {last}, got {worst}")
    array = array.astype(np.int64)
    if (np.diff(array) < 0).any():
        first = int(np.argmax(np.diff(array) < 0))
        raise ValueError(f"record_at must be sorted, got {array[first]} before {array[first + 1]}")
    return array


def _as_batches(size: Any, key: Any, loss: Any, samples: int) -> Batches | None:
    if size is None:
        if key is not None:
            raise ValueError("key must be None without batch_size: nothing else is random")
        return None
    size = as_size("batch_size", size)
    if size > samples:
        raise ValueError(f"batch_size must be at most {samples}, the samples, got {size}")
    if key is None:
        raise ValueError("key must be a random key such as jax.random.key(0) with batch_size")
    check_key("key", key)
    inner = loss.loss if isinstance(loss, Weighted) else loss
    if isinstance(inner, Fourier | FourierStages):
        raise ValueError(
            "batch_size must be None for a loss in the Fourier domain: a transform of a few "
            "samples is not that of all"
        )
    return Batches(jnp.asarray(key), samples, size)
