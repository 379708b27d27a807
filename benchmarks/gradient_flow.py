"""How much cheaper than plain gradient descent are the two stiff integrators, at which error?

A network of width 1000 (sigma_w = 1, sigma_b = 4, antisymmetric) on 40 points follows its gradient
flow to t lambda_max = 1e6. Gradient descent at its stability limit, learning rate 2/lambda_max,
needs 500,000 gradients; its time is that of 2,000 measured steps, extrapolated. Compiling is timed
apart, every measurement waits for its result. Errors are relative, of the outputs at the samples at
the last time, against the exponential midpoint rule at a tighter tolerance; that reference is
checked against the classical Runge-Kutta method with fixed steps over a thousandth of the time.

Prints a table and writes results/gradient_flow.json next to this file.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _record import machine, write

import nets

jax.config.update("jax_enable_x64", True)

WIDTH, SAMPLES, LAST, CHECK = 1000, 40, 1e6, 1e3
DESCENT_STEPS = 2_000
REFERENCE = {"tanh": 1e-5, "relu": 1e-4}
TOLERANCES = {
    ("tanh", "exponential"): (1e-2, 1e-3, 1e-4),
    ("tanh", "chebyshev"): (1e-2, 1e-3, 1e-4),
    ("relu", "exponential"): (3e-2, 1e-2, 1e-3),
    ("relu", "chebyshev"): (3e-2, 1e-2, 1e-3),
}


def problem(activation: str) -> tuple[Any, np.ndarray, np.ndarray, float]:
    """Network, samples, values, and the largest eigenvalue of K/n."""
    net = nets.antisymmetric(
        nets.two_layer(
            jax.random.key(0), width=WIDTH, activation=activation, sigma_w=1.0, sigma_b=4.0
        )
    )
    x = np.linspace(-1, 1, SAMPLES)
    y = np.sin(3 * x) + 0.3 * np.cos(9 * x)
    kernel = np.asarray(nets.tangent_kernel(net, x, x)) / SAMPLES
    return net, x, y, float(np.linalg.eigvalsh(kernel)[-1])


def slope(net: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """`-grad L` of L = 1/(2n) sum r^2, written without the package."""
    return jax.grad(lambda net: -jnp.mean((net(jnp.asarray(x)) - y) ** 2) / 2)(net)


def add(net: Any, scale: Any, change: Any) -> Any:
    """net + scale * change, on every parameter."""
    return jax.tree.map(lambda one, other: one + scale * other, net, change)


@jax.jit
def descend(net: Any, x: jax.Array, y: jax.Array, rate: jax.Array, steps: jax.Array) -> Any:
    """Gradient descent."""
    return jax.lax.fori_loop(0, steps, lambda _, net: add(net, rate, slope(net, x, y)), net)


@jax.jit
def runge_kutta(net: Any, x: jax.Array, y: jax.Array, step: jax.Array, steps: jax.Array) -> Any:
    """The classical method of order 4 with fixed steps."""

    def advance(_: Any, net: Any) -> Any:
        k1 = slope(net, x, y)
        k2 = slope(add(net, step / 2, k1), x, y)
        k3 = slope(add(net, step / 2, k2), x, y)
        k4 = slope(add(net, step, k3), x, y)
        total = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
        return add(net, step, total)

    return jax.lax.fori_loop(0, steps, advance, net)


def timed(call: Any) -> tuple[Any, float]:
    """Result and seconds, waiting for it."""
    start = time.perf_counter()
    result = jax.block_until_ready(call())
    return result, time.perf_counter() - start


def distance(outputs: Any, reference: Any) -> float:
    """Relative distance of outputs."""
    return float(np.linalg.norm(np.asarray(outputs - reference)) / np.linalg.norm(reference))


def measure(activation: str) -> list[dict[str, Any]]:
    """All rows of one activation."""
    net, x, y, radius = problem(activation)
    ts = np.array([CHECK, LAST]) / radius

    def flow(rtol: float, solver: str) -> Any:
        return nets.gradient_flow(net, x, y, ts, rtol=rtol, solver=solver)

    reference = flow(REFERENCE[activation], "exponential").fitted
    fixed = runge_kutta(net, x, y, 1 / radius, int(CHECK))(x)
    print(f"{activation}: reference and fixed steps differ by {distance(reference[0], fixed):.1e}")

    descend(net, x, y, 2 / radius, 1)
    trained, seconds = timed(lambda: descend(net, x, y, 2 / radius, DESCENT_STEPS))
    count = round(LAST / 2)
    descent = seconds / DESCENT_STEPS * count
    rows: list[dict[str, Any]] = [
        {
            "activation": activation,
            "method": "gradient descent (time extrapolated)",
            "gradients": count,
            "jacobians": 0,
            "seconds": descent,
            "finite": bool(np.isfinite(trained(x)).all()),
            "reference_check": distance(reference[0], fixed),
        }
    ]
    for (name, solver), tolerances in TOLERANCES.items():
        if name != activation:
            continue
        _, first = timed(lambda solver=solver: flow(0.3, solver).fitted)
        for rtol in tolerances:
            run, seconds = timed(lambda rtol=rtol, solver=solver: flow(rtol, solver))
            rows.append(
                {
                    "activation": activation,
                    "method": solver,
                    "rtol": rtol,
                    "gradients": run.status.gradients,
                    "jacobians": run.status.jacobians,
                    "seconds": seconds,
                    "first_call_seconds": first,
                    "error": distance(run.fitted[1], reference[1]),
                    "error_early": distance(run.fitted[0], reference[0]),
                    "fewer_gradients": count / run.status.gradients,
                    "faster": descent / seconds,
                }
            )
    return rows


def report(rows: list[dict[str, Any]]) -> None:
    """One line a row."""
    for row in rows:
        cost = f"{row['gradients']:>7} gradients {row['jacobians']:>5} Jacobians"
        line = f"{row['activation']} {row['method']:<38}{cost} {row['seconds']:8.2f} s"
        if "error" in row:
            line += f"  rtol {row['rtol']:.0e}  error {row['error']:.1e}  {row['faster']:.0f} x"
            if row["jacobians"] == 0:
                line += f"  {row['fewer_gradients']:.0f} times fewer gradients"
        print(line, flush=True)


def main() -> None:
    """Measure, print, write."""
    start = machine("numpy", "jax")
    rows: list[dict[str, Any]] = []
    for activation in ("tanh", "relu"):
        part = measure(activation)
        report(part)
        rows += part
    settings = {"width": WIDTH, "samples": SAMPLES, "t lambda_max": LAST, "reference": REFERENCE}
    write("gradient_flow", start, settings, rows)


if __name__ == "__main__":
    main()
