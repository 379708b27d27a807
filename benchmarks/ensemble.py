"""What does a seed cost in an ensemble of 32, against a single run in the same process?

Width 1024, n = 40, two ways: `nets.train`, float32, 2000 steps of Adam with 20 recordings, and
`nets.gradient_flow`, float64, antisymmetric tanh networks over five decades of time. Beside them a
bare hand-written loop of the same steps of Adam, float32: once alone; all seeds together by
`jax.vmap`; and on two virtual CPU devices by `jax.shard_map` with `jax.lax.map` inside. Two
processes: one CPU device, where `nets.ensemble` goes in threads, and two virtual ones. In each the
single runs and the ensembles take turns, the best round of each counts, a single run being the
mean over a few seeds; compiling is timed apart, every measurement waits for its result. `busy` is
processor time over wall time: what a single run already takes of the other processors through
XLA's own threads, an ensemble cannot gain again.

Prints a table and writes results/ensemble.json next to this file.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from _record import machine, side_by_side, timed, write

import nets

SEEDS, ALONE, WIDTH, SAMPLES, ROUNDS = 32, 4, 1024, 40, 3
STEPS, RECORDINGS = 2000, 20
OPTIMIZER = optax.adam(1e-3)
X = np.linspace(-1, 1, SAMPLES)
Y = np.sin(5 * X)
TIMES = np.geomspace(0.1, 1e4, RECORDINGS)


def make(key: Any, dtype: str) -> Any:
    """The network of both."""
    return nets.antisymmetric(
        nets.two_layer(key, width=WIDTH, activation="tanh", sigma_b=4.0, dtype=dtype)
    )


def train(net: Any) -> nets.Run:
    """Adam with recordings."""
    at = np.linspace(0, STEPS, RECORDINGS + 1).astype(int)
    return nets.train(net, X, Y, optimizer=OPTIMIZER, steps=STEPS, record_at=at)


def flow(net: Any) -> nets.Run:
    """Adaptive steps."""
    return nets.gradient_flow(net, X, Y, TIMES)


def outputs(parameters: Any, x: jax.Array) -> jax.Array:
    """The antisymmetric network by hand."""

    def copy(a: jax.Array, w: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.tanh(x[:, None] * w + b) @ a / np.sqrt(WIDTH)

    return np.sqrt(0.5) * (copy(*parameters[0]) - copy(*parameters[1]))


def bare(parameters: Any) -> Any:
    """A bare loop of Adam on 1/(2n) sum r^2."""
    x, y = jnp.asarray(X, jnp.float32), jnp.asarray(Y, jnp.float32)

    def step(carry: Any, _: None) -> tuple[Any, None]:
        slope = jax.grad(lambda leaves: jnp.mean((outputs(leaves, x) - y) ** 2) / 2)(carry[0])
        updates, memory = OPTIMIZER.update(slope, carry[1], carry[0])
        return (optax.apply_updates(carry[0], updates), memory), None

    return jax.lax.scan(step, (parameters, OPTIMIZER.init(parameters)), length=STEPS)[0][0]


def drawn(key: Any) -> Any:
    """Parameters for the bare loop: the same pair twice."""
    copy = tuple(
        scale * jax.random.normal(part, (WIDTH,), jnp.float32)
        for part, scale in zip(jax.random.split(key, 3), (1.0, 1.0, 4.0), strict=True)
    )
    return (copy, copy)


def measured(name: str, calls: dict[str, tuple[Callable[[], Any], int]]) -> list[dict[str, Any]]:
    """Seconds a seed of every call, which does so many seeds; the first is the single run."""
    first = [timed(call)[1] for call, _ in calls.values()]
    busy: dict[str, list[float]] = {key: [] for key in calls}

    def counted(key: str, call: Callable[[], Any]) -> Callable[[], Any]:
        def with_processor_time() -> Any:
            before, start = time.process_time(), time.perf_counter()
            result = jax.block_until_ready(call())
            busy[key].append((time.process_time() - before) / (time.perf_counter() - start))
            return result

        return with_processor_time

    turns = side_by_side(*(counted(key, call) for key, (call, _) in calls.items()), repeats=ROUNDS)
    rows = []
    for (key, (_, seeds)), (_, seconds), begun in zip(calls.items(), turns, first, strict=True):
        rows.append(
            {
                "case": name,
                "devices": jax.device_count(),
                "how": key,
                "seeds": seeds,
                "seconds_per_seed": min(seconds) / seeds,
                "rounds": seconds,
                "first_call_seconds": begun,
                "busy": busy[key][int(np.argmin(seconds))],
            }
        )
    for row in rows:
        row["over_single"] = row["seconds_per_seed"] / rows[0]["seconds_per_seed"]
    return rows


def measure() -> list[dict[str, Any]]:
    """All cases in this process."""
    keys = jax.random.split(jax.random.key(0), SEEDS)
    rows = []
    for name, dtype, run in (
        ("train, float32", "float32", train),
        ("gradient flow, float64", "float64", flow),
    ):

        def one(key: Any, dtype: str = dtype) -> Any:
            return make(key, dtype)

        def alone(run: Any = run, one: Any = one) -> Any:
            return [run(one(key)).net for key in keys[:ALONE]]

        def together(run: Any = run, one: Any = one) -> Any:
            return nets.ensemble(one, keys, run).net

        rows += measured(name, {"single": (alone, ALONE), "ensemble": (together, SEEDS)})
    all_seeds = jax.block_until_ready(jax.vmap(drawn)(keys))
    singles = [jax.tree.map(lambda leaf, i=i: leaf[i], all_seeds) for i in range(ALONE)]
    loop, many = jax.jit(bare), jax.jit(jax.vmap(bare))
    calls = {
        "single": (lambda: [jax.block_until_ready(loop(each)) for each in singles], ALONE),
        "vmap": (lambda: many(all_seeds), SEEDS),
    }
    if jax.device_count() > 1:
        mesh = jax.make_mesh((jax.device_count(),), ("seeds",))
        spec = jax.sharding.PartitionSpec("seeds")
        mapped = jax.jit(
            jax.shard_map(
                lambda part: jax.lax.map(bare, part), mesh=mesh, in_specs=spec, out_specs=spec
            )
        )
        placed = jax.device_put(all_seeds, jax.sharding.NamedSharding(mesh, spec))
        calls["shard_map"] = (lambda: mapped(placed), SEEDS)
    return rows + measured("bare loop of Adam, float32", calls)


def main() -> None:
    """Measure in two processes, print, write."""
    if sys.argv[1:] == ["--rows"]:
        print(json.dumps(measure()))
        return
    start = machine("numpy", "jax", "optax")
    rows = []
    for devices in (1, 2):
        flags = f"--xla_force_host_platform_device_count={devices}"
        found = subprocess.run(
            [sys.executable, __file__, "--rows"],
            env={**os.environ, "XLA_FLAGS": flags, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        rows += json.loads(found)
    for row in rows:
        print(
            f"{row['case']}, {row['devices']} device(s), {row['how']}: "
            f"{1e3 * row['seconds_per_seed']:.1f} ms a seed, {row['over_single']:.2f} of a single "
            f"run, {row['busy']:.2f} processors busy, first call {row['first_call_seconds']:.1f} s"
        )
    settings = {
        "seeds": SEEDS,
        "alone": ALONE,
        "width": WIDTH,
        "samples": SAMPLES,
        "steps": STEPS,
        "recordings": RECORDINGS,
        "rounds": ROUNDS,
    }
    write("ensemble", start, settings, rows)


if __name__ == "__main__":
    main()
