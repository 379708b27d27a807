"""What does `nets.train` with its recordings cost beside a bare loop of the same steps of Adam?

Full batch, mean square, float32, 100 recordings of the outputs. The bare loop is one `lax.scan` of
the network, its gradient and the update of optax, written out by hand and without recordings; the
Python loop calls the same step, jitted, once an iteration. Two networks: one hidden layer of width
256 on 40 points, where a step is a few microseconds and everything around it shows, and
1-200-200-200-100-1 on 600 points, where matrix products are all that counts. The three take turns
in one run, the best round of each counts; compiling is timed apart, every measurement waits for its
result. The outputs after the last step are compared, too.

Prints a table and writes results/training.json next to this file.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from _record import machine, side_by_side, write

import nets

OPTIMIZER = optax.adam(1e-3)
RECORDINGS, ROUNDS = 100, 5
CASES = {
    "two layers, width 256, n = 40": ((1, 256, 1), 40, 50_000, 5_000),
    "1-200-200-200-100-1, n = 600": ((1, 200, 200, 200, 100, 1), 600, 1_000, 300),
}


def outputs(parameters: Any, x: jax.Array) -> jax.Array:
    """The network by hand."""
    values = x[:, None]
    for weight, bias in parameters[:-1]:
        values = jnp.tanh(values @ weight + bias)
    weight, bias = parameters[-1]
    return (values @ weight + bias)[:, 0]


def step(x: jax.Array, y: jax.Array, parameters: Any, memory: Any) -> tuple[Any, Any]:
    """One step of Adam on 1/(2n) sum r^2 by hand."""
    slope = jax.grad(lambda leaves: jnp.mean((outputs(leaves, x) - y) ** 2) / 2)(parameters)
    updates, memory = OPTIMIZER.update(slope, memory, parameters)
    return optax.apply_updates(parameters, updates), memory


@partial(jax.jit, static_argnames="steps")
def scan(x: jax.Array, y: jax.Array, parameters: Any, memory: Any, steps: int) -> Any:
    """Bare loop."""
    return jax.lax.scan(
        lambda carry, _: (step(x, y, *carry), None), (parameters, memory), length=steps
    )[0][0]


def seconds(call: Callable[[], Any]) -> float:
    """Of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(name: str) -> dict[str, Any]:
    """The three loops of one case."""
    widths, samples, steps, python_steps = CASES[name]
    net = nets.mlp(jax.random.key(0), widths=widths, weight_std="glorot", bias_std=0.5)
    points = np.linspace(-1, 1, samples, dtype=np.float32)
    values = np.sin(5 * points)
    x, y = jnp.asarray(points), jnp.asarray(values)
    parameters = [(layer.weight, layer.bias) for layer in net.layers]
    memory = OPTIMIZER.init(parameters)
    jitted = jax.jit(step)

    def by_train(steps: int = steps, recordings: int = RECORDINGS) -> Any:
        at = np.linspace(0, steps, recordings + 1).astype(int)[1:]
        return nets.train(net, points, values, optimizer=OPTIMIZER, steps=steps, record_at=at)

    def by_scan() -> Any:
        return jax.block_until_ready(scan(x, y, parameters, memory, steps))

    def by_python(steps: int = python_steps) -> Any:
        state = parameters, memory
        for _ in range(steps):
            state = jitted(x, y, *state)
        return jax.block_until_ready(state[0])

    first = {
        "train": seconds(lambda: by_train(1, 1)),
        "scan": seconds(lambda: scan.lower(x, y, parameters, memory, steps).compile()),
        "python": seconds(lambda: by_python(1)),
    }
    by_scan()
    (run, one), (trained, two), (_, three) = side_by_side(
        by_train, by_scan, by_python, repeats=ROUNDS
    )
    assert run.fitted.dtype == np.float32
    per_step = {
        "train": min(one) / steps,
        "scan": min(two) / steps,
        "python": min(three) / python_steps,
    }
    # rounding grows along the way: the order of the sums is the compiler's
    difference = np.abs(run.fitted[-1] - np.asarray(outputs(trained, x))).max()
    return {
        "case": name,
        "steps": steps,
        "recordings": RECORDINGS,
        "python_steps": python_steps,
        "seconds_per_step": per_step,
        "rounds": {"train": one, "scan": two, "python": three},
        "train_over_scan": per_step["train"] / per_step["scan"],
        "train_over_scan_median": float(np.median(one) / np.median(two)),
        "python_over_train": per_step["python"] / per_step["train"],
        "first_call_seconds": first,
        "largest_difference": float(difference),
    }


def main() -> None:
    """Measure, print, write."""
    start = machine("numpy", "jax", "optax")
    rows = [measure(name) for name in CASES]
    for row in rows:
        micro = {key: 1e6 * value for key, value in row["seconds_per_step"].items()}
        print(
            f"{row['case']}: train {micro['train']:.1f}, scan {micro['scan']:.1f}, Python loop "
            f"{micro['python']:.1f} microseconds a step; train/scan {row['train_over_scan']:.3f} "
            f"(medians {row['train_over_scan_median']:.3f}), first calls "
            f"{row['first_call_seconds']}, outputs differ by {row['largest_difference']:.1e}",
            flush=True,
        )
    write("training", start, {"recordings": RECORDINGS, "rounds": ROUNDS}, rows)


if __name__ == "__main__":
    main()
